"""Reads what is kept of limits for looking back: past windows, and how often each source was heard."""

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from tachograph.model.limits.limits import OK


class OwnedWindow(NamedTuple):
    """A window with its account, as Window has it. `full_at`: when it was first read at 100 percent or more."""

    account: int
    id: int
    key: str
    label: str
    group: str
    resets_at: int | None
    source: str
    peak: float | None
    first_at: int
    wall_at: int | None
    full_at: int | None


def all_windows(
    db: sqlite3.Connection, key: str | None = None, account: int | None = None, since: int | None = None
) -> list[OwnedWindow]:
    """Every window with a known reset, but of forgotten accounts: of one limit, of one account, of those that had not reset
    at a moment; oldest first."""
    sql = (
        "SELECT w.account, w.id, w.key, w.label, w.part, w.resets_at, w.source, w.peak, w.first_at, w.wall_at,"
        " CASE WHEN w.peak >= 100 THEN (SELECT min(r.observed_at) FROM reading r JOIN level l ON l.reading = r.id"
        " WHERE r.account = w.account AND l.key = w.key AND l.percent >= 100"
        " AND r.observed_at BETWEEN w.first_at AND w.resets_at) END"
        " FROM window w JOIN account ON account.id = w.account"
        " WHERE hidden_at IS NULL AND resets_at IS NOT NULL AND (?1 IS NULL OR key = ?1) AND (?2 IS NULL OR account = ?2)"
        " AND (?3 IS NULL OR resets_at > ?3)"
        " ORDER BY resets_at, w.id"
    )
    return [OwnedWindow._make(row) for row in db.execute(sql, (key, account, since))]


def heard(db: sqlite3.Connection, since: int) -> dict[str, tuple[int | None, int | None, str | None, str | None, int]]:
    """By source: its last good reading, the last of all with outcome and first problem, and how often since a moment."""
    made: dict[str, tuple[int | None, int | None, str | None, str | None, int]] = {}
    counts = dict(db.execute("SELECT source, sum(times) FROM reading WHERE last_at >= ? GROUP BY source", (since,)))
    good = dict(db.execute("SELECT source, max(last_at) FROM reading WHERE outcome = 'ok' GROUP BY source"))
    last = db.execute("SELECT source, max(last_at), outcome, problems FROM reading GROUP BY source")
    for source, at, outcome, problems in last:
        first = json.loads(problems)[0] if problems else None
        made[source] = (good.get(source), at, outcome, first, int(counts.get(source, 0)))
    wall = db.execute("SELECT max(wall_at) FROM window").fetchone()[0]
    if wall is not None:
        made["transcript"] = (wall, wall, OK, None, int(wall >= since))
    return made


class Level(NamedTuple):
    """What a source said of one limit at a moment (epoch ms)."""

    key: str
    at: int
    percent: float
    resets_at: int | None
    source: str


def levels(db: sqlite3.Connection, account: int, since: int, keys: Sequence[str]) -> list[Level]:
    """What was said of an account's limits since a moment, oldest first. A reading that was repeated without a change
    is there twice: when it was first and when it was last said."""
    marks = ", ".join("?" * len(keys))
    sql = (
        "SELECT l.key, r.observed_at, r.last_at, l.percent, l.resets_at, r.source FROM reading r"
        " JOIN level l ON l.reading = r.id WHERE r.account = ? AND r.last_at >= ? AND r.outcome = 'ok'"
        f" AND l.percent IS NOT NULL AND l.key IN ({marks})"
    )
    made = []
    for key, first, last, percent, resets_at, source in db.execute(sql, (account, since, *keys)):
        made.append(Level(key, first, percent, resets_at, source))
        if last > first:
            made.append(Level(key, last, percent, resets_at, source))
    return sorted(made, key=lambda level: (level.at, level.key))
