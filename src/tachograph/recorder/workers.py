"""Read transcripts in several processes at once, and deliver their content batch by batch.

Decoding is the larger part of a first reading and needs no ledger, so it runs in forked children that send plain
values through a pipe (`marshal`: a fifth of the cost of `pickle` for them) while this process writes. It reads as well
while nothing is there to write. Where forking is not safe or not worth it, all of the work is done here.
"""

from __future__ import annotations

import gc
import os
import sys

from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator, Sequence
from tachograph.sources.transcripts.decoders import Decoders
from tachograph.sources.transcripts.file_state import FileState
from tachograph.sources.transcripts.tail import FileRead, Reader

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    Delivery = tuple[tuple[Any, ...], list[FileRead]]  # content of a batch, and the files that it comes from
    Deliveries = Generator[Delivery | None, None, None]


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
_MOST_GROUPS = 1000  # of files: 4,000 bytes of numbers fit into any pipe
_NUMBER_BYTES = 4
_PIPE_BYTES = 1 << 20  # room for a whole batch: the child continues to read while the previous one is written


def begun(jobs: list[FileState], now_ms: int, shared: frozenset[int] = frozenset()) -> Deliveries:
    """Start reading in the background, and return the deliveries of `read_all`. The caller must close the generator."""
    deliveries = read_all(jobs, now_ms, shared)
    next(deliveries, None)
    return deliveries


def read_all(jobs: list[FileState], now_ms: int, shared: frozenset[int] = frozenset()) -> Deliveries:
    """Read transcripts, in the order given or in parallel; every file is delivered exactly once. Yields None if the next
    delivery is not ready, so that the caller can commit instead of holding the ledger's write lock while it waits.
    The first value is None; by then the children have started.

    `shared`: identities of ids that several answers share, of which every line is delivered by itself.
    """
    size = sum(max(0, job.size - job.offset) for job in jobs)
    count = min((os.cpu_count() or 1) - 1, _MOST_CHILDREN)  # one core is left to the process that writes
    if size < _fork_bytes() or count < 1 or not _may_fork():
        yield None
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


def read_here(jobs: Sequence[FileState], now_ms: int, shared: frozenset[int] = frozenset()) -> Iterator[Delivery]:
    """Read transcripts in this process, a batch at a time."""
    size = sum(max(0, job.size - job.offset) for job in jobs)
    return _read(jobs, now_ms, shared, size, _BATCH_MESSAGES, _BATCH_MESSAGES)


def _read(
    jobs: Iterable[FileState], now_ms: int, shared: frozenset[int], size: int, most: int, most_later: int
) -> Generator[Delivery, None, None]:
    """`size`: bytes to read. `most`: messages in the first batch, which double in each later one up to `most_later`."""
    fast = Decoders() if shared else _fast(size)
    reader = Reader(now_ms, fast, shared)  # the accelerators merge lines
    reads: list[FileRead] = []
    size = 0  # of the batch
    for job in jobs:
        reads.append(reader.read(job))
        size += max(0, job.size - job.offset)
        if len(reader.batch) >= most or size >= _BATCH_BYTES:
            yield reader.take(), reads
            reads, size, most = [], 0, min(2 * most, most_later)
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


def _read_forked(jobs: list[FileState], now_ms: int, count: int, shared: frozenset[int]) -> Deliveries:
    import marshal
    import re  # noqa: F401 - for prompts and odd values: imported here once, and not in every child
    import selectors
    from functools import partial

    from tachograph import processes
    from tachograph.sources.transcripts.c_scanner import PLAIN_MESSAGES

    _fast(WORTH_TYPING)  # the same
    children: dict[int, int] = {}  # our end of the pipe: process id
    groups_of_jobs = _groups_of(jobs)
    numbers = _handed_out(len(groups_of_jobs))
    chooser = selectors.DefaultSelector()
    few = min(_FIRST_MESSAGES, _BATCH_MESSAGES)  # small batches here: children wait until this process writes theirs
    here = _read(_taken(groups_of_jobs, numbers), now_ms, shared, WORTH_TYPING, few, few)
    try:
        for _ in range(count):
            receive, send = _wide_pipe()
            try:
                work = partial(_work, groups_of_jobs, numbers, now_ms, send, shared)
                children[receive] = processes.fork_worker(work, keep=(numbers, send))
            except BaseException:
                os.close(receive)
                raise
            finally:
                os.close(send)
            chooser.register(receive, selectors.EVENT_READ)
        yield None
        while children:
            ready = chooser.select(0)
            if not ready:
                yield None  # the caller commits: no file is read here inside a transaction
                if (delivery := next(here, None)) is not None:
                    yield delivery
                    del delivery
                    continue
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
        here.close()
        os.close(numbers)
        chooser.close()
        for descriptor, child in children.items():
            os.close(descriptor)
            processes.end_worker(child)


def _groups_of(jobs: list[FileState]) -> list[list[FileState]]:
    """The files in the order given, a few in each group where they are many."""
    size = max(1, -(-len(jobs) // _MOST_GROUPS))
    return [jobs[start : start + size] for start in range(0, len(jobs), size)]


def _handed_out(count: int) -> int:
    """The read end of a pipe that holds the numbers from 0 to `count` - 1. Several processes may read from it; each number
    goes to one of them."""
    receive, send = os.pipe()
    os.write(send, b"".join(number.to_bytes(_NUMBER_BYTES, "little") for number in range(count)))
    os.close(send)
    return receive


def _taken(groups_of_jobs: list[list[FileState]], numbers: int) -> Iterator[FileState]:
    """Take groups of files from the shared pipe until it is empty, and yield their files."""
    while data := os.read(numbers, _NUMBER_BYTES):
        yield from groups_of_jobs[int.from_bytes(data, "little")]


def _wide_pipe() -> tuple[int, int]:
    import fcntl

    receive, send = os.pipe()
    try:
        fcntl.fcntl(send, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # Linux's own
    except (AttributeError, OSError):
        pass
    return receive, send


def _work(groups_of_jobs: list[list[FileState]], numbers: int, now_ms: int, send: int, shared: frozenset[int]) -> None:
    """The work of a child: take, read, send."""
    import marshal

    gc.disable()  # nothing here is cyclic, and a collector walking a batch again and again costs a tenth
    jobs, most = _taken(groups_of_jobs, numbers), min(_FIRST_MESSAGES, _BATCH_MESSAGES)
    for (*others, scanned), reads in _read(jobs, now_ms, shared, WORTH_TYPING, most, _BATCH_MESSAGES):
        plain = [(tuple(read.known), *read[1:]) for read in reads]
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
