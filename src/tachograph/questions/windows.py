"""5-hour windows as the logs alone show them: an estimate, since other machines and chat open windows too.

A window begins with the first message after the last one ended, and lasts five hours (support.claude.com: the
session limit). Which messages fall into it is exact; where it began may be earlier than this machine saw.
"""

import sqlite3
from typing import NamedTuple

from tachograph.ledger import messages
from tachograph.model.periods import Span
from tachograph.model.prices import PriceBook
from tachograph.questions.spend import Answer, ModelKey, Question, Row, Spend, by_cost, by_model, chosen, total

LENGTH_MS = 5 * 3_600_000


class WindowKey(NamedTuple):
    """A window's bounds, epoch milliseconds; None for messages without a time."""

    starts_at: int | None
    ends_at: int | None


def windows(db: sqlite3.Connection, book: PriceBook, question: Question) -> Answer:
    """Every window that begins in the span, oldest first. `question.by` may be "model"."""
    filters = chosen(db, question)
    rows = []
    for key in _bounds(db, question.span):
        parts: dict[str, Spend] = {}
        span = None if key.starts_at is None else Span(key.starts_at, key.ends_at)
        for model, used in by_model(db, book, messages.sums(db, span, filters, book.changes())):
            parts[model] = parts[model] + used if model in parts else used
        if parts:
            by = tuple(sorted((Row(ModelKey(m), used) for m, used in parts.items()), key=by_cost))
            rows.append(Row(key, total(parts.values()), by if question.by == "model" else ()))
    return Answer(tuple(rows), total(row.spend for row in rows))


def _bounds(db: sqlite3.Connection, span: Span) -> list[WindowKey]:
    """The windows over all messages: which of them a filter lets through does not move a window."""
    found = []
    end: int | None = None
    while (start := messages.next_at(db, end)) is not None:
        end = start + LENGTH_MS
        if span.end is not None and start >= span.end:
            break
        if span.start is None or start >= span.start:
            found.append(WindowKey(start, end))
    if span.start is None and span.end is None:
        found.append(WindowKey(None, None))
    return found
