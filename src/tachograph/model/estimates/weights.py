"""Learned weights of an account: how many points of a limit the work of a model costs.

    percent = sum over sessions s, models m, classes c of  k · a_m · b_c · e_s · dollars[s, m, c]   +   elsewhere

`k` is points per dollar, `a_m` how much more a model weighs than its list price, `b_c` the same for a class of token,
`e_s` the factor of a session (hidden tokens, say), `elsewhere` use by other machines and chat. The logarithms of k, a
and b are followed by an extended Kalman filter (window_filter.py), one window after another (learner.py); what is stored
between windows is this handful of numbers.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from tachograph.lean_typing import NamedTuple
from tachograph.model.estimates.training_windows import CLASSES, FULL, Window, Work

Vector = list[float]
Matrix = list[list[float]]

# Places in the state: points per dollar, the part of a point that rounding cuts off, then models, then classes.
SCALE, CUT, MODELS = 0, 1, 2
# Opinions before any data, as standard deviations of logarithms.
_SCALE_SD = 0.7  # of points per dollar, around the first guess from the first windows
_MODEL_SD = 0.4
_CLASS_SD = (0.25, 0.25, 0.25, 0.6)
_CUT_MEAN, _CUT_SD = 0.05, 0.15  # points: 0 if the service rounds to the nearest, 0.5 if it rounds down
SESSION_SD, _SESSION_COUNT = 0.04, 3.0  # of e_s, and the number of sessions that this opinion is worth
_CUT_MIDDLE = 0.2
# A week is so coarse that use elsewhere beside one's own hardly shows: it is believed in where nothing is done here.
ACTIVE_WEEK = 0.03
_ACTIVE, _ACTIVE_HOURS = 0.15, 20.0
Z80 = 1.2816


class Change(NamedTuple):
    """Work has cost `factor` times as many points since a moment (epoch seconds); `is_plan`: with another plan."""

    since: float
    factor: float
    is_plan: bool = False


class WindowRatio(NamedTuple):
    """A window that was learned from: logarithm of points per dollar in it (as other weights were then), its standard
    deviation, and the logarithm that was expected."""

    start: float
    ratio: float
    sd: float
    expected: float


class Weights(NamedTuple):
    """Weights learned from all windows up to `at` (epoch seconds), for one limit.

    `mean` and `cov`: the state (see the places above). `active`: share of the time in which the account is used elsewhere,
    from `active_hours` hours. `unit`: points of the limit that are one point of a 5-hour window, roughly. `windows` counts
    those with enough work to learn from, the first of them began at `first`, all hold `dollars`. `misfit`: mean square of
    one-step prediction errors over what was expected of them (1: as expected). `own` and `seen`: points that this machine's
    work explains, and points read, older ones counting less. `reference`: `mean` before any sign of a change; `odds` of the
    changes that are tried; `recent` the latest windows; `changes` those that were found.
    """

    at: float
    models: tuple[str, ...]
    mean: tuple[float, ...]
    cov: tuple[tuple[float, ...], ...]
    session_var: float
    session_count: float
    active: float
    active_hours: float
    windows: int
    first: float
    dollars: float
    unit: float = 1.0
    misfit: float = 1.0
    misfit_count: float = 10.0
    own: float = 0.0
    seen: float = 0.0
    reference: tuple[float, ...] = ()
    odds: tuple[float, ...] = ()
    recent: tuple[WindowRatio, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def cut(self) -> float:
        """Points by which a reading lies below the true value: 0 for rounding to the nearest, 0.5 for rounding down."""
        # one of the two is the truth, so an estimate near one of them counts as that one
        return 0.5 / (1 + math.exp((_CUT_MIDDLE - self.mean[CUT]) / 0.03))

    @property
    def fit(self) -> float:
        """Share of the latest readings that this machine's work explains, 0 to 1."""
        return min(1.0, self.own / self.seen) if self.seen > 0 else 0.0

    @property
    def widening(self) -> float:
        """Factor for intervals, from how far one-step predictions were off."""
        return min(3.0, max(1.0, math.sqrt(self.misfit)))

    @property
    def window_widening(self) -> float:
        """The same for parts of a single 5-hour window: use elsewhere at the same hours shifts all of them to one side, and no
        other window makes up for it."""
        return min(3.0, max(1.0, self.misfit))

    def scale_at(self, at: float) -> float:
        """Points per dollar at an earlier moment, relative to now."""
        factor = 1.0
        for change in self.changes:
            if change.since > at:
                factor /= change.factor
        return factor


