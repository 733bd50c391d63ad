"""Store forecasts and their outcomes."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.model.limits.limits import FIVE_HOUR, same_reset

_MINUTE = 60_000
# A reading this long before the reset still tells how a window ended (a source at rest is asked every half hour) …
_CLOSE = {FIVE_HOUR: 40 * _MINUTE}
_CLOSE_WEEK = 6 * 60 * _MINUTE
# … and this long it takes at least to use all of one: a limit that was lower than the rest of the time allows was not
# reached.
_FASTEST = {FIVE_HOUR: 30 * _MINUTE}
_FASTEST_WEEK = 24 * 60 * _MINUTE


class StoredForecast(NamedTuple):
    """The chance that a limit is reached before `cycle` (its reset). Moments in epoch ms, `p10` to `p90` in minutes from
    `at`. `hit` stays unknown while the window is not over, and if its end was not read."""

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


def store(db: sqlite3.Connection, made: StoredForecast) -> None:
    """Store a forecast, inside a transaction of the caller's."""
    db.execute(
        f"INSERT OR IGNORE INTO forecast ({_COLUMNS}) VALUES ({', '.join('?' * 11)})",
        (*made[:7], *map(_minutes, made[7:10]), made.version),
    )


def has_any(db: sqlite3.Connection, account: int) -> bool:
    """True if a forecast of an account is stored, or was."""
    sql = "SELECT 1 FROM forecast WHERE account = ?1 UNION ALL SELECT 1 FROM score WHERE account = ?1 LIMIT 1"
    return db.execute(sql, (account,)).fetchone() is not None


def newest(db: sqlite3.Connection, account: int, since: int) -> dict[str, StoredForecast]:
    """The newest forecast of each limit of an account since a moment (epoch ms)."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, hit FROM forecast WHERE account = ? AND at >= ? ORDER BY at", (account, since)
    )
    return {one.key: one for one in map(_forecast, rows)}


def outcomes(
    db: sqlite3.Connection, account: int | None, key: str | None, since: int, version: int | None = None
) -> list[StoredForecast]:
    """Forecasts with a known outcome, oldest first."""
    sql = (
        f"SELECT {_COLUMNS}, hit FROM forecast WHERE hit IS NOT NULL AND at >= ?1 AND (?2 IS NULL OR account = ?2)"
        " AND (?3 IS NULL OR key = ?3) AND (?4 IS NULL OR version = ?4) ORDER BY at"
    )
    return [_forecast(row) for row in db.execute(sql, (since, account, key, version))]


class Tenth(NamedTuple):
    """Forecasts of one tenth of the chance (0 to 9) with a known outcome. `chances`: the sum of their chances, `squares` of
    their squared errors."""

    tenth: int
    forecasts: int
    chances: float
    hits: int
    squares: float
    first_at: int


def tenths(db: sqlite3.Connection, account: int | None, key: str | None, since: int) -> tuple[list[Tenth], int]:
    """Results of forecasts by tenths of the chance, with those of deleted ones, and the number of their windows."""
    scored = " WHERE hit IS NOT NULL AND at >= ?1 AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR key = ?3)"
    sums = (
        "SELECT tenth, sum(forecasts), sum(chances), sum(hits), sum(squares), min(first_at) FROM ("
        "SELECT min(9, CAST(chance * 10 AS INTEGER)) AS tenth, 1 AS forecasts, chance AS chances, hit AS hits,"
        f" (chance - hit) * (chance - hit) AS squares, at AS first_at FROM forecast{scored}"
        " UNION ALL SELECT tenth, forecasts, chances, hits, squares, first_at FROM score"
        " WHERE first_at >= ?1 AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR key = ?3)"
        ") GROUP BY tenth ORDER BY tenth"
    )
    windows = f"SELECT count(*) FROM (SELECT DISTINCT account, key, (cycle + 300000) / 600000 FROM forecast{scored})"
    asked = (since, account, key)
    return list(map(Tenth._make, db.execute(sums, asked))), int(db.execute(windows, asked).fetchone()[0])


class WindowTenth(NamedTuple):
    """The forecasts of one window in one tenth of the chance, with sums as in `Tenth`."""

    account: int
    key: str
    cycle: int
    tenth: int
    forecasts: int
    chances: float
    hits: int
    squares: float


def by_window(db: sqlite3.Connection, account: int | None, key: str | None, since: int) -> list[WindowTenth]:
    """Outcomes of forecasts by limit, window and tenth of the chance."""
    sql = (
        "SELECT account, key, (cycle + 300000) / 600000, min(9, CAST(chance * 10 AS INTEGER)), count(*), sum(chance), sum(hit),"
        " sum((chance - hit) * (chance - hit)) FROM forecast WHERE hit IS NOT NULL AND at >= ?1"
        " AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR key = ?3) GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 4"
    )
    return list(map(WindowTenth._make, db.execute(sql, (since, account, key))))


def is_any_over(db: sqlite3.Connection, now: int) -> bool:
    """True if there is a forecast to score."""
    return (
        db.execute("SELECT 1 FROM forecast WHERE scored_at IS NULL AND cycle < ? LIMIT 1", (now - _MINUTE,)).fetchone()
        is not None
    )


def score(db: sqlite3.Connection, now: int) -> int:
    """Store the outcomes of forecasts of windows that are over, inside a transaction of the caller's; return their number.

    The outcome of a window without a reading near its end is unknown: `hit` stays null.
    """
    sql = "SELECT DISTINCT account, key, cycle FROM forecast WHERE scored_at IS NULL AND cycle < ?"
    done = 0
    for account, key, cycle in db.execute(sql, (now - _MINUTE,)).fetchall():
        windows = db.execute(
            "SELECT resets_at, peak, wall_at, at FROM window WHERE account = ? AND key = ? AND resets_at BETWEEN ? AND ?",
            (account, key, cycle - 10 * _MINUTE, cycle + 10 * _MINUTE),
        ).fetchall()
        hit = outcome(key, cycle, [tuple(row[1:]) for row in windows if same_reset(row[0], cycle)])
        done += db.execute(
            "UPDATE forecast SET hit = ?, scored_at = ? WHERE account = ? AND key = ? AND cycle = ?"
            " AND scored_at IS NULL",
            (hit, now, account, key, cycle),
        ).rowcount
    return done


def outcome(key: str, cycle: int, rows: list[tuple[float | None, int | None, int]]) -> bool | None:
    """Was a limit reached before its reset? By rows of the window (its highest percentage, when it was refused, when it was
    read last); None if unknown."""
    if any((peak or 0) >= 99.5 or refused_at is not None for peak, refused_at, _ in rows):
        return True
    known = [(at, peak) for peak, _, at in rows if peak is not None]
    if not known:
        return None
    unseen = cycle - max(at for at, _ in known)
    most = max(peak for _, peak in known) + 100 * unseen / _FASTEST.get(key, _FASTEST_WEEK)
    return False if unseen <= _CLOSE.get(key, _CLOSE_WEEK) or most < 99.5 else None


def _minutes(value: float | None) -> int | None:
    return None if value is None else round(value)


def _forecast(row: tuple[object, ...]) -> StoredForecast:
    return StoredForecast._make((*row[:11], None if row[11] is None else bool(row[11])))
