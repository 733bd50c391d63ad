"""Start child processes: the one place that does.

A child never runs code from the folder a person happens to be in. Our own programs run in an interpreter that keeps
the current folder off its module path (`-P`; `-I` would hide packages installed with `--user`) and ignores relative
entries of PYTHONPATH. Programs of the system are started by an absolute path, found in the absolute entries of PATH.
Every child gets absolute folders in its environment, no descriptors but its standard streams, and a working folder
that other users can't write to. Workers end with their parent; background processes are detached from it.
"""

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import subprocess

_FOLDERS = ("TACHOGRAPH_HOME", "HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA", "APPDATA")
_SEARCH_PATHS = ("PATH", "PYTHONPATH")
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"  # of a process without PATH: a service, say
_ORPHAN_CHECK_SECONDS = 0.25
_CHUNK_BYTES = 1 << 14
# Windows: no console, a group of its own, no window
_DETACHED_PROCESS, _NEW_GROUP, _NO_WINDOW = 0x00000008, 0x00000200, 0x08000000
_OPEN_ADDRESS = "import sys, webbrowser\nsys.exit(not webbrowser.open(sys.argv[1]))"


# -- commands and environments ---------------------------------------------------------------------------------


def own_command(*arguments: str) -> list[str]:
    """Command line of this program with some arguments."""
    return own_module("tachograph", *arguments)


def own_module(name: str, *arguments: str) -> list[str]:
    """Command line of one of our modules, in an interpreter that takes no module from the current folder."""
    return [os.path.abspath(sys.executable), "-P", "-m", name, *arguments]


def child_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: folders made absolute here, search paths without empty and relative entries."""
    made = dict(env)
    for name in _FOLDERS:
        if made.get(name):
            value = os.path.expanduser(made[name]) if name == "TACHOGRAPH_HOME" else made[name]
            made[name] = os.path.abspath(value)
    if made.get("CLAUDE_CONFIG_DIR"):
        made["CLAUDE_CONFIG_DIR"] = ",".join(map(_absolute_entry, made["CLAUDE_CONFIG_DIR"].split(",")))
    for name in _SEARCH_PATHS:
        if name in made:
            made[name] = os.pathsep.join(filter(_is_absolute, made[name].split(os.pathsep)))
    if not made.get("PYTHONPATH"):
        made.pop("PYTHONPATH", None)
    return made


def find_program(name: str, env: Mapping[str, str]) -> str | None:
    """Absolute path of a program, None if it is missing; neither the current folder nor relative entries count."""
    folders = list(filter(_is_absolute, env.get("PATH", "").split(os.pathsep)))
    suffixes = [""]
    if os.name == "nt":
        root = _windows_folder()
        folders = [os.path.join(root, "System32"), root, *folders]
        suffixes = [end for end in env.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(os.pathsep) if end]
    elif "PATH" not in env:
        folders = _DEFAULT_PATH.split(os.pathsep)
    for folder in folders:
        for suffix in suffixes:
            path = os.path.join(folder, name + suffix)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None


def _absolute_entry(part: str) -> str:
    """An entry of CLAUDE_CONFIG_DIR, made absolute; the spelling of an absolute one stays."""
    name = part.strip()
    return part if not name or name.startswith("~") or _is_absolute(name) else os.path.abspath(name)


def _is_absolute(path: str) -> bool:
    if os.name != "nt":
        return path.startswith("/")
    drive, rest = os.path.splitdrive(path)
    return bool(drive) and rest[:1] in ("\\", "/")


def _windows_folder() -> str:
    folder = os.environ.get("SYSTEMROOT", "")
    return folder if _is_absolute(folder) else r"C:\Windows"


def _neutral_folder() -> str:
    """A working folder that other users of this computer cannot write to."""
    return _windows_folder() if os.name == "nt" else "/"


# -- children --------------------------------------------------------------------------------------------------


class Finished(NamedTuple):
    """Result of a command: its exit code (None: it was ended at the deadline) and its two outputs."""

    code: int | None
    output: bytes = b""
    errors: bytes = b""


class Child:
    """A started command."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    def error_lines(self) -> list[str]:
        """The lines that an ended child wrote to its standard error; at most 4,000 bytes of them."""
        if self._process.stderr is None:
            return []
        with self._process.stderr as pipe:
            return pipe.read(4000).decode("utf-8", "replace").strip().splitlines()


