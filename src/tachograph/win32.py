"""Declarations of the Win32 functions and structures that we call, and the libraries with these types set.

Without declared types ctypes passes every argument as a C int, which cuts handles and pointers of 64-bit Windows.
Sources: the reference pages of Microsoft Learn for each function, and the headers winuser.h, shellapi.h, wingdi.h and
wincon.h.
"""

import ctypes
from ctypes import wintypes
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

LRESULT, WPARAM, LPARAM = ctypes.c_ssize_t, ctypes.c_size_t, ctypes.c_ssize_t
_PROTOTYPE = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)  # the latter only where tests run elsewhere
WindowProcedure = _PROTOTYPE(LRESULT, wintypes.HWND, wintypes.UINT, WPARAM, LPARAM)

TRAY_WINDOW = "Tachograph"  # class and title of the tray's hidden window
WM_NULL, WM_DESTROY, WM_CLOSE, WM_CONTEXTMENU, WM_COMMAND, WM_TIMER = 0x0000, 0x0002, 0x0010, 0x007B, 0x0111, 0x0113
WM_LBUTTONUP, WM_RBUTTONUP, WM_APP = 0x0202, 0x0205, 0x8000
NIM_ADD, NIM_MODIFY, NIM_DELETE, NIM_SETVERSION = 0, 1, 2, 4
NIF_MESSAGE, NIF_ICON, NIF_TIP, NIF_INFO, NIF_SHOWTIP = 0x01, 0x02, 0x04, 0x10, 0x80
NIIF_WARNING, NIIF_NOSOUND = 0x02, 0x10
NOTIFYICON_VERSION_4 = 4
MF_STRING, MF_GRAYED, MF_CHECKED, MF_POPUP, MF_SEPARATOR, MFT_RADIOCHECK = 0x0, 0x1, 0x8, 0x10, 0x800, 0x200
STD_INPUT_HANDLE, STD_OUTPUT_HANDLE = 2**32 - 10, 2**32 - 11  # ((DWORD)-10), ((DWORD)-11)
ENABLE_VIRTUAL_TERMINAL_PROCESSING = 0x4
ENABLE_PROCESSED_OUTPUT, ENABLE_WINDOW_INPUT, ENABLE_MOUSE_INPUT, ENABLE_EXTENDED_FLAGS = 0x1, 0x8, 0x10, 0x80
KEY_EVENT, MOUSE_EVENT, MOUSE_WHEELED = 0x1, 0x2, 0x4
GENERIC_READ, GENERIC_WRITE, FILE_SHARE_READ, FILE_SHARE_WRITE = 0x8000_0000, 0x4000_0000, 0x1, 0x2
OPEN_EXISTING, CONSOLE_TEXTMODE_BUFFER = 3, 1
TPM_RETURNCMD, TPM_RIGHTBUTTON = 0x100, 0x2


class WindowClass(ctypes.Structure):
    """WNDCLASSW."""

    _fields_ = (
        ("style", wintypes.UINT),
        ("lpfnWndProc", WindowProcedure),
        ("cbClsExtra", ctypes.c_int),
        ("cbWndExtra", ctypes.c_int),
        ("hInstance", wintypes.HINSTANCE),
        ("hIcon", wintypes.HICON),
        ("hCursor", wintypes.HANDLE),
        ("hbrBackground", wintypes.HBRUSH),
        ("lpszMenuName", wintypes.LPCWSTR),
        ("lpszClassName", wintypes.LPCWSTR),
    )


class NotifyIconData(ctypes.Structure):
    """NOTIFYICONDATAW, as of Windows Vista: 976 bytes on 64-bit Windows."""

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


class Coord(ctypes.Structure):
    """COORD: a column and a row of a console."""

    _fields_ = (("x", wintypes.SHORT), ("y", wintypes.SHORT))


class ScreenBufferInfo(ctypes.Structure):
    """CONSOLE_SCREEN_BUFFER_INFO. `window` has the columns and rows in sight, with its last ones."""

    _fields_ = (
        ("size", Coord),
        ("cursor", Coord),
        ("attributes", wintypes.WORD),
        ("window", wintypes.SMALL_RECT),
        ("largest", Coord),
    )


class CursorInfo(ctypes.Structure):
    """CONSOLE_CURSOR_INFO."""

    _fields_ = (("size", wintypes.DWORD), ("is_visible", wintypes.BOOL))


class KeyEvent(ctypes.Structure):
    """KEY_EVENT_RECORD."""

    _fields_ = (
        ("is_down", wintypes.BOOL),
        ("repeats", wintypes.WORD),
        ("key", wintypes.WORD),
        ("scan", wintypes.WORD),
        ("char", wintypes.WCHAR),
        ("modifiers", wintypes.DWORD),
    )


