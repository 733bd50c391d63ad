"""The last answer in a transcript, read from its end: how old the numbers are that its session shows."""

import json

_TAIL = 512 << 10  # bytes: a line with a large tool result may be long


def last_answer_at(path: str) -> int | None:
    """Time of the latest answer in a transcript, epoch milliseconds; None if the file does not show it."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - _TAIL))
            lines = file.read(_TAIL).split(b"\n")
    except (OSError, ValueError):
        return None
    for line in reversed(lines[1:] if size > _TAIL else lines):
        if b'"assistant"' in line and (at := _answered_at(line)) is not None:
            return at
    return None


def _answered_at(line: bytes) -> int | None:
    from tachograph.model.parsing import iso_ms

    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("type") != "assistant" or record.get("isApiErrorMessage"):
        return None
    message = record.get("message")
    if not isinstance(message, dict) or message.get("model") == "<synthetic>" or not message.get("usage"):
        return None
    return iso_ms(record.get("timestamp"))
