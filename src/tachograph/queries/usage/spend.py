"""Where did it go: messages, tokens and API-equivalent cost by period, project, model, session, branch or pull request.

Every report is the same question asked along other dimensions; rows always add up to the totals, because each
message has exactly one value on each dimension (0, the unknown, included).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tachograph.errors import NotFound
from tachograph.ledger.usage import messages, rollups, sessions
from tachograph.ledger.usage.messages import QUARTER_MS
from tachograph.model.short_paths import short_paths
from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.periods import Calendar, Span
from tachograph.model.usage.prices import PICODOLLARS, PriceBook, cost, plain_model_name
from tachograph.model.usage.prices import display_name as shown_model


class Spend(NamedTuple):
    """What a group of messages used. `cost` in picodollars, None where nothing in the group is priced."""

    tokens: Tokens = Tokens()
    cost: int | None = None
    unpriced: int = 0

    def __add__(self, other: "Spend") -> "Spend":  # type: ignore[override]  # a sum, not a longer tuple
        known = [c for c in (self.cost, other.cost) if c is not None]
        return Spend(self.tokens + other.tokens, sum(known) if known else None, self.unpriced + other.unpriced)

    @property
    def usd(self) -> float | None:
        return None if self.cost is None else self.cost / PICODOLLARS


class PeriodKey(NamedTuple):
    """A day, a week's first day, a month, an hour with its offset; None for messages without a time."""

    period: str | None


class ProjectKey(NamedTuple):
    project: str | None
    path: str | None


class ModelKey(NamedTuple):
    """A model as it was logged."""

    model: str


class BranchKey(NamedTuple):
    branch: str | None
    project: str | None


class SessionKey(NamedTuple):
    """A session with the project and branch of most of its messages, and how many others it has. Times: epoch ms."""

    session: str | None
    title: str | None
    project: str | None
    branch: str | None
    started_at: int | None
    ended_at: int | None
    more_projects: int = 0
    more_branches: int = 0


class PullRequestKey(NamedTuple):
    """A pull request; all None for messages that belong to none."""

    url: str | None
    number: int | None
    repository: str | None
    linked_at: int | None


class WindowKey(NamedTuple):
    """A 5-hour window's bounds, epoch milliseconds; None for messages without a time.

    `estimated`: from the logs alone, not by the service's own reset; `peak_percent`: the most it was seen to reach.
    """

    starts_at: int | None
    ends_at: int | None
    estimated: bool | None = None
    peak_percent: float | None = None


Key = WindowKey | PeriodKey | ProjectKey | ModelKey | BranchKey | SessionKey | PullRequestKey


class Row(NamedTuple):
    key: Any
    spend: Spend
    by: tuple["Row", ...] = ()


class SpendQuery(NamedTuple):
    """What is asked: of which stretch, along what, with which sub-rows, narrowed to which projects and models.

    `along` and `by` are day, week, month or hour, or project, model, session, branch or pr. `span` None bounds:
    everything, and then messages without a time are part of it.
    """

    along: str
    span: Span
    by: str | None = None
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    session: int | None = None
    last: int | None = None  # windows alone: so many of the newest
    branches: tuple[str, ...] = ()  # whole names; "unknown" is where no record says
    pulls: tuple[str, ...] = ()  # addresses; "none" is what belongs to no pull request
    sessions: tuple[str, ...] = ()  # whole ids
    accounts: tuple[int, ...] = ()


class SpendReport(NamedTuple):
    """Rows in their usual order, what they add up to, and the models in them that have no price."""

    rows: tuple[Row, ...]
    totals: Spend
    unpriced_models: tuple[str, ...] = ()


PERIODS = ("hour", "day", "week", "month")
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "project": ("project",),
    "model": ("model",),
    "branch": ("project", "branch"),
    "session": ("session", "project", "branch"),
    "pr": ("pull",),
}


def spend(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery) -> SpendReport:
    """Answer a question. Raises NotFound where a project or model it names is not in the ledger."""
    filters = filter_ids(db, question)
    asked = [p for p in (question.along, question.by) if p in PERIODS]
    finest = min(asked, key=PERIODS.index) if asked else None
    dimensions = DIMENSIONS.get(question.along, ()) + DIMENSIONS.get(question.by or "", ())
    width = len(DIMENSIONS.get(question.along, ()))
    keys: list[dict[str, str | None]] = []  # of each span: the period of each kind that it lies in

    def spans() -> Iterator[Span | None]:
        for key, span in _slices(db, calendar, finest, question.span):
            start = None if span is None else span.start
            others = {kind: calendar.period(kind, start)[0] for kind in asked if kind != finest and start is not None}
            keys.append({**dict.fromkeys(asked, key), **others})
            yield span

    cells, missing = Cells(), set[str]()
    sums = rollups.sums(db, dimensions, spans(), filters, book.changes())
    for place, values, used in price_sums(db, book, sums, missing):
        main = (keys[place][question.along],) if question.along in asked else values[:width]
        sub = (keys[place][question.by],) if question.by in asked else values[width:]
        cells.add(main, sub, used)
    return build_report(db, question.along, question.by, cells, missing)


