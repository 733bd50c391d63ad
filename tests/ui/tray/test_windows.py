"""The notification area's shell against fakes of Win32, for what Wine cannot show.

The real thing runs in tests/windows/test_tray.py. Fakes are left for these: handles are given back and unchanged numbers
cause no call (neither is visible from outside); the texts of the menu (under Wine another process cannot read them); an
Explorer that restarts, one that refuses the icon, and one that loses it (Wine does none of these).
"""

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tachograph import win32
from tachograph.ui.tray import windows as shell
from tachograph.ui.tray.platform import TRAY_IS_SHOWN, TrayCallbacks
from tachograph.ui.tray.view import Menu
from tray_menus import account, limit, menu, usual

TASKBAR_CREATED = 0xC0DE


class Function:
    """A function of a library: argtypes and restype can be set, and it is called."""

    def __init__(self, body: Callable[..., Any]) -> None:
        self._body = body
        self.restype: Any = None
        self.argtypes: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return self._body(*arguments)


class Windows:
    """What there is of Windows: a queue of messages, one icon, menus, bitmaps and icons that have to be given back."""

    def __init__(self, *events: Callable[["Windows"], None], refuses: bool = False) -> None:
        self.calls: list[str] = []
        self.events, self.refuses, self.takes = list(events), refuses, -1
        self.tips: list[str] = []
        self.live: dict[int, str] = {}
        self.menus: dict[int, list[tuple[int, int, str | None]]] = {}
        self.opened: list[list[tuple[int, int, str | None]]] = []
        self.choice: str | None = None
        self._next = 100
        self._procedure: Any = None
        user = (
            "RegisterWindowMessageW RegisterClassW CreateWindowExW DestroyWindow DefWindowProcW SetTimer GetMessageW"
            " TranslateMessage DispatchMessageW PostQuitMessage PostMessageW GetCursorPos SetForegroundWindow"
            " CreatePopupMenu AppendMenuW TrackPopupMenuEx DestroyMenu CreateIconIndirect DestroyIcon"
        )
        self.user32 = self._library(user)
        self.shell32 = self._library("Shell_NotifyIconW")
        self.gdi32 = self._library("CreateBitmap DeleteObject")
        self.kernel32 = self._library("GetModuleHandleW")

    def _library(self, names: str) -> SimpleNamespace:
        return SimpleNamespace(**{name: Function(getattr(self, name)) for name in names.split()})

    def _new(self, what: str) -> int:
        self._next += 1
        self.live[self._next] = what
        return self._next

    def _gone(self, handle: int, what: str) -> int:
        assert self.live.pop(handle) == what, f"{handle} is no {what}, or was given back before"
        return 1

    def say(self, message: int, wide: int = 0, long: int = 0) -> int:
        return int(self._procedure(1, message, wide, long))

    # -- user32

    def RegisterWindowMessageW(self, name: str) -> int:
        assert name == "TaskbarCreated"
        return TASKBAR_CREATED

    def RegisterClassW(self, made: Any) -> int:
        self.calls.append("RegisterClass")
        self._procedure = made._obj.lpfnWndProc
        assert made._obj.lpszClassName == "Tachograph"
        return 1

    def CreateWindowExW(self, *arguments: Any) -> int:
        assert len(arguments) == 12 and arguments[1] == "Tachograph"
        self.calls.append("CreateWindow")
        return 1

    def DestroyWindow(self, window: int) -> int:
        self.calls.append("DestroyWindow")
        self.say(win32.WM_DESTROY)
        return 1

    def DefWindowProcW(self, window: int, message: int, wide: int, long: int) -> int:
        return 0

    def SetTimer(self, window: int, id: int, milliseconds: int, function: None) -> int:
        assert (id, milliseconds, function) == (1, 1000, None)
        self.calls.append("SetTimer")
        return 1

    def GetMessageW(self, message: Any, window: None, first: int, last: int) -> int:
        if "PostQuitMessage" in self.calls or not self.events:
            return 0
        self.events.pop(0)(self)
        return 1

    def TranslateMessage(self, message: Any) -> int:
        return 0

    def DispatchMessageW(self, message: Any) -> int:
        return 0

    def PostQuitMessage(self, code: int) -> None:
        self.calls.append("PostQuitMessage")

    def PostMessageW(self, window: int, message: int, wide: int, long: int) -> int:
        assert message == win32.WM_NULL
        self.calls.append("PostMessage")
        return 1

    def GetCursorPos(self, point: Any) -> int:
        point._obj.x, point._obj.y = 30, 40
        return 1

    def SetForegroundWindow(self, window: int) -> int:
        self.calls.append("SetForegroundWindow")
        return 1

    def CreatePopupMenu(self) -> int:
        handle = self._new("menu")
        self.menus[handle] = []
        return handle

    def AppendMenuW(self, popup: int, flags: int, id: int, text: str | None) -> int:
        assert popup in self.menus
        if flags & win32.MF_POPUP:
            self._gone(id, "menu")  # it belongs to the outer menu from now on
        self.menus[popup].append((flags, id, text))
        return 1

    def TrackPopupMenuEx(self, popup: int, flags: int, x: int, y: int, window: int, area: None) -> int:
        assert (x, y) == (30, 40) and flags & win32.TPM_RETURNCMD
        assert self.calls[-1] == "SetForegroundWindow", "else the menu does not go away"
        self.calls.append("TrackPopupMenu")
        rows = self._all(popup)
        self.opened.append(rows)
        for place, (row_flags, id, text) in enumerate(rows):
            if self.choice is not None and text is not None and text.startswith(self.choice):
                assert not row_flags & win32.MF_GRAYED, place
                self.choice = None
                return id
        return 0

    def _all(self, popup: int) -> list[tuple[int, int, str | None]]:
        made = []
        for row in self.menus[popup]:
            made.append(row)
            if row[0] & win32.MF_POPUP:
                made += self._all(row[1])
        return made

    def DestroyMenu(self, popup: int) -> int:
        assert self.calls[-1] == "PostMessage", "TrackPopupMenu asks for it"
        return self._gone(popup, "menu")

    def CreateIconIndirect(self, info: Any) -> int:
        assert info._obj.fIcon and self.live[info._obj.hbmColor] == self.live[info._obj.hbmMask] == "bitmap"
        return self._new("icon")

    def DestroyIcon(self, handle: int) -> int:
        return self._gone(handle, "icon")

    # -- the others

    def CreateBitmap(self, width: int, height: int, planes: int, bits: int, data: bytes) -> int:
        assert len(data) == width * height * bits // 8 and planes == 1
        return self._new("bitmap")

    def DeleteObject(self, handle: int) -> int:
        return self._gone(handle, "bitmap")

    def GetModuleHandleW(self, name: None) -> int:
        return 7

    def Shell_NotifyIconW(self, what: int, data: Any) -> int:
        said = data._obj
        assert said.cbSize == ctypes.sizeof(win32.NotifyIconData)
        self.calls.append({0: "NIM_ADD", 1: "NIM_MODIFY", 2: "NIM_DELETE", 4: "NIM_SETVERSION"}[what])
        if what in (win32.NIM_ADD, win32.NIM_MODIFY):
            assert self.live[said.hIcon] == "icon", "an icon that was given back"
            assert said.uFlags & win32.NIF_TIP and said.uFlags & win32.NIF_SHOWTIP
            self.tips.append(said.szTip)
        if what == win32.NIM_SETVERSION:
            assert said.uVersion == 4
        return int(not self.refuses or what == self.takes)


