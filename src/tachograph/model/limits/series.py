"""The series of a limit: observations turned into clean windows. The one rule for the value of a limit.

Every reader of limits goes through this rule: `now`, `watch`, the curves, the history, learning and `guard`. One step of
it, the state of a window after one more observation, is `advance` in window_state.py, by which the ledger keeps it.

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

from tachograph.lean_typing import NamedTuple
from tachograph.model.limits.limits import DESKTOP
from tachograph.model.limits.window_state import (
    CLOCK_MS,
    Observation,
    expand,
    is_plausible,
    is_same_window,
    running_reset,
    sort_observations,
)

EVENT_POINTS = 5.0  # a smaller fall may be rounding

# Kinds of AccountEvent.
PLAN_CHANGED = "plan_changed"  # the account has another plan since
GRANTED_RESET = "granted_reset"  # the limit began again with its reset unmoved
MOVED_ANCHOR = "moved_anchor"  # the reset moved before it had come
UNKNOWN_EVENT = "unknown"
_BEGUN_AGAIN = 10.0  # percent: a limit that fell to less than this began again
_PLAN_MS = 86_400_000  # a changed plan may be noticed this long before or after the limits follow


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


def series(
    key: str,
    group: str,
    observations: Iterable[Observation],
    now: int,
    plans: Sequence[tuple[int, str]] = (),
    known: Iterable[tuple[int, int]] = (),
) -> Series:
    """The clean series of a limit up to a moment. `plans`: when the account had which plan, oldest first;
    `known`: reset and first observation of windows that others named."""
    seen = [one for one in expand(observations) if one.percent is not None and one.at <= now + CLOCK_MS]
    first: dict[int, int] = {}
    for resets_at, first_at in (*known, *((one.resets_at, one.at) for one in seen if one.resets_at is not None)):
        first[resets_at] = min(first_at, first.get(resets_at, first_at))
    seen = [
        one._replace(resets_at=running_reset(first.items(), one.at, group))
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
