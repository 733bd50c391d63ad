"""Replacing the ledger is one step for everybody else: whatever another program does between any two file operations of
a recovery or a restore, the new ledger is sound, and no file of the old one ever meets it."""

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import NOT_HERE
from helpers import NOW_MS, Home
from tachograph.demo import records
from tachograph.ledger.storage.integrity import check_file
from tachograph.paths import own_paths
from tachograph.setup.ledger_files import restore
from tachograph.setup.recovery import recover

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)

OPERATIONS = ("rename", "replace", "unlink", "link", "mkdir", "rmdir")
Intruder = Callable[[Path], Any]


def answers(label: str, count: int, session: str) -> bytes:
    return records.dump([records.assistant(f"{label}{n}", output=100 + n, session=session) for n in range(count)])


@pytest.fixture
def life(home: Home) -> Home:
    """A ledger with a backup from before its newest messages, all of whose transcripts are there."""
    home.write("p/first.jsonl", answers("first", 40, "s1"))
    home.ingest()
    home.call("backup", str(home.root / "saved.sqlite3"))
    (home.data / "backups").mkdir(mode=0o700, exist_ok=True)
    (home.data / "backups" / "ledger-20261101-000000-weekly.sqlite3").write_bytes(
        (home.root / "saved.sqlite3").read_bytes()
    )
    home.write("p/second.jsonl", answers("second", 60, "s2"))
    home.ingest()
    return home


def damage(home: Home) -> None:
    """Damage that only a full check sees: the ledger still opens, and takes writes."""
    path = home.data / "ledger.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'name'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    with open(path, "r+b") as file:
        file.seek((root - 1) * size + size - 64)
        file.write(b"\x55" * 64)


def stays_open(ledger: Path) -> sqlite3.Connection:
    db = sqlite3.connect(ledger, isolation_level=None, timeout=0.2)
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return db


def writes_and_stays(ledger: Path) -> sqlite3.Connection:
    db = sqlite3.connect(ledger, isolation_level=None, timeout=0.2)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE IF NOT EXISTS intruder (x)")
        for n in range(50):
            db.execute("INSERT INTO intruder VALUES (?)", (str(n) * 200,))
    except sqlite3.DatabaseError:
        pass
    return db


def writes_and_leaves(ledger: Path) -> None:
    writes_and_stays(ledger).close()


def is_a_command(ledger: Path) -> None:
    """A command that asks at that moment; it must not wait for us, as we wait for it here."""
    from tachograph.errors import TachographError
    from tachograph.ledger.storage.open import open_ledger
    from tachograph.paths import Paths

    paths = Paths(str(ledger.parent), str(ledger.parent / "settings.toml"))
    try:
        with open_ledger(paths, NOW_MS) as opened, opened.transaction() as db:
            db.execute("INSERT OR REPLACE INTO choice VALUES ('intruder', 'x', 1)")
    except TachographError:
        pass


INTRUDERS: list[Intruder] = [stays_open, writes_and_stays, writes_and_leaves, is_a_command]


class Interleaved:
    """Calls an intruder before the `at`-th file operation of the code under test, and after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ledger: Path, intruder: Intruder, at: int) -> None:
        self.count, self.at, self.is_inside, self.left = 0, at, False, []  # type: ignore[var-annotated]
        self.ledger, self.intruder = ledger, intruder
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self._around(getattr(os, name)))

    def _around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **named: Any) -> Any:
            if self.is_inside:
                return real(*arguments, **named)
            self._intrude()
            result = real(*arguments, **named)
            self.count += 1
            self._intrude()
            return result

        return operation

    def _intrude(self) -> None:
        if self.count != self.at:
            return
        self.is_inside = True
        try:
            self.left.append(self.intruder(self.ledger))
        except sqlite3.Error:
            pass
        finally:
            self.is_inside = False

    def leave(self) -> None:
        for db in self.left:
            if db is not None:
                db.close()


@pytest.mark.parametrize("intruder", INTRUDERS, ids=lambda intruder: intruder.__name__)
@pytest.mark.parametrize("at", range(11))
@pytest.mark.parametrize("way", ["recover", "recover without a backup", "restore"])
def test_whatever_comes_between_the_new_ledger_is_sound(
    life: Home, monkeypatch: pytest.MonkeyPatch, way: str, intruder: Intruder, at: int
) -> None:
    paths, ledger = own_paths(life.env), life.data / "ledger.sqlite3"
    damage(life)
    assert check_file(str(ledger)).problem
    if way == "recover without a backup":
        for path in (life.data / "backups").iterdir():
            path.unlink()
    with monkeypatch.context() as patched:
        between = Interleaved(patched, ledger, intruder, at)
        if way == "restore":
            restore(paths, str(life.root / "saved.sqlite3"), NOW_MS)
        else:
            recover(paths, NOW_MS, "damaged")
    assert check_file(str(ledger)).problem == ""
    assert life.call("daily", "--json").json["totals"]["messages"] == 100
    between.leave()  # whoever still had a file open closes it now, and SQLite tidies up after it
    assert check_file(str(ledger)).problem == ""
    assert life.call("daily", "--json").json["totals"]["messages"] == 100


def test_the_hook_is_called_at_every_operation(life: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(life)
    with monkeypatch.context() as patched:
        between = Interleaved(patched, life.data / "ledger.sqlite3", stays_open, -1)
        recover(own_paths(life.env), NOW_MS, "damaged")
    assert 3 <= between.count <= 11
