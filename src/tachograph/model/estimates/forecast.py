"""Probability of reaching a limit before its reset, and the time of it.

A logistic regression on how fast the limit fills, how much is left of it and of its time, whether work is going on, and how
earlier windows ended. The coefficients ship with the program (forecast_prior.json, which names their origin); they are
blended with the outcomes of earlier forecasts of the same account. Times are epoch seconds, rates percent per hour, chances
0 to 1. The future is mostly the person's choice, so even a good forecast is a modest one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence

from tachograph.lean_json import loads
from tachograph.lean_typing import TYPE_CHECKING, NamedTuple
from tachograph.model.estimates.training_windows import FIVE_HOURS, FULL, WEEK, Reading

if TYPE_CHECKING:
    from typing import Any

VERSION = 2  # of the features: forecasts of other versions are not learned from
EVERY = 900  # seconds between two stored forecasts of one limit
_LEAST, _MOST = 0.003, 0.995  # nothing is certain before it has happened
# How much an account's own past may move the shipped prior: standard deviations of an intercept and a slope around 0 and
# 1, the weight of a window, and the number of windows that count as much as the prior.
_SHIFT_SD, _SLOPE_SD, _ONE_WINDOW, _PRIOR_WINDOWS = 0.5, 0.2, 1.5, 60.0
_PRIOR_WEEKS = 12.0
_USUAL_HITS, _USUAL_WINDOWS = 1.0, 9.0
_USUAL_DAY = 8.0  # percent of a week per day, for an account without earlier weeks
# Weeks of people who steer: percent from which a week counts as used by plan; weeks that count as much as not knowing; how
# often such people reach the limit. Chosen by leaving out each simulated user in turn.
_NEARLY, _UNKNOWN_WEEKS, _STEERED_HITS = 85.0, 2.0, 0.4


class Pace(NamedTuple):
    """A running 5-hour window at a moment: `used` percent, `left` minutes. `by_reading`: percent per hour in the last 15 and
    60 minutes by readings, `by_work` the same of this machine's work in the last 6, 15 and 60 minutes by learned weights.
    `sessions`: active in the last 30 minutes and in the last 10; `age` of the newest of them and time `since` the last
    message, minutes. `hits` of `windows` earlier ones reached the limit."""

    used: float
    left: float
    by_reading: tuple[float, float]
    by_work: tuple[float, float, float]
    sessions: int
    sessions_10: int
    age: float
    since: float
    hits: int
    windows: int


class WeekPace(NamedTuple):
    """A running week at a moment: `used` percent, `left` hours; percent per day since it began and in the last 48 hours;
    `peaks`: the highest percentages of earlier weeks."""

    used: float
    left: float
    this_week: float
    last_days: float
    peaks: tuple[float, ...] = ()


class RecentWork(NamedTuple):
    """A message of the last hour, in points of a 5-hour window."""

    at: float
    session: str
    points: float


class TimeToLimit(NamedTuple):
    """Minutes from now to the limit, given that it is reached: one of ten such cases is earlier than `p10`, one later than
    `p90`."""

    p10: float
    p50: float
    p90: float


class Past(NamedTuple):
    """An earlier forecast by the shipped prior alone, the reset of its window, and its outcome."""

    chance: float
    reset: float
    hit: bool


class Forecast(NamedTuple):
    """`chance` after blending, `prior` before; `when` only for a chance that is large enough for a time to mean anything."""

    chance: float
    prior: float
    when: TimeToLimit | None


_shipped: dict[str, Any] = {}


def load_prior() -> dict[str, Any]:
    """The shipped coefficients, and where they come from."""
    if not _shipped:
        with open(os.path.join(os.path.dirname(__file__), "forecast_prior.json"), "rb") as file:
            _shipped.update(loads(file.read()))
    return _shipped


# -- features --------------------------------------------------------------------------------------------------


def rate(readings: Sequence[Reading], at: float, minutes: float) -> float:
    """Percent per hour in the last minutes of a 5-hour window with these readings, up to now."""
    used = readings[-1].five or 0.0
    reset = readings[-1].five_reset or at
    since = at - minutes * 60 - 30
    first = next(reading for reading in readings if reading.at >= min(since, readings[-1].at))
    if at - first.at < 240:
        if len(readings) < 2:
            return used / max((FIVE_HOURS - (reset - at)) / 60, 5.0) * 60
        first = readings[-2]
    return max(0.0, (used - (first.five or 0.0)) / (max(at - first.at, 60.0) / 3600))


def pace(
    readings: Sequence[Reading],
    at: float,
    done: Sequence[RecentWork] | None,
    first_seen: float | None,
    hits: int,
    windows: int,
) -> Pace | None:
    """The pace of a 5-hour window, from its readings so far (the last one has its percentage) and the work of the last hour
    (None: its weight is unknown); `first_seen`: when the newest session began. None if the window is over."""
    last = readings[-1]
    if last.five is None or last.five_reset is None or last.five_reset <= at:
        return None
    by_reading = (rate(readings, at, 15), rate(readings, at, 60))
    if done is None:
        by_work, done = (by_reading[0], by_reading[0], by_reading[1]), ()
    else:
        sums = [sum(one.points for one in done if one.at > at - minutes * 60) / minutes * 60 for minutes in (6, 15, 60)]
        by_work = (sums[0], sums[1], sums[2])
    recent = [one for one in done if one.at > at - 1800]
    return Pace(
        last.five,
        (last.five_reset - at) / 60,
        by_reading,
        by_work,
        len({one.session for one in recent}),
        len({one.session for one in recent if one.at > at - 600}),
        (at - first_seen) / 60 if recent and first_seen is not None else 0.0,
        (at - done[-1].at) / 60 if done else 60.0,
        hits,
        windows,
    )


def week_pace(readings: Sequence[Reading], at: float, before: Sequence[float]) -> WeekPace | None:
    """The pace of a week, from its readings so far; `before`: the highest percentages of earlier weeks, oldest first."""
    last = readings[-1]
    if last.week is None or last.week_reset is None or last.week_reset <= at:
        return None
    elapsed = max(WEEK - (last.week_reset - at), 3600.0) / 86_400
    first = next(reading for reading in readings if reading.at >= min(at - 2 * 86_400, last.at))
    days = (at - first.at) / 86_400
    recent = max(0.0, last.week - (first.week or 0.0)) / days if days >= 0.5 else last.week / elapsed
    return WeekPace(last.week, (last.week_reset - at) / 3600, last.week / elapsed, recent, tuple(before))


# -- probability -----------------------------------------------------------------------------------


def features(seen: Pace) -> list[float]:
    """Features of the regression, in the order of its coefficients after the intercept."""
    left, hours = (100 - seen.used) / 100, seen.left / 300
    need = math.log1p((100 - seen.used) / max(seen.left, 1.0) * 60)
    r15, r60 = (math.log1p(value) for value in seen.by_reading)
    p5, p15, p60 = (math.log1p(value) for value in seen.by_work)
    window = math.log1p(seen.used / max(300 - seen.left, 5.0) * 60)
    active = float(seen.sessions > 0)
    habit = math.log((seen.hits + _USUAL_HITS) / (seen.windows + _USUAL_WINDOWS) * _USUAL_WINDOWS / _USUAL_HITS)
    to_go = [(100 - seen.used) / max(value, 1.0) for value in (seen.by_work[1], seen.by_work[0], seen.by_reading[1])]
    return [
        window - need, r60 - need, r15 - need, need, hours, left, active,
        p15 - need, p60 - need, p5 - need,
        math.log1p(seen.sessions), float(seen.sessions_10 > 0), math.log1p(seen.age), math.log1p(min(seen.since, 60.0)),
        habit,
        active * p15, (r15 - need) ** 2, need**2, left * hours, active * hours, active * left, window * hours,
        min(0.0, to_go[0] - seen.left / 60), *(min(3.0, value) for value in to_go),
    ]  # fmt: skip


def time_features(seen: Pace) -> list[float]:
    """Features of the time to the limit, given that it is reached."""

    def straight(per_hour: float) -> float:
        return math.log(min(8.0, max(0.02, (100 - seen.used) / max(per_hour, 1.0) * 60 / max(seen.left, 1.0))))

    window = seen.used / max(300 - seen.left, 5.0) * 60
    rates = (*seen.by_reading, seen.by_work[1], seen.by_work[2], window)
    return [*(straight(value) for value in rates), seen.left / 300, (100 - seen.used) / 100, float(seen.sessions > 0)]


def week_features(seen: WeekPace) -> list[float]:
    """Features of a week: its pace, and the usual one, beside what it would take."""
    need = _needed_pace(seen)
    usual = sum(seen.peaks) / len(seen.peaks) / 7 if seen.peaks else _USUAL_DAY
    speeds = [math.log(value + 0.5) - need for value in (seen.this_week, seen.last_days, usual)]
    return [*speeds, seen.left / 168, (100 - seen.used) / 100]


def _needed_pace(seen: WeekPace) -> float:
    """Logarithm of the points a day that would use up the week."""
    return math.log((100 - seen.used + 1) / max(seen.left / 24, 0.05))


def steer(chance: float, seen: WeekPace) -> float:
    """A chance of a week for a person who may steer it: who uses most of every week slows down towards its end, and reaches
    the limit as often as in such weeks before, whatever the pace."""
    nearly = sum(peak >= _NEARLY for peak in seen.peaks)
    if not nearly:
        return chance
    habit = nearly / (len(seen.peaks) + _UNKNOWN_WEEKS)
    hits = sum(peak >= FULL for peak in seen.peaks)
    own = (hits + _STEERED_HITS * _UNKNOWN_WEEKS) / (nearly + _UNKNOWN_WEEKS)
    needed = (100 - seen.used) / max(seen.left / 24, 0.05)
    usual = max(seen.this_week, seen.last_days, sum(seen.peaks) / len(seen.peaks) / 7)
    if needed > usual:  # the week is behind: no steering brings it back from too far
        habit *= min(1.0, max(0.0, 1.6 - needed / (2 * usual + 1)))
    return (1 - habit) * chance + habit * own


def week_time_features(seen: WeekPace) -> list[float]:
    """Features of the time to the limit of a week, given that it is reached."""

    def straight(per_day: float) -> float:
        return math.log(min(8.0, max(0.02, (100 - seen.used) / max(per_day, 1.0) * 24 / max(seen.left, 1.0))))

    return [straight(seen.this_week), straight(seen.last_days), seen.left / 168]


def chance(seen: Pace | WeekPace, past: Sequence[Past] | FittedPast = ()) -> Forecast:
    """The chance of reaching the limit before its reset, blended with outcomes of earlier forecasts of the account."""
    is_week = isinstance(seen, WeekPace)
    if seen.used >= FULL:
        return Forecast(1.0, 1.0, TimeToLimit(0.0, 0.0, 0.0))
    model = load_prior()["seven_day" if is_week else "five_hour"]
    values = week_features(seen) if isinstance(seen, WeekPace) else features(seen)
    prior = _bound(_logistic(_linear(model["chance"], values)))
    if isinstance(seen, WeekPace):
        prior = steer(prior, seen)
    times = week_time_features(seen) if isinstance(seen, WeekPace) else time_features(seen)
    middle = _linear(model["wall"], times)
    left = seen.left * (60 if is_week else 1)
    low, high = model["wall_spread"]
    when = TimeToLimit(*(left * _logistic(middle + offset) for offset in (low, model["wall_middle"], high)))
    fitted = past if isinstance(past, FittedPast) else fit_past(past, is_week=is_week)
    blended_chance = blend(prior, fitted)
    return Forecast(blended_chance, prior, when if blended_chance >= 0.05 else None)


def ends(seen: Pace | WeekPace, chance: float) -> tuple[float, float, float]:
    """Percent at the reset that one, five and nine of ten cases like this one stay below; at most 100."""
    if seen.used >= FULL:
        return 100.0, 100.0, 100.0
    knots = load_prior()["seven_day" if isinstance(seen, WeekPace) else "five_hour"]["fan"]
    above = next((place for place, knot in enumerate(knots) if knot[0] >= chance), len(knots))
    if above == 0 or above == len(knots):
        parts = knots[min(above, len(knots) - 1)][1:]
    else:
        before, after = knots[above - 1], knots[above]
        along = (chance - before[0]) / (after[0] - before[0])
        parts = [a + along * (b - a) for a, b in zip(before[1:], after[1:], strict=True)]
    low, middle, high = (seen.used + part * (100 - seen.used) for part in parts)
    return low, middle, high


class FittedPast(NamedTuple):
    """Outcomes of an account's earlier forecasts: how the shipped prior is to be moved, and how far that is trusted (0 to 1)."""

    shift: float
    slope: float
    trust: float


