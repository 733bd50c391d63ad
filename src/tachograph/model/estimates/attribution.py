"""Whose a used week is: points by model and session against what the service says is used, with 80 % intervals."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tachograph.model.estimates import weights as learning
from tachograph.model.estimates.training_windows import Window, Work
from tachograph.model.estimates.weights import Z80, Weights

_UNSURE = 1.15  # intervals are wider than the filter thinks: it takes its own picture for the truth
_SILENT = 0.012  # a part that small may be none
_FLOOR = 0.004  # of a share, standard deviation: nothing here is surer
_ROUNDED = 0.35  # points by which a rounded week is off, standard deviation


class Estimate(NamedTuple):
    """A value with its 80 % interval."""

    value: float
    low: float
    high: float


class Shares(NamedTuple):
    """Of what is used of a limit, as fractions of one. `points` are of a 5-hour window by (session, model), which split
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
        """The share of whatever takes a part (0 to 1) of (session, model), with an interval as wide as its models'."""
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


def session_points(points: float, sd: float) -> Estimate:
    """Points of a session in a 5-hour window with their interval: never surer than rounding and late counting allow."""
    wide = Z80 * math.hypot(sd, 0.03 + 0.003 * points)
    return Estimate(points, max(0.0, points - wide), points + wide)


def week(
    weights: Weights,
    windows: Sequence[Window],
    used: float,
    used_at: float,
    since: float,
    loose: Iterable[Work] = (),
) -> Shares | None:
    """The shares of a used week. `windows` are those that touch it, cut at the moment of the question; `used` percent of
    it at `used_at`; `since` its beginning; `loose` work in it that no known window holds.

    None where it is not known what a 5-hour window is of a week.
    """
    per_window = weights.week_per_window
    if per_window is None:
        return None
    late = [work for window in windows for step in window.steps if step.at > used_at for work in step.work]
    rise = sum(learning.points(weights, late).values())
    total = used / per_window + rise
    sd = math.hypot(_ROUNDED / per_window, total * weights.week_per_window_sd)
    return _shared(weights, windows, total, sd, since, loose)


def five_hours(weights: Weights, window: Window, used: float, used_at: float) -> Shares:
    """The shares of a 5-hour window at the moment to which it is cut."""
    late = [work for step in window.steps if step.at > used_at for work in step.work]
    return _shared(weights, [window], used + sum(learning.points(weights, late).values()), 0.3, 0.0, ())


def _shared(
    weights: Weights, windows: Sequence[Window], total: float, total_sd: float, since: float, loose: Iterable[Work]
) -> Shares:
    points: dict[tuple[str, str], float] = {}
    own_var: dict[str, float] = {}
    works: list[Work] = []
    elsewhere = elsewhere_var = 0.0
    for window in windows:
        found = learning.explain(weights, window, since)
        for key, value in found.parts.items():
            if value > 0:
                points[key] = points.get(key, 0.0) + value
        for model, var in found.own_var.items():
            own_var[model] = own_var.get(model, 0.0) + var
        elsewhere += found.elsewhere.points
        elsewhere_var += found.elsewhere.sd**2
        works += [work for step in window.steps if step.at > since for work in step.work]
    for work in loose:
        for model, value in learning.points(weights, (work,)).items():
            key = (work.session, model)
            points[key] = points.get(key, 0.0) + value
            own_var[model] = own_var.get(model, 0.0) + weights.session_var * value * value
        works.append(work)
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
    estimates = {}
    for model, value in by_model.items():
        # A model that weighs more takes from the others, so it counts by how it differs from the whole.
        inside = value / explained if explained else 0.0
        var = learning.points_var(weights, sums.values(), lambda m, one=model, part=inside: (m == one) - part)  # type: ignore[misc]
        var += own_var.get(model, 0.0)
        share = value / whole
        sd = math.sqrt(var / whole**2 + (share * relative) ** 2 + (_FLOOR * min(1.0, 4 * share)) ** 2)
        estimates[model] = _around(share, sd)
    var = learning.points_var(weights, sums.values()) + sum(own_var.values())
    left = max(0.0, 1 - explained / whole)
    sd = math.sqrt(var / whole**2 + ((1 - left) * relative) ** 2 + _FLOOR**2)
    return Shares(estimates, _around(left, sd), points, whole, len(windows))


def _around(share: float, sd: float) -> Estimate:
    wide = Z80 * _UNSURE * sd
    low, high = share - wide, share + wide
    return Estimate(share, low if low > _SILENT else 0.0, min(1.0, high))
