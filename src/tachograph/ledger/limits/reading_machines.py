"""The machine that a value of a limit came from, where several machines of a person exchange what they know."""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import TRANSCRIPT

_READING = (
    "SELECT name.text FROM reading JOIN name ON name.id = folder WHERE account = ?1 AND source = ?2 AND observed_at <= ?3"
    " ORDER BY ?3 IN (observed_at, last_at, confirmed_at) DESC, last_at DESC LIMIT 1"
)
_REFUSAL = "SELECT name.text FROM refusal JOIN name ON name.id = folder WHERE account = ?1 AND at = ?3 LIMIT 1"


def machine_names(db: sqlite3.Connection) -> dict[str, str]:
    """Names of a person's machines by id, "" for this one; {} while there is only one."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'exchange'").fetchone() is None:
        return {}
    stored = dict(db.execute("SELECT name, value FROM exchange WHERE name IN ('machine', 'machines')").fetchall())
    own = loads(stored.get("machine", '""'))
    names = {str(one["id"]): str(one["name"]) for one in loads(stored.get("machines", "[]"))}
    if len(names) < 2 or own not in names:
        return {}
    return {**names, "": names[own]}


def machine_of_value(db: sqlite3.Connection, names: dict[str, str], account: int, source: str, at: int) -> str:
    """The name of the machine with a value of an account as of a moment; "" if unknown.

    Folders of other machines are stored as `@MACHINE:FOLDER`.
    """
    row = db.execute(_REFUSAL if source == TRANSCRIPT else _READING, (account, source, at)).fetchone()
    if row is None:
        return ""
    return names.get(row[0][1:].partition(":")[0] if row[0].startswith("@") else "", "")
