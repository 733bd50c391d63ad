"""Shares of a total: one rule for every table and chart."""

from tachograph.queries.usage.rows import Spend

COST, TOKENS, MESSAGES = "cost", "tokens", "messages"


def measure(used: Spend, name: str = COST) -> float | None:
    """Dollars, tokens or messages of a spend; None for dollars without a price."""
    if name == COST:
        return used.usd
    return used.tokens.total if name == TOKENS else used.tokens.messages


def share(part: Spend, whole: Spend, name: str = COST) -> float | None:
    """The part's share of the whole, 0 to 1; None if either is unknown or the whole is nothing."""
    if name == COST:  # exact, in picodollars
        return part.cost / whole.cost if part.cost is not None and whole.cost else None
    value, total = measure(part, name), measure(whole, name)
    return value / total if value is not None and total else None
