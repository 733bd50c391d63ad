"""Notifications that were sent: each once for its window and threshold, also across restarts."""

from collections.abc import Iterable
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3


class StoredNotification(NamedTuple):
    """A notification that was sent. `cycle` is the reset of its window (epoch ms, 0 where unknown); `is_shown`: it was
    shown, and does not wait for the end of quiet hours; `dismissed_at` epoch ms, None while it is active."""

    id: int
    account: int
    kind: str
    key: str
    threshold: float
    cycle: int
    at: int
    percent: float | None
    text: str
    is_shown: bool
    dismissed_at: int | None


_COLUMNS = "id, account, kind, key, threshold, cycle, at, percent, text, shown, dismissed_at"


def stored_notifications(db: sqlite3.Connection, since: int, account: int | None = None) -> list[StoredNotification]:
    """Notifications since a moment, and those of windows that end later; newest first."""
    where, values = "(at >= ?1 OR cycle >= ?1)", [since]
    if account is not None:
        where, values = f"{where} AND account = ?2", [since, account]
    rows = db.execute(f"SELECT {_COLUMNS} FROM alarm WHERE {where} ORDER BY at DESC, id DESC", values)
    return [StoredNotification._make((*row[:9], bool(row[9]), row[10])) for row in rows]


def keep(
    db: sqlite3.Connection,
    account: int,
    kind: str,
    key: str,
    threshold: float,
    cycle: int,
    at: int,
    percent: float | None,
    text: str,
    *,
    is_shown: bool,
) -> None:
    """Store a notification; a second time changes nothing."""
    db.execute(
        "INSERT OR IGNORE INTO alarm (account, kind, key, threshold, cycle, at, percent, text, shown)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (account, kind, key, threshold, cycle, at, percent, text, is_shown),
    )


def forget(db: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Delete notifications, so that they may be sent again."""
    db.executemany("DELETE FROM alarm WHERE id = ?", [(id,) for id in ids])


def mark_shown(db: sqlite3.Connection, ids: Iterable[int]) -> None:
    db.executemany("UPDATE alarm SET shown = 1 WHERE id = ?", [(id,) for id in ids])


_STANDS = "dismissed_at IS NULL AND (cycle > ?1 OR cycle = 0)"  # its window still runs, or its reset is unknown


def standing(db: sqlite3.Connection, now_ms: int) -> int:
    """Number of notifications that `dismiss` would silence."""
    return int(db.execute(f"SELECT count(*) FROM alarm WHERE {_STANDS}", (now_ms,)).fetchone()[0])


def dismiss(db: sqlite3.Connection, now_ms: int) -> int:
    """Silence the active notifications until their windows reset; returns their number."""
    return db.execute(f"UPDATE alarm SET dismissed_at = ?1 WHERE {_STANDS}", (now_ms,)).rowcount
