"""Sessions of the dashboard against other ports, squatters and replays, with a real browser and another Unix user."""

import contextlib
import json
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from chromium import free_port, until
from helpers import NOW_MS, Home
from served_dashboard import PAGES, Served, go_on, serving
from tachograph.server.sessions import DOWNLOAD_MS, FRESH_MS, MAX_SESSIONS, Sessions, browser_name
from tachograph.ui.dashboard.protocol import MARKS, PAGE_KEY, ROWS, WHOLE

# A server of somebody else: it answers every request with a page and prints the head of each.
STRANGER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(json.dumps([self.path, {k.lower(): v for k, v in self.headers.items()}]), flush=True)
        self.send_response(200); self.send_header("content-type", "text/html"); self.end_headers()
        self.wfile.write(b"<p>hello</p>")
    do_POST = do_GET
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
DATA = ("/api/now", "/api/sources", "/api/totals", "/export/messages.csv", "/live")


@pytest.fixture
def own(home: Home) -> Iterator[Served]:
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    go_on(home, 2)
    with serving(home) as served:
        yield served


@contextlib.contextmanager
def stranger(port: int, heads: Path) -> Iterator[None]:
    """A server of another Unix user where this is possible, else of ours; the heads that it gets are in a file."""
    python = "/usr/bin/python3"
    if not os.path.exists(python):
        pytest.skip("/usr/bin/python3 is not here: another user cannot run ours")
    user = {"user": "nobody"} if os.getuid() == 0 and _has_user("nobody") else {}
    with heads.open("wb") as file:
        command = [python, "-I", "-c", STRANGER, str(port)]
        server = subprocess.Popen(command, stdout=file, cwd="/", env={"PATH": "/usr/bin"}, **user)  # type: ignore[call-overload]
        try:
            yield
        finally:
            server.terminate()
            server.wait(60)


