"""Start the recorder and the tray at every login by the system's own means, or stop doing so.

Linux: a systemd user unit; where there is no systemd for users, an entry of the desktop's autostart folder. macOS: a
launch agent. Windows: a value under the Run key. Tested on Linux; written for the others and never run there.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from tachograph import processes
from tachograph.errors import TachographError
from tachograph.paths import home_folder

# A command -> exit code and what it said.
Runner = Callable[[list[str]], tuple[int, str]]

_KEPT = (
    "TACHOGRAPH_HOME",
    "CLAUDE_CONFIG_DIR",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
)  # a service has no shell's variables
_PATIENCE_SECONDS = 20.0
_RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"


class Job(NamedTuple):
    """A program to start: file stem, title, arguments of our command; `needs_desktop` if on Linux the desktop and not
    systemd has to start it."""

    name: str
    title: str
    arguments: tuple[str, ...]
    needs_desktop: bool = False


RECORDER = Job("recorder", "Tachograph recorder", ("start", "--foreground"))
TRAY = Job("tray", "Tachograph tray", ("tray", "--foreground"), needs_desktop=True)
JOBS = (RECORDER, TRAY)


class State(NamedTuple):
    """State of autostart: `how` (systemd, desktop, launchd, run key) and the file or key in charge."""

    is_on: bool
    how: str
    where: str


def state(
    env: Mapping[str, str], job: Job = RECORDER, platform: str = sys.platform, run: Runner | None = None
) -> State:
    """Current state. Never raises."""
    run = run or _run(env)
    if platform == "win32":
        code, _ = run(["reg", "query", _RUN_KEY, "/v", _value(job)])
        return State(code == 0, "run key", f"{_RUN_KEY}\\{_value(job)}")
    if platform == "darwin":
        return State(os.path.exists(_agent(env, job)), "launchd", _agent(env, job))
    if os.path.exists(_unit(env, job)):
        return State(True, "systemd", _unit(env, job))
    return State(os.path.exists(_entry(env, job)), "desktop", _entry(env, job))


def enable(
    env: Mapping[str, str],
    command: list[str],
    job: Job = RECORDER,
    platform: str = sys.platform,
    run: Runner | None = None,
) -> State:
    """Start it at every login from now on, and now. `command`: our program. TachographError if the system refuses."""
    run = run or _run(env)
    words = [*command, *job.arguments]
    if platform == "win32":
        line = processes.command_line(words)
        _require_success(run(["reg", "add", _RUN_KEY, "/v", _value(job), "/t", "REG_SZ", "/d", line, "/f"]), "reg")
        return state(env, job, platform, run)
    if platform == "darwin":
        _write(_agent(env, job), plist(words, env, job))
        run(["launchctl", "bootout", f"gui/{_uid()}", _agent(env, job)])
        _require_success(run(["launchctl", "bootstrap", f"gui/{_uid()}", _agent(env, job)]), "launchctl")
        return state(env, job, platform, run)
    if not job.needs_desktop and run(["systemctl", "--user", "show-environment"])[0] == 0:
        _write(_unit(env, job), unit(words, env, job))
        _require_success(run(["systemctl", "--user", "daemon-reload"]), "systemctl")
        _require_success(
            run(["systemctl", "--user", "enable", "--now", os.path.basename(_unit(env, job))]), "systemctl"
        )
    else:
        _write(_entry(env, job), entry(words, env, job))
    return state(env, job, platform, run)


def disable(
    env: Mapping[str, str], job: Job = RECORDER, platform: str = sys.platform, run: Runner | None = None
) -> State:
    """Start it at login no longer; a running process goes on unless the system itself ends it."""
    run = run or _run(env)
    before = state(env, job, platform, run)
    if not before.is_on:
        return before
    if platform == "win32":
        _require_success(run(["reg", "delete", _RUN_KEY, "/v", _value(job), "/f"]), "reg")
    elif platform == "darwin":
        run(["launchctl", "bootout", f"gui/{_uid()}", before.where])
        _remove(before.where)
    else:
        if before.how == "systemd":
            run(["systemctl", "--user", "disable", "--now", os.path.basename(before.where)])
        _remove(before.where)
        if before.how == "systemd":
            run(["systemctl", "--user", "daemon-reload"])
    return state(env, job, platform, run)


# -- what is written -------------------------------------------------------------------------------------------


def unit(words: list[str], env: Mapping[str, str], job: Job) -> str:
    """A systemd user unit, without options that need root or hide the home folder."""
    settings = "".join(f"Environment={_unit_word(f'{key}={value}')}\n" for key, value in _kept_variables(env))
    return (
        f"[Unit]\nDescription={job.title}\n\n[Service]\nExecStart={' '.join(map(_unit_word, words))}\n{settings}"
        "Restart=on-failure\nRestartSec=30\nNoNewPrivileges=yes\nUMask=0077\nNice=10\n\n"
        "[Install]\nWantedBy=default.target\n"
    )


def entry(words: list[str], env: Mapping[str, str], job: Job) -> str:
    """An entry of a desktop's autostart folder."""
    assigned = [f"{key}={value}" for key, value in _kept_variables(env)]
    line = " ".join(_entry_word(word) for word in ([*("env", *assigned), *words] if assigned else words))
    return f"[Desktop Entry]\nType=Application\nName={job.title}\nExec={line}\nTerminal=false\nNoDisplay=true\n"


