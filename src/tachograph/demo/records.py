"""Builders of Claude Code transcript records, for the demo and for tests.

Each builder returns a plain dict in the layout of Claude Code 2.1: change or delete any key to make an odd record.
Keywords a builder does not know become top-level keys (`effort="high"`). A keyword that is `None` leaves its key out,
but `parent`, `stop` and `iterations`, which are written as null.
Times: a datetime (naive means UTC) becomes `2026-11-02T09:00:00.000Z`; a string is written as it stands.

    records.dump([
        records.user("fix the checkout", at=t0),
        records.assistant("A", at=t1, output=1, stop=None),       # an early streamed line of message A
        records.assistant("A", at=t1, output=400),                # its last line
        records.pr_link(1234, at=t2),
    ])
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Time = datetime | str | None

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SESSION = "5e55101a-0000-4000-8000-000000000001"
CWD = "/home/ada/code/shop"
BRANCH = "main"
MODEL = "claude-opus-5-5"
VERSION = "2.1.330"


def message_id(label: str) -> str:
    """An id as Anthropic issues it, for a short label; an id that already has the prefix `msg_` stays as it is."""
    return label if label.startswith("msg_") else "msg_01" + label.ljust(22, "x")


def folder_name(cwd: str) -> str:
    """The name of a project's folder under `projects/`: every character but ASCII letters and digits becomes `-`."""
    return re.sub(r"[^A-Za-z0-9]", "-", cwd)


def timestamp(at: datetime) -> str:
    """The time as Claude Code writes it: UTC, milliseconds, `Z`."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tokens(
    *,
    input: int = 10,
    output: int = 100,
    cache_write_5m: int = 0,
    cache_write_1h: int = 0,
    cache_read: int = 0,
) -> Record:
    """The token counts that `usage` and each of its `iterations` share."""
    return {
        "input_tokens": input,
        "cache_creation_input_tokens": cache_write_5m + cache_write_1h,
        "cache_read_input_tokens": cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": cache_write_5m, "ephemeral_1h_input_tokens": cache_write_1h},
        "output_tokens": output,
    }


def iteration(kind: str = "message", *, model: str | None = None, **counts: int) -> Record:
    """One entry of `usage.iterations`; kind is message, fallback_message, compaction or advisor_message."""
    return {"type": kind, **({} if model is None else {"model": model}), **tokens(**counts)}


def assistant(
    message: str | None = "A",
    *,
    at: Time = AT,
    model: str | None = MODEL,
    input: int = 10,
    output: int = 100,
    cache_write_5m: int = 0,
    cache_write_1h: int = 0,
    cache_read: int = 0,
    web_searches: int = 0,
    thinking: int = 0,
    content: Sequence[Record] | str = "Done.",
    stop: str | None = "end_turn",
    speed: str | None = "standard",
    geo: str | None = "global",
    iterations: Sequence[Record] | None = None,
    usage: Mapping[str, Any] | None = None,
    request: str | None = "req_011A",
    cost_usd: float | None = None,
    session: str | None = SESSION,
    cwd: str | None = CWD,
    branch: str | None = BRANCH,
    sidechain: bool = False,
    agent: str | None = None,
    forked_from: str | None = None,
    uuid: str | None = None,
    parent: str | None = None,
    version: str = VERSION,
    **more: Any,
) -> Record:
    """One streamed line of an answer that the API billed.

    `message` is a whole id (`msg_…`), a short label (see `message_id`), a foreign id when it holds a `-`, or None.
    `usage` replaces single keys of the usage object, to write counts no API would send.
    """
    issued = message if message is None or "-" in message else message_id(message)
    spent: Record = {
        **tokens(
            input=input,
            output=output,
            cache_write_5m=cache_write_5m,
            cache_write_1h=cache_write_1h,
            cache_read=cache_read,
        ),
        "output_tokens_details": {"thinking_tokens": thinking},
        "server_tool_use": {"web_search_requests": web_searches, "web_fetch_requests": 0},
        "service_tier": "standard",
        **_drop_missing(speed=speed, inference_geo=geo),
        "iterations": None if iterations is None else list(iterations),
        **(usage or {}),
    }
    body: Record = {
        **_drop_missing(id=issued),
        "type": "message",
        "role": "assistant",
        **_drop_missing(model=model),
        "content": [{"type": "text", "text": content}] if isinstance(content, str) else list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": spent,
    }
    own = {"message": body, **_drop_missing(requestId=request, costUSD=cost_usd), **more}
    head = _head(parent, sidechain, cwd, session, version, branch, agent)
    return _record("assistant", head, own, at=at, uuid=uuid, forked_from=forked_from)


def user(
    text: str | Sequence[Record] = "fix the checkout",
    *,
    at: Time = AT,
    session: str | None = SESSION,
    cwd: str | None = CWD,
    branch: str | None = BRANCH,
    sidechain: bool = False,
    agent: str | None = None,
    forked_from: str | None = None,
    uuid: str | None = None,
    parent: str | None = None,
    version: str = VERSION,
    **more: Any,
) -> Record:
    """A person's prompt, or (text as a list of blocks) the results of tools."""
    own = {"message": {"role": "user", "content": text if isinstance(text, str) else list(text)}, **more}
    head = _head(parent, sidechain, cwd, session, version, branch, agent)
    return _record("user", head, own, at=at, uuid=uuid, forked_from=forked_from)


