"""The files in `deploy/` fit systemd and the installed command."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers import command
from tachograph.ui.cli.parser import parsed

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is missing")
    text = (DEPLOY / "tachograph-hub.service").read_text()
    unit = tmp_path / "tachograph-hub.service"
    unit.write_text(text.replace("/usr/local/bin/tachograph", str(command())).replace("User=tachograph", "User=root"))
    done = subprocess.run(
        [tool, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "SYSTEMD_LOG_TARGET": "console"},
    )  # fmt: skip
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if "tachograph-hub" in line]
    assert about_us == [], done.stderr


def test_commands_of_the_unit_and_the_container_are_understood() -> None:
    unit = re.search(r"^ExecStart=\S+ (.+)$", (DEPLOY / "tachograph-hub.service").read_text(), re.M)
    container = re.search(r"tachograph hub serve[^\"\]]*", (DEPLOY / "Containerfile").read_text().replace('", "', " "))
    assert unit and container
    for words in (unit[1].split(), container[0].split()[1:]):
        found = parsed([word.replace("${HUB_PUBLIC}", "https://tacho.example") for word in words])
        assert (found.command, found.what) == ("hub", "serve")


def test_variables_of_the_files_are_those_that_the_hub_reads() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src" / "tachograph").rglob("*.py"))
    for file in ("tachograph-hub.service", "compose.yaml", "Containerfile"):
        for name in re.findall(r"TACHOGRAPH_[A-Z_]+", (DEPLOY / file).read_text()):
            assert f'"{name}"' in source, (file, name)
