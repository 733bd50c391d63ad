"""What keys, clicks and updates make of the view."""

import pytest

from live_states import UTC
from tachograph.model.usage.messages import Tokens
from tachograph.queries.live import ActiveSession, Burn, Context, LiveState
from tachograph.queries.usage.problems import NO_PROBLEMS
from tachograph.queries.usage.rows import Spend
from tachograph.ui.terminal.layout import frame
from tachograph.ui.terminal.view import COPY, QUIT, RECORDER, Around, View, clicked, listed, pressed, scrolled, settled

T0 = 1_795_000_000_000


def session(name: str, last: int, cost: int = 0, tokens: int = 0, project: str = "shop") -> ActiveSession:
    used = Spend(Tokens(1, tokens), cost)
    context = Context(tokens, None)
    return ActiveSession(name, f"Title {name}", project, None, "main", "opus", context, used, T0, T0 + last, True)


def state(*sessions: ActiveSession) -> LiveState:
    return LiveState(T0 + 100_000, (), Burn(0.0, 0.0), tuple(sessions), Spend(), (), (), (), NO_PROBLEMS)


ABC = state(session("a", 30, 1, 5), session("b", 20, 3, 4, "infra"), session("c", 10, 2, 9))


def typed(view: View, *keys: str, now: LiveState = ABC, page: int = 2) -> View:
    for key in keys:
        view, _ = pressed(view, key, now, page)
    return view


def names(view: View, now: LiveState = ABC) -> str:
    return "".join(one.session for one in listed(now, view))


@pytest.mark.parametrize(
    ("sort", "order"), [("last", "abc"), ("cost", "bca"), ("tokens", "cab"), ("context", "cab"), ("project", "bac")]
)
def test_each_order(sort: str, order: str) -> None:
    assert names(View(sort=sort)) == order


def test_the_cursor_goes_through_the_list_and_stays_in_sight() -> None:
    view = typed(View(), "down")
    assert (view.cursor, view.top) == ("a", 0)
    view = typed(view, "down", "down")
    assert (view.cursor, view.top) == ("c", 1)
    assert typed(view, "down").cursor == "c"
    assert typed(view, "home").cursor == "a"
    assert typed(view, "g", "G").cursor == "c"
    assert typed(view, "pageup").cursor == "a"


def test_a_detail_opens_follows_the_cursor_and_closes() -> None:
    view = typed(View(), "down", "enter")
    assert view.detail == "a"
    assert typed(view, "down").detail == "b"
    assert typed(view, "enter").detail is None
    closed = typed(view, "escape")
    assert (closed.detail, closed.cursor) == (None, "a")
    assert typed(closed, "escape").cursor is None


def test_an_update_keeps_the_row_under_the_cursor_on_its_line() -> None:
    view = typed(View(), "down", "down")  # on b, the second line
    busier = state(session("c", 99), session("n", 90), session("b", 20, project="infra"), session("a", 10))
    after = settled(view, ABC, busier)
    assert after.cursor == "b"
    assert names(after, busier) == "nabc"  # what is new on top, the others where they were
    assert after.top == view.top + 1
    assert after.order.index("b") - after.top == 1


def test_a_session_that_is_no_longer_listed_hands_its_line_on() -> None:
    view = typed(View(), "down", "down")
    after = settled(typed(view, "enter"), ABC, state(session("a", 30), session("c", 10)))
    assert (after.cursor, after.detail) == ("c", None)
    assert settled(view, ABC, state()).cursor is None


def test_without_a_cursor_the_newest_come_first() -> None:
    assert names(settled(View(), ABC, ABC), state(session("a", 1), session("z", 50))) == "za"


def test_a_filter_is_typed_kept_and_ended() -> None:
    view = typed(View(), "/", "i", "n", "f", "q")
    assert view.filter == "infq"  # a q is a letter there
    view = typed(view, "backspace", "enter")
    assert (view.filter, view.is_typing) == ("inf", False)
    assert names(view) == "b"
    assert typed(view, "escape").filter == ""
    assert typed(View(), "/", "x", "escape").filter == ""


def test_keys_that_ask_for_something() -> None:
    assert pressed(View(), "q", ABC, 2)[1] == QUIT
    assert pressed(View(), "ctrl+c", ABC, 2)[1] == QUIT
    assert pressed(View(), "r", ABC, 2)[1] == RECORDER
    assert pressed(View(), "c", ABC, 2)[1] == ""
    assert pressed(typed(View(), "down"), "c", ABC, 2)[1] == COPY


def test_other_keys() -> None:
    assert typed(View(), "s").sort == "cost"
    assert typed(View(), "t").theme == "light"
    assert typed(View(), "l").layout == "full"
    assert typed(View(), "a").account == 0  # there is none to turn to
    sheet = typed(View(), "?")
    assert sheet.is_help
    assert not typed(sheet, "x").is_help
    assert pressed(sheet, "q", ABC, 2)[1] == QUIT


def test_sorting_keeps_the_cursor_on_its_session() -> None:
    view = typed(View(), "down", "s")
    assert view.cursor == "a"
    assert names(view) == "bca"


def test_clicks_and_the_wheel() -> None:
    view = clicked(View(), "b", ABC, 2)
    assert view.cursor == "b"
    assert clicked(view, "b", ABC, 2).detail == "b"
    down = scrolled(view, 1, ABC, 2)
    assert (down.top, down.cursor) == (1, "b")
    assert scrolled(down, 5, ABC, 2).top == 1
    assert scrolled(down, -9, ABC, 2).top == 0


def test_every_key_of_the_sheet_fits_every_screen() -> None:
    for columns, rows in ((100, 30), (60, 20), (40, 6)):
        made = frame(ABC, Around(), View(is_help=True), UTC, columns, rows)
        text = "".join(cell.text for row in made.rows for cell in row)
        assert "Keys" in text and "Press any key to close" in text
