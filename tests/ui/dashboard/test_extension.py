"""The extension in a real Chromium, claude.ai being the fake over TLS and the recorder the installed one."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chromium import (
    EXTENSION_ID,
    SHIPPED,
    Browser,
    certificate,
    code_of,
    free_port,
    limits_of,
    recorder,
    set_port,
    until,
)
from helpers import Home, MovedClock
from tachograph.demo.claude_web import ClaudeWeb, Organization, Person
from tachograph.demo.service import Service
from tachograph.ledger.storage.preferences import CONSENT, set_preference
from tachograph.paths import own_paths
from tachograph.recorder import daemon
from tachograph.recorder.extension_readings import CHROMIUM_ORIGIN, offer_code
from tachograph.recorder.poller import BASE
from tachograph.ui.cli.bridge_service import BridgeService

OTHER = Organization("0c0ffee0-0000-4000-8000-00000000000d", "Team", ("chat", "raven"), "default_raven", session=93.0)
PLAIN = Organization("0c0ffee0-0000-4000-8000-00000000000e", "API", ("api",), "auto_api_evaluation")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def web(files: tuple[str, str]) -> Iterator[ClaudeWeb]:
    with ClaudeWeb({"one": Person()}, certificate=files) as made:
        yield made


@pytest.fixture
def living(home: Home) -> Home:
    """A home whose clock runs, and whose bridge has a port of its own."""
    del home.env["TACHOGRAPH_NOW"]
    os.environ.pop("TACHOGRAPH_NOW", None)
    set_port(home, free_port())
    return home


@pytest.fixture
def chromium(tmp_path: Path, web: ClaudeWeb) -> Iterator[Browser]:
    with Browser(tmp_path / "profile", {"claude.ai:443": web.port}) as made:
        yield made


def refreshed(browser: Browser) -> None:
    """A person's click on Refresh, and what comes of it."""
    page = browser.popup()
    before = browser.stored("checkedAt")
    time.sleep(0.5)  # the recorder takes one post in half a second
    page.locator("#refresh").click()
    until(lambda: browser.stored("checkedAt") != before and page.locator("#refresh").is_enabled())
    page.close()


def test_the_id_is_the_one_that_the_bridge_knows() -> None:
    assert f"chrome-extension://{EXTENSION_ID}" == CHROMIUM_ORIGIN