def system(
    subtype: str = "turn_duration",
    *,
    at: Time = AT,
    session: str | None = SESSION,
    cwd: str | None = CWD,
    branch: str | None = BRANCH,
    forked_from: str | None = None,
    uuid: str | None = None,
    parent: str | None = None,
    version: str = VERSION,
    **more: Any,
) -> Record:
    """A note of the client: turn_duration, compact_boundary (give `compactMetadata`), api_error and so on."""
    head = _head(parent, False, cwd, session, version, branch, None)
    return _record("system", head, {"subtype": subtype, **more}, at=at, uuid=uuid, forked_from=forked_from)


def limit(
    *,
    at: Time = AT,
    text: str = "You've hit your session limit · resets 2:40pm (Europe/Berlin)",
    resets_at: datetime = AT,
    kind: str = "five_hour",
    credits_in_use: bool = False,
    **more: Any,
) -> Record:
    """The client's own notice that a limit was hit: an assistant record of model `<synthetic>` that bills nothing."""
    quota = {
        "status": "rejected",
        "resetsAt": int((resets_at if resets_at.tzinfo else resets_at.replace(tzinfo=UTC)).timestamp()),
        "unifiedRateLimitFallbackAvailable": False,
        "rateLimitType": kind,
        "overageStatus": "allowed" if credits_in_use else "rejected",
        "isUsingOverage": credits_in_use,
    }
    notice: Record = {
        "message": "0f00d1e5-0000-4000-8000-000000000000",
        "isApiErrorMessage": True,
        "error": "rate_limit",
        "apiErrorStatus": 429,
        "quotaLimits": quota,
        **more,
    }
    return assistant(at=at, model="<synthetic>", input=0, output=0, content=text, stop="stop_sequence", **notice)


def progress(answer: Record, *, at: Time = None, agent: str = "a1b2c3d4", **more: Any) -> Record:
    """A subagent's answer as versions before 2.1 logged it: an assistant record inside a progress record.

    `answer` comes from `assistant`; `at` is the outer time, by default the answer's own.
    """
    inner = {key: answer[key] for key in ("type", "message", "requestId", "uuid", "timestamp") if key in answer}
    head = {key: answer[key] for key in _HEAD if key in answer} | {"isSidechain": False}
    own = {
        "data": {"type": "agent_progress", "message": inner, "agentId": agent, "prompt": ""},
        "toolUseID": "agent_" + str(answer["message"].get("id", agent)),
        **more,
    }
    return _record("progress", head, own, at=answer.get("timestamp") if at is None else at, uuid=None, forked_from=None)


def pr_link(
    number: int = 1234,
    *,
    at: Time = AT,
    session: str | None = SESSION,
    repository: str = "ada/shop",
    url: str | None = None,
    **more: Any,
) -> Record:
    """The record that ties a session to a pull request; like the real one it names no branch."""
    return {
        "type": "pr-link",
        **_drop_missing(sessionId=session),
        "prNumber": number,
        "prUrl": url or f"https://github.com/{repository}/pull/{number}",
        "prRepository": repository,
        **_drop_missing(timestamp=_time(at)),
        **more,
    }


def title(text: str, kind: str = "ai", *, session: str | None = SESSION, leaf: str = "") -> Record:
    """A session's title; kind is `ai`, `custom` or `summary` (the old form: it names its last record, no session)."""
    if kind == "summary":
        return {"type": "summary", "summary": text, "leafUuid": leaf}
    return {"type": f"{kind}-title", f"{kind}Title": text, **_drop_missing(sessionId=session)}


def dump(records: Iterable[Record | bytes]) -> bytes:
    """The records as JSON Lines; bytes among them are taken as they are, without a newline added (a torn line)."""
    return b"".join(x if isinstance(x, bytes) else _ENCODER(x).encode() + b"\n" for x in records)


_HEAD = ("parentUuid", "isSidechain", "userType", "cwd", "sessionId", "version", "gitBranch", "agentId")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _drop_missing(**keys: Any) -> Record:
    return {key: value for key, value in keys.items() if value is not None}


def _time(at: Time) -> str | None:
    return timestamp(at) if isinstance(at, datetime) else at


def _head(
    parent: str | None,
    sidechain: bool,
    cwd: str | None,
    session: str | None,
    version: str,
    branch: str | None,
    agent: str | None,
) -> Record:
    """The keys that every record of the conversation starts with."""
    head: Record = {"parentUuid": parent, "isSidechain": sidechain, "userType": "external"}
    return head | _drop_missing(cwd=cwd, sessionId=session, version=version, gitBranch=branch, agentId=agent)


def _record(kind: str, head: Record, own: Record, *, at: Time, uuid: str | None, forked_from: str | None) -> Record:
    """A whole record; a missing uuid is derived from all of its content except the session."""
    written = _time(at)
    if uuid is None:
        digest = hashlib.sha256(_ENCODER([kind, written, own]).encode()).hexdigest()
        uuid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    copied = None if forked_from is None else {"sessionId": forked_from, "messageUuid": uuid}
    return head | {"type": kind, **own, "uuid": uuid, **_drop_missing(timestamp=written, forkedFrom=copied)}
