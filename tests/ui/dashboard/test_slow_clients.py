"""Clients that are slow, or mean it: what they hold of the dashboard is let go, and whoever is quick is answered meanwhile."""

import contextlib
import socket
import time
from collections.abc import Generator, Iterator

import pytest

from chromium import until
from helpers import Home
from served_dashboard import Served, go_on, serving
from tachograph.workspace.pool import MAX_EXPORTS, LedgerPool

QUARTER_MB = b"x" * (1 << 18)


@pytest.fixture
def own(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server of a test's own that loses patience sooner, with an export that is larger than what a socket holds."""
    monkeypatch.setattr("tachograph.ui.dashboard.streaming.STALL_SECONDS", 3.0)
    monkeypatch.setattr("tachograph.ui.dashboard.server.HEAD_SECONDS", 1.0)
    monkeypatch.setattr("tachograph.ui.dashboard.export.chunks", _large)
    home.data.mkdir(mode=0o700, exist_ok=True)
    go_on(home)
    with serving(home) as made:
        yield made


looking: list[int] = []


def _large(pool: LedgerPool, what: str, form: str) -> Generator[bytes, None, None]:
    with pool.snapshot():
        looking.append(1)
        try:
            for _ in range(400):
                yield QUARTER_MB
        finally:
            looking.pop()


def _sent(served: Served, said: str) -> socket.socket:
    plug = socket.create_connection(("127.0.0.1", served.keys.port), timeout=10)
    plug.sendall(said.encode())
    return plug


def _asked(served: Served, path: str) -> str:
    secrets = "".join(f"{name}: {value}\r\n" for name, value in served.session_headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.keys.port}\r\n{secrets}\r\n"


def _has_ended(plug: socket.socket) -> bool:
    """Whether the other side has let go, so far as one sees without reading what it sent."""
    plug.settimeout(0.0)
    with contextlib.suppress(BlockingIOError):
        try:
            return plug.send(b" ") == 0
        except OSError:
            return True
    return False


def test_exports_that_nobody_reads_hold_nothing_up_and_end(own: Served) -> None:
    with contextlib.ExitStack() as held:
        plugs = [held.enter_context(_sent(own, _asked(own, "/export/readings.jsonl"))) for _ in range(MAX_EXPORTS)]
        until(lambda: len(looking) == MAX_EXPORTS, 60, "the exports did not begin")
        more = own.get("/export/readings.jsonl")
        assert more.status == 503 and "when one of them is done" in more.text
        for path in ("/", "/api/now", "/usage"):
            assert own.get(path).status == 200
        assert len(looking) == MAX_EXPORTS  # all the while
        until(lambda: not looking, 60, "an export that nobody reads still holds its look at the ledger")
        until(lambda: all(map(_has_ended, plugs)), 60, "a connection that takes nothing is still there")
        assert len(own.get("/export/readings.jsonl").body) == 400 * len(QUARTER_MB)


def test_an_export_that_is_read_slowly_comes_whole(own: Served) -> None:
    with _sent(own, _asked(own, "/export/readings.jsonl").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")) as plug:
        got, began = 0, time.monotonic()
        while data := plug.recv(1 << 20):
            got += len(data)
            if time.monotonic() - began < 4.0:  # longer than the server waits for whoever takes nothing
                time.sleep(0.1)
        assert got > 400 * len(QUARTER_MB)


def test_half_a_head_is_let_go_and_many_of_them_keep_nobody_out(own: Served) -> None:
    half = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{own.keys.port}\r\n"
    with contextlib.ExitStack() as held:
        for _ in range(2):
            plugs = [held.enter_context(_sent(own, half)) for _ in range(205)]
            assert own.get("/").status == 200  # at once
        own_end = [plugs[-1], held.enter_context(_sent(own, ""))]
        for plug in own_end:
            plug.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert plug.recv(100) == b""
        assert own.get("/api/now").status == 200


def test_a_head_that_comes_in_drips_and_a_body_that_nobody_asked_for_have_no_longer(own: Served) -> None:
    host = f"Host: 127.0.0.1:{own.keys.port}\r\n"
    for begun in (f"GET / HTTP/1.1\r\n{host}X: ", f"POST / HTTP/1.1\r\n{host}Content-Length: 4000\r\n\r\n"):
        with _sent(own, begun) as plug:
            end = time.monotonic() + 8
            with contextlib.suppress(OSError):
                while time.monotonic() < end:
                    plug.sendall(b"x")
                    time.sleep(0.1)
            assert time.monotonic() < end, begun


def test_a_connection_between_two_requests_lives_on(own: Served) -> None:
    with _sent(own, _asked(own, "/static/app.js")) as plug:
        assert plug.recv(1 << 16).startswith(b"HTTP/1.1 200")
        time.sleep(1.5)  # longer than a head may take
        plug.sendall(_asked(own, "/api/version").encode())
        answer = b""
        while b'"format"' not in answer:
            data = plug.recv(1 << 16)
            assert data, "it was closed"
            answer += data
