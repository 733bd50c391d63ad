"""One 5-hour window as a share of the week, learned from both percentages rising side by side.

Both are the service's own numbers, so use elsewhere disturbs nothing. A small linear Kalman filter follows the percentage
of the week: its state is the points of the week per point of a 5-hour window, the same for peak hours (the service has
counted them as more of the 5-hour limit, and as usual of the week), and the true percentage behind the rounded one. A week
that begins, a fall, or a stretch without readings begins the percentage again and leaves the scales as they are.
"""

import math
from collections.abc import Iterable, Sequence

from tachograph.lean_typing import NamedTuple
from tachograph.model.estimates.training_windows import FIVE_HOURS, FULL, Reading, is_peak, same

_USUAL, _USUAL_SD = 0.1, 0.05  # points of the week per point of a 5-hour window, for an unknown plan
_PEAK_SD = 0.15  # of the logarithm by which peak hours differ, before any data
_DRIFT, _PEAK_DRIFT = 0.009, 0.003  # per square root of a day, relative
_ROUNDED = 1 / 12
_STEP = 0.8  # points by which the week should have risen between two readings that count as two
_GAP = 900.0  # seconds of an open window without a reading after which its end is unknown
_ODD, _ODD_SDS = 1.6, 4.0  # points and deviations from which a percentage begins again
_REMEMBERED, _CHANGES = 20, 8  # windows, and changes of the scale
_ALARM, _CLEAR = 7.0, 0.15  # log odds from which a change is taken for one, and the least that counts as one
_PEAK_ALARM, _PEAK_CLEAR, _EXPECTED = 8.0, 0.2, 0.6
_PEAK_FACTOR, _PEAK_FACTOR_SD = math.log(1.43), 0.07  # by which peak hours have been known to begin or end
_FALL = 3.0  # points by which a week that goes on falls where its limit grew
# Points by which a week that goes on jumps between two readings, from what percentage on, and by what factor at most. Smaller
# limits to expect beside one jump of use that was not read; the account's own jumps of the last weeks count as such use.
_JUMP, _JUMP_FROM, _JUMP_MOST, _JUMP_CHANCE, _JUMP_HALF_LIFE = 3.0, 10.0, 2.2, 0.2, 28.0


class Rises(NamedTuple):
    """A 5-hour window: points by which it rose outside of and in peak hours, points of the week beside them, and the scales
    that were known before it, with the relative standard deviations of them and of their ratio."""

    start: float
    plain: float
    peak: float
    week: float
    known: float
    known_peak: float
    sd: float
    peak_sd: float


class WeekScale(NamedTuple):
    """Points of the week per point of a 5-hour window (`plain`), the same in peak hours (`peak`), their covariance, and
    where the percentage of the week was followed to. `seen`: points of the week that were learned from; `changes` that were
    found, oldest first."""

    plain: float
    peak: float
    cov: tuple[float, float, float]
    seen: float = 0.0
    level: float | None = None
    level_cov: tuple[float, float, float] = (0.0, 0.0, 0.0)
    waiting: float = 0.0
    last: Reading | None = None
    window: Rises | None = None
    begun_at: float = 0.0  # percentage of the week at the start of the window
    recent: tuple[Rises, ...] = ()
    changes: tuple["ScaleChange", ...] = ()
    jumps: float = 0.0  # of the week that no rise explained, older ones counting for less, as of `jumped_at`
    jumped_at: float = 0.0

    @property
    def sd(self) -> float:
        """Of `plain`, relative."""
        return math.sqrt(self.cov[0]) / self.plain

    @property
    def peak_sd(self) -> float:
        """Of the ratio of both scales, relative."""
        a, ab, b = self.cov
        return math.sqrt(max(0.0, a - 2 * ab + b)) / self.plain

    @property
    def rises(self) -> tuple[Rises, ...]:
        """The latest windows, the open one included once it tells something."""
        if self.window is None or self.window.plain + self.window.peak < 4:
            return self.recent
        return (*self.recent, self.window)

    @property
    def hour_weight(self) -> float:
        """Factor of work in peak hours on the 5-hour limit."""
        return min(2.5, max(0.6, self.plain / self.peak)) if self.peak > 0 else 1.0

    def plain_at(self, at: float) -> float:
        """Points of the week per point of a 5-hour window as they were at an earlier moment."""
        plain = self.plain
        for change in self.changes:
            if change.since > at and not change.is_peak:
                plain /= change.factor
        return plain


