"""Active sessions with their whole usage: those with a message in the last 15 minutes."""

from collections.abc import Sequence
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import activity, messages, sessions
from tachograph.ledger.usage.activity import RecentMessage
from tachograph.model.usage.periods import Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.usage.overview import SKEW_MS
from tachograph.queries.usage.pricing import price_sums
from tachograph.queries.usage.report_rows import Cells, build_report
from tachograph.queries.usage.rows import Row

ACTIVE_MS = 15 * 60_000


class ActiveSessionRow(NamedTuple):
    """An active session: its row as in reports, its newest message on the main chain (None without one), the number of its active subagents."""

    row: Row
    last: RecentMessage | None
    agents: int


def active_sessions(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, now: int
) -> tuple[ActiveSessionRow, ...]:
    """The sessions with a message in the last quarter of an hour, the one used last first."""
    ids = sessions.active_since(db, now - ACTIVE_MS, now + SKEW_MS)
    if not ids:
        return ()
    rows = {row.key.session: row for row in _rows(db, book, ids)}
    made = []
    for id, facts in sessions.facts(db, ids).items():
        if facts.uuid in rows:
            last = activity.last_of(db, id, now + SKEW_MS)
            main = None if last is None or last.agent else last
            agents = activity.agents(db, id, now - ACTIVE_MS)
            made.append((ids.index(id), ActiveSessionRow(rows[facts.uuid], main, len(agents))))
    return tuple(one for _, one in sorted(made, key=lambda pair: pair[0]))


def session_row(db: sqlite3.Connection, book: PriceBook, session: int) -> Row | None:
    """Usage of one session as in reports; None if none of its messages is counted in it."""
    return next(iter(_rows(db, book, [session])), None)


def _rows(db: sqlite3.Connection, book: PriceBook, ids: Sequence[int]) -> tuple[Row, ...]:
    """From the messages, which have an index for sessions, where the totals have none."""
    spans: list[Span | None] = [Span(None, None), None]
    sums = messages.sums(db, ("session", "project", "branch"), spans, {"session": set(ids)}, book.changes())
    cells = Cells()
    for _, values, used in price_sums(db, book, sums):
        cells.add(values, (), used)
    return build_report(db, "session", None, cells, set()).rows
