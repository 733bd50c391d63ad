"""Find the type of a record, and the last branch and timestamp before it, without parsing lines."""

from __future__ import annotations

from itertools import islice

from tachograph.lean_json import loads
from tachograph.lean_re import late_pattern
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator
from tachograph.sources.transcripts.records import text_of

if TYPE_CHECKING:
    from typing import Any


_BRANCH = late_pattern(rb'"gitBranch"\s*:\s*("(?:[^"\\]|\\.)+")')


# Where the value of a record's own `type` begins in its line. It is certain where the key stands before the first
# nested object opens, or after the last one closed, so that only the brace that ends the record follows. (Quotes inside
# JSON strings are escaped: what is found is a key, not text.)
UNCERTAIN_KIND = len(b'"type":"') - 1


LONGEST_CLEAR = 4096
CLEAR_NEEDLE = b"<command-name>/clear</command-name>"
_CWD = late_pattern(rb'"cwd"\s*:\s*("(?:[^"\\]|\\.)+")')
_MOST_RECORDS = 400  # before a link that are looked at for its repository


def head_kind(find: Any, pos: int, stop: int) -> int:
    nested = find(b"{", pos + 1, stop)
    kind: int = find(b'"type":"', pos, nested if nested >= 0 else stop) + 8
    return kind


def tail_kind(find: Any, rfind: Any, pos: int, stop: int) -> int:
    kind: int = rfind(b'"type":"', pos, stop) + 8
    if kind == UNCERTAIN_KIND or find(b"{", kind, stop) >= 0 or find(b"}", kind, stop) != stop - 1:
        return UNCERTAIN_KIND
    return kind


def last_place(block: bytearray | bytes, end: int, before: tuple[str, str]) -> tuple[str, str]:
    """The last branch that a record in `block[:end]` names, with the folder of that record; else `before`."""
    start = block.rfind(b"\n", 0, max(0, end - 1)) + 1
    at = block.find(b'"gitBranch"', start, end)  # nearly always in the last line, and there searching forward is faster
    if at < 0:
        at = block.rfind(b'"gitBranch"', 0, end)
    while at >= 0:
        if place := _place_at(block, at, end):
            return place
        at = block.rfind(b'"gitBranch"', 0, at)
    return before


def place_of(
    block: bytearray | bytes, end: int, repository: str, before: tuple[str, str], earlier: Iterable[bytes]
) -> tuple[str, str]:
    """Branch and folder of a pull request's link: of the last record before it in a folder of that repository.

    Where no folder's name shows the repository, the last record before it decides. `earlier`: lines before the block,
    the last ones first, and `before` what the last record there says; where a block begins must make no difference.
    """
    last = last_place(block, end, before)
    name = repository.rpartition("/")[2].lower()
    if not name or name in _folder_names(last[1]):
        return last
    for place in islice(_places(block, end, earlier), _MOST_RECORDS):
        if place is not None and name in _folder_names(place[1]):
            return place
    return last


def _places(block: bytearray | bytes, end: int, earlier: Iterable[bytes]) -> Iterator[tuple[str, str] | None]:
    """Branch and folder of the records before a place, the last one first; None for text that looks like a branch."""
    at = block.rfind(b'"gitBranch"', 0, end)
    while at >= 0:
        yield _place_at(block, at, end)
        at = block.rfind(b'"gitBranch"', 0, at)
    for lines in earlier:
        yield from _places(lines, len(lines), ())


def _place_at(block: bytearray | bytes, at: int, end: int) -> tuple[str, str] | None:
    """Branch and folder of the record with a branch at a place; None for text that is no branch."""
    branch = _plain_value(block, at + len(b'"gitBranch"'), len(block))
    if branch is None and (match := _BRANCH.match(block, at)):
        branch = match[1]
    if branch is None or not (name := text_of(_plain_text(branch))):
        return None
    start, stop = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at, end)
    stop = end if stop < 0 else stop
    key = block.find(b'"cwd"', start, stop)
    if key < 0:
        return name, ""
    cwd = _plain_value(block, key + len(b'"cwd"'), stop)
    if cwd is None and (match := _CWD.search(block, start, stop)):
        cwd = match[1]
    return name, text_of(_plain_text(cwd)) if cwd else ""


def _plain_value(block: bytearray | bytes, at: int, stop: int) -> bytes | None:
    """The literal of a value as nearly all are written: right behind its key, not empty, and without an escape."""
    if not block.startswith(b':"', at, stop):
        return None
    end = block.find(b'"', at + 2, stop)
    literal = bytes(block[at + 1 : end + 1])
    return literal if end > at + 2 and b"\\" not in literal else None


def _folder_names(path: str) -> list[str]:
    return path.lower().replace("\\", "/").split("/")


def is_clear_line(find: Any, pos: int, stop: int) -> bool:
    """Test whether a line may be the command `/clear`: it is short and names it."""
    return stop - pos < LONGEST_CLEAR and find(CLEAR_NEEDLE, pos, stop) >= 0


def _plain_text(literal: bytes) -> object:
    text = literal.decode("utf-8", "replace")
    if text.isascii() and text.isprintable() and "\\" not in text:  # nearly always: nothing in it is escaped or odd
        return text[1:-1]
    try:
        return loads(text)
    except ValueError:
        return ""


def last_stamp(block: bytearray | bytes, end: int) -> str:
    """The last timestamp written in `block[:end]`, as text; it only puts titles in order."""
    at = block.rfind(b'"timestamp":"', 0, end)
    if at < 0:
        return ""
    stamp = bytes(block[at + 13 : min(at + 37, end)])
    return stamp.split(b'"')[0].split(b"\n")[0].decode("ascii", "replace")  # without a quote its line was torn