def run(command: Sequence[str], env: Mapping[str, str], seconds: float, text: bytes = b"") -> Finished:
    """Run a command with `text` as its input, to its end or a deadline. OSError if it can't be started."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - absolute path, arguments of our own
            _require_absolute(command),
            env=child_environment(env),
            cwd=_neutral_folder(),
            input=text,
            capture_output=True,
            timeout=seconds,
            check=False,
            creationflags=_NO_WINDOW if os.name == "nt" else 0,
        )
    except subprocess.TimeoutExpired:  # the exception holds what was printed so far, which may be a secret
        return Finished(None)
    return Finished(done.returncode, done.stdout, done.stderr)


def start(command: Sequence[str], env: Mapping[str, str]) -> Child:
    """Start a command without waiting; its error output is kept. OSError if it can't be started."""
    import subprocess

    return Child(
        subprocess.Popen(  # noqa: S603 - absolute path, arguments of our own
            _require_absolute(command),
            env=child_environment(env),
            cwd=_neutral_folder(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            creationflags=_NO_WINDOW if os.name == "nt" else 0,
        )
    )


def start_background(command: Sequence[str], env: Mapping[str, str], log: int) -> Child:
    """Start a command that outlives us, detached from the terminal; it writes to the open file `log`."""
    import subprocess

    return Child(
        subprocess.Popen(  # noqa: S603 - absolute path, arguments of our own
            _require_absolute(command),
            env=child_environment(env),
            cwd=_neutral_folder(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            creationflags=_DETACHED_PROCESS | _NEW_GROUP | _NO_WINDOW if os.name == "nt" else 0,
            start_new_session=os.name != "nt",
        )
    )


def open_address(address: str, env: Mapping[str, str]) -> bool:
    """Open an address in the person's browser, chosen by the standard library; False without one.

    The choice is made in a child with a cleaned PATH: the library looks browsers up by name. The child shares our
    terminal, because a browser may need it.
    """
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [os.path.abspath(sys.executable), "-P", "-c", _OPEN_ADDRESS, address],
            env=child_environment(env),
            cwd=_neutral_folder(),
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def open_address_command(address: str) -> list[str]:
    """Command line of `open_address`, for a caller that does not wait."""
    return [os.path.abspath(sys.executable), "-P", "-c", _OPEN_ADDRESS, address]


def open_folder(folder: str, env: Mapping[str, str]) -> bool:
    """Show a folder in the desktop's file manager; False without a desktop or such a program."""
    name = {"darwin": "open", "win32": "explorer"}.get(sys.platform, "xdg-open")
    if name == "xdg-open" and not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        return False
    program = find_program(name, env)
    if program is None:
        return False
    log = os.open(os.devnull, os.O_WRONLY)
    try:
        start_background([program, folder], env, log)
    except OSError:
        return False
    finally:
        os.close(log)
    return True


def _require_absolute(command: Sequence[str]) -> list[str]:
    """The command, if its program is named by an absolute path. ValueError else: a mistake of ours."""
    if not _is_absolute(command[0]):
        raise ValueError(f"{command[0]!r} is no absolute path")
    return list(command)


def command_line(words: Sequence[str]) -> str:
    """Words as one command line of Windows."""
    import subprocess

    return subprocess.list2cmdline(words)


class FedCommand:
    """A command with some input on its standard input: a person's own command line, run by their shell in the current
    folder with the environment they gave us; or the words of a program, in a folder and an environment of our choice."""

    def __init__(
        self,
        command: str | Sequence[str],
        data: bytes,
        limit: int,
        env: Mapping[str, str] | None = None,
        folder: str | None = None,
    ) -> None:
        """Start it at once; it may print at most `limit` bytes. OSError or ValueError if it can't be started."""
        import subprocess
        import threading

        self._limit, self._output = limit, bytearray()
        is_shell = isinstance(command, str)
        self._process = subprocess.Popen(  # noqa: S603 - a person's own command, or an absolute path
            command if is_shell else _require_absolute(command),
            shell=is_shell,
            executable=os.path.join(_windows_folder(), "System32", "cmd.exe") if is_shell and os.name == "nt" else None,
            env=None if env is None else child_environment(env),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=0 if is_shell or os.name != "nt" else _NO_WINDOW,
            start_new_session=os.name != "nt",
        )
        threading.Thread(target=self._feed, args=(data,), daemon=True).start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def output(self, seconds: float) -> bytes | None:
        """Its output, once it has ended. None if it takes longer than `seconds` or prints too much: then it is
        ended, with all that it started."""
        import time

        end = time.monotonic() + seconds
        self._reader.join(seconds)
        in_time = not self._reader.is_alive() and len(self._output) <= self._limit
        if in_time and self._has_ended(max(0.0, end - time.monotonic())):
            return bytes(self._output)
        self._end()
        return None

    def _feed(self, data: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for
        with suppress(OSError), self._process.stdin as pipe:
            pipe.write(data)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for
        with suppress(OSError):
            while len(self._output) <= self._limit and (part := os.read(self._process.stdout.fileno(), _CHUNK_BYTES)):
                self._output += part

    def _has_ended(self, seconds: float) -> bool:
        import subprocess

        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _end(self) -> None:
        with suppress(OSError):
            if os.name == "nt":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._has_ended(1.0)


# -- workers ---------------------------------------------------------------------------------------------------


def fork_worker(work: Callable[[], None], keep: Collection[int] = ()) -> int:
    """Fork a child that calls `work` and ends; its process id. It holds no descriptor of ours but the standard streams
    and those in `keep`, ends when we end, and ends at once on SIGTERM and SIGINT."""
    parent = os.getpid()
    with _blocked_signals():
        child = os.fork()
        if child:
            return child
        _become_worker(parent, keep)  # before the signals are let in: our handlers are none of its own
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001, S110 - the parent does the rest without it, and reports what failed there
        pass
    finally:
        os._exit(code)


def end_worker(pid: int) -> None:
    """End a worker and wait for its end."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


@contextmanager
def _blocked_signals() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_worker(parent: int, keep: Collection[int]) -> None:
    """Close inherited descriptors, and end when the parent does."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for descriptor in _open_descriptors():
        if descriptor > 2 and descriptor not in keep:
            with suppress(OSError):
                os.close(descriptor)

    def check(*_: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, _ORPHAN_CHECK_SECONDS, _ORPHAN_CHECK_SECONDS)
    check()  # it may have ended before we asked to be told


def _open_descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return list(range(3, 4096))
