"""How patient the dashboard's server is with a connection: uvicorn has no deadline for the head of a request, nor for a client
that takes nothing of its answer.

Of connections that have asked for nothing yet, each has a few seconds; where there are many, the one that waits longest
is let go, so that nobody who is quick is kept out by those who are slow.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_WAITING = 64  # well below uvicorn's limit for all that is open, at which it answers 503


def patient_for(head_seconds: float, stall_seconds: float) -> type[asyncio.Protocol]:
    """The protocol of one server. It cuts a connection whose request has no whole head after so many seconds, and one that
    takes nothing of what was written to it for so many."""
    waiting: dict[Any, None] = {}  # those with no whole head yet, the longest first

    class Patient(H11Protocol):
        _late: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()
            if len(waiting) > MOST_WAITING:
                next(iter(waiting))._let_go()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._look()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._look()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait_no_longer()
            self._watch_no_longer()
            super().connection_lost(exc)

        # -- heads

        def _look(self) -> None:
            """Wait for the rest of what is asked; between two requests uvicorn's own timer runs, until something comes."""
            is_answering = self.cycle is not None and not self.cycle.response_complete
            is_idle = self.timeout_keep_alive_task is not None and not self.conn.trailing_data[0]
            if is_answering or is_idle:
                self._wait_no_longer()
            else:
                self._wait()

        def _wait(self) -> None:
            if self._late is None:
                waiting[self] = None
                self._late = self.loop.call_later(head_seconds, self._let_go)

        def _wait_no_longer(self) -> None:
            waiting.pop(self, None)
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _let_go(self) -> None:
            self._wait_no_longer()
            self.connections.discard(self)
            self.transport.abort()

        # -- answers

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._watch_no_longer()
            self._watch()

        def _watch(self) -> None:
            """See to it that what was written is taken."""
            unread = self.transport.get_write_buffer_size()
            if unread and self._stalled is None:
                self._stalled = self.loop.call_later(stall_seconds, self._look_again, unread)

        def _watch_no_longer(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

        def _look_again(self, unread: int) -> None:
            self._stalled = None
            if self.transport.get_write_buffer_size() >= unread:
                self._let_go()
            else:
                self._watch()

    return Patient
