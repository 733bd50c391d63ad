"""What pages are made of: cells and tables with their exact values, and how numbers, moments and names look on a page.

Formats only: every number comes from `questions`, every word that came from outside goes through `text.safe`, and the
templates escape all of it.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tachograph.model.usage.periods import Calendar
from tachograph.queries.usage.rows import Spend
from tachograph.text.format import UNKNOWN, count, day_and_time, duration, iso, percent, plural, safe, tokens, usd


class Cell(NamedTuple):
    """A cell of a table. `value` is what programs and spreadsheets get, exact; None: the text. `kind`: "num" is
    right-aligned. `at`: a moment, so that the page may say how long ago it was."""

    text: str
    value: object = None
    kind: str = ""
    href: str = ""
    title: str = ""
    colour: int | None = None
    find: str = ""  # a filter that a click on it adds, as name=value


class Line(NamedTuple):
    """A row of a table: its key stays the same as long as it is the same row, whatever it says."""

    key: str
    cells: tuple[Cell, ...]
    more: tuple["Table", ...] = ()
    kind: str = ""


class Column(NamedTuple):
    text: str
    kind: str = ""
    drop: int = 0  # 1 goes first where there is no room, 0 never
    sort: str = ""


class Table(NamedTuple):
    """`key` is unique on a page. `foot` are the totals of the rows, or nothing."""

    key: str
    caption: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    foot: tuple[Cell, ...] = ()
    empty: str = "Nothing was used in this time."


SPEND_COLUMNS = (Column("Messages", "num", 2), Column("Tokens", "num", 1), Column("Cost*", "num"))


def money(value: float | None) -> Cell:
    return Cell(usd(value), "" if value is None else value, "num", title="no price" if value is None else "")


def cost_cell(used: Spend) -> Cell:
    cost = money(used.usd)
    if not used.tokens.messages:
        return cost._replace(title="")
    return cost._replace(title=f"{plural(used.unpriced, 'message')} without a price") if used.unpriced else cost


def spend_cells(used: Spend) -> tuple[Cell, ...]:
    t = used.tokens
    return (
        Cell(count(t.messages), t.messages, "num"),
        Cell(tokens(t.total), t.total, "num", title=f"{count(t.total)} tokens"),
        cost_cell(used),
    )


def share_cell(part: float | None) -> Cell:
    return Cell(UNKNOWN, "", "num") if part is None else Cell(percent(part), part, "num")


def moment(at: int | None, calendar: Calendar, now: int) -> Cell:
    """A moment in the reader's zone; programs get it in UTC."""
    if at is None:
        return Cell("unknown", "", "when")
    return Cell(day_and_time(calendar.local(at), calendar.local(now)), iso(at), "when")


def ago(at: int, now: int) -> str:
    """How long ago something was: `14 s ago`."""
    return f"{duration(max(0, now - at) / 1000)} ago"


def change_words(change: float | None) -> str:
    """`18 % more`, `4 % less`, `the same`; "" where that cannot be said."""
    if change is None:
        return ""
    if abs(change) < 0.005:
        return "the same"
    if change > 9.995:
        return f"{change + 1:,.0f} times as much"
    return f"{percent(abs(change))} {'more' if change > 0 else 'less'}"


def as_json(value: Any) -> str:
    """A value for an attribute of a page; the template escapes it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def named(text: str | None, otherwise: str = "unknown") -> str:
    return safe(text) if text else otherwise


def short_list(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
