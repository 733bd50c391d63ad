"""Deadlines of the dashboard's connections: uvicorn has none for the head of a request, nor for a client that reads nothing.

A connection without a request has a few seconds. If there are many of them, the one that waits longest is cut: slow
clients cannot keep quick ones out.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_WAITING = 64  # well below uvicorn's limit for all that is open, at which it answers 503


def timeout_protocol(head_seconds: float, stall_seconds: float) -> type[asyncio.Protocol]:
    """The protocol of one server. It cuts a connection without a whole head after `head_seconds`, and one that reads
    nothing of its answer for `stall_seconds`."""
    waiting: dict[Any, None] = {}  # without a whole head, the oldest first

    class TimeoutProtocol(H11Protocol):
        _late: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            _send_at_once(transport)
            self._wait()
            if len(waiting) > MOST_WAITING:
                next(iter(waiting))._cut()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._update()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._update()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            self._stop_watching()
            super().connection_lost(exc)

        # -- heads

        def _update(self) -> None:
            """Wait for the rest of a request; between two requests uvicorn's own timer runs."""
            is_answering = self.cycle is not None and not self.cycle.response_complete
            is_idle = self.timeout_keep_alive_task is not None and not self.conn.trailing_data[0]
            if is_answering or is_idle:
                self._stop_waiting()
            else:
                self._wait()

        def _wait(self) -> None:
            if self._late is None:
                waiting[self] = None
                self._late = self.loop.call_later(head_seconds, self._cut)

        def _stop_waiting(self) -> None:
            waiting.pop(self, None)
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _cut(self) -> None:
            self._stop_waiting()
            self.connections.discard(self)
            self.transport.abort()

        # -- answers

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._stop_watching()
            self._watch()

        def _watch(self) -> None:
            """Cut the connection if the client does not read its answer."""
            unread = self.transport.get_write_buffer_size()
            if unread and self._stalled is None:
                self._stalled = self.loop.call_later(stall_seconds, self._check_progress, unread)

        def _stop_watching(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

        def _check_progress(self, unread: int) -> None:
            self._stalled = None
            if self.transport.get_write_buffer_size() >= unread:
                self._cut()
            else:
                self._watch()

    return TimeoutProtocol


def _send_at_once(transport: Any) -> None:
    """Send the body of an answer without waiting until the client has confirmed its head: asyncio asks for that only on
    sockets that were made with a protocol number, and a client on a kept connection waits 40 ms before it confirms."""
    plug = transport.get_extra_info("socket")
    if plug is not None:
        with suppress(OSError):  # it was cut meanwhile
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