def test_from_signing_in_to_a_revoked_pairing(chromium: Browser, web: ClaudeWeb, living: Home) -> None:
    # it works without the recorder, and says who is signed out
    until(lambda: chromium.stored("outcome") == "expired")
    until(lambda: "signed out" in chromium.badge()[1])  # shown a moment after it is stored, title last
    assert chromium.badge()[0] == "!"
    chromium.sign_in("one")
    refreshed(chromium)
    text, title = chromium.badge()
    assert text == "81" and "Fable week 81 %" in title and "mary@example.org" in title
    popup = chromium.popup()
    assert "Not paired" in popup.locator("#bridge").inner_text()
    rows = popup.locator("#accounts").inner_text()
    assert "mary@example.org · Ultra" in rows and "Extra usage $10.50 of $40.00" in rows and "next charge" in rows
    # names, cards and what is not shown were dropped before anything was stored
    stored = str(chromium.stored("accounts"))
    for word in ("Mary Example", "Organization'", "4242", "visa", "payment", "iguana_necktie_x", "member_dashboard"):
        assert word not in stored

    with recorder(living):
        assert chromium.pair("AAAA-BBBB-CCCC", popup).startswith(
            ("Tachograph's recorder does not answer", "No pairing")
        )
        code = code_of(living)
        assert "not the code" in chromium.pair("AAAA-BBBB-CCCC:" + code.partition(":")[2], popup)
        assert chromium.pair(code, popup) == ""
        assert "has the readings" in popup.locator("#bridge").inner_text()
        token = chromium.stored("pairing")["token"].encode()
        secrets = (token, code.partition(":")[0].encode(), b"sessionKey")
        assert not any(one in path.read_bytes() for path in living.data.rglob("*") if path.is_file() for one in secrets)
        (account,) = limits_of(living)
        five = account["limits"][0]
        assert (five["percent"], five["source"], five["state"]) == (37.0, "browser", "fresh")
        assert five["browser"].startswith("Chromium 1")
        assert account["label"] == "mary@example.org" and account["plan"] == "Ultra"
        assert account["subscription"]["status"] == "active"

        # a second organisation
        web.people["one"] = Person(organizations=(Organization(), OTHER, PLAIN))
        refreshed(chromium)
        assert {(a["plan"], a["limits"][0]["percent"]) for a in limits_of(living)} == {
            ("Ultra", 37.0),
            ("Team", 93.0),
        }
        assert chromium.badge()[0] == "93"
        assert popup.locator("section").count() == 2

        # what is left, instead of what is used
        popup.locator("#count").click()
        until(lambda: "63 % left" in popup.locator("#accounts").inner_text())
        until(lambda: chromium.badge()[0] == "7")
        popup.locator("#count").click()
        until(lambda: chromium.badge()[0] == "93")

        # a challenge is no sign-out, and the last numbers stay
        web.faults["*"] = "challenge"
        refreshed(chromium)
        text, title = chromium.badge()
        assert text == "!" and "Blocked by Cloudflare, try again" in title and "signed out of" not in title
        assert "37 %" in popup.locator("#accounts").inner_text()
        assert any("challenge page" in words for words in limits_of(living)[0]["problems"])

        # asked too often: it waits, whoever clicks
        web.faults["*"] = "429"
        refreshed(chromium)
        assert chromium.stored("outcome") == "limited"
        count = len(web.asked)
        popup.locator("#refresh").click()
        popup.wait_for_timeout(300)
        assert len(web.asked) == count
        assert "asked too often" in popup.locator("#trouble").inner_text()
        web.faults.clear()
        chromium.worker.evaluate("() => chrome.storage.local.remove('memory')")
        refreshed(chromium)
        assert chromium.stored("outcome") == "ok"

    # without the recorder it goes on by itself, and says so
    refreshed(chromium)
    assert chromium.stored("bridge")["state"] == "absent"
    assert "does not answer on this computer" in popup.locator("#bridge").inner_text()
    assert chromium.badge()[0] == "93"

    with recorder(living):
        # it is heard again, without pairing anew
        web.people["one"] = Person(organizations=(Organization(session=44.0),))
        until(lambda: "listens" in living.run("status").stdout)
        refreshed(chromium)
        assert chromium.stored("bridge")["state"] == "ok"
        by_plan = {one["plan"]: one for one in limits_of(living)}
        assert by_plan["Ultra"]["limits"][0]["percent"] == 44.0
        assert {limit["state"] for limit in by_plan["Team"]["limits"]} == {"stale"}

        # signed out
        chromium.sign_out()
        refreshed(chromium)
        assert "signed out" in chromium.badge()[1]
        words = next(one for one in limits_of(living) if one["plan"] == "Ultra")["problems"]
        assert any("signed out of claude.ai in that browser" in said for said in words)

        # revoked
        chromium.sign_in("one")
        living.run("pair", "--revoke", "chromium")
        before = living.db().execute("SELECT max(last_at) FROM reading WHERE outcome = 'ok'").fetchone()
        refreshed(chromium)
        assert chromium.stored("bridge")["state"] in ("revoked", "absent")
        assert living.db().execute("SELECT max(last_at) FROM reading WHERE outcome = 'ok'").fetchone() == before
        assert chromium.badge()[0] == "81"


def test_it_loads_without_a_warning(chromium: Browser) -> None:
    until(lambda: chromium.stored("outcome"))
    page = chromium.context.new_page()
    page.goto("chrome://extensions")
    script = "id => chrome.developerPrivate.getExtensionInfo(id)"
    info: dict[str, Any] = page.evaluate(script, EXTENSION_ID)
    assert info["name"] == "Tachograph" and info["state"] == "ENABLED"
    assert not info["manifestErrors"] and not info["runtimeErrors"] and not info.get("runtimeWarnings")
    assert not info.get("installWarnings")


