"""What a model's work weighs: learned from 5-hour windows, one after another, for one account.

In a window the percentage is what this machine did plus what it did not see:

    percent = sum over sessions s, models m, classes c of  k · a_m · b_c · e_s · dollars[s, m, c]   +   elsewhere

`k` is points per dollar, `a_m` how much more a model weighs than its list price, `b_c` the same for a class of token
(cache reads are least certain), `e_s` what is peculiar to a session (hidden tokens, an hour that weighs more), and
`elsewhere` only ever grows, in stretches that begin and end. All but the last are unknown by factors, so their
logarithms are followed by an extended Kalman filter (Bar-Shalom, Li, Kirubarajan, Estimation with Applications to
Tracking and Navigation), with two hypotheses for each stretch, that somebody else used the account or that nobody did,
mixed as an interacting multiple model filter does. The percentage itself is followed, not its differences: a rounded
number is off by half a point however long the window, a sum of rounded differences by much more.

Windows are taken in once, in order of time; what is kept between them (`Weights`) is a handful of numbers.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tachograph.model.estimates.training_windows import CLASSES, FULL, Window, Work

Vector = list[float]
Matrix = list[list[float]]

# Opinions before anything was seen, as standard deviations of logarithms.
_SCALE_SD = 0.7  # of points per dollar, around the first guess from the first windows
_MODEL_SD = 0.4
_CLASS_SD = (0.25, 0.25, 0.25, 0.6)
_DRIFT_SCALE, _DRIFT = 0.01, 0.004  # per square root of a day: what was learned long ago counts for less
_SESSION_SD, _SESSION_COUNT, _SESSION_MOST = 0.04, 3.0, 30.0  # of e_s, and how many sessions that opinion is worth
_SESSION_LEAST = 0.01
# Use elsewhere: begins every so many seconds, lasts so many, at so many points a second.
_BEGINS, _LASTS, _RATE, _RATE_MOST = 5 * 3600.0, 1800.0, 1 / 120, 25.0
_ACTIVE, _ACTIVE_HOURS, _ACTIVE_MOST = 0.15, 20.0, 120.0
_USUAL = 0.12  # the part of the time to which _BEGINS belongs
_ROUNDING = 0.12  # variance of a rounded percentage (1/12 if it were exact otherwise), points squared
_LAST = 6.0  # points by which the message that reaches the wall may pass it
_FAR = 5.0  # deviations from which a reading is taken for odd
_FACTOR = (
    3.0  # no model, class or session is that far (as a logarithm) from what it should be; no window moves k as far
)
_STEP = 1.0  # points of own work between two readings that count as two: the same rounded number twice is one
_IDLE = 3600.0
# A change of what work costs (a limit that changed, a promotion): how much dearer or cheaper, as a logarithm, is tried;
# the log odds of each such change, a window at a time, start over at 0 and speak from _ALARM on (Page's CUSUM).
_SHIFTS = (-0.5, -0.35, -0.25, -0.15, 0.15, 0.25, 0.35, 0.5)
_ALARM, _MOST_SAID, _REMEMBERED = 8.0, 2.0, 24
_CALM = 1.0  # below these odds what is known by now is what windows are held against
_OTHERS, _OTHERS_SIZE, _ODD = 0.4, 0.3, 0.02  # windows with use elsewhere, how much, and what fits nothing
_EVIDENT = 6.0  # points of own work from which a window says something of the scale
_ENOUGH = 20  # windows before a change can be told from not knowing yet
_NONE = 1e-3  # chances that make no difference to a mixture: most of them, and most of the time it takes
Z80 = 1.2816


class Regime(NamedTuple):
    """From when on work has cost `factor` times what it did before."""

    since: float
    factor: float


class Seen(NamedTuple):
    """A window that was taken in: how far it was off from what was known before, as a logarithm, and its deviation."""

    start: float
    off: float
    sd: float


class Weights(NamedTuple):
    """All that is kept of what was learned: of everything up to `at` (epoch seconds).

    `mean` and `cov` are of the logarithms (k, each model, each class). `five` and `week`: points that both limits rose
    by side by side, which say what a 5-hour window is of a week. `windows` counts those with enough in them to learn
    from, `first` is when the first of them began, `dollars` the work in them. `reference` is `mean` as it was before
    anything spoke for a change; `odds` are those of each change, `recent` the windows that they come from.
    """

    at: float
    models: tuple[str, ...]
    mean: tuple[float, ...]
    cov: tuple[tuple[float, ...], ...]
    session_var: float
    session_count: float
    active: float
    active_hours: float
    five: float
    week: float
    windows: int
    first: float
    dollars: float
    reference: tuple[float, ...] = ()
    odds: tuple[float, ...] = tuple(0.0 for _ in _SHIFTS)
    recent: tuple[Seen, ...] = ()
    regimes: tuple[Regime, ...] = ()

    @property
    def week_per_window(self) -> float | None:
        """Percent of the week that one full 5-hour window is, as a fraction of one; None until both were seen to rise."""
        return self.week / self.five if self.five >= 8 and self.week >= 1 else None

    @property
    def week_per_window_sd(self) -> float:
        """Relative: a rounded week is off by half a point at each end of every stretch."""
        return 0.6 / max(self.week, 1.0) + 0.01


class Part(NamedTuple):
    """Points of a 5-hour window, with their standard deviation."""

    points: float
    sd: float


class Explained(NamedTuple):
    """One window: points by session, by (session, model), what is not explained, and the gradient of the points of each
    model to what was learned. `own_var` is what sessions' own peculiarities leave open, by model."""

    sessions: dict[str, Part]
    parts: dict[tuple[str, str], float]
    elsewhere: Part
    own_var: dict[str, float]
    last_percent: float


