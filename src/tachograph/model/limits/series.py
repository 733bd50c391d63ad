"""The series of a limit: observations turned into clean windows. The one rule for the value of a limit.

Every reader of limits goes through this file: `now`, `watch`, the curves, the history, learning and `guard`. The ledger
keeps the last state of each window by the same `advance`, so that a status line reads one row instead of a week.

Rules, the same for every source and every order of arrival:

- An observation is as old as its news (`at`): a fetch is news when it was fetched, a status line when its session got
  an answer. A status line that repeats an earlier report of its session is no observation at all (ledger/limits/readings.py).
- The newest news wins, up or down. Of the same moment the higher value wins.
- The window in force is the one of the newest news. A window whose reset lies further ahead than its own length, and
  news more than five minutes in the future, count only where there is nothing else.
- A missing percentage erases nothing.

Events for the estimates: `Series.events` lists where a limit fell by at least `EVENT_POINTS` and a second answer or
source confirmed it, as `AccountEvent` (PLAN_CHANGED, GRANTED_RESET, MOVED_ANCHOR, UNKNOWN_EVENT), oldest first.
`queries/limits/series.py` reads the series and the events of an account from the ledger.

Times are epoch milliseconds, percentages 0 to 100 (money may pass 100).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tachograph.model.limits.limits import DESKTOP, SESSION, WEEKLY, same_reset

CLOCK_MS = 5 * 60_000  # two clocks may differ by this much without one of them being wrong
NEAR_FROM = 90.0  # percent from which a limit is near
EASE_POINTS = 5.0  # a limit that is near stays so until it has fallen this far below: no color flickers at 90
EVENT_POINTS = 5.0  # a smaller fall may be rounding
HELD_MS = 30 * 60_000  # how long a value read after its own reset says that the service still holds that window
LENGTHS = {SESSION: 5 * 3_600_000, WEEKLY: 7 * 86_400_000}

# Kinds of AccountEvent.
PLAN_CHANGED = "plan_changed"  # the account has another plan since
GRANTED_RESET = "granted_reset"  # the limit began again with its reset unmoved
MOVED_ANCHOR = "moved_anchor"  # the reset moved before it had come
UNKNOWN_EVENT = "unknown"
_BEGUN_AGAIN = 10.0  # percent: a limit that fell to less than this began again
_PLAN_MS = 86_400_000  # a changed plan may be noticed this long before or after the limits follow


class Observation(NamedTuple):
    """A value of one limit with the moment of its news. `until`: when the same value was last confirmed, 0 for never
    again. `session`: the session of a status line."""

    at: int
    percent: float | None
    resets_at: int | None
    source: str
    until: int = 0
    session: str = ""


class Point(NamedTuple):
    """A clean value of a limit: in force from `at` on, until the next."""

    at: int
    percent: float
    resets_at: int | None
    source: str
    session: str = ""


class Window(NamedTuple):
    """A stretch in which one window was in force, oldest point first. `peak`: its highest percentage; `full_at`: when it
    was first at 100 percent or more."""

    resets_at: int | None
    points: tuple[Point, ...]

    @property
    def peak(self) -> float:
        return max(point.percent for point in self.points)

    @property
    def full_at(self) -> int | None:
        return next((point.at for point in self.points if point.percent >= 100), None)


class AccountEvent(NamedTuple):
    """A change of an account that no work explains. `kind` is one of PLAN_CHANGED, GRANTED_RESET, MOVED_ANCHOR and
    UNKNOWN_EVENT; `at` the first observation after it; `since` the last one before. `before`, `after`: percent."""

    at: int
    kind: str
    key: str
    since: int
    before: float
    after: float
    resets_before: int | None
    resets_after: int | None


class Series(NamedTuple):
    """A limit over time: its windows and the account events that it shows, both oldest first."""

    key: str
    windows: tuple[Window, ...]
    events: tuple[AccountEvent, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for window in self.windows for point in window.points)


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
    """Which of two windows of a limit is in force at a moment: the one with the higher rank."""
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


def running_reset(resets: Iterable[int], at: int, group: str) -> int | None:
    """The reset of the window that ran at a moment, for a source that names none; None where none is known."""
    length = LENGTHS.get(group)
    return None if length is None else min((one for one in resets if one - length <= at < one), default=None)


def series(
    key: str,
    group: str,
    observations: Iterable[Observation],
    now: int,
    plans: Sequence[tuple[int, str]] = (),
    known_resets: Iterable[int] = (),
) -> Series:
    """The clean series of a limit up to a moment. `plans`: when the account had which plan, oldest first;
    `known_resets`: of windows that other observations named."""
    seen = [one for one in expand(observations) if one.percent is not None and one.at <= now + CLOCK_MS]
    resets = {one.resets_at for one in seen if one.resets_at is not None} | set(known_resets)
    seen = [
        one._replace(resets_at=running_reset(resets, one.at, group))
        if one.resets_at is None and one.source == DESKTOP
        else one
        for one in seen
    ]
    plausible = [one for one in seen if is_plausible(one.resets_at, one.at, group)]
    points = [
        Point(one.at, one.percent, one.resets_at, one.source, one.session)
        for one in sort_observations(plausible or seen)
        if one.percent is not None
    ]
    return Series(key, tuple(_windows(points)), tuple(_events(key, points, plans)))


def is_same_window(a: int | None, b: int | None) -> bool:
    """Do two observations name the same window: the same reset, or both none?"""
    return same_reset(a, b) or (a is None and b is None)


def _windows(points: Sequence[Point]) -> list[Window]:
    runs: list[list[Point]] = []
    for point in points:
        if runs and is_same_window(runs[-1][-1].resets_at, point.resets_at):
            runs[-1].append(point)
        else:
            runs.append([point])
    return [Window(run[-1].resets_at, tuple(run)) for run in runs]


def _events(key: str, points: Sequence[Point], plans: Sequence[tuple[int, str]]) -> Iterable[AccountEvent]:
    for place, after in enumerate(points[1:-1], 1):
        before, later = points[place - 1], points[place + 1]
        is_same = is_same_window(before.resets_at, after.resets_at)
        if before.percent - after.percent < EVENT_POINTS or not is_same_window(after.resets_at, later.resets_at):
            continue
        if later.at == after.at and later.session == after.session and later.source == after.source:
            continue
        if before.percent - later.percent < EVENT_POINTS:
            continue  # the fall was not confirmed
        if not is_same and (before.resets_at is None or after.at >= before.resets_at - CLOCK_MS):
            continue  # the window was over
        kind = GRANTED_RESET if after.percent < _BEGUN_AGAIN else UNKNOWN_EVENT
        if not is_same:
            kind = MOVED_ANCHOR
        if _plan_changed(plans, before.at, after.at):
            kind = PLAN_CHANGED
        yield AccountEvent(
            after.at, kind, key, before.at, before.percent, after.percent, before.resets_at, after.resets_at
        )


def _plan_changed(plans: Sequence[tuple[int, str]], since: int, until: int) -> bool:
    changes = (at for (_, old), (at, new) in pairwise(plans) if old != new)
    return any(since - _PLAN_MS <= at <= until + _PLAN_MS for at in changes)
