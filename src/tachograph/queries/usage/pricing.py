"""Put prices on sums of the ledger."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator, Sequence
from tachograph.ledger.usage import sessions
from tachograph.ledger.usage.messages import MEASURES
from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.prices import PriceBook, Rates, cost
from tachograph.queries.usage.rows import Spend

if TYPE_CHECKING:
    from typing import Any

COUNTS = -len(MEASURES)  # where the measures of a row of `rollups.sums` begin
MODEL = COUNTS - 3  # followed by tariff and price epoch


def price_sums(
    db: sqlite3.Connection,
    book: PriceBook,
    sums: Iterable[tuple[int, tuple[int, ...]]],
    missing: set[str] | None = None,
) -> Iterator[tuple[int, tuple[int, ...], Spend]]:
    """Price sums of the ledger (`rollups.sums`): the span, the values of the dimensions, the usage.

    Models without a price are added to `missing`. Plain lists until the end: this runs for every row of every report.
    """
    found, changes = list(sums), book.changes()
    models = sessions.names(db, {row[MODEL] for _, row in found})
    rates: dict[tuple[int, ...], Rates | None] = {}
    # the seven counts, cost, unpriced messages, billed cost, unfinished messages, missing output
    grouped: dict[tuple[int, tuple[int, ...]], list[Any]] = {}
    for place, row in found:
        model, tariff, epoch = models[row[MODEL]], row[MODEL + 1], row[MODEL + 2]
        priced_by = row[MODEL:COUNTS]
        if priced_by not in rates:  # any moment of the epoch will do; before the first change, one before everything
            rates[priced_by] = book.rates(model, changes[epoch - 1] if epoch else -1, tariff)
        spent, unpriced = _cost(rates[priced_by], row[COUNTS:])
        if unpriced and missing is not None:
            missing.add(model)
        key = (place, row[:MODEL])
        billed = spent or 0 if tariff & 1 else 0
        into = grouped.get(key)
        if into is None:
            grouped[key] = [*row[COUNTS : COUNTS + 7], spent, unpriced, billed, row[-2], row[-1]]
        else:
            for n, count in enumerate(row[COUNTS : COUNTS + 7]):
                into[n] += count
            if spent is not None:
                into[7] = spent if into[7] is None else into[7] + spent
            into[8] += unpriced
            into[9] += billed
            into[10] += row[-2]
            into[11] += row[-1]
    for (place, values), sums_of in grouped.items():
        yield place, values, Spend(Tokens._make(sums_of[:7]), *sums_of[7:])


def cost_of(
    book: PriceBook, model: str, at: int | None, tariff: int, measures: Sequence[int]
) -> tuple[int | None, int]:
    """The cost of the measures of a rollup in picodollars, and how many of its messages have none.

    What has no price may still carry a cost that Claude Code logged.
    """
    return _cost(book.rates(model, at, tariff), measures)


def _cost(rates: Rates | None, measures: Sequence[int]) -> tuple[int | None, int]:
    if rates is not None:
        return cost(measures[1:7], rates), 0
    messages, logged_messages, logged_cost = measures[0], measures[7], measures[8]
    return (logged_cost * 1000 if logged_messages else None), messages - logged_messages
