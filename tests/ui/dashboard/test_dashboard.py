"""The dashboard's server, asked as browsers and programs ask it: who may come in, one envelope, the same numbers as the
reports, and what it says when there is nothing, too much, or trouble."""

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, url2pathname, urlopen

import pytest

from chromium import free_port, until
from conftest import NOT_HERE
from helpers import NOW, NOW_MS, Home, MovedClock, command
from served_dashboard import PAGES, SESSION, Served, go_on, invented, serving
from tachograph.clock import Clock, FixedClock
from tachograph.demo import records
from tachograph.demo.scenarios import NAMES, scenario
from tachograph.ledger.limits import readings
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import AccountId, Limit, Reading
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.paths import own_paths
from tachograph.queries.estimates.scoring import Calibration, calibration
from tachograph.queries.limits.current import Now
from tachograph.queries.tray_state import tray_state
from tachograph.server import access_keys, launch_file
from tachograph.text.format import iso
from tachograph.ui.cli.context import system_context
from tachograph.ui.cli.demo.scenario import play
from tachograph.ui.dashboard import api, static_files
from tachograph.ui.dashboard.protocol import PAGE_KEY, WHOLE
from tachograph.ui.dashboard.server import LazyServer
from tachograph.ui.documents import now as now_surface
from tachograph.ui.tray.view import Environment, view

STATIC = Path(static_files.FOLDER)
DOCS = Path(__file__).parents[3] / "docs"
ROUTES = [f"/api/{name}" for name in api.ROUTES]
EVERY = [*PAGES, f"/sessions/{SESSION}", *ROUTES, f"/api/session?id={SESSION}", "/export/windows.csv", "/live"]


class Found(HTMLParser):
    """Elements of a page, and the exact values that it bears."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []  # what a person sees or hears of it
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.shown += [
            value or "" for name, value in attrs if name in ("title", "aria-label", "placeholder", "data-chart")
        ]

    def value(self, id: str) -> float:
        return float(next(attrs["data-value"] or "nan" for _, attrs in self.elements if attrs.get("id") == id))


@pytest.fixture
def small(home: Home) -> Iterator[Served]:
    """A home of a test's own, with nothing in it yet."""
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    with serving(home) as made:
        yield made


# -- who may come in -------------------------------------------------------------------------------------------


def test_without_a_token_a_page_is_a_frame_without_data(served: Served) -> None:
    for path in (*PAGES, f"/sessions/{SESSION}"):
        answer = served.ask(path)
        assert answer.status == 200
        assert "tachograph dashboard" in answer.text
        assert "shop" not in answer.text and "$" not in answer.text
        assert served.ask(path, headers={WHOLE: "yes"}).status == 401


@pytest.mark.parametrize("path", [path for path in EVERY if not path.startswith("/sessions/") and path not in PAGES])
def test_without_a_token_no_data_route_answers(served: Served, path: str) -> None:
    assert served.ask(path).status == 401
    session = served.session
    cookie, key = {"Cookie": f"{served.keys.cookie}={session.cookie}"}, {PAGE_KEY: session.key}
    for headers in (cookie, key, {**cookie, PAGE_KEY: "guess"}, {**key, "Cookie": f"{served.keys.cookie}=guess"}):
        assert served.ask(path, headers=headers).status == 401
    for other in session:  # both secrets of a session work in their own place alone
        assert served.ask(path, headers={"Authorization": f"Bearer {other}"}).status == 401


@pytest.mark.parametrize("path", EVERY)
def test_every_route_stands_behind_the_gate(served: Served, path: str) -> None:
    known = served.session_headers
    port = served.keys.port
    for host in ("evil.test", f"evil.test:{port}", "127.0.0.1:1", f"localhost.evil.test:{port}", "127.0.0.1"):
        assert served.ask(path, headers={**known, "Host": host}).status == 421, host
    for origin in ("http://evil.test", "null", f"http://127.0.0.1:{port + 1}", "chrome-extension://abcdef"):
        assert served.ask(path, headers={**known, "Origin": origin}).status == 403, origin
    for site in ("cross-site", "same-site"):
        frame = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        assert served.ask(path, headers={**known, **frame}).status == 403
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = served.ask(path, method, b"{}", headers={**known, "Content-Type": "application/json"})
        assert answer.status in (403, 405)
        assert not any(name.startswith("access-control-") for name in answer.headers)


