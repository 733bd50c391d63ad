"""One window of a limit through an extended Kalman filter (Bar-Shalom, Li, Kirubarajan: Estimation with Applications to
Tracking and Navigation).

Two hypotheses, that the account is used elsewhere or not, are mixed at every reading as an interacting multiple model
filter does. The filter follows the percentage itself, not its differences: a rounded number is off by half a point however
long the window, a sum of rounded differences by much more.
"""

import math
from collections.abc import Iterable

from tachograph.lean_typing import NamedTuple
from tachograph.model.estimates.training_windows import CLASSES, FULL, Window, Work
from tachograph.model.estimates.weights import CUT, MODELS, SCALE, Matrix, Vector, Weights, cost_table, with_models

# Use elsewhere begins every so many seconds, lasts so many, at so many points of a 5-hour window a second.
_BEGINS, _LASTS, _RATE, _RATE_MOST = 5 * 3600.0, 1800.0, 1 / 120, 25.0
_USUAL = 0.12  # the part of the time to which _BEGINS belongs
_ROUNDING = 0.12  # variance of a rounded percentage (1/12 if it were exact otherwise), points squared
_LAST = 6.0  # points by which the message that reaches the limit may pass it
_FAR = 5.0  # deviations from which a reading counts as odd
_FACTOR = 3.0  # no model, class or session is further (as a logarithm) from the expected; no window moves k further
_STEP = 1.0  # points of own work between two readings that count as two: the same rounded number twice is one
_IDLE = 3600.0
_NONE = 1e-3  # chances that make no difference to a mixture, and would take most of the time
_CUT_MOST = 0.6


class Part(NamedTuple):
    """Points of a limit, with their standard deviation."""

    points: float
    sd: float


class Explained(NamedTuple):
    """One window explained: points by session and by (session, model), and use elsewhere. `plain`: the same points as they
    would be without peak hours. `own_var`: variance by model that the sessions' own factors leave, without peak hours."""

    sessions: dict[str, Part]
    parts: dict[tuple[str, str], float]
    plain: dict[tuple[str, str], float]
    elsewhere: Part
    own_var: dict[str, float]
    last_percent: float


def explain(weights: Weights, window: Window, since: float = 0.0, peak: float = 1.0, scale: float = 1.0) -> Explained:
    """Explain a window with fixed weights: only its sessions and the use elsewhere are open.

    Work up to `since` is part of the percentage, and in no part of the answer. `scale`: points per dollar in this window,
    relative to now.
    """
    weights = with_models(weights, (work.model for step in window.steps for work in step.work))
    if scale != 1.0:
        weights = weights._replace(mean=(weights.mean[SCALE] + math.log(scale), *weights.mean[1:]))
    run = WindowFilter(weights, [], [], since, peak)
    run.take(window)
    return run.result()


