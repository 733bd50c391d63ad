"""Reports prepared by an earlier run: the same text again while nothing it depends on has changed.

A report with nothing new spends most of its time on imports and on summing up what it summed up before. So a run keeps its
text, beside the marks (device, inode, size, times) of everything it was made from: the ledger, every transcript and its
folder, settings, prices, the files that name an account, and our own code. This module only compares them. It loads
neither SQLite nor the calendar, and it answers nothing where it is not sure; `preparing.py` decides what may be kept.

All of it is one file, a cache that may be deleted at any time. It is marshalled since that is the fastest format Python
loads, and checked against a sum first, since marshal must not be given damaged bytes.
"""

from __future__ import annotations

import marshal
import os
import sys
import time

from tachograph.lean_typing import TYPE_CHECKING, Iterable, Mapping, Sequence
from tachograph.paths import Paths, environment_folders, own_paths
from tachograph.sources.transcripts.file_state import Signature, names_changed_at, signature

if TYPE_CHECKING:
    from typing import Any

_FLAGS = {  # all others change something, read nothing new, or name the time
    *("--since", "--until", "--last", "--week-start", "--by", "--sort", "--project", "--model", "--machine", "--speed"),
    *("--agent", "--skill", "--plugin", "--mcp", "--effort", "--entrypoint"),
}
# raise the number when the shape or content_sum changes; marshal differs between versions of Python
_FORMAT = f"tachograph prepared 2 {sys.hexversion}\n".encode()
_NAMES = (
    "HOME",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "CLAUDE_CONFIG_DIR",
    "TZ",
)
_NOT_OURS = ("TACHOGRAPH_NOW", "TACHOGRAPH_BUSY_SECONDS")  # a moment has bounds of its own; a wait changes no answer

Folder = tuple[int, int, int]  # device, inode, time of the last change of names in it


class World:
    """Everything that answers were made from, and the answers.

    `marks`: files by path, None for one that is not there. `folders`: those of transcripts.
    `transcripts`: with their marks and a sum over parts of their content. `answers`: by question, each with the span of
    time, epoch milliseconds, in which it is true.
    """

    __slots__ = ("answers", "folders", "marks", "transcripts")

    def __init__(
        self,
        marks: dict[str, Signature | None],
        folders: dict[bytes, Folder],
        transcripts: dict[bytes, tuple[Signature, int]],
        answers: dict[Any, tuple[int, int, str]],
    ) -> None:
        self.marks, self.folders, self.transcripts, self.answers = marks, folders, transcripts, answers


def question(argv: Sequence[str], env: Mapping[str, str], shape: Sequence[object]) -> tuple[Any, ...] | None:
    """Key of a report, None for one that is never prepared. `shape`: what else its text depends on, such as the width."""
    if env.get("TACHOGRAPH_PREPARED") == "0":  # for comparisons and measurements
        return None
    if not all(word.partition("=")[0] in _FLAGS for word in argv if word.startswith("-")):
        return None
    ours = sorted(item for item in env.items() if item[0].startswith("TACHOGRAPH_") and item[0] not in _NOT_OURS)
    named = [env.get(name) for name in _NAMES]
    zone = (time.timezone, time.altzone, *time.tzname)
    return (tuple(argv), tuple(shape), tuple(ours), tuple(named), tuple(environment_folders(env)), zone)


def prepared_text(key: tuple[Any, ...], env: Mapping[str, str], now_ms: int) -> str | None:
    """The text of a report if it was prepared and is still true, else None."""
    paths = own_paths(env)
    world = load(paths, of_ledger=mark_of(paths.ledger))
    if world is None:
        return None
    first, end, text = world.answers.get(key, (0, 0, ""))
    if not first <= now_ms < end or has_unwritten(paths) or not are_true(world.marks):
        return None
    touched = _touched(world)
    if touched is None:
        return None
    if touched:  # so that the next run need not look closer again
        world.transcripts.update(touched)
        save(paths, world)
    return text


