"""Drivers of usage: subagents, skills, plugins, MCP servers, effort, programs, long context, parallel sessions, cache rebuilds.

Drivers overlap: a subagent may work for a skill at high effort. Each is a part of the same total, so the rows of one
dimension add up to it, together with what no record names.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import message_stream, sessions
from tachograph.ledger.usage.message_stream import StreamedMessage
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.usage.messages import AGENT, NO_TIME, Tokens
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import BATCH, FAST, PriceBook
from tachograph.queries.usage.active_sessions import ACTIVE_MS
from tachograph.queries.usage.filters import filter_ids
from tachograph.queries.usage.pricing import cost_of
from tachograph.queries.usage.rebuilds import RebuildFinder
from tachograph.queries.usage.rows import CREDITS, WAY_KEYS, Spend, SpendQuery

LONG_CONTEXT = 150_000  # tokens of a prompt from which context counts as long
PARALLEL = 4  # active sessions from which work counts as parallel
_BEFORE_MS = 3 * 86_400_000  # messages before the range that those in it may follow

SUBAGENTS, LONG, PARALLEL_SESSIONS, REBUILDS, SPEED = (
    "subagents",
    "long_context",
    "parallel_sessions",
    "cache_rebuilds",
    "speed",
)
DIMENSIONS = tuple(WAY_KEYS)

Kind = tuple[str, str | None]  # a dimension or one of the above, and a name in it
Cell = tuple[int, str, str]  # place of a week, id of a session, model
Cells = dict[Cell, int]  # picodollars


class SessionPart(NamedTuple):
    """A session's part of a driver, 0 to 1 of its cost."""

    session: str
    title: str
    share: float


class Driver(NamedTuple):
    """`kind` is a dimension (agent, skill …), or subagents, long_context, parallel_sessions, cache_rebuilds, speed; `name` a
    value of it, None where no record names one. `spend`: of the messages concerned; of rebuilds, their number, and the
    tokens and cost of writing again. `share` of the total cost, 0 to 1. `sessions`: how many took part; `top`: those with
    the largest parts. `model`: the one with most of the cost, and its share. `saved`: of rebuilds, picodollars that reading
    from the cache would have cost less. `points` of the limit weeks in the range, None if not learned."""

    kind: str
    name: str | None
    spend: Spend
    share: float | None
    sessions: int
    top: tuple[SessionPart, ...]
    model: tuple[str, float] | None
    saved: int = 0
    points: Estimate | None = None

    @property
    def is_rest(self) -> bool:
        """True for the part of a dimension that no advice is about: the main chain, and what no record names."""
        return self.name == "main" if self.kind == "agent" else self.kind in DIMENSIONS and self.name is None


class Drivers(NamedTuple):
    """Rows by cost, the rest of each dimension included; `total` of the range. `cells`: cost by week, session and model of
    each row, for points of the limit."""

    rows: tuple[Driver, ...]
    total: Spend
    cells: dict[Kind, Cells]
    unpriced_models: tuple[str, ...] = ()

    def row(self, kind: str, name: str | None = None) -> Driver | None:
        """The row of a kind and name."""
        return next((row for row in self.rows if (row.kind, row.name) == (kind, name)), None)


def drivers(
    db: sqlite3.Connection,
    book: PriceBook,
    question: SpendQuery,
    weeks: Sequence[Span] = (),
    account: int | None = None,
) -> Drivers:
    """Drivers of a question's span and filters. `weeks`: closed spans, in order, by which `cells` are split; those hold only
    messages of `account`."""
    found = _Collector(db, book, weeks, account)
    start = -NO_TIME if question.span.start is None else question.span.start
    end = NO_TIME if question.span.end is None else question.span.end
    since = start if question.span.start is None else start - _BEFORE_MS
    filters = filter_ids(db, question)
    speeds = filters.pop("speed", None)
    stream = message_stream.stream(db, since, end, filters, book.changes())
    if speeds is not None:
        stream = (message._replace(is_asked=message.is_asked and _speed(message) in speeds) for message in stream)
    rebuilds = RebuildFinder()
    for message, active in _with_active_sessions(stream):
        rebuild = rebuilds.find(message)
        if message.at < start or not message.is_asked:
            continue
        found.add(message, active >= PARALLEL)
        if rebuild is not None:
            found.add_rebuild(message, rebuild.cause, rebuild.tokens, rebuild.for_an_hour)
    if question.span == Span(None, None):
        for message in message_stream.without_time(db, filters):
            if speeds is None or _speed(message) in speeds:
                found.add(message, is_parallel=False)
    return found.drivers()


