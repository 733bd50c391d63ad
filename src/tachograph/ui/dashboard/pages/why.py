"""A limit week by model, project, session and pull request, each share with its interval."""

from typing import NamedTuple

from tachograph.queries.estimates.attribution import Attribution, Part
from tachograph.queries.estimates.constants import NOTHING
from tachograph.text.attribution import (
    CLEAR_SIGN,
    breakdown_words,
    evidence_words,
    interval,
    logs_owner,
    unexplained_words,
    why_words,
)
from tachograph.text.format import UNKNOWN, percent, safe
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.pages.forecasts import clock_of
from tachograph.ui.dashboard.pages.limit_week import limit_week, week_words
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table

_SHOWN = 6  # rows of a group


class IntervalBar(NamedTuple):
    """A share of the limit; `width`, `low` and `high` in percent, the latter None without an interval."""

    name: str
    href: str
    width: float
    low: float | None
    high: float | None
    text: str
    color: int
    interval: str


class Group(NamedTuple):
    """The shares of one dimension; `more` were left out."""

    name: str
    rows: tuple[IntervalBar, ...]
    more: int


class WhyBlock(NamedTuple):
    """Values of usage_why.html. `unattributed`: the bar of usage outside this machine's logs."""

    title: str
    scope: str
    sentences: tuple[str, ...]
    groups: tuple[Group, ...]
    unattributed: IntervalBar | None
    evidence: tuple[str, ...]
    table: Table


def why(view: View) -> WhyBlock | None:
    """The limit week of the card in full; None without a reading of it."""
    week = limit_week(view)
    if week is None or week.found.method == NOTHING:
        return None
    account, found = week.account, week.found
    dimensions = _dimensions(found)
    groups = tuple(
        Group(name, tuple(bar_of(part, kind, view) for part in rows[:_SHOWN]), len(rows) - _SHOWN)
        for name, kind, rows in dimensions
        if rows
    )
    account_words = f"{safe(account.label)}: " if account.label else ""
    return WhyBlock(
        f"What used {found.used:.0f} % of the 7-day limit" if found.used is not None else "What used the 7-day limit",
        f"{account_words}{week_words(view, week)}, whatever range is chosen. Models weigh differently on the limit than on the"
        " cost, so these shares differ from those above. In parentheses: the 80 % interval.",
        tuple(safe(words) for words in (why_words(found), unexplained_words(found), breakdown_words(found)) if words),
        groups,
        _rest_bar(found),
        tuple(safe(words) for words in evidence_words(found.evidence, found.method, clock_of(view))),
        _table(dimensions),
    )


Dimension = tuple[str, str, tuple[Part, ...]]


def _dimensions(found: Attribution) -> tuple[Dimension, ...]:
    return (
        ("Models", "model", found.by_model),
        ("Projects", "project", found.by_project),
        ("Sessions", "session", found.by_session),
        ("Pull requests", "pr", found.by_pull),
    )


def bar_of(part: Part, kind: str, view: View) -> IntervalBar:
    """A part of the limit as a bar."""
    share = part.share
    value = share.value if share is not None else part.list_price or 0.0
    href = ""
    if part.full:
        href = f"/sessions/{part.full}" if kind == "session" else view.address(**{kind: (part.full,)})
    return IntervalBar(
        safe(part.name),
        href,
        100 * min(1.0, value),
        100 * min(1.0, share.low) if share is not None else None,
        100 * min(1.0, share.high) if share is not None else None,
        percent(value),
        charts.model_color(part.full) if kind == "model" else 0,
        interval(share) if share is not None and share.high >= 0.005 else "",
    )


def _rest_bar(found: Attribution) -> IntervalBar | None:
    rest = found.unexplained
    if rest is None:
        return None
    is_clear = rest.value >= CLEAR_SIGN
    width, words = (100 * rest.value, percent(rest.value)) if is_clear else (0.0, "under 5 %")
    return IntervalBar(f"not in {logs_owner(found.machines)} logs", "", width, None, None, words, 0, "")


def _table(dimensions: tuple[Dimension, ...]) -> Table:
    lines = []
    for name, kind, rows in dimensions:
        for part in rows:
            share, points = part.share, part.points
            value = share.value if share is not None else part.list_price
            cells = (
                Cell(name),
                Cell(safe(part.name), safe(part.full)),
                _percent_cell(value),
                _percent_cell(None if share is None else share.low),
                _percent_cell(None if share is None else share.high),
                Cell(UNKNOWN, None, "num") if points is None else Cell(f"{points.value:.1f}", points.value, "num"),
            )
            lines.append(Line(f"{kind}-{part.full}", cells))
    numbers = (Column(name, "num") for name in ("Share", "from", "to", "Points"))
    columns = (Column("Of"), Column("Part"), *numbers)
    return Table("t-why", "Shares of the week with their intervals", columns, tuple(lines))


def _percent_cell(value: float | None) -> Cell:
    return Cell(UNKNOWN, None, "num") if value is None else Cell(percent(value), value, "num")
