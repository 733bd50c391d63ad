"""Readings with impossible times: find those that lie in the future, and put them right.

Whoever wrote them had a wrong clock, this computer or the program that the values come from.
"""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.limits import windows
from tachograph.ledger.limits.windows import FROM_ANY_SOURCE
from tachograph.model.limits.limits import CLOCK, OK
from tachograph.model.limits.window_state import CLOCK_MS

_RECENT_MS = 8 * 86_400_000


def repair_clock(db: sqlite3.Connection, now_ms: int) -> int:
    """Put right the times that lie in the future, inside a transaction of the caller's; returns the number of readings.

    Whoever wrote them had a wrong clock. Values of an unknown time prove nothing, so they get outcome CLOCK.
    """
    limit = now_ms + CLOCK_MS
    rows = db.execute(
        "SELECT id, account, observed_at, confirmed_at FROM reading WHERE account IN (SELECT id FROM account)"
        f" AND {FROM_ANY_SOURCE} AND last_at > ?",
        (limit,),
    ).fetchall()
    touched: dict[int, list[int]] = {}
    for id, account, observed_at, confirmed_at in rows:
        if observed_at > limit:
            import json  # seldom

            db.execute(
                "UPDATE reading SET observed_at = ?1, confirmed_at = ?1, last_at = ?1, outcome = ?2, problems = ?3"
                " WHERE id = ?4",
                (now_ms - 1, CLOCK, json.dumps([f"{(observed_at - now_ms) // 60_000}"]), id),
            )
        else:
            at = observed_at if confirmed_at > limit else confirmed_at
            db.execute("UPDATE reading SET confirmed_at = ?1, last_at = ?1 WHERE id = ?2", (at, id))
        if confirmed_at > limit:
            touched.setdefault(account, []).append(id)
    for account, ids in touched.items():
        windows.rebuild_touched(db, account, ids)
    return len(rows)


def is_ahead(db: sqlite3.Connection, account: int, at: int, now_ms: int) -> bool:
    """Does a value of a moment in the future come beside others of an account, so that it proves nothing?"""
    if at <= now_ms + CLOCK_MS:
        return False
    sql = f"SELECT 1 FROM reading WHERE account = ? AND {FROM_ANY_SOURCE} AND last_at BETWEEN ? AND ? AND outcome = ? LIMIT 1"
    values = (account, now_ms - _RECENT_MS, now_ms + CLOCK_MS, OK)
    return db.execute(sql, values).fetchone() is not None


def was_ahead(db: sqlite3.Connection, source: str, at: int) -> bool:
    """Did a source name this moment when it still lay in the future? Its coming makes the values no truer."""
    sql = (
        "SELECT 1 FROM reading WHERE account IN (SELECT id FROM account) AND source = ? AND outcome = ?"
        " AND abs(last_at + 60000 * CAST(json_extract(problems, '$[0]') AS INTEGER) - ?) < 120000"
    )
    return db.execute(sql, (source, CLOCK, at)).fetchone() is not None


class ClockTrouble(NamedTuple):
    """A source with a reading from the future: by how many minutes, and was it put right by a later reading?"""

    source: str
    minutes: int
    is_repaired: bool


def clock_troubles(db: sqlite3.Connection, now_ms: int, since: int) -> list[ClockTrouble]:
    """Readings that lie in the future, and those since a moment that did when they were written."""
    limit = now_ms + CLOCK_MS
    sql = (
        "SELECT source, max(observed_at) FROM reading WHERE account IN (SELECT id FROM account)"
        f" AND {FROM_ANY_SOURCE} AND last_at > ?1 AND observed_at > ?1 GROUP BY source"
    )
    found = [ClockTrouble(source, (at - now_ms) // 60_000, False) for source, at in db.execute(sql, (limit,))]
    sql = (
        "SELECT source, max(CAST(json_extract(problems, '$[0]') AS INTEGER)) FROM reading"
        f" WHERE account IN (SELECT id FROM account) AND {FROM_ANY_SOURCE} AND last_at BETWEEN ? AND ? AND outcome = ?"
        " GROUP BY source"
    )
    found += [ClockTrouble(source, minutes, True) for source, minutes in db.execute(sql, (since, limit, CLOCK))]
    return found