class MouseEvent(ctypes.Structure):
    """MOUSE_EVENT_RECORD. The high word of `buttons` is the way of the wheel."""

    _fields_ = (
        ("place", Coord),
        ("buttons", wintypes.DWORD),
        ("modifiers", wintypes.DWORD),
        ("flags", wintypes.DWORD),
    )


class _Event(ctypes.Union):
    _fields_ = (("key", KeyEvent), ("mouse", MouseEvent))


class InputRecord(ctypes.Structure):
    """INPUT_RECORD: a key or a mouse event by its `kind`; others are as short."""

    _fields_ = (("kind", wintypes.WORD), ("event", _Event))


_B, _H, _U, _I, _P = wintypes.BOOL, wintypes.HANDLE, wintypes.UINT, ctypes.c_int, ctypes.POINTER
_TEXT, _MESSAGE = wintypes.LPCWSTR, ctypes.POINTER(wintypes.MSG)
# library -> function -> (result, arguments)
FUNCTIONS: dict[str, dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "user32": {
        "RegisterWindowMessageW": (_U, (_TEXT,)),
        "RegisterClassW": (wintypes.ATOM, (_P(WindowClass),)),
        "CreateWindowExW": (
            wintypes.HWND,
            (wintypes.DWORD, _TEXT, _TEXT, wintypes.DWORD, _I, _I, _I, _I, _H, _H, _H, wintypes.LPVOID),
        ),
        "DestroyWindow": (_B, (_H,)),
        "FindWindowW": (wintypes.HWND, (_TEXT, _TEXT)),
        "FindWindowExW": (wintypes.HWND, (_H, _H, _TEXT, _TEXT)),
        "GetWindowThreadProcessId": (wintypes.DWORD, (_H, _P(wintypes.DWORD))),
        "DefWindowProcW": (LRESULT, (_H, _U, WPARAM, LPARAM)),
        "SetTimer": (WPARAM, (_H, WPARAM, _U, wintypes.LPVOID)),
        "GetMessageW": (_I, (_MESSAGE, _H, _U, _U)),
        "TranslateMessage": (_B, (_MESSAGE,)),
        "DispatchMessageW": (LRESULT, (_MESSAGE,)),
        "PostQuitMessage": (None, (_I,)),
        "PostMessageW": (_B, (_H, _U, WPARAM, LPARAM)),
        "GetCursorPos": (_B, (_P(wintypes.POINT),)),
        "SetForegroundWindow": (_B, (_H,)),
        "CreatePopupMenu": (wintypes.HMENU, ()),
        "AppendMenuW": (_B, (_H, _U, WPARAM, _TEXT)),
        "TrackPopupMenuEx": (_I, (_H, _U, _I, _I, _H, wintypes.LPVOID)),
        "DestroyMenu": (_B, (_H,)),
        "CreateIconIndirect": (wintypes.HICON, (_P(IconInfo),)),
        "LoadIconW": (wintypes.HICON, (_H, WPARAM)),
        "DestroyIcon": (_B, (_H,)),
    },
    "shell32": {"Shell_NotifyIconW": (_B, (wintypes.DWORD, _P(NotifyIconData)))},
    "gdi32": {
        "CreateBitmap": (wintypes.HBITMAP, (_I, _I, _U, _U, ctypes.c_char_p)),
        "DeleteObject": (_B, (_H,)),
    },
    "kernel32": {
        "GetModuleHandleW": (wintypes.HMODULE, (_TEXT,)),
        "OpenProcess": (_H, (wintypes.DWORD, _B, wintypes.DWORD)),
        "GetExitCodeProcess": (_B, (_H, _P(wintypes.DWORD))),
        "GetProcessTimes": (_B, (_H, *(4 * (_P(ctypes.c_ulonglong),)))),
        "CloseHandle": (_B, (_H,)),
        "GetStdHandle": (_H, (wintypes.DWORD,)),
        "GetConsoleMode": (_B, (_H, _P(wintypes.DWORD))),
        "SetConsoleMode": (_B, (_H, wintypes.DWORD)),
        "CreateFileW": (_H, (_TEXT, wintypes.DWORD, wintypes.DWORD, _H, wintypes.DWORD, wintypes.DWORD, _H)),
        "GetConsoleScreenBufferInfo": (_B, (_H, _P(ScreenBufferInfo))),
        "CreateConsoleScreenBuffer": (_H, (wintypes.DWORD, wintypes.DWORD, _H, wintypes.DWORD, wintypes.LPVOID)),
        "SetConsoleActiveScreenBuffer": (_B, (_H,)),
        "SetConsoleCursorPosition": (_B, (_H, Coord)),
        "SetConsoleCursorInfo": (_B, (_H, _P(CursorInfo))),
        "SetConsoleTextAttribute": (_B, (_H, wintypes.WORD)),
        "WriteConsoleW": (_B, (_H, _TEXT, wintypes.DWORD, _P(wintypes.DWORD), wintypes.LPVOID)),
        "FillConsoleOutputCharacterW": (_B, (_H, wintypes.WCHAR, wintypes.DWORD, Coord, _P(wintypes.DWORD))),
        "ReadConsoleInputW": (_B, (_H, _P(InputRecord), wintypes.DWORD, _P(wintypes.DWORD))),
        "GetConsoleTitleW": (wintypes.DWORD, (wintypes.LPWSTR, wintypes.DWORD)),
        "SetConsoleTitleW": (_B, (_TEXT,)),
        "WaitForSingleObject": (wintypes.DWORD, (_H, wintypes.DWORD)),
    },
}