def first_guess(windows: Iterable[Window]) -> float | None:
    """Points per dollar, from the first windows with enough in them; None while there are none."""
    ratios: list[tuple[float, float]] = []
    for window in windows:
        dollars = percent = seen = 0.0
        for step in window.steps:
            dollars += sum(sum(work.dollars) for work in step.work)
            if step.percent is not None and step.percent < FULL:
                percent, seen = step.percent, dollars
        if percent >= 8 and seen > 0:
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


def begin(scale: float, at: float) -> Weights:
    """What is believed before anything was learned, but for points per dollar."""
    size = 1 + len(CLASSES)
    sds = (_SCALE_SD, *_CLASS_SD)
    cov = tuple(tuple(sds[i] ** 2 if i == j else 0.0 for j in range(size)) for i in range(size))
    mean = (math.log(scale), *(0.0 for _ in CLASSES))
    return Weights(at, (), mean, cov, _SESSION_SD**2, _SESSION_COUNT, _ACTIVE, _ACTIVE_HOURS, 0, 0, 0, at, 0.0)


def _with_models(weights: Weights, names: Iterable[str]) -> Weights:
    """Models that are new take their place, at list price and unsure."""
    new = [name for name in dict.fromkeys(names) if name not in weights.models]
    if not new:
        return weights
    where = 1 + len(weights.models)
    mean = (*weights.mean[:where], *(0.0 for _ in new), *weights.mean[where:])
    zero = tuple(0.0 for _ in new)
    old = [(*row[:where], *zero, *row[where:]) for row in weights.cov]
    own = [tuple(_MODEL_SD**2 if j == where + i else 0.0 for j in range(len(mean))) for i in range(len(new))]
    reference = weights.reference
    if reference:
        reference = (*reference[:where], *(0.0 for _ in new), *reference[where:])
    return weights._replace(
        models=(*weights.models, *new), mean=mean, cov=(*old[:where], *own, *old[where:]), reference=reference
    )


def learned(weights: Weights, window: Window) -> tuple[Weights, Explained]:
    """Take in a window that is over (or as far as it is known), later than all before."""
    weights = _with_models(weights, (work.model for step in window.steps for work in step.work))
    days = max(0.0, window.start - weights.at) / 86_400
    mean, cov = list(weights.mean), [list(row) for row in weights.cov]
    for place in range(len(mean)):
        cov[place][place] += (_DRIFT if place else _DRIFT_SCALE) ** 2 * days
    run = _Run(weights, mean, cov)
    run.take(window)
    explained = run.explained()
    size = len(mean)
    after = weights._replace(
        at=max(weights.at, window.reset),
        mean=tuple(run.mean[:size]),
        cov=tuple(tuple(row[:size]) for row in run.cov[:size]),
    )
    after = _sessions_learned(after, run)
    if run.seconds:
        hours = run.seconds / 3600
        count = min(weights.active_hours + hours, _ACTIVE_MOST)
        active = weights.active + (run.active_seconds / run.seconds - weights.active) * hours / count
        after = after._replace(active=min(0.6, max(0.02, active)), active_hours=count)
    own = sum(part.points for part in explained.sessions.values())
    if own >= _EVIDENT and run.seconds:
        first = weights.first if weights.windows else window.start
        after = after._replace(windows=weights.windows + 1, first=first, dollars=weights.dollars + window.dollars)
        after = _watched(after, weights, window, run)
    return after, explained


