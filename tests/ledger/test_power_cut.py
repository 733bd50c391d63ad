"""S07: after a power cut the ledger is sound, lacks at most the newest commits, and the next pass brings those back.

The ledger is written through a VFS of apsw that notes every write, truncation, deletion and sync. From that record the
disk is made up as it may stand after a cut at any moment: what was synced is there, of what was not any part may be,
in sectors of 512 bytes. (apsw's VFS knows no shared memory; with an exclusive lock SQLite's WAL needs none.)
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import Home
from tachograph import lean_sqlite
from tachograph.demo import records
from tachograph.ledger.storage import connection as ledger_db
from tachograph.ledger.storage.integrity import full_check, rollup_differences

apsw: Any = pytest.importorskip("apsw", reason="apsw is not installed: pip install -e .[dev]")

PASSES, CUTS, SECTOR = 9, 90, 512
Event = tuple[str, str, int, bytes]  # what, file, offset or size, data


class Disk:
    """What files hold for certain, and what was done to them since they were last synced."""

    def __init__(self) -> None:
        self.durable: dict[str, bytes] = {}
        self.pending: dict[str, list[Event]] = {}
        self.deleted: dict[str, bytes] = {}  # not yet for certain

    def follow(self, event: Event) -> None:
        what, name, _, _ = event
        if what == "sync":
            self.durable[name] = played(self.durable.get(name, b""), self.pending.pop(name, []))
            self.deleted.clear()  # a journalling file system brings what happened to folders to the disk in its order
        elif what == "delete":
            self.deleted[name] = self.durable.pop(name, b"")
            self.pending.pop(name, None)
        elif what in ("write", "truncate"):
            self.deleted.pop(name, None)
            self.pending.setdefault(name, []).append(event)

    def after_a_cut(self, chance: random.Random) -> dict[str, bytes]:
        kept = chance.choice((0.0, 0.5, 0.9, 1.0))
        image = {}
        for name in self.durable.keys() | self.pending.keys():
            torn = [part for event in self.pending.get(name, []) for part in sectors(event)]
            survived = [part for part in torn if chance.random() < kept]
            if chance.random() < 0.3:
                chance.shuffle(survived)
            image[name] = played(self.durable.get(name, b""), survived)
        if chance.random() < 0.5:  # a deletion is lost as well
            image = {**{name: data for name, data in self.deleted.items() if data}, **image}
        return image


def played(content: bytes, events: list[Event]) -> bytes:
    made = bytearray(content)
    for what, _, place, data in events:
        if what == "truncate":
            del made[place:]
        else:
            made.extend(b"\0" * (place - len(made)))
            made[place : place + len(data)] = data
    return bytes(made)


def sectors(event: Event) -> Iterator[Event]:
    what, name, place, data = event
    if what == "truncate":
        yield event
        return
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR - (place + start) % SECTOR)
        yield (what, name, place + start, data[start:end])
        start = end


def recording(log: list[Event]) -> Any:
    """A VFS that notes what is done to the ledger's files."""

    class File(apsw.VFSFile):  # type: ignore[misc]  # not typed as far as mypy is told
        def __init__(self, filename: Any, flags: list[int]) -> None:
            self.name = Path(filename if isinstance(filename, str) else filename.filename()).name
            super().__init__("", filename, flags)

        def xWrite(self, data: bytes, offset: int) -> None:
            log.append(("write", self.name, offset, bytes(data)))
            super().xWrite(data, offset)

        def xTruncate(self, size: int) -> None:
            log.append(("truncate", self.name, size, b""))
            super().xTruncate(size)

        def xSync(self, flags: int) -> None:
            log.append(("sync", self.name, 0, b""))
            super().xSync(flags)

    class Recorder(apsw.VFS):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__("power-cut", "")

        def xOpen(self, name: Any, flags: list[int]) -> File:
            return File(name, flags)

        def xDelete(self, name: str, sync_folder: bool) -> None:
            super().xDelete(name, sync_folder)
            log.append(("delete", Path(name).name, 0, b""))

    return Recorder()


@pytest.fixture(params=["wal", "delete"])
def life(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, list[Event]]:
    """Some passes, each over more transcripts, with every step of them; `mark` events say how many messages are in."""
    log: list[Event] = []
    vfs = recording(log)
    assert vfs

    def connect(path: str, **_: object) -> Any:
        db = apsw.Connection(path, vfs="power-cut")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA wal_autocheckpoint = 25")
        return db

    with monkeypatch.context() as patched:
        patched.setattr(lean_sqlite.sqlite3, "connect", connect)
        patched.setattr(ledger_db, "is_network_folder", lambda _: request.param == "delete")
        for number in range(PASSES):
            made = [records.assistant(f"{number}-{n}", session=f"s{number}", cwd=f"/p/{n}") for n in range(20)]
            home.write(f"p/{number % 4}.jsonl", made, append=True)
            home.ingest()
            log.append(("mark", "", (number + 1) * 20, b""))
    assert {event[0] for event in log} >= {"write", "sync", "delete"}
    return home, log


def test_s07_a_power_cut_costs_at_most_the_newest_commits(
    life: tuple[Home, list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, log = life
    expected = home.oracle().total
    assert expected["messages"] == PASSES * 20
    chance = random.Random(3)
    cuts = set(chance.sample(range(len(log)), min(CUTS, len(log))))
    has_wal = any(name.endswith("-wal") for _, name, _, _ in log)
    disk, certain, marks = Disk(), 0, [0]
    for moment, event in enumerate(log):
        disk.follow(event)
        if event[0] == "mark":
            marks.append(event[2])
        if has_wal and event[:2] == ("sync", "ledger.sqlite3-wal"):
            certain = marks[-1]
        if not has_wal:
            certain = marks[-2] if len(marks) > 1 else 0
        if moment in cuts:
            after_a_cut(home, disk.after_a_cut(chance), certain, expected)


def after_a_cut(home: Home, image: dict[str, bytes], certain: int, expected: dict[str, int]) -> None:
    shutil.rmtree(home.data)
    home.data.mkdir(mode=0o700)
    for name, data in image.items():
        (home.data / name).write_bytes(data)
    with home.ledger() as ledger:
        assert full_check(ledger.db) == []
        assert rollup_differences(ledger.db) == 0
        held = ledger.db.execute("SELECT coalesce(sum(messages), 0) FROM rollup").fetchone()[0]
        assert certain <= held <= expected["messages"]
    assert home.totals() == expected
