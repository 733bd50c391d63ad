"""Parses single records of a transcript by the rules of docs/counting.md: pure functions over plain dictionaries.

This is the patient way of reading: it takes every shape that JSON can have. `decode.py` holds the fast one.
"""

from __future__ import annotations

from tachograph.lean_contextlib import suppress
from tachograph.lean_datetime import UTC, datetime, timedelta
from tachograph.lean_json import patient_loads
from tachograph.lean_re import late_pattern
from tachograph.lean_typing import TYPE_CHECKING, Callable, Iterator
from tachograph.model.usage.content import (
    FINISHING_MARK,
    FINISHING_VERSION,
    KEY_CHARACTERS,
    block_key,
    packed_blocks,
)
from tachograph.model.usage.messages import NO_TIME, Counts

if TYPE_CHECKING:
    from typing import Any


MAX_COUNT = 10**12
TITLE_LENGTH = 200
CLOUD_IDS = ("msg_bdrk_", "msg_vrtx_")  # of Bedrock and Vertex
FIRST_MS, _LAST_MS = (
    -62_000_000_000_000,
    253_300_000_000_000,
)  # years 5 to 9996: no calendar ends within a zone of them
EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


def parse_time(value: object) -> int:
    """Epoch milliseconds of an ISO 8601 timestamp (without an offset: UTC), or NO_TIME."""
    if not isinstance(value, str):
        return NO_TIME
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return NO_TIME
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    at = (moment - EPOCH) // _MS
    return at if FIRST_MS <= at <= _LAST_MS else NO_TIME


def parse_record(line: bytes, fast: Callable[[bytes], Any] | None = None) -> dict[str, Any] | None:
    """The object in a line, or None. Bytes that are no text are replaced; NULs and a byte order mark around it go.

    `fast` is a stricter and faster decoder that is tried first, where there is one (typed.py).
    """
    line = line.strip(b"\0\r\t ").removeprefix(b"\xef\xbb\xbf")
    if not line.rstrip().endswith(b"}"):  # cut off: known without loading `json`, which would say the same
        return None
    record: Any = None
    if fast is not None:
        with suppress(Exception):  # whatever it does not take, the patient one decides on
            record = fast(line)
    if record is None:
        try:
            record = patient_loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
    return record if isinstance(record, dict) else None


def title_of(words: str) -> str:
    """One line of a title or prompt, white space folded, cut to a sensible length."""
    first = words.split(None, TITLE_LENGTH)[:TITLE_LENGTH]  # each has a character at least: no more are needed
    return text_of(" ".join(first)[:TITLE_LENGTH])


def text_of(value: object) -> str:
    """A string fit for SQLite; lone surrogates replaced, anything but text is ""."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def billed_answer(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The envelope and the message of an answer (accounting rule 1), else None."""
    inner: Any = record
    if record.get("type") == "progress":
        data = record.get("data")
        inner = data.get("message") if isinstance(data, dict) else None
    message = inner.get("message") if isinstance(inner, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("usage"), dict):
        return None
    return None if message.get("model") == "<synthetic>" else (inner, message)


def key_of(record: dict[str, Any], inner: dict[str, Any], message: dict[str, Any], session: str, line: bytes) -> str:
    """The identity of a message (accounting rule 2)."""
    name = message.get("id")
    if isinstance(name, str) and name:
        return name if is_issued(name) else "\0".join(("gateway", session, name, text_of(inner.get("requestId"))))
    own = inner.get("uuid")
    return own if isinstance(own, str) and own else "bytes " + line.strip().hex()


def is_issued(name: str) -> bool:
    """Test whether a message's id is one that Anthropic gave, unique everywhere: `msg_` and 20 or more letters, digits
    or underscores."""
    rest = name[4:].removesuffix("\n")
    return name.startswith("msg_") and len(rest) >= 20 and rest.isascii() and rest.replace("_", "0").isalnum()


def is_foreign_id(name: object) -> bool:
    """Test whether a message's id shows a gateway or a cloud: nothing that a plan of Anthropic's paid for."""
    return isinstance(name, str) and name != "" and (not is_issued(name) or name.startswith(CLOUD_IDS))


def writes_final_counts(version: object) -> bool:
    """Test whether a version of Claude Code writes the stop reason and the final counts of every answer."""
    parts = version.split(".")[:3] if isinstance(version, str) else []
    numbers = [int(part) for part in parts if part.isascii() and part.isdecimal()]
    return len(numbers) == 3 and tuple(numbers) >= FINISHING_VERSION


def blocks_of(content: object, version: object) -> bytes:
    """Visible texts and tool calls in a line of an answer without a stop reason (see model/usage/content.py)."""
    lengths: dict[int, int] = {FINISHING_MARK: 0} if writes_final_counts(version) else {}
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if kind == "text":
            text = part.get("text")
        elif kind == "tool_use":
            import json  # only for answers that were cut off

            text = json.dumps(part.get("input"), ensure_ascii=False) + str(part.get("name"))
        else:
            continue
        if isinstance(text, str) and text:
            name = part.get("id")
            key = block_key(kind, name if isinstance(name, str) and name else text[:KEY_CHARACTERS])
            lengths[key] = max(lengths.get(key, 0), len(text))
    return packed_blocks(lengths)