def _has_user(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_uid != 0
    return False


def _heads(path: Path) -> list[tuple[str, dict[str, str]]]:
    return [(where, head) for where, head in map(json.loads, path.read_text().splitlines())]


def _opens_nothing(served: Served, headers: dict[str, str]) -> None:
    """Nothing that reads, changes or streams answers to these headers."""
    for path in DATA:
        assert served.ask(path, headers=headers).status == 401, path
    for page in PAGES:
        for wanted in (WHOLE, MARKS, ROWS):
            assert served.ask(page, headers={**headers, wanted: "0"}).status == 401, page
        assert "$" not in served.ask(page, headers=headers).text
    before = served.state()
    actions = (
        {"do": "source", "name": "oauth", "value": "on"},
        {"do": "alarms", "value": "off"},
        {"do": "download", "name": "messages.csv"},
    )
    for action in actions:
        given = {**headers, "Content-Type": "application/json", "Origin": served.origin}
        assert served.ask("/do", "POST", json.dumps(action).encode(), headers=given).status == 401
    assert served.state() == before


def test_a_browser_that_visits_another_port_gives_away_nothing_that_opens(
    own: Served, chromium: Browser, tmp_path: Path
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(own.link)
    page.wait_for_selector("html[data-ready]")
    assert own.home.report("daily")["totals"]["messages"] == 2
    port, heads = free_port(), tmp_path / "heads"
    with stranger(port, heads):
        other = context.new_page()
        until(lambda: _visits(other, f"http://127.0.0.1:{port}/"))
        assert other.evaluate("localStorage.length") == 0
    _, head = next((path, head) for path, head in _heads(heads) if path == "/")
    assert own.keys.cookie in head["cookie"]  # the browser does send it there
    assert PAGE_KEY not in head
    _opens_nothing(own, {"Cookie": head["cookie"]})
    context.close()


def _visits(page: object, address: str) -> bool:
    with contextlib.suppress(Exception):
        page.goto(address)  # type: ignore[attr-defined]
        return True
    return False


def test_a_squatter_on_our_port_gets_nothing_that_works_after_the_next_start(
    own: Served, chromium: Browser, tmp_path: Path
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(own.link)
    page.wait_for_selector("html[data-ready]")
    own.stop()
    heads = tmp_path / "heads"
    with stranger(own.keys.port, heads):
        until(lambda: any(PAGE_KEY in head for _, head in _heads(heads)), 30, "the open tab did not try again")
    stolen = next(head for _, head in _heads(heads) if PAGE_KEY in head)
    assert own.keys.cookie in stolen["cookie"]
    own.start()
    _opens_nothing(own, {"Cookie": stolen["cookie"], PAGE_KEY: stolen[PAGE_KEY]})
    context.close()


def test_replayed_secrets_die_at_the_next_start(own: Served) -> None:
    replayed = own.session_headers
    token = {"Authorization": f"Bearer {own.keys.api}"}
    assert own.ask("/api/now", headers=replayed).status == own.ask("/api/now", headers=token).status == 200
    own.stop()
    own.start()
    _opens_nothing(own, replayed)
    _opens_nothing(own, token)
    stored = b"".join(path.read_bytes() for path in own.home.data.rglob("*") if path.is_file())
    assert own.session.cookie.encode() not in stored and own.session.key.encode() not in stored


def test_a_session_is_listed_and_ends_when_it_is_revoked(own: Served) -> None:
    mine, headers = own.session, own.session_headers
    own.sign_in()
    other = own.session_headers
    text = own.get("/settings").text
    assert text.count('data-do="revoke"') == 2 and text.count("this one") == 1
    assert mine.cookie not in text and mine.key not in text
    ids = [part.partition('"')[0] for part in text.split('data-do="revoke" data-name="')[1:]]
    for id in ids:
        if own.ask("/api/now", headers=headers).status == 200:
            own.ask(
                "/do",
                "POST",
                json.dumps({"do": "revoke", "name": id, "value": "on"}).encode(),
                headers={**other, "Content-Type": "application/json", "Origin": own.origin},
            )
    assert own.ask("/api/now", headers=headers).status == 401


def test_consent_to_a_source_with_a_sign_in_needs_a_fresh_link(own: Served) -> None:
    consent = {"do": "source", "name": "oauth", "value": "on"}
    own.sign_in()
    own.clock._now_ms = NOW_MS + FRESH_MS + 1000
    before = own.state()
    refused = own.do(consent)
    assert refused.status == 403 and "tachograph dashboard" in refused.json["message"]
    assert own.state() == before
    own.sign_in()
    assert own.do(consent).status == 200
    own.clock._now_ms = NOW_MS + 3 * 3_600_000
    assert own.do({**consent, "value": "off"}).status == 200  # taking it back needs nothing more


def test_an_address_of_a_download_works_once(own: Served) -> None:
    address = own.do({"do": "download", "name": "messages.csv"}).json["address"]
    assert own.ask(address.replace("messages", "sessions")).status == 401
    assert own.ask(address).status == 401  # a try at another file used it up
    address = own.do({"do": "download", "name": "messages.csv"}).json["address"]
    assert own.ask(address).status == 200
    assert own.ask(address).status == 401


def test_sessions_are_bounded_and_grow_old() -> None:
    sessions = Sessions()
    first = sessions.open("Firefox on Linux", 0)
    assert sessions.find([first.cookie], [first.key], 1) is not None
    assert sessions.find([first.cookie], ["x"], 1) is None
    assert sessions.find(["x", first.cookie], [first.key], 1) is not None
    for n in range(MAX_SESSIONS):
        sessions.open("Chrome", 10 + n)
    assert sessions.find([first.cookie], [first.key], 100) is None
    assert len(sessions.all(100)) == MAX_SESSIONS
    assert sessions.all(10**12) == ()
    token = sessions.offer_download("/export/a.csv", 0)
    assert not sessions.take_download(token, "/export/a.csv", DOWNLOAD_MS + 1)
    assert "secret" not in repr(first) and first.key not in repr(first)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("curl/8", "A browser"),
    ],
)
def test_browsers_have_short_names(agent: str, name: str) -> None:
    assert browser_name(agent) == name