class ScaleChange(NamedTuple):
    """A 5-hour window has been `factor` times as much of the week since a moment; `is_peak`: in peak hours only."""

    since: float
    factor: float
    is_peak: bool


def begin(per_window: float | None = None, relative_sd: float = 0.15) -> WeekScale:
    """The scale of a plan of which a full 5-hour window is known to be about `per_window` of the week (a fraction), or of an
    unknown plan."""
    scale = _USUAL if per_window is None else per_window
    var = (_USUAL_SD if per_window is None else relative_sd * scale) ** 2
    return WeekScale(scale, scale, (var, var, var + (_PEAK_SD * scale) ** 2))


def follow(scale: WeekScale, readings: Iterable[Reading], cut: float = 0.0) -> WeekScale:
    """Take in readings, later than all before. `cut`: points that rounding cuts off."""
    for reading in readings:
        if reading.week is None or reading.week_reset is None:
            continue
        last = scale.last
        if last is not None and reading.at <= last.at:
            continue
        scale = _follow_one(scale, reading, cut)
    return scale


def _follow_one(scale: WeekScale, reading: Reading, cut: float) -> WeekScale:
    last = scale.last
    week = (reading.week or 0.0) + cut
    if last is None:
        return _begin_level(scale, week)._replace(last=reading)
    same_week = same(reading.week_reset, last.week_reset)
    if (
        same_week
        and (last.week or 0.0) - (reading.week or 0.0) >= _FALL
        and (reading.week or 0.0) > 0.2 * (last.week or 0.0)
    ):
        scale = _rescale(scale, (week + 0.01) / ((last.week or 0.0) + cut), reading.at)
    rise, is_whole, is_new_window = _rise(last, reading, cut)
    if is_new_window:
        scale = _close(scale)
    if same_week:
        scale = _doubt(scale, (last.week or 0.0) + cut, week - rise * scale.plain, reading.at)
    is_full = (reading.week or 0.0) >= FULL
    if not same_week or is_full or not is_whole:
        scale = _begin_level(scale, week)
        if is_new_window:
            scale = _open(scale, reading, (reading.week or 0.0), counts=False)
        elif scale.window is not None:  # a window in which the week began again is counted from here on
            scale = scale._replace(window=_rises(scale, reading), begun_at=reading.week or 0.0)
        return scale._replace(last=reading)
    in_peak = is_peak((last.at + reading.at) / 2)
    if is_new_window:
        scale = _open(scale, reading, last.week or 0.0, counts=True)
    if scale.window is not None and rise > 0:
        window = scale.window
        window = window._replace(peak=window.peak + rise) if in_peak else window._replace(plain=window.plain + rise)
        scale = scale._replace(window=window)
    scale = _predict(scale, rise, in_peak, (reading.at - last.at) / 86_400)
    hours = (reading.at - last.at) / 3600
    if scale.waiting >= _STEP or hours > 1:
        scale = _correct(scale, week)
    if scale.window is not None:
        scale = scale._replace(window=scale.window._replace(week=(reading.week or 0.0) - scale.begun_at))
    return scale._replace(last=reading)


def _rise(last: Reading, reading: Reading, cut: float) -> tuple[float, bool, bool]:
    """Points by which the 5-hour limit rose between two readings, whether no rise can have been missed, and whether another
    window began."""
    before = last.five if last.five_reset is not None and last.five is not None else 0.0
    after = reading.five if reading.five_reset is not None and reading.five is not None else 0.0
    before, after = before + cut * min(1.0, before), after + cut * min(1.0, after)
    if same(last.five_reset, reading.five_reset):
        return after - before, after >= before - 1.5, False
    if reading.five_reset is None:  # no window is open
        end = last.five_reset or last.at
        return 0.0, min(end, reading.at) - last.at <= _GAP or before == 0, True
    start = reading.five_reset - FIVE_HOURS
    unseen = min(last.five_reset, start) - last.at if last.five_reset is not None else 0.0
    is_whole = unseen <= _GAP and max(0.0, start - max(last.at, last.five_reset or 0.0)) < 12 * 3600
    return after, is_whole, True


def _rescale(scale: WeekScale, factor: float, at: float) -> WeekScale:
    """The scale after the percentage of a week that goes on was multiplied: its limit has changed."""
    plain, peak = scale.plain * factor, scale.peak * factor
    var, cut = factor * factor, (0.06 * plain) ** 2
    a, ab, b = (value * var + cut for value in scale.cov)
    window = scale.window
    if window is not None:
        window = window._replace(known=plain, known_peak=peak, sd=0.08)
    return scale._replace(
        plain=plain, peak=peak, cov=(a, ab, b), window=window, recent=(),
        changes=(*scale.changes, ScaleChange(at, factor, False))[-_CHANGES:],
    )  # fmt: skip


