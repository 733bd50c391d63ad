"""The live stream: one event whenever the ledger has changed, and one from time to time."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tachograph.errors import LedgerError
from tachograph.workspace.pool import LedgerPool

CHECK_SECONDS = 1.0  # between two looks at the ledger
TICK_SECONDS = 20.0  # numbers age and windows reset without a write
MAX_STREAMS = 24


class LiveNews:
    """The open streams of a server. `stopping` ends them."""

    def __init__(self, pool: LedgerPool, stopping: asyncio.Event) -> None:
        self._pool, self._stopping = pool, stopping
        self._open = 0

    def answer(self, request: Request) -> Response:
        """A stream, or a refusal if too many are open."""
        if self._open >= MAX_STREAMS:
            return PlainTextResponse("Too many pages are open. Close some.\n", 503)
        return StreamingResponse(self._events(request), media_type="text/event-stream")

    async def _events(self, request: Request) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            yield b"retry: 1500\n\n"
            last, sent_at = "", 0.0
            while not self._stopping.is_set() and not await request.is_disconnected():
                kind, version = await self._version()
                if version != last or time.monotonic() - sent_at >= TICK_SECONDS:
                    data = json.dumps({"version": version, "at": self._pool.now_ms()})
                    yield f"event: {kind}\ndata: {data}\n\n".encode()
                    last, sent_at = version, time.monotonic()
                try:
                    await asyncio.wait_for(self._stopping.wait(), CHECK_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self._open -= 1

    async def _version(self) -> tuple[str, str]:
        """The kind of the next event and the ledger's version, or the problem with it."""
        loop = asyncio.get_running_loop()
        try:
            return "news", await loop.run_in_executor(self._pool.executor, self._pool.refresh)
        except LedgerError as trouble:
            return "trouble", f"! {trouble.message}"
