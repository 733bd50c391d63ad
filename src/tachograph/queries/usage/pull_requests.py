"""Cost of pull requests: each with its sessions, models and days, their median, and its trend."""

from collections.abc import Sequence
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import rollups, sessions
from tachograph.model.usage.periods import DAY, WEEK, Calendar
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.usage.filters import filter_ids
from tachograph.queries.usage.rows import PullRequestKey, Row, Spend, SpendQuery, SpendReport
from tachograph.queries.usage.spend import spend, spend_by_each


class PullRequest(NamedTuple):
    """A pull request (its key all None for what belongs to none): the sessions and models that worked on it, the days on
    which they did, and what of it belongs to it by branch alone."""

    key: PullRequestKey
    spend: Spend
    sessions: tuple[Row, ...]
    models: tuple[Row, ...]
    days: tuple[str, ...]
    by_branch: Spend = Spend()


class Week(NamedTuple):
    """The pull requests that were linked first in a week: how many, and the middle of what they cost in USD."""

    week: str
    pulls: int
    median_usd: float | None


class PullRequests(NamedTuple):
    """`rows` add up to `totals`; `none` is the usage without a pull request, None if all has one."""

    rows: tuple[PullRequest, ...]
    none: PullRequest | None
    totals: Spend
    median_usd: float | None
    weeks: tuple[Week, ...]


def pull_requests(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery) -> PullRequests:
    """The pull requests of a question's span and filters, the dearest first."""
    by_session, by_model = spend_by_each(db, book, calendar, question._replace(along="pr"), ("session", "model"))
    models = {row.key.url: row.by for row in by_model.rows}
    days = _days(db, book, calendar, question)
    made = [
        PullRequest(row.key, row.spend, row.by, models.get(row.key.url, ()), days.get(row.key.url, ()), row.by_branch)
        for row in by_session.rows
    ]
    real = tuple(pull for pull in made if pull.key.url is not None)
    none = next((pull for pull in made if pull.key.url is None), None)
    return PullRequests(real, none, by_session.totals, median([p.spend.usd for p in real]), _weeks(real, calendar))


def _days(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery
) -> dict[str | None, tuple[str, ...]]:
    """The days on which each pull request was worked on, by its address."""
    filters = filter_ids(db, question)
    if filters.keys() & {"folder", "speed"}:  # the totals alone do not know these
        report = spend(db, book, calendar, question._replace(along="pr", by=DAY))
        return {row.key.url: tuple(sub.key.period for sub in row.by if sub.key.period) for row in report.rows}
    found: dict[int, set[str]] = {}
    day_of: dict[int, str] = {}
    for pull, at in rollups.moments(db, "pull", question.span, filters, calendar.quarters(question.span)):
        if at not in day_of:
            day_of[at] = calendar.day(at).isoformat()
        found.setdefault(pull, set()).add(day_of[at])
    return {facts.url or None: tuple(sorted(found[id])) for id, facts in sessions.pulls(db, found).items()}


def _weeks(rows: Sequence[PullRequest], calendar: Calendar) -> tuple[Week, ...]:
    costs: dict[str, list[float | None]] = {}
    for pull in rows:
        if pull.key.linked_at is not None:
            costs.setdefault(calendar.period(WEEK, pull.key.linked_at)[0], []).append(pull.spend.usd)
    return tuple(Week(week, len(known), median(known)) for week, known in sorted(costs.items()))


def median(values: Sequence[float | None]) -> float | None:
    """The middle of those that are known."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2


def branches(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery) -> SpendReport:
    """Cost of each branch."""
    return spend(db, book, calendar, question._replace(along="branch", by=None))
