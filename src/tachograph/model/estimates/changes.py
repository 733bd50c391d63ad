"""Find changes of what work costs: windows that have become dearer or cheaper than the weights expect, for good.

Use elsewhere only ever makes a window look dearer, and not every window has it: dearer for good means that no window is as
cheap as before. The log odds of each change that is tried, a window at a time, start over at 0 and count from a threshold on
(Page's CUSUM).
"""

import math
from collections.abc import Sequence

from tachograph.lean_typing import NamedTuple
from tachograph.model.estimates.training_windows import Window
from tachograph.model.estimates.weights import SCALE, Change, Weights, WindowRatio, cost_table
from tachograph.model.estimates.window_filter import WindowFilter

# Changes that are tried, as logarithms of a factor, up to 20 times as much.
SHIFTS = (-3.0, -2.2, -1.6, -1.1, -0.7, -0.5, -0.35, -0.25, -0.15, 0.15, 0.25, 0.35, 0.5, 0.7, 1.1, 1.6, 2.2, 3.0)
_ALARM, _MOST_SAID, _REMEMBERED = 8.0, 2.0, 24
_CALM = 1.0  # below these odds the present weights are what windows are compared with
_OTHERS, _OTHERS_SIZE, _ODD = 0.4, 0.3, 0.02  # windows with use elsewhere, how much, and windows that fit nothing
_ENOUGH = 20  # windows before a change can be told from not knowing yet
_NEAR = 0.3  # logarithms by which a move may differ from the one that the week shows
_SPREAD = 0.25  # of a change's size: how unsure its size is


def watch(after: Weights, before: Weights, window: Window, run: WindowFilter) -> Weights:
    """Add a window to the evidence; once that is complete for a change, begin again from the change."""
    reference = before.reference or before.mean
    ratio = window_ratio(reference, before, window, run)
    if ratio is None:
        return after._replace(reference=after.mean)
    recent = (*before.recent, ratio)[-_REMEMBERED:]
    after = after._replace(recent=recent)
    if before.windows < _ENOUGH:
        return after._replace(reference=after.mean)
    off = ratio.ratio - ratio.expected
    usual = _fit(off, ratio.sd)
    odds = tuple(
        max(0.0, known + max(-_MOST_SAID, min(_MOST_SAID, math.log(_fit(off - shift, ratio.sd) / usual))))
        for shift, known in zip(SHIFTS, before.odds or tuple(0.0 for _ in SHIFTS), strict=True)
    )
    if max(odds) < _CALM:
        return after._replace(reference=after.mean, odds=odds)
    if max(odds) < _ALARM:
        return after._replace(reference=reference, odds=odds)
    likeliest = SHIFTS[odds.index(max(odds))]
    part = _since(recent, likeliest)
    shift = _likeliest([one.ratio - one.expected for one in part], [one.sd for one in part])
    return move_scale(after, shift, part[0].start, reference)


def move_scale(
    weights: Weights,
    shift: float,
    since: float,
    reference: Sequence[float] | None = None,
    sd: float | None = None,
    *,
    is_plan: bool = False,
) -> Weights:
    """Weights under which work has cost exp(`shift`) times as many points since a moment."""
    base = weights.mean if reference is None else reference
    mean = (base[SCALE] + shift, *base[1:])
    var = (_SPREAD * shift) ** 2 if sd is None else sd * sd
    cov = ((weights.cov[0][0] + var, *weights.cov[0][1:]), *weights.cov[1:])
    change = Change(since, math.exp(shift), is_plan)
    kept = tuple(one for one in weights.recent if one.start >= since)
    kept = tuple(one._replace(expected=mean[SCALE]) for one in kept)
    return weights._replace(
        mean=mean, reference=mean, cov=cov, changes=(*weights.changes, change)[-8:],
        odds=tuple(0.0 for _ in SHIFTS), recent=kept,
    )  # fmt: skip


_HOLDS, _NEWS, _LEAST = 3 * 86_400, 35 * 86_400, 0.1  # seconds a change has to hold, for which it is news; its size


