"""Chaos: many commands at once, kills, page damage, full disks, clock jumps and moved folders. Every command ends in a
sentence, nothing is lost, and nothing grows. Ten minutes in `make soak` (TACHOGRAPH_CHAOS_SECONDS), some seconds in `make test`."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpers import Home, command
from tachograph import background
from tachograph.demo import transcripts
from tachograph.demo.records import assistant
from tachograph.paths import own_paths

if sys.platform != "linux":
    pytest.skip("not on this platform: /proc and limits", allow_module_level=True)
import resource

EXPECTED_CODES = {0, 1, 2, 3, 10, 11, 20, -9}  # errors.py, guard, and killed by us
FAULTS = ("Traceback", "mistake in Tachograph", "Segmentation", "assert")


class Chaos:
    """Actions on one home, each called again and again by threads of its own until the end."""

    def __init__(self, home: Home, seconds: float, seed: int) -> None:
        self.home, self.end = home, time.monotonic() + seconds
        self.saved = home.root / "saved.sqlite3"
        self.codes: Counter[tuple[str, int | None]] = Counter()
        self.faults: list[str] = []
        self.memory: list[int] = []
        self.descriptors: list[int] = []
        self._seed, self._count = seed, 0
        self._moving = threading.Lock()

    def run(self, *arguments: str, after: float | None = None, limit: int | None = None, **env: str) -> bytes:
        """Run a command; `after`: kill it then; `limit`: largest file that it may write, as on a full disk."""
        with subprocess.Popen(
            [command(), *arguments],
            env={**self.home.env, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None,
        ) as child:
            data = self._status() if arguments[0] == "statusline" else b""
            try:
                out, err = child.communicate(data, after or 120)
            except subprocess.TimeoutExpired:
                child.kill()
                out, err = child.communicate()
                if after is None:
                    self.faults.append(f"{arguments} took two minutes")
        words = err.decode("utf-8", "replace")
        self.codes[arguments[0], child.returncode] += 1
        if child.returncode not in EXPECTED_CODES or any(fault in words for fault in FAULTS):
            self.faults.append(f"{arguments}: {child.returncode}: {words[-1500:]}")
        return out

    def _status(self) -> bytes:
        self._count += 1
        now = int(time.time())
        windows = {"five_hour": 18_000, "seven_day": 604_800}
        limits = {
            key: {"used_percentage": self._count % 100, "resets_at": now // span * span + span}
            for key, span in windows.items()
        }
        return json.dumps({"session_id": "s", "rate_limits": limits}).encode()

    # -- actions, each with a generator of chance of its own

    def reports(self, chance: random.Random) -> None:
        self.run(
            *chance.choice((("daily", "--json"), ("now", "--json"), ("sessions",), ("doctor",), ("status",), ("why",)))
        )

    def status_line(self, chance: random.Random) -> None:
        self.run("statusline")
        time.sleep(0.05)

    def killed(self, chance: random.Random) -> None:
        kind = chance.choice(
            (
                ("daily",),
                ("start", "--foreground"),
                ("backup", "--force", str(self.saved)),
                ("restore", "--yes", str(self.saved)),
                ("purge", "--yes"),
            )
        )
        self.run(*kind, after=chance.uniform(0.02, 0.6))

    def recorder(self, chance: random.Random) -> None:
        self.run("start")
        found = background.running(own_paths(self.home.env))
        if found is not None:
            try:
                pages = int(Path(f"/proc/{found.pid}/statm").read_text().split()[1])
                self.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))
                self.descriptors.append(len(os.listdir(f"/proc/{found.pid}/fd")))
            except OSError:
                pass
        time.sleep(chance.uniform(0.5, 2))
        if chance.random() < 0.2:
            self.run("stop")

    def restores(self, chance: random.Random) -> None:
        self.run("backup", "--force", str(self.saved))
        self.run("restore", "--yes", str(self.saved))
        for old in sorted((self.home.data / "backups").glob("*before-restore*"))[:-4]:
            old.unlink(missing_ok=True)
        time.sleep(chance.uniform(0.2, 1))

    def full_disk(self, chance: random.Random) -> None:
        self.run("daily", limit=chance.choice((4096, 65_536, 300_000)))
        time.sleep(0.2)

    def wrong_clock(self, chance: random.Random) -> None:
        ahead = chance.choice((3, 24, 24 * 365)) * 3_600_000
        self.run("statusline", TACHOGRAPH_NOW=str(int(time.time() * 1000) + ahead))
        time.sleep(0.5)

    def damage(self, chance: random.Random) -> None:
        time.sleep(chance.uniform(1, 3))
        path = self.home.data / "ledger.sqlite3"
        try:
            pages = path.stat().st_size // 4096
            with open(path, "r+b") as file:
                file.seek(4096 * chance.randrange(1, max(2, pages)))
                file.write(os.urandom(2048))
            for old in sorted(self.home.data.glob("damaged-*"))[:-3]:
                shutil.rmtree(old, ignore_errors=True)
        except OSError:
            pass

    def moves(self, chance: random.Random) -> None:
        time.sleep(chance.uniform(2, 5))
        aside = self.home.root / "moved"
        try:
            self.home.data.rename(aside)
            time.sleep(chance.uniform(0, 0.3))
            shutil.rmtree(self.home.data, ignore_errors=True)
            aside.rename(self.home.data)
        except OSError:  # somebody made a new folder at this moment: it stays, and the old one goes
            shutil.rmtree(aside, ignore_errors=True)

    def appends(self, chance: random.Random) -> None:
        label = f"chaos{chance.getrandbits(60)}"
        self.home.append(f"p/{chance.randrange(4)}.jsonl", [assistant(label, at=datetime.now(UTC))])
        time.sleep(0.1)

    def go(self) -> None:
        """Run all actions until the end."""
        actions = (
            self.reports, self.reports, self.status_line, self.killed, self.recorder, self.restores, self.full_disk,
            self.wrong_clock, self.damage, self.moves, self.appends,
        )  # fmt: skip

        def repeat(action: Callable[[random.Random], None], seed: int) -> None:
            chance = random.Random(seed)
            while time.monotonic() < self.end:
                try:
                    action(chance)
                except Exception as error:  # noqa: BLE001 - a fault of the test is one too
                    self.faults.append(f"{action.__name__}: {error!r}")
                    return

        threads = [
            threading.Thread(target=repeat, args=(action, self._seed * 100 + n)) for n, action in enumerate(actions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def processes_of(home: Home) -> list[int]:
    mark = f"TACHOGRAPH_HOME={home.data}".encode()
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(int(name))
        except OSError:
            continue
    return [pid for pid in found if background.start_mark(pid) is not None]


def survive(home: Home, seconds: float) -> None:
    del home.env["TACHOGRAPH_NOW"]
    transcripts.write(home.claude, end=datetime.now(UTC), days=10)
    home.run("daily")
    chaos = Chaos(home, seconds, seed=7)
    chaos.go()
    home.run("stop", code=None)
    assert not chaos.faults, "\n".join(chaos.faults[:5])
    end = time.monotonic() + 20
    while processes_of(home):
        assert time.monotonic() < end, f"processes were left behind after {dict(chaos.codes)}"
        time.sleep(0.1)
    home.run("doctor", "--repair", code=None)
    home.run("daily")
    assert (
        home.run("daily", "--json", "--timezone", "UTC").json["totals"]["messages"] == home.oracle().total["messages"]
    )
    with home.db() as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    if len(chaos.memory) > 20:
        half = len(chaos.memory) // 2
        assert max(chaos.memory[half:]) < 1.5 * max(chaos.memory[:half]) + 20_000_000
        assert max(chaos.descriptors[half:]) <= max(chaos.descriptors[:half]) + 8


@pytest.mark.slow
def test_seconds_of_chaos(home: Home) -> None:
    survive(home, 15)


@pytest.mark.soak
def test_ten_minutes_of_chaos(home: Home) -> None:
    survive(home, float(os.environ.get("TACHOGRAPH_CHAOS_SECONDS", "600")))
