"""A small HTTP server on loopback, in its own thread: one answer per connection, then it closes.

A client holds a socket for a few seconds at most: all that it sends must arrive within `HEAD_AND_BODY_SECONDS` (else
408), and of more than `MAX_CONNECTIONS` the oldest unfinished ones are cut, so slow clients cannot keep quick ones out.
The head of a request alone decides (request_guard.py); only then its body is read.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import h11

from tachograph.server.loopback import listen
from tachograph.server.request_guard import Headers

HEAD_AND_BODY_SECONDS = 3.0
ANSWER_SECONDS = 15.0  # includes the wait for a ledger that another program holds
MAX_CONNECTIONS = 8
_MAX_HEAD = 16 * 1024
_DRAIN_BYTES, _DRAIN_SECONDS = 256 * 1024, 0.5


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


class Head(NamedTuple):
    """The head of a request; `path` without its query."""

    method: str
    path: str
    headers: Headers


# From a head: an answer at once, or a function that answers the body (called in another thread; it may take its time).
Route = Callable[[Head], Answer | Callable[[bytes], Answer]]


class HttpServer:
    """Serves from construction until `stop`. Raises OSError if the port is taken."""

    def __init__(self, port: int, route: Route) -> None:
        self._socket = listen(port)
        self.port = int(self._socket.getsockname()[1])
        self._route = route
        self._waiting: dict[asyncio.Task[None], None] = {}  # still being read, the oldest first
        self._busy = 0
        self._workers = ThreadPoolExecutor(1, "bridge-inbox")  # the ledger has one writer anyway
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)
        self._thread.start()
        self._ready.wait(5.0)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Close the port and cut open connections."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(5.0)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve_connection, sock=self._socket, limit=_MAX_HEAD)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in list(self._waiting):
            task.cancel()

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is None:
            return
        if len(self._waiting) >= MAX_CONNECTIONS:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]  # at once: it is cancelled later, and the next newcomer must find another one
            oldest.cancel()
        self._waiting[task] = None
        try:
            await self._answer(task, reader, writer)
        except (asyncio.CancelledError, OSError):
            pass  # cut by us or by the client
        finally:
            self._waiting.pop(task, None)
            writer.transport.abort()

    async def _answer(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Read a request and answer it."""
        wire = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        is_whole = False
        try:
            async with asyncio.timeout(HEAD_AND_BODY_SECONDS):
                made = await self._read(wire, reader)
            is_whole = wire.their_state is h11.DONE
            self._waiting.pop(task, None)  # it was quick enough, and is not cut any more
            if not isinstance(made, Answer):
                made = await self._work_out(*made)
        except TimeoutError:
            made = Answer(503 if is_whole else 408, {"error": "The request took too long."})
        except h11.RemoteProtocolError as error:
            made = Answer(error.error_status_hint, {"error": "This is not a valid HTTP request."})
        if wire.their_state is h11.MUST_CLOSE and wire.our_state is h11.IDLE:
            return  # it closed without a request
        async with asyncio.timeout(2.0):
            writer.write(_encode(made))
            await writer.drain()
            writer.write_eof()
        if not is_whole:  # closing a socket with unread bytes would discard the answer
            async with asyncio.timeout(_DRAIN_SECONDS):
                for _ in range(_DRAIN_BYTES // 16384):
                    if not await reader.read(16384):
                        break

    async def _work_out(self, answering: Callable[[bytes], Answer], body: bytes) -> Answer:
        """The answer of another thread, unless too many already wait for theirs."""
        if self._busy >= MAX_CONNECTIONS:
            return Answer(503, {"error": "Too many requests at once.", "retry": True})
        self._busy += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._loop.run_in_executor(self._workers, _safely, answering, body)
        finally:
            self._busy -= 1

    async def _read(
        self, wire: h11.Connection, reader: asyncio.StreamReader
    ) -> Answer | tuple[Callable[[bytes], Answer], bytes]:
        """The answer to a head, or the function that answers the body, and the body."""
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
                body += event.data  # its length was checked by the guard
            elif answering is not None:
                return answering, bytes(body)
            else:
                raise h11.RemoteProtocolError("no request")


def _safely(answering: Callable[[bytes], Answer], body: bytes) -> Answer:
    try:
        return answering(body)
    except Exception as error:  # noqa: BLE001 - the bridge goes on; the client is told no more than that
        return Answer(503, {"error": f"The readings could not be stored now ({type(error).__name__}).", "retry": True})


_PHRASES = {200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found"}
_PHRASES |= {408: b"Request Timeout", 421: b"Misdirected Request", 503: b"Service Unavailable"}


def _encode(made: Answer) -> bytes:
    body = json.dumps(made.body, separators=(",", ":")).encode()
    head = (
        b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n"
        b"X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n\r\n"
    )
    return head % (made.status, _PHRASES.get(made.status, b"Refused"), len(body)) + body
