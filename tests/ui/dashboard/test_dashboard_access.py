"""Access to the dashboard: tickets, sessions, tokens, headers, and one envelope for all JSON routes."""

import json
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from chromium import free_port
from dashboard_pages import DOCS, EVERY, ROUTES
from helpers import NOW, Home, MovedClock
from served_dashboard import PAGES, SESSION, Served, go_on
from tachograph.paths import own_paths
from tachograph.server import access_keys
from tachograph.ui.dashboard.protocol import PAGE_KEY, WHOLE
from tachograph.ui.dashboard.server import LazyServer


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
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
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
        assert served.get(path).status in ((400,) if path == "/api/session" else (200, 404)), path
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
    waiting.join(60)
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
    missing = (
        ("/api/nothing", 404),
        ("/api/session?id=none", 404),
        ("/api/session", 400),
        ("/api/curves?days=none", 400),
    )
    for path, status in missing:
        answer = served.get(path)
        assert (answer.status, list(answer.json), answer.json["data"]) == (status, described, None)
        assert answer.json["error"]["message"]


def test_the_ledgers_version_changes_with_the_ledger_and_only_then(small: Served) -> None:
    first = small.get("/api/version").json["ledger"]
    assert {small.get("/api/version").json["ledger"] for _ in range(6)} <= {first}
    go_on(small.home)
    assert small.get("/api/version").json["ledger"] != first
