"""What is written to start the recorder at login, and taken back; systemd is a program of ours here."""

import os
import plistlib
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import NOT_HERE
from helpers import Home
from tachograph.errors import TachographError
from tachograph.setup.autostart import RECORDER, disable, enable, entry, plist, unit

WORDS = ["/opt/my tools/tachograph", "start", "--foreground"]


class System:
    """Programs of a system that note how they were called."""

    def __init__(self, **codes: int) -> None:
        self.calls: list[str] = []
        self.codes = codes

    def __call__(self, command: list[str]) -> tuple[int, str]:
        self.calls.append(" ".join(command))
        return next((code for word, code in self.codes.items() if word in " ".join(command)), 0), "it said so"


def test_systemd_gets_a_unit_and_loses_it_again(home: Home) -> None:
    system = System()
    env = {**home.env, "XDG_CONFIG_HOME": str(home.root / "config"), "ANTHROPIC_API_KEY": "sk-ant-CANARY"}
    found = enable(env, ["/opt/tachograph"], run=system, platform="linux")
    assert found == (True, "systemd", str(home.root / "config/systemd/user/tachograph-recorder.service"))
    text = Path(found.where).read_text()
    assert "ExecStart=/opt/tachograph start --foreground\n" in text
    assert f"Environment=TACHOGRAPH_HOME={home.data}\n" in text
    assert "CANARY" not in text
    assert system.calls[-1] == "systemctl --user enable --now tachograph-recorder.service"
    assert not disable(env, run=system, platform="linux").is_on
    assert not Path(found.where).exists()
    assert "systemctl --user disable --now tachograph-recorder.service" in system.calls


def test_without_systemd_the_desktop_starts_it(home: Home) -> None:
    env = {**home.env, "XDG_CONFIG_HOME": str(home.root / "config")}
    found = enable(env, ["/opt/tachograph"], run=System(systemctl=1), platform="linux")
    assert (found.is_on, found.how) == (True, "desktop")
    assert "Exec=env TACHOGRAPH_HOME=" in Path(found.where).read_text()
    assert not disable(env, run=System(systemctl=1), platform="linux").is_on


def test_what_the_system_refuses_is_said_with_a_next_step(home: Home) -> None:
    with pytest.raises(TachographError, match="systemctl refused it") as refused:
        enable(home.env | {"XDG_CONFIG_HOME": str(home.root)}, ["/opt/t"], run=System(enable=5), platform="linux")
    assert "tachograph start" in refused.value.hint


def test_macos_gets_a_launch_agent(home: Home) -> None:
    system = System()
    found = enable(home.env, WORDS[:1], run=system, platform="darwin")
    agent = plistlib.loads(Path(found.where).read_bytes())
    assert agent["ProgramArguments"] == WORDS
    assert agent["EnvironmentVariables"]["TACHOGRAPH_HOME"] == str(home.data)
    assert system.calls[-1].startswith("launchctl bootstrap gui/")
    assert not disable(home.env, run=system, platform="darwin").is_on
    assert plistlib.loads(plist(WORDS, {}, RECORDER).encode())["RunAtLoad"] is True


def test_windows_gets_a_value_under_the_run_key(home: Home) -> None:
    system = System()
    enable(home.env, WORDS[:1], run=system, platform="win32")
    assert '/d "/opt/my tools/tachograph" start --foreground /f' in system.calls[0]
    system = System(query=1)
    assert not disable(home.env, run=system, platform="win32").is_on


def test_hostile_paths_stay_one_word() -> None:
    words = ['/a "b"/$HOME/100%/x y', "start"]
    line = next(line for line in unit(words, {}, RECORDER).splitlines() if line.startswith("ExecStart="))
    assert line == 'ExecStart="/a \\"b\\"/$$HOME/100%%/x y" start'
    assert "Environment" not in unit(words, {"TACHOGRAPH_HOME": "/x\nExecStart=/bin/evil"}, RECORDER)
    line = next(line for line in entry(words, {}, RECORDER).splitlines() if line.startswith("Exec="))
    assert shlex.split(line.removeprefix("Exec=").replace("\\\\", "\\").replace("\\$", "$")) == [
        '/a "b"/$HOME/100%%/x y',
        "start",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason=NOT_HERE)
def test_the_command_with_a_systemctl_on_the_path(home: Home, tmp_path: Path) -> None:
    log = tmp_path / "log"
    fake = tmp_path / "systemctl"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert "does not start at login" in home.run("autostart", env=env).stdout
    assert "by a systemd user unit" in home.run("autostart", "on", env=env).stdout
    assert home.run("autostart", "--json", env=env).json["is_on"] is True
    unit_file = tmp_path / "config/systemd/user/tachograph-recorder.service"
    start = next(line for line in unit_file.read_text().splitlines() if line.startswith("ExecStart="))
    program = start.removeprefix("ExecStart=").split()[0]
    assert b"tachograph" in subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    assert "does not start" in home.run("autostart", "off", env=env).stdout
    assert "enable --now tachograph-recorder.service" in log.read_text()
