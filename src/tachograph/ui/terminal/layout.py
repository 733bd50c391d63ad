"""The whole screen as rows of cells for a size of terminal. Pure.

Four layouts: full (100 columns and up), narrow (60), pane (a block such as 40×6), line.
"""

from typing import NamedTuple

from tachograph.model.usage.periods import Calendar
from tachograph.queries.live import LiveState
from tachograph.ui.terminal.cells import Cell, Row, padded
from tachograph.ui.terminal.compact import line, pane
from tachograph.ui.terminal.help_overlay import sheet
from tachograph.ui.terminal.screen import screen
from tachograph.ui.terminal.view import Around, View

FULL, NARROW, PANE, LINE = "full", "narrow", "pane", "line"


class Frame(NamedTuple):
    """`rows`, each of exactly the frame's columns; `places`: the line of each session; `page`: rows of the list."""

    layout: str
    rows: tuple[Row, ...]
    places: dict[int, str]
    page: int


def layout_for(columns: int, rows: int | None, wanted: str = "auto") -> str:
    """The layout for a size; what a person wants goes before."""
    if wanted != "auto":
        return wanted
    if rows is not None and rows <= 3:
        return LINE
    if columns < 60 or (rows is not None and rows < 12):
        return PANE
    return FULL if columns >= 100 else NARROW


def frame(state: LiveState, around: Around, view: View, calendar: Calendar, columns: int, rows: int | None) -> Frame:
    """The screen in `columns` columns and `rows` rows; None: as many rows as needed."""
    layout = layout_for(columns, rows, view.layout)
    if view.is_help and layout != LINE:
        made, places, page = sheet(columns, rows), dict[int, str](), 0
    elif layout == LINE:
        made, places, page = [line(state, around, view, columns)], {}, 0
    elif layout == PANE:
        made, places, page = pane(state, around, view, calendar, columns, rows)
    else:
        made, places, page = screen(state, around, view, calendar, columns, rows)
    if rows is not None:
        made = made[:rows] + [(Cell(""),)] * (rows - len(made))
    return Frame(layout, tuple(padded(row, columns) for row in made), places, page)
