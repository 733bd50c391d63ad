"""Drivers of usage, on *Usage* and on the page of a session: ranked rows, each with what to do about it."""

from collections.abc import Sequence

from tachograph.errors import NotFound
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.usage.periods import Span
from tachograph.queries.estimates.driver_points import DriversWithPoints, drivers_with_points
from tachograph.queries.limits.current import now as current_limits
from tachograph.queries.limits.guard import primary_account
from tachograph.queries.usage import totals as usage
from tachograph.queries.usage.drivers import Driver, Drivers, drivers
from tachograph.queries.usage.named_drivers import named_drivers
from tachograph.queries.usage.rows import SpendQuery
from tachograph.queries.usage.session_details import session_details
from tachograph.text.drivers import OVERLAP, advice_words, driver_name, not_named_words, points_heading
from tachograph.text.format import UNKNOWN, count, percent, plural, safe
from tachograph.ui.dashboard.figures import TableBlock
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.page_query import WAYS
from tachograph.ui.dashboard.pages.forecasts import CACHE_SECONDS
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, cost_cell, share_cell
from tachograph.ui.documents.drivers import points_words, shown_rows

_TITLE = "What drives it"
_LEAST_SHARE = 0.005
_MOST_MESSAGES = 60_000  # half a second of work
_FEW_MESSAGES = 5_000  # quick enough to read again with every message
_LONG_CACHE_SECONDS = 300.0  # the next message hardly moves the shares of very many


def found_drivers(view: View, messages: int) -> DriversWithPoints:
    """Drivers of the page's range and filters, with points of the account that leads. `messages`: their number in the range;
    the answer over many may be half a minute old."""
    snapshot, query = view.snapshot, view.query.spend_query(view.calendar, view.now)
    account = primary_account(current_limits(snapshot.db, view.now))
    return snapshot.cache.answer(
        ("drivers", snapshot.version if messages <= _FEW_MESSAGES else "", query),
        CACHE_SECONDS,
        lambda: drivers_with_points(snapshot.db, snapshot.book, query, account.id if account else None, view.now),
    )


def usage_drivers(view: View) -> TableBlock:
    """The section of *Usage*."""
    query = view.query.spend_query(view.calendar, view.now)
    messages = usage.totals(view.snapshot.db, view.snapshot.book, SpendQuery("day", query.span)).tokens.messages
    is_long = messages > _MOST_MESSAGES
    found = DriversWithPoints(_named(view), 0, 0.0) if is_long else found_drivers(view, messages)
    rows = shown_rows(found)
    left_out = (
        f"This range holds {count(messages)} messages, more than a page reads one by one. Long context, parallel"
        " sessions, cache rebuilds and points need a shorter range, or `tachograph drivers`."
        if is_long
        else ""
    )
    if not rows:
        return TableBlock(_TITLE, left_out or "Nothing stands out in this range.", None)
    first = next((row for row in rows if advice_words(row, found.drivers)), rows[0])
    title = (
        _TITLE
        if first.share is None
        else f"{_TITLE}: {safe(driver_name(first))}, {percent(first.share)} of what you spent"
    )
    summary = " ".join(filter(None, (left_out, OVERLAP, not_named_words(found.drivers))))
    return TableBlock(title, summary, _table("t-drivers", view, found.drivers, rows, None if is_long else found.weeks))


def _named(view: View) -> Drivers:
    """Drivers that records name, over a range of very many messages; some minutes old at most."""
    snapshot, query = view.snapshot, view.query.spend_query(view.calendar, view.now)
    return snapshot.cache.answer(
        ("named drivers", query), _LONG_CACHE_SECONDS, lambda: named_drivers(snapshot.db, snapshot.book, query)
    )


def session_drivers(view: View) -> TableBlock | None:
    """The section of a session: everything that its records name."""
    snapshot = view.snapshot
    try:
        facts = session_details(snapshot.db, snapshot.book, view.item)
    except NotFound:
        return None
    if facts.first_at is None or facts.last_at is None:
        return None
    query = SpendQuery("day", Span(facts.first_at, facts.last_at + 1), session=facts.id)
    found = snapshot.cache.answer(
        ("drivers", snapshot.version, query), CACHE_SECONDS, lambda: drivers(snapshot.db, snapshot.book, query)
    )
    rows = [row for row in found.rows if not row.is_rest and (row.share or 0) >= _LEAST_SHARE]
    if not rows:
        return None
    return TableBlock("What drove it", OVERLAP, _table("t-session-drivers", view, found, rows, None))


def _table(key: str, view: View, found: Drivers, rows: Sequence[Driver], weeks: int | None) -> Table:
    """`weeks`: limit weeks that points cover; None for a table without sessions and points."""
    lines = []
    for row in rows:
        is_link = row.kind in WAYS and row.name and not view.item
        href = view.address(**{row.kind: (row.name,)}) if is_link else ""
        cells = [Cell(safe(driver_name(row)), href=href), cost_cell(row.spend), share_cell(row.share)]
        if weeks is not None:
            cells.insert(1, _sessions(row))
        if weeks:
            cells.append(_points(row.points))
        lines.append(
            Line(
                f"{row.kind}-{row.name or ''}",
                (*cells, Cell(safe(advice_words(row, found)).replace("`", ""), kind="words")),
            )
        )
    columns = [Column("Driver"), Column("Cost*", "num"), Column("Share", "num", 2)]
    if weeks is not None:
        columns.insert(1, Column("Sessions", "num", 1))
    if weeks:
        columns.append(Column(points_heading(weeks), "num"))
    return Table(
        f"{key}-points" if weeks else key,
        "Drivers of usage, ranked by cost",
        (*columns, Column("What to do", "words")),
        tuple(lines),
    )


def _sessions(row: Driver) -> Cell:
    names = ", ".join(part.title or part.session[:8] for part in row.top)
    return Cell(
        str(row.sessions),
        row.sessions,
        "num",
        title=safe(f"{plural(row.sessions, 'session')}: {names}") if names else "",
    )


def _points(points: Estimate | None) -> Cell:
    return Cell(UNKNOWN, None, "num") if points is None else Cell(points_words(points), round(points.value, 2), "num")
