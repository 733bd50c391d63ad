"""Answers in transcripts, and what commands make of a ledger that was disturbed."""

import sqlite3
import sys
from pathlib import Path

import pytest

from helpers import Home
from tachograph.demo import records
from tachograph.ledger.storage import connection as ledger_db
from tachograph.ledger.storage import migrations
from tachograph.ledger.storage import open as ledger_open
from tachograph.ledger.storage.integrity import full_check, rollup_differences

if sys.platform == "win32":
    pytest.skip("not on this platform: limits, mounts and modes are POSIX's", allow_module_level=True)


def answers(label: str, count: int) -> bytes:
    made = [records.assistant(f"{label}{n}", output=100 + n, session=label, cwd=f"/p/{n % 7}") for n in range(count)]
    return records.dump(made)


def total(home: Home, *flags: str, **env: str) -> int:
    return int(home.run("daily", "--json", *flags, env=env).json["totals"]["messages"])


def is_sound(home: Home) -> bool:
    with home.ledger() as ledger:
        return full_check(ledger.db) == [] and rollup_differences(ledger.db) == 0


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


STEP = ("a note for each session", "ALTER TABLE session ADD COLUMN note TEXT NOT NULL DEFAULT '';")


def add_step(monkeypatch: pytest.MonkeyPatch, step: tuple[str, str]) -> int:
    steps = (*migrations.STEPS, step)
    monkeypatch.setattr(migrations, "STEPS", steps)
    for module in (ledger_db, ledger_open):
        monkeypatch.setattr(module, "VERSION", len(steps))
    return len(steps)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    made = {
        table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables if not table.startswith("sqlite")
    }
    db.close()
    return made
