"""Live state: the limits with their trends, the burn rate, the active sessions and their newest messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import activity, context_windows, messages, rollups, sessions
from tachograph.ledger.usage.activity import RecentMessage
from tachograph.ledger.usage.files import problem_counts
from tachograph.model.context_window import window
from tachograph.model.short_paths import short_paths
from tachograph.model.usage.periods import DAY, Calendar, Span
from tachograph.model.usage.prices import PICODOLLARS, TIERS, PriceBook, tariff
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.limits.pace import HOUR, Trend, trends
from tachograph.queries.usage.active_sessions import ACTIVE_MS
from tachograph.queries.usage.overview import SKEW_MS
from tachograph.queries.usage.pricing import cost_of, price_sums
from tachograph.queries.usage.problems import Problems
from tachograph.queries.usage.rows import Row as SpendRow
from tachograph.queries.usage.rows import Spend, by_cost
from tachograph.queries.usage.spend import spend_in_spans

BURN_MS = 10 * 60_000  # long enough for a long answer, short enough for now
LISTED_MS = 5 * HOUR  # a 5-hour window of sessions
AGENTS_MS = 3 * 60_000
MOST_SESSIONS, MOST_MESSAGES = 60, 40


class AccountTrend(NamedTuple):
    """An account with the trends of its limits, in their order."""

    account: NowAccount
    trends: tuple[Trend, ...]


class Burn(NamedTuple):
    """Burn rate of this machine's messages over the last minutes; None if nothing has a price."""

    tokens_per_minute: float
    usd_per_hour: float | None
    unpriced: int = 0


class Context(NamedTuple):
    """Tokens in a conversation, and the most that it may hold; None if unknown."""

    tokens: int
    window: int | None

    @property
    def share(self) -> float | None:
        return None if self.window is None else self.tokens / self.window


class ActiveSession(NamedTuple):
    """A session with messages in the last hours, with its whole usage. `is_running`: it is active (a message in the last
    15 minutes); `agents`: subagents with a message just now. Times: epoch ms."""

    session: str
    title: str | None
    project: str | None
    path: str | None
    branch: str | None
    model: str
    context: Context | None
    spend: Spend
    started_at: int | None
    last_at: int
    is_running: bool
    agents: tuple[str, ...] = ()


class LiveMessage(NamedTuple):
    """A message as it came. `cost` in picodollars, None without a price; `session` "" for none."""

    id: int
    at: int
    session: str
    title: str | None
    project: str | None
    model: str
    prompt: int
    output: int
    cost: int | None
    is_agent: bool

    @property
    def usd(self) -> float | None:
        return None if self.cost is None else self.cost / PICODOLLARS


class Names(NamedTuple):
    """Short names of projects, valid while `mark` stays the same: working them out looks at the whole ledger."""

    mark: int = -1
    short: Mapping[str, str] = {}


class LiveState(NamedTuple):
    """All of it at a moment. `models` and `projects` of today, by cost; `problems` as reports count them."""

    at: int
    accounts: tuple[AccountTrend, ...]
    burn: Burn
    sessions: tuple[ActiveSession, ...]
    today: Spend
    models: tuple[tuple[str, Spend], ...]
    projects: tuple[tuple[str | None, Spend], ...]
    messages: tuple[LiveMessage, ...]
    problems: Problems
    names: Names = Names()

    @property
    def running(self) -> int:
        return sum(session.is_running for session in self.sessions)

    @property
    def next_change(self) -> int | None:
        """The next moment at which the limits change by themselves: a reset."""
        resets = [trend.limit.resets_at for account in self.accounts for trend in account.trends]
        return min((at for at in resets if at is not None and at > self.at), default=None)


def live_state(
    db: sqlite3.Connection,
    book: PriceBook,
    calendar: Calendar,
    at: int,
    names: Names | None = None,
    *,
    left: bool = False,
) -> LiveState:
    """Live state at a moment. `names`: those of an earlier answer, to spare working them out again; `left`: limits show
    what is left of them."""
    until = at + SKEW_MS
    names = _names(db, names)
    day = Span(calendar.period(DAY, at)[1].start, until)
    (today,) = spend_in_spans(db, book, [day])
    models = _today(db, book, day, "model")
    projects = _today(db, book, day, "project")
    told = activity.newest(db, until, MOST_MESSAGES)
    work = activity.at_work(db, at - LISTED_MS, until, MOST_SESSIONS)
    facts = sessions.facts(db, {session for session, _ in work} | {message.session for message in told})
    return LiveState(
        at,
        tuple(AccountTrend(one, tuple(trends(db, one, at))) for one in now_question(db, at, left=left).accounts),
        _burn(db, book, at, until),
        tuple(_at_work(db, book, work, facts, names, at, until)),
        today,
        tuple(models),
        tuple((names.short.get(path, path) if path else None, used) for path, used in projects),
        tuple(_live_message(book, message, facts, names) for message in told),
        Problems(problem_counts(db)),
        names,
    )


# -- messages --------------------------------------------------------------------------------------------------


