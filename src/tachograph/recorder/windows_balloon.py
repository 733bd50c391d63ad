"""Show a notification of Windows: a balloon of our icon in the notification area (Shell_NotifyIcon with NIF_INFO).

The tray's icon shows it, if the tray runs. Otherwise an icon appears for a few seconds. Neither needs WinRT, which a
program without an application identity can't use reliably.
"""

import ctypes
from typing import Any

from tachograph import win32

TRAY_ICON_ID = 1
LONGEST_TITLE, LONGEST_TEXT = 63, 255  # characters before the closing zero
SECONDS = 5.0  # that an icon of our own stays
_INFORMATION_ICON = 32516  # IDI_INFORMATION


def show(title: str, text: str, sound: bool, libraries: Any = None) -> bool:
    """Show the balloon; False if Windows refuses it."""
    libraries = libraries or win32.load()
    window = libraries.user32.FindWindowW(win32.TRAY_WINDOW, win32.TRAY_WINDOW)
    if window and _send(libraries, win32.NIM_MODIFY, _balloon(window, TRAY_ICON_ID, title, text, sound)):
        return True
    return _show_own(libraries, title, text, sound)


def _balloon(window: Any, number: int, title: str, text: str, sound: bool) -> win32.NotifyIconData:
    return win32.NotifyIconData(
        cbSize=ctypes.sizeof(win32.NotifyIconData),
        hWnd=window,
        uID=number,
        uFlags=win32.NIF_INFO,
        szInfoTitle=win32.shortened(title, LONGEST_TITLE),
        szInfo=win32.shortened(text, LONGEST_TEXT),
        dwInfoFlags=win32.NIIF_WARNING | (0 if sound else win32.NIIF_NOSOUND),
    )


def _send(libraries: Any, action: int, data: win32.NotifyIconData) -> bool:
    return bool(libraries.shell32.Shell_NotifyIconW(action, ctypes.byref(data)))


def _show_own(libraries: Any, title: str, text: str, sound: bool) -> bool:
    """Add an icon, show the balloon there, and remove the icon after SECONDS."""
    user = libraries.user32

    def on_message(window: Any, message: int, first: int, second: int) -> int:
        if message == win32.WM_TIMER:
            user.PostQuitMessage(0)
            return 0
        return int(user.DefWindowProcW(window, message, first, second))

    procedure = win32.WindowProcedure(on_message)
    window = win32.hidden_window(libraries, "Tachograph notification", procedure)
    icon = _balloon(window, TRAY_ICON_ID, title, text, sound)
    icon.uFlags = win32.NIF_ICON | win32.NIF_TIP
    icon.hIcon, icon.szTip = user.LoadIconW(None, _INFORMATION_ICON), "Tachograph"
    if not _send(libraries, win32.NIM_ADD, icon):
        return False
    shown = _send(libraries, win32.NIM_MODIFY, _balloon(window, TRAY_ICON_ID, title, text, sound))
    user.SetTimer(window, 1, int(SECONDS * 1000), None)
    win32.run_message_loop(user)
    _send(libraries, win32.NIM_DELETE, icon)
    return shown