def load(*names: str) -> Any:
    """Libraries by name (default: all four), with declared functions. Windows only."""
    libraries = SimpleNamespace()
    for name in names or FUNCTIONS:
        functions = FUNCTIONS[name]
        library = ctypes.WinDLL(name, use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
        for function, (result, arguments) in functions.items():
            declared = getattr(library, function)
            declared.restype, declared.argtypes = result, arguments
        setattr(libraries, name, library)
    return libraries


@lru_cache(1)
def enable_escape_codes() -> bool:
    """Let the console of standard output carry out escape codes, as Windows 10 and later can; False if it can't.

    An older console refuses the mode. Wine's accepts it and then prints the codes: there a code moves the cursor.
    """
    kernel = load("kernel32").kernel32
    handle, mode = kernel.GetStdHandle(STD_OUTPUT_HANDLE), wintypes.DWORD()
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    if not kernel.SetConsoleMode(handle, mode.value | ENABLE_VIRTUAL_TERMINAL_PROCESSING):
        return False
    if _prints_codes(kernel, handle):
        kernel.SetConsoleMode(handle, mode)
        return False
    return True


def _prints_codes(kernel: Any, handle: Any) -> bool:
    """True for a console that prints an escape code as text; the text is removed."""
    before, after, written = ScreenBufferInfo(), ScreenBufferInfo(), wintypes.DWORD()
    code = "\x1b[0m"
    if not kernel.GetConsoleScreenBufferInfo(handle, ctypes.byref(before)):
        return False
    kernel.WriteConsoleW(handle, code, len(code), ctypes.byref(written), None)
    kernel.GetConsoleScreenBufferInfo(handle, ctypes.byref(after))
    if (before.cursor.x, before.cursor.y) == (after.cursor.x, after.cursor.y):
        return False
    kernel.FillConsoleOutputCharacterW(handle, " ", len(code), before.cursor, ctypes.byref(written))
    kernel.SetConsoleCursorPosition(handle, before.cursor)
    return True


def run_message_loop(user: Any) -> None:
    """Dispatch messages of this thread's windows until WM_QUIT."""
    message = wintypes.MSG()
    while user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
        user.TranslateMessage(ctypes.byref(message))
        user.DispatchMessageW(ctypes.byref(message))


def hidden_window(libraries: Any, name: str, procedure: Any) -> Any:
    """A window without a frame, of class and title `name`, for messages. The caller keeps `procedure` alive."""
    instance = libraries.kernel32.GetModuleHandleW(None)
    declared = WindowClass(lpfnWndProc=procedure, hInstance=instance, lpszClassName=name)
    libraries.user32.RegisterClassW(ctypes.byref(declared))
    return libraries.user32.CreateWindowExW(0, name, name, 0, 0, 0, 0, 0, None, None, instance, None)


def window_of(user: Any, name: str, pid: int) -> Any:
    """The window of class and title `name` that a process has; None without one. Others may have windows like it."""
    window, owner = user.FindWindowExW(None, None, name, name), wintypes.DWORD()
    while window:
        user.GetWindowThreadProcessId(window, ctypes.byref(owner))
        if owner.value == pid:
            return window
        window = user.FindWindowExW(None, window, name, name)
    return None


def shortened(text: str, longest: int) -> str:
    """The text in at most `longest` characters of UTF-16, with … for a rest."""
    while len(text.encode("utf-16-le")) // 2 > longest:
        text = text[:-2].rstrip() + "…"
    return text
