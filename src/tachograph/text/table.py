"""Lays a table out in the columns that a terminal has: shortens what may be shortened, drops what may be dropped.

What tells rows apart is never cut or dropped. Without a terminal (`columns` None) everything stands in full.
"""

from __future__ import annotations

from tachograph.lean_typing import NamedTuple, Sequence
from tachograph.text.format import cut, cut_middle, width

GAP = "  "


class Column(NamedTuple):
    """A heading and its cells. `drop`: the higher, the sooner it goes; 0 stays. `least`: may be cut down to that;
    where it `tells` rows apart, so that they still differ."""

    heading: str
    cells: Sequence[str]
    right: bool = True
    drop: int = 0
    least: int | None = None
    tells: bool = True


class Style(NamedTuple):
    """Escape sequences that set text off; all empty if the output is no terminal."""

    bold: str = ""
    dim: str = ""
    end: str = ""


PLAIN, COLOUR = Style(), Style("\x1b[1m", "\x1b[2m", "\x1b[0m")


def lines(columns: Sequence[Column], room: int | None, style: Style, *, footer: bool = True) -> list[str]:
    """The table as lines: headings, rows, and (if `footer`) the last row set off as the totals."""
    widths = [_natural(column) for column in columns]
    shown = list(range(len(columns)))
    if room is not None:
        shown, widths = _fit_columns(columns, widths, room)
    cells = {
        i: _cut_apart(columns[i].cells, widths[i])
        if columns[i].tells
        else [cut(cell, widths[i]) for cell in columns[i].cells]
        for i in shown
    }
    widths = [max([widths[i], *map(width, cells[i])]) if i in cells else widths[i] for i in range(len(columns))]
    count = len(columns[0].cells)
    made = [_line(columns, shown, widths, [columns[i].heading for i in shown], style.dim, style.end)]
    for row in range(count):
        last = footer and row == count - 1
        line = [cells[i][row] for i in shown]
        made.append(_line(columns, shown, widths, line, style.bold if last else "", style.end if last else ""))
    return made


def _cut_apart(cells: Sequence[str], most: int) -> list[str]:
    """Cells cut to a width, so that those that differ still do: at the end, else in the middle, else less."""
    different = len(set(cells))
    for cutting in (cut, cut_middle):
        made = [cutting(cell, most) for cell in cells]
        if len(set(made)) == different:
            return made
    longest = max(map(width, cells))
    return list(cells) if most >= longest else _cut_apart(cells, min(longest, most + 4))


def _natural(column: Column) -> int:
    return max(width(column.heading), max(map(width, column.cells), default=0))


def _fit_columns(columns: Sequence[Column], natural: list[int], room: int) -> tuple[list[int], list[int]]:
    shown = list(range(len(columns)))
    while True:
        widths = list(natural)
        spare = room - sum(widths[i] for i in shown) - len(GAP) * (len(shown) - 1)
        for i in shown:
            least = columns[i].least
            if spare < 0 and least is not None:
                given = min(-spare, max(0, widths[i] - least))
                widths[i] -= given
                spare += given
        droppable = [i for i in shown if columns[i].drop]
        if spare >= 0 or not droppable:
            return shown, widths
        shown.remove(max(droppable, key=lambda i: columns[i].drop))


def _line(
    columns: Sequence[Column], shown: list[int], widths: list[int], cells: list[str], start: str, end: str
) -> str:
    parts = []
    for i, cell in zip(shown, cells, strict=True):
        pad = " " * (widths[i] - width(cell))
        parts.append(pad + cell if columns[i].right else cell + pad)
    return start + GAP.join(parts).rstrip() + end