def test_an_hour_in_steady_state(tmp_path: Path, files: tuple[str, str], home: Home) -> None:
    """Both clocks are moved a minute at a time; extension, bridge, recorder and both fakes are the real ones."""
    clock = MovedClock(datetime.now(UTC))
    set_port(home, free_port())
    home.sign_in("sk-ant-oat01-made-up", Organization().uuid, clock.at + timedelta(days=1))
    with ClaudeWeb({"one": Person()}, certificate=files) as web, Service(now=lambda: clock.at) as oauth:
        home.env[BASE] = oauth.base
        bridge = BridgeService(own_paths(home.env), clock)
        work = daemon.Recorder(own_paths(home.env), home.env, clock, lambda _: None)
        with home.ledger() as ledger, Browser(tmp_path / "profile", {"claude.ai:443": web.port}) as browser:
            with ledger.transaction() as db:
                set_preference(db, CONSENT + "oauth", "on", clock.now_ms())
            _step(work, bridge, ledger)
            assert len(oauth.seen) == 2  # who it is, and the usage
            browser.sign_in("one")
            code = offer_code(ledger, clock.now_ms())
            bridge.tick(ledger)
            _set_time(browser, clock)
            assert browser.pair(f"{code}:{home_port(home)}") == ""
            clock.at += timedelta(seconds=60)
            web.asked.clear()
            oauth.seen.clear()
            for _ in range(60):
                _set_time(browser, clock)
                _tick_to_the_end(browser)
                for _ in range(4):
                    _step(work, bridge, ledger)
                    clock.at += timedelta(seconds=15)
            counts = web.counts()
            assert sum(counts.values()) <= 80, counts
            assert 59 <= counts["usage"] <= 61, "one a minute; the browser's own clock may add or swallow one"
            assert oauth.seen == []
            assert browser.stored("bridge")["state"] == "ok"
        # the browser is closed: after 120 seconds without it the recorder asks by itself
        with home.ledger() as ledger:
            clock.at += timedelta(seconds=119 - 60)
            _step(work, bridge, ledger)
            assert oauth.seen == []
            clock.at += timedelta(seconds=2)
            _step(work, bridge, ledger)
            assert [seen.path for seen in oauth.seen][-1:] == ["/api/oauth/usage"]
        bridge.stop()


def home_port(home: Home) -> int:
    return int((home.data / "settings.toml").read_text().split("=")[1])


def _set_time(browser: Browser, clock: MovedClock) -> None:
    browser.worker.evaluate("now => { Date.now = () => now }", clock.now_ms())


def _tick_to_the_end(browser: Browser) -> None:
    browser.worker.evaluate(
        """async () => {
            chrome.alarms.onAlarm.dispatch({ name: "tick" })
            const isDone = async () => (await chrome.storage.local.get("bridge")).bridge?.at === Date.now()
            for (let n = 0; n < 500 && !(await isDone()); n++) await new Promise((then) => setTimeout(then, 10))
        }"""
    )


def _step(work: daemon.Recorder, bridge: BridgeService, ledger: Any) -> None:
    """What the recorder does at one step, and the answer to what it asked."""
    work.step(ledger)
    bridge.tick(ledger)
    work._poller.wait(10.0)
    work.step(ledger)


def test_a_program_that_holds_the_port_is_sent_nothing(chromium: Browser, web: ClaudeWeb, living: Home) -> None:
    """After a pairing somebody else takes the port: it is asked for a proof, cannot give it, and learns no more."""
    chromium.sign_in("one")
    with recorder(living):
        assert chromium.pair(code_of(living)) == ""
    token = chromium.stored("pairing")["token"]
    with _Stranger(home_port(living)) as stranger:
        refreshed(chromium)
        assert chromium.stored("bridge")["state"] == "stranger"
        assert chromium.badge()[0] == "!" and "Another program answers" in chromium.badge()[1]
        assert stranger.heard and all(b"/v1/hello" in one.split(b"\r\n")[0] for one in stranger.heard)
        assert not any(word in b"".join(stranger.heard) for word in (token.encode(), b"utilization", b"mary@"))
        said = living.run("pair", "--no-wait", code=1).stderr
        assert "is taken by another program" in said
        status = living.run("status").stdout
        assert f"port {home_port(living)} is taken" in status
        assert f"port {home_port(living)} is taken" in living.run("doctor", code=1).stdout
        living.run("stop")


class _Stranger:
    """Another program on the port: it says yes to everything, and keeps what it hears."""

    def __init__(self, port: int) -> None:
        import socketserver
        import threading

        heard: list[bytes] = []

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                heard.append(self.request.recv(65536))
                body = b'{"proof":"0000","pairing":"x","token":"y","kept":1}'
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                self.request.sendall(head % len(body) + body)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.heard = heard
        self._server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> "_Stranger":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_the_folder_that_is_handed_out_is_what_was_shipped(home: Home) -> None:
    from tachograph.ui.cli.extension import copied

    made = copied(own_paths(home.env))
    for name in ("background.js", "popup.html", "lib/claude.js", "icons/128.png"):
        for folder in made.values():
            assert (Path(folder) / name).read_bytes() == (SHIPPED / name).read_bytes()
    assert (Path(made["firefox"]) / "manifest.json").read_text() == (SHIPPED / "manifest.firefox.json").read_text()
    assert "Load unpacked" in home.run("pair", "--open", "--no-wait", env={"TACHOGRAPH_NOW": ""}).stdout
    home.run("stop")
