"""What stands in sight all day: the limits, what today used, what was switched, and what still stands of notices."""

import sqlite3
from typing import NamedTuple

from tachograph.ledger import alarms
from tachograph.ledger.choices import choice
from tachograph.model.periods import DAY, Calendar, Span
from tachograph.model.prices import PriceBook
from tachograph.questions.now import LEADS, Now
from tachograph.questions.now import now as now_question
from tachograph.questions.overview import SKEW_MS
from tachograph.questions.spend import Spend, spent

TITLE, ALARMS = "title", "alarms"  # choices (ledger/choices.py)
TITLES = ("long", "medium", "compact")


class Meter(NamedTuple):
    """`style` is one of TITLES; `leads` the id of the account that a person put first, "" where nobody did; `standing`
    how many notices could be dismissed."""

    now: Now
    today: Spend
    style: str
    leads: str
    alarms_on: bool
    standing: int


def meter(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, at: int) -> Meter:
    """All of it as the ledger has it at a moment."""
    start = calendar.period(DAY, at)[1].start
    (today,) = spent(db, book, [Span(start, at + SKEW_MS)])
    style = choice(db, TITLE, "medium")
    return Meter(
        now_question(db, at),
        today,
        style if style in TITLES else "medium",
        choice(db, LEADS),
        choice(db, ALARMS, "on") == "on",
        alarms.standing(db, at),
    )
