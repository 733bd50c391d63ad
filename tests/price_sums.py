"""Costs of messages by the shipped price book, in picodollars and in US dollars."""

from datetime import UTC, datetime
from typing import Any

from tachograph.model.usage.prices import PICODOLLARS, PriceBook, cost, load, tariff

BOOK, _ = load()
CLASSES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def picodollars(
    model: str,
    *counts: int,
    day: str | None = None,
    speed: str = "standard",
    geo: str = "global",
    book: PriceBook = BOOK,
) -> int | None:
    """The cost of one message with counts in the ledger's order; missing ones are 0."""
    full = (*counts, *(0,) * (6 - len(counts)))
    prompt = full[0] + full[2] + full[3] + full[4]
    rates = book.rates(model, at(day) if day else None, tariff(speed, geo, prompt))
    return None if rates is None else cost(full, rates)


def usd(*args: Any, **options: Any) -> float | None:
    found = picodollars(*args, **options)
    return None if found is None else found / PICODOLLARS
