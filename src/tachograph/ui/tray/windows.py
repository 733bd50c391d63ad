"""The notification area of Windows: a drawn icon, a tooltip, a menu that is built when it opens. It decides nothing.

Written to Microsoft's documentation of Shell_NotifyIcon, TrackPopupMenuEx and CreateIconIndirect, over ctypes; never
run on Windows, only against fakes that check every call (tests/ui/tray/test_windows.py). A menu of Windows is
modal: while it is open its rows stay as they were built, and the title, icon and tooltip go on.
"""

import ctypes
from ctypes import wintypes
from typing import Any

from tachograph.errors import TachographError
from tachograph.ui.tray import icon
from tachograph.ui.tray.diff import NOTHING, MenuChange, MenuSync
from tachograph.ui.tray.platform import ALTERNATIVES, LOOK_SECONDS, TRAY_IS_SHOWN, TrayCallbacks
from tachograph.ui.tray.view import Icon, Menu, Row

WM_DESTROY, WM_NULL, WM_CONTEXTMENU, WM_TIMER, WM_COMMAND = 0x0002, 0x0000, 0x007B, 0x0113, 0x0111
WM_APP, WM_LBUTTONUP, WM_RBUTTONUP = 0x8000, 0x0202, 0x0205
NIM_ADD, NIM_MODIFY, NIM_DELETE, NIM_SETVERSION = 0, 1, 2, 4
NIF_MESSAGE, NIF_ICON, NIF_TIP, NIF_SHOWTIP = 0x01, 0x02, 0x04, 0x80
NOTIFYICON_VERSION_4 = 4
MF_STRING, MF_GRAYED, MF_CHECKED, MF_POPUP, MF_SEPARATOR, MFT_RADIOCHECK = 0x0, 0x1, 0x8, 0x10, 0x800, 0x200
TPM_RETURNCMD, TPM_RIGHTBUTTON = 0x100, 0x2
LONGEST_TIP = 127  # characters before the closing zero
_SIZE = 32


class NotifyIconData(ctypes.Structure):
    """NOTIFYICONDATAW, as of Windows Vista."""

    _fields_ = (
        ("cbSize", wintypes.DWORD),
        ("hWnd", wintypes.HWND),
        ("uID", wintypes.UINT),
        ("uFlags", wintypes.UINT),
        ("uCallbackMessage", wintypes.UINT),
        ("hIcon", wintypes.HICON),
        ("szTip", wintypes.WCHAR * 128),
        ("dwState", wintypes.DWORD),
        ("dwStateMask", wintypes.DWORD),
        ("szInfo", wintypes.WCHAR * 256),
        ("uVersion", wintypes.UINT),
        ("szInfoTitle", wintypes.WCHAR * 64),
        ("dwInfoFlags", wintypes.DWORD),
        ("guidItem", ctypes.c_byte * 16),
        ("hBalloonIcon", wintypes.HICON),
    )


class IconInfo(ctypes.Structure):
    """ICONINFO."""

    _fields_ = (
        ("fIcon", wintypes.BOOL),
        ("xHotspot", wintypes.DWORD),
        ("yHotspot", wintypes.DWORD),
        ("hbmMask", wintypes.HBITMAP),
        ("hbmColor", wintypes.HBITMAP),
    )


def run(engine: TrayCallbacks, libraries: Any = None) -> int:
    """Show the icon until it is quit. `libraries`: what has user32, shell32, gdi32 and kernel32."""
    return NotificationIcon(engine, libraries or ctypes.windll).show()  # type: ignore[attr-defined,unused-ignore]