def _speed(message: StreamedMessage) -> int:
    """Value of the dimension `speed`."""
    return CREDITS if message.is_on_credits else message.tariff & (FAST | BATCH)


def _with_active_sessions(stream: Iterator[StreamedMessage]) -> Iterator[tuple[StreamedMessage, int]]:
    """Each message with the number of sessions that were active then: with a message in the 15 minutes up to it."""
    recent: deque[tuple[int, int]] = deque()
    counts: dict[int, int] = {}
    for message in stream:
        if message.session:
            recent.append((message.at, message.session))
            counts[message.session] = counts.get(message.session, 0) + 1
        while recent and recent[0][0] <= message.at - ACTIVE_MS:
            _, gone = recent.popleft()
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
        yield message, len(counts)


_Group = tuple[int, int, int, int, int, int, bool, bool, bool, bool]


class _Collector:
    """Sums of messages by everything that decides their price and their rows."""

    def __init__(self, db: sqlite3.Connection, book: PriceBook, weeks: Sequence[Span], account: int | None) -> None:
        self._db, self._book, self._account = db, book, account
        self._starts = [week.start or 0 for week in weeks]
        self._ends = [week.end or 0 for week in weeks]
        self._groups: dict[_Group, list[int]] = {}
        self._unpriced: set[str] = set()
        self._rebuilds: dict[tuple[int, int, int, int, int, str], list[int]] = {}

    def _week(self, message: StreamedMessage) -> int:
        """Place of the message's week; -1 for one outside the weeks, or of another account."""
        if message.account != self._account:
            return -1
        place = bisect_left(self._ends, message.at)
        return place if place < len(self._ends) and message.at > self._starts[place] else -1

    def add(self, message: StreamedMessage, is_parallel: bool) -> None:
        key = (
            self._week(message), message.session, message.model, message.tariff, message.epoch, message.way,
            message.is_side, message.prompt > LONG_CONTEXT, is_parallel, message.is_on_credits,
        )  # fmt: skip
        into = self._groups.get(key)
        if into is None:
            into = self._groups[key] = [0] * 9
        into[0] += 1
        for place, count in enumerate((*message.counts, *message.logged), 1):
            into[place] += count

    def add_rebuild(self, message: StreamedMessage, cause: str, tokens: int, for_an_hour: bool) -> None:
        key = (self._week(message), message.session, message.model, message.tariff, message.epoch, cause)
        into = self._rebuilds.setdefault(key, [0, 0, 0])
        into[0] += 1
        into[2 if for_an_hour else 1] += tokens

    def drivers(self) -> Drivers:
        models = sessions.names(self._db, {key[2] for key in self._groups})
        ways = message_stream.ways(self._db)
        names = sessions.names(self._db, {id for way in ways.values() for id in way})
        sums: dict[Kind, _Sum] = {}
        whole = _Sum()

        def add(kind: Kind, cell: Cell, used: Spend, saved: int = 0) -> None:
            sums.setdefault(kind, _Sum()).add(cell, used, saved)

        for key, measures in self._groups.items():
            week, session, model, tariff, epoch, way, is_side, is_long, is_parallel, is_on_credits = key
            used = self._spend(models[model], tariff, epoch, measures)
            if is_on_credits:
                used = used + used.on_credits
            cell = (week, str(session), models[model])
            whole.add(cell, used)
            words = [names[id] or None for id in ways.get(way, ways[0])]
            if not is_side:
                words[AGENT] = "main"
            for dimension, word in zip(DIMENSIONS, words, strict=True):
                add((dimension, word), cell, used)
            for kind, applies in (
                ((SUBAGENTS, None), is_side),
                ((LONG, None), is_long),
                ((PARALLEL_SESSIONS, None), is_parallel),
                ((SPEED, "fast"), bool(tariff & FAST)),
                ((SPEED, "credits"), is_on_credits),
            ):
                if applies:
                    add(kind, cell, used)
        for (week, session, model, tariff, epoch, cause), (count, short, long) in self._rebuilds.items():
            cell = (week, str(session), models[model])
            used, saved = self._rewritten(models[model], tariff, epoch, count, short, long)
            add((REBUILDS, cause), cell, used, saved)
        facts = {str(id): one for id, one in sessions.facts(self._db, {key[1] for key in self._groups}).items()}
        rows = [found.driver(kind, whole.spend, facts.get) for kind, found in sums.items()]
        rows.sort(key=lambda row: (-(row.spend.cost or 0), -row.spend.tokens.total, row.kind, row.name or ""))
        return Drivers(
            tuple(rows), whole.spend, {kind: found.cells for kind, found in sums.items()}, tuple(sorted(self._unpriced))
        )

    def _at(self, epoch: int) -> int:
        """Any moment of a price epoch."""
        return self._book.changes()[epoch - 1] if epoch else -1

    def _spend(self, model: str, tariff: int, epoch: int, measures: Sequence[int]) -> Spend:
        cost, unpriced = cost_of(self._book, model, self._at(epoch), tariff, measures)
        if unpriced:
            self._unpriced.add(model)
        return Spend(Tokens._make(measures[:7]), cost, unpriced, (cost or 0) if tariff & FAST else 0)

    def _rewritten(self, model: str, tariff: int, epoch: int, count: int, short: int, long: int) -> tuple[Spend, int]:
        """Use of tokens that were written again, and how much less reading them would have cost."""
        rates = self._book.rates(model, self._at(epoch), tariff)
        tokens = Tokens(count, 0, 0, short, long, 0, 0)
        if rates is None:
            return Spend(tokens, None, count), 0
        cost = short * rates.cache_write_5m + long * rates.cache_write_1h
        return Spend(tokens, cost, 0, cost if tariff & FAST else 0), cost - (short + long) * rates.cache_read


