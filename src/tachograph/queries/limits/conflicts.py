"""Who says what of a limit: browsers that report an account, and fresh sources that disagree. Nothing is averaged.

Two sources that were asked at different moments may differ because somebody went on working: use only grows within a
window. They disagree where the older of two says clearly more, or where both were heard at almost the same time and say
clearly different things. A status line repeats what it knew before, so what it says too little says nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tachograph.ledger.limits.pairings import Sighting
from tachograph.ledger.limits.readings import Said, Window
from tachograph.model.limits.limits import OK, STATUSLINE, same_reset

_LATELY_MS, _TOGETHER_MS = 10 * 60_000, 2 * 60_000
_CLEARLY = 3.0  # points; sources round, and a minute of work moves a 5-hour limit by one or two


class Differing(NamedTuple):
    """Another source that says something else of the same window; `at` epoch ms."""

    source: str
    percent: float
    at: int


def differing(window: Window, said: Iterable[Said], now: int) -> tuple[Differing, ...]:
    """The fresh sources that contradict what holds of a window."""
    if window.percent is None or window.resets_at is None or now - window.at > _LATELY_MS:
        return ()
    made = []
    for other in said:
        reading = other.reading
        if reading.source == window.source or reading.outcome != OK or now - other.last_at > _LATELY_MS:
            continue
        for limit in reading.limits:
            if limit.key != window.key or limit.percent is None or not same_reset(limit.resets_at, window.resets_at):
                continue
            if _contradicts(reading.source, limit.percent, other.last_at, window):
                made.append(Differing(reading.source, limit.percent, other.last_at))
    return tuple(made)


def _contradicts(source: str, percent: float, at: int, window: Window) -> bool:
    more = percent - (window.percent or 0.0)
    if more <= -_CLEARLY:  # what holds is higher: that is growth, unless both were heard together
        return source != STATUSLINE and abs(window.at - at) <= _TOGETHER_MS
    if more >= _CLEARLY:  # what holds is newer and lower
        return window.source != STATUSLINE and at <= window.at + _TOGETHER_MS
    return False


def browser_of(window: Window, seen: list[Sighting]) -> str:
    """The browser that said what holds of a window; "" where nobody knows."""
    exact = next((one for one in seen if one.last_at == window.at), None)
    found = exact or next((one for one in seen if one.first_at <= window.at), None)
    return found.browser if found is not None else ""


def gone_since(seen: list[Sighting]) -> int | None:
    """Since when no browser reports the account any more; None where one does, or none ever did."""
    if not seen or any(one.gone_at is None for one in seen):
        return None
    return max(one.gone_at or 0 for one in seen)
