"""Background processes on Windows' own Python: recorder, autostart in the registry, dashboard and extension over loopback."""

import contextlib
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tachograph.demo import records, usage_shapes
from tachograph.demo.records import assistant
from tachograph.recorder.extension_readings import compute_proof, key_of
from wine import PYTHON, Commands, WindowsHome, run, until

RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
ORIGIN = "chrome-extension://" + "a" * 32


@pytest.fixture
def live(home: WindowsHome) -> WindowsHome:
    """A home whose clock runs."""
    del home.env["TACHOGRAPH_NOW"]
    (home.claude / "projects" / "p").mkdir()
    (home.claude / "projects" / "p" / "a.jsonl").write_bytes(records.dump([assistant("one")]))
    return home


def is_running(home: WindowsHome) -> bool:
    return bool(home.quick("status", "--json", code=None).json["running"])


def test_the_recorder_starts_beats_and_stops(live: WindowsHome) -> None:
    assert live.run("status", code=1).stdout
    assert live.run("start").stdout
    state = live.quick("status", "--json").json
    assert state["running"] and state["process"]["pid"] > 0
    assert "already running" in live.run("start").stdout
    live.run("stop")
    assert not is_running(live)
    assert "Traceback" not in (live.data / "recorder.log").read_text()


def test_the_recorder_counts_what_is_written_while_it_runs(live: WindowsHome) -> None:
    live.run("start")
    path = live.claude / "projects" / "p" / "a.jsonl"
    with path.open("ab") as file:
        file.write(records.dump([assistant("two")]))
    until(lambda: live.quick("daily", "--no-ingest", "--json").json["totals"]["messages"] == 2, "second message")


def test_a_recorder_that_was_killed_is_noticed_and_started_again(live: WindowsHome) -> None:
    live.run("start")
    pid = live.quick("status", "--json").json["process"]["pid"]
    live.python(f"import os, signal; os.kill({pid}, signal.SIGTERM)")
    until(lambda: not is_running(live), "end of the recorder")
    live.run("start")
    assert live.quick("status", "--json").json["process"]["pid"] != pid


def test_the_recorder_in_the_foreground_says_what_it_does_and_ends_when_it_is_stopped(live: WindowsHome) -> None:
    from wine import COMMAND, Collected, start

    process = start([str(COMMAND), "start", "--foreground"], live.env)
    assert process.stdout and process.stderr
    out, err = Collected(process.stdout), Collected(process.stderr)
    until(lambda: is_running(live), "recorder")
    live.run("stop")
    process.wait(30)
    assert "recorder has started" in out.text() + err.text()


def registry(home: WindowsHome) -> str:
    return run(["reg", "query", RUN_KEY], home.env).stdout


def test_autostart_writes_programs_without_a_console_into_the_registry(home: WindowsHome) -> None:
    before = registry(home)
    assert "Tachograph" not in before
    home.run("autostart", "on")
    try:
        lines = [line for line in registry(home).splitlines() if "Tachograph" in line]
        assert len(lines) == 2 and all("pythonw.exe" in line for line in lines)
        assert home.quick("autostart", "--json").json["is_on"]
        # the command of the key starts the recorder
        command = next(line for line in lines if "recorder" in line).partition("REG_SZ")[2].strip()
        assert "start --foreground" in command
    finally:
        home.run("autostart", "off")
    assert "Tachograph" not in registry(home)
    assert not home.quick("autostart", "--json").json["is_on"]


def test_the_command_of_the_registry_starts_the_recorder_without_any_stream(live: WindowsHome) -> None:
    from wine import start

    windowless = str(PYTHON.with_name("pythonw.exe"))
    process = start([windowless, "-P", "-m", "tachograph", "start", "--foreground"], live.env)
    try:
        until(lambda: is_running(live), "recorder")
        live.run("stop")
        assert process.wait(30) is not None
    finally:
        process.kill()


def test_autostart_without_the_tray(home: WindowsHome) -> None:
    home.quick("autostart", "on", "--no-tray")
    try:
        state = home.quick("autostart", "--json").json
        assert state["is_on"] and not state["tray"]["is_on"]
    finally:
        home.quick("autostart", "off")


def test_a_notification_is_sent(live: WindowsHome) -> None:
    assert "sent" in live.run("alarms", "test").stdout


# -- dashboard -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(
    display: str, windows_commands: Commands, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WindowsHome, int, str]]:
    """A home whose recorder serves the dashboard; its port and token."""
    home = WindowsHome(tmp_path_factory.mktemp("served"), display, windows_commands)
    del home.env["TACHOGRAPH_NOW"]
    (home.claude / "projects" / "p").mkdir()
    (home.claude / "projects" / "p" / "a.jsonl").write_bytes(records.dump([assistant("one")]))
    home.run("dashboard", "--no-open")
    token = home.run("dashboard", "--token").stdout.strip()
    port = json.loads((home.data / "dashboard.json").read_text())["port"]
    until(lambda: _is_open(port), "dashboard")
    yield home, port, token
    home.run("stop")


