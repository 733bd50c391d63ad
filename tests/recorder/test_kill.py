"""A pass that is killed, wherever it is, loses nothing and counts nothing twice: the next one ends what it began."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import oracle
from helpers import NOW, Home, keyed
from tachograph.demo import transcripts

if sys.platform == "win32":
    pytest.skip("not on this platform: there is no SIGKILL", allow_module_level=True)

SEED = 20261123


class Source:
    """Some megabytes of demo transcripts, what they add up to, and how long a first pass over them takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        transcripts.write(folder / ".claude", end=NOW, days=40)
        self.counted = oracle.count(folder / ".claude")
        self.seconds = self._measured(folder.with_name("measured"))

    def home(self, root: Path) -> Home:
        """A home that reads these transcripts where they are, with a ledger of its own."""
        home = Home(root)
        home.env["CLAUDE_CONFIG_DIR"] = str(self.folder / ".claude")
        return home

    def _measured(self, root: Path) -> float:
        seconds = []
        for n in range(3):
            home = self.home(root / str(n))
            began = time.monotonic()
            home.run("daily")
            seconds.append(time.monotonic() - began)
        return min(seconds)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    yield Source(tmp_path_factory.mktemp("demo") / "home")


def killed(home: Home, after: float) -> bool:
    """Start a pass and kill it after some seconds; whether it was still running then."""
    process = home.start("daily", "--json")
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() == -signal.SIGKILL


def agrees(home: Home, counted: oracle.Counted, where: str) -> None:
    """The next pass ends well and says what the oracle says; the ledger is sound and was not set aside."""
    document = home.run("daily", "--json").json
    assert keyed(document["rows"], "period") == counted.by_day(), where
    with home.db() as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), where
        assert db.execute("SELECT count(*) FROM message WHERE billed").fetchone() == (counted.total["messages"],), where
        rolled = db.execute("SELECT sum(messages), sum(input), sum(output) FROM rollup").fetchone()
    assert rolled == tuple(counted.total[name] for name in ("messages", "input", "output")), where
    names = {path.name.removesuffix("-wal").removesuffix("-shm") for path in home.data.iterdir()}
    assert names == {"ledger.sqlite3"}, where


def kill_first_passes(source: Source, root: Path, count: int) -> None:
    chance = random.Random(SEED)
    hits = 0
    for n in range(count):
        after = chance.uniform(0.02, source.seconds * 1.05)
        home = source.home(root / str(n))
        hits += killed(home, after)
        agrees(home, source.counted, f"kill {n} after {after:.4f} s")
        shutil.rmtree(home.root)
    assert hits > count // 3, "most passes were over before they were killed: nothing was tested"


def test_a_first_pass_killed_at_any_point_is_ended_by_the_next(source: Source, tmp_path: Path) -> None:
    kill_first_passes(source, tmp_path, 50)


@pytest.mark.soak
def test_a_first_pass_killed_at_five_hundred_points(source: Source, tmp_path: Path) -> None:
    kill_first_passes(source, tmp_path, 500)


def test_a_first_pass_killed_again_and_again_comes_to_its_end(source: Source, tmp_path: Path) -> None:
    """Each attempt is let run a little longer; none starts with less than the ones before left."""
    home = source.home(tmp_path / "home")
    for n in range(10):
        killed(home, source.seconds * n / 12)
    agrees(home, source.counted, "after ten kills")


def test_a_pass_over_what_is_new_killed_at_any_point_is_ended_by_the_next(source: Source, tmp_path: Path) -> None:
    """Half of each transcript was read before, cut within a line; the kill falls into reading the other half."""
    chance = random.Random(SEED)
    halves = Home(tmp_path / "halves")
    for path in sorted((source.folder / ".claude" / "projects").rglob("*.jsonl")):
        data = path.read_bytes()
        halves.write(path.relative_to(source.folder / ".claude" / "projects"), data[: chance.randrange(len(data))])
    halves.run("daily")
    began = time.monotonic()
    halves.run("daily")
    seconds = max(0.05, (time.monotonic() - began) / 2 + source.seconds / 2)
    hits = 0
    for n in range(12):
        home = Home(tmp_path / f"home-{n}")
        shutil.copytree(halves.data, home.data)
        home.env["CLAUDE_CONFIG_DIR"] = str(home.claude)
        shutil.copytree(halves.projects, home.projects, dirs_exist_ok=True)
        shutil.copytree(source.folder / ".claude" / "projects", home.projects, dirs_exist_ok=True)
        after = chance.uniform(0.02, seconds)
        hits += killed(home, after)
        agrees(home, source.counted, f"kill {n} after {after:.4f} s")
        shutil.rmtree(home.root)
    assert hits > 2, "the passes were over before they were killed: nothing was tested"


def test_lines_that_arrive_between_kills_are_all_counted(tmp_path: Path) -> None:
    """As a machine that is switched off again and again while Claude Code works."""
    chance = random.Random(SEED)
    whole = Home(tmp_path / "whole")
    transcripts.write(tmp_path / "whole" / "demo", end=NOW, days=6)
    files = [(p.name, p.read_bytes()) for p in sorted((tmp_path / "whole" / "demo").rglob("*.jsonl"))]
    seconds = timedelta(milliseconds=150).total_seconds()
    ends = dict.fromkeys(range(len(files)), 0)
    for _ in range(10):
        for n, (name, data) in enumerate(files):
            end = min(len(data), ends[n] + chance.randrange(len(data) // 5 + 2))
            whole.append(f"{n}/{name}", data[ends[n] : end])
            ends[n] = end
        killed(whole, chance.uniform(0.03, seconds))
    for n, (name, data) in enumerate(files):
        whole.append(f"{n}/{name}", data[ends[n] :])
    agrees(whole, whole.oracle(), "after ten kills")
