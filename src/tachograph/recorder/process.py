"""The recorder and the tray as processes: one of each for each person, which a lock says; started in the background,
found, stopped.

The lock is held on an open file and ends with the process, however that ends: a stale file means nothing. What stands
in the file (process id, since when) is only told to people; its modification time is the last sign of life.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import IO, NamedTuple

from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.ledger.storage.connection import private_folder
from tachograph.paths import Paths

PATIENCE_SECONDS = 10.0  # for a process to come up or to go


class Part(NamedTuple):
    """A part of us that runs by itself: its name for files, what people call it, the arguments of our command."""

    name: str
    title: str
    arguments: tuple[str, ...]


RECORDER = Part("recorder", "The recorder", ("start", "--foreground"))
TRAY = Part("tray", "The tray", ("tray", "--foreground"))


class Running(NamedTuple):
    """What runs: process id, since when (epoch ms), its last sign of life (epoch ms), its version, the sentence that it
    has for people ("" for none), and of each service inside it the name, the state and a sentence."""

    pid: int
    started_at: int
    beat_at: int
    version: str
    note: str = ""
    services: tuple[tuple[str, str, str], ...] = ()


class Lock:
    """The right to be a part, from `taken` until the process ends or lets go."""

    def __init__(self, file: IO[bytes], said: dict[str, object]) -> None:
        self._file = file
        self._said = said

    def note(self, text: str) -> None:
        """Leave a sentence for people."""
        self._said["note"] = text
        self._write()

    def tell(self, services: Mapping[str, tuple[str, str]]) -> None:
        """Leave how the services inside do: by name, the state and a sentence."""
        self._said["services"] = [[name, state, text[:200]] for name, (state, text) in services.items()]
        self._write()

    def _write(self) -> None:
        self._file.seek(_BEHIND)
        self._file.truncate()
        self._file.write(json.dumps(self._said).encode())
        self._file.flush()

    def beat(self) -> None:
        """Show that it is alive."""
        try:
            os.utime(self._file.fileno())
        except (OSError, TypeError):  # Windows cannot by descriptor
            os.utime(self._file.name)

    def let_go(self) -> None:
        self._file.close()


def taken(paths: Paths, clock: Clock, part: Part = RECORDER) -> Lock | None:
    """Become a part; None where another process is it. Raises LedgerError where the folder cannot be used."""
    private_folder(paths.data)
    file = os.fdopen(os.open(paths.lock(part.name), os.O_CREAT | os.O_RDWR | _CLOEXEC, 0o600), "r+b")
    if not _locked(file):
        file.close()
        return None
    from tachograph import __version__

    lock = Lock(file, {"pid": os.getpid(), "started_at": clock.now_ms(), "version": __version__})
    lock.note("")
    return lock


def running(paths: Paths, part: Part = RECORDER) -> Running | None:
    """What runs now as a part, None where nothing does."""
    try:
        file = open(paths.lock(part.name), "r+b")  # noqa: SIM115 - closed below, on every way
    except OSError:
        return None
    with file:
        if _locked(file):
            return None
        beat_at = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
        file.seek(_BEHIND)
        try:
            said = json.loads(file.read(4096))
            pid, started = int(said["pid"]), int(said["started_at"])
            services = tuple((str(name), str(state), str(text)) for name, state, text in said.get("services", ()))
            return Running(pid, started, beat_at, str(said["version"]), str(said.get("note", "")), services)
        except (ValueError, KeyError, TypeError):  # it is just writing that
            return Running(0, beat_at, beat_at, "")


def start(paths: Paths, env: Mapping[str, str], part: Part = RECORDER) -> Running:
    """Start a part in the background and wait until it runs. TachographError, with its own words, if it ends."""
    import subprocess

    private_folder(paths.data)
    log = os.open(paths.log(part.name), os.O_CREAT | os.O_WRONLY | os.O_APPEND | _CLOEXEC, 0o600)
    before = os.fstat(log).st_size
    try:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "tachograph", *part.arguments, "--log"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**env},
            cwd=paths.data,
            creationflags=_DETACHED if sys.platform == "win32" else 0,
            start_new_session=sys.platform != "win32",
        )
    finally:
        os.close(log)
    clock = Clock()
    end = clock.monotonic() + PATIENCE_SECONDS
    while clock.monotonic() < end:
        found = running(paths, part)
        if found is not None and found.pid:
            return found
        if child.poll() is not None:
            break
        pause(0.02)
    with open(paths.log(part.name), "rb") as said:
        said.seek(before)
        words = said.read(2000).decode("utf-8", "replace").strip()
    raise TachographError(
        f"{part.title} did not start: {words.splitlines()[-1] if words else 'it said nothing'}.",
        f"tachograph {' '.join(part.arguments)} shows what it does.",
    )


def stop(paths: Paths, part: Part = RECORDER) -> Running | None:
    """Stop a part and wait until it has ended; what ran, None where nothing did. TachographError if it stays."""
    found = running(paths, part)
    if found is None or not found.pid:
        return None
    clock = Clock()
    end = clock.monotonic() + PATIENCE_SECONDS
    try:
        os.kill(found.pid, signal.SIGTERM)  # on Windows this ends it at once: the ledger bears that
        while running(paths, part) is not None and clock.monotonic() < end:
            pause(0.02)
        if running(paths, part) is not None:
            os.kill(found.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            while running(paths, part) is not None and clock.monotonic() < end + 2:
                pause(0.02)
    except ProcessLookupError:
        return found
    except PermissionError as error:
        raise TachographError(f"{part.title} (process {found.pid}) cannot be stopped: {error.strerror}.") from error
    if running(paths, part) is not None:
        raise TachographError(f"{part.title} (process {found.pid}) does not end.", f"kill -9 {found.pid} ends it.")
    return found


_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_DETACHED = 0x00000008 | 0x00000200 | 0x08000000  # of Windows: detached, a group of its own, no window
_BEHIND = 1  # on Windows the locked byte itself cannot be read by others


def _locked(file: IO[bytes]) -> bool:
    """Take the lock on an open file, if nobody holds it."""
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


def pause(seconds: float) -> None:
    import time

    time.sleep(seconds)


def own_id() -> int:
    return os.getpid()
