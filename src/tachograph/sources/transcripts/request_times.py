"""Start times of the requests of answers: the time of the prompt or tool result that each answer follows.

Only an open refusal asks for it (model/limits/refusals.py), so the end of a transcript is read again for it, patiently,
and no other reading pays for it.
"""

import re
from datetime import UTC, datetime
from typing import Any

from tachograph.model.usage.messages import NO_TIME, fingerprint
from tachograph.sources.transcripts.records import billed_answer, key_of, parse_record, parse_time, text_of

_MOST = 4 << 20  # bytes read at once: hours of work
_BEFORE = 256 << 10  # bytes before what is new, where its prompt may be
_LONGEST_MS = 15 * 60_000  # no request takes that long
_MOST_STEPS = 60  # from an answer to its prompt, over attachments and notes of the client
_CLIENT_WORDS = ("<local-command", "<bash-", "Caveat:", "[Request interrupted")


_STAMP = re.compile(rb'"timestamp" ?: ?"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')


class _Line:
    """A record on the way from an answer to its prompt."""

    __slots__ = ("at", "is_request", "parent")

    def __init__(self, record: dict[str, Any]) -> None:
        self.at = parse_time(record.get("timestamp"))
        self.parent = text_of(record.get("parentUuid"))
        self.is_request = record.get("type") == "user" and not record.get("isMeta") and not _is_of_client(record)


def request_times(path: bytes, offset: int, since: int) -> list[tuple[int, int]]:
    """Answers in a transcript from an offset on that are later than a moment (epoch ms), and when their requests began:
    (identity, time) as in model/usage/messages.py. Answers that do not show it are left out; an unreadable file has none."""
    try:
        with open(path, "rb") as file:
            start = max(0, offset - _BEFORE, file.seek(0, 2) - _MOST)
            file.seek(start)
            lines = file.read(_MOST).split(b"\n")
    except OSError:
        return []
    oldest = datetime.fromtimestamp((since - _LONGEST_MS) / 1000, UTC).isoformat(timespec="seconds")[:19].encode()
    by_uuid: dict[str, _Line] = {}
    newest: dict[tuple[str, str, bool], _Line] = {}  # by session, agent and side chain: the last request
    found: dict[int, int] = {}
    for text in lines[1:] if start else lines:
        stamp = _STAMP.search(text)
        record = parse_record(text) if stamp is not None and stamp[1] >= oldest else None
        if record is None:
            continue
        line = _Line(record)
        by_uuid[text_of(record.get("uuid"))] = line
        session = text_of(record.get("sessionId"))
        chain = session, text_of(record.get("agentId")), record.get("isSidechain") is True
        if line.is_request:
            newest[chain] = line
            continue
        if line.at == NO_TIME or line.at <= since or (answer := billed_answer(record)) is None:
            continue
        asked = _request_of(line, by_uuid) if line.parent else newest.get(chain)
        if asked is not None and asked.at != NO_TIME and asked.at <= line.at:
            found.setdefault(fingerprint(key_of(record, *answer, session, text)), asked.at)
    return list(found.items())


def _request_of(line: _Line, by_uuid: dict[str, _Line]) -> _Line | None:
    for _ in range(_MOST_STEPS):
        parent = by_uuid.get(line.parent)
        if parent is None or parent.is_request:
            return parent
        line = parent
    return None


def _is_of_client(record: dict[str, Any]) -> bool:
    """Is it a record of a user that sends no request: the output of a command of the client?"""
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return isinstance(content, str) and content.lstrip().startswith(_CLIENT_WORDS)
