"""Find the type of a record, and the last branch and timestamp before it, without parsing lines."""

import json
import re
from typing import Any

from tachograph.sources.transcripts.records import text_of

_BRANCH = re.compile(rb'"gitBranch"\s*:\s*("(?:[^"\\]|\\.)+")')


# Where the value of a record's own `type` begins in its line. It is certain where the key stands before the first
# nested object opens, or after the last one closed, so that only the brace that ends the record follows. (Quotes inside
# JSON strings are escaped: what is found is a key, not text.)
UNCERTAIN_KIND = len(b'"type":"') - 1


def head_kind(find: Any, pos: int, stop: int) -> int:
    nested = find(b"{", pos + 1, stop)
    kind: int = find(b'"type":"', pos, nested if nested >= 0 else stop) + 8
    return kind


def tail_kind(find: Any, rfind: Any, pos: int, stop: int) -> int:
    kind: int = rfind(b'"type":"', pos, stop) + 8
    if kind == UNCERTAIN_KIND or find(b"{", kind, stop) >= 0 or find(b"}", kind, stop) != stop - 1:
        return UNCERTAIN_KIND
    return kind


def last_branch(block: bytearray | bytes, end: int) -> str:
    """The last branch that a record in `block[:end]` names, or ""."""
    start = block.rfind(b"\n", 0, max(0, end - 1)) + 1
    at = block.find(b'"gitBranch"', start, end)  # nearly always in the last line, and there searching forward is faster
    if at < 0:
        at = block.rfind(b'"gitBranch"', 0, end)
    while at >= 0:
        if found := _BRANCH.match(block, at):
            return text_of(_plain_text(found[1]))
        at = block.rfind(b'"gitBranch"', 0, at)
    return ""


def _plain_text(literal: bytes) -> object:
    try:
        return json.loads(literal.decode("utf-8", "replace"))
    except ValueError:
        return ""


def last_stamp(block: bytearray | bytes, end: int) -> str:
    """The last timestamp written in `block[:end]`, as text; it only puts titles in order."""
    at = block.rfind(b'"timestamp":"', 0, end)
    if at < 0:
        return ""
    return bytes(block[at + 13 : at + 37]).split(b'"')[0].decode("ascii", "replace")
