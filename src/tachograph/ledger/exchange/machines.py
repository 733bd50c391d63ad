"""The machines of a person as the ledger knows them: their names, and the config folders with messages."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.exchange import tracking

if TYPE_CHECKING:
    from typing import Any


def machine_state(db: sqlite3.Connection) -> tuple[list[Any], str]:
    """Machines as the last exchange described them (documents with id and name), and the id of this one; ([], "") without."""
    if not tracking.is_tracked(db):
        return [], ""
    return tracking.get_state(db, "machines", []), tracking.get_state(db, "machine", "")


def folders(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """The config folders with messages or readings: string id and text."""
    among = "SELECT folder FROM origin UNION SELECT folder FROM reading"
    return db.execute(f"SELECT id, text FROM name WHERE id IN ({among})").fetchall()
