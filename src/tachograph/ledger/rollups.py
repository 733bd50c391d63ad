"""Reads the rollups: what messages add up to, by any of their dimensions, in any stretch of quarter hours."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tachograph.ledger.messages import QUARTER_MS, UNKNOWN_BUCKET
from tachograph.model.periods import Span

DIMENSIONS = ("session", "model", "project", "branch", "account", "pull")
_LAST_BUCKET = 1 << 60
Filters = Mapping[str, Collection[int]]

_SUMS = (
    "sum(messages), sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h), sum(cache_read),"
    " sum(web_searches), sum(logged_messages), sum(logged_cost)"
)


def sums(
    db: sqlite3.Connection,
    dimensions: Sequence[str],
    spans: Iterable[Span | None],
    filters: Filters,
    changes: Sequence[int],
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Sums in each of the spans: which span it is, and the dimensions, model, tariff, price epoch, nine measures.

    A span of None: what has no time. The price epoch counts how many of `changes` (moments at which prices change, on
    quarter hours) lie at or before the messages. `filters`: dimension to the ids that are let through.
    """
    epoch = " + ".join(f"(bucket >= {change // QUARTER_MS})" for change in changes) or "0"
    groups = ", ".join((*dimensions, "model", "tariff", epoch))
    numbers = ", ".join(str(n + 1) for n in range(len(dimensions) + 3))
    narrowed, ids = _narrowed(filters)
    sql = f"SELECT {groups}, {_SUMS} FROM rollup WHERE bucket >= ? AND bucket < ?{narrowed} GROUP BY {numbers}"
    for place, span in enumerate(spans):
        for row in db.execute(sql, (*_buckets(span), *ids)):
            yield place, row


def next_moment(db: sqlite3.Connection, span: Span) -> int | None:
    """The first quarter hour in a span in which something was used, epoch milliseconds; None if there is none."""
    sql = "SELECT min(bucket) FROM rollup WHERE bucket >= ? AND bucket < ?"
    bucket = db.execute(sql, _buckets(span)).fetchone()[0]
    return None if bucket is None else bucket * QUARTER_MS


def present(db: sqlite3.Connection, dimension: str) -> list[tuple[int, str]]:
    """Every id and text of a dimension of names (model, project, branch) in which something was used."""
    return db.execute(
        f"SELECT id, text FROM name WHERE id IN (SELECT DISTINCT {dimension} FROM rollup) ORDER BY text"
    ).fetchall()


def _buckets(span: Span | None) -> tuple[int, int]:
    """The quarter hours of a span, half open. Every zone of today is a multiple of them from UTC: no day is split."""
    if span is None:
        return UNKNOWN_BUCKET, UNKNOWN_BUCKET + 1
    start = UNKNOWN_BUCKET + 1 if span.start is None else -(-span.start // QUARTER_MS)
    return start, _LAST_BUCKET if span.end is None else -(-span.end // QUARTER_MS)


def _narrowed(filters: Filters) -> tuple[str, list[int]]:
    clauses = [f" AND {dimension} IN ({', '.join('?' * len(ids))})" for dimension, ids in filters.items()]
    return "".join(clauses), [id for ids in filters.values() for id in sorted(ids)]
