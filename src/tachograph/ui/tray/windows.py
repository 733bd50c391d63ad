"""The notification area of Windows: a drawn icon, a tooltip, a menu that is built when it opens. It decides nothing.

Runs on Windows' own Python under Wine in the tests (tests/windows). Fakes show what can't be shown there
(tests/ui/tray/test_windows.py). A menu of Windows is modal: while it is open its rows stay as they were built, and
title, icon and tooltip go on.
"""

import ctypes
from ctypes import wintypes
from typing import Any

from tachograph import win32
from tachograph.ui.tray import icon
from tachograph.ui.tray.diff import NOTHING, MenuChange, MenuSync
from tachograph.ui.tray.platform import ALTERNATIVES, LOOK_SECONDS, TRAY_IS_SHOWN, TrayCallbacks
from tachograph.ui.tray.view import Icon, Menu, Row

NOT_SHOWN = "The notification area of Windows does not take the icon yet; it is asked again every second."
LONGEST_TIP = 127  # characters before the closing zero
_ICON_ID = 1
_SIZE = 32


def run(engine: TrayCallbacks, libraries: Any = None) -> int:
    """Show the icon until it is quit. `libraries`: user32, shell32, gdi32 and kernel32, as win32.load() returns them."""
    return NotificationIcon(engine, libraries or win32.load()).show()