class Desk:
    def __init__(self, first: Menu) -> None:
        self.menu, self.acted, self.notes = first, list[str](), list[str]()
        self.engine = TrayCallbacks(lambda: self.menu, self.act, self.notes.append, self.notes.append)

    def act(self, action: str) -> bool:
        self.acted.append(action)
        return action != "quit"


def tick(windows: Windows) -> None:
    windows.say(win32.WM_TIMER, 1)


def clicked(choice: str) -> Callable[[Windows], None]:
    def event(windows: Windows) -> None:
        windows.choice = choice
        windows.say(win32.WM_APP, 0, win32.WM_CONTEXTMENU | 1 << 16)
        assert windows.choice is None, f"no row begins with {choice!r}"

    return event


def test_it_adds_its_icon_and_gives_everything_back() -> None:
    desk = Desk(menu(usual()))
    windows = Windows(tick, clicked("Quit"))
    assert shell.run(desk.engine, windows) == 0
    assert windows.calls == [
        "RegisterClass",
        "CreateWindow",
        "NIM_ADD",
        "NIM_SETVERSION",
        "SetTimer",
        "SetForegroundWindow",
        "TrackPopupMenu",
        "PostMessage",
        "DestroyWindow",
        "NIM_DELETE",
        "PostQuitMessage",
    ]
    assert windows.live == {}
    assert desk.notes == [TRAY_IS_SHOWN] and desk.acted == ["quit"]


