"""Write ledger/storage/schema.py: the schema that all migrations together lead to, for ledgers that begin with it.

    tools/write_schema.py

Run it after adding a step to ledger/storage/migrations.py. A test compares both.
"""

from __future__ import annotations

import sqlite3
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tachograph.ledger.storage.migrations import STEPS

TARGET = Path(__file__).parents[1] / "src/tachograph/ledger/storage/schema.py"
HEAD = '''"""The schema of a new ledger, statement by statement. Written by tools/write_schema.py: change migrations.py instead.

It is the end of all steps of migrations.py. A new ledger takes it at once, since the steps also make, fill and drop
tables that later steps replace, which takes seven times as long. migrations.py describes the tables.
"""

'''


def main() -> int:
    TARGET.write_text(text())
    return 0


def text() -> str:
    """The text of the file."""
    titles = "".join(f'    "{title}",\n' for title, _ in STEPS)
    schema = "".join(f'    """{statement}""",\n' for statement in _statements(_migrated()))
    return f"{HEAD}TITLES = (  # of the steps, by version\n{titles})\n\nSCHEMA = (\n{schema})\n"


def plain(sql: str) -> str:
    """A statement without comments and line breaks."""
    return " ".join(" ".join(line.partition("--")[0] for line in sql.splitlines()).split())


def _migrated() -> sqlite3.Connection:
    """A ledger made step by step."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    for _, sql in STEPS:
        db.executescript(sql)
    return db


def _statements(db: sqlite3.Connection) -> Iterator[str]:
    """Statements that make the tables of a database and their rows."""
    made = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    for kind, name, sql in made:
        yield textwrap.fill(plain(sql), 116, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        if kind == "table":
            for row in db.execute(f"SELECT * FROM {name}"):
                values = ", ".join("NULL" if value is None else repr(value) for value in row)
                yield f"INSERT INTO {name} VALUES ({values})"


if __name__ == "__main__":
    sys.exit(main())
