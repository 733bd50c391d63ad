"""A small HTTP server on loopback, in a thread of its own: one answer to each connection, then it is closed.

Whatever a client does, it holds one socket for at most a few seconds: `HEAD_AND_BODY_SECONDS` are for all that it sends
(408 then), and of more than `MOST_CONNECTIONS` those that have sent least for longest are let go, so that nobody who is
quick is kept out by those who are slow. What a request asks for is decided from its head alone (guard.py); only then
its body is read.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import h11

from tachograph.server.loopback import bound
from tachograph.server.request_guard import Headers

HEAD_AND_BODY_SECONDS = 3.0
ANSWER_SECONDS = 15.0  # a ledger that somebody holds is waited for
MOST_CONNECTIONS = 8
_LARGEST_HEAD = 16 * 1024
_DRAIN_BYTES, _DRAIN_SECONDS = 256 * 1024, 0.5


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


class Head(NamedTuple):
    """A request before its body is read; `path` without its query."""

    method: str
    path: str
    headers: Headers


# From a head: an answer at once, or what makes one of the body (called in another thread, it may take its time).
Route = Callable[[Head], Answer | Callable[[bytes], Answer]]


class Listener:
    """Serves from construction until `stop`. OSError where the port is taken."""

    def __init__(self, port: int, route: Route) -> None:
        self._plug = bound(port)
        self.port = int(self._plug.getsockname()[1])
        self._route = route
        self._waiting: dict[asyncio.Task[None], None] = {}  # still being read, the oldest first
        self._busy = 0
        self._workers = ThreadPoolExecutor(1, "bridge-desk")  # the ledger has one writer anyway
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)
        self._thread.start()
        self._ready.wait(5.0)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Close the port and end; connections that are open are cut."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(5.0)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._plug, limit=_LARGEST_HEAD)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in list(self._waiting):
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is None:
            return
        if len(self._waiting) >= MOST_CONNECTIONS:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]  # now: its own turn comes later, and the next newcomer has to find another one
            oldest.cancel()
        self._waiting[task] = None
        try:
            await self._answered(task, reader, writer)
        except (asyncio.CancelledError, OSError):
            pass  # let go, or gone by itself
        finally:
            self._waiting.pop(task, None)
            writer.transport.abort()

    async def _answered(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Read a request and answer it."""
        wire = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        is_whole = False
        try:
            async with asyncio.timeout(HEAD_AND_BODY_SECONDS):
                made = await self._read(wire, reader)
            is_whole = wire.their_state is h11.DONE
            self._waiting.pop(task, None)  # it was quick enough, and is not let go any more
            if not isinstance(made, Answer):
                made = await self._worked_out(*made)
        except TimeoutError:
            made = Answer(503 if is_whole else 408, {"error": "That took too long."})
        except h11.RemoteProtocolError as error:
            made = Answer(error.error_status_hint, {"error": "That is no proper request."})
        if wire.their_state is h11.MUST_CLOSE and wire.our_state is h11.IDLE:
            return  # it hung up before it asked for anything
        async with asyncio.timeout(2.0):
            writer.write(_encoded(made))
            await writer.drain()
            writer.write_eof()
        if not is_whole:  # a socket that is closed with something unread takes the answer away with it
            async with asyncio.timeout(_DRAIN_SECONDS):
                for _ in range(_DRAIN_BYTES // 16384):
                    if not await reader.read(16384):
                        break

    async def _worked_out(self, answering: Callable[[bytes], Answer], body: bytes) -> Answer:
        """The answer of another thread; of so many that wait for theirs, no more."""
        if self._busy >= MOST_CONNECTIONS:
            return Answer(503, {"error": "Too many ask at once.", "retry": True})
        self._busy += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._loop.run_in_executor(self._workers, _safely, answering, body)
        finally:
            self._busy -= 1

    async def _read(
        self, wire: h11.Connection, reader: asyncio.StreamReader
    ) -> Answer | tuple[Callable[[bytes], Answer], bytes]:
        """The answer to a head, or what answers its body with the body."""
        answering: Callable[[bytes], Answer] | None = None
        body = bytearray()
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await reader.read(16384))
            elif isinstance(event, h11.Request):
                path = event.target.partition(b"?")[0].decode("latin-1")
                found = self._route(Head(event.method.decode("latin-1"), path, event.headers.raw_items()))
                if isinstance(found, Answer):
                    return found
                answering = found
            elif isinstance(event, h11.Data):
                body += event.data  # its length was said, and judged
            elif answering is not None:
                return answering, bytes(body)
            else:
                raise h11.RemoteProtocolError("no request")


def _safely(answering: Callable[[bytes], Answer], body: bytes) -> Answer:
    try:
        return answering(body)
    except Exception as error:  # noqa: BLE001 - the bridge goes on; the client is told no more than that
        return Answer(503, {"error": f"It could not be kept now ({type(error).__name__}).", "retry": True})


_PHRASES = {200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found"}
_PHRASES |= {408: b"Request Timeout", 421: b"Misdirected Request", 503: b"Service Unavailable"}


def _encoded(made: Answer) -> bytes:
    body = json.dumps(made.body, separators=(",", ":")).encode()
    head = (
        b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n"
        b"X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n\r\n"
    )
    return head % (made.status, _PHRASES.get(made.status, b"Refused"), len(body)) + body