def added_parts(message: dict[str, Any]) -> Iterator[tuple[int, object, dict[str, Any]]]:
    """The parts of `usage.iterations` that were billed beside the answer (accounting rule 5): position, model, usage."""
    parts = message["usage"].get("iterations")
    if not isinstance(parts, list):
        return
    parts = [part for part in parts if isinstance(part, dict)]
    fell_back = any(part.get("type") == "fallback_message" for part in parts)
    for position, part in enumerate(parts):
        declined = fell_back and is_declined(part, message) and _whole(part.get("output_tokens"), []) > 0
        if declined:
            yield position, part.get("model"), part  # without a name it is another model, which has no price
        elif part.get("type") in ("compaction", "advisor_message"):
            yield position, part.get("model") or message.get("model"), part


def is_declined(part: dict[str, Any], message: dict[str, Any]) -> bool:
    """Test whether a part is an attempt of another model: its name differs, or is there and null."""
    return part.get("type") == "message" and "model" in part and part["model"] != message.get("model")


def speed_of(usage: dict[str, Any]) -> str:
    """The speed of an answer: "fast" or "standard", or "batch" for the service tier with half the price."""
    speed = text_of(usage.get("speed"))
    return "batch" if usage.get("service_tier") == "batch" and speed != "fast" else speed


def counts_of(usage: dict[str, Any], problems: list[str]) -> Counts:
    def whole(table: dict[str, Any], name: str) -> int:
        return _whole(table[name], problems) if name in table else 0

    split = usage.get("cache_creation")
    split = split if isinstance(split, dict) else {}
    tools = usage.get("server_tool_use")
    tools = tools if isinstance(tools, dict) else {}
    five, hour = whole(split, "ephemeral_5m_input_tokens"), whole(split, "ephemeral_1h_input_tokens")
    rest = whole(usage, "cache_creation_input_tokens") - five - hour
    return (
        whole(usage, "input_tokens"),
        whole(usage, "output_tokens"),
        five + max(0, rest),  # what the split does not explain is a 5-minute write
        hour,
        whole(usage, "cache_read_input_tokens"),
        whole(tools, "web_search_requests"),
    )


def _whole(value: object, problems: list[str]) -> int:
    """A count: a whole number from 0 to 10^12, as integer, integral float or digits; else 0 and a problem."""
    if type(value) is int and 0 <= value <= MAX_COUNT:  # nearly always
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 14:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    problems.append("bad_counts")
    return 0


def nanodollars(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return -1
    return round(value * 1e9)


def prompt_of(record: dict[str, Any]) -> str:
    """Words that began a session: a prompt that a person typed, a slash command with its arguments, a teammate's message,
    or the summary of a session that is continued; "" for command output, tool results and notes of the client."""
    if record.get("isMeta") or record.get("isSidechain"):
        return ""
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    else:
        texts = [content]
    words = (_prompt_in(text) for text in texts if isinstance(text, str))
    return next(filter(None, words), "")


def _prompt_in(text: str) -> str:
    """The prompt in one text, after what an editor or the client put before it; "" for none."""
    text = text.lstrip()
    if text.startswith("<"):
        text = _NOTES.sub("", text, count=1).lstrip()
    if not text.startswith("<"):
        return "" if text.startswith(("Caveat:", "[Request interrupted")) else title_of(text)
    if command := _COMMAND.search(text):
        name = "/" + command[1].strip().lstrip("/")
        if name in _CLIENT_COMMANDS:
            return ""
        arguments = _ARGUMENTS.search(text)
        return title_of(f"{name} {arguments[1]}" if arguments else name)
    if teammate := _TEAMMATE.match(text):
        return title_of(teammate[1])
    return ""


_NOTES = late_pattern(r"(?s)\A\s*(?:<(ide_\w+|system-reminder)>.*?</\1>\s*)+")
_COMMAND = late_pattern(
    r"\A(?:<command-(?:message|args)>[^<]*</command-(?:message|args)>\s*)*<command-name>([^<]+)</command-name>"
)
_ARGUMENTS = late_pattern(r"(?s)<command-args>(.*?)</command-args>")
_TEAMMATE = late_pattern(r"(?s)<teammate-message\b[^>]*>(.*?)(?:</teammate-message>|\Z)")
# Commands about the client itself: no work begins with them.
_CLIENT_COMMANDS = frozenset(
    [
        "/clear",
        "/login",
        "/logout",
        "/exit",
        "/quit",
        "/model",
        "/config",
        "/help",
        "/status",
        "/cost",
        "/usage",
        "/context",
        "/doctor",
        "/resume",
        "/rename",
        "/theme",
        "/vim",
        "/mcp",
        "/plugin",
        "/hooks",
        "/permissions",
        "/agents",
        "/memory",
        "/statusline",
        "/fast",
        "/effort",
    ]
)


def is_clear(record: dict[str, Any]) -> bool:
    """Test whether a record is the command `/clear`, and not a prompt that speaks of it."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else record.get("content")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = texts[0] if texts else None
    return isinstance(content, str) and content.lstrip()[:1] == "<" and "<command-name>/clear</command-name>" in content


def cost_state_of(record: dict[str, Any]) -> tuple[int, str] | None:
    """Claude Code's own sum of a session: nanodollars, and its models as JSON {model: [input, output, cache read,
    cache write, web searches, nanodollars]}; None where the record has no sum."""
    import json

    total = nanodollars(record.get("totalCostUSD"))
    if total < 0:
        return None
    models = record.get("modelUsage")
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "webSearchRequests")
    table = {
        text_of(model): [*(_whole(use.get(name, 0), []) for name in names), nanodollars(use.get("costUSD"))]
        for model, use in (models.items() if isinstance(models, dict) else ())
        if isinstance(use, dict)
    }
    return total, json.dumps(dict(sorted(table.items())), ensure_ascii=False, separators=(",", ":"))
