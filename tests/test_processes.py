"""Child processes: one place starts them, and none of them runs code from the folder that a person happens to be in."""

import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import NOT_HERE
from helpers import Home, command
from source_tree import FILES
from tachograph import background, processes
from tachograph.demo.records import assistant
from tachograph.paths import own_paths

PROGRAMS = (
    "claude", "git", "systemctl", "launchctl", "reg", "security", "osascript", "notify-send", "xdg-open", "open",
    "explorer", "gio", "gvfs-open", "kde-open", "x-www-browser", "www-browser", "sensible-browser", "firefox",
    "chromium", "chromium-browser", "google-chrome", "epiphany", "w3m", "lynx", "links", "elinks", "sh", "bash",
    "python", "python3", "tachograph", "tacho", "env", "dbus-send", "kwallet-query", "ldconfig", "gcc", "cc", "ps",
)  # fmt: skip


_IMPORT = re.compile(r"^ *(?:from|import) (\w+)", re.MULTILINE)
IMPORTED = {name for path in FILES for name in _IMPORT.findall(path.read_text(encoding="utf-8"))}  # and a few words


# -- booby traps -----------------------------------------------------------------------------------------------


class Traps:
    """A folder with a module for each name that we import and a program for each that we call; each leaves a word."""

    def __init__(self, root: Path) -> None:
        self.log = root / "sprung"
        self.folder = root / "cloned repository"
        self.fill(self.folder)

    def fill(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        code = f"open({str(self.log)!r}, 'a').write(__file__ + chr(10))\nraise SystemExit(97)\n"
        for name in IMPORTED | set(sys.stdlib_module_names) | {"sitecustomize", "usercustomize"}:
            (folder / f"{name}.py").write_text(code)
        for program in PROGRAMS:
            path = folder / program
            path.write_text(f"#!/bin/sh\necho \"$0\" >> '{self.log}'\nexit 0\n")
            path.chmod(0o755)

    def sprung(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture(scope="module")
def folder_of_traps(tmp_path_factory: pytest.TempPathFactory) -> Traps:
    return Traps(tmp_path_factory.mktemp("traps"))


@pytest.fixture
def traps(folder_of_traps: Traps) -> Traps:
    """The traps, none of which is sprung yet."""
    folder_of_traps.log.unlink(missing_ok=True)
    return folder_of_traps


@pytest.fixture
def trapped(home: Home, traps: Traps, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home with traps in its data folder too; this process stands in the folder of traps."""
    del home.env["TACHOGRAPH_NOW"]
    monkeypatch.delenv("TACHOGRAPH_NOW")
    home.env["PATH"] = os.pathsep.join(["", ".", home.env["PATH"], "."])
    traps.fill(home.data)
    home.write("p/one.jsonl", [assistant("A")])
    monkeypatch.chdir(traps.folder)
    yield home
    for kind in (background.TRAY, background.RECORDER):
        background.stop(own_paths(home.env), kind)


def until(claim: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def child_env(home: Home) -> dict[str, str]:
    """What a careless shell may hand to our children."""
    python_path = os.pathsep.join(["", ".", os.environ.get("PYTHONPATH", "")])
    return {**home.env, "PYTHONPATH": python_path}


def test_the_traps_work(traps: Traps) -> None:
    subprocess.run([sys.executable, "-m", "tachograph", "--version"], cwd=traps.folder, capture_output=True)
    assert "cloned repository" in traps.sprung()


@pytest.mark.slow  # starts all commands
@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_no_command_springs_a_trap(trapped: Home, traps: Traps) -> None:
    for arguments in (
        ("daily",), ("start",), ("status",), ("now",), ("doctor",), ("sources",), ("autostart",), ("autostart", "on"),
        ("autostart", "off"), ("notifications", "test"), ("dashboard", "--no-open"), ("stop",), ("tray",),
        ("tray", "stop"), ("statusline", "--then", "echo other"), ("statusline", "install"), ("pair", "--help"),
    ):  # fmt: skip
        trapped.run(*arguments, code=None)
        assert traps.sprung() == "", arguments


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_the_live_screen_starts_a_recorder_that_springs_no_trap(trapped: Home, traps: Traps) -> None:
    import pty

    leader, follower = pty.openpty()
    watch = subprocess.Popen(
        [command(), "watch"], env={**trapped.env, "TERM": "xterm"}, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    os.set_blocking(leader, False)

    def recorder_runs() -> bool:
        try:
            os.read(leader, 1 << 16)
        except BlockingIOError:
            pass
        return background.running(own_paths(trapped.env)) is not None

    try:
        until(recorder_runs)
    finally:
        watch.kill()
        watch.wait()
        os.close(leader)
    assert traps.sprung() == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason=NOT_HERE)
def test_no_child_of_the_tray_springs_a_trap(trapped: Home, traps: Traps) -> None:

    from tachograph.clock import Clock
    from tachograph.ui.tray import view
    from tachograph.ui.tray.controller import TrayController

    env = child_env(trapped)
    lock = background.acquire(own_paths(env), Clock(), background.TRAY)
    assert lock is not None
    controller = TrayController(env, Clock(), lock)
    for action in (view.RECORDER, view.REFRESH, view.DASHBOARD, view.OPEN_USAGE, f"{view.LOGIN}on", f"{view.LOGIN}off"):
        controller.act(action)
    children = [child.process for child in controller._children]
    assert len(children) == 6
    until(lambda: all(child.exit_code() is not None for child in children), 60)
    controller._followed.close()
    lock.release()
    assert traps.sprung() == ""


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_a_notification_a_browser_and_a_file_manager_spring_no_trap(trapped: Home, traps: Traps) -> None:
    from tachograph.recorder.desktop_notification import notify

    env = child_env(trapped) | {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere", "DISPLAY": ":97"}
    env["PATH"] = os.pathsep.join(["", "."])
    assert notify("title", "text", False, env) != ""
    assert not processes.open_address("http://127.0.0.1:9/", env)
    assert not processes.open_folder(str(trapped.data), env)
    for browser in ("firefox", "./firefox", "./firefox %s &"):
        processes.open_address("http://127.0.0.1:9/", {**env, "BROWSER": browser})
    assert traps.sprung() == ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_never_found_in_the_current_folder(name: str, trapped: Home, traps: Traps, tmp_path: Path) -> None:
    env = {"PATH": os.pathsep.join(["", ".", "..", "x/../."])}
    assert processes.find_program(name, env) is None or os.name == "nt"
    found = processes.find_program(name, {"PATH": os.pathsep.join([".", str(traps.folder)])})
    assert found == str(traps.folder / name) or os.name == "nt"  # an absolute entry is the person's own choice


def test_a_program_without_an_absolute_path_is_not_started() -> None:
    with pytest.raises(ValueError, match="absolute"):
        processes.run(["git", "--version"], {}, 5.0)


# -- the environment -------------------------------------------------------------------------------------------


def test_a_child_gets_absolute_folders_and_search_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    env = {
        "TACHOGRAPH_HOME": "store",
        "CLAUDE_CONFIG_DIR": f"one, two/projects ,~/three,{tmp_path}/four",
        "XDG_DATA_HOME": "data",
        "PATH": os.pathsep.join(["", "bin", str(tmp_path / "bin"), "."]),
        "PYTHONPATH": os.pathsep.join(["", "lib", "."]),
        "OTHER": "store",
    }
    made = processes.child_environment(env)
    assert made["TACHOGRAPH_HOME"] == str(tmp_path / "store") and made["XDG_DATA_HOME"] == str(tmp_path / "data")
    assert made["CLAUDE_CONFIG_DIR"] == f"{tmp_path}/one,{tmp_path}/two/projects,~/three,{tmp_path}/four"
    assert made["PATH"] == str(tmp_path / "bin") and "PYTHONPATH" not in made and made["OTHER"] == "store"


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_a_relative_data_folder_is_the_recorders_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    del home.env["TACHOGRAPH_NOW"]
    home.write("p/one.jsonl", [assistant("A")])
    monkeypatch.chdir(home.root)
    relative = {"TACHOGRAPH_HOME": "store", "CLAUDE_CONFIG_DIR": ".claude"}
    absolute = {"TACHOGRAPH_HOME": str(home.root / "store"), "CLAUDE_CONFIG_DIR": str(home.claude)}
    home.run("start", env=relative)
    try:
        assert home.run("status", env=absolute).stdout.startswith("The recorder runs")
        assert not (home.root / "store" / "store").exists()
        assert home.run("daily", "--no-ingest", "--json", env=absolute).json["totals"]["messages"] == 1
    finally:
        home.run("stop", env=relative)
    assert background.running(own_paths({**home.env, **absolute})) is None


# -- the shell command -----------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cat", b"input"),
        ("echo one; echo two >&2", b"one\n"),
        ("head -c 600000000 /dev/zero", None),
        pytest.param("yes", None, marks=pytest.mark.slow),  # waits for the deadline, as the next
        pytest.param("sleep 60", None, marks=pytest.mark.slow),
        ("sleep 60 & echo out", None),
        ("exit 3", b""),
        ("/nowhere/at/all", b""),
    ],
)
def test_a_shell_command_ends_at_its_deadline_and_prints_a_bounded_amount(line: str, expected: bytes | None) -> None:
    shell = processes.FedCommand(line, b"input", 4096)
    assert shell.output(1.5) == expected


# -- workers ---------------------------------------------------------------------------------------------------

FORKS = textwrap.dedent(
    """
    import os, sys, time
    from tachograph import processes
    kept = open(sys.argv[1], "w")
    def work():
        names = sorted(int(name) for name in os.listdir("/dev/fd"))
        kept.fileno()
        with open(sys.argv[2], "w") as file:
            file.write(repr([name for name in names if os.path.exists(f"/dev/fd/{name}") and name > 2]))
        time.sleep(60)
    child = processes.fork_worker(work)
    print(child, flush=True)
    time.sleep(60)
    """
)


def is_alive(pid: int) -> bool:
    return background.start_mark(pid) is not None


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
def test_a_worker_holds_no_file_of_its_parent_and_ends_with_it(end: str, tmp_path: Path) -> None:
    import signal

    held, seen = tmp_path / "held", tmp_path / "seen"
    with subprocess.Popen(
        [sys.executable, "-c", FORKS, str(held), str(seen)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        until(lambda: seen.exists() and seen.read_text().endswith("]"))
        assert background.holders(str(held)) == [parent.pid] or not sys.platform.startswith("linux")
        parent.send_signal(getattr(signal, end))
        parent.wait()
        until(lambda: not is_alive(child), 5.0)


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_a_process_is_told_from_a_later_one_with_its_id() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = background.start_mark(child.pid)
    assert mark is not None and mark == background.start_mark(child.pid)
    child.kill()
    until(lambda: background.start_mark(child.pid) is None or not sys.platform.startswith("linux"))  # a zombie is dead
    child.wait()
    assert background.start_mark(child.pid) is None
    assert background.start_mark(0) is None