def test_a_link_from_elsewhere_shows_the_frame_alone_even_with_a_cookie(served: Served) -> None:
    cookie = {"Cookie": served.session_headers["Cookie"]}
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", **cookie}
        answer = served.ask("/usage", headers=headers)
        assert answer.status == 200 and "shop" not in answer.text and "$" not in answer.text


def test_the_first_link_opens_however_long_its_browser_takes_to_come(home: Home) -> None:
    """The server behind the socket is made when somebody comes; links are good from when it was bound."""
    clock = MovedClock(NOW)
    known = access_keys.renew(own_paths(home.env), free_port())
    doorway = LazyServer(home.env, clock, known)
    try:
        ticket = known.ticket(clock.now_ms())
        clock.at += timedelta(seconds=20)
        headers = {"Host": f"127.0.0.1:{known.port}", "Content-Type": "application/json"}
        request = Request(f"http://127.0.0.1:{known.port}/enter", json.dumps({"ticket": ticket}).encode(), headers)
        with urlopen(request, timeout=20) as answer:  # noqa: S310 - our own server
            assert answer.status == 200
    finally:
        doorway.stop()


def test_a_ticket_opens_once_within_a_minute(served: Served) -> None:
    now = served.clock.now_ms()
    json_ = {"Content-Type": "application/json", "Origin": served.origin}

    def enter(ticket: str, **more: str) -> Any:
        return served.ask("/enter", "POST", json.dumps({"ticket": ticket}).encode(), headers={**json_, **more})

    ticket = served.keys.ticket(now)
    assert enter(ticket[:-1] + ("0" if ticket[-1] != "0" else "1")).status == 401
    assert enter(ticket, Origin="http://evil.test").status == 403
    assert enter(ticket, **{"Content-Type": "text/plain"}).status == 415
    first = enter(ticket)
    assert first.status == 200
    cookie = first.headers["set-cookie"]
    assert "httponly" in cookie.lower() and "samesite=strict" in cookie.lower() and "domain" not in cookie.lower()
    assert enter(ticket).status == 401
    assert enter(served.keys.ticket(now - 61_000)).status == 401  # also: it is from before this server began
    assert enter(served.keys.ticket(now + 60_000)).status == 401
    assert enter("x" * 1000).status == 401


@pytest.mark.parametrize(
    "told", ['{"ticket": "\\ud800.a.b"}', '{"do": "label", "name": "1", "value": "a\\udfffb"}', '[{"\\ud800": 1}]']
)
def test_text_that_is_no_text_is_refused_with_a_sentence(served: Served, told: str) -> None:
    headers = {"Content-Type": "application/json", "Origin": served.origin, **served.session_headers}
    for path in ("/enter", "/do"):
        answer = served.ask(path, "POST", told.encode(), headers=headers)
        assert answer.status == 422 and "half of a surrogate pair" in answer.text


def test_a_change_needs_both_secrets_of_a_session(served: Served) -> None:
    before = served.state()
    said = {"do": "alarms", "value": "off"}
    assert served.do(said, key="").status == 401
    assert served.do(said, key=served.session.cookie).status == 401
    assert served.do({"do": "delete", "value": "everything"}).status == 400
    assert served.do({"do": "source", "name": "cookies", "value": "on"}).status == 400
    assert served.do({"do": "lead", "name": "99", "value": "on"}).status == 404
    assert served.state() == before
    assert served.do(said).status == 200
    assert served.state() != before
    assert served.do({"do": "alarms", "value": "on"}).status == 200


def test_programs_come_with_their_token_and_cannot_change_anything(served: Served) -> None:
    bearer = {"Authorization": f"Bearer {served.keys.api}"}
    for path in ROUTES[:-1]:
        if path != "/api/session":
            assert served.ask(path, headers=bearer).status == 200, path
    assert served.ask("/usage", headers={**bearer, WHOLE: "yes"}).status == 401
    headers = {**bearer, "Content-Type": "application/json"}
    assert served.ask("/do", "POST", b'{"do":"alarms","value":"off"}', headers=headers).status == 401


