"""Each state of the monitor in each size, as text beside this file's data; and that nothing leaves its cell.

`TACHOGRAPH_WRITE_FRAMES=1` writes the frames anew: look at each of them before they are kept.
"""

import os
from pathlib import Path

import pytest

from helpers import Home
from monitors import STATES, UTC, prepare, state_of
from tachograph.surfaces.terminal.cells import plain_text, row_width
from tachograph.surfaces.terminal.frame import Around, Frame, frame
from tachograph.surfaces.terminal.view import View

KEPT = Path(__file__).parents[2] / "data" / "watch"
SIZES = ((200, 60), (100, 30), (80, 24), (60, 20), (40, 6), (120, 1))


def drawn(home: Home, state: str, columns: int, rows: int) -> Frame:
    around = Around("none" if state == "no-recorder" else "runs")
    return frame(state_of(home), around, View(), UTC, columns, rows)


@pytest.mark.parametrize("state", STATES)
def test_every_size_of_a_state_is_as_it_was_looked_at(home: Home, state: str) -> None:
    prepare(home, state)
    made = ""
    for columns, rows in SIZES:
        shown = drawn(home, state, columns, rows)
        assert len(shown.rows) == rows
        assert {row_width(row) for row in shown.rows} == {columns}
        made += f"=== {columns}×{rows} {shown.layout}\n{plain_text(shown.rows)}\n"
    kept = KEPT / f"{state}.txt"
    if os.environ.get("TACHOGRAPH_WRITE_FRAMES"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(made, encoding="utf-8")
    assert made == kept.read_text(encoding="utf-8")
