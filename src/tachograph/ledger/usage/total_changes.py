"""Changes of the totals by changed messages: collected by the keys of `rollup`, and written in one go."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.usage.message_attributes import MessageAttributes
from tachograph.ledger.usage.messages import MEASURES, QUARTER_MS, UNKNOWN_BUCKET
from tachograph.model.usage.messages import SIDECHAIN
from tachograph.model.usage.prices import TIERS, tariff

if TYPE_CHECKING:
    from typing import Any


_ADD = "ON CONFLICT DO UPDATE SET " + ", ".join(f"{m} = {m} + excluded.{m}" for m in MEASURES)
_ROLLUP_KEY = ("bucket", "session", "model", "tariff", "place", "branch", "account", "pull", "by_branch", "way", "side")
_HOUR_KEY = ("hour", "model", "tariff")
_ZEROS = [0] * len(MEASURES)


class TotalChanges:
    """Sums to be added to the rows of `rollup`, and to those of `hour` that follow from them."""

    __slots__ = ("_origins", "_sums")

    def __init__(self, origins: MessageAttributes) -> None:
        self._origins = origins
        self._sums: dict[tuple[int, ...], list[int]] = {}

    def add(self, row: tuple[Any, ...], sign: int) -> None:
        """Add what a row of `answer` adds up to, or take it away (-1)."""
        (
            _, _, at, a, b, c, d, e, f, logged, _, origin_id, _, session, flags, _, account, pull, billed,
            _, _, _, _, _, _, by_branch, unfinished, missing, way, _,
        ) = row  # fmt: skip
        if not billed:
            return
        origin = self._origins.at(origin_id)
        prompt = a + c + d + e
        rate = origin.tariff if prompt <= TIERS[0] else tariff(origin.texts[1], origin.texts[2], prompt)
        bucket = UNKNOWN_BUCKET if at is None else at // QUARTER_MS
        side = 1 if flags & SIDECHAIN else 0
        key = (bucket, session, origin.model, rate, origin.cwd, origin.branch, account, pull, by_branch, way, side)
        into = self._sums.get(key)
        if into is None:
            into = self._sums[key] = _ZEROS[:]
        into[0] += sign
        into[1] += sign * a
        into[2] += sign * b
        into[3] += sign * c
        into[4] += sign * d
        into[5] += sign * e
        into[6] += sign * f
        if logged is not None:
            into[7] += sign
            into[8] += sign * logged
        if unfinished:
            into[9] += sign
            into[10] += sign * missing

    def write(self, db: sqlite3.Connection) -> None:
        """Add to the tables, inside a transaction of the caller's."""
        hours: dict[tuple[int, ...], list[int]] = {}
        for key, values in self._sums.items():
            into = hours.setdefault((key[0] // 4, key[2], key[3]), _ZEROS[:])
            into[:] = map(int.__add__, into, values)
        _write(db, "rollup", _ROLLUP_KEY, self._sums)
        _write(db, "hour", _HOUR_KEY, hours)
        self._sums = {}


def _write(
    db: sqlite3.Connection, table: str, key_columns: tuple[str, ...], sums: dict[tuple[int, ...], list[int]]
) -> None:
    """Add to the sums in a table; rows without a message go."""
    if not sums:
        return
    marks = ",".join("?" * (len(key_columns) + len(MEASURES)))
    changes = [(*key, *values) for key, values in sums.items() if any(values)]
    db.executemany(f"INSERT INTO {table} VALUES ({marks}) {_ADD}", changes)
    where = " AND ".join(f"{column} = ?" for column in key_columns)
    lessened = [key for key, values in sums.items() if values[0] < 0]
    db.executemany(f"DELETE FROM {table} WHERE {where} AND messages = 0", lessened)
