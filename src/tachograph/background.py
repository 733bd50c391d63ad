"""The recorder and the tray as background processes: one of each per person, started, found, verified and stopped.

The right to be one is a lock on an open file, which ends with the process, however that ends. The file also holds
what people are shown (process id, start, notes); its modification time is the last sign of life. A lock without the
living process that the file names is a leftover, never a running process.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, NamedTuple

from tachograph import processes
from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.paths import Paths, private_folder

START_SECONDS = 30.0  # for a process that lives to take its lock: a machine is busy right after login
_NEWS_SECONDS = 2.0  # until people are told what it waits for
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_LOCK_TRIES, _LOCK_PAUSE_SECONDS = 5, 0.02  # somebody may be looking whether it is free
_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CONTENT = 1  # offset: on Windows the locked first byte cannot be read by others
_QUERY_PROCESS, _STILL_ACTIVE = 0x1000, 259  # PROCESS_QUERY_LIMITED_INFORMATION and STILL_ACTIVE of Windows


class BackgroundProcess(NamedTuple):
    """A kind of background process: file stem, display name, CLI arguments, the command that stops it, and the seconds
    that its first beat may take."""

    name: str
    title: str
    arguments: tuple[str, ...]
    stop_command: str
    beat_seconds: float


# a first reading of a million messages takes half a minute on a fast disk, and comes before the recorder's first beat
RECORDER = BackgroundProcess("recorder", "The recorder", ("start", "--foreground"), "tachograph stop", 600.0)
TRAY = BackgroundProcess("tray", "The tray", ("tray", "--foreground"), "tachograph tray stop", 10.0)


class Running(NamedTuple):
    """A running background process: process id, start and last sign of life (epoch ms), version, a note for people
    ("" for none), the state and a sentence for each service inside it by name, `beats`, true once its first round of
    work is complete, and the data folder that it works in ("" if unknown). The process id is 0 while it is starting."""

    pid: int
    started_at: int
    beat_at: int
    version: str
    note: str = ""
    services: tuple[tuple[str, str, str], ...] = ()
    beats: bool = False
    folder: str = ""


class Lock:
    """The right to be a background process, until the process ends or releases it."""

    def __init__(self, file: IO[bytes], path: str, content: dict[str, object]) -> None:
        self._file, self._path = file, path
        self._content = content
        self._write()

    def set_note(self, text: str) -> None:
        """Leave a sentence for people."""
        self._content["note"] = text
        self._write()

    def set_services(self, services: Mapping[str, tuple[str, str]]) -> None:
        """Leave the state and a sentence of each service inside, by name."""
        self._content["services"] = [[name, state, text[:200]] for name, (state, text) in services.items()]
        self._write()

    def beat(self) -> None:
        """Show a sign of life; the first one says that the process works."""
        if not self._content.get("beats"):
            self._content["beats"] = True
            self._write()
        os.utime(self._file.fileno() if os.utime in os.supports_fd else self._path)  # Windows takes a path only

    @property
    def is_in_place(self) -> bool:
        """False once the file with the lock is no longer at its path: the data folder was moved or replaced."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def release(self) -> None:
        self._file.close()

    def _write(self) -> None:
        self._file.seek(_CONTENT)
        self._file.truncate()
        self._file.write(json.dumps(self._content).encode())
        self._file.flush()


def acquire(paths: Paths, clock: Clock, kind: BackgroundProcess = RECORDER) -> Lock | None:
    """Become a background process; None if another one has the role. LedgerError if the folder can't be used."""
    from tachograph import __version__

    private_folder(paths.data)
    file = os.fdopen(os.open(paths.lock(kind.name), os.O_CREAT | os.O_RDWR | _CLOEXEC, 0o600), "r+b")
    for _ in range(_LOCK_TRIES):
        if _try_lock(file):
            mark = start_mark(os.getpid())
            content = {"pid": os.getpid(), "mark": mark, "started_at": clock.now_ms(), "version": __version__}
            return Lock(file, paths.lock(kind.name), {**content, "note": "", "folder": paths.data})
        pause(_LOCK_PAUSE_SECONDS)
    file.close()
    return None


