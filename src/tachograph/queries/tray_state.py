"""State of the tray: limits, today's usage, preferences, active notifications."""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import notifications
from tachograph.ledger.storage.preferences import get_preference
from tachograph.model.usage.periods import DAY, Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.limits.current import LEADS, Now
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.usage.overview import SKEW_MS
from tachograph.queries.usage.rows import Spend
from tachograph.queries.usage.spend import spend_in_spans

TITLE, ALARMS = "title", "alarms"  # choices (ledger/storage/preferences.py)
TITLES = ("long", "medium", "compact")


class TrayState(NamedTuple):
    """`style` is one of TITLES; `leads`: the id of the account that the person put first, "" for none; `standing`: the
    number of notifications that can be dismissed."""

    now: Now
    today: Spend
    style: str
    leads: str
    alarms_on: bool
    standing: int


def tray_state(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, at: int, *, left: bool = False
) -> TrayState:
    """State of the tray at a moment. `left`: limits show percent left."""
    start = calendar.period(DAY, at)[1].start
    (today,) = spend_in_spans(db, book, [Span(start, at + SKEW_MS)])
    style = get_preference(db, TITLE, "medium")
    return TrayState(
        now_question(db, at, left=left),
        today,
        style if style in TITLES else "medium",
        get_preference(db, LEADS),
        get_preference(db, ALARMS, "on") == "on",
        notifications.standing(db, at),
    )
