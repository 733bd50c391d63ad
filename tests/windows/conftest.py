"""Fixtures of the tests on Windows' own Python: a prepared cache, a demo life for both systems, a desktop."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import wine
from helpers import command
from wine import NOW_MS, Commands, WindowsHome, windows_path
from xvfb_screen import Screen

DAYS = "20"
MANY_COMMANDS = Path(__file__).with_name("many_commands.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "windows" in item.path.parts[-2:]:
            item.add_marker("wine")


@pytest.fixture(scope="session", autouse=True)
def _prepared() -> None:
    if not wine.COMMAND.exists() or shutil.which("wine") is None:
        pytest.skip("Windows' Python is not prepared: python tools/windows/prepare.py")


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """One desktop for all tests; it also keeps Wine's services running, so that each command starts in a second."""
    folder = tmp_path_factory.mktemp("screen")
    with wine.desktop(folder) as display:
        yield Screen(folder / "Xvfb_screen0", display)


@pytest.fixture(scope="session")
def display(screen: Screen) -> str:
    return screen.display


@pytest.fixture(scope="session")
def windows_commands(display: str) -> Iterator[Commands]:
    """Windows' Python, which carries out many commands in one process."""
    commands = Commands(["wine", str(wine.PYTHON)], windows_path(MANY_COMMANDS), wine.wine_environment(display))
    yield commands
    commands.close()


@pytest.fixture(scope="session")
def linux_commands() -> Iterator[Commands]:
    commands = Commands([sys.executable], str(MANY_COMMANDS), {})
    yield commands
    commands.close()


class Life(NamedTuple):
    """An invented life, read by Windows and by Linux."""

    windows: WindowsHome
    linux: dict[str, str]
    linux_commands: Commands

    def linux_output(self, *arguments: str) -> str:
        return self.linux_commands.run(arguments, self.linux).stdout


@pytest.fixture(scope="session")
def life(
    display: str, windows_commands: Commands, linux_commands: Commands, tmp_path_factory: pytest.TempPathFactory
) -> Life:
    root = tmp_path_factory.mktemp("life")
    linux = {
        "HOME": str(root / "linux"),
        "CLAUDE_CONFIG_DIR": str(root / "demo" / ".claude"),
        "TACHOGRAPH_HOME": str(root / "demo" / ".tachograph"),
        "TACHOGRAPH_NOW": str(NOW_MS),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PATH": os.environ["PATH"],
    }
    demo = [command(), "demo", "--days", DAYS, "--keep", str(root / "demo"), "--no-open", "daily"]
    subprocess.run(demo, env=linux, check=True, capture_output=True)
    windows = WindowsHome(root / "windows", display, windows_commands)
    windows.run("demo", "--days", DAYS, "--keep", windows_path(root / "same"), "--no-open", "daily")
    windows.claude, windows.data = root / "same" / ".claude", root / "same" / ".tachograph"
    windows.env["CLAUDE_CONFIG_DIR"] = windows_path(windows.claude)
    windows.env["TACHOGRAPH_HOME"] = windows_path(windows.data)
    return Life(windows, linux, linux_commands)


@pytest.fixture
def home(display: str, windows_commands: Commands, tmp_path: Path) -> Iterator[WindowsHome]:
    """An empty profile; whatever runs in it ends with the test."""
    made = WindowsHome(tmp_path / "Ada Müller", display, windows_commands)
    yield made
    for arguments in (["tray", "stop"], ["stop"]):
        if (made.data / ("tray.lock" if arguments[0] == "tray" else "recorder.lock")).exists():
            made.run(*arguments, code=None)