def plist(words: list[str], env: Mapping[str, str], job: Job) -> str:
    """A launch agent."""
    import plistlib

    agent = {
        "Label": f"tachograph.{job.name}",
        "ProgramArguments": words,
        "EnvironmentVariables": dict(_kept_variables(env)),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
        "Umask": 0o077,
    }
    return plistlib.dumps(agent).decode()


def _kept_variables(env: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(key, env[key]) for key in _KEPT if env.get(key) and "\n" not in env[key]]


def _unit_word(word: str) -> str:
    """A word of ExecStart= or Environment=: quoted, with what systemd would expand doubled (systemd.service(5))."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if set(word) & set(" '\";$\\") else word


def _entry_word(word: str) -> str:
    """A word of Exec= (Desktop Entry Specification, "The Exec key")."""
    word = word.replace("%", "%%")
    if not set(word) & set(" \t\"'\\><~|&;$*?#()`"):
        return word
    quoted = "".join(f"\\{c}" if c in '"`$\\' else c for c in word)
    return f'"{quoted}"'.replace("\\", "\\\\")


# -- where -----------------------------------------------------------------------------------------------------


def _unit(env: Mapping[str, str], job: Job) -> str:
    return os.path.join(_config(env), "systemd", "user", f"tachograph-{job.name}.service")


def _entry(env: Mapping[str, str], job: Job) -> str:
    return os.path.join(_config(env), "autostart", f"tachograph-{job.name}.desktop")


def _agent(env: Mapping[str, str], job: Job) -> str:
    return os.path.join(home_folder(env), "Library", "LaunchAgents", f"tachograph.{job.name}.plist")


def _config(env: Mapping[str, str]) -> str:
    return env.get("XDG_CONFIG_HOME") or os.path.join(home_folder(env), ".config")


def _value(job: Job) -> str:
    return f"Tachograph {job.name}"


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _write(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(f"{path}.new", path)
    except OSError as error:
        raise TachographError(f"{path} can't be written: {error.strerror}.", "tachograph start runs it until you log out.") from error  # fmt: skip


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _require_success(done: tuple[int, str], program: str) -> None:
    code, said = done
    if code != 0:
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        raise TachographError(f"{program} refused it ({code}): {last}.", "tachograph start runs it until you log out.")


def _run(env: Mapping[str, str]) -> Runner:
    """Runs programs of the system, found in the absolute entries of PATH."""

    def run(command: list[str]) -> tuple[int, str]:
        program = processes.find_program(command[0], env)
        if program is None:
            return 127, f"{command[0]} is not installed"
        try:
            done = processes.run([program, *command[1:]], env, _PATIENCE_SECONDS)
        except OSError as error:
            return 127, str(error)
        if done.code is None:
            return 124, f"no answer within {_PATIENCE_SECONDS:g} seconds"
        return done.code, (done.output + done.errors).decode("utf-8", "replace")

    return run