class WindowFilter:
    """The state is that of the weights (empty where they are fixed), then `elsewhere`, then a place for each session."""

    def __init__(self, weights: Weights, mean: Vector, cov: Matrix, since: float = 0.0, peak: float = 1.0) -> None:
        self.since, self.peak = since, peak - 1.0
        self.weights, self.models = weights, len(weights.models)
        self.place = {name: place for place, name in enumerate(weights.models)}
        self.elsewhere = len(mean)
        self.table = cost_table(weights.mean, self.models)
        self.is_fixed = not mean
        self.scale = weights.mean[SCALE]
        mean, cov = mean[:], [row[:] for row in cov]
        _grow(mean, cov, 1e-6)
        self.busy_chance = weights.active
        self.still = (mean, cov)
        self.busy = (mean[:], [row[:] for row in cov])
        self.mean, self.cov = mean, cov
        self.sessions: dict[str, int] = {}
        self.done: list[Matrix] = []  # dollars by session, model, class since the window began
        self.by_part: dict[tuple[str, str], list[float]] = {}
        self.plain: dict[tuple[str, str], list[float]] = {}
        self.most = 100.0  # points that this machine can have used of the window: no more than was read of it
        self.late: list[Work] = []  # since the last reading that was used
        self.seconds = self.active_seconds = self.percent = self.base = 0.0
        self.square = self.steps = 0.0  # one-step errors

    def take(self, window: Window) -> None:
        """Follow the window from its start to its last reading."""
        last, waiting = window.start, 0.0
        if window.base is not None:
            self.base = self.percent = window.base
            for mean, cov in (self.still, self.busy):
                mean[self.elsewhere] = window.base + self.weights.cut
                cov[self.elsewhere][self.elsewhere] = 1 / 12
        is_over = False  # the service corrected itself: the rest of the window has no known beginning
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
        self.mean, self.cov = _mix(self.busy_chance, self.still, self.busy)

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
            model = self.place[work.model]
            row, costs = self.done[place][model], self.table[model]
            known = self.by_part.setdefault((work.session, work.model), [0.0] * len(CLASSES))
            plain = self.plain.setdefault((work.session, work.model), [0.0] * len(CLASSES))
            for cls, dollars in enumerate(work.dollars):
                value = dollars + self.peak * work.peak[cls]
                row[cls] += value
                if counts:
                    known[cls] += value
                    plain[cls] += dollars
                worth += costs[cls] * value
        return worth

    def _worth(self, works: Iterable[Work]) -> float:
        return sum(
            self.table[self.place[w.model]][c] * (value + self.peak * w.peak[c])
            for w in works
            for c, value in enumerate(w.dollars)
        )

    def _step(self, seconds: float, percent: float, blurred: float) -> None:
        begins = 1 - math.exp(-seconds / _BEGINS * self.weights.active / _USUAL)
        ends = 1 - math.exp(-seconds / _LASTS)
        busy = (1 - self.busy_chance) * begins + self.busy_chance * (1 - ends)
        was_busy = (self.busy_chance * ends / (1 - busy), self.busy_chance * (1 - ends) / busy)
        still_state = _mix(was_busy[0], self.still, self.busy)
        busy_state = _mix(was_busy[1], self.still, self.busy)
        place = self.elsewhere
        still_state[1][place][place] += 1e-4
        rise = min(_RATE * seconds, _RATE_MOST) * self.weights.unit
        busy_state[0][place] += rise
        busy_state[1][place][place] += rise * rise + 0.05 * self.weights.unit
        noise = _ROUNDING + (0.5 * blurred) ** 2
        self.still, fits, square = self._correct(still_state, percent, noise)
        self.busy, fits_busy, _ = self._correct(busy_state, percent, noise)
        both = fits * (1 - busy) + fits_busy * busy
        self.busy_chance = min(1 - 1e-6, max(1e-6, fits_busy * busy / both))
        self.square += (1 - self.busy_chance) * square
        self.steps += 1 - self.busy_chance
        self.seconds += seconds
        self.active_seconds += self.busy_chance * seconds
        self.percent = percent

    def _correct(
        self, state: tuple[Vector, Matrix], percent: float, noise: float
    ) -> tuple[tuple[Vector, Matrix], float, float]:
        mean, cov = state
        own, gradient = self.gradient(mean)
        reach = [sum(map(float.__mul__, row, gradient)) for row in cov]
        var = sum(map(float.__mul__, reach, gradient)) + noise
        off = percent + (self.weights.cut if self.is_fixed else mean[CUT]) - own - mean[self.elsewhere]
        square = off * off / var
        fits = math.exp(max(-60.0, -0.5 * square)) / math.sqrt(var) + 1e-12
        var = max(var, (off / _FAR) ** 2)  # an odd reading moves the state by a step, not by a leap
        gain = [value / var for value in reach]
        mean = [value + g * off for value, g in zip(mean, gain, strict=True)]
        cov = [[value - g * r for value, r in zip(row, reach, strict=True)] for row, g in zip(cov, gain, strict=True)]
        for place in range(len(mean)):
            cov[place][place] = max(cov[place][place], 1e-9)
            if place > self.elsewhere or MODELS <= place < self.elsewhere:
                mean[place] = max(-_FACTOR, min(_FACTOR, mean[place]))
        mean[self.elsewhere] = max(0.0, mean[self.elsewhere])
        if not self.is_fixed:
            mean[SCALE] = max(self.scale - _FACTOR, min(self.scale + _FACTOR, mean[SCALE]))
            mean[CUT] = max(0.0, min(_CUT_MOST, mean[CUT]))
        return (mean, cov), fits, min(9.0, square)

    def gradient(self, mean: Vector, only: int | None = None) -> tuple[float, Vector]:
        """Points of this machine's work (or of one session's), and their derivative by each place of the state."""
        table = self.table if self.is_fixed else cost_table(mean, self.models)
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
        of_weights = [] if self.is_fixed else [own, -1.0 if only is None else 0.0, *by_model, *by_class]
        return own, [*of_weights, 1.0 if only is None else 0.0, *by_session]

    def result(self) -> Explained:
        """The answer once the window was taken."""
        table = self.table if self.is_fixed else cost_table(self.mean, self.models)
        place = self.elsewhere
        own, _ = self.gradient(self.mean)
        # what comes after 100 % is refused, or metered
        fitting = min(1.0, max(0.0, self.most - self.base) / own) if own > 0 else 1.0
        key_of = {s: self.sessions[s] if s in self.sessions else self.sessions[""] for s, _ in self.by_part}
        parts: dict[tuple[str, str], float] = {}
        plain: dict[tuple[str, str], float] = {}
        totals: dict[str, float] = {}
        shares: dict[int, dict[str, float]] = {}
        for (session, model), dollars in self.by_part.items():
            key = key_of[session]
            factor = fitting * math.exp(self.mean[place + 1 + key])
            costs = table[self.place[model]]
            value = factor * sum(map(float.__mul__, costs, dollars))
            parts[session, model] = value
            plain[session, model] = factor * sum(map(float.__mul__, costs, self.plain[session, model]))
            totals[session] = totals.get(session, 0.0) + value
            by_model = shares.setdefault(key, {})
            by_model[model] = by_model.get(model, 0.0) + plain[session, model]
        sessions = {}
        relative: dict[int, float] = {}
        for session, value in totals.items():
            key = key_of[session]
            if key not in relative:
                own, gradient = self.gradient(self.mean, only=key)
                var = sum(g * sum(map(float.__mul__, row, gradient)) for g, row in zip(gradient, self.cov, strict=True))
                relative[key] = math.sqrt(max(var, 0.0)) / own if own else 0.0
            sessions[session] = Part(value, relative[key] * value)
        own_var: dict[str, float] = {}
        for key, by_model in shares.items():
            left = max(0.0, self.cov[place + 1 + key][place + 1 + key])
            for model, value in by_model.items():
                own_var[model] = own_var.get(model, 0.0) + left * value * value
        elsewhere = Part(max(0.0, self.mean[place] - self.base), math.sqrt(max(0.0, self.cov[place][place])))
        return Explained(sessions, parts, plain, elsewhere, own_var, self.percent)


def _grow(mean: Vector, cov: Matrix, var: float) -> None:
    for row in cov:
        row.append(0.0)
    cov.append([0.0] * len(mean) + [var])
    mean.append(0.0)


def _mix(chance: float, still: tuple[Vector, Matrix], busy: tuple[Vector, Matrix]) -> tuple[Vector, Matrix]:
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
