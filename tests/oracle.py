"""A slow, plain count of transcripts by the rules of docs/counting.md: what every test of numbers is held against.

It shares no code with the product. Everything is read into memory, every copy of every message is kept, and each
rule is one function over the list of a message's copies. Prices are no part of it.
"""

import itertools
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
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
    cwd: str
    uuid: str
    request: str
    is_agent: bool
    tail: tuple[str, ...]  # what else orders copies that agree on output and time


class Link(NamedTuple):
    """A pull request's first mention in a session."""

    at: datetime | None
    branch: str | None
    url: str
    cwd: str


class Merged(NamedTuple):
    """One billed message."""

    counts: tuple[int, ...]
    at: datetime | None
    session: str | None
    sessions: frozenset[str | None]
    model: str
    branch: str | None
    cwd: str
    is_main: bool
    name: int


class Counted:
    """The billed messages of some config folders, and how many lines were bad."""

    def __init__(
        self,
        messages: list[Merged],
        links: dict[str | None, list[Link]],
        clears: dict[str | None, list[datetime]],
        bad_lines: int,
    ) -> None:
        self.messages = messages
        self.links = links
        self.clears = clears
        self.bad_lines = bad_lines
        self.repositories = _repositories(messages)

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
        found = _pull_requests(self)
        return self._by(lambda m: found.get(m.name))

    def by_project(self) -> Table:
        return self._by(lambda m: _project(m.cwd, self.repositories) or None)

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
    clears: dict[str | None, list[datetime]] = defaultdict(list)
    bad_lines = 0
    for path in _transcripts(configs):
        lines = path.read_bytes().split(b"\n")
        seen: list[tuple[str, str]] = []  # branch and folder of the records so far that name a branch
        for number, line in enumerate(lines):
            record = _object(line)
            if record is None:
                torn = number == len(lines) - 1  # no newline behind it: it may still be completed
                bad_lines += bool(line.strip(b"\0\r\t ")) and not torn
                continue
            for key, copy in _billed(record, line):
                copies[key].append(copy)
            if record.get("type") == "pr-link" and _text(record.get("prUrl")):
                _note_link(links[_text(record.get("sessionId"))], record, seen)
            content = _table(record.get("message")).get("content", record.get("content"))
            if isinstance(content, list):
                content = next((_table(part).get("text") for part in content if _table(part).get("type") == "text"), "")
            is_command = str(content).lstrip().startswith("<") and "<command-name>/clear</command-name>" in str(content)
            if record.get("type") in ("user", "system") and is_command:
                clears[_text(record.get("sessionId"))] += [at for at in [_time(record.get("timestamp"))] if at]
            if branch := _text(record.get("gitBranch")):
                seen.append((branch, _text(record.get("cwd")) or ""))
    answers = [answer for key, group in copies.items() for answer in _answers(key, group)]
    order = _session_order(answers)
    merged = [_merge(name, group, order) for name, group in answers]
    return Counted(
        [m for m in merged if m is not None], {s: list(of.values()) for s, of in links.items()}, clears, bad_lines
    )


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
            _text(own.get("cwd")) or "",
            _text(answer.get("uuid")) or "",
            _text(answer.get("requestId")) or "",
            bool(_text(own.get("agentId"))),
            tuple(_text(x) or "" for x in (usage.get("speed"), usage.get("inference_geo"), stop)),
        )

    yield key, copy(usage, message.get("model"), message.get("stop_reason"))
    parts = usage.get("iterations")
    parts = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    fell_back = any(part.get("type") == "fallback_message" for part in parts)
    for position, part in enumerate(parts):
        declined = (
            part.get("type") == "message"
            and fell_back
            and "model" in part
            and part["model"] != message.get("model")
            and _whole(part.get("output_tokens")) > 0
        )
        if declined or part.get("type") in ("compaction", "advisor_message"):
            shared = {"speed": usage.get("speed"), "inference_geo": usage.get("inference_geo")}
            model = part.get("model") if declined else part.get("model") or message.get("model")
            yield (key, position), copy({**shared, **part}, model, None)


def _key(record: dict[str, Any], answer: dict[str, Any], message: dict[str, Any], line: bytes) -> object:
    name = _text(message.get("id"))
    if name and re.fullmatch(r"msg_[A-Za-z0-9_]{20,}", name):
        return name
    if name:
        # as the ledger spells it: its number decides between two messages of one millisecond
        return "\0".join(("gateway", _text(record.get("sessionId")) or "", name, _text(answer.get("requestId")) or ""))
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
_TEN_MINUTES, _TEN_SECONDS = timedelta(minutes=10), timedelta(seconds=10)