class Cells:
    """What was used, by the ids of a row and within it by those of a sub-row."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], dict[tuple[Any, ...], Spend]] = {}

    def add(self, main: tuple[Any, ...], sub: tuple[Any, ...], used: Spend) -> None:
        row = self.rows.setdefault(main, {})
        row[sub] = row[sub] + used if sub in row else used


def price_sums(
    db: sqlite3.Connection,
    book: PriceBook,
    sums: Iterable[tuple[int, tuple[int, ...]]],
    missing: set[str] | None = None,
) -> Iterator[tuple[int, tuple[int, ...], Spend]]:
    """Price sums of the ledger (`rollups.sums`): which span, the values of the dimensions, what was used.

    Models without a price are added to `missing`. Plain lists until the end: this runs for every row of every report.
    """
    found, changes = list(sums), book.changes()
    models = sessions.names(db, {row[-12] for _, row in found})
    grouped: dict[tuple[int, tuple[int, ...]], list[Any]] = {}  # the seven counts, cost, unpriced messages
    for place, row in found:
        model, tariff, epoch = models[row[-12]], row[-11], row[-10]
        # any moment of the epoch will do; before the first change, one before everything
        spent, unpriced = cost_of(book, model, changes[epoch - 1] if epoch else -1, tariff, row[-9:])
        if unpriced and missing is not None:
            missing.add(model)
        key = (place, row[:-12])
        into = grouped.get(key)
        if into is None:
            grouped[key] = [*row[-9:-2], spent, unpriced]
        else:
            for n, count in enumerate(row[-9:-2]):
                into[n] += count
            if spent is not None:
                into[7] = spent if into[7] is None else into[7] + spent
            into[8] += unpriced
    for (place, values), sums_of in grouped.items():
        yield place, values, Spend(Tokens._make(sums_of[:7]), sums_of[7], sums_of[8])


def cost_of(
    book: PriceBook, model: str, at: int | None, tariff: int, measures: Sequence[int]
) -> tuple[int | None, int]:
    """The cost of the nine measures of a rollup in picodollars, and how many of its messages have none.

    What has no price may still carry a cost that Claude Code logged.
    """
    rates = book.rates(model, at, tariff)
    if rates is not None:
        return cost(measures[1:7], rates), 0
    messages, logged_messages, logged_cost = measures[0], measures[7], measures[8]
    return (logged_cost * 1000 if logged_messages else None), messages - logged_messages


def total(spends: Iterable[Spend]) -> Spend:
    parts = list(spends)
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Spend()
    costs = [part.cost for part in parts if part.cost is not None]
    tokens = Tokens(*map(sum, zip(*(part.tokens for part in parts), strict=True)))
    return Spend(tokens, sum(costs) if costs else None, sum(part.unpriced for part in parts))


def _slices(
    db: sqlite3.Connection, calendar: Calendar, period: str | None, span: Span
) -> Iterator[tuple[str | None, Span | None]]:
    """The stretches to ask for one by one: each period in which something was used, and what has no time."""
    if period is None:
        yield None, span
    else:
        start = span.start
        while (moment := rollups.next_moment(db, Span(start, span.end))) is not None:
            key, whole = calendar.period(period, moment)
            assert whole.end is not None  # noqa: S101 - periods are closed
            # a slice begins with its period, for which there are sums in whole hours, but never before the last one ended
            first = whole.start if start is None else max(whole.start or 0, start)
            start = max(whole.end, moment + 900_000)
            yield key, Span(first, start if span.end is None else min(start, span.end))
    if span.start is None and span.end is None:
        yield None, None


# -- filters ---------------------------------------------------------------------------------------------------


def filter_ids(db: sqlite3.Connection, question: SpendQuery) -> dict[str, set[int]]:
    """The ids that a question is narrowed to, by dimension."""
    filters: dict[str, set[int]] = {}
    if question.projects:
        filters["project"] = _matching_projects(rollups.present(db, "project"), question.projects)
    if question.models:
        filters["model"] = _matching_models(rollups.present(db, "model"), question.models)
    if question.session is not None:
        filters["session"] = {question.session}
    if question.branches:
        names = {name or "unknown": id for id, name in rollups.present(db, "branch")}
        filters["branch"] = {names.get(name, NOBODY) for name in question.branches}
    if question.pulls:
        known = sessions.pull_ids(db, question.pulls)
        filters["pull"] = {0 if url == "none" else known.get(url, NOBODY) for url in question.pulls}
    if question.sessions:
        ids = sessions.session_ids(db, question.sessions)
        filters["session"] = {ids.get(uuid, NOBODY) for uuid in question.sessions}
    if question.accounts:
        filters["account"] = set(question.accounts)
    return filters


NOBODY = -1  # an id that no row has: what was named and is not there lets nothing through


def _matching_projects(present: list[tuple[int, str]], wanted: Sequence[str]) -> set[int]:
    shown = short_paths([path for _, path in present])
    found: set[int] = set()
    for word in wanted:
        name = word.rstrip("/\\").lower() or word
        ways = [
            [
                id
                for id, path in present
                if name in (path.lower(), shown[path].lower()) or (name == "unknown" and not path)
            ],
            [id for id, path in present if path.lower().replace("\\", "/").endswith("/" + name)],
            [id for id, path in present if name in shown[path].lower()],
        ]
        found |= _strictest(ways, word, "project", list(shown.values()))
    return found


def _matching_models(present: list[tuple[int, str]], wanted: Sequence[str]) -> set[int]:
    found: set[int] = set()
    for word in wanted:
        name = word.lower()
        ways = [
            [id for id, model in present if name in (model.lower(), shown_model(model).lower())],
            [id for id, model in present if plain_model_name(model).lower() == plain_model_name(name)],
            [id for id, model in present if name in model.lower()],
        ]
        found |= _strictest(ways, word, "model", [shown_model(model) for _, model in present])
    return found


def _strictest(ways: list[list[int]], word: str, what: str, names: Sequence[str]) -> set[int]:
    """What the strictest way finds that finds anything: an exact name is never widened to a part of one."""
    for found in ways:
        if found:
            return set(found)
    if not names:
        return {NOBODY}  # an empty ledger: nothing is found, and that is no mistake
    known = ", ".join(sorted(set(filter(None, names)), key=str.lower)[:12])
    raise NotFound(f"No {what} called {word!r} in the ledger.", f"Known: {known}")


# -- what the rows are called ----------------------------------------------------------------------------------


def build_report(db: sqlite3.Connection, along: str, by: str | None, cells: Cells, missing: set[str]) -> SpendReport:
    """Cells as rows with names, in their usual order."""
    mains = _Describer(db, along, cells.rows)
    subs = _Describer(db, by, [sub for parts in cells.rows.values() for sub in parts]) if by else None
    grouped: dict[Any, list[Row]] = {}
    for key, parts in cells.rows.items():
        rows = subs.rows(parts.items()) if subs else ()
        grouped.setdefault(mains.group(key), []).append(Row(key, total(parts.values()), rows))
    found = tuple(mains.row(parts, subs) for parts in grouped.values())
    return SpendReport(_sorted(along, found), total(row.spend for row in found), tuple(sorted(missing)))


class _Describer:
    """Turns the ids of a dimension into the keys of rows."""

    def __init__(self, db: sqlite3.Connection, along: str, keys: Iterable[tuple[object, ...]]) -> None:
        self.along = along
        ids = [tuple(value for value in key if isinstance(value, int)) for key in keys]
        self.names: dict[int, str] = {}
        self.sessions: dict[int, sessions.SessionFacts] = {}
        self.pulls: dict[int, sessions.PullFacts] = {}
        if along in ("project", "branch", "session"):
            self.short = short_paths([path for _, path in rollups.present(db, "project")])
        if along in ("project", "model", "branch"):
            self.names = sessions.names(db, {value for key in ids for value in key})
        elif along == "session":
            self.sessions = sessions.facts(db, {key[0] for key in ids})
            self.names = sessions.names(db, {value for key in ids for value in key[1:]})
        elif along == "pr":
            self.pulls = sessions.pulls(db, {key[0] for key in ids})

    def group(self, key: tuple[object, ...]) -> object:
        """What makes one row: a session's parts on several projects and branches are one."""
        return key[0] if self.along == "session" else key

    def rows(self, parts: Iterable[tuple[tuple[object, ...], Spend]]) -> tuple[Row, ...]:
        grouped: dict[object, list[Row]] = {}
        for key, used in parts:
            grouped.setdefault(self.group(key), []).append(Row(key, used))
        return _sorted(self.along, tuple(self.row(rows, None) for rows in grouped.values()))

    def row(self, parts: list[Row], subs: "_Describer | None") -> Row:
        """One row out of its parts, whose keys are ids."""
        by = parts[0].by
        if len(parts) > 1 and subs is not None:
            by = _joined(subs.along, [row for part in parts for row in part.by])
        return Row(self._key(parts), total(part.spend for part in parts), by)

    def _key(self, parts: list[Row]) -> Key:
        key: Any = parts[0].key
        if self.along in PERIODS:
            return PeriodKey(key[0])
        if self.along == "window":
            return WindowKey(*key)
        if self.along == "project":
            path = self.names[key[0]]
            return ProjectKey(self.short[path] or None, path or None)
        if self.along == "model":
            return ModelKey(self.names[key[0]])
        if self.along == "branch":
            return BranchKey(self.names[key[1]] or None, self.short[self.names[key[0]]] or None)
        if self.along == "pr":
            pull = self.pulls[key[0]]
            return (
                PullRequestKey(pull.url, pull.number or None, pull.repository or None, pull.linked_at)
                if pull.id
                else PullRequestKey(*[None] * 4)
            )
        return self._session(parts)

    def _session(self, parts: list[Row]) -> SessionKey:
        facts = self.sessions[parts[0].key[0]]
        most: list[dict[str, int]] = [{}, {}]
        for part in parts:
            for place, id in enumerate(part.key[1:3]):
                name = self.names[id]
                most[place][name] = most[place].get(name, 0) + part.spend.tokens.messages
        project, branch = (min(counts, key=lambda name: (-counts[name], name)) for counts in most)
        return SessionKey(
            facts.uuid or None,
            facts.title or None,
            self.short[project] or None,
            branch or None,
            facts.first_at if facts.id else None,
            facts.last_at if facts.id else None,
            len(most[0].keys() - {""} - {project}),
            len(most[1].keys() - {""} - {branch}),
        )


