"""Each state of the monitor in each size, as text beside this file's data; and that nothing leaves its cell.

`TACHOGRAPH_WRITE_FRAMES=1` writes the frames anew: look at each of them before they are kept.
"""

import os
from pathlib import Path

import pytest

from helpers import Home
from live_states import STATES, UTC, plain_text, prepare, state_of
from tachograph.ui.terminal.cells import row_width
from tachograph.ui.terminal.layout import Frame, frame
from tachograph.ui.terminal.view import LAYOUTS, Around, View

KEPT = Path(__file__).parents[2] / "data" / "watch"
SIZES = ((200, 60), (100, 30), (80, 24), (60, 20), (40, 6), (120, 1))


def drawn(home: Home, state: str, columns: int, rows: int) -> Frame:
    around = Around("none" if state == "no-recorder" else "runs")
    if state == "chance":
        around = around._replace(why="opus-4-8 burned 73 % (68–78) of your week so far.")
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


@pytest.mark.parametrize("state", ["three", "empty"])
def test_every_frame_fills_its_screen_exactly_however_small(home: Home, state: str) -> None:
    prepare(home, state)
    found = state_of(home)
    ids = tuple(session.session for session in found.sessions)
    first = ids[0] if ids else None
    views = (
        View(),
        View(cursor=first, order=ids, detail=first, top=2),
        View(is_help=True),
        View(filter="zz", is_typing=True, account=1),
    )
    for view in views:
        for layout in LAYOUTS:
            for columns in (1, 2, 9, 23, 39, 59, 60, 77, 99, 131, 240):
                for rows in (1, 2, 3, 5, 8, 12, 15, 16, 23, 24, 30, 41):
                    around = Around("none", "something is wrong " * 9)
                    made = frame(found, around, view._replace(layout=layout), UTC, columns, rows)
                    assert len(made.rows) == rows
                    assert {row_width(row) for row in made.rows} == {columns}


def test_a_narrow_screen_loses_columns_and_keeps_what_tells_rows_apart(home: Home) -> None:
    prepare(home, "one")
    for columns, rows in SIZES[:5]:
        text = plain_text(drawn(home, "one", columns, rows).rows)
        assert "5-hour" in text and "78 %" in text and "Rate limiter" in text and "91 % ▲" in text
    assert "feat/limit" in plain_text(drawn(home, "one", 100, 30).rows)
    assert "feat/limit" not in plain_text(drawn(home, "one", 80, 24).rows)


def test_one_frame_without_rows_shows_everything(home: Home) -> None:
    prepare(home, "three")
    made = frame(state_of(home), Around(is_live=False), View(), UTC, 100, None)
    text = plain_text(made.rows)
    for part in ("lab@example.net", "work@example.com", "Projects today", "Last messages", "* API-equivalent"):
        assert part in text
    assert " q quit" not in text


def test_every_layout_turns_to_the_account_that_was_asked_for(home: Home) -> None:
    prepare(home, "three")
    state = state_of(home)
    work = next(place for place, watched in enumerate(state.accounts) if watched.account.label == "work@example.com")
    for columns, rows in SIZES:
        for account in (work, work + 3):  # there were more accounts once
            text = plain_text(frame(state, Around(), View(account=account), UTC, columns, rows).rows)
            assert "12 %" in text or "12%" in text
            assert "78 %" not in text or rows == 60
    assert "+8.0 %/h" in plain_text(frame(state, Around(), View(account=work), UTC, 40, 6).rows)
