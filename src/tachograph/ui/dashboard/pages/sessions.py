"""*Sessions*: a sorted and searchable list that holds only the rows in view."""

from typing import Any, NamedTuple

from tachograph.model.usage.model_names import display_name
from tachograph.queries.usage.rows import Row, by_cost
from tachograph.queries.usage.spend import spend
from tachograph.queries.usage.totals import sum_spends
from tachograph.text.format import cut, plural, tokens, usd
from tachograph.ui.dashboard.figures import Figure, FigureBlock, Series, StackChart
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.tables import SPEND_COLUMNS, Cell, Column, Line, Table, display, moment, spend_cells

CHUNK_ROWS = 60  # rows that are loaded and unloaded together
_MAX_BARS, _MAX_TABLE_ROWS = 400, 60
_COLUMNS = (  # text, kind, key of SORTS, drop
    ("Session", "", "name", 0),
    ("Project", "", "", 2),
    ("Branch", "", "", 5),
    ("Model", "", "", 4),
    ("Last active", "", "recent", 3),
    ("Messages", "num", "messages", 5),
    ("Tokens", "num", "tokens", 1),
    ("Cost*", "num", "cost", 0),
)


class Head(NamedTuple):
    """The head of a column; `href` sorts by it, "" if that is not possible."""

    text: str
    kind: str
    drop: int
    href: str
    is_sorted: bool
    is_ascending: bool


class Chunk(NamedTuple):
    """A part of the list; `lines` None if the page does not hold it now."""

    number: int
    rows: int
    lines: tuple[Line, ...] | None


class ListBlock(NamedTuple):
    """Values of sessions_list.html."""

    title: str
    heads: tuple[Head, ...]
    chunks: tuple[Chunk, ...]
    total: int
    foot: tuple[Cell, ...]
    chunk_rows: int


def matching_rows(view: View) -> list[Row]:
    """The sessions of the range and filters with all searched words, in the chosen order. Sub-rows are models."""
    snapshot = view.snapshot
    query = view.query.spend_query(view.calendar, view.now, along="session", by="model")
    rows = list(spend(snapshot.db, snapshot.book, snapshot.calendar, query).rows)
    if words := view.query.find.lower().split():
        rows = [row for row in rows if all(word in _searchable(row) for word in words)]
    return sorted(rows, key=lambda row: _order(row, view.query.sort))


def _searchable(row: Row) -> str:
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


def _line(row: Row, view: View) -> Line:
    key = row.key
    more_projects = f" and {key.more_projects} more" if key.more_projects else ""
    more_branches = f" and {key.more_branches} more" if key.more_branches else ""
    models = [display(display_name(sub.key.model)) for sub in row.by]
    more_models = f" and {len(models) - 1} more" if len(models) > 1 else ""
    return Line(
        key.session or "unknown",
        (
            Cell(
                cut(display(key.title, "without a title" if key.session else "Messages without a session"), 160),
                key.session or "unknown",
                href=f"/sessions/{key.session}" if key.session else "",
            ),
            Cell(f"{display(key.project)}{more_projects}"),
            Cell(f"{display(key.branch)}{more_branches}"),
            Cell(f"{models[0] if models else 'unknown'}{more_models}"),
            moment(key.ended_at, view.calendar, view.now),
            *spend_cells(row.spend),
        ),
    )


def session_list(view: View) -> ListBlock:
    """The list with its totals; rows only for the parts that the page holds."""
    rows = matching_rows(view)
    totals = sum_spends(row.spend for row in rows)
    chunks = []
    for number in range(-(-len(rows) // CHUNK_ROWS)):
        own = rows[number * CHUNK_ROWS : (number + 1) * CHUNK_ROWS]
        lines = tuple(_line(row, view) for row in own) if number in view.chunks else None
        chunks.append(Chunk(number, len(own), lines))
    heads = tuple(
        Head(
            text,
            kind,
            drop,
            view.address(sort=sort) if sort else "",
            bool(sort) and view.query.sort == sort,
            sort == "name",
        )
        for text, kind, sort, drop in _COLUMNS
    )
    searched = f" with “{display(view.query.find)}”" if view.query.find else ""
    title = f"{plural(len(rows), 'session')}{searched}, {usd(totals.usd)}" if rows else f"No session{searched}"
    return ListBlock(title, heads, tuple(chunks), len(rows), spend_cells(totals), CHUNK_ROWS)


def session_costs(view: View) -> FigureBlock | None:
    """A bar per session, in the order of their ends; None without sessions."""
    rows = sorted((row for row in matching_rows(view) if row.key.ended_at), key=lambda row: row.key.ended_at or 0)
    rows = rows[-_MAX_BARS:]
    if not rows:
        return None
    dearest = max(rows, key=lambda row: row.spend.cost or 0)
    title = f"The most expensive session cost {usd(dearest.spend.usd)}: {cut(display(dearest.key.title, 'without a title'), 60)}"
    total = sum_spends(row.spend for row in rows).tokens.total
    names = tuple(cut(display(row.key.title, "without a title"), 80) for row in rows)
    lines = tuple(
        Line(
            f"c-{row.key.session}",
            (Cell(name), moment(row.key.ended_at, view.calendar, view.now), *spend_cells(row.spend)),
        )
        for row, name in list(zip(rows, names, strict=True))[: -_MAX_TABLE_ROWS - 1 : -1]
    )
    drawing = StackChart(
        tuple(moment(row.key.ended_at, view.calendar, view.now).text for row in rows),
        (Series("Cost", 0, tuple(row.spend.usd for row in rows)),),
        "$",
        is_small=True,
        whole=names,
        links=tuple(f"/sessions/{row.key.session}" if row.key.session else "" for row in rows),
    )
    columns = (Column("Session"), Column("Last active"), *SPEND_COLUMNS)
    summary = (
        f"{plural(len(rows), 'session')} in the order of their ends, {tokens(total)} tokens. Click one to open it."
    )
    return FigureBlock(
        Figure(
            "session-costs", title, summary, drawing, Table("t-session-costs", "The newest sessions", columns, lines)
        )
    )


PAGE = Page(
    "sessions",
    "/sessions",
    "Sessions",
    (Block("session-costs", "figure_block.html", session_costs), Block("list", "sessions_list.html", session_list)),
    filters="full",
    finds="Find a session",
)
