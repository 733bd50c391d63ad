"""One screen: today, this week against last week by now, four weeks day by day, and what it went to."""

import sqlite3
from datetime import timedelta
from typing import NamedTuple

from tachograph.model.periods import DAY, WEEK, Calendar, Span
from tachograph.model.prices import PriceBook
from tachograph.questions.spend import Question, Row, Spend, priced, spend, total

WEEKS_SHOWN = 4


class Overview(NamedTuple):
    """`hours`: today's cost by hour; `days`: the last four weeks' by day (USD, what has no price as 0).

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


def overview(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, now: int) -> Overview:
    day = calendar.period(DAY, now)[1]
    week = calendar.period(WEEK, now)[1]
    last_week = calendar.back(WEEK, now, 2)
    assert day.start is not None and week.start is not None  # noqa: S101 - periods are closed
    today = calendar.day(now)
    first = today - timedelta(days=7 * WEEKS_SHOWN - 1)
    starts = [calendar.start_of(first + timedelta(days=n)) for n in range(7 * WEEKS_SHOWN + 1)]
    span = Span(starts[0], starts[-1])
    hour_starts = [*range(day.start, day.end or now, 3_600_000), day.end or now]
    this_week = Span(week.start, week.end)
    return Overview(
        today=_spent(db, book, day),
        week=_spent(db, book, this_week),
        last_week_by_now=_spent(db, book, Span(last_week, last_week + (now - week.start))),
        weeks=_spent(db, book, span),
        hours=tuple(_spent(db, book, Span(a, b)).usd or 0.0 for a, b in zip(hour_starts, hour_starts[1:], strict=False)),
        days=tuple(_spent(db, book, Span(a, b)).usd or 0.0 for a, b in zip(starts, starts[1:], strict=False)),
        projects=spend(db, book, calendar, Question("project", this_week)).rows,
        models=spend(db, book, calendar, Question("model", this_week)).rows,
        is_empty=not _spent(db, book, Span(None, None)).tokens.messages and not _spent(db, book, None).tokens.messages,
    )


def _spent(db: sqlite3.Connection, book: PriceBook, span: Span | None) -> Spend:
    return total(used for _, used in priced(db, book, (), span, {}))
