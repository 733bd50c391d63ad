"""Put prices on sums of the ledger."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tachograph.ledger.usage import sessions
from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.prices import PriceBook, cost
from tachograph.queries.usage.rows import Spend


def price_sums(
    db: sqlite3.Connection,
    book: PriceBook,
    sums: Iterable[tuple[int, tuple[int, ...]]],
    missing: set[str] | None = None,
) -> Iterator[tuple[int, tuple[int, ...], Spend]]:
    """Price sums of the ledger (`rollups.sums`): which span, the values of the dimensions, what was used.

    Models without a price are added to `missing`. Plain lists until the end: this runs for every row of every report.
    """
    found, changes = list(sums), book.changes()
    models = sessions.names(db, {row[-12] for _, row in found})
    grouped: dict[tuple[int, tuple[int, ...]], list[Any]] = {}  # the seven counts, cost, unpriced messages
    for place, row in found:
        model, tariff, epoch = models[row[-12]], row[-11], row[-10]
        # any moment of the epoch will do; before the first change, one before everything
        spent, unpriced = cost_of(book, model, changes[epoch - 1] if epoch else -1, tariff, row[-9:])
        if unpriced and missing is not None:
            missing.add(model)
        key = (place, row[:-12])
        into = grouped.get(key)
        if into is None:
            grouped[key] = [*row[-9:-2], spent, unpriced]
        else:
            for n, count in enumerate(row[-9:-2]):
                into[n] += count
            if spent is not None:
                into[7] = spent if into[7] is None else into[7] + spent
            into[8] += unpriced
    for (place, values), sums_of in grouped.items():
        yield place, values, Spend(Tokens._make(sums_of[:7]), sums_of[7], sums_of[8])


def cost_of(
    book: PriceBook, model: str, at: int | None, tariff: int, measures: Sequence[int]
) -> tuple[int | None, int]:
    """The cost of the nine measures of a rollup in picodollars, and how many of its messages have none.

    What has no price may still carry a cost that Claude Code logged.
    """
    rates = book.rates(model, at, tariff)
    if rates is not None:
        return cost(measures[1:7], rates), 0
    messages, logged_messages, logged_cost = measures[0], measures[7], measures[8]
    return (logged_cost * 1000 if logged_messages else None), messages - logged_messages
