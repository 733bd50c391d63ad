"""The live screen in a Windows console that doesn't carry out escape codes, drawn with the console's own functions.

It has a screen buffer of its own, so the console's text is back when the screen closes. Only rows that changed are
written. Colors are the sixteen of the console.
"""

import ctypes
from collections.abc import Callable, Iterator, Mapping
from ctypes import wintypes
from time import monotonic
from typing import Any, NamedTuple

from tachograph import win32
from tachograph.ui.terminal.cells import (
    AT_WALL,
    CHOSEN,
    DIM,
    FILLED,
    HIGH,
    KEY,
    OLD,
    PLAIN,
    RULE,
    STRONG,
    TITLE,
    Row,
)
from tachograph.ui.terminal.interaction import Engine, Interaction
from tachograph.ui.terminal.limits import title
from tachograph.ui.terminal.view import COPY, MOST_FILTER, QUIT, View

_MOST_WAIT_MS = 200  # for a key; a changed size of the window is seen after it
_MOST_EVENTS = 128
_TITLE_CHARACTERS = 512
_WHEEL_ROWS = 1
_COLORLESS = "colorless"
# theme -> style -> attribute of the console: foreground (1 blue, 2 green, 4 red, 8 bright) and the ground times 16
ATTRIBUTES: Mapping[str, Mapping[str, int]] = {
    "dark": {
        PLAIN: 0x07,
        DIM: 0x08,
        STRONG: 0x0F,
        TITLE: 0x0F,
        RULE: 0x08,
        KEY: 0x0B,
        CHOSEN: 0x1F,
        FILLED: 0x03,
        OLD: 0x08,
        HIGH: 0x0E,
        AT_WALL: 0x0C,
    },
    "light": {
        PLAIN: 0xF0,
        DIM: 0xF8,
        STRONG: 0xF0,
        TITLE: 0xF0,
        RULE: 0xF7,
        KEY: 0xF1,
        CHOSEN: 0x1F,
        FILLED: 0xF3,
        OLD: 0xF8,
        HIGH: 0xF5,
        AT_WALL: 0xF4,
    },
    "contrast": {
        PLAIN: 0x0F,
        DIM: 0x0F,
        STRONG: 0x0F,
        TITLE: 0x0F,
        RULE: 0x07,
        KEY: 0x0E,
        CHOSEN: 0xE0,
        FILLED: 0x0B,
        OLD: 0x07,
        HIGH: 0x0E,
        AT_WALL: 0x0D,
    },
    _COLORLESS: {
        PLAIN: 0x07,
        DIM: 0x07,
        STRONG: 0x0F,
        TITLE: 0x0F,
        RULE: 0x07,
        KEY: 0x0F,
        CHOSEN: 0x70,
        FILLED: 0x07,
        OLD: 0x07,
        HIGH: 0x0F,
        AT_WALL: 0x0F,
    },
}
# virtual-key codes (winuser.h), then characters of control keys
_KEYS = {
    0x21: "pageup",
    0x22: "pagedown",
    0x23: "end",
    0x24: "home",
    0x26: "up",
    0x28: "down",
    0x70: "f1",
    0x0D: "enter",
    0x1B: "escape",
    0x08: "backspace",
}
_CONTROLS = {"\x03": "ctrl+c", "\x0c": "ctrl+l", "\x11": "q", "\x15": "ctrl+u"}


def run(engine: Engine, view: View, *, env: Mapping[str, str], step: float, titled: bool) -> int:
    """Show the live screen until a person ends it; returns the exit code."""
    interaction = Interaction(engine, view, is_colorless=bool(env.get("NO_COLOR")))
    console = _Console()
    try:
        _show(interaction, console, step, console.set_title if titled else lambda words: None)
    finally:
        console.close()
    return 0


def _show(interaction: Interaction, console: "_Console", step: float, set_title: Callable[[str], None]) -> None:
    following, is_changed = monotonic() + step, True
    while True:
        if is_changed or console.is_resized:
            console.draw(interaction)
            set_title(title(interaction.state))
        events = console.events(min(_MOST_WAIT_MS, max(0, int((following - monotonic()) * 1000))))
        is_changed = bool(events)
        for event in events:
            if _carry_out(event, interaction, console):
                return
        if monotonic() >= following:
            interaction.update()
            following, is_changed = monotonic() + step, True


class Event(NamedTuple):
    """A key by its name, a click on a row of the window, or steps of the wheel."""

    key: str = ""
    row: int | None = None
    wheel: int = 0


def _carry_out(event: Event, interaction: Interaction, console: "_Console") -> bool:
    """Carry out what a person did; True to end."""
    if event.row is not None:
        interaction.click(event.row)
    elif event.wheel:
        interaction.scroll(event.wheel)
    elif event.key == "ctrl+l":
        console.forget()
    else:
        action = interaction.press(event.key)
        if action == COPY:
            interaction.tell(f"Session {interaction.session_id}")
        return action == QUIT
    return False


def key_name(key: int, char: str) -> str:
    """The name of a pressed key as view.py knows it, "" for others, by virtual-key code and character."""
    if key in _KEYS:
        return _KEYS[key]
    return _CONTROLS.get(char, char if char.isprintable() else "")


