"""`tachograph dashboard` and `demo` start the server, and every surface says the same as the page."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import pytest

from chromium import free_port, until
from conftest import NOT_HERE
from dashboard_pages import Found
from helpers import NOW, NOW_MS, Home, command
from served_dashboard import Served, go_on, invented, serving
from tachograph.clock import Clock, FixedClock
from tachograph.demo.scenarios import NAMES, scenario
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.paths import own_paths
from tachograph.queries.limits.current import Now
from tachograph.queries.tray_state import tray_state
from tachograph.server import access_keys, launch_file
from tachograph.text.format import iso
from tachograph.ui.cli.context import system_context
from tachograph.ui.cli.demo.scenario import play
from tachograph.ui.dashboard.protocol import PAGE_KEY, WHOLE
from tachograph.ui.documents import now as now_surface
from tachograph.ui.tray.view import Environment, view


def test_the_command_starts_the_recorder_and_gives_a_link_that_works(home: Home) -> None:

    port = free_port()
    invented_env = {"TACHOGRAPH_NOW": str(int(time.time() * 1000))}
    home.env.update(invented_env)
    go_on(home)
    try:
        link = home.run("dashboard", "--no-open", "--port", str(port)).stdout.strip()
        assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/#t=\d+\.[\w-]+\.[0-9a-f]{{64}}", link)
        assert f"Dashboard: listens at http://127.0.0.1:{port}" in home.run("status").stdout
        known = access_keys.load(own_paths(home.env))
        assert known is not None and known.port == port
        client = Served.__new__(Served)
        client.home, client.keys, client.clock, client.signed_in = (
            home,
            known,
            FixedClock(int(time.time() * 1000)),
            None,
        )
        token = home.run("dashboard", "--token").stdout.strip()
        assert client.ask("/api/version", headers={"Authorization": f"Bearer {token}"}).status == 200
        old = known
        home.run("dashboard", "--no-open", "--new-keys")
        known = access_keys.load(own_paths(home.env))
        assert known is not None
        client.keys = known
        assert client.get("/api/version").status == 200
        assert client.ask("/api/version", headers={"Authorization": f"Bearer {old.api}"}).status == 401
        assert token not in (home.data / "recorder.log").read_text()
        assert link.split("t=")[1] not in (home.data / "recorder.log").read_text()
        home.run("dashboard", "--off")
    finally:
        home.run("stop")


@pytest.mark.skipif(os.name != "posix", reason=NOT_HERE)
def test_the_link_is_in_no_command_line_and_the_file_that_leads_to_it_goes(small: Served) -> None:
    from tachograph.ui.cli import dashboard

    said = small.home.root / "opened"
    browser = small.home.root / "browser"
    browser.write_text(f"#!/bin/sh\nprintf '%s' \"$1\" > '{said}'\n")
    browser.chmod(0o755)
    code = "import os, sys; from tachograph.ui.cli import dashboard as d; from tachograph.server import access_keys; from tachograph.paths import own_paths; paths = own_paths(os.environ); print(d.open_browser(paths, access_keys.load(paths), sys.stdin.read(), os.environ))"

    def open_(ticket: str, browser: Path) -> str:
        env = {**small.home.env, "BROWSER": str(browser)}
        done = subprocess.run(
            [sys.executable, "-c", code], input=ticket, env=env, capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip() + done.stderr

    def files() -> list[Path]:
        return sorted(small.home.data.glob("open-*"))

    paths = own_paths(small.home.env)
    ticket = small.keys.ticket(small.clock.now_ms())
    assert open_(ticket, browser) == "True"
    (leads,) = files()
    assert said.read_text() == leads.as_uri() and leads.stat().st_mode & 0o777 == 0o600
    assert f'url={dashboard.address(small.keys)}#t={ticket}"' in leads.read_text()
    launch_file.sweep(paths, Clock())
    assert files() == [leads]  # its minute is not over
    headers = {"Content-Type": "application/json", "Origin": small.origin}
    assert small.ask("/enter", "POST", json.dumps({"ticket": ticket}).encode(), headers=headers).status == 200
    assert files() == []
    for end in (small.stop, small.start):  # what was left over
        open_(small.keys.ticket(small.clock.now_ms()), browser)
        assert len(files()) == 1
        end()
        assert files() == []
    open_(small.keys.ticket(small.clock.now_ms()), browser)
    os.utime(files()[0], (time.time() - 61, time.time() - 61))
    launch_file.sweep(paths, Clock())
    assert files() == []


def test_a_port_that_somebody_holds_is_said_loudly(home: Home) -> None:
    import socket

    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        try:
            done = home.run("dashboard", "--no-open", "--port", str(port), code=None)
            assert done.code != 0
            assert f"another program holds port {port}" in done.stderr
            assert "#t=" not in done.stdout
        finally:
            home.run("stop")


def test_the_demo_serves_its_home_and_a_session_goes_on(home: Home, tmp_path: Path) -> None:
    from tachograph.ui.cli.context import system_context
    from tachograph.ui.cli.demo import life

    made = invented(tmp_path / "demo", days=3)
    before = made.totals()["messages"]
    context = system_context()._replace(env=made.env, clock=FixedClock(NOW_MS))
    (made.root / ".claude").exists()
    life.go_on(str(made.root), context, answers=2, every=0.0)
    assert made.totals()["messages"] == before + 2


def test_a_desk_reads_a_ledger_that_was_replaced(small: Served) -> None:
    go_on(small.home, 2)
    assert small.data("/api/totals")["totals"]["messages"] == 2
    saved = small.home.data / "saved.sqlite3"
    small.home.call("backup", str(saved))
    go_on(small.home, 3)
    assert small.data("/api/totals")["totals"]["messages"] == 5
    small.home.call("restore", "--yes", str(saved))
    assert small.data("/api/totals")["totals"]["messages"] == 2


_BADGE = """
import { badge } from %s;
const chunks = []; for await (const chunk of process.stdin) chunks.push(chunk);
const { saved, now } = JSON.parse(Buffer.concat(chunks));
console.log(JSON.stringify(badge(saved, now)));
"""


def _badge(now: Now) -> Any:
    """What the extension's badge shows of an account that claude.ai says the same of; None without node."""
    if shutil.which("node") is None:
        return None
    account = now.accounts[0]
    limits = [
        {
            "kind": limit.group,
            "group": limit.group,
            "percent": limit.percent,
            "resets_at": iso(limit.resets_at),
            "scope": {"model": {"display_name": limit.scope}} if limit.scope else None,
        }
        for limit in account.limits
        if limit.percent is not None
    ]
    usage = {
        "limits": limits,
        **{
            key: {"utilization": limit.percent, "resets_at": iso(limit.resets_at)}
            for key in ("five_hour", "seven_day")
            if (limit := account.limit(key))
        },
    }
    saved = {
        "accounts": [{"label": account.label, "usage": usage, "at": now.at, "observedAt": now.at}],
        "outcome": "ok",
    }
    code = _BADGE % json.dumps((Path(__file__).parents[3] / "extension" / "lib" / "badge.js").as_uri())
    done = subprocess.run(
        ["node", "--input-type=module", "-e", code],
        input=json.dumps({"saved": saved, "now": now.at}),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_tray_now_status_line_badge_and_page_say_the_same(home: Home, name: str) -> None:
    empty = home.root / "empty"
    empty.mkdir()
    home.env["CLAUDE_CONFIG_DIR"] = str(empty)
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    calendar = Calendar(*parsed_zone("UTC"))
    context = system_context()._replace(env=home.env, clock=FixedClock(0))
    compared = 0
    for played in play(scenario(name, NOW), context):
        now = played.now
        with serving(home, now.at) as served:
            page = Found(served.get("/").text)
            document = served.data("/api/now")
        shown = {attrs["data-source"]: attrs for _, attrs in page.elements if attrs.get("data-source")}
        rows = [attrs for _, attrs in page.elements if "data-percent" in attrs]
        limits = document["accounts"][0]["limits"]
        assert document["headline"] == now_surface.title(now, "medium")
        assert len(rows) == len(limits) == len(now.accounts[0].limits) and shown
        for row, limit, said in zip(rows, limits, now.accounts[0].limits, strict=True):
            assert (row["data-percent"] or None) == (None if said.percent is None else str(said.percent))
            assert row["data-source"] == limit["source"] == said.source
            assert row["data-observed"] == limit["observed_at"] == iso(said.observed_at)
            assert limit["percent"] == said.percent
            assert limit["age_seconds"] == said.age_ms(now.at) // 1000
        five = now.accounts[0].limit("five_hour")
        with home.ledger() as ledger:
            menu = view(tray_state(ledger.db, load({})[0], calendar, now.at), Environment(), calendar)
        assert menu.plain_title.replace(" ▲", "").replace(" ■", "") == now_surface.title(now, "medium")
        if five is not None and five.percent is not None:
            number = f"{round(five.percent)} %"
            assert f"5h {number}" in played.line and f"5h {number.replace(' ', '')}" in menu.plain_title
            assert any(number in (row["aria-label"] or "") for row in rows)
            compared += 1
        pressing = now_surface.pressing(now)
        if pressing is not None and pressing.state in ("fresh", "wall") and (made := _badge(now)) is not None:
            assert made["text"] == str(round(pressing.percent or 0))
    assert compared >= 3


@pytest.mark.skipif(os.name != "posix", reason=NOT_HERE)
def test_the_demo_opens_its_page_on_a_terminal_and_nowhere_else(home: Home) -> None:
    import pty

    said = home.root / "opened"
    browser = home.root / "browser"
    browser.write_text(f"#!/bin/sh\nprintf '%s' \"$1\" > '{said}'\n")
    browser.chmod(0o755)
    env = {"BROWSER": str(browser), "TMPDIR": str(home.root), "TERM": "dumb"}
    assert "recorder" not in home.run("demo", "--days", "3", env=env).stdout
    assert "$ tachograph" in home.run("demo", "--days", "3", "--no-open", env=env).stdout
    assert not said.exists()
    real = {name: value for name, value in home.env.items() if name != "TACHOGRAPH_NOW"}
    leader, follower = pty.openpty()
    demo = subprocess.Popen(
        [command(), "demo", "--days", "3"], env={**real, **env}, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    drain = threading.Thread(target=_drained, args=(leader,), daemon=True)
    drain.start()
    try:
        until(said.exists, 60, "no browser was opened")
        given = said.read_text()  # what every user of this computer can see
        assert given.startswith("file:///") and "#t=" not in given
        leads = Path(url2pathname(given.removeprefix("file://")))
        assert leads.stat().st_mode & 0o777 == 0o600
        link = re.findall(r'href="([^"]+)"', leads.read_text())[0]
        port = int(re.findall(r":(\d+)/#t=", link)[0])
        client = Served.__new__(Served)
        client.home = home
        ticket = json.dumps({"ticket": link.split("#t=")[1]}).encode()
        client.keys = access_keys.Keys("x" * 64, port, "none")
        headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
        entered = client.ask("/enter", "POST", ticket, headers=headers)
        assert entered.status == 200 and not leads.exists()
        session = {"Cookie": entered.headers["set-cookie"].partition(";")[0], PAGE_KEY: entered.json["page_key"]}

        def messages() -> int:
            answer = client.ask("/api/totals?range=all", headers=session)
            return int(answer.json["data"]["totals"]["messages"])

        first = messages()
        until(lambda: messages() > first, 30, "no session goes on")
        page = client.ask("/", headers={**session, WHOLE: "yes"}).text
        assert "ada@example.org" in page and "active session" in page
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
        drain.join(5)
        os.close(leader)
    assert not list(home.root.glob("tachograph-demo-*"))


def _drained(terminal: int) -> None:
    with contextlib.suppress(OSError):  # it ends with the program
        while os.read(terminal, 65536):
            pass
