"""Stored preferences of a person, and when they changed: consent to sources, notifications on or off, a title's style."""

from tachograph.lean_sqlite import sqlite3

CONSENT = "source:"  # followed by a source of model.limits; "on" once a person consented


def get_preference(db: sqlite3.Connection, name: str, default: str = "") -> str:
    """Value of a preference; the default if it was never set."""
    row = db.execute("SELECT value FROM choice WHERE name = ?", (name,)).fetchone()
    return default if row is None else str(row[0])


def preference_changed_at(db: sqlite3.Connection, name: str) -> int | None:
    """Time of its last change, epoch milliseconds; None if it was never set."""
    row = db.execute("SELECT at FROM choice WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])


def set_preference(db: sqlite3.Connection, name: str, value: str, now_ms: int) -> None:
    """Store a preference, inside a transaction of the caller's."""
    sql = "INSERT INTO choice VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at"
    db.execute(sql, (name, value, now_ms))


def has_consent(db: sqlite3.Connection, source: str) -> bool:
    """True if a person consented to a source that requires it."""
    return get_preference(db, CONSENT + source) == "on"
