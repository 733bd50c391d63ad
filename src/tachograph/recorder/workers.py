"""Read transcripts in several processes at once, and deliver their content batch by batch.

Decoding is the larger part of a first reading and needs no ledger, so it runs in forked children that send plain
tuples through a pipe (`marshal`: a fifth of the cost of `pickle` for them) while this process writes. Where forking is
not safe or not worth it, the same work is done here.
"""

from __future__ import annotations

import gc
import os
import sys

from tachograph.lean_typing import TYPE_CHECKING, Iterator
from tachograph.sources.transcripts.decoders import Decoders
from tachograph.sources.transcripts.file_state import FileState
from tachograph.sources.transcripts.tail import FileRead, Reader

if TYPE_CHECKING:
    from typing import Any

    Delivery = tuple[tuple[Any, ...], list[FileRead]]  # content of a batch, and the files that it comes from


WORTH_FORKING = 48 << 20  # below this many bytes, starting children costs more than it saves
_MOST_CHILDREN = 4
_BATCH_MESSAGES = 3500
_FIRST_MESSAGES = (
    600  # in the first batch of a child, so that writing can begin early; each next batch is twice as large
)
_BATCHES_AT_ONCE = 4  # at most, in one transaction
_BATCH_BYTES = 64 << 20
WORTH_TYPING = 2 << 20  # below this many, importing the typed decoder costs more than it saves
_LENGTH_BYTES = 8


def read_all(jobs: list[FileState], now_ms: int, shared: frozenset[int] = frozenset()) -> Iterator[Delivery | None]:
    """Read transcripts, in the order given or in parallel; every file is delivered exactly once. Yields None if the next
    delivery is not ready, so that the caller can commit instead of holding the ledger's write lock while it waits.

    `shared`: identities of ids that several answers share, of which every line is delivered by itself.
    """
    size = sum(max(0, job.size - job.offset) for job in jobs)
    count = min((os.cpu_count() or 1) - 1, _MOST_CHILDREN)  # one core is the writer's, which the others wait for
    if size < _fork_bytes() or count < 1 or not _may_fork():
        yield from _one_by_one(read_here(jobs, now_ms, shared))
        return
    left = {job.path: job for job in jobs}
    for delivery in _read_forked(jobs, now_ms, count, shared):
        for read in delivery[1] if delivery is not None else ():
            left.pop(read.known.path, None)
        yield delivery
        del delivery  # before the next one comes: two of them at once are 8 MB more
    if left:  # a child died: its files are read here
        yield from _one_by_one(read_here(list(left.values()), now_ms, shared))


def _one_by_one(deliveries: Iterator[Delivery]) -> Iterator[Delivery | None]:
    for delivery in deliveries:
        yield delivery
        del delivery
        yield None


def groups(deliveries: Iterator[Delivery | None]) -> Iterator[Iterator[Delivery]]:
    """Deliveries in groups, each for one transaction, since every commit writes many pages of the indexes. A group ends
    before a delivery that is not ready."""
    for first in deliveries:
        if first is not None:
            held = [first]
            del first
            yield _group(held, deliveries)


def _group(held: list[Delivery], deliveries: Iterator[Delivery | None]) -> Iterator[Delivery]:
    yield held.pop()
    for _ in range(_BATCHES_AT_ONCE - 1):
        delivery = next(deliveries, None)
        if delivery is None:
            return
        yield delivery
        del delivery


def read_here(
    jobs: list[FileState], now_ms: int, shared: frozenset[int] = frozenset(), most: int | None = None
) -> Iterator[Delivery]:
    """Read transcripts in this process, a batch at a time. `most`: messages in the first batch, if they are to be fewer."""
    most = _BATCH_MESSAGES if most is None else most
    fast = Decoders() if shared else _fast(sum(max(0, job.size - job.offset) for job in jobs))
    reader = Reader(now_ms, fast, shared)  # the accelerators merge lines
    reads: list[FileRead] = []
    size = 0
    for job in jobs:
        reads.append(reader.read(job))
        size += max(0, job.size - job.offset)
        if len(reader.batch) >= most or size >= _BATCH_BYTES:
            yield reader.take(), reads
            reads, size, most = [], 0, min(2 * most, _BATCH_MESSAGES)
    if reads:
        yield reader.take(), reads