def running(paths: Paths, kind: BackgroundProcess = RECORDER) -> Running | None:
    """The background process that runs now, verified to be alive; None without one."""
    try:
        file = open(paths.lock(kind.name), "r+b")  # noqa: SIM115 - closed below, on every way
    except OSError:
        return None
    with file:
        if _try_lock(file):
            return None
        beat_at = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
        file.seek(_CONTENT)
        try:
            content = json.loads(file.read(4096))
            pid, mark = int(content["pid"]), content.get("mark")
            services = tuple((str(name), str(state), str(text)) for name, state, text in content.get("services", ()))
            found = Running(
                pid,
                int(content["started_at"]),
                beat_at,
                str(content["version"]),
                str(content.get("note", "")),
                services,
                bool(content.get("beats", mark is None)),  # versions before 0.9 leave no mark and no beats
                str(content.get("folder", "")),
            )
        except (ValueError, KeyError, TypeError):  # it is just writing that
            return Running(0, beat_at, beat_at, "")
    now = start_mark(pid)
    return None if now is None or (mark and now and mark != now) else found


def start(
    paths: Paths,
    env: Mapping[str, str],
    kind: BackgroundProcess = RECORDER,
    say: Callable[[str], None] = lambda _: None,
) -> Running:
    """Start a background process and wait for its first beat. `say` is called once if that takes long.

    TachographError, with the last line of its log, if it ends before.
    """
    private_folder(paths.data)
    if is_elsewhere(paths, running(paths, kind)):
        stop(paths, kind)
    _refuse_leftovers(paths, kind)
    log = os.open(paths.log(kind.name), os.O_CREAT | os.O_WRONLY | os.O_APPEND | _CLOEXEC, 0o600)
    before = os.fstat(log).st_size
    try:
        child = processes.start_background(processes.own_command(*kind.arguments, "--log"), env, log)
    finally:
        os.close(log)
    clock = Clock()
    began, is_patient = clock.monotonic(), False
    while True:
        found = running(paths, kind)
        waited = clock.monotonic() - began
        if found is not None and found.pid and (found.beats or waited > kind.beat_seconds):
            return found
        if found is None and (child.exit_code() is not None or waited > START_SECONDS):
            break
        if found is not None and found.pid and waited > _NEWS_SECONDS and not is_patient:
            is_patient = True
            say(f"{kind.title} runs (process {found.pid}) and reads your transcripts for the first time.")
        pause(_POLL_SECONDS)
    lines: list[str] = []
    with suppress(OSError), open(paths.log(kind.name), "rb") as file:  # the folder may have been moved meanwhile
        file.seek(before)
        lines = file.read(2000).decode("utf-8", "replace").strip().splitlines()
    raise TachographError(
        f"{kind.title} did not start: {lines[-1] if lines else 'it wrote nothing to its log'}.",
        f"Run tachograph {' '.join(kind.arguments)} to see more.",
    )


