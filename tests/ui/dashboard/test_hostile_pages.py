"""B25: pages that a person may have open, in a real Chromium, against the bridge: no state changes, nothing is readable,
the meter keeps polling. The same attacks are let loose on a server that has no gate, so that it is seen that they arrive.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from chromium import LOCAL_CHECKS, Browser
from helpers import NOW, Home
from paired_browser import World, document
from tachograph.demo.service import Service
from tachograph.ledger.storage.preferences import CONSENT, set_preference
from tachograph.paths import own_paths
from tachograph.recorder import daemon
from tachograph.recorder.poller import BASE

# Everything a page can do by itself, against one port; returns what it could read of any answer.
ATTACK = """async ({ host, body }) => {
    const at = (path) => `http://${host}${path}`
    const read = []
    const wait = (ms) => new Promise((then) => setTimeout(then, ms))
    const attempt = async (name, doing) => {
        try {
            const made = await Promise.race([doing(), wait(1500)])
            if (made) read.push(`${name}: ${made}`)
        } catch {}
    }
    const seen = async (answer) => (answer.type === "opaque" ? "" : `${answer.status} ${await answer.text()}`)
    const json = { "content-type": "application/json" }
    const open = (more) => fetch(at("/v1/readings"), { method: "POST", body, ...more }).then(seen)
    await attempt("plain", () => open({ mode: "no-cors", headers: { "content-type": "text/plain" } }))
    await attempt("form", () => open({ mode: "no-cors", body: new URLSearchParams({ a: body }) }))
    await attempt("cookies", () => open({ mode: "no-cors", credentials: "include", keepalive: true }))
    await attempt("json", () => open({ headers: json }))
    await attempt("token", () => open({ headers: { ...json, authorization: "Bearer guessed" } }))
    await attempt("local", () => open({ mode: "no-cors", targetAddressSpace: "loopback" }))
    await attempt("get", () => fetch(at("/v1/readings"), { mode: "no-cors" }).then(seen))
    await attempt("get cors", () => fetch(at("/v1/readings")).then(seen))
    await attempt("pair", () => fetch(at("/v1/pair"), { method: "POST", body, mode: "no-cors" }).then(seen))
    await attempt("hello", () => fetch(at("/v1/hello"), { method: "POST", body, headers: json }).then(seen))
    await attempt("put", () => fetch(at("/v1/readings"), { method: "PUT", body }).then(seen))
    await attempt("xhr", () => new Promise((then) => {
        const asked = new XMLHttpRequest()
        asked.onloadend = () => then(asked.status ? `${asked.status} ${asked.responseText}` : "")
        asked.open("POST", at("/v1/readings"))
        asked.send(body)
    }))
    await attempt("beacon", async () => (navigator.sendBeacon(at("/v1/readings"), new Blob([body], { type: "text/plain" })), ""))
    await attempt("socket", () => new Promise((then) => {
        const made = new WebSocket(`ws://${host}/v1/readings`)
        made.onopen = () => then("opened")
        made.onerror = () => then("")
    }))
    await attempt("events", () => new Promise((then) => {
        const made = new EventSource(at("/v1/readings"))
        made.onopen = () => then("opened")
        made.onerror = () => (made.close(), then(""))
    }))
    const element = (tag, more) => new Promise((then) => {
        const made = Object.assign(document.createElement(tag), more)
        made.onload = () => then(tag === "iframe" ? "" : "loaded")
        made.onerror = () => then("")
        document.body.append(made)
    })
    await attempt("image", () => element("img", { src: at("/v1/readings") }))
    await attempt("script", () => element("script", { src: at("/v1/readings") }))
    await attempt("frame", () => element("iframe", { src: at("/v1/readings") }))
    const form = `<form method=post enctype=text/plain action="${at("/v1/readings")}"><input name='${body.slice(0, -1)},"x":"'
        value='"}'></form><script>document.forms[0].submit()</` + "script>"
    await attempt("form in a frame", () => element("iframe", { srcdoc: form }))
    await attempt("form in a sandbox", () => element("iframe", { srcdoc: form, sandbox: "allow-scripts allow-forms" }))
    await wait(300)
    return read
}"""


@contextmanager
def pages() -> Iterator[int]:
    """A server of hostile pages; below /public the browser is told to take them for pages of the internet."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            if self.path.startswith("/public"):
                self.send_header("Content-Security-Policy", "treat-as-public-address")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>hostile</title><body>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def without_a_gate() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """A server that takes everything from everybody, as a careless bridge does; its port, and what came."""
    came: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            came.append((self.command, self.headers.get("Content-Type", "")))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            for name in ("Origin", "Headers", "Methods"):
                self.send_header(f"Access-Control-Allow-{name}", "*")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_OPTIONS = do_PUT = _any

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1], came
        server.shutdown()


