"""The state of one window of a limit, brought forward by one observation at a time. The rules are those of series.py,
which builds whole series from them; the ledger keeps the last state of each window, so that a status line reads one row.

Times are epoch milliseconds, percentages 0 to 100 (money may pass 100).
"""

from __future__ import annotations

from tachograph.clock import WEEK_MS
from tachograph.lean_typing import Iterable, NamedTuple
from tachograph.model.limits.limits import SESSION, SESSION_MS, WEEKLY, same_reset

CLOCK_MS = 5 * 60_000  # two clocks may differ by this much without one of them being wrong
NEAR_FROM = 90.0  # percent from which a limit is near
EASE_POINTS = 5.0  # a limit that is near stays so until it has fallen this far below: no color flickers at 90
HELD_MS = 30 * 60_000  # how long a value read after its own reset says that the service still holds that window
LENGTHS = {SESSION: SESSION_MS, WEEKLY: WEEK_MS}


class Observation(NamedTuple):
    """A value of one limit with the moment of its news. `until`: when the same value was last confirmed, 0 for never
    again. `session`: the session of a status line."""

    at: int
    percent: float | None
    resets_at: int | None
    source: str
    until: int = 0
    session: str = ""


class State(NamedTuple):
    """The state of one window after its observations so far.

    `percent` is the value of the newest news, of `source` at `at`; `steady`: the percentage for colors and for "near",
    which follows a rise at once and a fall only by what exceeds EASE_POINTS; `peak`: the highest; `first_at`: the first
    observation.
    """

    resets_at: int | None
    percent: float | None
    at: int
    source: str
    steady: float | None
    peak: float | None
    first_at: int


def order(at: int, percent: float | None, source: str) -> tuple[int, float, str]:
    """The place of an observation among all of a limit: by its news, then the higher value last."""
    return at, -1.0 if percent is None else percent, source


def begin(seen: Observation) -> State:
    """The state of a window after its first observation."""
    return State(seen.resets_at, seen.percent, seen.at, seen.source, seen.percent, seen.percent, seen.at)


def advance(state: State, seen: Observation) -> State:
    """The state of a window after one more observation, given in `order`."""
    if seen.percent is None:
        return state if state.percent is not None else state._replace(at=seen.at, source=seen.source)
    steady = seen.percent if state.steady is None else max(seen.percent, min(state.steady, seen.percent + EASE_POINTS))
    peak = seen.percent if state.peak is None else max(state.peak, seen.percent)
    return State(seen.resets_at, seen.percent, seen.at, seen.source, steady, peak, state.first_at)


def expand(observations: Iterable[Observation]) -> list[Observation]:
    """Observations in `order`; one that was confirmed later is there twice, for its first and its last moment."""
    found = list(observations)
    found += [one._replace(at=one.until) for one in found if one.until > one.at]
    return sort_observations(one._replace(until=0) for one in found)


def sort_observations(observations: Iterable[Observation]) -> list[Observation]:
    """Observations in `order`."""
    return sorted(
        observations, key=lambda one: (*order(one.at, one.percent, one.source), one.resets_at or 0, one.session)
    )


def is_plausible(resets_at: int | None, at: int, group: str) -> bool:
    """False for a reset that lies further ahead of its observation than the window is long."""
    length = LENGTHS.get(group)
    return resets_at is None or length is None or resets_at - at <= length + CLOCK_MS


def rank(resets_at: int | None, at: int, group: str, now: int) -> tuple[bool, bool, int]:
    """Rank of a window at a moment: of two windows of a limit the higher one is in force."""
    is_past = at <= now + CLOCK_MS
    return is_past, is_plausible(resets_at, at, group), at if is_past else -at


def has_reset(resets_at: int | None, at: int, now: int) -> bool:
    """Is a window over at a moment, with its last news at `at`?

    A value read after its own reset says that the service still holds the window: it counts for HELD_MS. One of the
    first five minutes after the reset may only show that our clock is fast, so it counts until those are over.
    """
    if resets_at is None or now < resets_at:
        return False
    if at < resets_at:
        return True
    return now > resets_at + CLOCK_MS if at <= resets_at + CLOCK_MS else now - at > HELD_MS


def running_reset(windows: Iterable[tuple[int, int]], at: int, group: str) -> int | None:
    """The reset of the window that was in force at a moment, for a source that names none; None where none is known.

    `windows`: reset and first observation of each. Of several that could have run, the one that was seen last to begin."""
    length = LENGTHS.get(group)
    if length is None:
        return None
    running = [(resets_at, first_at) for resets_at, first_at in windows if resets_at - length <= at < resets_at]
    begun = [(first_at, -resets_at) for resets_at, first_at in running if first_at <= at]
    return -max(begun)[1] if begun else min((resets_at for resets_at, _ in running), default=None)


def is_same_window(a: int | None, b: int | None) -> bool:
    """Do two observations name the same window: the same reset, or both none?"""
    return same_reset(a, b) or (a is None and b is None)