def explain(weights: Weights, window: Window, since: float = 0.0) -> Explained:
    """A window as seen with what is known by now: only its sessions and the use elsewhere are open. Work up to `since`
    is part of what was used, and counted for nobody."""
    weights = _with_models(weights, (work.model for step in window.steps for work in step.work))
    run = _Run(weights, [], [], since)
    run.take(window)
    return run.explained()


def side_by_side(weights: Weights, stretches: Iterable[tuple[float, float]]) -> Weights:
    """Take in how far both limits rose within windows, in points of each."""
    five, week = weights.five, weights.week
    for rise, week_rise in stretches:
        if rise > 0 and week_rise >= 0:
            five, week = five + rise, week + week_rise
    return weights._replace(five=five, week=week)


def points(weights: Weights, works: Iterable[Work]) -> dict[str, float]:
    """Points of a 5-hour window that work would cost, by model."""
    works = tuple(works)
    weights = _with_models(weights, (work.model for work in works))
    made: dict[str, float] = {}
    table = _table(weights.mean, len(weights.models))
    for work in works:
        row = table[weights.models.index(work.model)]
        made[work.model] = made.get(work.model, 0.0) + sum(map(float.__mul__, row, map(float, work.dollars)))
    return made


def points_var(weights: Weights, works: Iterable[Work], share: Callable[[str], float] = lambda _: 1.0) -> float:
    """The variance of such points that comes from what is not known of the weights, each model's counted `share` times."""
    works = tuple(works)
    weights = _with_models(weights, (work.model for work in works))
    count = len(weights.models)
    gradient = [0.0] * (1 + count + len(CLASSES))
    table = _table(weights.mean, count)
    for work in works:
        model = weights.models.index(work.model)
        factor = share(work.model)
        for place, value in enumerate(work.dollars):
            part = table[model][place] * value * factor
            gradient[0] += part
            gradient[1 + model] += part
            gradient[1 + count + place] += part
    return max(
        0.0, sum(g * sum(map(float.__mul__, row, gradient)) for g, row in zip(gradient, weights.cov, strict=True))
    )


def _table(mean: Sequence[float], models: int) -> Matrix:
    """Points per dollar by model and class."""
    factors = [math.exp(value) for value in mean]
    classes = factors[1 + models : 1 + models + len(CLASSES)]
    return [[factors[0] * factors[1 + model] * one for one in classes] for model in range(models)]


