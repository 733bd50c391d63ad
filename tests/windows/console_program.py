"""Run a program in the console of this process; answer requests for the text in it over a loopback connection.

    wineconsole python.exe console_program.py PORT COMMAND...

Run by Windows' Python (see wine.console). Each byte from PORT is a request. An answer is a line of JSON: the lines in the
window of the active screen buffer, the console's title, and the exit code of the program, null while it runs. The end of
the connection ends the program.
"""

import ctypes
import json
import socket
import subprocess
import sys
from ctypes import wintypes
from typing import Any

from tachograph import win32

GENERIC, SHARED = win32.GENERIC_READ | win32.GENERIC_WRITE, win32.FILE_SHARE_READ | win32.FILE_SHARE_WRITE


def functions() -> Any:
    """Functions of the console that the product doesn't call."""
    kernel = win32.load("kernel32").kernel32
    kernel.ReadConsoleOutputCharacterW.argtypes = (
        wintypes.HANDLE,
        wintypes.LPWSTR,
        wintypes.DWORD,
        win32.Coord,
        ctypes.POINTER(wintypes.DWORD),
    )
    return kernel


def screen(kernel: Any) -> tuple[list[str], str]:
    """Lines in the window of the active screen buffer, and the title."""
    handle = kernel.CreateFileW("CONOUT$", GENERIC, SHARED, None, win32.OPEN_EXISTING, 0, None)
    info, count, name = win32.ScreenBufferInfo(), wintypes.DWORD(), ctypes.create_unicode_buffer(512)
    kernel.GetConsoleScreenBufferInfo(handle, ctypes.byref(info))
    box, lines = info.window, []
    columns = box.Right - box.Left + 1
    for y in range(box.Top, box.Bottom + 1):
        text = ctypes.create_unicode_buffer(columns + 1)
        kernel.ReadConsoleOutputCharacterW(handle, text, columns, win32.Coord(box.Left, y), ctypes.byref(count))
        lines.append(str(text.value[: count.value]).rstrip())
    kernel.CloseHandle(handle)
    kernel.GetConsoleTitleW(name, 512)
    return lines, name.value


def main() -> None:
    kernel = functions()
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer, subprocess.Popen(sys.argv[2:]) as process:
        while peer.recv(1):
            code = process.poll()  # before the screen is read: with a code, the lines are the last ones
            lines, name = screen(kernel)
            answer = {"lines": lines, "title": name, "code": code}
            peer.sendall(json.dumps(answer).encode() + b"\n")
        process.kill()


main()