def _is_contradiction(a: Copy, b: Copy) -> bool:
    """Whether two lines with one id cannot be one answer (rule 2)."""
    if a.at == b.at or (a.uuid and a.uuid == b.uuid):
        return False
    if a.request and b.request and a.request != b.request:
        return True
    if a.at is None or b.at is None:
        return False
    if abs(a.at - b.at) > _TEN_MINUTES:
        return True
    first, later = sorted((a, b), key=lambda copy: copy.at or _NEVER)
    apart = (later.at or _NEVER) - (first.at or _NEVER)
    return bool(first.stop) and (later.counts != first.counts or apart > _TEN_SECONDS)


def _answers(key: object, copies: list[Copy]) -> Iterator[tuple[int, list[Copy]]]:
    """The answers that have an id: one, or several where lines contradict each other. Each with a number as its name."""
    if not any(_is_contradiction(a, b) for n, a in enumerate(copies) for b in copies[:n]):
        yield _number(key), copies
        return
    groups: list[list[Copy]] = []
    for session in {copy.session for copy in copies}:
        mine: list[list[Copy]] = []
        lines = sorted((c for c in copies if c.session == session), key=lambda c: (c.at or _NEVER, c.uuid))
        for line in lines:
            fitting = [g for g in mine if line.request and any(c.request == line.request for c in g)]
            group = fitting[-1] if fitting else mine[-1] if mine and not line.request else None
            if group is None or any(_is_contradiction(line, other) for other in group):
                mine.append([line])
            else:
                group.append(line)
        groups += mine
    by_start: dict[datetime | None, list[Copy]] = defaultdict(list)  # copies in other sessions have the same times
    for group in groups:
        by_start[group[0].at] += group
    for at, group in by_start.items():
        yield _number((key, str(at))), group


def _number(key: object) -> int:
    """The number that puts messages of one moment in order: the bytes of an issued id, modulo a prime."""
    text = key if isinstance(key, str) else repr(key)
    return int.from_bytes(text.encode("utf-8", "surrogatepass"), "big") % (2**61 - 1)


def _session_order(answers: list[tuple[int, list[Copy]]]) -> dict[str | None, int]:
    """Sessions by their messages in order of time: of two, the one with the earlier message at the first difference, or
    which is a prefix of the other, is the original."""
    messages: dict[str | None, list[tuple[datetime, int]]] = defaultdict(list)
    for name, copies in answers:
        at = min((c.at for c in copies if c.at), default=_NEVER)
        for session in {c.session for c in copies}:
            messages[session].append((at, name))
    ordered = sorted(messages, key=lambda session: (sorted(messages[session]), session or ""))
    return {session: place for place, session in enumerate(ordered)}


def _merge(name: int, copies: list[Copy], order: dict[str | None, int]) -> Merged | None:
    """All copies of one message as one (rule 3); None if it was not billed."""
    best = min(copies, key=lambda c: (-c.counts[1], c.at or _NEVER, c.model, c.tail, c.branch or "", c.cwd))
    counts = tuple(max(values) for values in zip(*(c.counts for c in copies), strict=True))
    if best.stop == "refusal" and counts[1] == 0:
        return None
    sessions = frozenset(c.session for c in copies)

    def claim(session: str | None) -> tuple[bool, bool, int]:
        of = [c for c in copies if c.session == session]
        return all(c.is_sidechain for c in of), all(c.is_forked for c in of), order[session]

    at = min((c.at for c in copies if c.at), default=None)
    owner = min(sessions, key=claim)
    is_main = not all(c.is_sidechain for c in copies if c.session == owner) and not best.is_agent
    return Merged(counts, at, owner, sessions, best.model, best.branch, best.cwd, is_main, name)


def _mention(link: Link) -> tuple[Any, ...]:
    return link.at or _NEVER, not link.cwd, link.branch or "", link.cwd or ""


def _note_link(of_session: dict[str, Link], record: dict[str, Any], seen: list[tuple[str, str]]) -> None:
    name = (_text(record.get("prRepository")) or "").rpartition("/")[2].lower()
    own = [place for place in seen if name and name in f"{place[1]}/{_out_of_worktree(place[1])}".lower().split("/")]
    known = [[place for place in places if place[0] not in _UNKNOWN] for places in (own, seen)]
    branch, cwd = next((places[-1] for places in (known[0], own, known[1], seen) if places), ("", ""))
    link = Link(_time(record.get("timestamp")), branch or None, record["prUrl"], cwd)
    old = of_session.get(link.url)
    if old is None or _mention(link) < _mention(old):
        of_session[link.url] = link


# -- projects and pull requests --------------------------------------------------------------------------------

_DEFAULTS = ("main", "master", "trunk", "develop", "dev", "next", "staging", "production")
_UNKNOWN = (None, "HEAD")
_PAUSE, _CLAIM = timedelta(hours=12), timedelta(days=30)


