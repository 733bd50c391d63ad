"""*Sessions*: all of them, sorted and searched, in a list that only holds what is looked at."""

from collections.abc import Mapping
from typing import Any

from tachograph.queries.usage.rows import Row, by_cost
from tachograph.queries.usage.spend import spend
from tachograph.queries.usage.totals import sum_spends
from tachograph.text.format import cut, plural, tokens, usd
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.page_query import SORTS
from tachograph.ui.dashboard.tables import Cell, Line, as_json, moment, named, spend_cells

CHUNK = 60  # rows that come and go together


def found_rows(view: View) -> list[Row]:
    """The sessions of the range and filters in which the searched words stand, in the order that is asked for."""
    look = view.look
    question = view.asked.question(view.calendar, view.now, along="session")
    rows = list(spend(look.db, look.book, look.calendar, question).rows)
    if words := view.asked.find.lower().split():
        rows = [row for row in rows if all(word in _searched(row) for word in words)]
    return sorted(rows, key=lambda row: _order(row, view.asked.sort))


def _searched(row: Row) -> str:
    key = row.key
    return " ".join(part for part in (key.title, key.session, key.project, key.branch) if part).lower()


def _order(row: Row, sort: str) -> tuple[Any, ...]:
    if sort == "recent":
        return row.key.ended_at is None, -(row.key.ended_at or 0), str(row.key)
    if sort == "name":
        return row.key.title is None, (row.key.title or "").lower(), str(row.key)
    if sort in ("tokens", "messages"):
        return -(row.spend.tokens.total if sort == "tokens" else row.spend.tokens.messages), str(row.key)
    return by_cost(row)


def line_of(row: Row, view: View) -> Line:
    key = row.key
    more_projects = f" and {key.more_projects} more" if key.more_projects else ""
    more_branches = f" and {key.more_branches} more" if key.more_branches else ""
    return Line(
        key.session or "unknown",
        (
            Cell(
                cut(named(key.title, "without a title" if key.session else "Messages without a session"), 160),
                key.session or "unknown",
                href=f"/sessions/{key.session}" if key.session else "",
            ),
            Cell(f"{named(key.project)}{more_projects}"),
            Cell(f"{named(key.branch)}{more_branches}"),
            moment(key.ended_at, view.calendar, view.now),
            *spend_cells(row.spend),
        ),
    )


def chunk_lines(rows: list[Row], chunk: int, view: View) -> list[Line]:
    return [line_of(row, view) for row in rows[chunk * CHUNK : (chunk + 1) * CHUNK]]


def _list(view: View) -> Mapping[str, Any]:
    rows = found_rows(view)
    totals = sum_spends(row.spend for row in rows)
    count = -(-len(rows) // CHUNK)
    chunks = [
        {
            "number": number,
            "count": min(CHUNK, len(rows) - number * CHUNK),
            "lines": chunk_lines(rows, number, view) if number in view.chunks else None,
        }
        for number in range(count)
    ]
    columns = [
        ("Session", "", "name", 0),
        ("Project", "", "", 2),
        ("Branch", "", "", 4),
        ("Last active", "", "recent", 3),
        ("Messages", "num", "messages", 5),
        ("Tokens", "num", "tokens", 1),
        ("Cost*", "num", "cost", 0),
    ]
    heads = [
        {
            "text": text,
            "kind": kind,
            "drop": drop,
            "href": view.address(sort=sort) if sort else "",
            "sorted": bool(sort) and view.asked.sort == sort,
            "ascending": sort == "name",
        }
        for text, kind, sort, drop in columns
    ]
    searched = f" with “{named(view.asked.find)}”" if view.asked.find else ""
    return {
        "title": f"{plural(len(rows), 'session')}{searched}, {usd(totals.usd)}"
        if rows
        else f"No session{searched} in this time",
        "heads": heads,
        "chunks": chunks,
        "total": len(rows),
        "foot": spend_cells(totals),
        "sorts": [(name, words, view.address(sort=name)) for name, words in SORTS.items()],
        "view": view,
    }


def _course(view: View) -> Mapping[str, Any] | None:
    """What the sessions of the list cost, one bar each, in the order of time: the dear ones stand out; nothing where there are none."""
    rows = [row for row in found_rows(view) if row.key.ended_at is not None]
    rows.sort(key=lambda row: row.key.ended_at or 0)
    rows = rows[-400:]
    if not rows:
        return None
    dearest = max(rows, key=lambda row: row.spend.cost or 0)
    title = f"The most expensive session cost {usd(dearest.spend.usd)}: {cut(named(dearest.key.title, 'without a title'), 60)}"
    labels = [moment(row.key.ended_at, view.calendar, view.now).text for row in rows]
    from tachograph.ui.dashboard.tables import SPEND_COLUMNS, Column, Table

    return {
        "figure": {
            "key": "session-costs",
            "title": title,
            "summary": f"{plural(len(rows), 'session')} in the order in which they ended, {tokens(sum_spends(row.spend for row in rows).tokens.total)} tokens.",
            "chart": as_json(
                {
                    "kind": "stack",
                    "labels": labels,
                    "series": [{"label": "Cost", "colour": 0, "values": [row.spend.usd for row in rows]}],
                    "unit": "$",
                    "small": True,
                }
            ),
            "table": Table(
                "t-session-costs",
                "The newest sessions",
                (Column("Session"), Column("Last active"), *SPEND_COLUMNS),
                tuple(
                    Line(
                        f"c-{row.key.session}",
                        (
                            Cell(cut(named(row.key.title, "without a title"), 80)),
                            moment(row.key.ended_at, view.calendar, view.now),
                            *spend_cells(row.spend),
                        ),
                    )
                    for row in reversed(rows[-60:])
                ),
            ),
        }
    }


PAGE = Page(
    "sessions",
    "/sessions",
    "Sessions",
    (Block("session-costs", "usage_figure.html", _course), Block("list", "sessions_list.html", _list)),
    filters="full",
    finds="Find a session by title, id, project or branch",
)
