"""The whole tree of processes: stopped or killed in a first reading that uses workers, it leaves nothing behind."""

import os
import random
import shutil
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
from tachograph.paths import own_paths

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason=NOT_HERE)

FORK_BYTES = "TACHOGRAPH_FORK_BYTES"
GONE_SECONDS = 60.0  # half a second on an idle machine; tests run beside others


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


COPIES = 8


@pytest.fixture(scope="module")
def large_corpus(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same transcripts several times: read for long enough that a busy machine sees the workers."""
    folder = tmp_path_factory.mktemp("large") / ".claude"
    for n in range(COPIES):
        for project in (corpus / "projects").iterdir():
            shutil.copytree(project, folder / "projects" / f"{project.name}-{n}")
    return folder


@pytest.fixture
def long_reading(reading: Home, large_corpus: Path) -> Home:
    reading.env["CLAUDE_CONFIG_DIR"] = str(large_corpus)
    return reading


def has_workers(home: Home) -> bool:
    return len(processes_of(home)) > 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_report_that_is_ended_in_its_first_reading_leaves_no_process(long_reading: Home, number: int) -> None:
    child = subprocess.Popen(
        [command(), "daily"], env=long_reading.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: has_workers(long_reading) or child.poll() is not None, 60, "no workers came")
    assert child.poll() is None, "the reading was over before it could be ended"
    child.send_signal(number)
    child.wait(60)
    until(lambda: not processes_of(long_reading), GONE_SECONDS, "processes were left behind")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_recorder_that_is_ended_in_its_first_reading_frees_its_lock(long_reading: Home, number: int) -> None:
    child = subprocess.Popen([command(), "start", "--foreground"], env=long_reading.env, stderr=subprocess.DEVNULL)
    until(lambda: len(processes_of(long_reading)) > 2 or child.poll() is not None, 60, "no workers came")
    assert child.poll() is None, "the reading was over before it could be ended"
    child.send_signal(number)
    until(
        lambda: child.poll() is not None and not processes_of(long_reading), GONE_SECONDS, "processes were left behind"
    )
    assert long_reading.run("status", "--json", code=1).json["running"] is False
    try:
        assert "The recorder runs (process" in long_reading.run("start").stdout
        assert long_reading.run("status", "--json").json["running"] is True
    finally:
        long_reading.run("stop")
    until(lambda: not processes_of(long_reading), GONE_SECONDS, "processes were left behind")


def test_start_comes_back_after_the_first_beat_when_everything_is_read(reading: Home, corpus: Path) -> None:
    reading.run("start")
    try:
        total = reading.run("daily", "--no-ingest", "--json", "--timezone", "UTC").json["totals"]["messages"]
        assert total == oracle.count(corpus).total["messages"]
    finally:
        reading.run("stop")


# -- random moments --------------------------------------------------------------------------------------------

KINDS = ("daily", "start", "stop", "purge", "restore")
MOMENTS = int(os.environ.get("TACHOGRAPH_KILLS", "20"))  # .ci/run asks for 200
SOAK_MOMENTS = 1000


@pytest.fixture(scope="module")
def expected(corpus: Path) -> int:
    """Messages of the corpus."""
    return oracle.count(corpus).total["messages"]


@pytest.fixture(scope="module")
def full(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after a whole first reading, with a backup in `saved.sqlite3`."""
    home = Home(tmp_path_factory.mktemp("full") / "home")
    home.env["CLAUDE_CONFIG_DIR"] = str(corpus)
    home.run("daily")
    home.run("backup", str(home.data / "saved.sqlite3"))
    return home.data


def killed_at(kind: str, number: int, after: float, home: Home, full: Path) -> None:
    """Start a command, alone or beside a recorder, and send it a signal after some seconds."""
    if kind in ("stop", "purge", "restore"):
        shutil.copytree(full, home.data)
        if kind == "stop":  # in the middle of a first reading
            (home.data / "ledger.sqlite3").unlink()
        recorder = subprocess.Popen(
            [command(), "start", "--foreground"], env=home.env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: background.running(own_paths(home.env)) is not None, 60, "no recorder came")
    arguments = {
        "daily": ("daily", "--json"),
        "start": ("start", "--foreground"),
        "stop": ("stop",),
        "purge": ("purge", "--yes"),
        "restore": ("restore", str(home.data / "saved.sqlite3"), "--yes"),
    }[kind]
    child = subprocess.Popen(
        [command(), *arguments],
        env=home.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        child.wait(after)
    except subprocess.TimeoutExpired:
        child.send_signal(number)
    child.wait(60)
    if kind in ("stop", "purge", "restore"):
        home.run("stop")  # where the command was killed before it had ended the recorder, or had started a new one
        paths = own_paths(home.env)
        until(
            lambda: not processes_of(home) or background.running(paths) is not None, GONE_SECONDS, "neither up nor gone"
        )
        home.run("stop")  # a recorder that a killed `restore` was just starting
        recorder.wait(60)


def kill_at_random(home_of: Callable[[int], Home], full: Path, expected: int, moments: int) -> None:
    chance = random.Random(20261126)
    for n in range(moments):
        kind, number = KINDS[n % len(KINDS)], (signal.SIGTERM, signal.SIGKILL)[n // len(KINDS) % 2]
        after = chance.uniform(0.02, 0.8)
        where = f"moment {n}: {kind}, {signal.Signals(number).name} after {after:.3f} s"
        home = home_of(n)
        killed_at(kind, number, after, home, full)
        until(lambda home=home: not processes_of(home), GONE_SECONDS, f"{where}: processes were left behind")  # type: ignore[misc]
        assert home.run("status", "--json", code=1).json["running"] is False, where
        assert background.running(own_paths(home.env)) is None, where
        assert not background._is_locked(own_paths(home.env), background.RECORDER), where
        assert home.run("daily", "--json").json["totals"]["messages"] == expected, where
        with home.db() as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), where
        db.close()
        shutil.rmtree(home.root)


@pytest.fixture
def home_of(tmp_path: Path, corpus: Path) -> Callable[[int], Home]:
    def make(n: int) -> Home:
        home = Home(tmp_path / str(n))
        del home.env["TACHOGRAPH_NOW"]
        home.env |= {"CLAUDE_CONFIG_DIR": str(corpus), FORK_BYTES: "0"}
        return home

    return make


@pytest.mark.slow
def test_at_random_moments_nothing_is_left_behind_or_lost(
    home_of: Callable[[int], Home], full: Path, expected: int
) -> None:
    kill_at_random(home_of, full, expected, MOMENTS)


@pytest.mark.soak
def test_at_a_thousand_moments_nothing_is_left_behind_or_lost(
    home_of: Callable[[int], Home], full: Path, expected: int
) -> None:
    kill_at_random(home_of, full, expected, SOAK_MOMENTS)