def _fast(size: int) -> Decoders:
    """The fastest decoder here for the usual layout: the compiled one, else msgspec if the size is worth its import."""
    from tachograph.sources.transcripts.c_scanner import SCAN

    if SCAN is not None:
        return Decoders(scan=SCAN)
    if size < WORTH_TYPING:
        return Decoders()
    from tachograph.sources.transcripts.msgspec_decoder import TYPED

    return Decoders(typed=TYPED)


def _fork_bytes() -> int:
    """Bytes from which on reading is divided; TACHOGRAPH_FORK_BYTES changes it for tests."""
    changed = os.environ.get("TACHOGRAPH_FORK_BYTES", "")
    return int(changed) if changed.isdecimal() else WORTH_FORKING


def _may_fork() -> bool:
    import threading

    # macOS frameworks do not survive a fork; Windows has none
    return sys.platform not in ("win32", "darwin") and threading.active_count() == 1


def _read_forked(jobs: list[FileState], now_ms: int, count: int, shared: frozenset[int]) -> Iterator[Delivery | None]:
    import marshal
    import re  # noqa: F401 - for prompts and odd values: imported here once, and not in every child
    import selectors
    from functools import partial

    from tachograph import processes
    from tachograph.sources.transcripts.c_scanner import PLAIN_MESSAGES

    _fast(WORTH_TYPING)  # the same
    children: dict[int, int] = {}  # our end of the pipe: process id
    chooser = selectors.DefaultSelector()
    try:
        for share in _shares(jobs, count):
            receive, send = os.pipe()
            try:
                children[receive] = processes.fork_worker(partial(_work, share, now_ms, send, shared), keep=(send,))
            finally:
                os.close(send)
            chooser.register(receive, selectors.EVENT_READ)
        while children:
            ready = chooser.select(0)
            if not ready:
                yield None
                ready = chooser.select()
            for key, _ in ready:
                frame = _frame(key.fd)
                if frame is None:
                    chooser.unregister(key.fd)
                    os.close(key.fd)
                    os.waitpid(children.pop(key.fd), 0)
                else:
                    said, scanned, reads = marshal.loads(frame)  # noqa: S302 - written by our own child a moment ago
                    del frame
                    said = (*said, None if scanned is None else PLAIN_MESSAGES(*scanned))
                    del scanned
                    yield said, [FileRead(FileState(*known), *rest) for known, *rest in reads]
                    del said, reads
    finally:
        chooser.close()
        for descriptor, child in children.items():
            os.close(descriptor)
            processes.end_worker(child)


def _shares(jobs: list[FileState], count: int) -> list[list[FileState]]:
    """The files in shares of about the same size, each share in the order given."""
    shares: list[list[FileState]] = [[] for _ in range(count)]
    sizes = [0] * count
    place: dict[bytes, int] = {}
    for job in sorted(jobs, key=lambda job: job.offset - job.size):
        smallest = sizes.index(min(sizes))
        sizes[smallest] += max(1, job.size - job.offset)
        place[job.path] = smallest
    for job in jobs:
        shares[place[job.path]].append(job)
    return [share for share in shares if share]


def _work(jobs: list[FileState], now_ms: int, send: int, shared: frozenset[int]) -> None:
    """The work of a child: read, send."""
    import marshal

    gc.disable()  # nothing here is cyclic, and a collector walking a batch again and again costs a tenth
    for said, reads in read_here(jobs, now_ms, shared, min(_FIRST_MESSAGES, _BATCH_MESSAGES)):
        plain = [(tuple(read.known), *read[1:]) for read in reads]
        *others, scanned = said
        data = marshal.dumps((others, None if scanned is None else scanned.dump(), plain))
        _send(send, len(data).to_bytes(_LENGTH_BYTES, "little"))
        _send(send, data)


def _send(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _frame(descriptor: int) -> bytearray | None:
    """The next delivery of a child; None when it has ended, also in the middle of one."""
    head = _exactly(descriptor, _LENGTH_BYTES)
    return None if head is None else _exactly(descriptor, int.from_bytes(head, "little"))


def _exactly(descriptor: int, size: int) -> bytearray | None:
    data = bytearray(size)
    left = memoryview(data)
    while left:
        n = os.readv(descriptor, [left])
        if n == 0:
            return None
        left = left[n:]
    return data
