"""What a person switched by a command, and when: consent to sources, alarms on or off, the style of a title."""

import sqlite3

CONSENT = "source:"  # followed by a source of model.limits; "on" once somebody said yes to it


def get_preference(db: sqlite3.Connection, name: str, default: str = "") -> str:
    """What was chosen; the default where nobody chose."""
    row = db.execute("SELECT value FROM choice WHERE name = ?", (name,)).fetchone()
    return default if row is None else str(row[0])


def preference_changed_at(db: sqlite3.Connection, name: str) -> int | None:
    """When it was chosen, epoch milliseconds; None where nobody chose."""
    row = db.execute("SELECT at FROM choice WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])


def set_preference(db: sqlite3.Connection, name: str, value: str, now_ms: int) -> None:
    """Keep a choice, inside a transaction of the caller's."""
    sql = "INSERT INTO choice VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at"
    db.execute(sql, (name, value, now_ms))


def has_consent(db: sqlite3.Connection, source: str) -> bool:
    """Whether a person said yes to a source that is asked only then."""
    return get_preference(db, CONSENT + source) == "on"