def _is_open(port: int) -> bool:
    with contextlib.suppress(OSError):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/")
        connection.getresponse()
        return True
    return False


def get(port: int, path: str, token: str | None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("route", ["now", "curves", "running", "totals", "spend", "spend?by=project", "caching", "hours", "pulls", "limits", "windows", "sources", "places?q=p", "version"])  # fmt: skip
def test_a_route_of_the_dashboard_answers(served: tuple[WindowsHome, int, str], route: str) -> None:
    _, port, token = served
    status, body = get(port, f"/api/{route}", token)
    document: dict[str, Any] = json.loads(body)
    assert status == 200 and document["error"] is None and document["data"] is not None


@pytest.mark.parametrize("token", [None, "wrong"])
def test_the_dashboard_refuses_others(served: tuple[WindowsHome, int, str], token: str | None) -> None:
    assert get(served[1], "/api/now", token)[0] in (401, 403)


def test_the_dashboard_counts_the_message(served: tuple[WindowsHome, int, str]) -> None:
    _, port, token = served
    until(
        lambda: json.loads(get(port, "/api/totals?range=all", token)[1])["data"]["totals"]["messages"] == 1, "message"
    )


@pytest.mark.parametrize("kind", ["messages", "sessions", "readings", "windows"])
def test_an_export_of_the_dashboard_is_served(served: tuple[WindowsHome, int, str], kind: str) -> None:
    status, body = get(served[1], f"/export/{kind}.csv", served[2])
    assert status == 200 and b"," in body.splitlines()[0]


# -- extension -------------------------------------------------------------------------------------------------------


def post(port: int, path: str, body: object, **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    given = {"Content-Type": "application/json", "Origin": ORIGIN, "Sec-Fetch-Site": "none", **headers}
    connection.request("POST", path, json.dumps(body), given)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


def test_a_browser_is_paired_posts_a_reading_and_is_revoked(live: WindowsHome) -> None:
    from datetime import UTC, datetime

    from chromium import ORIGIN as EXTENSION
    from chromium import free_port

    port = free_port()
    live.data.mkdir(exist_ok=True)
    (live.data / "settings.toml").write_text(f"bridge_port = {port}\n")
    code = next(
        line.split()[1] for line in live.run("pair", "--no-wait").stdout.splitlines() if line.startswith("Code")
    )
    code = code.split(":")[0]
    until(lambda: _is_open(port), "listener")
    nonce = secrets.token_hex(16)
    key = key_of(code)
    status, body = post(port, "/v1/pair/hello", {"nonce": nonce}, Origin=EXTENSION)
    assert (status, body) == (200, {"proof": compute_proof(key, "bridge", nonce)})
    asked = {"nonce": nonce, "proof": compute_proof(key, "browser", nonce), "browser": "Chromium 156"}
    status, body = post(port, "/v1/pair", asked, Origin=EXTENSION)
    assert status == 200
    now = int(time.time() * 1000)
    account = {
        "account": "5ca1ab1e-0000-4000-8000-00000000000a",
        "organization": "5ca1ab1e-0000-4000-8000-00000000000b",
        "label": "ada@example.org",
        "plan": {"type": "claude_max", "tier": "default_claude_max_20x"},
        "observed_at": now,
        "outcome": "ok",
        "usage": usage_shapes.payload("2026-10", datetime.now(UTC), session=37.0),
    }
    reading = {"version": 1, "sent_at": now, "browser": "Chromium 156", "outcome": "ok", "accounts": [account]}
    bearer = {"Authorization": f"Bearer {body['token']}", "Origin": EXTENSION}
    assert post(port, "/v1/readings", reading, **bearer)[0] == 200
    assert post(port, "/v1/readings", reading, Authorization="Bearer other", Origin=EXTENSION)[0] == 401
    limits = live.quick("now", "--json").json["accounts"][0]["limits"]
    assert next(one for one in limits if one["key"] == "five_hour")["percent"] == 37
    assert len(live.quick("pair", "--list", "--json").json["pairings"]) == 1
    live.run("pair", "--revoke", "all")
    assert live.quick("pair", "--list", "--json").json["pairings"] == []


def test_the_extension_is_handed_out(live: WindowsHome) -> None:
    live.run("pair", "--open", "--no-wait")
    for name in ("chromium/manifest.json", "firefox/manifest.json"):
        assert json.loads((live.data / "extension" / name).read_text(encoding="utf-8"))["manifest_version"] == 3


def test_programs_of_the_system_are_found(home: WindowsHome) -> None:
    code = "from tachograph.processes import find_program\nimport os\nprint(find_program('reg', os.environ))"
    assert home.python(code).stdout.strip().lower().endswith("reg.exe")
