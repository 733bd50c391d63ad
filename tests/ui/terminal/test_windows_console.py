"""The live screen in a Windows console without escape codes: its keys, mouse and colors. tests/windows runs it."""

import pytest

from tachograph import win32
from tachograph.ui.terminal.cells import STYLES
from tachograph.ui.terminal.themes import THEMES
from tachograph.ui.terminal.windows_console import ATTRIBUTES, Event, event_of, key_name


@pytest.mark.parametrize(
    ("key", "char", "name"),
    [
        (0x26, "\0", "up"),
        (0x22, "\0", "pagedown"),
        (0x0D, "\r", "enter"),
        (0x1B, "\x1b", "escape"),
        (0x08, "\x08", "backspace"),
        (0x70, "\0", "f1"),
        (0x43, "\x03", "ctrl+c"),
        (0x55, "\x15", "ctrl+u"),
        (0x51, "q", "q"),
        (0xBF, "?", "?"),
        (0x47, "G", "G"),
        (0x20, " ", " "),
        (0xDE, "ä", "ä"),
        (0x10, "\0", ""),  # Shift alone
        (0, "\ud83d", ""),  # a half of a character beyond the first 65,536
    ],
)
def test_keys_have_the_names_of_the_view(key: int, char: str, name: str) -> None:
    assert key_name(key, char) == name


def pressed(key: int, char: str, *, is_down: bool = True, repeats: int = 1) -> win32.InputRecord:
    record = win32.InputRecord(kind=win32.KEY_EVENT)
    record.event.key = win32.KeyEvent(is_down=is_down, repeats=repeats, key=key, char=char)
    return record


def moved(y: int, buttons: int, flags: int = 0) -> win32.InputRecord:
    record = win32.InputRecord(kind=win32.MOUSE_EVENT)
    record.event.mouse = win32.MouseEvent(place=win32.Coord(3, y), buttons=buttons, flags=flags)
    return record


def test_a_key_counts_when_it_goes_down_and_as_often_as_it_repeats() -> None:
    assert list(event_of(pressed(0x28, "\0", repeats=3), 0)) == [Event("down")] * 3
    assert list(event_of(pressed(0x28, "\0", is_down=False), 0)) == []
    assert len(list(event_of(pressed(0x28, "\0", repeats=60_000), 0))) < 100


def test_a_click_is_on_a_row_of_the_window_and_the_wheel_has_two_ways() -> None:
    assert list(event_of(moved(130, 1), 125)) == [Event(row=5)]
    assert list(event_of(moved(130, 0), 125)) == []  # the button goes up
    assert list(event_of(moved(130, 1, 1), 125)) == []  # the mouse moves
    assert list(event_of(moved(130, 120 << 16, win32.MOUSE_WHEELED), 0)) == [Event(wheel=-1)]
    assert list(event_of(moved(130, 0xFF88_0000, win32.MOUSE_WHEELED), 0)) == [Event(wheel=1)]


def test_every_style_has_a_color_in_every_theme() -> None:
    assert set(ATTRIBUTES) == {*THEMES, "colorless"}
    for looks in ATTRIBUTES.values():
        assert set(looks) == set(STYLES)
        assert all((attribute & 0xF) != (attribute >> 4) for attribute in looks.values())
