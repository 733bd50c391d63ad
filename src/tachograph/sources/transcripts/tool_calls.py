"""Reads tools and subagents of a transcript on demand, and stores nothing: names and descriptions of calls,
never their input, output or code."""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_typing import Iterator, NamedTuple
from tachograph.model.usage.messages import fingerprint
from tachograph.sources.transcripts.records import key_of, text_of

_LONGEST = 16 << 20  # bytes of a line: what is longer holds pictures, and is passed over


class Call(NamedTuple):
    """A tool that a message called. `identity` is that of the message in the ledger; `call` the call's own id."""

    identity: int
    name: str
    call: str
    description: str
    kind: str  # of a subagent


class SubagentOrigin(NamedTuple):
    """Metadata beside a subagent's transcript: the call that started it, and its type."""

    call: str
    description: str
    kind: str


def calls(path: bytes) -> Iterator[Call]:
    """The calls of a transcript; a call that was written several times comes several times. Raises OSError."""
    with open(path, "rb") as file:
        while line := file.readline(_LONGEST):
            if len(line) == _LONGEST and not line.endswith(b"\n"):
                while rest := file.readline(_LONGEST):  # no more of it is held at once
                    if rest.endswith(b"\n"):
                        break
                continue
            if b'"tool_use"' not in line:
                continue
            try:
                record = loads(line)
            except (ValueError, RecursionError):
                continue
            yield from _of(record, line)


def _of(record: object, line: bytes) -> Iterator[Call]:
    if not isinstance(record, dict):
        return
    inner = record
    if record.get("type") == "progress" and isinstance(record.get("data"), dict):
        inner = record["data"].get("message")
    if not isinstance(inner, dict) or inner.get("type") != "assistant" or not isinstance(inner.get("message"), dict):
        return
    message = inner["message"]
    content = message.get("content")
    if not isinstance(content, list):
        return
    session = text_of(record.get("sessionId"))
    identity = fingerprint(key_of(record, inner, message, session, line))
    for part in content:
        if isinstance(part, dict) and part.get("type") == "tool_use" and isinstance(part.get("name"), str):
            given = part.get("input")
            given = given if isinstance(given, dict) else {}
            is_agent = part["name"] in ("Agent", "Task")
            yield Call(
                identity,
                part["name"][:120],
                text_of(part.get("id")),
                text_of(given.get("description"))[:200] if is_agent else "",
                text_of(given.get("subagent_type"))[:80] if is_agent else "",
            )


def subagent_origin(path: bytes) -> SubagentOrigin | None:
    """Metadata beside the transcript of a subagent (agent-….meta.json); None without it."""
    try:
        with open(path[: -len(b".jsonl")] + b".meta.json", "rb") as file:
            said = loads(file.read(65_536))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    return SubagentOrigin(
        text_of(said.get("toolUseId")), text_of(said.get("description"))[:200], text_of(said.get("agentType"))[:80]
    )
