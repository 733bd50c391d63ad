"""Read messages one by one in order of time, with what each adds to a report and the work that it followed."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tachograph.ledger.limits.metered import condition
from tachograph.ledger.usage.messages import EXPRESSIONS, narrowing, price_keys
from tachograph.ledger.usage.rollups import Filters
from tachograph.model.usage.messages import SIDECHAIN


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
    asked = f"1{narrowed}"
    sql = (
        f"SELECT at, session, account, agent, way, flags & {SIDECHAIN}, model, {tariff}, {epoch}, input, output,"
        " cache_write_5m, cache_write_1h, cache_read, web_searches, logged_cost IS NOT NULL, coalesce(logged_cost, 0),"
        f" {asked}, {on_credits} FROM message WHERE billed AND at >= ? AND at < ? ORDER BY at, id"
    )
    for row in db.execute(sql, (*ids, *values, since, until)):
        yield StreamedMessage._make(
            (*row[:5], bool(row[5]), *row[6:9], row[9:15], row[15:17], bool(row[17]), bool(row[18]))
        )


def ways(db: sqlite3.Connection) -> dict[int, tuple[int, ...]]:
    """Every way: ids of the names of its columns (ways.COLUMNS)."""
    return {id: tuple(names) for id, *names in db.execute("SELECT * FROM way")}