def event_of(record: win32.InputRecord, top: int) -> Iterator[Event]:
    """Input by a person, from an input record; nothing for others. `top`: the first row of the window."""
    if record.kind == win32.KEY_EVENT and record.event.key.is_down:
        name = key_name(record.event.key.key, record.event.key.char)
        if name:
            yield from (Event(name) for _ in range(max(1, min(record.event.key.repeats, MOST_FILTER))))
    elif record.kind == win32.MOUSE_EVENT:
        mouse = record.event.mouse
        if mouse.flags == win32.MOUSE_WHEELED:
            yield Event(wheel=-_WHEEL_ROWS if mouse.buttons < 0x8000_0000 else _WHEEL_ROWS)
        elif mouse.flags == 0 and mouse.buttons & 1:
            yield Event(row=mouse.place.y - top)


class _Console:
    """A screen buffer of the console, and its keyboard and mouse."""

    def __init__(self) -> None:
        self._kernel = win32.load("kernel32").kernel32
        self._input = self._kernel.GetStdHandle(win32.STD_INPUT_HANDLE)
        self._written: tuple[tuple[int, int, int, int], str, tuple[Row, ...]] | None = None
        self._title = ""
        mode, name = wintypes.DWORD(), ctypes.create_unicode_buffer(_TITLE_CHARACTERS)
        self._kernel.GetConsoleMode(self._input, ctypes.byref(mode))
        self._kernel.GetConsoleTitleW(name, _TITLE_CHARACTERS)
        self._mode_before, self._title_before = mode.value, name.value
        # by name, because a standard handle means the active buffer in Wine
        access, shared = win32.GENERIC_READ | win32.GENERIC_WRITE, win32.FILE_SHARE_READ | win32.FILE_SHARE_WRITE
        self._before = self._kernel.CreateFileW("CONOUT$", access, shared, None, win32.OPEN_EXISTING, 0, None)
        self._screen = self._kernel.CreateConsoleScreenBuffer(access, shared, None, win32.CONSOLE_TEXTMODE_BUFFER, None)
        # neither a selection by the mouse, nor an end by Ctrl+C, nor a new line after the last column
        flags = win32.ENABLE_EXTENDED_FLAGS | win32.ENABLE_MOUSE_INPUT | win32.ENABLE_WINDOW_INPUT
        self._kernel.SetConsoleMode(self._input, flags)
        self._kernel.SetConsoleMode(self._screen, win32.ENABLE_PROCESSED_OUTPUT)
        self._kernel.SetConsoleActiveScreenBuffer(self._screen)
        self._kernel.SetConsoleCursorInfo(self._screen, ctypes.byref(win32.CursorInfo(25, False)))

    def close(self) -> None:
        """Give the console its own text, title and modes back."""
        self._kernel.SetConsoleActiveScreenBuffer(self._before)
        self._kernel.SetConsoleMode(self._input, self._mode_before)
        if self._title:
            self._kernel.SetConsoleTitleW(self._title_before)
        self._kernel.CloseHandle(self._screen)
        self._kernel.CloseHandle(self._before)

    def set_title(self, words: str) -> None:
        if words != self._title:
            self._title = words
            self._kernel.SetConsoleTitleW(words)

    def forget(self) -> None:
        """Write every row at the next drawing."""
        self._written = None

    @property
    def is_resized(self) -> bool:
        """True if the window is not the one that was drawn in."""
        return self._written is None or self._written[0] != self._window()

    def draw(self, interaction: Interaction) -> None:
        """Write the rows of the newest frame that differ from those on the screen."""
        window = self._window()
        left, top, columns, rows = window
        frame = interaction.draw(columns, rows)
        theme = _COLORLESS if interaction.is_colorless else interaction.view.theme
        old: tuple[Row, ...] = ()
        if self._written is not None and self._written[:2] == (window, theme):
            old = self._written[2]
        for y, row in enumerate(frame.rows):
            if y >= len(old) or old[y] != row:
                self._write(left, top + y, row, ATTRIBUTES[theme])
        self._written = (window, theme, frame.rows)

    def _write(self, x: int, y: int, row: Row, attributes: Mapping[str, int]) -> None:
        count = wintypes.DWORD()
        for cell in row:
            self._kernel.SetConsoleCursorPosition(self._screen, win32.Coord(x, y))
            self._kernel.SetConsoleTextAttribute(self._screen, attributes[cell.style])
            units = len(cell.text.encode("utf-16-le")) // 2
            self._kernel.WriteConsoleW(self._screen, cell.text, units, ctypes.byref(count), None)
            x += cell.width

    def _window(self) -> tuple[int, int, int, int]:
        """First column and row of the window in the screen buffer, its columns and its rows."""
        info = win32.ScreenBufferInfo()
        self._kernel.GetConsoleScreenBufferInfo(self._screen, ctypes.byref(info))
        box = info.window
        return box.Left, box.Top, max(1, box.Right - box.Left + 1), max(1, box.Bottom - box.Top + 1)

    def events(self, wait_ms: int) -> list[Event]:
        """Input by a person, after at most `wait_ms`."""
        if self._kernel.WaitForSingleObject(self._input, wait_ms):
            return []
        records: Any = (win32.InputRecord * _MOST_EVENTS)()
        count = wintypes.DWORD()
        self._kernel.ReadConsoleInputW(self._input, records, _MOST_EVENTS, ctypes.byref(count))
        top = self._window()[1]
        return [event for record in records[: count.value] for event in event_of(record, top)]