def test_no_get_changes_anything(served: Served) -> None:
    before = served.state()
    for path in EVERY[:-1]:
        assert served.get(path).status in (200, 404), path
    for path in (
        "/do",
        "/enter",
        "/api/alarms",
        "/api/delete",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/etc/passwd",
    ):
        assert served.get(path).status in (404, 405), path
    assert served.state() == before


def test_every_answer_says_what_a_browser_may_do_with_it(served: Served) -> None:
    for path in ("/", "/usage", "/api/now", "/static/app.js", "/nothing", "/api/nothing"):
        headers = served.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert not any(name.startswith("access-control-") for name in headers)
    assert served.get("/usage").headers["cache-control"] == "no-store"


def test_a_body_that_never_comes_holds_nobody_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tachograph.ui.dashboard.bodies.BODY_SECONDS", 0.3)
    answers: list[int] = []

    def slow() -> None:
        headers = {"Content-Type": "application/json", "Content-Length": "2000", "Origin": served.origin}
        answers.append(served.ask("/enter", "POST", b'{"ticket":', headers=headers).status)

    waiting = threading.Thread(target=slow)
    waiting.start()
    assert served.get("/api/version").status == 200
    waiting.join(10)
    assert answers == [400]
    assert (
        served.ask(
            "/enter", "POST", b"{}", headers={"Content-Type": "application/json", "Content-Length": "9999999"}
        ).status
        == 413
    )


def test_the_keys_are_their_owners_alone(small: Served) -> None:
    path = Path(access_keys.path_of(own_paths(small.home.env)))
    assert path.stat().st_mode & 0o777 == 0o600
    assert small.keys.secret not in repr(small.keys)
    assert small.keys.secret != small.keys.api
    path.chmod(0o644)
    with pytest.raises(Exception, match="Other users may read"):
        access_keys.load(own_paths(small.home.env))


# -- one envelope ----------------------------------------------------------------------------------------------


def test_every_json_route_has_the_envelope_that_is_described(served: Served) -> None:
    text = (DOCS / "json.md").read_text(encoding="utf-8")
    section = text.split("\n## The dashboard's routes\n")[1].split("\n## ")[0]
    described = re.findall(r"^\| `(\w+)` \|", section.split("### The routes")[0], flags=re.MULTILINE)
    for path in ROUTES:
        answer = served.get(f"{path}?id={SESSION}" if path == "/api/session" else path)
        assert answer.status == 200, path
        assert list(answer.json) == described, path
        assert answer.json["format"] == 1 and answer.json["route"] == path and answer.json["error"] is None
        assert answer.json["ledger"]
        assert f"`{path}`" in section, path
        for key in answer.json["data"]:
            assert f"`{key}`" in section or f"`{key}`" in text, f"{path}: {key}"
    for path, status in (("/api/nothing", 404), ("/api/session?id=none", 404), ("/api/curves?days=none", 400)):
        answer = served.get(path)
        assert (answer.status, list(answer.json), answer.json["data"]) == (status, described, None)
        assert answer.json["error"]["message"]


def test_the_ledgers_version_changes_with_the_ledger_and_only_then(small: Served) -> None:
    first = small.get("/api/version").json["ledger"]
    assert {small.get("/api/version").json["ledger"] for _ in range(6)} <= {first}
    go_on(small.home)
    assert small.get("/api/version").json["ledger"] != first


# -- the same numbers ------------------------------------------------------------------------------------------


def _filters(served: Served) -> list[tuple[dict[str, str], list[str]]]:
    """Ranges and filters as the page has them, and the flags of the same reports."""
    made: list[tuple[dict[str, str], list[str]]] = []
    for range_, flags in (
        ({"range": "today"}, ["--last", "1"]),
        ({"range": "7d"}, ["--last", "7"]),
        ({}, ["--last", "30"]),
        ({"range": "all"}, []),
        ({"since": "2026-11-03", "until": "2026-11-09"}, ["--since", "2026-11-03", "--until", "2026-11-09"]),
    ):
        for narrowed, more in (
            ({}, []),
            ({"project": "/home/ada/code/shop"}, ["--project", "/home/ada/code/shop"]),
            ({"model": "claude-opus-5-5"}, ["--model", "claude-opus-5-5"]),
        ):
            made.append(({**range_, **narrowed}, [*flags, *more]))
    return made


