"""Points of the weekly limit for drivers of usage, over all weeks of the limit that a range touches.

A driver takes a part of each session's and model's work in a week; its points are that part of theirs, as `why` splits a
week. Work outside the range, and of other accounts, takes its points along.
"""

from tachograph.clock import WEEK_MS
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.model.estimates.attribution import Estimate, Shares
from tachograph.model.limits.limits import SESSION_MS, SEVEN_DAY
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PICODOLLARS, PriceBook
from tachograph.queries.estimates.attribution import period_shares
from tachograph.queries.estimates.learning import LearnedState, load, work_for
from tachograph.queries.estimates.periods import all_resets, period_of
from tachograph.queries.usage.drivers import Cells, Drivers, drivers
from tachograph.queries.usage.rows import SpendQuery

_MOST_WEEKS = 60


class LimitWeek(NamedTuple):
    """A week of the limit: its bounds, percent used, shares of its work, and what each session and model cost in it."""

    span: Span
    used: float
    shares: Shares
    whole: dict[tuple[str, str], float]


class DriversWithPoints(NamedTuple):
    """`weeks`: limit weeks that `points` cover; 0 if none could be learned. `used`: the percentages of those, added up."""

    drivers: Drivers
    weeks: int
    used: float

    @property
    def is_learned(self) -> bool:
        """True if points are known."""
        return self.weeks > 0


def drivers_with_points(
    db: sqlite3.Connection, book: PriceBook, question: SpendQuery, account: int | None, at: int
) -> DriversWithPoints:
    """Drivers of a question with points of an account's weekly limit; `account` None or unknown: without points."""
    weeks = limit_weeks(db, book, account, at, question.span) if account else []
    found = drivers(db, book, question, [week.span for week in weeks], account)
    if not weeks:
        return DriversWithPoints(found, 0, 0.0)
    rows = tuple(row._replace(points=_points(weeks, found.cells[row.kind, row.name])) for row in found.rows)
    return DriversWithPoints(found._replace(rows=rows), len(weeks), sum(week.used for week in weeks))


def limit_weeks(db: sqlite3.Connection, book: PriceBook, account: int, at: int, span: Span) -> list[LimitWeek]:
    """The weeks of an account's weekly limit that a span touches and that can be split, oldest first."""
    state = load(db, book, account, at)
    if state.explains_little or not state.is_enough(SEVEN_DAY):
        return []
    first, last = span.start or 0, at if span.end is None else span.end
    resets = [reset for reset in all_resets(db, account, SEVEN_DAY, at) if reset > first and reset - WEEK_MS < last]
    found = [_limit_week(db, book, state, account, at, reset) for reset in sorted(resets)[-_MOST_WEEKS:]]
    return [week for week in found if week is not None]


def _limit_week(
    db: sqlite3.Connection, book: PriceBook, state: LearnedState, account: int, at: int, reset: int
) -> LimitWeek | None:
    asked = period_of(db, account, at, SEVEN_DAY, reset)
    if asked is None:
        return None
    since, until = int(asked.since * 1000), min(at, int(asked.reset * 1000))
    work = work_for(db, book, account, since - SESSION_MS, until)
    shares = period_shares(db, state.learned, account, work, asked, SEVEN_DAY, until)
    if shares is None:
        return None
    whole: dict[tuple[str, str], float] = {}
    for message in work.messages:
        if message.at > asked.since:
            key = (message.session, message.model)
            whole[key] = whole.get(key, 0.0) + sum(message.dollars)
    return LimitWeek(Span(since, until), asked.used, shares, whole)


def _points(weeks: list[LimitWeek], cells: Cells) -> Estimate:
    """Points of all weeks together. Their errors have the same causes, so their widths add up."""
    by_week: dict[int, dict[tuple[str, str], float]] = {}
    for (place, session, model), cost in cells.items():
        if place >= 0:
            by_week.setdefault(place, {})[session, model] = cost / PICODOLLARS
    value = low = high = 0.0
    for place, own in by_week.items():
        week = weeks[place]

        def belongs(session: str, model: str, week: LimitWeek = week, own: dict[tuple[str, str], float] = own) -> float:
            whole = week.whole.get((session, model), 0.0)
            return min(1.0, own.get((session, model), 0.0) / whole) if whole else 0.0

        share = week.shares.share(belongs)
        value, low, high = value + share.value * week.used, low + share.low * week.used, high + share.high * week.used
    return Estimate(value, low, high)
