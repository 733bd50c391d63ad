"""Long answers piece by piece: made in one thread, sent as a client reads them."""

import asyncio
import contextlib
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import Executor

from starlette.requests import Request

STALL_SECONDS = 10.0  # without progress of the reader; then the answer is cut off
GZIP_LEVEL = 4  # higher levels cost more than loopback gains
_MAX_AHEAD = 32  # pieces that wait for the reader


class Stalled(Exception):
    """The client no longer reads the answer."""


async def stream(
    make: Callable[[], Generator[bytes, None, None]],
    executor: Executor,
    stopping: asyncio.Event,
    on_end: Callable[[], None] = lambda: None,
) -> AsyncIterator[bytes]:
    """The pieces of a generator, run from start to end in one thread: its ledger snapshot belongs to that thread.

    The thread waits for a slow reader and raises `Stalled` after STALL_SECONDS without progress. `on_end` is called when
    the thread is free again.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
    taken, is_abandoned = 0, False

    def put(item: bytes | BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def wait_for_reader(given: int) -> None:
        seen, since = taken, time.monotonic()
        while given - taken > _MAX_AHEAD and not is_abandoned:  # pieces on their way to the queue count as well
            if taken != seen:
                seen, since = taken, time.monotonic()
            elif stopping.is_set() or time.monotonic() - since > STALL_SECONDS:
                raise Stalled
            time.sleep(0.01)

    def work() -> None:
        try:
            with contextlib.closing(make()) as pieces:  # the snapshot ends in this thread
                for given, piece in enumerate(pieces):
                    wait_for_reader(given)
                    if is_abandoned:
                        return
                    put(piece)
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again below
            put(error)
        finally:
            on_end()

    running: Awaitable[None] = loop.run_in_executor(executor, work)
    try:
        while (item := await queue.get()) is not None:
            taken += 1
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_abandoned = True
    await running


def takes_gzip(request: Request) -> bool:
    """True if the client accepts gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


async def gzip_pieces(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Compress piece by piece, so that a browser can draw each as it arrives."""
    packer = zlib.compressobj(GZIP_LEVEL, wbits=31)
    async for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
