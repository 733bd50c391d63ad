"""What-if on the pages: the week on every model and mix, and one session on every model."""

from tachograph.model.estimates.attribution import Estimate
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.queries.estimates.what_if_table import WhatIfTable, session_table, what_if_table
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as current_limits
from tachograph.queries.limits.guard import primary_account
from tachograph.text.attribution import model_name
from tachograph.text.format import safe
from tachograph.text.what_if import end_cell, mix_name, points_words, session_words, table_words
from tachograph.ui.dashboard.figures import TableBlock
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.pages.forecasts import CACHE_SECONDS
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table

_TITLE = "This week and the next one on other models"


def what_ifs(view: View, account: NowAccount) -> WhatIfTable:
    """Every model and mix for an account."""
    snapshot = view.snapshot
    return snapshot.cache.answer(
        ("what-if", account.id),
        CACHE_SECONDS,
        lambda: what_if_table(snapshot.db, snapshot.book, account, snapshot.now),
    )


def week_what_if(view: View) -> TableBlock | None:
    """The ends of this week and the next one, each way to work in a row; None without a reading of the weekly limit."""
    account = primary_account(current_limits(view.snapshot.db, view.now))
    if account is None or account.limit(SEVEN_DAY) is None:
        return None
    found = what_ifs(view, account)
    words = " ".join(safe(line) for line in table_words(found))
    if not found.rows:
        return TableBlock(_TITLE, words, None)
    lines = tuple(
        Line(mix_name(row), (Cell(safe(mix_name(row))), *_end(row.this_week), *_end(row.next_week)))
        for row in found.rows
    )
    columns = (
        Column("If the work ran on"),
        Column("This week ends at", "num"),
        Column("80 % interval", "num", 2),
        Column("Next week", "num"),
        Column("80 % interval", "num", 1),
    )
    return TableBlock(_TITLE, words, Table("what-if", "Percent of the weekly limit at its end", columns, lines))


def session_what_if(view: View) -> TableBlock | None:
    """The session's points of its limit week on each model; None where nothing is learned of it."""
    snapshot = view.snapshot
    account = primary_account(current_limits(snapshot.db, view.now))
    if account is None or account.limit(SEVEN_DAY) is None:
        return None
    found = snapshot.cache.answer(
        ("what-if", account.id, view.item),
        CACHE_SECONDS,
        lambda: session_table(snapshot.db, snapshot.book, account, snapshot.now, view.item),
    )
    if not found.sessions:
        return None
    row = found.sessions[0]
    lines = (
        Line("", (Cell("as it ran"), _points(row.points))),
        *(Line(model, (Cell(safe(model_name(model)), model), _points(points))) for model, points in row.on),
    )
    columns = (Column("Model"), Column("Points of the week", "num"))
    table = Table("session-what-if", "Points of the weekly limit on each model", columns, lines)
    return TableBlock("On other models", safe(session_words(row)), table)


def _end(end: Estimate | None) -> tuple[Cell, Cell]:
    value, between = end_cell(end)
    return (
        Cell(value, None if end is None else round(end.value, 2), "num"),
        Cell(between, None if end is None else f"{end.low:.2f} to {end.high:.2f}", "num"),
    )


def _points(points: Estimate) -> Cell:
    return Cell(points_words(points), round(points.value, 3), "num")
