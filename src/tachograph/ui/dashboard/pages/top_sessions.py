"""The most expensive sessions of the range."""

from typing import NamedTuple

from tachograph.queries.usage.shares import share
from tachograph.queries.usage.spend import spend
from tachograph.text.format import plural
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import (
    SPEND_COLUMNS,
    Cell,
    Column,
    Line,
    Table,
    display,
    moment,
    share_cell,
    spend_cells,
)

_SHOWN = 10


class TopSessionsBlock(NamedTuple):
    """Values of top_sessions.html; `all` is the address of the whole list."""

    title: str
    all: str
    table: Table


def top_sessions(view: View) -> TopSessionsBlock:
    """The ten most expensive sessions."""
    snapshot = view.snapshot
    query = view.query.spend_query(view.calendar, view.now)
    report = spend(snapshot.db, snapshot.book, snapshot.calendar, query._replace(along="session"))
    lines = tuple(
        Line(
            row.key.session or "unknown",
            (
                Cell(
                    display(row.key.title, "without a title"),
                    href=f"/sessions/{row.key.session}" if row.key.session else "",
                ),
                Cell(display(row.key.project)),
                moment(row.key.ended_at, view.calendar, view.now),
                *spend_cells(row.spend),
                share_cell(share(row.spend, report.totals)),
            ),
        )
        for row in report.rows[:_SHOWN]
    )
    number = plural(len(report.rows), "session")
    columns = (Column("Session"), Column("Project", drop=2), Column("Last active", drop=3), *SPEND_COLUMNS)
    return TopSessionsBlock(
        f"{number}; the {_SHOWN} most expensive" if len(report.rows) > _SHOWN else number,
        view.elsewhere("/sessions", sort="cost"),
        Table("top-sessions", "The most expensive sessions", (*columns, Column("Share", "num", 4)), lines),
    )