def _repositories(messages: list[Merged]) -> set[str]:
    """Folders where some session began with a branch (rule 7)."""
    found = set()
    for session in {s for m in messages for s in m.sessions}:
        mine = [m for m in messages if session in m.sessions and m.at and m.is_main]
        first = min(mine, key=lambda m: (m.at or _NEVER, m.name), default=None)
        if first and first.branch not in _UNKNOWN and first.cwd:
            found.add(_out_of_worktree(first.cwd))
    return found


def _out_of_worktree(cwd: str) -> str:
    for mark in ("/.claude/worktrees/", "/.git/worktrees/", "/.worktrees/"):
        cwd = cwd.split(mark)[0] if cwd.find(mark) > 0 else cwd
    return cwd.rstrip("/") or cwd


def _project(cwd: str, repositories: set[str]) -> str:
    folder = _out_of_worktree(cwd)
    inside = [r for r in repositories if folder == r or folder.startswith(r.rstrip("/") + "/")]
    return max(inside, key=len, default=folder)


def _pull_requests(counted: Counted) -> dict[int, str]:
    """The pull request of every message that belongs to one, by the message's name (rule 8)."""

    def place(cwd: str, branch: str | None) -> tuple[str, str | None]:
        return _project(cwd, counted.repositories), branch

    claims: dict[tuple[str, str | None], list[Link]] = defaultdict(list)
    for link in (link for links in counted.links.values() for link in links):
        if link.branch not in _UNKNOWN and link.branch not in _DEFAULTS:
            claims[place(link.cwd, link.branch)].append(link)
    found: dict[int, str] = {}
    for session in {m.session for m in counted.messages}:
        mine = sorted((m for m in counted.messages if m.session == session), key=lambda m: (m.at or _NEVER, m.name))
        main = [m for m in mine if m.is_main] or mine
        links = sorted(counted.links.get(session, []), key=lambda link: (link.at or _NEVER, link.url))
        clears = counted.clears.get(session, [])
        for m in main:
            url = _claimed(m, claims.get(place(m.cwd, m.branch), []))
            url = url or _linked(m, mine, main, links, clears, place)
            if url:
                found[m.name] = url
        for m in mine:
            if m not in main:
                before = [one for one in main if (one.at or _NEVER) <= (m.at or _NEVER)]
                lead = before[-1] if before else main[0]
                if lead.name in found:
                    found[m.name] = found[lead.name]
    return found


def _claimed(message: Merged, links: list[Link]) -> str | None:
    links = sorted(links, key=lambda link: (link.at or _NEVER, link.url))
    if not links or message.at is None:
        return None
    first, last = links[0].at or _NEVER, links[-1].at or _NEVER
    if first - message.at > _CLAIM or message.at - last > _CLAIM:
        return None
    return next((link.url for link in links if (link.at or _NEVER) >= message.at), links[-1].url)


def _linked(
    message: Merged,
    mine: list[Merged],
    main: list[Merged],
    links: list[Link],
    clears: list[datetime],
    place: Callable[[str, str | None], tuple[str, str | None]],
) -> str | None:
    at = message.at or _NEVER
    times = sorted(m.at for m in mine if m.at)
    loose = (*_UNKNOWN, *_DEFAULTS)
    for number, link in enumerate(links):
        linked_at = link.at or _NEVER
        if at > linked_at or (number and at <= (links[number - 1].at or _NEVER)):
            continue
        steps = [time for time in times if at <= time <= linked_at] + ([linked_at] if link.at else [])
        paused = any(b - a > _PAUSE for a, b in itertools.pairwise(steps))
        if paused or any(at <= clear < linked_at for clear in clears):
            continue
        if place(message.cwd, None) != place(link.cwd, None):
            continue
        comes_again = any(
            (m.at or _NEVER) > linked_at and place(m.cwd, m.branch) == place(message.cwd, message.branch) for m in main
        )
        if message.branch == link.branch or message.branch in loose or not comes_again:
            return link.url
    if links and at > (links[-1].at or _NEVER) and place(message.cwd, None) == place(links[-1].cwd, None):
        last = links[-1]
        steps = [last.at or _NEVER, *(time for time in times if (last.at or _NEVER) < time <= at)]
        paused = any(b - a > _PAUSE for a, b in itertools.pairwise(steps))
        if message.branch in _UNKNOWN and not paused:
            return last.url
        if message.branch == last.branch and message.branch not in loose:
            return last.url
    return None


def _add_up(messages: Iterable[Merged]) -> Sums:
    rows = [(1, *message.counts) for message in messages]
    return dict(zip(MEASURES, map(sum, zip(*rows, strict=True)), strict=True)) if rows else dict.fromkeys(MEASURES, 0)
