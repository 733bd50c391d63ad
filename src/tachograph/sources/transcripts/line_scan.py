"""Find the type of a record, and the last timestamp before it, without parsing lines."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


# Where the value of a record's own `type` begins in its line. It is certain where the key stands before the first
# nested object opens, or after the last one closed, so that only the brace that ends the record follows. (Quotes inside
# JSON strings are escaped: what is found is a key, not text.)
UNCERTAIN_KIND = len(b'"type":"') - 1


LONGEST_CLEAR = 4096
CLEAR_NEEDLE = b"<command-name>/clear</command-name>"


def head_kind(find: Any, pos: int, stop: int) -> int:
    nested = find(b"{", pos + 1, stop)
    kind: int = find(b'"type":"', pos, nested if nested >= 0 else stop) + 8
    return kind


def tail_kind(find: Any, rfind: Any, pos: int, stop: int) -> int:
    kind: int = rfind(b'"type":"', pos, stop) + 8
    if kind == UNCERTAIN_KIND or find(b"{", kind, stop) >= 0 or find(b"}", kind, stop) != stop - 1:
        return UNCERTAIN_KIND
    return kind


def is_clear_line(find: Any, pos: int, stop: int) -> bool:
    """Test whether a line may be the command `/clear`: it is short and names it."""
    return stop - pos < LONGEST_CLEAR and find(CLEAR_NEEDLE, pos, stop) >= 0


def last_stamp(block: bytearray | bytes, end: int) -> str:
    """The last timestamp written in `block[:end]`, as text; it only puts titles in order."""
    at = block.rfind(b'"timestamp":"', 0, end)
    if at < 0:
        return ""
    stamp = bytes(block[at + 13 : min(at + 37, end)])
    return stamp.split(b'"')[0].split(b"\n")[0].decode("ascii", "replace")  # without a quote its line was torn
