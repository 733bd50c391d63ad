"""Thin out old rows: readings and forecasts are complete for 90 days, then hourly for a year, then daily.

Nothing that is learned or shown for longer is lost: windows, refusals and totals have rows of their own, the highest and
the last reading of each span stay, and the scores of deleted forecasts are kept as sums.
"""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
COMPLETE_MS = 90 * DAY_MS
HOURLY_MS = 365 * DAY_MS


class Thinned(NamedTuple):
    """Numbers of deleted rows."""

    readings: int
    forecasts: int


def thin(db: sqlite3.Connection, now_ms: int) -> Thinned:
    """Thin out old rows, inside a transaction of the caller's."""
    deleted_readings = deleted_forecasts = 0
    for age_ms, span_ms in ((COMPLETE_MS, HOUR_MS), (HOURLY_MS, DAY_MS)):
        before = (now_ms - age_ms) // span_ms * span_ms  # whole spans only, so that a span is thinned once
        deleted_readings += _thin_readings(db, before, span_ms)
        deleted_forecasts += _thin_forecasts(db, before, span_ms)
    return Thinned(deleted_readings, deleted_forecasts)


def _thin_readings(db: sqlite3.Connection, before: int, span_ms: int) -> int:
    """Delete readings from before a moment, except the last one of each source and
    account in a span of time, the ones with the highest value of each limit in it, and the newest of all; returns
    their number."""
    span = f"account, source, confirmed_at / {span_ms}"
    deleted = db.execute(
        "DELETE FROM reading WHERE confirmed_at < ?1 AND last_at < ?1 AND id NOT IN ("
        f"SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY {span} ORDER BY confirmed_at DESC, id DESC) AS place"
        " FROM reading WHERE confirmed_at < ?1) WHERE place = 1"
        " UNION ALL SELECT reading FROM (SELECT level.reading, row_number() OVER ("
        f"PARTITION BY {span}, level.key ORDER BY level.percent DESC, confirmed_at DESC, id DESC) AS place"
        " FROM level JOIN reading ON reading.id = level.reading WHERE confirmed_at < ?1) WHERE place = 1"
        " UNION ALL SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY account, source, folder"
        " ORDER BY last_at DESC, id DESC) AS place FROM reading) WHERE place = 1)",
        (before,),
    ).rowcount
    if deleted:
        db.execute("DELETE FROM level_value WHERE reading NOT IN (SELECT id FROM reading)")
    return int(deleted)


def _thin_forecasts(db: sqlite3.Connection, before: int, span_ms: int) -> int:
    """Delete scored forecasts from before a moment, except the first one of each window in a span of time; their scores
    are added to the day's. Returns their number."""
    old = (
        "SELECT account, key, at, cycle FROM (SELECT account, key, at, cycle, row_number() OVER ("
        f"PARTITION BY account, key, cycle, hit, at / {span_ms} ORDER BY at) AS place FROM forecast"
        " WHERE at < ? AND scored_at IS NOT NULL) WHERE place > 1"
    )
    db.execute(
        f"WITH old AS MATERIALIZED ({old}) INSERT INTO score SELECT account, key, at / {DAY_MS},"
        " min(9, CAST(chance * 10 AS INTEGER)), count(*), sum(chance), sum(hit),"
        " sum((chance - hit) * (chance - hit)), min(at) FROM old JOIN forecast USING (account, key, at, cycle)"
        " WHERE hit IS NOT NULL GROUP BY 1, 2, 3, 4"
        " ON CONFLICT DO UPDATE SET forecasts = forecasts + excluded.forecasts, chances = chances + excluded.chances,"
        " hits = hits + excluded.hits, squares = squares + excluded.squares, first_at = min(first_at, excluded.first_at)",
        (before,),
    )
    return db.execute(f"DELETE FROM forecast WHERE (account, key, at, cycle) IN ({old})", (before,)).rowcount