def lasting(changes: Sequence[tuple[float, float]], at: float) -> tuple[float, float] | None:
    """The change (moment, factor) that is worth reporting: one that has held for days, is recent, and was not taken back by
    another. Several in a row count as one."""
    since, shift = 0.0, 0.0
    for moment, factor in changes:
        if not since or moment - since > _NEWS:
            since, shift = moment, 0.0
        shift += math.log(factor)
    if not since or not at - changes[-1][0] >= _HOLDS or at - since > _NEWS or abs(shift) < _LEAST:
        return None
    return since, math.exp(shift)


class Move(NamedTuple):
    """A move of points per dollar: log odds for it, its size as a logarithm with its standard deviation, and where that leaves
    the scale."""

    odds: float
    shift: float
    sd: float
    scale: float


def move_since(weights: Weights, shift: float, since: float) -> Move | None:
    """Compare windows since a moment with points per dollar moved by about `shift`, and find the move that fits them best;
    None without windows."""
    part = [one for one in weights.recent if one.start >= since - 60]
    if not part:
        return None
    first = part[0].expected
    offs, sds = [one.ratio - first for one in part], [one.sd for one in part]
    odds = sum(math.log(_fit(off - shift, sd) / _fit(off, sd)) for off, sd in zip(offs, sds, strict=True))
    near = [shift + step / 50 for step in range(-25, 26)]
    best = max(
        near,
        key=lambda one: (
            sum(math.log(_fit(off - one, sd)) for off, sd in zip(offs, sds, strict=True))
            - 0.5 * ((one - shift) / _NEAR) ** 2
        ),
    )
    sd = 1 / math.sqrt(sum(1 / (sd * sd) for sd in sds)) + 0.02
    return Move(odds, best, sd, first + best)


def window_ratio(reference: Sequence[float], before: Weights, window: Window, run: WindowFilter) -> WindowRatio | None:
    """Points per dollar in a window, under weights that are otherwise those of `reference`."""
    worth = _worth(reference, run)
    rise = run.percent - run.base
    if worth <= 0 or rise <= 0:
        return None
    own, gradient = run.gradient(run.mean)
    alone = sum((value / own) ** 2 for value in gradient[run.elsewhere + 1 :]) if own > 0 else 1.0
    rounding = 0.5 if window.base is None else 0.7
    sd = math.sqrt(before.session_var * alone + 0.03**2 + (rounding / rise) ** 2)
    expected = reference[SCALE]
    return WindowRatio(window.start, expected + math.log((rise + before.cut) / worth), sd, expected)


def _fit(off: float, sd: float) -> float:
    """Density of a window that is off by this much, if nothing has changed."""
    exact = (1 - _OTHERS) * math.exp(-0.5 * min(60.0, (off / sd) ** 2)) / (sd * 2.5066)
    others = _OTHERS * math.exp(-off / _OTHERS_SIZE) / _OTHERS_SIZE if off > 0 else 0.0
    return exact + others + _ODD


def _since(recent: Sequence[WindowRatio], shift: float) -> Sequence[WindowRatio]:
    """The windows from the one on with which the change most likely began."""
    total, best, start = 0.0, -math.inf, len(recent) - 1
    for place in range(len(recent) - 1, -1, -1):
        one = recent[place]
        off = one.ratio - one.expected
        total += max(-_MOST_SAID, min(_MOST_SAID, math.log(_fit(off - shift, one.sd) / _fit(off, one.sd))))
        if total > best:
            best, start = total, place
    return recent[start:]


def _likeliest(offs: Sequence[float], sds: Sequence[float]) -> float:
    """The change, as a logarithm, that fits all windows best."""
    tried = [step / 50 for step in range(-160, 161)]
    return max(tried, key=lambda shift: sum(math.log(_fit(off - shift, sd)) for off, sd in zip(offs, sds, strict=True)))


def _worth(mean: Sequence[float], run: WindowFilter) -> float:
    """Points that a window's work up to its last reading costs by some weights."""
    table = cost_table(mean, run.models)
    whole = sum(
        value * table[model][cls]
        for done in run.done
        for model, dollars in enumerate(done)
        for cls, value in enumerate(dollars)
    )
    late = sum(
        table[run.place[w.model]][cls] * (value + run.peak * w.peak[cls])
        for w in run.late
        for cls, value in enumerate(w.dollars)
    )
    return whole - late
