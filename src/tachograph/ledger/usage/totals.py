"""Derive the totals (`rollup` and `hour`) from the messages in one go, instead of adding up each change.

A first reading writes its messages without totals: they are marked as due (rereading_states.TOTALS) in the transaction
of the first messages, and derived once, in the transaction that ends the pass. Whoever writes messages in between
leaves the totals alone as well. A pass that was cut off leaves the mark, and the next one derives them.
"""

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import rereading_states
from tachograph.ledger.usage.messages import MEASURE_SUMS, MEASURES, QUARTER_MS, UNKNOWN_BUCKET
from tachograph.model.usage.messages import SIDECHAIN
from tachograph.model.usage.prices import TIERS, tariff

USED = "rollup"  # what is asked for the sessions, places and branches in use
USED_WHILE_DUE = (
    "(SELECT session, cwd AS place, branch, pull FROM answer JOIN origin ON origin.id = answer.origin WHERE billed)"
)
_PROMPT = "input + cache_write_5m + cache_write_1h + cache_read"


def are_due(db: sqlite3.Connection) -> bool:
    """True while messages are stored that the totals do not hold."""
    return rereading_states.TOTALS in rereading_states.states(db)


def mark_due(db: sqlite3.Connection) -> None:
    """Leave the totals to the end of a pass, inside a transaction of the caller's."""
    db.execute("INSERT OR IGNORE INTO rereading VALUES (?)", (rereading_states.TOTALS,))


def derive(db: sqlite3.Connection) -> None:
    """Derive the totals from the messages, inside a transaction of the caller's; they are no longer due then."""
    _clear(db)
    db.execute(f"INSERT INTO rollup ({_KEY}, {_MEASURES}) {_by_quarter(db)}")
    db.execute(f"INSERT INTO hour ({_HOUR_KEY}, {_MEASURES}) {_BY_HOUR}")


def write(db: sqlite3.Connection, quarters: list[tuple[int, ...]], hours: list[tuple[int, ...]]) -> None:
    """Write totals that were added up elsewhere: rows of `rollup` and of `hour`. The totals are no longer due then."""
    _clear(db)
    for table, key, rows in (("rollup", _KEY, quarters), ("hour", _HOUR_KEY, hours)):
        values = ", ".join("?" * (key.count(",") + 1 + len(MEASURES)))
        db.executemany(f"INSERT INTO {table} ({key}, {_MEASURES}) VALUES ({values})", rows)


def _clear(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM rollup")
    db.execute("DELETE FROM hour")
    db.execute("DELETE FROM rereading WHERE state = ?", (rereading_states.TOTALS,))


_KEY = "bucket, session, model, tariff, place, branch, account, pull, by_branch, way, side"
_HOUR_KEY = "hour, model, tariff"
_MEASURES = ", ".join(MEASURES)


def _floor_division(value: str, size: int) -> str:
    """Division as Python's //: SQLite's rounds towards 0, and times before 1970 are negative."""
    return f"({value} / {size} - ({value} % {size} < 0))"


_BY_HOUR = f"SELECT {_floor_division('bucket', 4)}, model, tariff, {MEASURE_SUMS} FROM rollup GROUP BY 1, 2, 3"


def _by_quarter(db: sqlite3.Connection) -> str:
    """SQL for the rows of `rollup`. Only few combinations of speed and geography are ever in use, so their tariffs are
    worked out beforehand, by the function that the writer uses."""
    texts = (
        "SELECT DISTINCT speed, geo, a.text, b.text FROM origin JOIN name a ON a.id = speed JOIN name b ON b.id = geo"
    )
    known = [(speed, geo, tariff(a, b, 0)) for speed, geo, a, b in db.execute(texts)]
    cases = " ".join(f"WHEN speed = {speed} AND geo = {geo} THEN {value}" for speed, geo, value in known if value)
    exceeded = " + ".join(f"({_PROMPT} > {tier})" for tier in TIERS)
    rate = f"({f'CASE {cases} ELSE 0 END' if cases else '0'} | (({exceeded}) << 2))"
    counts = ", ".join(f"sum({measure})" for measure in MEASURES[1:7])
    return (
        f"SELECT coalesce({_floor_division('at', QUARTER_MS)}, {UNKNOWN_BUCKET}), session, model, {rate}, cwd, branch,"
        f" account, pull, by_branch, way, flags & {SIDECHAIN} <> 0, count(*), {counts}, count(logged_cost),"
        " coalesce(sum(logged_cost), 0), sum(unfinished), sum(missing_output)"
        " FROM answer JOIN origin ON origin.id = answer.origin WHERE billed GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
    )
