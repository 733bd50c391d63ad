"""Names from outside stay in their cell, and say nothing that they are not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from helpers import NOW, Home
from live_states import HOSTILE, UTC, plain_text, state_of
from tachograph.demo.records import assistant, title
from tachograph.text.format import width
from tachograph.ui.terminal.cells import foreign, padded, row_width, tame
from tachograph.ui.terminal.layout import frame
from tachograph.ui.terminal.view import Around, View


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("columns", [1, 2, 7, 30])
def test_a_hostile_name_fills_exactly_its_cell(text: str, columns: int) -> None:
    made = foreign(text, columns)
    assert width(made) == columns
    assert cell_len(made) == columns  # as the library that draws it counts
    assert made.isprintable()
    assert not any(
        unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI") for char in made
    )


@given(st.text(max_size=60), st.integers(1, 40))
def test_any_text_fills_exactly_its_cell(text: str, columns: int) -> None:
    made = foreign(text, columns)
    assert width(made) == columns
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") for char in made)


def test_what_is_plain_stays_as_it_is() -> None:
    for text in ("feat/limit", "Über naïve Größen", "東京"):
        assert tame(text) == text


@pytest.mark.parametrize("columns", [200, 100, 80, 60, 40, 24])
def test_no_row_leaves_its_screen_whatever_sessions_are_called(home: Home, columns: int) -> None:
    for n, text in enumerate(HOSTILE.values()):
        session = f"{n:08d}-0000-4000-8000-00000000000a"
        record = assistant(
            f"h{n}", at=NOW, session=session, cwd=f"/home/ada/{text[:200]}", branch=text[:200], request=f"r{n}"
        )
        home.write(f"p/{n}.jsonl", [title(text, session=session), record])
    home.ingest()
    state = state_of(home)
    assert len(state.sessions) == len(HOSTILE)
    view = View(cursor=state.sessions[3].session, order=tuple(s.session for s in state.sessions))
    for shown in (view, view._replace(detail=view.cursor), view._replace(filter=HOSTILE["emoji"], is_typing=True)):
        for rows in (60, 24, 6, 1):
            made = frame(state, Around(trouble=HOSTILE["control"]), shown, UTC, columns, rows)
            assert {row_width(row) for row in made.rows} == {columns}
            assert all(line.isprintable() for line in plain_text(made.rows).split("\n"))


def test_a_row_is_cut_where_a_wide_character_would_stand_half_outside() -> None:
    from tachograph.ui.terminal.cells import Cell

    row = padded([Cell("ab"), Cell("東京")], 5)
    assert row_width(row) == 5