def test_pages_and_routes_say_what_the_reports_say_for_every_filter(served: Served) -> None:
    home = served.home
    for asked, flags in _filters(served):
        query = urlencode(asked)
        wanted = home.report("daily", *flags)["totals"]
        assert served.data(f"/api/totals?{query}")["totals"] == wanted, asked
        page = Found(served.get(f"/usage?{query}").text)
        assert page.value("total-messages") == wanted["messages"]
        assert page.value("total-tokens") == sum(wanted["tokens"].values())
        if wanted["messages"]:
            assert page.value("total-cost") == wanted["cost_usd"]
        sessions = home.report("sessions", *flags)
        for report, along in (("models", "model"), ("projects", "project"), ("branches", "branch"), ("prs", "pr")):
            rows = home.report(report, *flags)
            assert served.data(f"/api/spend?along={along}&{query}")["rows"] == rows["rows"], (asked, along)
        data = served.data(f"/api/spend?along=session&by=model&{query}")
        assert data["totals"] == sessions["totals"]
        assert [row["session"] for row in data["rows"]] == [row["session"] for row in sessions["rows"]]


def test_rows_add_up_to_totals(served: Served) -> None:
    for query in ("", "range=all", "range=7d&model=claude-opus-5-5"):
        totals = served.data(f"/api/totals?{query}")["totals"]
        cost = totals["cost_usd"] or 0
        hours = [used for day in served.data(f"/api/hours?{query}")["days"] for used in day]
        assert sum(used["messages"] for used in hours) == totals["messages"]
        assert sum(used["cost_usd"] or 0 for used in hours) == pytest.approx(cost, abs=1e-9)
        for along in ("day", "project", "model", "branch", "session", "pr"):
            rows = served.data(f"/api/spend?along={along}&{query}")["rows"]
            assert sum(row["messages"] for row in rows) == totals["messages"]
            assert sum(row["cost_usd"] or 0 for row in rows) == pytest.approx(cost, abs=1e-9)
        pulls = served.data(f"/api/pulls?{query}")
        assert pulls["totals"] == totals
        assert sum(row["cost_usd"] or 0 for row in pulls["rows"]) == pytest.approx(cost, abs=1e-9)


def test_a_range_of_centuries_is_as_large_as_what_there_is(served: Served) -> None:
    whole = served.get("/usage?range=all").text
    for range_ in ("since=1000-01-01&until=9999-12-30", "since=1000-01-01", "until=9999-12-30"):
        for stack in ("model", "class"):
            text = served.get(f"/usage?{range_}&stack={stack}").text
            assert len(text) < len(whole) * 1.3, range_
        assert served.data(f"/api/totals?{range_}")["totals"] == served.data("/api/totals?range=all")["totals"]
    for range_ in ("since=1000-01-01&until=1000-02-01", "since=9990-01-01", "since=2030-01-01&until=2031-01-01"):
        answer = served.get(f"/usage?{range_}")
        assert answer.status == 200 and "data-version" in answer.text
        assert Found(answer.text).value("total-messages") == 0


