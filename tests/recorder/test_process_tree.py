"""The whole tree of processes: stopped or killed in a first reading that uses workers, it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import oracle
from conftest import NOT_HERE
from helpers import NOW, Home, command
from tachograph import background
from tachograph.demo import transcripts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason=NOT_HERE)

FORK_BYTES = "TACHOGRAPH_FORK_BYTES"


def processes_of(home: Home) -> list[int]:
    """Process ids of all programs that have this home's data folder in their environment."""
    mark = f"TACHOGRAPH_HOME={home.data}".encode()
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(int(name))
        except OSError:
            continue
    return [pid for pid in found if background.start_mark(pid) is not None]


def until(claim: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Demo transcripts that take a moment to read."""
    folder = tmp_path_factory.mktemp("corpus") / ".claude"
    transcripts.write(folder, end=NOW, days=60)
    return folder


@pytest.fixture
def reading(home: Home, corpus: Path) -> Home:
    """A home whose first reading uses workers, however little there is to read, and whose clock runs."""
    del home.env["TACHOGRAPH_NOW"]
    home.env |= {"CLAUDE_CONFIG_DIR": str(corpus), FORK_BYTES: "0"}
    return home


def has_workers(home: Home) -> bool:
    return len(processes_of(home)) > 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_report_that_is_ended_in_its_first_reading_leaves_no_process(reading: Home, number: int) -> None:
    child = subprocess.Popen(
        [command(), "daily"], env=reading.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: has_workers(reading) or child.poll() is not None, 10, "no workers came")
    assert child.poll() is None, "the reading was over before it could be ended"
    child.send_signal(number)
    child.wait(5)
    until(lambda: not processes_of(reading), 2, "processes were left behind")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_recorder_that_is_ended_in_its_first_reading_frees_its_lock(reading: Home, number: int) -> None:
    child = subprocess.Popen([command(), "start", "--foreground"], env=reading.env, stderr=subprocess.DEVNULL)
    until(lambda: len(processes_of(reading)) > 2 or child.poll() is not None, 10, "no workers came")
    assert child.poll() is None, "the reading was over before it could be ended"
    child.send_signal(number)
    until(lambda: child.poll() is not None and not processes_of(reading), 2, "processes were left behind")
    assert reading.run("status", "--json", code=1).json["running"] is False
    try:
        assert "The recorder runs (process" in reading.run("start").stdout
        assert reading.run("status", "--json").json["running"] is True
    finally:
        reading.run("stop")
    until(lambda: not processes_of(reading), 2, "processes were left behind")


def test_start_comes_back_after_the_first_beat_when_everything_is_read(reading: Home, corpus: Path) -> None:
    reading.run("start")
    try:
        total = reading.run("daily", "--no-ingest", "--json", "--timezone", "UTC").json["totals"]["messages"]
        assert total == oracle.count(corpus).total["messages"]
    finally:
        reading.run("stop")