def first_guess(windows: Iterable[Window]) -> float | None:
    """Points per dollar, from the first three windows with enough in them; None before the first of them."""
    ratios: list[tuple[float, float]] = []
    for window in windows:
        dollars = percent = seen = 0.0
        base = window.base or 0.0
        for step in window.steps:
            dollars += sum(sum(work.dollars) for work in step.work)
            if step.percent is not None and step.percent < FULL:
                percent, seen = step.percent - base, dollars
        if percent >= (8 if window.base is None else 4) and seen > 0:
            ratios.append((percent / seen, seen))
        if len(ratios) == 3:
            break
    # The lower middle: use elsewhere can only make work look dearer than it is.
    half = 0.45 * sum(seen for _, seen in ratios)
    for ratio, seen in sorted(ratios):
        half -= seen
        if half <= 0:
            return ratio
    return None


def begin(scale: float, at: float, unit: float = 1.0) -> Weights:
    """Weights before anything was learned but a first guess of points per dollar."""
    sds = (_SCALE_SD, _CUT_SD, *_CLASS_SD)
    cov = tuple(tuple(sd**2 if i == j else 0.0 for j in range(len(sds))) for i, sd in enumerate(sds))
    mean = (math.log(scale), _CUT_MEAN, *(0.0 for _ in CLASSES))
    active = _ACTIVE if unit == 1.0 else ACTIVE_WEEK
    return Weights(at, (), mean, cov, SESSION_SD**2, _SESSION_COUNT, active, _ACTIVE_HOURS, 0, at, 0.0, unit)


def with_models(weights: Weights, names: Iterable[str]) -> Weights:
    """The weights with models added that are new: at list price, and unsure."""
    new = [name for name in dict.fromkeys(names) if name not in weights.models]
    if not new:
        return weights
    place = MODELS + len(weights.models)
    mean = (*weights.mean[:place], *(0.0 for _ in new), *weights.mean[place:])
    zero = tuple(0.0 for _ in new)
    old = [(*row[:place], *zero, *row[place:]) for row in weights.cov]
    own = [tuple(_MODEL_SD**2 if j == place + i else 0.0 for j in range(len(mean))) for i in range(len(new))]
    reference = weights.reference
    if reference:
        reference = (*reference[:place], *(0.0 for _ in new), *reference[place:])
    return weights._replace(
        models=(*weights.models, *new), mean=mean, cov=(*old[:place], *own, *old[place:]), reference=reference
    )


def points(weights: Weights, works: Iterable[Work], peak: float = 1.0) -> dict[str, float]:
    """Points of the limit that work costs, by model. `peak`: factor of work in peak hours (1: count it as any other)."""
    works = tuple(works)
    weights = with_models(weights, (work.model for work in works))
    made: dict[str, float] = {}
    table = cost_table(weights.mean, len(weights.models))
    for work in works:
        row = table[weights.models.index(work.model)]
        value = sum(map(float.__mul__, row, map(float, work.dollars)))
        if peak != 1.0:
            value += (peak - 1.0) * sum(map(float.__mul__, row, map(float, work.peak)))
        made[work.model] = made.get(work.model, 0.0) + value
    return made


def points_var(weights: Weights, works: Iterable[Work], share: Callable[[str], float] = lambda _: 1.0) -> float:
    """Variance of such points that comes from unsure weights, each model counted `share` times."""
    works = tuple(works)
    weights = with_models(weights, (work.model for work in works))
    return _quadratic(weights, _gradient(weights, works, share)[0])


def ratio_var(weights: Weights, after: Iterable[Work], before: Iterable[Work]) -> float:
    """Variance of the logarithm of the points of some work divided by those of other work: the scale is in both."""
    after, before = tuple(after), tuple(before)
    weights = with_models(weights, (work.model for work in (*after, *before)))
    (up, above), (down, below) = (_gradient(weights, works) for works in (after, before))
    if not above or not below:
        return 0.0
    return _quadratic(weights, [a / above - b / below for a, b in zip(up, down, strict=True)])


def _gradient(
    weights: Weights, works: Iterable[Work], share: Callable[[str], float] = lambda _: 1.0
) -> tuple[Vector, float]:
    """Derivatives of the points of work by the state, and those points."""
    count = len(weights.models)
    gradient = [0.0] * (MODELS + count + len(CLASSES))
    table = cost_table(weights.mean, count)
    for work in works:
        model = weights.models.index(work.model)
        factor = share(work.model)
        for place, value in enumerate(work.dollars):
            part = table[model][place] * value * factor
            gradient[SCALE] += part
            gradient[MODELS + model] += part
            gradient[MODELS + count + place] += part
    return gradient, gradient[SCALE]


def _quadratic(weights: Weights, gradient: Vector) -> float:
    return max(
        0.0, sum(g * sum(map(float.__mul__, row, gradient)) for g, row in zip(gradient, weights.cov, strict=True))
    )


def cost_table(mean: Sequence[float], models: int) -> Matrix:
    """Points per dollar, by model and class."""
    factors = [math.exp(value) for value in mean]
    classes = factors[MODELS + models : MODELS + models + len(CLASSES)]
    return [[factors[SCALE] * factors[MODELS + model] * one for one in classes] for model in range(models)]