class NotificationIcon:
    """The icon, its hidden window, and the timer that looks at the ledger."""

    def __init__(self, engine: TrayCallbacks, libraries: Any) -> None:
        self._engine, self._board = engine, MenuSync(engine.look())
        self._user, self._shell, self._gdi = libraries.user32, libraries.shell32, libraries.gdi32
        self._kernel = libraries.kernel32
        self._window: Any = None
        self._icon: Any = None
        self._data: NotifyIconData | None = None
        self._taskbar_created = self._user.RegisterWindowMessageW("TaskbarCreated")

    def show(self) -> int:
        self._window = self._new_window()
        if not self._add():
            raise TachographError("Windows refused the icon in the notification area.", ALTERNATIVES)
        self._engine.note(TRAY_IS_SHOWN)
        self._user.SetTimer(self._window, 1, int(LOOK_SECONDS * 1000), None)
        message = wintypes.MSG()
        while self._user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            self._user.TranslateMessage(ctypes.byref(message))
            self._user.DispatchMessageW(ctypes.byref(message))
        return 0

    def on_message(self, window: Any, message: int, wide: int, long: int) -> int:
        """The window procedure."""
        if message == WM_TIMER:
            self._apply(self._board.update(self._engine.look()))
        elif message == WM_APP and long & 0xFFFF in (WM_CONTEXTMENU, WM_LBUTTONUP):
            self._open()
        elif message == self._taskbar_created:  # Explorer restarted
            self._add()
        elif message == WM_DESTROY:
            if self._data is not None:
                self._shell.Shell_NotifyIconW(NIM_DELETE, ctypes.byref(self._data))
                self._user.DestroyIcon(self._icon)
            self._user.PostQuitMessage(0)
        else:
            return int(self._user.DefWindowProcW(window, message, wide, long))
        return 0

    def _new_window(self) -> Any:
        """Create a hidden window that receives the icon's messages."""
        prototype = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)
        result, word = ctypes.c_ssize_t, ctypes.c_ssize_t
        self._procedure = prototype(result, wintypes.HWND, wintypes.UINT, word, word)(
            self.on_message
        )  # kept alive here

        class WindowClass(ctypes.Structure):
            _fields_ = (
                ("style", wintypes.UINT),
                ("lpfnWndProc", type(self._procedure)),
                ("cbClsExtra", ctypes.c_int),
                ("cbWndExtra", ctypes.c_int),
                ("hInstance", wintypes.HINSTANCE),
                ("hIcon", wintypes.HICON),
                ("hCursor", wintypes.HANDLE),
                ("hbrBackground", wintypes.HBRUSH),
                ("lpszMenuName", wintypes.LPCWSTR),
                ("lpszClassName", wintypes.LPCWSTR),
            )

        self._user.DefWindowProcW.argtypes = (wintypes.HWND, wintypes.UINT, word, word)
        self._user.DefWindowProcW.restype = result
        for function in (self._user.CreateWindowExW, self._user.CreatePopupMenu, self._user.CreateIconIndirect):
            function.restype = wintypes.HANDLE  # an int would cut it to 32 bits
        for function in (self._gdi.CreateBitmap, self._kernel.GetModuleHandleW):
            function.restype = wintypes.HANDLE
        instance = self._kernel.GetModuleHandleW(None)
        made = WindowClass(lpfnWndProc=self._procedure, hInstance=instance, lpszClassName="Tachograph")
        self._user.RegisterClassW(ctypes.byref(made))
        return self._user.CreateWindowExW(0, "Tachograph", "Tachograph", 0, 0, 0, 0, 0, None, None, instance, None)

    # -- the icon --------------------------------------------------------------------------------------------------

    def _add(self) -> bool:
        menu, old = self._board.menu, self._icon
        self._icon = self._draw(menu.icon)
        if old is not None:
            self._user.DestroyIcon(old)
        self._data = NotifyIconData(
            cbSize=ctypes.sizeof(NotifyIconData),
            hWnd=self._window,
            uID=1,
            uFlags=NIF_MESSAGE | NIF_ICON | NIF_TIP | NIF_SHOWTIP,
            uCallbackMessage=WM_APP,
            hIcon=self._icon,
            szTip=tip(menu),
            uVersion=NOTIFYICON_VERSION_4,
        )
        added = bool(self._shell.Shell_NotifyIconW(NIM_ADD, ctypes.byref(self._data)))
        return added and bool(self._shell.Shell_NotifyIconW(NIM_SETVERSION, ctypes.byref(self._data)))

    def _apply(self, change: MenuChange) -> None:
        if self._data is None or not (change.icon or change.tooltip or change.title):
            return
        menu, old = self._board.menu, None
        if change.icon:
            old, self._icon = self._icon, self._draw(menu.icon)
            self._data.hIcon = self._icon
        self._data.szTip = tip(menu)
        self._shell.Shell_NotifyIconW(NIM_MODIFY, ctypes.byref(self._data))
        if old is not None:
            self._user.DestroyIcon(old)

    def _draw(self, wanted: Icon) -> Any:
        """An HICON. Its bitmaps are copied by the system, so ours go at once."""
        color = self._gdi.CreateBitmap(_SIZE, _SIZE, 1, 32, icon.bgra(wanted, _SIZE))
        mask = self._gdi.CreateBitmap(_SIZE, _SIZE, 1, 1, bytes(_SIZE * _SIZE // 8))
        made = self._user.CreateIconIndirect(ctypes.byref(IconInfo(fIcon=True, hbmMask=mask, hbmColor=color)))
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
        flags = TPM_RETURNCMD | TPM_RIGHTBUTTON
        chosen = self._user.TrackPopupMenuEx(popup, flags, point.x, point.y, self._window, None)
        self._user.PostMessageW(self._window, WM_NULL, 0, 0)  # as the documentation of TrackPopupMenu asks
        self._user.DestroyMenu(popup)  # and the menus within it
        later = self._board.on_close()
        self._apply(later._replace(rebuild=False) if later != NOTHING else later)
        if chosen:
            self._chosen(actions[chosen - 1])

    def _chosen(self, action: str) -> None:
        if not self._engine.act(action):
            self._user.DestroyWindow(self._window)
            return
        self._apply(self._board.update(self._engine.look()))

    def _build(self, rows: tuple[Row, ...], actions: list[str]) -> Any:
        """An HMENU; the number of a row is its place in `actions`, from 1."""
        popup = self._user.CreatePopupMenu()
        for row in rows:
            if not row.text:
                self._user.AppendMenuW(popup, MF_SEPARATOR, 0, None)
                continue
            text = row.text.replace("&", "&&")  # one marks a key to press
            if row.children:
                self._user.AppendMenuW(popup, MF_POPUP, self._build(row.children, actions), text)
                continue
            flags = MF_STRING | (0 if row.action else MF_GRAYED) | (MF_CHECKED if row.checked else 0)
            actions.append(row.action)
            self._user.AppendMenuW(popup, flags | (MFT_RADIOCHECK if row.is_radio else 0), len(actions), text)
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