def _doubt(scale: WeekScale, before: float, after: float, at: float) -> WeekScale:
    """The scale after a week that goes on went from one percentage to another beside what the 5-hour limit explains. Use that
    was not read does that, and so does a smaller weekly limit: the scale moves by the chance of that, and is less sure. Where
    such jumps are usual, they are use."""
    if before < _JUMP_FROM or after - before < _JUMP or after > _JUMP_MOST * before:
        return scale
    usual = scale.jumps * 0.5 ** ((at - scale.jumped_at) / 86_400 / _JUMP_HALF_LIFE)
    chance = _JUMP_CHANCE / (_JUMP_CHANCE + 1.0 + usual)
    shift = math.log(after / before)
    factor = math.exp(chance * shift)
    plain, peak = scale.plain * factor, scale.peak * factor
    var = chance * (1 - chance) * shift * shift
    a, ab, b = (value * factor * factor for value in scale.cov)
    cov = (a + var * plain * plain, ab + var * plain * peak, b + var * peak * peak)
    return scale._replace(plain=plain, peak=peak, cov=cov, jumps=usual + 1.0, jumped_at=at)


def _begin_level(scale: WeekScale, week: float) -> WeekScale:
    return scale._replace(level=week, level_cov=(0.0, 0.0, _ROUNDED), waiting=0.0)


def _predict(scale: WeekScale, rise: float, in_peak: bool, days: float) -> WeekScale:
    a, ab, b = scale.cov
    drift = (_DRIFT * scale.plain) ** 2 * days
    a, ab, b = a + drift, ab + drift, b + drift + (_PEAK_DRIFT * scale.plain) ** 2 * days
    la, lb, ll = scale.level_cov
    slope = scale.peak if in_peak else scale.plain
    if rise:
        var, own = (b, lb) if in_peak else (a, la)
        ll += rise * rise * var + 2 * rise * own
        la, lb = (la + rise * ab, lb + rise * b) if in_peak else (la + rise * a, lb + rise * ab)
    level = (scale.level or 0.0) + rise * slope
    return scale._replace(
        cov=(a, ab, b), level_cov=(la, lb, ll + 2e-4), level=level, waiting=scale.waiting + max(0.0, rise) * slope
    )


def _correct(scale: WeekScale, week: float) -> WeekScale:
    la, lb, ll = scale.level_cov
    var = ll + _ROUNDED
    off = week - (scale.level or 0.0)
    if abs(off) > max(_ODD, _ODD_SDS * math.sqrt(var)):
        return _begin_level(scale, week)  # something else happened: use without readings, a changed limit
    a, ab, b = scale.cov
    ga, gb, gl = la / var, lb / var, ll / var
    plain, peak = scale.plain + ga * off, scale.peak + gb * off
    return scale._replace(
        plain=max(plain, 0.1 * scale.plain),
        peak=max(peak, 0.1 * scale.peak),
        cov=(a - ga * la, ab - ga * lb, b - gb * lb),
        level_cov=(la - ga * ll, lb - gb * ll, ll - gl * ll),
        level=(scale.level or 0.0) + gl * off,
        seen=scale.seen + scale.waiting,
        waiting=0.0,
    )


# -- windows, and changes between them -----------------------------------------------------------------------------


def _rises(scale: WeekScale, reading: Reading) -> Rises:
    start = (reading.five_reset or reading.at + FIVE_HOURS) - FIVE_HOURS
    return Rises(start, 0.0, 0.0, 0.0, scale.plain, scale.peak, scale.sd, scale.peak_sd)


def _open(scale: WeekScale, reading: Reading, week: float, *, counts: bool) -> WeekScale:
    if reading.five_reset is None or reading.five is None:
        return scale._replace(window=None)
    return scale._replace(window=_rises(scale, reading), begun_at=week)


def _close(scale: WeekScale) -> WeekScale:
    window = scale.window
    if window is None or window.plain + window.peak < 4:
        return scale._replace(window=None)
    return scale._replace(window=None, recent=(*scale.recent, window)[-_REMEMBERED:])


