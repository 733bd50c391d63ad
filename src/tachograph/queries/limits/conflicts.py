"""Sources that disagree about a limit, and the browsers that report an account. Nothing is averaged.

Two sources that were read at different moments may differ because work went on: use mostly grows within a window. They
disagree where the older of two has a clearly higher value, or where both were read at almost the same time with clearly
different values.
"""

from __future__ import annotations

from tachograph.lean_typing import Iterable, NamedTuple
from tachograph.ledger.limits.pairings import Sighting
from tachograph.ledger.limits.readings import StoredReading
from tachograph.ledger.limits.windows import Window
from tachograph.model.limits.limits import (
    BROWSER,
    CLAUDE_CODE,
    CLAUDE_JSON,
    COOKIES,
    FIVE_HOUR,
    OAUTH,
    OK,
    SESSION,
    SEVEN_DAY,
    STATUSLINE,
    WEEKLY,
    same_reset,
)
from tachograph.model.limits.window_state import CLOCK_MS

_RECENT_MS, _TOGETHER_MS = 10 * 60_000, 2 * 60_000
_WHOLE_SOURCES = (OAUTH, CLAUDE_JSON, BROWSER, COOKIES, CLAUDE_CODE)  # an answer of theirs names every limit
_CLEARLY = 3.0  # points; sources round, and a minute of work moves a 5-hour limit by one or two


class Conflict(NamedTuple):
    """Another source with another value of the same window; `at` epoch ms."""

    source: str
    percent: float
    at: int


def conflicting_readings(window: Window, stored: Iterable[StoredReading], now: int) -> tuple[Conflict, ...]:
    """The fresh sources that contradict the value of a window."""
    if window.percent is None or window.resets_at is None or now - window.at > _RECENT_MS:
        return ()
    found = []
    for other in stored:
        reading, at = other.reading, other.confirmed_at
        if reading.source == window.source or reading.outcome != OK or now - at > _RECENT_MS:
            continue
        for limit in reading.limits:
            if limit.key != window.key or limit.percent is None or not same_reset(limit.resets_at, window.resets_at):
                continue
            if _contradicts(limit.percent, at, window):
                found.append(Conflict(reading.source, limit.percent, at))
    return tuple(found)


def _contradicts(percent: float, at: int, window: Window) -> bool:
    more = percent - (window.percent or 0.0)
    if more <= -_CLEARLY:  # the newer value is higher: that is growth, unless both were read together
        return abs(window.at - at) <= _TOGETHER_MS
    return more >= _CLEARLY


def is_discontinued(window: Window, stored: Iterable[StoredReading]) -> bool:
    """Did the plan lose the limit of a window that is over: do newer readings that would name it leave it out?"""
    if window.resets_at is None:
        return False
    for one in stored:
        reading = one.reading
        if reading.outcome != OK or one.confirmed_at <= window.resets_at + CLOCK_MS:
            continue
        would_name = reading.source in _WHOLE_SOURCES
        if reading.source == STATUSLINE and window.key in (FIVE_HOUR, SEVEN_DAY):
            would_name = any(limit.group in (SESSION, WEEKLY) for limit in reading.limits)
        if would_name and all(limit.key != window.key for limit in reading.limits):
            return True
    return False


def browser_of(window: Window, seen: list[Sighting]) -> str:
    """The browser that reported the value of a window; "" where unknown."""
    exact = next((one for one in seen if one.last_at == window.at), None)
    found = exact or next((one for one in seen if one.first_at <= window.at), None)
    return found.browser if found is not None else ""


def gone_since(seen: list[Sighting]) -> int | None:
    """Since when no browser reports the account any more; None where one does, or none ever did."""
    if not seen or any(one.gone_at is None for one in seen):
        return None
    return max(one.gone_at or 0 for one in seen)