def _burn(db: sqlite3.Connection, book: PriceBook, at: int, until: int) -> Burn:
    sums = messages.sums(db, (), [Span(at - BURN_MS, until)], {}, book.changes())
    used = Spend()
    for _, _, part in price_sums(db, book, sums):
        used = used + part
    per_hour = None if used.usd is None else used.usd * HOUR / BURN_MS
    if not used.tokens.messages:
        per_hour = 0.0
    return Burn(used.tokens.total * 60_000 / BURN_MS, per_hour, used.unpriced)


def _today(db: sqlite3.Connection, book: PriceBook, day: Span, along: str) -> list[tuple[str, Spend]]:
    """Today's usage by each value of a dimension, by cost; the values as the ledger has them."""
    found = list(price_sums(db, book, rollups.sums(db, (along,), [day], {}, book.changes())))
    called = sessions.names(db, {values[0] for _, values, _ in found})
    rows = sorted((SpendRow(called[values[0]], used) for _, values, used in found), key=by_cost)
    return [(row.key, row.spend) for row in rows]


def _at_work(
    db: sqlite3.Connection,
    book: PriceBook,
    work: Sequence[tuple[int, int]],
    facts: Mapping[int, sessions.SessionFacts],
    names: Names,
    at: int,
    until: int,
) -> Iterator[ActiveSession]:
    spends, large = _spends(db, book, [facts[session] for session, _ in work])
    sizes = context_windows.windows(db, [facts[session].uuid for session, _ in work])
    for session, last_at in work:
        known, last = facts[session], activity.last_of(db, session, until)
        if last is None:
            continue
        context = _context(last, sizes.get(known.uuid), session, large)
        yield ActiveSession(
            known.uuid,
            known.title or None,
            names.short.get(last.project) or None,
            last.project or None,
            last.branch or None,
            last.model,
            context,
            spends.get(session, Spend()),
            known.first_at,
            last_at,
            at - last_at < ACTIVE_MS,
            tuple(activity.agents(db, session, at - AGENTS_MS)) if at - last_at < AGENTS_MS else (),
        )


def context_and_agents(
    db: sqlite3.Connection, book: PriceBook, uuids: Sequence[str], at: int
) -> dict[str, tuple[Context | None, tuple[str, ...]]]:
    """For each of those sessions what `monitor` says of it: how full its context is, which subagents were heard just now."""
    until = at + SKEW_MS
    facts = sessions.facts(db, list(sessions.session_ids(db, list(uuids)).values()))
    _, large = _spends(db, book, facts.values())
    sizes = context_windows.windows(db, list(uuids))
    made = {}
    for session, known in facts.items():
        context = _context(activity.last_of(db, session, until), sizes.get(known.uuid), session, large)
        made[known.uuid] = context, tuple(activity.agents(db, session, at - AGENTS_MS))
    return made


def _context(
    last: RecentMessage | None, told: int | None, session: int, large: Mapping[tuple[int, str], int]
) -> Context | None:
    if last is None or last.is_side or not last.prompt:
        return None
    if told is not None and last.prompt <= told:  # a window that holds less is one of before
        return Context(last.prompt, told)
    return Context(last.prompt, window(last.model, max(last.prompt, large.get((session, last.model), 0))))


def _spends(
    db: sqlite3.Connection, book: PriceBook, asked: Iterable[sessions.SessionFacts]
) -> tuple[dict[int, Spend], dict[tuple[int, str], int]]:
    """Usage of each session in all; and, by session and model, how many tokens a prompt had at least, if one was
    longer than the largest tier. New sessions are asked for apart: it is less to look through."""
    made: dict[int, Spend] = {}
    large: list[tuple[int, int]] = []
    known = [(facts.first_at or 0, facts.id) for facts in asked]
    latest = max((first for first, _ in known), default=0)
    for is_new in (True, False):
        ids = {id for first, id in known if (first >= latest - 24 * HOUR) == is_new}
        if not ids:
            continue
        quarter = messages.QUARTER_MS
        since = min(first for first, id in known if id in ids) // quarter * quarter
        sums = list(rollups.sums(db, ("session",), [Span(since, None)], {"session": ids}, book.changes()))
        large += [(row[0], row[1]) for _, row in sums if row[2] >> 2 == len(TIERS)]
        made |= {values[0]: used for _, values, used in price_sums(db, book, sums)}
    models = sessions.names(db, {model for _, model in large})
    return made, {(session, models[model]): TIERS[-1] + 1 for session, model in large}


def _live_message(
    book: PriceBook, message: RecentMessage, facts: Mapping[int, sessions.SessionFacts], names: Names
) -> LiveMessage:
    session = facts.get(message.session)
    kind = tariff(message.speed, message.geo, message.prompt)
    cost, _ = cost_of(book, message.model, message.at, kind, message.measures)
    return LiveMessage(
        message.id,
        message.at,
        session.uuid if session else "",
        session.title or None if session else None,
        names.short.get(message.project) or None,
        message.model,
        message.prompt,
        message.measures[2],
        cost,
        message.is_side or bool(message.agent),
    )


def _names(db: sqlite3.Connection, known: Names | None) -> Names:
    mark = rollups.newest_origin(db)
    if known is not None and known.mark == mark:
        return known
    return Names(mark, short_paths([path for _, path in rollups.present(db, "project")]))
