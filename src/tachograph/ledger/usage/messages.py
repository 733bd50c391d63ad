"""Rows of messages, and sums over them that are exact to the millisecond."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Collection, Iterable, Iterator, Mapping, NamedTuple, Sequence
from tachograph.ledger.usage import ways
from tachograph.model.usage.messages import NO_TIME, SIDECHAIN
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import TIERS

UNKNOWN_BUCKET = -1_000_000_000
QUARTER_MS = 900_000


class Row(NamedTuple):
    """A row of `answer`, in the order of its columns."""

    id: int
    identity: int
    at: int | None
    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    web_searches: int
    logged_cost: int | None
    chosen_at: int | None
    origin: int
    request: str
    session: int
    flags: int
    shared: int
    account: int
    pull: int
    billed: int
    last_at: int | None
    stop_at: int | None
    mark: int
    blocks: bytes | None
    several_folders: int
    presumed: int
    by_branch: int
    unfinished: int
    missing_output: int
    way: int  # in full: with what follows from its origin and session
    own_way: int  # as its copies name it


SELECT = f"SELECT {', '.join(Row._fields)} FROM answer"
MEASURES = (
    "messages",
    *Row._fields[3:9],
    "logged_messages",
    "logged_cost",
    "unfinished",
    "missing_output",
)
MEASURE_SUMS = ", ".join(f"sum({measure})" for measure in MEASURES)

# Dimensions that are no column: of `message`, and of `rollup`.
_IS_FAST = "(speed IN (SELECT id FROM name WHERE text = 'fast'))"
_IS_BATCH = "(speed IN (SELECT id FROM name WHERE text = 'batch'))"
EXPRESSIONS = {
    "speed": f"({_IS_FAST} | ({_IS_BATCH} << 4))",
    "side": f"(flags & {SIDECHAIN} <> 0)",
    **ways.expressions("message", f"flags & {SIDECHAIN}"),
}


def is_empty(db: sqlite3.Connection) -> bool:
    """Test for a ledger without a message."""
    return db.execute("SELECT 1 FROM answer LIMIT 1").fetchone() is None


def next_at(db: sqlite3.Connection, at: int | None) -> int | None:
    """The time of the first message at or after a moment (None: of the first at all), epoch milliseconds."""
    since = -NO_TIME if at is None else at
    found = db.execute("SELECT at FROM answer WHERE at >= ? ORDER BY at LIMIT 1", (since,)).fetchone()
    return None if found is None else int(found[0])


def sums(
    db: sqlite3.Connection,
    dimensions: Sequence[str],
    spans: Iterable[Span | None],
    filters: Mapping[str, Collection[int]],
    changes: Sequence[int],
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The same sums as `rollups.sums`, exact to the millisecond: from the messages, where quarter hours are too coarse."""
    tariff_sql, epoch = price_keys(changes)
    groups = ", ".join((*(EXPRESSIONS.get(one, one) for one in dimensions), "model", tariff_sql, epoch))
    numbers = ", ".join(str(n + 1) for n in range(len(dimensions) + 3))
    counts = ", ".join(f"sum({column})" for column in Row._fields[3:9])
    measures = (
        f"count(*), {counts}, count(logged_cost), coalesce(sum(logged_cost), 0), sum(unfinished), sum(missing_output)"
    )
    narrowed, ids = narrowing(filters)
    for place, span in enumerate(spans):
        when, bounds = "at IS NULL", tuple[int, ...]()
        if span is not None:
            when = "at >= ? AND at < ?"
            bounds = (-NO_TIME if span.start is None else span.start, NO_TIME if span.end is None else span.end)
        sql = f"SELECT {groups}, {measures} FROM message WHERE billed AND {when}{narrowed} GROUP BY {numbers}"
        for row in db.execute(sql, (*bounds, *ids)):
            yield place, row


def price_keys(changes: Sequence[int]) -> tuple[str, str]:
    """SQL for what decides a message's price besides its model: tariff, and number of price changes before it."""
    exceeded = " + ".join(f"(input + cache_write_5m + cache_write_1h + cache_read > {tier})" for tier in TIERS)
    tariff_sql = (
        f"{_IS_FAST} | ({_IS_BATCH} << 4)"
        f" | ((geo IN (SELECT id FROM name WHERE text = 'us')) << 1) | (({exceeded}) << 2)"
    )
    return tariff_sql, " + ".join(f"(at >= {change})" for change in changes) or "0"


def narrowing(
    filters: Mapping[str, Collection[int]], expressions: Mapping[str, str] = EXPRESSIONS
) -> tuple[str, list[int]]:
    """The SQL that lets through what the filters do (dimension: ids), to follow a condition; and its values."""
    clauses = [
        f" AND {expressions.get(dimension, dimension)} IN ({', '.join('?' * len(ids))})"
        for dimension, ids in filters.items()
    ]
    return "".join(clauses), [id for ids in filters.values() for id in sorted(ids)]
