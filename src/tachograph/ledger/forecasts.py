"""Keeps every forecast, and what became of it."""

import sqlite3
from typing import NamedTuple

from tachograph.model.limits import same_reset


class Kept(NamedTuple):
    """A forecast: the chance that a limit is reached before `cycle` (its reset). Moments in epoch ms, `p10` to `p90` in
    minutes from `at`. `hit` None: its window is not over."""

    account: int
    key: str
    cycle: int
    at: int
    percent: float
    chance: float
    prior: float
    p10: float | None
    p50: float | None
    p90: float | None
    version: int
    hit: bool | None = None


_COLUMNS = "account, key, cycle, at, percent, chance, prior, p10, p50, p90, version"


def keep(db: sqlite3.Connection, made: Kept) -> None:
    """Keep a forecast, inside a transaction of the caller's."""
    db.execute(f"INSERT OR IGNORE INTO forecast ({_COLUMNS}) VALUES ({', '.join('?' * 11)})", made[:11])


def newest(db: sqlite3.Connection, account: int, since: int) -> dict[str, Kept]:
    """By limit the newest forecast of an account, if it was made since a moment."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, hit FROM forecast WHERE account = ? AND at >= ? ORDER BY at", (account, since)
    )
    return {kept.key: kept for kept in map(_kept, rows)}


def scored(
    db: sqlite3.Connection, account: int | None, key: str | None, since: int, version: int | None = None
) -> list[Kept]:
    """Forecasts of which it is known what became of them, oldest first."""
    sql = (
        f"SELECT {_COLUMNS}, hit FROM forecast WHERE hit IS NOT NULL AND at >= ?1 AND (?2 IS NULL OR account = ?2)"
        " AND (?3 IS NULL OR key = ?3) AND (?4 IS NULL OR version = ?4) ORDER BY at"
    )
    return [_kept(row) for row in db.execute(sql, (since, account, key, version))]


def is_any_over(db: sqlite3.Connection, now: int) -> bool:
    """Whether there is a forecast to score."""
    return (
        db.execute("SELECT 1 FROM forecast WHERE hit IS NULL AND cycle < ? LIMIT 1", (now - 60_000,)).fetchone()
        is not None
    )


def score(db: sqlite3.Connection, now: int) -> int:
    """Note what became of forecasts whose windows are over, inside a transaction of the caller's; how many they were.

    Of a window that nobody read in its last part nobody knows whether it was reached: what was read is what counts.
    """
    sql = "SELECT DISTINCT account, key, cycle FROM forecast WHERE hit IS NULL AND cycle < ?"
    done = 0
    for account, key, cycle in db.execute(sql, (now - 60_000,)).fetchall():
        windows = db.execute(
            "SELECT resets_at, peak, wall_at FROM window WHERE account = ? AND key = ? AND resets_at BETWEEN ? AND ?",
            (account, key, cycle - 600_000, cycle + 600_000),
        ).fetchall()
        hit = any(
            same_reset(resets_at, cycle) and ((peak or 0) >= 99.5 or wall_at is not None)
            for resets_at, peak, wall_at in windows
        )
        done += db.execute(
            "UPDATE forecast SET hit = ?, scored_at = ? WHERE account = ? AND key = ? AND cycle = ? AND hit IS NULL",
            (hit, now, account, key, cycle),
        ).rowcount
    return done


def _kept(row: tuple[object, ...]) -> Kept:
    return Kept._make((*row[:11], None if row[11] is None else bool(row[11])))