class _Run:
    """One window going through the filter. The state is what was learned (or nothing, if that is held fast), then
    `elsewhere`, then one place for each session."""

    def __init__(self, weights: Weights, mean: Vector, cov: Matrix, since: float = 0.0) -> None:
        self.since = since
        self.weights, self.models = weights, len(weights.models)
        self.place = {name: place for place, name in enumerate(weights.models)}
        self.elsewhere = len(mean)
        self.table = _table(weights.mean, self.models)
        self.is_fast = not mean
        self.scale = weights.mean[0]
        mean, cov = mean[:], [row[:] for row in cov]
        _grow(mean, cov, 1e-6)
        self.chance = weights.active  # that somebody else is at it
        self.still = (mean, cov)
        self.busy = (mean[:], [row[:] for row in cov])
        self.mean, self.cov = mean, cov
        self.sessions: dict[str, int] = {}
        self.names: list[list[str]] = []
        self.done: list[Matrix] = []  # dollars by session, model, class since the window began
        self.by_part: dict[tuple[str, str], list[float]] = {}
        self.most = 100.0  # that this machine can have used of the window: no more than was read of it
        self.late: list[Work] = []  # since the last reading that said something
        self.seconds = self.active_seconds = self.percent = 0.0

    def take(self, window: Window) -> None:
        last, waiting = window.start, 0.0
        is_over = False  # the service corrected itself: the rest of the window has no beginning
        for step in window.steps:
            self.late += step.work
            worth = self._add(step.work, window.big, counts=step.at > self.since)
            waiting += worth
            self.most = (
                self.most + worth if step.percent is None else step.percent + (1.5 if step.percent < FULL else _LAST)
            )
            self.most = min(self.most, 100.0 + _LAST)
            if is_over or step.percent is None or step.percent >= FULL:
                continue
            if step.percent < self.percent - 1.5:
                is_over = True
                continue
            if waiting < _STEP and step.percent <= self.percent and step.at - last < _IDLE:
                continue
            if step.percent < self.percent and waiting < _STEP:
                continue
            self._step(max(60.0, step.at - last), step.percent, self._worth(step.blurred))
            last, waiting, self.late = step.at, 0.0, []
        self.mean, self.cov = _merged(self.chance, self.still, self.busy)

    def _add(self, works: Iterable[Work], big: frozenset[str], *, counts: bool) -> float:
        worth = 0.0
        for work in works:
            key = work.session if work.session in big else ""
            place = self.sessions.get(key)
            if place is None:
                place = self.sessions[key] = len(self.done)
                self.done.append([[0.0] * len(CLASSES) for _ in range(self.models)])
                for mean, cov in (self.still, self.busy):
                    _grow(mean, cov, self.weights.session_var)
            row = self.done[place][self.place[work.model]]
            known = self.by_part.setdefault((work.session, work.model), [0.0] * len(CLASSES))
            for cls, value in enumerate(work.dollars):
                row[cls] += value
                known[cls] += value if counts else 0.0
                worth += self.table[self.place[work.model]][cls] * value
        return worth

    def _worth(self, works: Iterable[Work]) -> float:
        return sum(self.table[self.place[w.model]][c] * value for w in works for c, value in enumerate(w.dollars))

    def _step(self, seconds: float, percent: float, blurred: float) -> None:
        begins = 1 - math.exp(-seconds / _BEGINS * self.weights.active / _USUAL)
        ends = 1 - math.exp(-seconds / _LASTS)
        busy = (1 - self.chance) * begins + self.chance * (1 - ends)
        was_busy = (self.chance * ends / (1 - busy), self.chance * (1 - ends) / busy)
        still_state = _merged(was_busy[0], self.still, self.busy)
        busy_state = _merged(was_busy[1], self.still, self.busy)
        where = self.elsewhere
        still_state[1][where][where] += 1e-4
        rise = min(_RATE * seconds, _RATE_MOST)
        busy_state[0][where] += rise
        busy_state[1][where][where] += rise * rise + 0.05
        noise = _ROUNDING + (0.5 * blurred) ** 2
        self.still, fits = self._corrected(still_state, percent, noise)
        self.busy, fits_busy = self._corrected(busy_state, percent, noise)
        both = fits * (1 - busy) + fits_busy * busy
        self.chance = min(1 - 1e-6, max(1e-6, fits_busy * busy / both))
        self.seconds += seconds
        self.active_seconds += self.chance * seconds
        self.percent = percent

    def _corrected(
        self, state: tuple[Vector, Matrix], percent: float, noise: float
    ) -> tuple[tuple[Vector, Matrix], float]:
        mean, cov = state
        own, gradient = self._gradient(mean)
        reach = [sum(map(float.__mul__, row, gradient)) for row in cov]
        var = sum(map(float.__mul__, reach, gradient)) + noise
        off = percent - own - mean[self.elsewhere]
        fits = math.exp(max(-60.0, -0.5 * off * off / var)) / math.sqrt(var) + 1e-12
        var = max(var, (off / _FAR) ** 2)  # what fits nothing at all moves what is known by a step, not by a leap
        gain = [value / var for value in reach]
        mean = [value + g * off for value, g in zip(mean, gain, strict=True)]
        cov = [[value - g * r for value, r in zip(row, reach, strict=True)] for row, g in zip(cov, gain, strict=True)]
        for place in range(len(mean)):
            cov[place][place] = max(cov[place][place], 1e-9)
            if place > self.elsewhere or 0 < place < self.elsewhere:
                mean[place] = max(-_FACTOR, min(_FACTOR, mean[place]))
        mean[self.elsewhere] = max(0.0, mean[self.elsewhere])
        if self.elsewhere:
            mean[0] = max(self.scale - _FACTOR, min(self.scale + _FACTOR, mean[0]))
        return (mean, cov), fits

    def _gradient(self, mean: Vector, only: int | None = None) -> tuple[float, Vector]:
        """Points of this machine's work (or of one session's), and what they change by with each place of the state."""
        table = self.table if self.is_fast else _table(mean, self.models)
        by_model, by_class, by_session = [0.0] * self.models, [0.0] * len(CLASSES), [0.0] * len(self.done)
        for session, done in enumerate(self.done):
            if only is not None and session != only:
                continue
            factor = math.exp(mean[self.elsewhere + 1 + session])
            for model, dollars in enumerate(done):
                for cls, value in enumerate(dollars):
                    if value:
                        part = value * table[model][cls] * factor
                        by_model[model] += part
                        by_class[cls] += part
                        by_session[session] += part
        own = sum(by_session)
        known = [] if self.is_fast else [own, *by_model, *by_class]
        return own, [*known, 1.0 if only is None else 0.0, *by_session]

    def explained(self) -> Explained:
        table = self.table if self.is_fast else _table(self.mean, self.models)
        where = self.elsewhere
        own, _ = self._gradient(self.mean)
        fitting = min(1.0, self.most / own) if own > 0 else 1.0  # what comes after 100 % is refused, or metered
        key_of = {s: self.sessions[s] if s in self.sessions else self.sessions[""] for s, _ in self.by_part}
        parts: dict[tuple[str, str], float] = {}
        totals: dict[str, float] = {}
        shares: dict[int, dict[str, float]] = {}
        for (session, model), dollars in self.by_part.items():
            key = key_of[session]
            factor = fitting * math.exp(self.mean[where + 1 + key])
            value = factor * sum(map(float.__mul__, table[self.place[model]], dollars))
            parts[session, model] = value
            totals[session] = totals.get(session, 0.0) + value
            shares.setdefault(key, {})[model] = shares.get(key, {}).get(model, 0.0) + value
        sessions = {}
        relative: dict[int, float] = {}
        for session, value in totals.items():
            key = key_of[session]
            if key not in relative:
                own, gradient = self._gradient(self.mean, only=key)
                var = sum(g * sum(map(float.__mul__, row, gradient)) for g, row in zip(gradient, self.cov, strict=True))
                relative[key] = math.sqrt(max(var, 0.0)) / own if own else 0.0
            sessions[session] = Part(value, relative[key] * value)
        own_var: dict[str, float] = {}
        for key, by_model in shares.items():
            left = max(0.0, self.cov[where + 1 + key][where + 1 + key])
            for model, value in by_model.items():
                own_var[model] = own_var.get(model, 0.0) + left * value * value
        elsewhere = Part(self.mean[where], math.sqrt(max(0.0, self.cov[where][where])))
        return Explained(sessions, parts, elsewhere, own_var, self.percent)


