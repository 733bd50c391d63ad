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
    sizes = [[width(cell) for cell in column.cells] for column in columns]
    widths = [max([width(column.heading), *size]) for column, size in zip(columns, sizes, strict=True)]
    shown = list(range(len(columns)))
    if room is not None:
        shown, widths = _fit_columns(columns, widths, room)
    cells = [column.cells for column in columns]
    for i in shown:
        if max(sizes[i], default=0) > widths[i]:
            cells[i] = _cut(columns[i], widths[i])
            sizes[i] = [width(cell) for cell in cells[i]]
            widths[i] = max([widths[i], *sizes[i]])
    count = len(columns[0].cells)
    headings = [(columns[i].heading, width(columns[i].heading)) for i in shown]
    made = [_line(columns, shown, widths, headings, style.dim, style.end)]
    for row in range(count):
        last = footer and row == count - 1
        line = [(cells[i][row], sizes[i][row]) for i in shown]
        made.append(_line(columns, shown, widths, line, style.bold if last else "", style.end if last else ""))
    return made


def _cut(column: Column, most: int) -> list[str]:
    if column.tells:
        return _cut_apart(column.cells, most)
    return [cut(cell, most) for cell in column.cells]


def _cut_apart(cells: Sequence[str], most: int) -> list[str]:
    """Cells cut to a width, so that those that differ still do: at the end, else in the middle, else less."""
    different = len(set(cells))
    for cutting in (cut, cut_middle):
        made = [cutting(cell, most) for cell in cells]
        if len(set(made)) == different:
            return made
    longest = max(map(width, cells))
    return list(cells) if most >= longest else _cut_apart(cells, min(longest, most + 4))


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
    columns: Sequence[Column], shown: list[int], widths: list[int], cells: list[tuple[str, int]], start: str, end: str
) -> str:
    """One line of cells, each with its width."""
    parts = []
    for i, (cell, size) in zip(shown, cells, strict=True):
        pad = " " * (widths[i] - size)
        parts.append(pad + cell if columns[i].right else cell + pad)
    return start + GAP.join(parts).rstrip() + end
