"""A slow, plain count of transcripts by the rules of docs/counting.md: what every test of numbers is held against.

It shares no code with the product. Everything is read into memory, every copy of every message is kept, and each
rule is one function over the list of a message's copies. Prices are no part of it.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple

MEASURES = ("messages", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches")
Sums = dict[str, int]
Table = dict[str | None, Sums]


class Copy(NamedTuple):
    """One line's word on one message."""

    counts: tuple[int, ...]
    at: datetime | None
    session: str | None
    is_sidechain: bool
    is_forked: bool
    model: str
    stop: str | None
    branch: str | None
    tail: tuple[str, ...]  # what else orders copies that agree on output and time


class Link(NamedTuple):
    """A pull request's first mention in a session."""

    at: datetime | None
    branch: str | None
    url: str


class Merged(NamedTuple):
    """One billed message."""

    counts: tuple[int, ...]
    at: datetime | None
    session: str | None
    sessions: frozenset[str | None]
    model: str
    branch: str | None


class Counted:
    """The billed messages of some config folders, and how many lines were bad."""

    def __init__(self, messages: list[Merged], links: dict[str | None, list[Link]], bad_lines: int) -> None:
        self.messages = messages
        self.links = links
        self.bad_lines = bad_lines

    @property
    def total(self) -> Sums:
        return _add_up(self.messages)

    def by_day(self, zone: tzinfo = UTC) -> Table:
        return self._by(lambda m: m.at.astimezone(zone).strftime("%Y-%m-%d") if m.at else None)

    def by_month(self, zone: tzinfo = UTC) -> Table:
        return self._by(lambda m: m.at.astimezone(zone).strftime("%Y-%m") if m.at else None)

    def by_model(self) -> Table:
        return self._by(lambda m: m.model)

    def by_session(self) -> Table:
        return self._by(lambda m: m.session)

    def by_branch(self) -> Table:
        return self._by(lambda m: m.branch)

    def by_pull_request(self) -> Table:
        return self._by(lambda m: _pull_request(m, self.links.get(m.session, [])))

    @property
    def in_several_sessions(self) -> int:
        return sum(len(message.sessions) > 1 for message in self.messages)

    def _by(self, key: Callable[[Merged], str | None]) -> Table:
        groups: dict[str | None, list[Merged]] = defaultdict(list)
        for message in self.messages:
            groups[key(message)].append(message)
        return {name: _add_up(group) for name, group in groups.items()}


def count(*configs: Path) -> Counted:
    """Count everything under the `projects` folders of some config folders."""
    copies: dict[object, list[Copy]] = defaultdict(list)
    links: dict[str | None, dict[str, Link]] = defaultdict(dict)
    bad_lines = 0
    for path in _transcripts(configs):
        lines = path.read_bytes().split(b"\n")
        branch = None
        for number, line in enumerate(lines):
            record = _object(line)
            if record is None:
                torn = number == len(lines) - 1  # no newline behind it: it may still be completed
                bad_lines += bool(line.strip(b"\0\r\t ")) and not torn
                continue
            for key, copy in _billed(record, line):
                copies[key].append(copy)
            if record.get("type") == "pr-link" and _text(record.get("prUrl")):
                _note_link(links[_text(record.get("sessionId"))], record, branch)
            branch = _text(record.get("gitBranch")) or branch
    began = _beginnings(copies.values())
    merged = [_merge(group, began) for group in copies.values()]
    return Counted([m for m in merged if m is not None], {s: list(of.values()) for s, of in links.items()}, bad_lines)


# -- lines -----------------------------------------------------------------------------------------------------


def _transcripts(configs: Iterable[Path]) -> Iterator[Path]:
    for config in configs:
        for folder, _, names in os.walk(config / "projects"):
            yield from (Path(folder, name) for name in names if name.endswith(".jsonl"))