def _grow(mean: Vector, cov: Matrix, var: float) -> None:
    for row in cov:
        row.append(0.0)
    cov.append([0.0] * len(mean) + [var])
    mean.append(0.0)


def _merged(chance: float, still: tuple[Vector, Matrix], busy: tuple[Vector, Matrix]) -> tuple[Vector, Matrix]:
    """One Gaussian for two, of which the second has a chance."""
    if chance < _NONE:
        return still[0][:], [row[:] for row in still[1]]
    apart = [b - a for a, b in zip(still[0], busy[0], strict=True)]
    mean = [a + chance * d for a, d in zip(still[0], apart, strict=True)]
    left, spread = 1 - chance, chance * (1 - chance)
    cov = [
        [left * p + chance * q + spread * di * dj for p, q, dj in zip(one, other, apart, strict=True)]
        for one, other, di in zip(still[1], busy[1], apart, strict=True)
    ]
    return mean, cov


def _sessions_learned(weights: Weights, run: _Run) -> Weights:
    """How peculiar sessions are, from how peculiar these were (one step of expectation and maximisation)."""
    var, count = weights.session_var, weights.session_count
    for place in range(len(run.done)):
        where = run.elsewhere + 1 + place
        left = run.cov[where][where]
        told = max(0.0, 1 - left / weights.session_var)
        if told > 0.02:
            count = min(count + told, _SESSION_MOST)
            var += told * (run.mean[where] ** 2 + left - var) / count
    return weights._replace(session_var=max(var, _SESSION_LEAST**2), session_count=count)