def _touched(world: World) -> dict[bytes, tuple[Signature, int]] | None:
    """Transcripts that have other times and the same content, with their new marks; None if anything else changed."""
    look = os.stat
    touched: dict[bytes, tuple[Signature, int]] = {}
    try:
        for path, seen in world.folders.items():
            if folder_mark(look(path)) != seen:
                return None
        for path, (mark, content) in world.transcripts.items():
            status = look(path)
            if signature(status) != mark:
                from tachograph.sources.transcripts.touch import is_touched  # seldom needed

                if not is_touched(path, status, mark, content, len(touched)):
                    return None
                touched[path] = (signature(status), content)
    except OSError:
        return None
    return touched


def touched_transcripts(env: Mapping[str, str], paths: Iterable[bytes]) -> dict[bytes, Signature]:
    """Of transcripts with other marks than the ledger's, those that were only touched since their sum was taken.

    A sum may be older than what the ledger has read since: content that is as it was then was read as well.
    """
    from tachograph.sources.transcripts.touch import is_touched

    world = load(own_paths(env))
    found: dict[bytes, Signature] = {}
    for path in paths if world is not None else ():
        seen = world.transcripts.get(path) if world is not None else None
        try:
            status = os.stat(path)
        except OSError:
            continue
        if seen is not None and (
            signature(status) == seen[0] or is_touched(path, status, seen[0], seen[1], len(found))
        ):
            found[path] = signature(status)
    return found


def file_of(paths: Paths) -> str:
    return os.path.join(paths.data, "prepared")


def load(paths: Paths, of_ledger: Signature | None = None) -> World | None:
    """The prepared answers; None without any, or where the file is damaged or not ours alone. `of_ledger`: only those of a
    ledger with these marks, which the first bytes tell."""
    try:
        with open(file_of(paths), "rb") as file:
            if os.name == "posix":
                status = os.fstat(file.fileno())
                if status.st_uid != os.getuid() or status.st_mode & 0o077:
                    return None
            data = file.read()
    except OSError:
        return None
    wanted = _FORMAT if of_ledger is None else _head(of_ledger)
    start = data.find(b"\n", len(_FORMAT)) + 5
    if not data.startswith(wanted) or start < 5:
        return None
    from binascii import crc32  # a library of its own, and a first report has nothing prepared

    body = memoryview(data)[start:]
    if int.from_bytes(data[start - 4 : start], "big") != crc32(body):
        return None
    return World(*marshal.loads(body))  # noqa: S302 - our own file, readable by its owner alone


def _head(of_ledger: Signature | None) -> bytes:
    """The beginning of the file: its format, and the marks of the ledger. A sum of the rest follows."""
    return _FORMAT + f"{of_ledger}\n".encode()


def save(paths: Paths, world: World) -> None:
    """Keep the answers; a failure costs only time."""
    from binascii import crc32

    body = marshal.dumps((world.marks, world.folders, world.transcripts, world.answers))
    data = b"".join((_head(world.marks.get(paths.ledger)), crc32(body).to_bytes(4, "big"), body))
    file, new = file_of(paths), f"{file_of(paths)}.{os.getpid()}.new"
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        with open(descriptor, "wb") as out:
            out.write(data)
        os.replace(new, file)
    except OSError:
        if os.path.exists(new):
            os.unlink(new)


def has_unwritten(paths: Paths) -> bool:
    """True if the ledger has a log with commits, or one of a torn commit, beside it: its marks say too little then."""
    for suffix in ("-wal", "-journal"):
        try:
            if os.stat(paths.ledger + suffix).st_size:
                return True
        except OSError:
            continue
    return False


def are_true(marks: Mapping[str, Signature | None]) -> bool:
    """True if all files are as they were."""
    return all(mark_of(path) == mark for path, mark in marks.items())


def mark_of(path: str) -> Signature | None:
    """Marks of a file; None if it is not there."""
    try:
        return signature(os.stat(path))
    except OSError:
        return None


def ledger_mark(env: Mapping[str, str]) -> Signature | None:
    """Marks of the ledger's file: to be taken before a report is made from it."""
    return mark_of(own_paths(env).ledger)


def folder_mark(status: os.stat_result) -> Folder:
    """Marks of a folder that holds transcripts."""
    return status.st_dev, status.st_ino, names_changed_at(status)
