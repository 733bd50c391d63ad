"""Cells and tables of a page with their exact values; numbers, moments and names as a page shows them.

Only formats: every number comes from `queries`, every outside text passes `text.safe`, and the templates escape all of it.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tachograph.model.usage.periods import Calendar
from tachograph.queries.usage.rows import Spend
from tachograph.text.format import UNKNOWN, count, day_and_time, duration, iso, percent, plural, safe, tokens, usd


class Cell(NamedTuple):
    """A cell of a table. `value`: the exact value for programs and spreadsheets; None for the text. `kind`: "num" is
    right-aligned, "when" a moment, "word" a word that is never split."""

    text: str
    value: object = None
    kind: str = ""
    href: str = ""
    title: str = ""
    color: int | None = None


class Line(NamedTuple):
    """A row of a table. Its key identifies it across updates. `more`: tables that open below it."""

    key: str
    cells: tuple[Cell, ...]
    more: tuple["Table", ...] = ()
    kind: str = ""


class Column(NamedTuple):
    """A column. `drop`: the higher, the sooner it goes on a narrow screen (1 to 5); 0 stays."""

    text: str
    kind: str = ""
    drop: int = 0


class Table(NamedTuple):
    """A table. `key` is unique on a page; `foot`: the totals of the rows, or nothing; `empty`: shown without rows."""

    key: str
    caption: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    foot: tuple[Cell, ...] = ()
    empty: str = "No usage in this range."


SPEND_COLUMNS = (Column("Messages", "num", 2), Column("Tokens", "num", 1), Column("Cost*", "num"))


def money(value: float | None) -> Cell:
    """A cost in USD; a dash without a price."""
    return Cell(usd(value), "" if value is None else value, "num", title="no price" if value is None else "")


def cost_cell(used: Spend) -> Cell:
    """The cost of a spend; its title counts messages without a price."""
    cost = money(used.usd)
    if not used.tokens.messages:
        return cost._replace(title="")
    return cost._replace(title=f"{plural(used.unpriced, 'message')} without a price") if used.unpriced else cost


def spend_cells(used: Spend) -> tuple[Cell, ...]:
    """Messages, tokens and cost: the cells under SPEND_COLUMNS."""
    t = used.tokens
    return (
        Cell(count(t.messages), t.messages, "num"),
        Cell(tokens(t.total), t.total, "num", title=f"{count(t.total)} tokens"),
        cost_cell(used),
    )


def share_cell(share: float | None) -> Cell:
    """A share of 0 to 1 as a percent; a dash for an unknown one."""
    return Cell(UNKNOWN, "", "num") if share is None else Cell(percent(share), share, "num")


def moment(at: int | None, calendar: Calendar, now: int) -> Cell:
    """A moment (epoch milliseconds) in the reader's zone; programs get it in UTC."""
    if at is None:
        return Cell("unknown", "", "when")
    return Cell(day_and_time(calendar.local(at), calendar.local(now)), iso(at), "when")


def ago(at: int, now: int) -> str:
    """The age of a moment: `14 s ago`."""
    return f"{duration(max(0, now - at) / 1000)} ago"


def change_words(change: float | None) -> str:
    """`18 % more`, `4 % less`, `the same`; "" if unknown."""
    if change is None:
        return ""
    if abs(change) < 0.005:
        return "the same"
    if change > 9.995:
        return f"{change + 1:,.0f} times as much"
    return f"{percent(abs(change))} {'more' if change > 0 else 'less'}"


def as_json(value: Any) -> str:
    """A value as JSON, for an attribute; the template escapes it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def display(text: str | None, otherwise: str = "unknown") -> str:
    """An outside name, safe to show."""
    return safe(text) if text else otherwise


def short_list(names: Sequence[str], most: int = 3) -> str:
    """The first names and the number of the others."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