@pytest.fixture
def world(home: Home) -> Iterator[World]:
    made = World(home)
    yield made
    made.bridge.stop()


def test_B25_hostile_pages_change_nothing_and_read_nothing(world: World, tmp_path: Path) -> None:
    home, port = world.home, world.port
    forged = json.dumps(document(3.0), separators=(",", ":"))
    home.sign_in("sk-ant-oat01-made-up", "o", NOW + timedelta(days=1))
    with Service(now=lambda: world.clock.at) as oauth, pages() as evil, without_a_gate() as (open_port, came):
        home.env[BASE] = oauth.base
        work = daemon.Recorder(own_paths(home.env), home.env, world.clock, lambda _: None)
        with home.ledger() as ledger:
            with ledger.transaction() as db:
                set_preference(db, CONSENT + "oauth", "on", world.clock.now_ms())
            _polled(work, ledger)
        asked = len(oauth.seen)
        before = world.state()
        names = {"evil.test": evil, f"rebind.test:{port}": port}
        with Browser(tmp_path / "profile", names, extension=None, without=LOCAL_CHECKS) as browser:
            page = browser.context.new_page()
            for where in (f"http://127.0.0.1:{evil}/", "http://evil.test/", "http://evil.test/public"):
                page.goto(where)
                assert _attacked(page, f"127.0.0.1:{port}", forged) == []
                assert _attacked(page, f"localhost:{port}", forged) == []
            _rebound(page, port, forged)
            _posted_by_a_form(page, f"http://127.0.0.1:{evil}/", port, forged)
            _posted_by_a_form(page, "http://evil.test/public", port, forged)
            assert world.state() == before
            page.goto(f"http://127.0.0.1:{evil}/")
            assert len(_attacked(page, f"127.0.0.1:{open_port}", forged)) >= 5  # without a gate it is read, and written
            assert sum(method == "POST" for method, _ in came) >= 8
            assert ("POST", "text/plain") in came and any("json" in kind for _, kind in came)
        # the meter keeps polling, and still hears its browser
        world.clock.at += timedelta(minutes=40)
        with home.ledger() as ledger:
            _polled(work, ledger)
        assert len(oauth.seen) > asked
        now = world.clock.now_ms()
        assert world.ask(body={**document(observed_at=now), "sent_at": now}).status == 200


def _attacked(page: Page, host: str, body: str) -> list[str]:
    return list(page.evaluate(ATTACK, {"host": host, "body": body}))


def _rebound(page: Page, port: int, body: str) -> None:
    """A page of a name that led elsewhere when it was loaded, and leads to the bridge now: the same origin to it."""
    page.route("**/rebinding", lambda route: route.fulfill(body="<!doctype html><body>", content_type="text/html"))
    page.goto(f"http://rebind.test:{port}/rebinding")
    read = _attacked(page, f"rebind.test:{port}", body)
    assert read and all(": 421 " in one or one == "frame: " for one in read), read  # it may read that it is refused
    page.unroute("**/rebinding")


def _posted_by_a_form(page: Page, where: str, port: int, body: str) -> None:
    """A form in the page's own window, which no browser keeps from going to this machine."""
    page.goto(where)
    script = """([action, body]) => {
        const form = Object.assign(document.createElement("form"), { method: "post", enctype: "text/plain", action })
        form.append(Object.assign(document.createElement("input"), { name: body.slice(0, -1) + ',"x":"', value: '"}' }))
        document.body.append(form)
        form.submit()
    }"""
    with page.expect_navigation() as came:
        page.evaluate(script, [f"http://127.0.0.1:{port}/v1/readings", body])
    assert came.value is not None and came.value.status == 403


def _polled(work: daemon.Recorder, ledger: Any) -> None:
    work.step(ledger)
    work._poller.wait(10.0)
    work.step(ledger)
