"""Shares of a used limit by model and session, with 80 % intervals; and the share that nothing here explains."""

import math
from collections.abc import Callable, Iterable, Sequence

from tachograph.lean_typing import NamedTuple
from tachograph.model.estimates import weights as weighing
from tachograph.model.estimates.learner import Learned
from tachograph.model.estimates.training_windows import Window, Work
from tachograph.model.estimates.weights import Z80, Weights
from tachograph.model.estimates.window_filter import explain

_UNSURE = 1.15  # intervals are wider than the filter expects: it takes its model for the truth
_SILENT = 0.012  # a share that small may be none
_FLOOR = 0.004  # of a share, standard deviation: nothing here is surer
SESSION_POINTS, SESSION_SHARE = 0.04, 0.008  # points, and share of a session, that nothing is surer than
_ROUNDED = 0.35  # points by which a rounded percentage is off, standard deviation


class Estimate(NamedTuple):
    """A value with its 80 % interval."""

    value: float
    low: float
    high: float


class Shares(NamedTuple):
    """Shares of the used part of a limit, as fractions of one. `points` are of a 5-hour window by (session, model), which split
    the shares further; `per_point` is the share of one such point; `total` what all shares refer to, in points."""

    by_model: dict[str, Estimate]
    unexplained: Estimate
    points: dict[tuple[str, str], float]
    total: float
    windows: int

    @property
    def per_point(self) -> float:
        return 1.0 / self.total if self.total else 0.0

    def share(self, matches: Callable[[str, str], float]) -> Estimate:
        """Share of what takes a part (0 to 1) of each (session, model), with an interval as wide as those of its models."""
        value = low = high = 0.0
        sums: dict[str, float] = {}
        whole: dict[str, float] = {}
        for (session, model), points in self.points.items():
            whole[model] = whole.get(model, 0.0) + points
            sums[model] = sums.get(model, 0.0) + points * matches(session, model)
        for model, points in sums.items():
            if whole[model] > 0 and model in self.by_model:
                part, of = points / whole[model], self.by_model[model]
                value, low, high = value + part * of.value, low + part * of.low, high + part * of.high
        return Estimate(value, low, high)


def session_points(points: float, sd: float, weights: Weights | None = None) -> Estimate:
    """Points of a session in a 5-hour window with their interval: never surer than rounding and late counting allow, nor than
    one-step predictions by these `weights` were right."""
    widening = 1.0 if weights is None else weights.window_widening
    wide = Z80 * widening * math.hypot(sd, SESSION_POINTS + SESSION_SHARE * points)
    return Estimate(points, max(0.0, points - wide), points + wide)


def week(
    learned: Learned,
    windows: Sequence[Window],
    used: float,
    used_at: float,
    since: float,
    loose: Iterable[Work] = (),
) -> Shares | None:
    """Shares of a used week that began at `since`.

    `windows` are those that touch it, cut at the moment of the question: of the 5-hour limit, or days of the week where the
    plan has no 5-hour limit. `used` percent of the week at `used_at`; `loose`: work in it that no known window holds. None
    before the weights can tell.
    """
    weights = learned.weights
    if weights is None:
        return None
    if weights is learned.week:
        return _divide(weights, windows, used + weights.cut, _ROUNDED, since, used_at, loose, 1.0)
    scale = learned.scale
    if scale is None or scale.seen < 1:
        return None
    per_point = scale.plain_at(used_at) * weights.scale_at(used_at)  # of a point of a 5-hour window as they are now
    total = (used + weights.cut) / per_point
    sd = math.hypot(_ROUNDED / per_point, total * math.hypot(scale.sd, 0.01))
    return _divide(weights, windows, total, sd, since, used_at, loose, scale.hour_weight)


def five_hours(learned: Learned, window: Window, used: float, used_at: float) -> Shares | None:
    """Shares of a 5-hour window at the moment to which it is cut."""
    if learned.five is None:
        return None
    return _divide(
        learned.five, [window], used + learned.five.cut, 0.3, 0.0, used_at, (), learned.hour_weight, is_window=True
    )


def own_part(weights: Weights, works: Iterable[Work]) -> Shares:
    """Shares of this machine's own work alone, by what it weighs: for a limit with an unknown scale."""
    return _divide(weights, (), 0.0, 0.0, 0.0, 0.0, works, 1.0)


def _divide(
    weights: Weights,
    windows: Sequence[Window],
    total: float,
    total_sd: float,
    since: float,
    used_at: float,
    loose: Iterable[Work],
    peak: float,
    *,
    is_window: bool = False,
) -> Shares:
    """Shares of `total` points of the limit that the weights are about. `is_window`: peak hours count as more of it; a week
    does not know them."""
    points: dict[tuple[str, str], float] = {}
    own_var: dict[str, float] = {}
    works: list[Work] = []
    for window in windows:
        scale = weights.scale_at(window.start)
        found = explain(weights, window, since, peak, scale)
        for key, value in (found.parts if is_window else found.plain).items():
            if value > 0:
                points[key] = points.get(key, 0.0) + value / scale
        for model, var in found.own_var.items():
            own_var[model] = own_var.get(model, 0.0) + var / scale**2
        works += [work for step in window.steps if step.at > since for work in step.work]
    for work in loose:
        for model, value in weighing.points(weights, (work,)).items():
            key = (work.session, model)
            points[key] = points.get(key, 0.0) + value
            own_var[model] = own_var.get(model, 0.0) + weights.session_var * value * value
        works.append(work)
    late = [work for window in windows for step in window.steps if step.at > used_at for work in step.work]
    total += sum(weighing.points(weights, late, peak if is_window else 1.0).values())
    by_model: dict[str, float] = {}
    for (_, model), value in points.items():
        by_model[model] = by_model.get(model, 0.0) + value
    explained = sum(by_model.values())
    whole = max(explained, total, 1e-9)
    sums: dict[str, Work] = {}
    for work in works:
        known = sums.get(work.model)
        dollars = work.dollars if known is None else tuple(map(float.__add__, known.dollars, map(float, work.dollars)))
        sums[work.model] = Work("", work.model, (dollars[0], dollars[1], dollars[2], dollars[3]))
    relative = total_sd / whole
    widening = _UNSURE * (weights.window_widening if is_window else weights.widening)
    estimates = {}
    for model, value in by_model.items():
        # A model that weighs more takes from the others, so it counts by how it differs from the whole.
        inside = value / explained if explained else 0.0
        var = weighing.points_var(weights, sums.values(), lambda m, one=model, part=inside: (m == one) - part)  # type: ignore[misc]
        var += own_var.get(model, 0.0)
        share = value / whole
        sd = math.sqrt(var / whole**2 + (share * relative) ** 2 + (_FLOOR * min(1.0, 4 * share)) ** 2)
        estimates[model] = _around(share, sd * widening)
    var = weighing.points_var(weights, sums.values()) + sum(own_var.values())
    left = max(0.0, 1 - explained / whole)
    sd = math.sqrt(var / whole**2 + ((1 - left) * relative) ** 2 + _FLOOR**2)
    return Shares(estimates, _around(left, sd * widening), points, whole, len(windows))


def _around(share: float, sd: float) -> Estimate:
    wide = Z80 * sd
    low, high = share - wide, share + wide
    return Estimate(share, low if low > _SILENT else 0.0, min(1.0, high))
