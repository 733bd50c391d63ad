"""The lines of a transcript that were not read yet: by byte offset, checked against the file's own bytes.

A file is known by device and inode, by a hash of its first bytes and of the last bytes before the offset. If
those still agree, reading goes on at the offset; if not (truncated, rewritten, replaced) it starts again at 0,
which costs time and nothing else, since messages merge.
"""

from __future__ import annotations

import os

from tachograph.lean_typing import TYPE_CHECKING, NamedTuple
from tachograph.sources.transcripts.batch import Batch
from tachograph.sources.transcripts.decode import Transcript
from tachograph.sources.transcripts.decoders import Decoders
from tachograph.sources.transcripts.file_state import PROMPT_LOOKUPS, FileState, signature
from tachograph.sources.transcripts.link_place import pieces_before
from tachograph.sources.transcripts.side_records import note_type_beside

if TYPE_CHECKING:
    from typing import Any


try:
    from _blake2 import blake2b  # the one that hashlib hands out; hashlib loads OpenSSL as well, which takes 2 ms
except ImportError:
    from hashlib import blake2b

BLOCK = 1 << 20
LONGEST_LINE = 64 << 20
_HEAD, _TAIL = 4096, 1024


class FileRead(NamedTuple):
    """Result of reading a transcript: its new state, if it began at 0, problems by kind, or the error."""

    known: FileState
    from_start: bool
    problems: dict[str, int]
    error: str


class Reader:
    """Reads transcripts one after the other into a batch, through one buffer.

    `fast`: what reads the usual layout faster, where there is such a thing and it pays. `shared`: identities of which
    every line is handed over by itself; needs the decoder without an accelerator.
    """

    __slots__ = ("_block", "_fast", "_now", "_shared", "batch")

    def __init__(self, now_ms: int, fast: Decoders, shared: frozenset[int] = frozenset()) -> None:
        self._fast, self._shared = fast, shared
        self._block = bytearray(BLOCK)
        self._now = now_ms
        self.batch = Batch(shared)

    def take(self) -> tuple[Any, ...]:
        """Values collected since the last call, as plain values; starts the next batch."""
        plain = self.batch.plain()
        self.batch = Batch(self._shared)
        return plain

    def read(self, known: FileState) -> FileRead:
        """Read the new part of a transcript; `known` is its state at discovery, with our old offset and hashes."""
        try:
            descriptor = os.open(known.path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            return FileRead(known, False, {}, _word(error))
        try:
            return self._read(descriptor, known)
        except OSError as error:
            return FileRead(known, False, {}, _word(error))
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, known: FileState) -> FileRead:
        seen = os.fstat(descriptor)
        offset = known.offset
        if offset and not (offset <= seen.st_size and _ends(descriptor, offset) == (known.head, known.tail)):
            offset = 0
        stamp, looks = (known.stamp, known.looks) if offset else ("", PROMPT_LOOKUPS)
        transcript = Transcript(
            self.batch,
            known.folder,
            self._now,
            stamp=stamp,
            looks=looks,
            fast=self._fast,
            lines_before=lambda end: pieces_before(lambda start, stop: _read_at(descriptor, start, stop), end),
        )
        new_offset = self._feed(descriptor, offset, transcript)
        if transcript.subagent is not None:
            note_type_beside(self.batch, transcript.subagent, known.path)
        head, tail = _ends(descriptor, new_offset)
        device, inode, size, mtime, ctime = signature(seen)
        after = known._replace(
            device=device,
            inode=inode,
            size=size,
            mtime=mtime,
            ctime=ctime,
            offset=new_offset,
            head=head,
            tail=tail,
            branch="",
            cwd="",
            stamp=transcript.stamp,
            looks=transcript.looks,
        )
        return FileRead(after, offset == 0, transcript.problems, "")

    def _feed(self, descriptor: int, offset: int, transcript: Transcript) -> int:
        """Feed all whole lines from the offset on; returns the offset behind the last of them."""
        block = self._block
        os.lseek(descriptor, offset, os.SEEK_SET)
        kept, skipping, line_start = 0, False, offset
        while True:
            if kept == len(block):
                if kept >= LONGEST_LINE:
                    line_start = offset
                    kept, skipping, offset = 0, True, offset + kept
                else:
                    block = block + bytearray(len(block))
            with memoryview(block) as view:
                got = _read_into(descriptor, view[kept:])
            end = kept + got
            start = 0
            if skipping:
                newline = block.find(b"\n", 0, end)
                if newline < 0 and got:
                    offset, kept = offset + end, 0
                    continue
                if newline >= 0:
                    transcript.problem("long_lines")
                    skipping, start = False, newline + 1
            if not got:
                break
            whole = block.rfind(b"\n", start, end) + 1
            if whole:
                if start:
                    block[: end - start] = block[start:end]
                    offset, end, whole = offset + start, end - start, whole - start
                transcript.feed(block, whole, offset)
                offset += whole
                block[: end - whole] = block[whole:end]
                kept = end - whole
            else:
                if start:
                    block[: end - start] = block[start:end]
                    offset += start
                kept = end - start
        if skipping:
            return line_start  # its end has not been written yet: it is skipped, and reported, when it is
        if kept:
            transcript.feed_tail(bytes(block[:kept]), offset)
        return offset


def _read_at(descriptor: int, start: int, stop: int) -> bytes:
    """Bytes of a file, which is read on afterwards where it was."""
    here = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, start, os.SEEK_SET)
    data = os.read(descriptor, stop - start)
    os.lseek(descriptor, here, os.SEEK_SET)
    return data


def is_same(known: FileState) -> bool:
    """True if a file still has the remembered bytes at its beginning and up to the offset."""
    try:
        descriptor = os.open(known.path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        return _ends(descriptor, known.offset) == (known.head, known.tail)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _read_into(descriptor: int, view: memoryview) -> int:
    readv = getattr(os, "readv", None)
    if readv is not None:
        return int(readv(descriptor, [view]))
    data = os.read(descriptor, len(view))  # Windows has no readv
    view[: len(data)] = data
    return len(data)


def _ends(descriptor: int, offset: int) -> tuple[int, int]:
    """Hashes of the first bytes of the file and of the last ones before the offset."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    head = os.read(descriptor, min(offset, _HEAD))
    start = max(0, offset - _TAIL)
    os.lseek(descriptor, start, os.SEEK_SET)
    return _hash(head), _hash(os.read(descriptor, offset - start))


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)


def _word(error: OSError) -> str:
    return error.strerror or type(error).__name__
