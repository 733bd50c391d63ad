"""Keeps every forecast, and what became of it."""

import sqlite3
from typing import NamedTuple

from tachograph.model.limits.limits import FIVE_HOUR, same_reset

_MINUTE = 60_000
# A reading so long before the reset still says how a window ended (a source at rest is asked every half hour) …
_CLOSE = {FIVE_HOUR: 40 * _MINUTE}
_CLOSE_WEEK = 6 * 60 * _MINUTE
# … and so long it takes at least to use all of one: what was lower than the rest of the time allows was not reached.
_FASTEST = {FIVE_HOUR: 30 * _MINUTE}
_FASTEST_WEEK = 24 * 60 * _MINUTE


class Kept(NamedTuple):
    """A forecast: the chance that a limit is reached before `cycle` (its reset). Moments in epoch ms, `p10` to `p90` in
    minutes from `at`. `hit` None: its window is not over, or nobody looked at its end."""

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


class Tenth(NamedTuple):
    """Forecasts whose chance lies in the same tenth (0 to 9), of which it is known what became of them. `chances` and
    `squares`: the sums of their chances, and of the squares by which those were off."""

    tenth: int
    forecasts: int
    chances: float
    hits: int
    squares: float
    first_at: int


def tenths(db: sqlite3.Connection, account: int | None, key: str | None, since: int) -> tuple[list[Tenth], int]:
    """What became of forecasts, by tenths of the chance; and about how many windows they were."""
    what = " FROM forecast WHERE hit IS NOT NULL AND at >= ?1 AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR key = ?3)"
    sums = (
        "SELECT min(9, CAST(chance * 10 AS INTEGER)), count(*), sum(chance), sum(hit), sum((chance - hit) * (chance - hit)),"
        f" min(at){what} GROUP BY 1 ORDER BY 1"
    )
    windows = f"SELECT count(*) FROM (SELECT DISTINCT account, key, (cycle + 300000) / 600000{what})"
    asked = (since, account, key)
    return list(map(Tenth._make, db.execute(sums, asked))), int(db.execute(windows, asked).fetchone()[0])


def is_any_over(db: sqlite3.Connection, now: int) -> bool:
    """Whether there is a forecast to score."""
    return (
        db.execute("SELECT 1 FROM forecast WHERE scored_at IS NULL AND cycle < ? LIMIT 1", (now - _MINUTE,)).fetchone()
        is not None
    )


def score(db: sqlite3.Connection, now: int) -> int:
    """Note what became of forecasts whose windows are over, inside a transaction of the caller's; how many they were.

    Of a window that nobody looked at near its end nobody knows whether it was reached: `hit` stays null.
    """
    sql = "SELECT DISTINCT account, key, cycle FROM forecast WHERE scored_at IS NULL AND cycle < ?"
    done = 0
    for account, key, cycle in db.execute(sql, (now - _MINUTE,)).fetchall():
        windows = db.execute(
            "SELECT resets_at, peak, wall_at, at FROM window WHERE account = ? AND key = ? AND resets_at BETWEEN ? AND ?",
            (account, key, cycle - 10 * _MINUTE, cycle + 10 * _MINUTE),
        ).fetchall()
        hit = _came_true(key, cycle, [tuple(row[1:]) for row in windows if same_reset(row[0], cycle)])
        done += db.execute(
            "UPDATE forecast SET hit = ?, scored_at = ? WHERE account = ? AND key = ? AND cycle = ?"
            " AND scored_at IS NULL",
            (hit, now, account, key, cycle),
        ).rowcount
    return done


def _came_true(key: str, cycle: int, said: list[tuple[float | None, int | None, int]]) -> bool | None:
    """Whether a limit was reached before its reset, by what was said of the window (the most it reached, when it was
    refused, when it was read last); None where nobody knows."""
    if any((peak or 0) >= 99.5 or refused_at is not None for peak, refused_at, _ in said):
        return True
    known = [(at, peak) for peak, _, at in said if peak is not None]
    if not known:
        return None
    unseen = cycle - max(at for at, _ in known)
    most = max(peak for _, peak in known) + 100 * unseen / _FASTEST.get(key, _FASTEST_WEEK)
    return False if unseen <= _CLOSE.get(key, _CLOSE_WEEK) or most < 99.5 else None


def _kept(row: tuple[object, ...]) -> Kept:
    return Kept._make((*row[:11], None if row[11] is None else bool(row[11])))
