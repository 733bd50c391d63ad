"""What the service would have said of Ada's limits while she worked: percentages that follow what her messages cost."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HOUR = 3_600_000
_WEEK = 7 * 24 * _HOUR
_STEP = 10 * 60_000  # between two readings while she works; resets fall on full ten minutes
_ANCHOR = 1_795_676_400_000  # Thu 26 Nov 2026, 07:00 UTC: when her weeks begin
FIVE_USD, WEEK_USD, FABLE_USD = 34.0, 300.0, 190.0  # what fills each of her limits


class Said(NamedTuple):
    """One reading: percentages and resets in epoch milliseconds of the 5-hour, the 7-day and the Fable limit."""

    at: int
    five: float
    five_resets: int
    week: float
    week_resets: int
    fable: float


def readings(messages: Sequence[tuple[int, float, bool]], now: int) -> Iterator[Said]:
    """Readings every ten minutes in which something was used, oldest first, and one of now. `messages`: time, cost in USD,
    whether by Fable; in the order of time."""
    five = week = fable = 0.0
    five_resets = week_resets = told = 0
    for at, usd, is_fable in messages:
        if at > now:
            break
        if at >= five_resets:
            five, five_resets = 0.0, (at + 5 * _HOUR) // _STEP * _STEP
        if at >= week_resets:
            week = fable = 0.0
            week_resets = at + _WEEK - (at - _ANCHOR) % _WEEK
        five, week, fable = five + usd, week + usd, fable + (usd if is_fable else 0.0)
        if at - told >= _STEP:
            told = at
            yield _said(at, five, five_resets, week, week_resets, fable)
    if messages and now < five_resets:
        yield _said(now - 14_000, five, five_resets, week, week_resets, fable)


def _said(at: int, five: float, five_resets: int, week: float, week_resets: int, fable: float) -> Said:
    return Said(
        at,
        _percent(five, FIVE_USD),
        five_resets,
        _percent(week, WEEK_USD),
        week_resets,
        _percent(fable, FABLE_USD),
    )


def _percent(used: float, full: float) -> float:
    return min(100.0, round(100 * used / full, 1))