def test_unchanged_numbers_are_no_call_and_a_changed_one_is_one() -> None:
    desk = Desk(menu(usual(40, 12)))

    def same(windows: Windows) -> None:
        windows.calls.clear()
        for _ in range(60):
            desk.menu = menu(usual(40, 12))
            tick(windows)
        assert windows.calls == []

    def other(windows: Windows) -> None:
        desk.menu = menu(usual(41, 12))
        tick(windows)
        assert windows.calls == ["NIM_MODIFY"]
        assert windows.tips[-1].startswith("5h 41% · 7d 12%\n")

    windows = Windows(same, other)
    shell.run(desk.engine, windows)
    assert list(windows.live.values()) == ["icon"]  # the one that is shown


def test_the_menu_is_built_when_it_opens_with_the_newest_numbers() -> None:
    desk = Desk(menu(usual(40, 12)))

    def later(windows: Windows) -> None:
        desk.menu = menu(usual(60, 12), account(limit("five_hour", 3), label="r&d@example.org", id=2))

    windows = Windows(later, clicked("Compact"), clicked("Refresh now"))
    shell.run(desk.engine, windows)
    rows = {text: flags for flags, _, text in windows.opened[0]}
    assert any(text and text.startswith("5-hour   60 %") for text in rows)
    assert any(text and text.startswith("r&&d@example.org") for text in rows)
    assert rows["Medium   A: 5h 60% · 7d 12%    R: 5h 3%"] & win32.MF_CHECKED
    assert desk.acted == ["style:compact", "refresh"]


def test_explorer_started_anew_gets_the_icon_again() -> None:
    def explorer(windows: Windows) -> None:
        windows.say(TASKBAR_CREATED)

    windows = Windows(explorer)
    shell.run(Desk(menu(usual())).engine, windows)
    assert windows.calls.count("NIM_ADD") == 2


def test_a_refused_icon_is_asked_for_until_it_is_shown_and_people_learn_both() -> None:
    desk = Desk(menu(usual()))

    def refused(windows: Windows) -> None:
        desk.menu = menu(usual(77, 12))
        for _ in range(3):
            tick(windows)
        log, note = desk.notes
        assert log == shell.NOT_SHOWN and "statusline" in note

    def taken(windows: Windows) -> None:
        windows.refuses = False
        for _ in range(3):
            tick(windows)
        assert windows.calls.count("NIM_ADD") == 5 and windows.tips[-1].startswith("5h 77%")

    windows = Windows(refused, taken, clicked("Quit"), refuses=True)
    assert shell.run(desk.engine, windows) == 0
    assert desk.notes[2:] == [TRAY_IS_SHOWN] and windows.live == {}


def test_an_answer_that_came_too_late_counts_as_shown() -> None:
    """Windows calls it a failure, though the icon is there: adding it again fails, changing it does not."""
    desk = Desk(menu(usual()))
    windows = Windows(tick, refuses=True)
    windows.takes = win32.NIM_MODIFY
    shell.run(desk.engine, windows)
    assert windows.calls.count("NIM_ADD") == 1 and desk.notes == [TRAY_IS_SHOWN]


def test_an_icon_that_was_lost_is_added_again() -> None:
    desk = Desk(menu(usual(40, 12)))

    def lost(windows: Windows) -> None:
        desk.menu, windows.refuses = menu(usual(41, 12)), True
        tick(windows)
        windows.refuses = False
        windows.calls.clear()
        tick(windows)
        assert windows.calls == ["NIM_ADD", "NIM_SETVERSION"]

    shell.run(desk.engine, Windows(lost))
    assert desk.notes[0] == desk.notes[-1] == TRAY_IS_SHOWN


@pytest.mark.parametrize("accounts", [1, 2, 5])
def test_the_tooltip_keeps_to_128_characters(accounts: int) -> None:
    many = [account(limit("five_hour", 95), limit("seven_day", 99), label=f"{n}" + "x" * 60, id=n) for n in range(1, accounts + 1)]  # fmt: skip
    made = shell.tip(menu(*many, style="long"))
    assert len(made.encode("utf-16-le")) // 2 <= shell.LONGEST_TIP
    assert made.startswith("Claude")
