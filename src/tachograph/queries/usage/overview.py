"""One screen: today, this week against last week by now, four weeks day by day, and what it went to."""

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits.poll_state import last_message
from tachograph.model.usage.periods import DAY, WEEK, Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.usage.rows import Row, Spend, SpendQuery
from tachograph.queries.usage.spend import spend, spend_in_spans

WEEKS_SHOWN = 4
SKEW_MS = 5 * 60_000  # what is dated further ahead is no part of now


class Overview(NamedTuple):
    """`hours`: today's cost by hour; `days`: the last four weeks' by day (USD, unpriced usage as 0).

    `last_week_by_now`: what the week before had used at this point of it. Projects and models are this week's.
    """

    today: Spend
    week: Spend
    last_week_by_now: Spend
    weeks: Spend
    hours: tuple[float, ...]
    days: tuple[float, ...]
    projects: tuple[Row, ...]
    models: tuple[Row, ...]
    is_empty: bool
    unpriced_models: tuple[str, ...]
    week_began: date
    newest: date | None  # the day of the newest message, where the four weeks hold none


def overview(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, now: int) -> Overview:
    day, week = calendar.period(DAY, now)[1], calendar.period(WEEK, now)[1]
    last_week = calendar.back(WEEK, now, 2)
    assert day.start is not None and day.end is not None and week.start is not None  # noqa: S101 - they are closed
    first = calendar.day(now) - timedelta(days=7 * WEEKS_SHOWN - 1)
    starts = [calendar.start_of(first + timedelta(days=n)) for n in range(7 * WEEKS_SHOWN + 1)]
    until = now + SKEW_MS
    this_week = Span(week.start, until)
    missing: set[str] = set()
    spans = [Span(day.start, until), this_week, Span(last_week, last_week + (now - week.start)), Span(starts[0], until)]
    today, used, last, weeks = spend_in_spans(db, book, spans, missing)
    everything = spend_in_spans(db, book, [Span(None, None), None])
    return Overview(
        today=today,
        week=used,
        last_week_by_now=last,
        weeks=weeks,
        hours=_dollars(db, book, [*range(day.start, day.end, 3_600_000), day.end], until),
        days=_dollars(db, book, starts, until),
        projects=spend(db, book, calendar, SpendQuery("project", this_week)).rows,
        models=spend(db, book, calendar, SpendQuery("model", this_week)).rows,
        is_empty=not any(used.tokens.messages for used in everything),
        unpriced_models=tuple(sorted(missing)),
        week_began=calendar.day(week.start),
        newest=None if weeks.tokens.messages or not (last_at := last_message(db)) else calendar.day(last_at),
    )


def _dollars(db: sqlite3.Connection, book: PriceBook, bounds: Sequence[int], until: int) -> tuple[float, ...]:
    """The cost between each two bounds in USD, of what lies before `until`."""
    spans = [Span(min(a, until), min(b, until)) for a, b in itertools.pairwise(bounds)]
    return tuple(used.usd or 0.0 for used in spend_in_spans(db, book, spans))