def fit_past(past: Sequence[Past], *, is_week: bool = False) -> FittedPast:
    """Fit the outcomes of earlier forecasts of a 5-hour limit or a weekly one."""
    if not past:
        return FittedPast(0.0, 1.0, 0.0)
    windows = len({one.reset for one in past})
    # the same weight for each forecast: windows that were used up early have fewer, and would count too much else
    weight = _ONE_WINDOW * windows / len(past)
    shift, slope = _recalibrate([(_logit(one.chance), float(one.hit), weight) for one in past])
    return FittedPast(shift, slope, windows / (windows + (_PRIOR_WEEKS if is_week else _PRIOR_WINDOWS)))


def blend(prior: float, past: FittedPast) -> float:
    """A chance moved towards how often earlier ones like it came true, further with more windows of the account."""
    if not past.trust:
        return prior
    own = _logistic(past.shift + past.slope * _logit(prior))
    return _bound(past.trust * own + (1 - past.trust) * prior)


def _recalibrate(rows: Iterable[tuple[float, float, float]]) -> tuple[float, float]:
    """Intercept and slope of a logistic regression on (logit, outcome, weight), held close to 0 and 1 (Newton)."""
    rows = tuple(rows)
    shift, slope = 0.0, 1.0
    for _ in range(6):
        a, b, c = 1 / _SHIFT_SD**2, 0.0, 1 / _SLOPE_SD**2
        up, along = -a * shift, -c * (slope - 1)
        for logit, outcome, weight in rows:
            p = _logistic(shift + slope * logit)
            curve, off = weight * p * (1 - p), weight * (outcome - p)
            a, b, c = a + curve, b + curve * logit, c + curve * logit * logit
            up, along = up + off, along + off * logit
        both = a * c - b * b
        shift += max(-1.0, min(1.0, (c * up - b * along) / both))
        slope += max(-0.5, min(0.5, (a * along - b * up) / both))
    return shift, slope


def _linear(coefficients: Sequence[float], values: Sequence[float]) -> float:
    return coefficients[0] + sum(c * value for c, value in zip(coefficients[1:], values, strict=True))


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


def _logit(chance: float) -> float:
    chance = _bound(chance)
    return math.log(chance / (1 - chance))


def _bound(chance: float) -> float:
    return min(_MOST, max(_LEAST, chance))
