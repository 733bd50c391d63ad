"""Reads the rollups: what messages add up to, by any of their dimensions, in any stretch of quarter hours."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence

from tachograph.ledger.messages import QUARTER_MS, UNKNOWN_BUCKET
from tachograph.model.periods import Span

DIMENSIONS = ("session", "model", "project", "branch", "account", "pull")
Filters = Mapping[str, Collection[int]]

_SUMS = (
    "sum(messages), sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h), sum(cache_read),"
    " sum(web_searches), sum(logged_messages), sum(logged_cost)"
)


def sums(
    db: sqlite3.Connection, dimensions: Sequence[str], span: Span | None, filters: Filters, changes: Sequence[int]
) -> Iterator[tuple[int, ...]]:
    """Sums by the dimensions, then by model, tariff and price epoch, then the nine measures.

    `span` None: only what has no time. The price epoch counts how many of `changes` (moments at which prices change,
    on quarter hours) lie at or before the messages. `filters`: dimension to the ids that are let through.
    """
    where, values = _where(span, filters)
    epoch = " + ".join(f"(bucket >= {change // QUARTER_MS})" for change in changes) or "0"
    groups = ", ".join((*dimensions, "model", "tariff", epoch))
    numbers = ", ".join(str(n + 1) for n in range(len(dimensions) + 3))
    yield from db.execute(f"SELECT {groups}, {_SUMS} FROM rollup WHERE {where} GROUP BY {numbers}", values)


def next_moment(db: sqlite3.Connection, span: Span) -> int | None:
    """The first quarter hour in a span in which something was used, epoch milliseconds; None if there is none."""
    where, values = _where(span, {})
    bucket = db.execute(f"SELECT min(bucket) FROM rollup WHERE {where}", values).fetchone()[0]
    return None if bucket is None else bucket * QUARTER_MS


def present(db: sqlite3.Connection, dimension: str) -> list[tuple[int, str]]:
    """Every id and text of a dimension of names (model, project, branch) in which something was used."""
    return db.execute(
        f"SELECT id, text FROM name WHERE id IN (SELECT DISTINCT {dimension} FROM rollup) ORDER BY text"
    ).fetchall()


def series(db: sqlite3.Connection, span: Span, changes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """As `sums`, by quarter hour: the bucket's moment in epoch milliseconds comes first."""
    for bucket, *rest in sums(db, ("bucket",), span, {}, changes):
        yield (bucket * QUARTER_MS, *rest)


def _where(span: Span | None, filters: Filters) -> tuple[str, list[int]]:
    clauses, values = [], []
    if span is None:
        clauses.append(f"bucket = {UNKNOWN_BUCKET}")
    else:
        clauses.append("bucket > ?")
        # spans begin and end on quarter hours: every zone of today is a multiple of that from UTC
        values.append(UNKNOWN_BUCKET if span.start is None else -(-span.start // QUARTER_MS) - 1)
        if span.end is not None:
            clauses.append("bucket < ?")
            values.append(-(-span.end // QUARTER_MS))
    for dimension, ids in filters.items():
        clauses.append(f"{dimension} IN ({', '.join('?' * len(ids))})")
        values += sorted(ids)
    return " AND ".join(clauses), values