def _watched(after: Weights, before: Weights, window: Window, run: _Run) -> Weights:
    """Notice where windows have clearly and for good become dearer or cheaper than what was known before.

    Use elsewhere only ever makes a window look dearer, and not every window has it: dearer for good is where none is as
    cheap as before any more.
    """
    reference = before.reference or before.mean
    worth = _worth(reference, run)
    if worth <= 0 or run.percent <= 0 or before.windows < _ENOUGH:
        return after._replace(reference=after.mean)
    own, gradient = run._gradient(run.mean)
    alone = sum((value / own) ** 2 for value in gradient[run.elsewhere + 1 :]) if own > 0 else 1.0
    sd = math.sqrt(before.session_var * alone + 0.03**2 + (0.5 / run.percent) ** 2)
    seen = Seen(window.start, math.log(run.percent / worth), sd)
    usual = _fit(seen.off, sd)
    odds = tuple(
        max(0.0, known + max(-_MOST_SAID, min(_MOST_SAID, math.log(_fit(seen.off - shift, sd) / usual))))
        for shift, known in zip(_SHIFTS, before.odds, strict=True)
    )
    if max(odds) < _CALM:
        return after._replace(reference=after.mean, odds=odds, recent=(seen,))
    recent = (*before.recent, seen)[-_REMEMBERED:]
    if max(odds) < _ALARM:
        return after._replace(reference=reference, odds=odds, recent=recent)
    likeliest = _SHIFTS[odds.index(max(odds))]
    stretch = _stretch(recent, likeliest)
    shift = _likeliest(stretch)
    calm = after._replace(odds=tuple(0.0 for _ in _SHIFTS), recent=())
    mean = (reference[0] + shift, *reference[1:])
    cov = ((after.cov[0][0] + (0.25 * shift) ** 2, *after.cov[0][1:]), *after.cov[1:])
    regime = Regime(stretch[0].start, math.exp(shift))
    return calm._replace(mean=mean, reference=mean, cov=cov, regimes=(*after.regimes, regime)[-8:])


def _fit(off: float, sd: float) -> float:
    """How well a window fits, that is off by so much, where nothing has changed."""
    exact = (1 - _OTHERS) * math.exp(-0.5 * min(60.0, (off / sd) ** 2)) / (sd * 2.5066)
    others = _OTHERS * math.exp(-off / _OTHERS_SIZE) / _OTHERS_SIZE if off > 0 else 0.0
    return exact + others + _ODD


def _stretch(recent: Sequence[Seen], shift: float) -> Sequence[Seen]:
    """The windows from the one on that the change most likely began with."""
    total, best, start = 0.0, -math.inf, len(recent) - 1
    for place in range(len(recent) - 1, -1, -1):
        one = recent[place]
        total += max(-_MOST_SAID, min(_MOST_SAID, math.log(_fit(one.off - shift, one.sd) / _fit(one.off, one.sd))))
        if total > best:
            best, start = total, place
    return recent[start:]


def _likeliest(stretch: Sequence[Seen]) -> float:
    """By how much windows changed, as a logarithm: what fits all of them best."""
    tried = [step / 100 for step in range(-70, 71)]
    return max(tried, key=lambda shift: sum(math.log(_fit(one.off - shift, one.sd)) for one in stretch))


def _worth(mean: Sequence[float], run: _Run) -> float:
    """What a window's work up to its last reading costs by some weights."""
    table = _table(mean, run.models)
    whole = sum(
        value * table[model][cls]
        for done in run.done
        for model, dollars in enumerate(done)
        for cls, value in enumerate(dollars)
    )
    late = sum(table[run.place[w.model]][cls] * value for w in run.late for cls, value in enumerate(w.dollars))
    return whole - late
