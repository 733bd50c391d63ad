"""A new ledger is what all migrations lead to."""

import sqlite3
from pathlib import Path

from tachograph.ledger.storage import open as ledger_open
from tachograph.ledger.storage.migrations import STEPS
from tachograph.ledger.storage.schema import SCHEMA, TITLES
from tachograph.paths import Paths

Rows = list[tuple[object, ...]]


def without_comments(sql: str | None) -> str:
    return " ".join(" ".join(line.partition("--")[0] for line in (sql or "").splitlines()).split())


def contents(db: sqlite3.Connection) -> tuple[Rows, dict[str, Rows]]:
    """Everything that the schema names, and all rows."""
    named = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid").fetchall()
    tables = [name for kind, name, _, _ in named if kind == "table"]
    schema: Rows = [(kind, name, table, without_comments(sql)) for kind, name, table, sql in named]
    return schema, {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables if table != "migration"}


def test_the_schema_of_a_new_ledger_is_the_end_of_all_migrations() -> None:
    steps, batch = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    for _, sql in STEPS:
        steps.executescript(sql)
    for statement in SCHEMA:
        batch.execute(statement)
    assert contents(batch) == contents(steps), "run tools/write_schema.py"
    assert tuple(title for title, _ in STEPS) == TITLES


def test_a_new_ledger_knows_all_its_steps(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path), str(tmp_path / "settings.toml"))
    with ledger_open.open_ledger(paths, 7) as ledger:
        found = ledger.db.execute("SELECT version, title, at FROM migration ORDER BY version").fetchall()
        assert found == [(number, title, 7) for number, (title, _) in enumerate(STEPS, 1)]
        assert ledger.db.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