def stop(paths: Paths, kind: BackgroundProcess = RECORDER) -> Running | None:
    """Stop a background process and wait for its end; the one that ran, None without one. Leftovers of a killed
    process that hold its lock are ended too. TachographError if it does not end."""
    found = running(paths, kind)
    if found is None or not found.pid:
        for pid in _leftovers(paths, kind):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return None
    clock = Clock()
    end = clock.monotonic() + STOP_SECONDS
    try:
        if not (sys.platform == "win32" and kind is TRAY and _close_tray_window(found.pid)):
            os.kill(found.pid, signal.SIGTERM)  # on Windows this ends it at once: the ledger bears that
        while running(paths, kind) is not None and clock.monotonic() < end:
            pause(_POLL_SECONDS)
        if running(paths, kind) is not None:
            os.kill(found.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            while running(paths, kind) is not None and clock.monotonic() < end + 2:
                pause(_POLL_SECONDS)
    except ProcessLookupError:
        return found
    except PermissionError as error:
        raise TachographError(
            f"Can't stop {kind.title.lower()} (process {found.pid}): {error.strerror}.", "Stop it as its owner."
        ) from error
    if running(paths, kind) is not None:
        raise TachographError(f"{kind.title} (process {found.pid}) does not end.", f"End it: kill -9 {found.pid}")
    return found


def _close_tray_window(pid: int) -> bool:
    """Ask the window of this tray, and of no other data folder's, to close, so that Windows removes the icon at once."""
    from tachograph import win32

    user = win32.load("user32").user32
    window = win32.window_of(user, win32.TRAY_WINDOW, pid)
    return bool(window and user.PostMessageW(window, win32.WM_CLOSE, 0, 0))


def is_elsewhere(paths: Paths, found: Running | None) -> bool:
    """True if a process took its lock before the data folder was moved here: it does not work in this folder."""
    if found is None or not found.folder or found.folder == paths.data:
        return False
    try:
        return not os.path.samefile(found.folder, paths.data)
    except OSError:
        return True


def pause(seconds: float) -> None:
    import time

    time.sleep(seconds)


def own_id() -> int:
    return os.getpid()


# -- the lock --------------------------------------------------------------------------------------------------


def _try_lock(file: IO[bytes]) -> bool:
    """Take the lock on an open file, if it is free."""
    file.seek(0)
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_locked(paths: Paths, kind: BackgroundProcess) -> bool:
    try:
        file = open(paths.lock(kind.name), "r+b")  # noqa: SIM115 - closed below
    except OSError:
        return False
    with file:
        return not _try_lock(file)


def _leftovers(paths: Paths, kind: BackgroundProcess) -> list[int]:
    """Processes that hold the lock though the one that took it has ended; those of this user, on Linux."""
    if not _is_locked(paths, kind) or running(paths, kind) is not None:
        return []
    return holders(paths.lock(kind.name))


def _refuse_leftovers(paths: Paths, kind: BackgroundProcess) -> None:
    """Raise TachographError if another process than this kind holds the lock."""
    found = running(paths, kind)
    if found is not None or not _is_locked(paths, kind):
        return
    pause(_LOCK_TRIES * _LOCK_PAUSE_SECONDS)  # it may be ending, or starting, at this moment
    if running(paths, kind) is not None or not _is_locked(paths, kind):
        return
    held_by = holders(paths.lock(kind.name))
    who = f" (process {', '.join(map(str, held_by))})" if held_by else ", perhaps in another container"
    raise TachographError(
        f"{kind.title} can't start: a process that is not {kind.title.lower()} holds its lock{who}.",
        f"Run {kind.stop_command}." if held_by else f"End it, or delete {paths.lock(kind.name)}.",
    )


# -- other processes -------------------------------------------------------------------------------------------


def start_mark(pid: int) -> str | None:
    """A text that tells this process from a later one with the same id ("" if the system tells nothing of it); None
    if no such process runs. On Linux the start in clock ticks (proc(5), field 22), on Windows its creation time."""
    if pid <= 0:
        return None
    if sys.platform == "win32":
        return _windows_mark(pid)
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read(4096).rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError:  # hidden from us: another user's
            return ""
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return ""


def _windows_mark(pid: int) -> str | None:
    import ctypes
    from ctypes import wintypes

    from tachograph import win32

    kernel = win32.load("kernel32").kernel32
    handle = kernel.OpenProcess(_QUERY_PROCESS, False, pid)
    if not handle:
        return None
    try:
        code, times = wintypes.DWORD(), [ctypes.c_ulonglong() for _ in range(4)]
        if kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and code.value != _STILL_ACTIVE:
            return None
        if not kernel.GetProcessTimes(handle, *map(ctypes.byref, times)):
            return ""
        return str(times[0].value)
    finally:
        kernel.CloseHandle(handle)


def holders(path: str) -> list[int]:
    """Process ids that have a file open, without our own: those that may be looked into. Linux only; else none."""
    found = []
    try:
        want = os.stat(path)
        names = [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []
    for name in names:
        with suppress(OSError):
            for descriptor in os.listdir(f"/proc/{name}/fd"):
                with suppress(OSError):
                    if os.path.samestat(os.stat(f"/proc/{name}/fd/{descriptor}"), want):
                        found.append(int(name))
                        break
    return [pid for pid in found if pid != os.getpid()]