class NotificationIcon:
    """The icon, its hidden window, and the timer that looks at the ledger."""

    def __init__(self, engine: TrayCallbacks, libraries: Any) -> None:
        self._engine, self._board = engine, MenuSync(engine.look())
        self._libraries = libraries
        self._user, self._shell, self._gdi = libraries.user32, libraries.shell32, libraries.gdi32
        self._window: Any = None
        self._icon: Any = None
        self._data: win32.NotifyIconData | None = None
        self._is_shown = self._was_refused = False
        self._taskbar_created = self._user.RegisterWindowMessageW("TaskbarCreated")

    def show(self) -> int:
        self._window = self._new_window()
        self._add()
        self._user.SetTimer(self._window, 1, int(LOOK_SECONDS * 1000), None)
        win32.run_message_loop(self._user)
        return 0

    def on_message(self, window: Any, message: int, wide: int, long: int) -> int:
        """The window procedure."""
        if message == win32.WM_TIMER:
            self._apply(self._board.update(self._engine.look()))
            if not self._is_shown:
                self._add()
        elif message == win32.WM_APP and long & 0xFFFF in (win32.WM_CONTEXTMENU, win32.WM_LBUTTONUP):
            self._open()
        elif message == self._taskbar_created:  # Explorer restarted
            self._add()
        elif message == win32.WM_DESTROY:
            if self._data is not None:
                self._send(win32.NIM_DELETE)
                self._user.DestroyIcon(self._icon)
                self._data = None
            self._user.PostQuitMessage(0)
        else:
            return int(self._user.DefWindowProcW(window, message, wide, long))
        return 0

    def _new_window(self) -> Any:
        """Create a hidden window that receives the icon's messages."""
        self._procedure = win32.WindowProcedure(self.on_message)  # kept alive here
        return win32.hidden_window(self._libraries, win32.TRAY_WINDOW, self._procedure)

    # -- the icon --------------------------------------------------------------------------------------------------

    def _add(self) -> None:
        """Show the icon. Explorer refuses it while it starts or is too busy to answer: the timer then asks again.

        An answer that came too late is a refusal too, though the icon is there: it can be changed then.
        """
        menu, old = self._board.menu, self._icon
        self._icon = self._draw(menu.icon)
        if old is not None:
            self._user.DestroyIcon(old)
        self._data = win32.NotifyIconData(
            cbSize=ctypes.sizeof(win32.NotifyIconData),
            hWnd=self._window,
            uID=_ICON_ID,
            uFlags=win32.NIF_MESSAGE | win32.NIF_ICON | win32.NIF_TIP | win32.NIF_SHOWTIP,
            uCallbackMessage=win32.WM_APP,
            hIcon=self._icon,
            szTip=tip(menu),
            uVersion=win32.NOTIFYICON_VERSION_4,
        )
        self._is_shown = self._send(win32.NIM_ADD) or self._send(win32.NIM_MODIFY)
        if self._is_shown:
            self._send(win32.NIM_SETVERSION)
            self._engine.note(TRAY_IS_SHOWN)
        elif not self._was_refused:
            self._engine.say(NOT_SHOWN)
            self._engine.note(f"{NOT_SHOWN} {ALTERNATIVES}")
        self._was_refused = not self._is_shown

    def _send(self, what: int) -> bool:
        data = self._data
        return data is not None and bool(self._shell.Shell_NotifyIconW(what, ctypes.byref(data)))

    def _apply(self, change: MenuChange) -> None:
        if self._data is None or not self._is_shown or not (change.icon or change.tooltip or change.title):
            return
        menu, old = self._board.menu, None
        if change.icon:
            old, self._icon = self._icon, self._draw(menu.icon)
            self._data.hIcon = self._icon
        self._data.szTip = tip(menu)
        self._is_shown = self._send(win32.NIM_MODIFY)  # without an icon to change the timer adds it
        if old is not None:
            self._user.DestroyIcon(old)

    def _draw(self, wanted: Icon) -> Any:
        """An HICON. Its bitmaps are copied by the system, so ours go at once."""
        color = self._gdi.CreateBitmap(_SIZE, _SIZE, 1, 32, icon.bgra(wanted, _SIZE))
        mask = self._gdi.CreateBitmap(_SIZE, _SIZE, 1, 1, bytes(_SIZE * _SIZE // 8))
        made = self._user.CreateIconIndirect(ctypes.byref(win32.IconInfo(fIcon=True, hbmMask=mask, hbmColor=color)))
        for bitmap in (color, mask):
            self._gdi.DeleteObject(bitmap)
        return made

    # -- the menu --------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._apply(self._board.update(self._engine.look()))
        self._board.on_open()
        actions: list[str] = []
        popup = self._build(self._board.menu.rows, actions)
        point = wintypes.POINT()
        self._user.GetCursorPos(ctypes.byref(point))
        self._user.SetForegroundWindow(self._window)  # else the menu stays when one clicks elsewhere
        flags = win32.TPM_RETURNCMD | win32.TPM_RIGHTBUTTON
        chosen = self._user.TrackPopupMenuEx(popup, flags, point.x, point.y, self._window, None)
        self._user.PostMessageW(self._window, win32.WM_NULL, 0, 0)  # as the documentation of TrackPopupMenu asks
        self._user.DestroyMenu(popup)  # and the menus within it
        later = self._board.on_close()
        self._apply(later._replace(rebuild=False) if later != NOTHING else later)
        if chosen:
            self._choose(actions[chosen - 1])

    def _choose(self, action: str) -> None:
        if not self._engine.act(action):
            self._user.DestroyWindow(self._window)
            return
        self._apply(self._board.update(self._engine.look()))

    def _build(self, rows: tuple[Row, ...], actions: list[str]) -> Any:
        """An HMENU; the number of a row is its place in `actions`, from 1."""
        popup = self._user.CreatePopupMenu()
        for row in rows:
            if not row.text:
                self._user.AppendMenuW(popup, win32.MF_SEPARATOR, 0, None)
                continue
            text = row.text.replace("&", "&&")  # one marks a key to press
            if row.children:
                self._user.AppendMenuW(popup, win32.MF_POPUP, self._build(row.children, actions), text)
                continue
            flags = win32.MF_STRING | (0 if row.action else win32.MF_GRAYED) | (win32.MF_CHECKED if row.checked else 0)
            actions.append(row.action)
            self._user.AppendMenuW(popup, flags | (win32.MFT_RADIOCHECK if row.is_radio else 0), len(actions), text)
        return popup


def tip(menu: Menu) -> str:
    """The title and as many whole lines of the tooltip as 127 characters (UTF-16) hold."""
    made = menu.plain_title
    for line in menu.tooltip.splitlines():
        longer = f"{made}\n{line}"
        if len(longer.encode("utf-16-le")) // 2 > LONGEST_TIP:
            break
        made = longer
    while len(made.encode("utf-16-le")) // 2 > LONGEST_TIP:
        made = made[:-2].rstrip() + "…"
    return made