def change(scale: WeekScale, *, is_expected: bool = False) -> tuple[WeekScale, ScaleChange] | None:
    """Find a change of the scale in the latest windows; the scale from then on, and the change. None: no clear one.
    `is_expected`: one was announced, so less evidence is enough.
    """
    best: tuple[float, int, float, bool] | None = None
    recent = scale.rises
    for place in range(len(recent) - 1, -1, -1):
        part = recent[place:]
        known, known_peak = part[0].known, part[0].known_peak
        for only_peak in (False, True):
            found = _gain(part, known, known_peak, only_peak)
            if found is not None:
                explained_by_doubt = (
                    0.5 * (math.log(found[1]) / math.hypot(part[0].peak_sd if only_peak else part[0].sd, 0.01)) ** 2
                )
                gain = min(found[0], explained_by_doubt)
                if only_peak:
                    gain -= 0.5 * ((abs(math.log(found[1])) - _PEAK_FACTOR) / _PEAK_FACTOR_SD) ** 2
                found = (gain, found[1])
            if found is not None and (best is None or found[0] > best[0]):
                best = (found[0], place, found[1], only_peak)
    ease = _EXPECTED if is_expected else 1.0
    if best is None or best[0] < ease * (_PEAK_ALARM if best[3] else _ALARM):
        return None
    _, place, factor, only_peak = best
    part = recent[place:]
    plain = part[0].known * (1.0 if only_peak else factor)
    peak = part[0].known_peak * factor
    week = max(1.0, sum(abs(one.week) for one in part))
    var = (plain * (0.02 + math.sqrt(len(part) / 6) / week)) ** 2
    # a changed limit leaves the hours as they were known
    var_peak = (peak * 0.08) ** 2 if only_peak else var + (min(_PEAK_SD, scale.peak_sd) * plain) ** 2
    window = scale.window
    scale = begin()._replace(
        plain=plain, peak=peak, cov=(var, var if not only_peak else 0.0, var_peak),
        seen=scale.seen, level=scale.level, level_cov=(0.0, 0.0, scale.level_cov[2] + 0.1),
        last=scale.last, begun_at=scale.begun_at, changes=scale.changes, jumps=scale.jumps, jumped_at=scale.jumped_at,
    )  # fmt: skip
    if window is not None:
        scale = scale._replace(window=window._replace(known=plain, known_peak=peak, sd=scale.sd))
    found_change = ScaleChange(part[0].start, factor, only_peak)
    return scale._replace(changes=(*scale.changes, found_change)[-_CHANGES:]), found_change


def refine(scale: WeekScale, shift: float, sd: float) -> WeekScale:
    """The scale after a change with a size that the work in the windows shows, too: as a logarithm, with its deviation."""
    change = scale.changes[-1]
    own = scale.sd
    weight = own * own / (own * own + sd * sd)
    step = math.exp(weight * (shift - math.log(change.factor)))
    a, ab, b = (value * step * step for value in scale.cov)
    lost = a * weight
    return scale._replace(
        plain=scale.plain * step,
        peak=scale.peak * step,
        cov=(a - lost, ab - lost, b - lost),
        changes=(*scale.changes[:-1], change._replace(factor=change.factor * step)),
    )


def _gain(part: Sequence[Rises], known: float, known_peak: float, only_peak: bool) -> tuple[float, float] | None:
    """Log odds of a change of the scale in some windows, and its factor as they have it; None if it is too small."""
    before = after = 0.0
    predicted = [(one.plain * known, one.peak * known_peak) for one in part]
    variances = [1 / 6 + (0.05 * (a + b)) ** 2 for a, b in predicted]
    over = under = 0.0
    for one, (a, b), var in zip(part, predicted, variances, strict=True):
        x, y = (b, one.week - a) if only_peak else (a + b, one.week)
        over, under = over + x * y / var, under + x * x / var
    if under <= 0 or sum(b if only_peak else a + b for a, b in predicted) < 1.0:
        return None
    factor = min(25.0, max(0.04, over / under))
    if abs(math.log(factor)) < (_PEAK_CLEAR if only_peak else _CLEAR):
        return None
    for one, (a, b), var in zip(part, predicted, variances, strict=True):
        before += min(12.0, (one.week - a - b) ** 2 / var)
        expected = a + factor * b if only_peak else factor * (a + b)
        var_after = 1 / 6 + (0.05 * expected) ** 2
        after += min(12.0, (one.week - expected) ** 2 / var_after)
    gain = 0.5 * (before - after)
    return (gain if len(part) > 1 else gain - 3.0), factor
