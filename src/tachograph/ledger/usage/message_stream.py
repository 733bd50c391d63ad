"""Read messages one by one in order of time, with what each adds to a report and the work that it followed."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits.metered import condition
from tachograph.ledger.usage.messages import EXPRESSIONS, narrowing, price_keys
from tachograph.ledger.usage.rollups import Filters
from tachograph.model.usage.messages import NO_TIME, SIDECHAIN


class StreamedMessage(NamedTuple):
    """A billed message: epoch milliseconds; ids of session, account, model and way; `tariff` and price `epoch` as in
    `messages.sums`; the six counts, whether its cost was logged, and that cost; True if the filters let it through, and
    if it draws on credits after a limit."""

    at: int
    session: int
    account: int
    agent: int
    way: int
    is_side: bool
    model: int
    tariff: int
    epoch: int
    counts: tuple[int, int, int, int, int, int]
    logged: tuple[int, int]
    is_asked: bool
    is_on_credits: bool

    @property
    def prompt(self) -> int:
        """Size of the context that the message was asked with, in tokens."""
        input, _, short, long, read, _ = self.counts
        return input + short + long + read


def stream(
    db: sqlite3.Connection, since: int, until: int, filters: Filters, changes: Sequence[int]
) -> Iterator[StreamedMessage]:
    """Billed messages of a period, oldest first; those that the filters exclude are marked, since others follow them."""
    narrowed, ids = narrowing(filters, EXPRESSIONS)
    on_credits, values = condition(db)
    tariff, epoch = price_keys(changes)
    columns = _columns("at", tariff, epoch, f"1{narrowed}", on_credits)
    sql = f"SELECT {columns} FROM message WHERE billed AND at >= ? AND at < ? ORDER BY at, id"
    for row in db.execute(sql, (*ids, *values, since, until)):
        yield _message(row)


def without_time(db: sqlite3.Connection, filters: Filters) -> Iterator[StreamedMessage]:
    """Billed messages that the filters let through and that no record dates; their `at` is before everything."""
    narrowed, ids = narrowing(filters, EXPRESSIONS)
    tariff, epoch = price_keys(())
    columns = _columns(str(-NO_TIME), tariff, epoch, "1", "0")
    for row in db.execute(f"SELECT {columns} FROM message WHERE billed AND at IS NULL{narrowed}", ids):
        yield _message(row)


def _columns(at: str, tariff: str, epoch: str, asked: str, on_credits: str) -> str:
    return (
        f"{at}, session, account, agent, way, flags & {SIDECHAIN}, model, {tariff}, {epoch}, input, output,"
        " cache_write_5m, cache_write_1h, cache_read, web_searches, logged_cost IS NOT NULL, coalesce(logged_cost, 0),"
        f" {asked}, {on_credits}"
    )


def _message(row: Sequence[Any]) -> StreamedMessage:
    return StreamedMessage._make(
        (*row[:5], bool(row[5]), *row[6:9], row[9:15], row[15:17], bool(row[17]), bool(row[18]))
    )


def ways(db: sqlite3.Connection) -> dict[int, tuple[int, ...]]:
    """Every way: ids of the names of its columns (ways.COLUMNS)."""
    return {id: tuple(names) for id, *names in db.execute("SELECT * FROM way")}