def _object(line: bytes) -> dict[str, Any] | None:
    text = line.strip(b"\0\r\t ").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _billed(record: dict[str, Any], line: bytes) -> Iterator[tuple[object, Copy]]:
    """The messages that a record speaks of: its answer, and the parts billed beside it (rules 1, 2 and 5)."""
    answer = record
    if record.get("type") == "progress":
        answer = _table(_table(record.get("data")).get("message"))
    elif record.get("type") != "assistant":
        return
    message = _table(answer.get("message"))
    usage = message.get("usage")
    if not isinstance(usage, dict) or message.get("model") == "<synthetic>":
        return
    key = _key(record, answer, message, line)

    def copy(usage: dict[str, Any], model: object, stop: object) -> Copy:
        own = {**record, **answer}
        return Copy(
            _counts(usage),
            _time(answer.get("timestamp")) or _time(record.get("timestamp")),
            _text(record.get("sessionId")),
            record.get("isSidechain") is True or record.get("type") == "progress",
            bool(record.get("forkedFrom")),
            _text(model) or "unknown",
            _text(stop),
            _text(own.get("gitBranch")),
            tuple(_text(x) or "" for x in (usage.get("speed"), usage.get("inference_geo"), stop, own.get("requestId"))),
        )

    yield key, copy(usage, message.get("model"), message.get("stop_reason"))
    parts = usage.get("iterations")
    parts = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    fell_back = any(part.get("type") == "fallback_message" for part in parts)
    for position, part in enumerate(parts):
        declined = (
            part.get("type") == "message"
            and fell_back
            and part.get("model") not in (None, message.get("model"))
            and _whole(part.get("output_tokens")) > 0
        )
        if declined or part.get("type") in ("compaction", "advisor_message"):
            shared = {"speed": usage.get("speed"), "inference_geo": usage.get("inference_geo")}
            yield (key, position), copy({**shared, **part}, part.get("model") or message.get("model"), None)


def _key(record: dict[str, Any], answer: dict[str, Any], message: dict[str, Any], line: bytes) -> object:
    name = _text(message.get("id"))
    if name and re.fullmatch(r"msg_[A-Za-z0-9_]{20,}", name):
        return name
    if name:
        return ("gateway", _text(record.get("sessionId")), name, _text(answer.get("requestId")))
    return _text(answer.get("uuid")) or ("bytes", line.strip())


def _counts(usage: dict[str, Any]) -> tuple[int, ...]:
    split, tools = _table(usage.get("cache_creation")), _table(usage.get("server_tool_use"))
    five, hour = _whole(split.get("ephemeral_5m_input_tokens")), _whole(split.get("ephemeral_1h_input_tokens"))
    unexplained = max(0, _whole(usage.get("cache_creation_input_tokens")) - five - hour)
    return (
        _whole(usage.get("input_tokens")),
        _whole(usage.get("output_tokens")),
        five + unexplained,
        hour,
        _whole(usage.get("cache_read_input_tokens")),
        _whole(tools.get("web_search_requests")),
    )


def _whole(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,13}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value <= 10**12 and value == int(value) else 0


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)  # type: ignore[arg-type]
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _text(value: object) -> str | None:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# -- copies ----------------------------------------------------------------------------------------------------


_NEVER = datetime.max.replace(tzinfo=UTC)


def _beginnings(groups: Iterable[list[Copy]]) -> dict[str | None, datetime]:
    """When each session began: the earliest copy of any message in it."""
    began: dict[str | None, datetime] = {}
    for copy in (copy for group in groups for copy in group):
        began[copy.session] = min(copy.at or _NEVER, began.get(copy.session, _NEVER))
    return began


def _merge(copies: list[Copy], began: dict[str | None, datetime]) -> Merged | None:
    """All copies of one message as one (rule 3); None if it was not billed."""
    best = min(copies, key=lambda c: (-c.counts[1], c.at or _NEVER, c.model, c.tail, c.branch or ""))
    counts = tuple(max(values) for values in zip(*(c.counts for c in copies), strict=True))
    if best.stop == "refusal" and counts[1] == 0:
        return None
    sessions = frozenset(c.session for c in copies)

    def claim(session: str | None) -> tuple[bool, bool, datetime, str]:
        of = [c for c in copies if c.session == session]
        return (
            all(c.is_sidechain for c in of),
            all(c.is_forked for c in of),
            began[session],
            session or "",
        )

    at = min((c.at for c in copies if c.at), default=None)
    return Merged(counts, at, min(sessions, key=claim), sessions, best.model, best.branch)


def _note_link(of_session: dict[str, Link], record: dict[str, Any], branch: str | None) -> None:
    link = Link(_time(record.get("timestamp")), branch, record["prUrl"])
    old = of_session.get(link.url)
    if old is None or (link.at or _NEVER, link.branch or "") < (old.at or _NEVER, old.branch or ""):
        of_session[link.url] = link


def _pull_request(message: Merged, links: list[Link]) -> str | None:
    """The pull request that a message belongs to (rule 8)."""
    links = sorted(links, key=lambda link: (link.at or _NEVER, link.url))
    at = message.at or _NEVER
    for link in links:
        if (link.at or _NEVER) >= at and (not link.branch or not message.branch or link.branch == message.branch):
            return link.url
    before = [link.url for link in links if (link.at or _NEVER) < at]
    return before[-1] if before else None


def _add_up(messages: Iterable[Merged]) -> Sums:
    rows = [(1, *message.counts) for message in messages]
    return dict(zip(MEASURES, map(sum, zip(*rows, strict=True)), strict=True)) if rows else dict.fromkeys(MEASURES, 0)
