"""Windows' own Python under Wine for tests: a home, the installed command, a desktop with a notification area.

`make test-windows` prepares it (tools/windows/prepare.py). Standard streams are pipes, because Wine refuses files there.
"""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

CACHE = Path(os.environ.get("TACHOGRAPH_WINDOWS") or Path.home() / ".cache" / "tachograph-windows")
PYTHON = CACHE / "python" / "python.exe"
COMMAND = CACHE / "python" / "Scripts" / "tachograph.exe"
DESKTOP = "700x500"  # pixels, as tools/windows/prepare.py sets it
NOW_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z


class Result(NamedTuple):
    """Exit code and outputs of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Collected:
    """Bytes from a pipe, read in a thread; background processes may keep the pipe open for ever."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._parts: list[bytes] = []
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(self._pipe.fileno(), 1 << 16):
                self._parts.append(part)

    def text(self, seconds: float = 0.5) -> str:
        self._thread.join(seconds)
        return b"".join(self._parts).decode("utf-8", "replace").replace("\r\n", "\n")


def windows_path(path: Path | str) -> str:
    """The path as programs in Wine see it: / is drive Z."""
    return "Z:" + str(path).replace("/", "\\")


def wine_environment(display: str = "") -> dict[str, str]:
    env = {
        "WINEPREFIX": str(CACHE / "prefix"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
        "HOME": os.environ["HOME"],
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
    }
    return {**env, "DISPLAY": display} if display else env


def start(command: list[str], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a Windows program; its streams are pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen(["wine", *command], env=dict(env), stdin=pipe, stdout=pipe, stderr=pipe)


def run(command: list[str], env: Mapping[str, str], given: bytes = b"", seconds: float = 240) -> Result:
    process = start(command, env)
    assert process.stdin and process.stdout and process.stderr
    out, err = Collected(process.stdout), Collected(process.stderr)
    with contextlib.suppress(OSError):
        process.stdin.write(given)
        process.stdin.close()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{command} did not end: {out.text()} {err.text()}") from None
    return Result(code, out.text(), err.text())


class Commands:
    """One Python process that carries out many commands (windows/many_commands.py): Windows' Python or another."""

    def __init__(self, interpreter: list[str], script: str, env: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([*interpreter, script], env=dict(env), stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stderr
        self._errors = Collected(self._process.stderr)

    def run(self, arguments: tuple[str, ...], env: Mapping[str, str]) -> Result:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"arguments": arguments, "env": dict(env)}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{arguments}: the process ended: {self._errors.text()}"
        answer = json.loads(line)
        texts = (answer[name].replace("\r\n", "\n") for name in ("stdout", "stderr"))
        return Result(answer["code"], *texts)

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(240)
        self._process.stdout.close()


class WindowsHome:
    """A person's Windows profile in a temporary folder, and our installed command in it."""

    def __init__(self, root: Path, display: str = "", commands: Commands | None = None) -> None:
        self.root, self._commands = root, commands
        self.claude = root / ".claude"
        self.data = root / "Tachograph"
        for folder in (self.claude / "projects", root / "AppData" / "Local", root / "AppData" / "Roaming"):
            folder.mkdir(parents=True, exist_ok=True)
        self.env = {
            **wine_environment(display),
            "USERPROFILE": windows_path(root),
            "LOCALAPPDATA": windows_path(root / "AppData" / "Local"),
            "APPDATA": windows_path(root / "AppData" / "Roaming"),
            "CLAUDE_CONFIG_DIR": windows_path(self.claude),
            "TACHOGRAPH_HOME": windows_path(self.data),
            "TACHOGRAPH_NOW": str(NOW_MS),
            "TZ": "UTC",
            "PYTHONUTF8": "1",
        }

    def run(self, *arguments: str, code: int | None = 0, given: bytes = b"", env: Mapping[str, str] | None = None) -> Result:  # fmt: skip
        """Run `tachograph.exe`; assert its exit code and that there is no traceback."""
        return self._check(run([str(COMMAND), *arguments], {**self.env, **(env or {})}, given), arguments, code)

    def quick(self, *arguments: str, code: int | None = 0, env: Mapping[str, str] | None = None) -> Result:
        """Carry out a command in the Windows process that runs anyway, which takes a tenth of a second."""
        assert self._commands
        return self._check(self._commands.run(arguments, {**self.env, **(env or {})}), arguments, code)

    @staticmethod
    def _check(done: Result, arguments: tuple[str, ...], code: int | None) -> Result:
        assert "Traceback" not in done.stderr, done.stderr
        assert code is None or done.code == code, f"{arguments}: exit {done.code}\n{done.stdout}\n{done.stderr}"
        return done

    def python(self, code: str, env: Mapping[str, str] | None = None) -> Result:
        """Run code in Windows' Python, with our package."""
        return run([str(PYTHON), "-c", code], {**self.env, **(env or {})})


@contextlib.contextmanager
def desktop(folder: Path) -> Iterator[str]:
    """An X server with Wine's desktop in it, which has a notification area; its display. `folder` gets its pixels, see
    xvfb_screen.py. Programs of an earlier run that was cut end first; a second run at the same time waits."""
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((CACHE / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["wineserver", "-k"], env=wine_environment(), capture_output=True)
        yield stack.enter_context(_desktop(folder))


@contextlib.contextmanager
def _desktop(folder: Path) -> Iterator[str]:
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-fbdir", str(folder)]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        display = f":{pipe.readline().decode().strip()}"
    shown: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(3):
            shown += _show_desktop(display)
            if shown:
                break
        assert shown, "Wine showed no desktop in three tries"
        yield display
    finally:
        for process in shown:
            process.kill()
            process.wait()
        subprocess.run(["wineserver", "-k"], env=wine_environment(display), capture_output=True)
        server.terminate()
        server.wait()


def _show_desktop(display: str) -> "list[subprocess.Popen[bytes]]":
    """Explorer with the desktop that tools/windows/prepare.py has set, and a program that uses it, for Wine closes a
    desktop with its last user; none where a busy machine took Wine longer than its own bound of ten seconds.

    Explorer comes first: a program without a desktop starts one itself, and goes on without it after these seconds.
    """
    env = wine_environment(display)
    explorer = start([r"C:\windows\system32\explorer.exe", f"/desktop=shell,{DESKTOP}"], env)
    try:
        until(lambda: b"Wine desktop" in x_windows(display), "Wine desktop", 120)
    except AssertionError:
        explorer.kill()
        explorer.wait()
        subprocess.run(["wineserver", "-k"], env=env, capture_output=True)
        return []
    use = "import ctypes, sys; ctypes.windll.user32.GetDesktopWindow(); print(1, flush=True); sys.stdin.read()"
    user = start([str(PYTHON), "-c", use], env)
    assert user.stdout
    assert user.stdout.readline(), "Windows' Python does not run"
    return [user, explorer]


class Console:
    """A program in Wine's console window: the text that it shows."""

    def __init__(self, connection: socket.socket, display: str) -> None:
        self._connection, self._answers, self._display = connection, connection.makefile("rb"), display

    def look(self) -> "Look":
        self._connection.sendall(b"?")
        answer = json.loads(self._answers.readline())
        return Look(answer["lines"], answer["title"], answer["code"])

    def press(self, *keys: str) -> None:
        """Press keys, by their names of X."""
        env = {"DISPLAY": self._display, "PATH": os.environ["PATH"]}
        subprocess.run(["xdotool", "key", "--delay", "150", *keys], env=env, check=True)

    def shows(self, *words: str) -> "Look":
        """The screen once all these words are on it."""
        return cast("Look", until(lambda: found if all(one in (found := self.look()).text for one in words) else None, f"{words} in {self.look().text}"))  # fmt: skip


class Look(NamedTuple):
    """Lines in the window of a console, its title, and the exit code of its program, None while it runs."""

    lines: list[str]
    title: str
    code: int | None

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@contextlib.contextmanager
def console(home: WindowsHome, *arguments: str) -> Iterator[Console]:
    """Run our installed command in a console window on the desktop of the home."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(240)
        port = str(server.getsockname()[1])
        script = windows_path(Path(__file__).parent / "windows" / "console_program.py")
        command = ["wineconsole", str(PYTHON), script, port, windows_path(COMMAND), *arguments]
        process = subprocess.Popen(command, env=home.env, stdin=subprocess.DEVNULL)
        try:
            connection = server.accept()[0]
            with connection:
                connection.settimeout(240)
                yield Console(connection, home.env["DISPLAY"])
                connection.shutdown(socket.SHUT_RDWR)
        finally:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:  # a test that failed before its program ended
                process.kill()
                process.wait()


def x_windows(display: str) -> bytes:
    """Names of the windows on a display."""
    env = {"DISPLAY": display, "PATH": os.environ["PATH"]}
    found = subprocess.run(["xdotool", "search", "--name", "."], env=env, capture_output=True).stdout.split()
    names = [subprocess.run(["xdotool", "getwindowname", one.decode()], env=env, capture_output=True).stdout for one in found]  # fmt: skip
    return b"\n".join(names)


def until(check: Callable[[], Any], what: str, seconds: float = 240, details: Callable[[], str] = str) -> Any:
    """The first true value of a check; `details` tells more where there is none in this time."""
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, f"no {what} within {seconds:g} seconds\n{details()}"
        time.sleep(0.2)
    return value
