"""Learn weights of an account: windows of its limits one after another, in order of time, with the events between them.

Points per dollar come from 5-hour windows (`five`), where the plan has them, else from days of the week (`week`). How much of
the week a 5-hour window is comes from both percentages (week_scale.py). A change of that scale tells a changed limit; the
work of the windows since then tells which of the two limits it was.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tachograph.lean_json import loads
from tachograph.lean_typing import TYPE_CHECKING, NamedTuple
from tachograph.model.estimates import changes, week_scale
from tachograph.model.estimates.training_windows import (
    FIVE_HOURS,
    Message,
    Reading,
    Window,
    week_days,
    windows,
)
from tachograph.model.estimates.week_scale import WeekScale
from tachograph.model.estimates.weights import ACTIVE_WEEK, MODELS, SCALE, Weights, begin, first_guess, with_models
from tachograph.model.estimates.window_filter import Explained, WindowFilter, explain
from tachograph.model.parsing import take_rows

if TYPE_CHECKING:
    from typing import Any

_DRIFT_SCALE, _DRIFT = 0.01, 0.004  # per square root of a day: what was learned long ago counts for less
_SESSION_MOST, _SESSION_LEAST = 30.0, 0.01
_ACTIVE_MOST = 120.0
_EVIDENT = 6.0  # points of own work from which a window says something of the scale
_EVIDENT_DAY = 2.0  # the same of a day of the week
_MISFIT_MOST, _FIT_DAYS = 200.0, 14.0
_PLAN_SD = 0.15  # of the logarithm by which plans differ from what the table says
_NO_WINDOWS = 7 * 86_400.0  # without a 5-hour window for this long, the plan has no such limit
_ANNOUNCED = 21 * 86_400.0  # seconds for which an announced change is expected to show
WEEK_UNIT = 0.1  # points of the week that are one of a 5-hour window, roughly


class PlanChange(NamedTuple):
    """The account changed its plan at a moment (epoch seconds); plans as in limit_changes.json, "" unknown."""

    at: float
    before: str
    after: str


class Learned(NamedTuple):
    """Everything learned of an account. `five` begins with the first 5-hour window with work in it, `week` once there are
    no more 5-hour windows, `scale` once both limits were read. Windows that reset by `until` (epoch seconds) are taken in."""

    five: Weights | None = None
    week: Weights | None = None
    scale: WeekScale | None = None
    plan: str = ""
    until: float = 0.0

    @property
    def weights(self) -> Weights | None:
        """The weights that tell what a week was used for: of days of the week where the plan has no 5-hour limit."""
        return self.five if self.week is None else self.week

    @property
    def hour_weight(self) -> float:
        """Factor by which work in peak hours counts more of the 5-hour limit."""
        return 1.0 if self.scale is None else self.scale.hour_weight


class TrainingData:
    """Messages and readings of an account as windows, all in order of time. `days`: the week as stretches of a day."""

    __slots__ = ("days", "ends", "plan_changes", "readings", "resets", "times", "windows")

    def __init__(
        self,
        windows: Sequence[Window],
        days: Sequence[Window],
        readings: Sequence[Reading],
        plan_changes: Sequence[PlanChange] = (),
    ) -> None:
        self.windows, self.days, self.readings, self.plan_changes = windows, days, readings, plan_changes
        self.resets = [window.reset for window in windows]
        self.ends = [day.reset for day in days]
        self.times = [reading.at for reading in readings]

    def after(self, at: float, until: float) -> Sequence[Reading]:
        """The readings after a moment, up to another."""
        return self.readings[bisect_right(self.times, at) : bisect_right(self.times, until)]


def training_data(
    messages: Sequence[Message], readings: Sequence[Reading], plan_changes: Sequence[PlanChange] = ()
) -> TrainingData:
    """Put messages and readings together, both in order of time."""
    breaks = [event.at for event in plan_changes]
    return TrainingData(
        windows(messages, readings, breaks), week_days(messages, readings, breaks), readings, plan_changes
    )


def advance(learned: Learned, data: TrainingData, until: float) -> tuple[Learned, dict[float, Explained]]:
    """Take in everything that is over by a moment and was not taken before; and by reset the 5-hour windows explained.

    `data` may begin anywhere before `learned.until`.
    """
    explained: dict[float, Explained] = {}
    todo: list[tuple[float, int, int]] = []
    for kind, moments in ((0, [event.at for event in data.plan_changes]), (1, data.resets), (2, data.ends)):
        first, last = bisect_right(moments, learned.until), bisect_right(moments, until)
        todo += [(moments[place], kind, place) for place in range(first, last)]
    for at, kind, place in sorted(todo):
        fresh = data.after(_last_reading_at(learned), at)
        if kind == 0:
            learned = change_plan(follow_week(learned, fresh), data.plan_changes[place])
        elif kind == 1:
            window = data.windows[place]
            if learned.five is not None and any(window.start < event.at < at for event in data.plan_changes):
                scale = learned.five.scale_at(window.start)  # read under the plan before
                explained[at] = explain(learned.five, window.until_last_reading, 0.0, learned.hour_weight, scale)
            else:
                learned = _take_window(learned, data.windows, place, explained)
            learned = follow_week(learned, fresh)
        else:
            day = data.days[place]
            near = bisect_left(data.resets, day.start - _NO_WINDOWS)
            if near == len(data.resets) or data.resets[near] - FIVE_HOURS > day.reset:
                learned = _take_day(learned, data.days, place)
    learned = learned._replace(until=max(learned.until, until))
    fresh = data.after(_last_reading_at(learned), until)
    return follow_week(learned, fresh) if fresh else learned, explained


def _last_reading_at(learned: Learned) -> float:
    """The moment up to which readings of the week were taken in."""
    return 0.0 if learned.scale is None or learned.scale.last is None else learned.scale.last.at


def _take_window(
    learned: Learned, all_windows: Sequence[Window], place: int, explained: dict[float, Explained]
) -> Learned:
    five, window, peak = learned.five, all_windows[place], learned.hour_weight
    if five is None:
        guess = first_guess(all_windows[: place + 1])
        if guess is None:
            return learned
        five = begin(guess, all_windows[0].start)
        for earlier in all_windows[:place]:
            five, explained[earlier.reset] = learn(five, earlier.until_last_reading, peak)
    five, explained[window.reset] = learn(five, window.until_last_reading, peak)
    return learned._replace(five=five, week=None)


def _take_day(learned: Learned, days: Sequence[Window], place: int) -> Learned:
    week = learned.week
    if week is None and learned.five is not None and learned.five.windows and learned.scale is not None:
        # The plan has lost its 5-hour limit: models weigh as they did, the scale is about what it was.
        five, scale = learned.five, learned.scale.plain
        cov = ((five.cov[0][0] + _PLAN_SD**2, *five.cov[0][1:]), *five.cov[1:])
        mean = (five.mean[SCALE] + math.log(scale), *five.mean[1:])
        week = five._replace(
            mean=mean, cov=cov, unit=WEEK_UNIT, active=ACTIVE_WEEK, reference=(), odds=(), recent=(), changes=()
        )
    if week is None:
        guess = first_guess(days[: place + 1])
        if guess is None:
            return learned
        week = begin(guess, days[0].start, WEEK_UNIT)
        for day in days[:place]:
            week, _ = learn(week, day)
    return learned._replace(week=learn(week, days[place])[0])


_announcements: dict[str, Any] = {}
_dates: list[float] = []
_updated_days: list[str] = []  # YYYY-MM-DD, of an installed data file


def use_update(changes: object) -> tuple[str, ...]:
    """Expect the announced changes of a data file from now on, too, in place of those used before; () takes them back.

    Changes are those of limit_changes.json: `{"at": "2027-01-31", "limit": "seven_day", "factor": 1.5, "source": …}`.
    Returns a sentence for each that cannot be used.
    """
    _updated_days.clear()
    _dates.clear()
    return take_rows("limit_changes", changes, _take)


def _take(change: Any) -> str:
    """Keep the day of a change of a data file; its problem if it has none."""
    try:
        datetime.strptime(change["at"], "%Y-%m-%d").replace(tzinfo=UTC)
        _updated_days.append(change["at"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return f"A change of limits was left out: {str(change)[:80]} has no day."
    return ""


def load_announcements() -> dict[str, Any]:
    """The table of announced limits and changes."""
    if not _announcements:
        with open(os.path.join(os.path.dirname(__file__), "limit_changes.json"), "rb") as file:
            _announcements.update(loads(file.read()))
    return _announcements


def _announced_dates() -> list[float]:
    if not _dates:
        texts = [one["at"] for one in load_announcements()["changes"]] + _updated_days
        days = (datetime.fromisoformat(text) for text in texts)
        _dates[:] = (day.replace(tzinfo=UTC).timestamp() for day in days)
    return _dates


def is_announced(at: float) -> bool:
    """True in the weeks after a change of limits was announced: then less evidence is enough."""
    return any(0 <= at - date <= _ANNOUNCED for date in _announced_dates())


def plan_scale(plan: str) -> WeekScale:
    """The scale of a plan before any data."""
    known = load_announcements()["plans"].get(plan)
    return week_scale.begin(None if known is None else known["window_of_week"])


def follow_week(learned: Learned, readings: Iterable[Reading]) -> Learned:
    """Take in readings of both limits, and any change of the scale between them."""
    before = learned.scale or plan_scale(learned.plan)
    scale = week_scale.follow(before, readings, 0.0 if learned.five is None else learned.five.cut)
    at = 0.0 if scale.last is None else scale.last.at
    found = week_scale.change(scale, is_expected=is_announced(at)) if scale.rises != before.rises else None
    if found is None:
        return learned._replace(scale=scale)
    scale, change = found
    five = learned.five
    if five is not None and not change.is_peak:
        # Either a 5-hour window has become larger, then work costs less of it, or the week has become smaller.
        move = changes.move_since(five, -math.log(change.factor), change.since)
        if move is not None and move.odds > 0:
            five = changes.move_scale(five, move.scale - five.mean[SCALE], change.since)
            scale = week_scale.refine(scale, -move.shift, move.sd)
    return learned._replace(scale=scale, five=five)


def change_plan(learned: Learned, event: PlanChange) -> Learned:
    """Begin again with the prior of another plan: what models weigh against each other stays."""
    if event.after == learned.plan:
        return learned
    plans = load_announcements()["plans"]
    before, after = plans.get(event.before or learned.plan), plans.get(event.after)
    five, week = learned.five, learned.week
    sd = 1.0
    shift = week_shift = 0.0
    if before is not None and after is not None:
        sd = _PLAN_SD
        shift = -math.log(after["five_hour"] / before["five_hour"])
        week_shift = shift + math.log(after["window_of_week"] / before["window_of_week"])
    if five is not None:
        five = changes.move_scale(five, shift, event.at, sd=sd, is_plan=True)._replace(recent=())
    if week is not None:
        week = changes.move_scale(week, week_shift, event.at, sd=sd, is_plan=True)._replace(recent=())
    scale = plan_scale(event.after)
    if learned.scale is not None:
        ratio = learned.scale.peak / learned.scale.plain
        change = week_scale.ScaleChange(event.at, scale.plain / learned.scale.plain, False)
        var = scale.cov[0]
        scale = scale._replace(
            peak=scale.plain * ratio,
            cov=(var, var, var + (learned.scale.peak_sd * scale.plain) ** 2),
            last=Reading(event.at, None, None, None, None),
            changes=(*learned.scale.changes, change)[-8:],
        )
    return learned._replace(five=five, week=week, scale=scale, plan=event.after)


def begin_scoped(learned: Learned) -> Learned:
    """A state to learn a weekly limit of one model from: models weigh as they do, its scale is open."""
    weights = learned.weights
    if weights is None:
        return Learned()
    scale = 1.0 if learned.scale is None or weights is learned.week else learned.scale.plain
    mean = (weights.mean[SCALE] + math.log(scale), *weights.mean[1:])
    cov = ((weights.cov[SCALE][SCALE] + 1.0, *weights.cov[SCALE][1:]), *weights.cov[1:])
    week = weights._replace(
        mean=mean, cov=cov, unit=WEEK_UNIT, active=ACTIVE_WEEK, windows=0, reference=(), odds=(), recent=(), changes=()
    )
    return Learned(week=week)


def learn(weights: Weights, window: Window, peak: float = 1.0) -> tuple[Weights, Explained]:
    """Take in a window that is over (or as much of it as is known), later than all before. `peak`: factor of peak hours."""
    weights = with_models(weights, (work.model for step in window.steps for work in step.work))
    days = max(0.0, window.start - weights.at) / 86_400
    mean, cov = list(weights.mean), [list(row) for row in weights.cov]
    for place in range(len(mean)):
        drift = _DRIFT_SCALE if place == SCALE else _DRIFT if place >= MODELS else 0.002
        cov[place][place] += drift**2 * days
    run = WindowFilter(weights, mean, cov, peak=peak)
    run.take(window)
    explained = run.result()
    size = len(mean)
    after = weights._replace(
        at=max(weights.at, window.reset),
        mean=tuple(run.mean[:size]),
        cov=tuple(tuple(row[:size]) for row in run.cov[:size]),
    )
    after = _learn_sessions(after, run)
    after = _learn_errors(after, weights, run, explained)
    if run.seconds:
        hours = run.seconds / 3600
        count = min(weights.active_hours + hours, _ACTIVE_MOST)
        active = weights.active + (run.active_seconds / run.seconds - weights.active) * hours / count
        after = after._replace(
            active=min(0.6 if weights.unit == 1.0 else ACTIVE_WEEK, max(0.02, active)), active_hours=count
        )
    own = sum(part.points for part in explained.sessions.values())
    if own >= (_EVIDENT if window.base is None else _EVIDENT_DAY) and run.seconds:
        first = weights.first if weights.windows else window.start
        after = after._replace(windows=weights.windows + 1, first=first, dollars=weights.dollars + window.dollars)
        after = changes.watch(after, weights, window, run)
    return after, explained


def _learn_errors(after: Weights, before: Weights, run: WindowFilter, explained: Explained) -> Weights:
    """Compare expectations with readings: step by step, and over the window."""
    if run.steps > 0:
        count = min(before.misfit_count + run.steps, _MISFIT_MOST)
        misfit = before.misfit + (run.square / run.steps - before.misfit) * min(1.0, run.steps / count)
        after = after._replace(misfit=misfit, misfit_count=count)
    fade = 0.5 ** (max(0.0, after.at - before.at) / 86_400 / _FIT_DAYS)
    rise = max(0.0, explained.last_percent - run.base)
    own = min(rise, sum(part.points for part in explained.sessions.values()))
    return after._replace(own=before.own * fade + own, seen=before.seen * fade + rise)


def _learn_sessions(weights: Weights, run: WindowFilter) -> Weights:
    """Learn how much sessions differ, from how much these did (one step of expectation and maximization)."""
    var, count = weights.session_var, weights.session_count
    for place in range(len(run.done)):
        index = run.elsewhere + 1 + place
        left = run.cov[index][index]
        told = max(0.0, 1 - left / weights.session_var)
        if told > 0.02:
            count = min(count + told, _SESSION_MOST)
            var += told * (run.mean[index] ** 2 + left - var) / count
    return weights._replace(session_var=max(var, _SESSION_LEAST**2), session_count=count)
