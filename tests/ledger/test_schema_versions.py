"""A ledger of an older version is migrated after a backup; one of a newer version is read and never written."""

import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from helpers import NOW_MS, Home
from tachograph.errors import LedgerError
from tachograph.ledger.storage.backups import backups
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths

if sys.platform == "win32":
    pytest.skip("not on this platform: limits, mounts and modes are POSIX's", allow_module_level=True)

from disturbed_ledger import STEP, add_step, answers, contents, is_sound, total, tree

# -- S04: an older ledger ------------------------------------------------------------------------------------------

BROKEN = ("half a step", "ALTER TABLE session ADD COLUMN note TEXT;\nINSERT INTO no_such_table VALUES (1);")


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("PRAGMA user_version").fetchone()[0])
    finally:
        db.close()


@pytest.fixture
def old(home: Home) -> Home:
    home.write("p/one.jsonl", answers("one", 40))
    home.ingest()
    return home


def test_s04_an_older_ledger_is_migrated_after_a_backup(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = old.data / "ledger.sqlite3"
    was = version(ledger)
    before = contents(ledger)
    now = add_step(monkeypatch, STEP)
    old.write("p/two.jsonl", answers("two", 2))
    assert old.totals()["messages"] == 42
    assert version(ledger) == now
    (backup,) = backups(own_paths(old.env))
    assert backup.why == f"before-v{now}"
    assert version(Path(backup.path)) == was
    assert contents(Path(backup.path)) == before
    after = contents(ledger)
    assert after["migration"][-1] == (now, STEP[0], NOW_MS)
    assert [row[:-1] for row in after["session"]][: len(before["session"])] == before["session"]
    for table in ("answer", "rollup", "name"):
        assert set(before[table]) <= set(after[table])
    assert is_sound(old)


def test_s04_a_step_that_fails_leaves_the_older_ledger(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = old.data / "ledger.sqlite3"
    was, before = version(ledger), contents(ledger)
    with monkeypatch.context() as patched:
        add_step(patched, BROKEN)
        with pytest.raises(LedgerError):
            open_ledger(own_paths(old.env), NOW_MS)
    assert version(ledger) == was
    assert contents(ledger) == before
    assert old.totals()["messages"] == 40


def test_s04_two_that_migrate_at_once_migrate_once(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    now = add_step(monkeypatch, STEP)
    trouble: list[BaseException] = []

    def opens() -> None:
        try:
            open_ledger(own_paths(old.env), NOW_MS).close()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            trouble.append(error)

    threads = [threading.Thread(target=opens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert version(old.data / "ledger.sqlite3") == now
    assert len(contents(old.data / "ledger.sqlite3")["migration"]) == now


def test_s04_a_restored_older_backup_is_migrated_with_the_restore(
    old: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old.run("backup", str(tmp_path / "b"))
    now = add_step(monkeypatch, STEP)
    assert old.totals()["messages"] == 40
    assert version(tmp_path / "b") == now - 1
    assert old.call("restore", str(tmp_path / "b"), "--yes").code == 0
    assert version(old.data / "ledger.sqlite3") == now
    assert version(tmp_path / "b") == now - 1
    assert old.totals()["messages"] == 40


# -- S05: a newer ledger -------------------------------------------------------------------------------------------


def test_s05_a_newer_ledger_is_read_and_never_written(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    with home.db() as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    home.write("p/two.jsonl", answers("two", 3))
    before = tree(home.data)
    for arguments in (("daily",), ("sessions",), ("doctor",)):
        done = home.run(*arguments, code=None)
        assert "a newer version of Tachograph wrote it" in done.stderr + done.stdout
    assert total(home) == 4
    assert tree(home.data) == before