def test_what_runs_is_known_without_reading_whole_sessions(small: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on(small.home, 2)
    agents = [
        records.assistant(f"a{n}", at=NOW - timedelta(minutes=ago), session=SESSION, agent=f"a{n}", input=7 + n)
        for n, ago in enumerate((1, 2, 90))
    ]
    alone = "5e551011-0000-4000-8000-00000000a10e"
    agents.append(records.assistant("b", at=NOW - timedelta(minutes=1), session=alone, agent="b", input=5))
    small.home.write("p/agents.jsonl", agents)
    small.home.ingest()

    def never(*_: object) -> None:
        raise AssertionError("a whole session was read")

    monkeypatch.setattr("tachograph.ledger.usage.sessions.turns", never)
    rows = {row["session"]: row for row in small.data("/api/running")["rows"]}
    assert (rows[SESSION]["context_tokens"], rows[SESSION]["agents"]) == (130_003, 2)
    assert (rows[alone]["context_tokens"], rows[alone]["agents"]) == (None, 1)


def test_a_branch_and_a_pull_request_narrow_as_their_rows_say(served: Served) -> None:
    row = next(row for row in served.data("/api/spend?along=pr&range=all")["rows"] if row["pr"])
    narrowed = served.data("/api/totals?" + urlencode({"range": "all", "pr": row["pr"]["url"]}))["totals"]
    assert narrowed["cost_usd"] == row["cost_usd"] and narrowed["messages"] == row["messages"]
    session = served.data("/api/spend?along=session&range=all")["rows"][0]
    narrowed = served.data(f"/api/totals?range=all&session={session['session']}")["totals"]
    assert narrowed["messages"] == session["messages"]
    assert served.data("/api/totals?range=all&branch=not-there")["totals"]["messages"] == 0


def test_spend_by_class_of_token_is_the_whole_and_worked_out_by_hand(small: Served) -> None:
    line = records.assistant(
        "one", at=NOW, model="claude-opus-5-5", input=1_000_000, output=100_000, cache_read=2_000_000
    )
    small.home.write("p/a.jsonl", [line])
    small.home.ingest()
    text = small.get("/usage?range=today&stack=class").text
    chart = json.loads(
        next(attrs["data-chart"] or "" for _, attrs in Found(text).elements if attrs.get("id") == "chart-spend")
    )
    sums = {one["label"]: sum(one["values"]) for one in chart["series"]}
    total = small.data("/api/totals?range=today")["totals"]["cost_usd"]
    assert sums["Output"] == pytest.approx(2.0)  # 0.1 M at 20 USD
    assert sum(sums.values()) == pytest.approx(total)


def test_what_caching_saved_is_worked_out_by_hand(small: Served) -> None:
    """A million tokens from the cache of a model at 4 USD, read at 0.20: 3.80 saved; 100,000 written for an hour at 8: 0.40."""
    line = records.assistant(
        "one", at=NOW, model="claude-opus-5-5", cache_read=1_000_000, cache_write_1h=100_000, input=0, output=0
    )
    small.home.write("p/a.jsonl", [line])
    small.home.ingest()
    found = small.data("/api/caching?range=today")
    assert found["saved_usd"] == pytest.approx(3.80 - 0.40)
    assert found["hit_rate"] == pytest.approx(1_000_000 / 1_100_000)


def test_how_chances_did_is_added_up_in_the_ledger_and_once_for_several_looks(
    small: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tachograph.ledger.estimates import forecasts

    def one_by_one(*_: object) -> list[forecasts.StoredForecast]:
        raise AssertionError("a row for every forecast that was ever made")

    asked: list[object] = []

    def counted(db: sqlite3.Connection) -> Calibration:
        asked.append(db)
        return calibration(db)

    monkeypatch.setattr(forecasts, "outcomes", one_by_one)
    monkeypatch.setattr("tachograph.ui.dashboard.pages.forecasts.calibration", counted)
    with small.home.ledger() as ledger, ledger.transaction() as db:
        for n in range(8):
            made = forecasts.StoredForecast(
                1, "five_hour", NOW_MS, NOW_MS - n * 900_000, 40.0, 0.72, 0.7, None, None, None, 1
            )
            forecasts.store(db, made)
        db.execute("UPDATE forecast SET hit = at % 2, scored_at = 1")
    for _ in range(3):
        shown = small.get("/limits").text
        assert "How 8 forecasts turned out" in shown
    assert len(asked) == 1
    assert re.search(r"5-hour: 1 window, \d+ % of them reached the limit; too few to judge", shown)  # each limit apart
    assert "Windows that reached it" in shown


def test_what_is_nobodys_is_in_no_window_and_is_said_to_be(small: Served) -> None:
    at = NOW - timedelta(minutes=10)
    small.home.write("p/a.jsonl", [records.assistant(name, at=at, session="S-nobody") for name in ("one", "two")])
    small.home.ingest()
    with small.home.ledger() as ledger, ledger.transaction() as db:
        limit = Limit("five_hour", "5-hour", "session", 40.0, NOW_MS + 3_600_000)
        readings.append(db, Strings(db), Reading("oauth", NOW_MS, account=AccountId("ada", "o"), limits=(limit,)))
    said = "2 messages of an unknown account are left out."
    assert said in small.get("/limits").text
    assert said in small.get("/sessions/S-nobody").text
    found = small.data("/api/windows")
    assert (found["unknown_account_messages"], found["windows"][0]["used"]["messages"]) == (2, 0)


def test_a_session_adds_up_with_its_subagents_and_tools(served: Served) -> None:
    row = next(row for row in served.data("/api/spend?along=session")["rows"] if row["session"] != SESSION)
    for id, cost in ((row["session"], row["cost_usd"]), (SESSION, None)):
        data = served.data(f"/api/session?id={id}")
        total = data["totals"]["cost_usd"]
        assert cost is None or total == pytest.approx(cost)
        assert sum(step["cost_usd"] or 0 for step in data["messages"]) == pytest.approx(total)
        assert data["messages"][-1]["so_far_usd"] == pytest.approx(total)
        assert sum(tool["cost_usd"] or 0 for tool in data["tools"]) <= total + 1e-9
    assert [tool["tool"] for tool in data["tools"]] == ["Bash"]  # the session at work calls nothing else
    assert data["tools"][0]["cost_usd"] == pytest.approx(total)


def test_the_tools_of_a_transcript_that_is_gone_are_unknown(small: Served) -> None:
    go_on(small.home)
    assert small.data(f"/api/session?id={SESSION}")["tools"]
    (small.home.projects / "-home-ada-code-shop" / f"{SESSION}.jsonl").unlink()
    assert small.data(f"/api/session?id={SESSION}")["tools"] is None
    assert "Tools: unknown" in small.get(f"/sessions/{SESSION}").text


def test_the_comparison_is_with_the_same_stretch_before(served: Served) -> None:
    home = served.home
    before = home.report("daily", "--since", "2026-11-03", "--until", "2026-11-09")["totals"]
    data = served.data("/api/totals?since=2026-11-10&until=2026-11-16")
    assert data["before"] == before


# -- addresses -------------------------------------------------------------------------------------------------


def test_an_address_says_the_whole_view_and_nonsense_in_it_is_passed_over(served: Served) -> None:
    text = served.get(
        "/usage?range=7d&project=/home/ada/code/shop&model=claude-opus-5-5&compare=off&stack=project"
    ).text
    assert "Last 7 days · /home/ada/code/shop · opus-5-5" in re.sub(r"<[^>]+>", "", text)
    for query in (
        "range=never",
        "since=never",
        "stack=x&measure=y&sort=z",
        "project=" + "x" * 5000,
        "a=b" * 500,
        "range=%00",
        "since=2026-12-01&until=2026-01-01",
    ):
        answer = served.get(f"/usage?{query}")
        assert answer.status == 200, query


# -- nothing, much, trouble ------------------------------------------------------------------------------------


def test_an_empty_ledger_says_on_every_page_what_will_appear(small: Served) -> None:
    words = {
        "/": "No reading of your limits yet",
        "/usage": "Numbers appear here as soon as",
        "/sessions": "Sessions appear with their first answer",
        "/pulls": "Pull requests appear when",
        "/limits": "appear with the first reading",
        "/settings": "No account yet",
    }
    for path, said in words.items():
        text = small.get(path).text
        assert said in text, path
        assert 'class="trouble"' not in text, path


def test_a_locked_ledger_is_read_and_a_damaged_one_is_said(small: Served) -> None:
    go_on(small.home)
    with sqlite3.connect(small.home.data / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "$" in small.get("/usage").text
        assert small.do({"do": "alarms", "value": "off"}).status == 503
        other.execute("ROLLBACK")
    small.stop()
    ledger = small.home.data / "ledger.sqlite3"
    for beside in small.home.data.glob("ledger.sqlite3-*"):
        beside.unlink()
    ledger.write_bytes(ledger.read_bytes()[:4096] + b"\xa5" * (ledger.stat().st_size - 4096))
    small.start()
    for path in (*PAGES, "/api/totals"):
        answer = small.get(path)
        assert "damaged" in answer.text, path
        assert "tachograph doctor" in answer.text


def test_three_thousand_sessions_come_in_parts(small: Served) -> None:
    lines = [
        records.assistant(
            f"m{n}", at=NOW, session=f"{n:08d}-0000-4000-8000-000000000000", cwd="/home/ada/code/shop", output=100
        )
        for n in range(3000)
    ]
    small.home.write("p/many.jsonl", lines)
    small.home.ingest()
    page = small.get("/sessions?sort=name").text
    assert page.count('id="chunk-') == 50
    assert page.count('<tr id="s-') == 60
    assert len(page) < 150_000
    part = small.get("/sessions?sort=name", x_tachograph_rows="49").text
    assert 'id="s-00002999-0000-4000-8000-000000000000"' in part or part.count('<tr id="s-') == 60
    assert small.get("/sessions?find=00001234").text.count('<tr id="s-') == 1


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</table></main><iframe src=//evil.test>",
    '=HYPERLINK("http://evil.test")',
    "\x1b]0;owned\x07\x9b31m",
    "\u202egnp.exe",
    "{{ 7*7 }}{% raw %}",
)


@pytest.fixture
def hostile(small: Served) -> Served:
    """Names from elsewhere that try to be more than names: projects, titles, branches, models, pull requests."""
    for n, name in enumerate(HOSTILE):
        id = f"{n:08d}-0000-4000-8000-000000000000"
        where: dict[str, Any] = {"session": id, "cwd": f"/home/ada/{name}", "branch": name}
        lines: list[Any] = [
            records.user(name, at=NOW, **where),
            records.assistant(f"m{n}", at=NOW, model=f"claude-{name}", **where),
        ]
        lines += [
            records.title(name, session=id),
            records.pr_link(n + 1, url=f"javascript:alert({n})//{name}", repository=name, session=id),
        ]
        small.home.write(f"p/{n}.jsonl", lines)
    small.home.ingest()
    return small


def test_names_from_elsewhere_stay_names(hostile: Served) -> None:
    sessions = [row["session"] for row in hostile.data("/api/spend?along=session")["rows"]]
    for path in (
        *PAGES,
        "/usage?stack=branch",
        "/usage?stack=session",
        f"/sessions/{sessions[0]}",
        "/usage?find=%3Cimg%20src=x%3E&project=%3Cb%3E",
    ):
        text = hostile.get(path).text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", "".join(Found(text).shown)), path
        for tag, attrs in Found(text).elements:
            assert tag not in ("img", "iframe", "object", "embed", "b"), path
            assert tag != "script" or (attrs.get("src") or "").startswith("/static/"), path
            assert not any(name.startswith("on") or name == "style" for name in attrs), (path, attrs)
            href = attrs.get("href") or ""
            assert not href.lower().lstrip().startswith(("javascript:", "//", "data:")), (path, href)
        assert "49{% raw" not in text


def test_cells_of_an_export_are_no_formulas_and_programs_get_names_as_they_are(hostile: Served) -> None:
    rows = list(csv.DictReader(io.StringIO(hostile.get("/export/messages.csv").body.decode(), newline="")))
    assert len(rows) == len(HOSTILE)
    assert any(row["branch"] == "'" + HOSTILE[5] for row in rows)
    for row in rows:
        assert not any(str(cell)[:1] in ("=", "+", "@", "\t", "\r") for cell in row.values())
    lines = [json.loads(line) for line in hostile.get("/export/messages.jsonl").body.splitlines()]
    assert {line["branch"] for line in lines} == set(HOSTILE)


# -- export ----------------------------------------------------------------------------------------------------


def test_an_export_holds_everything_in_every_form(served: Served, tmp_path: Path) -> None:
    home = served.home
    totals = home.report("daily")["totals"]
    home.call("export", "all", "--format", "jsonl", "--to", str(tmp_path / "out"))
    read = {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in (tmp_path / "out").iterdir()
    }
    assert set(read) == {"messages", "sessions", "readings", "windows"}
    assert len(read["messages"]) == totals["messages"]
    assert sum(row["cost_usd"] or 0 for row in read["messages"]) == pytest.approx(totals["cost_usd"])
    assert sum(row["messages"] for row in read["sessions"]) == totals["messages"]
    for what, lines in read.items():
        rows = list(csv.DictReader(io.StringIO(home.run("export", what).stdout, newline="")))
        assert len(rows) == len(lines)
        assert list(rows[0]) == list(lines[0])
        assert served.get(f"/export/{what}.csv").text.splitlines() == home.run("export", what).stdout.splitlines()
    assert home.call("export", "windows", "--to", str(tmp_path / "w.csv")).code == 0
    with pytest.raises(Exception, match="already exists"):
        home.call("export", "windows", "--to", str(tmp_path / "w.csv"))


def test_parquet_says_the_same_as_csv(served: Served, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    served.home.call("export", "messages", "--format", "parquet", "--to", str(tmp_path / "m.parquet"))
    table = parquet.read_table(tmp_path / "m.parquet")
    rows = list(csv.DictReader(io.StringIO(served.home.run("export", "messages").stdout, newline="")))
    assert table.column_names == list(rows[0])
    assert table.column("output").to_pylist() == [int(row["output"]) for row in rows]
    assert str(table.schema.field("at").type) == "timestamp[ms, tz=UTC]"


# -- what comes with it ----------------------------------------------------------------------------------------


def test_vendored_libraries_are_what_their_list_says() -> None:
    listed = json.loads((STATIC / "vendor" / "vendor.json").read_text())
    there = {
        path.relative_to(STATIC / "vendor").as_posix() for path in (STATIC / "vendor").rglob("*") if path.is_file()
    }
    named = {"vendor.json"}
    for library in listed:
        assert library["version"] and library["licence"] and library["version"] in library["source"]
        assert (STATIC / "vendor" / library["licence_file"]).read_text().strip()
        named.add(library["licence_file"])
        for name, digest in library["files"].items():
            assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name
            named.add(name)
    assert there == named


def test_pages_load_nothing_from_elsewhere() -> None:
    for path in [*STATIC.rglob("*.js"), *STATIC.rglob("*.css"), *(STATIC.parent / "templates").iterdir()]:
        if "vendor" not in path.parts:
            for address in re.findall(r"(?:https?:)?//[a-z][^\s\"'`)]*", path.read_text(encoding="utf-8")):
                assert address.startswith(("https://claude.ai/settings/usage", "http://www.w3.org/", "https://')")), (
                    path.name,
                    address,
                )
        if path.suffix == ".html":
            assert " style=" not in path.read_text() and " onclick" not in path.read_text()


def test_the_page_is_light(served: Served) -> None:
    """At most 250 KB for any page with all that it loads, as it goes over the wire."""

    def wire(path: str) -> int:
        return len(served.get(path, accept_encoding="gzip").body)

    for path in (*PAGES, f"/sessions/{SESSION}"):
        shell = served.ask(path, headers={"Accept-Encoding": "gzip"}).body
        named = {
            attrs.get("src") or attrs.get("href") or ""
            for tag, attrs in Found(served.ask(path).text).elements
            if tag in ("script", "link")
        }
        modules = {f"/static/{one.relative_to(STATIC)}" for one in STATIC.rglob("*.js") if "vendor" not in one.parts}
        modules -= {name.partition("?")[0] for name in named}
        assert len(named) > 5 and len(modules) > 10
        assert len(shell) + wire(path) + sum(wire(one) for one in named | modules) < 250_000, path


# -- the command -----------------------------------------------------------------------------------------------


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


# -- every surface says the same ------------------------------------------------------------------------------

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
        assert demo.wait(20) == 0
        drain.join(5)
        os.close(leader)
    assert not list(home.root.glob("tachograph-demo-*"))


def _drained(terminal: int) -> None:
    with contextlib.suppress(OSError):  # it ends with the program
        while os.read(terminal, 65536):
            pass