class _Sum:
    """Everything that adds up to one row."""

    def __init__(self) -> None:
        self.spend = Spend()
        self.saved = 0
        self.cells: Cells = {}

    def add(self, cell: Cell, used: Spend, saved: int = 0) -> None:
        self.spend = self.spend + used
        self.saved += saved
        self.cells[cell] = self.cells.get(cell, 0) + (used.cost or 0)

    def driver(self, kind: Kind, whole: Spend, fact_of: Callable[[str], sessions.SessionFacts | None]) -> Driver:
        by_session, by_model = self._by(1), self._by(2)
        total = self.spend.cost or 0
        top = []
        for id, cost in sorted(by_session.items(), key=lambda item: (-item[1], item[0]))[:3]:
            fact = fact_of(id)
            if fact is not None and fact.uuid and total:
                top.append(SessionPart(fact.uuid, fact.title, cost / total))
        model = max(by_model.items(), key=lambda item: (item[1], item[0]), default=None)
        share = self.spend.cost / whole.cost if self.spend.cost is not None and whole.cost else None
        return Driver(
            *kind,
            self.spend,
            share,
            len(by_session),
            tuple(top),
            (model[0], model[1] / total) if model is not None and total else None,
            self.saved,
        )

    def _by(self, place: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for cell, cost in self.cells.items():
            name = str(cell[place])
            found[name] = found.get(name, 0) + cost
        return found
