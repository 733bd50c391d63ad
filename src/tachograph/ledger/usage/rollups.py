"""Reads the rollups: what messages add up to, by any of their dimensions, in any stretch of quarter hours."""

import time

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Collection, Iterable, Iterator, Mapping, NamedTuple, Sequence
from tachograph.ledger.storage.connection import LedgerConnection, data_version
from tachograph.ledger.usage import ways
from tachograph.ledger.usage.messages import MEASURE_SUMS, QUARTER_MS, UNKNOWN_BUCKET, narrowing
from tachograph.model.usage.periods import Span

# Dimensions that are no column of `rollup`.
EXPRESSIONS = {
    "project": "coalesce((SELECT project FROM place WHERE cwd = rollup.place), rollup.place)",
    "speed": "(tariff & 17)",  # the bits of fast mode and of batches: model/usage/prices.py
    **ways.expressions("rollup", "side"),
}
HOUR_MS = 4 * QUARTER_MS
_LAST = 1 << 60
_REMEMBERED_SECONDS = 30.0
_SPANS_AT_ONCE = 250  # SQLite takes no more than 500 rows of VALUES in one statement
Filters = Mapping[str, Collection[int]]


def sums(
    db: sqlite3.Connection,
    dimensions: Sequence[str],
    spans: Iterable[Span | None],
    filters: Filters,
    changes: Sequence[int],
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Sums in each of the spans: which span it is, and the dimensions, model, tariff, price epoch, the measures (`messages.MEASURES`).

    A span of None: what has no time. The price epoch counts how many of `changes` (moments at which prices change, on
    quarter hours) lie at or before the messages. `filters`: dimension to the ids that are let through.
    """
    narrowed, ids = narrowing(filters, EXPRESSIONS)
    coarse = not {*dimensions, *filters} - {"model", "speed"}

    def select(table: str, unit: str, size: int) -> str:
        epoch = " + ".join(f"({unit} >= {change // size})" for change in changes) or "0"  # at midnight UTC, all of them
        groups = ", ".join((*(EXPRESSIONS.get(one, one) for one in dimensions), "model", "tariff", epoch))
        numbers = ", ".join(str(n + 1) for n in range(len(dimensions) + 4))
        return (  # CROSS JOIN: for each span, its part of the index
            f"SELECT span_no, {groups}, {MEASURE_SUMS} FROM span CROSS JOIN {table} WHERE {unit} >= span_from AND {unit} < span_to{narrowed}"
            f" GROUP BY {numbers}"
        )

    by_quarter, by_hour = select("rollup", "bucket", QUARTER_MS), select("hour", "hour", HOUR_MS)
    for hourly, part in _statements(spans, coarse):
        size = HOUR_MS if hourly else QUARTER_MS
        values = ", ".join(
            f"({place}, {since}, {until})" for place, span in part for since, until in [_units(span, size)]
        )
        sql = f"WITH span (span_no, span_from, span_to) AS (VALUES {values}) {by_hour if hourly else by_quarter}"
        for row in db.execute(sql, ids):
            yield row[0], row[1:]


def _statements(spans: Iterable[Span | None], coarse: bool) -> Iterator[tuple[bool, list[tuple[int, Span | None]]]]:
    """Spans with their places in groups for one statement each, and True where whole hours are exact enough."""
    part: list[tuple[int, Span | None]] = []
    before = False
    for place, span in enumerate(spans):
        hourly = coarse and _is_hourly(span)
        if part and (hourly != before or len(part) == _SPANS_AT_ONCE):
            yield before, part
            part = []
        part.append((place, span))
        before = hourly
    if part:
        yield before, part


def by_bucket(
    db: sqlite3.Connection, span: Span, filters: Filters, changes: Sequence[int], quarters: int
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Sums per 1 or 4 quarter hours: start in epoch milliseconds, and the values of `sums` without dimensions. One query, where `sums` makes one for each span: for questions that ask for every hour."""
    narrowed, ids = narrowing(filters, EXPRESSIONS)
    coarse = quarters == 4 and not set(filters) - {"model"} and _is_hourly(span)
    table, unit, size = ("hour", "hour", HOUR_MS) if coarse else ("rollup", "bucket", QUARTER_MS)
    width = quarters * QUARTER_MS
    epoch = " + ".join(f"({unit} >= {change // size})" for change in changes) or "0"
    sql = (
        f"SELECT {unit} / {width // size}, model, tariff, {epoch}, {MEASURE_SUMS} FROM {table}"
        f" WHERE {unit} >= ? AND {unit} < ?{narrowed} GROUP BY 1, 2, 3, 4"
    )
    for row in db.execute(sql, (*_units(span, size), *ids)):
        yield row[0] * width, row[1:]


def moments(
    db: sqlite3.Connection, dimension: str, span: Span, filters: Filters, quarters: int
) -> Iterator[tuple[int, int]]:
    """Each value of a dimension with the starts (epoch milliseconds) of the stretches of 1 or 4 quarter hours in which it
    was used."""
    narrowed, ids = narrowing(filters, EXPRESSIONS)
    sql = (
        f"SELECT DISTINCT {EXPRESSIONS.get(dimension, dimension)}, bucket / {quarters} FROM rollup"
        f" WHERE bucket >= ? AND bucket < ?{narrowed}"
    )
    for value, number in db.execute(sql, (*_units(span, QUARTER_MS), *ids)):
        yield value, number * quarters * QUARTER_MS


def next_moment(db: sqlite3.Connection, span: Span) -> int | None:
    """The first quarter hour with usage in a span, epoch milliseconds; None without usage."""
    return next(used_stretches(db, span, 1), None)


def used_stretches(db: sqlite3.Connection, span: Span, quarters: int) -> Iterator[int]:
    """Stretches of so many quarter hours that begin with usage and together hold all usage in a span: their starts, epoch
    milliseconds."""
    for (bucket,) in db.execute(_USED, (*_units(span, QUARTER_MS), quarters)):
        yield bucket * QUARTER_MS


_USED = (  # steps from one to the next through the index, in one statement
    "WITH RECURSIVE used (start) AS ("
    "SELECT min(bucket) FROM rollup WHERE bucket >= ?1 AND bucket < ?2 UNION ALL"
    " SELECT (SELECT min(bucket) FROM rollup WHERE bucket >= start + ?3 AND bucket < ?2) FROM used WHERE start NOT NULL"
    ") SELECT start FROM used WHERE start NOT NULL"
)


def present(db: sqlite3.Connection, dimension: str, *, is_fresh: bool = False) -> list[tuple[int, str]]:
    """Every id and text of a dimension of names (model, project, branch) in which something was used.

    Finding them reads all totals, so a connection remembers them: for as long as nothing is written, and for half a
    minute while no message comes about in a new way. `is_fresh`: read them again.
    """
    known = db.names_in_use if isinstance(db, LedgerConnection) else {}
    stamp, origin = (data_version(db), db.total_changes), newest_origin(db)
    names = known.get(dimension)
    if (
        isinstance(names, NamesInUse)
        and not is_fresh
        and (names.stamp == stamp or (names.origin == origin and time.monotonic() < names.until))
    ):
        return names.names
    ids = f"SELECT DISTINCT {dimension} FROM rollup"
    if dimension == "project":
        ids = "SELECT coalesce(project, used.place) FROM (SELECT DISTINCT place FROM rollup) AS used LEFT JOIN place ON cwd = used.place"
    found = db.execute(f"SELECT id, text FROM name WHERE id IN ({ids}) ORDER BY text").fetchall()
    if found:
        known[dimension] = NamesInUse(found, stamp, origin, time.monotonic() + _REMEMBERED_SECONDS)
    return found


def newest_origin(db: sqlite3.Connection) -> int:
    """A number that grows whenever messages come about in a new way: in another folder, on another branch."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM origin").fetchone()[0])


class NamesInUse(NamedTuple):
    """Names of a dimension, with the state of the ledger that they were read in. `until`: monotonic seconds."""

    names: list[tuple[int, str]]
    stamp: tuple[int, int]
    origin: int
    until: float


def _is_hourly(span: Span | None) -> bool:
    """True if a span begins and ends on whole hours UTC; in India and some other places days do not."""
    return span is None or not ((span.start or 0) % HOUR_MS or (span.end or 0) % HOUR_MS)


def _units(span: Span | None, size: int) -> tuple[int, int]:
    """The quarter hours or hours of a span, half open. Every zone of today is whole quarters from UTC: none is split."""
    unknown = UNKNOWN_BUCKET * QUARTER_MS // size
    if span is None:
        return unknown, unknown + 1
    start = unknown + 1 if span.start is None else -(-span.start // size)
    return start, _LAST if span.end is None else -(-span.end // size)