def _joined(along: str, rows: list[Row]) -> tuple[Row, ...]:
    """Sub-rows of several parts of one row, those with the same key added up."""
    found: dict[Any, Spend] = {}
    for row in rows:
        found[row.key] = found[row.key] + row.spend if row.key in found else row.spend
    return _sorted(along, tuple(Row(key, used) for key, used in found.items()))


def _sorted(along: str, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Periods and windows oldest first, what has no time last; everything else by cost."""
    if along == "window":
        return tuple(sorted(rows, key=lambda row: (row.key.starts_at is None, row.key.starts_at or 0)))
    if along in PERIODS:
        return tuple(sorted(rows, key=lambda row: (row.key.period is None, row.key.period or "")))
    return tuple(sorted(rows, key=by_cost))


def by_cost(row: Row) -> tuple[float, int, str]:
    """The order of rows by cost, then tokens, then name: what has no price comes last."""
    return (-1 if row.spend.cost is None else -row.spend.cost, -row.spend.tokens.total, str(row.key))


def spend_in_spans(
    db: sqlite3.Connection,
    book: PriceBook,
    spans: Sequence[Span | None],
    missing: set[str] | None = None,
    account: int | None = None,
) -> list[Spend]:
    """What was used in each of the spans, by all accounts or by one."""
    found = [Spend()] * len(spans)
    filters = {} if account is None else {"account": {account}}
    for place, _, used in price_sums(db, book, rollups.sums(db, (), spans, filters, book.changes()), missing):
        found[place] = found[place] + used
    return found


def exact_spend_in_spans(
    db: sqlite3.Connection, book: PriceBook, spans: Sequence[Span], account: int | None = None
) -> list[Spend]:
    """As `spend_in_spans`, to the millisecond, for closed spans that do not begin on the quarter hour, as windows of limits do:
    whole quarters from the totals, what lies beside them from the messages."""
    found = [Spend()] * len(spans)
    filters = {} if account is None else {"account": {account}}
    whole: list[tuple[int, Span]] = []
    beside: list[tuple[int, Span]] = []
    for place, span in enumerate(spans):
        assert span.start is not None and span.end is not None  # noqa: S101 - closed, as the docstring says
        first, last = -(-span.start // QUARTER_MS) * QUARTER_MS, span.end // QUARTER_MS * QUARTER_MS
        if first < last:
            whole.append((place, Span(first, last)))
            edges = [Span(span.start, first), Span(last, span.end)]
        else:
            edges = [span]
        beside += [(place, edge) for edge in edges if (edge.start or 0) < (edge.end or 0)]
    for parts, sums in ((whole, rollups.sums), (beside, messages.sums)):
        rows = sums(db, (), [span for _, span in parts], filters, book.changes())
        for n, _, used in price_sums(db, book, rows, set()):
            place = parts[n][0]
            found[place] = found[place] + used
    return found
