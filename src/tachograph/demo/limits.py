"""Invented readings of limits for messages that are there: what a service with hidden weights would have said.

Each model weighs more or less than its list price, cache reads weigh much less, somebody uses a phone now and then; what
is read are whole percentages, every few minutes while somebody is at work. The hidden numbers are given back too: they
are what an estimate can be held against.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

FIVE_HOURS, WEEK = 5 * 3600.0, 7 * 86_400.0
WEEK_PER_WINDOW = 0.11  # a full 5-hour window is so much of the week
_WEIGHTS = {"opus": 1.35, "sonnet": 0.8, "haiku": 0.6, "fable": 1.1}
_CLASSES = (1.0, 1.1, 0.9, 0.55)
_EVERY, _AWAKE = 300.0, 2400.0
_BUSIEST = 92.0  # percent that the busiest windows reach
_PHONE_EVERY, _PHONE_LASTS, _PHONE_RATE = 9 * 3600.0, 1500.0, 1 / 100


class PricedMessage(NamedTuple):
    """A message: when (epoch seconds), in which session, with which model, and its dollars at list prices by class
    (input, output, cache write, cache read)."""

    at: float
    session: str
    model: str
    dollars: tuple[float, float, float, float]


class InventedReading(NamedTuple):
    """A reading, in whole percent; `five_reset` None while no window runs."""

    at: float
    five: float
    five_reset: float | None
    week: float
    week_reset: float


class Invented(NamedTuple):
    """The readings; and hidden behind them, by reset of a week: points of 5-hour windows by model and elsewhere (""), and by
    (session, reset of a window) its points."""

    said: tuple[InventedReading, ...]
    weeks: dict[float, dict[str, float]]
    sessions: dict[tuple[str, float], float]


def weight(model: str) -> float:
    return next((value for name, value in _WEIGHTS.items() if name in model), 1.0)


def readings(
    work: Sequence[PricedMessage],
    end: float,
    seed: int = 7,
    *,
    has_phone: bool = True,
    factor_after: tuple[float, float] | None = None,
) -> Invented:
    """Live through the messages (oldest first) until `end`. `factor_after`: a moment and a factor; from that moment on everything costs that many
    times as much, as when a limit is changed."""
    chance = random.Random(seed)
    scale = _scale(work)
    stops = _stops(work, end)
    place, five_start, five, week = 0, float("-inf"), 0.0, 0.0
    week_reset = (work[0].at // WEEK + 1) * WEEK if work else end
    phone_until = float("-inf")
    said: list[InventedReading] = []
    weeks: dict[float, dict[str, float]] = {}
    sessions: dict[tuple[str, float], float] = {}

    def use(at: float, model: str, session: str, points: float) -> None:
        nonlocal five_start, five, week, week_reset
        if at >= week_reset:
            week_reset += ((at - week_reset) // WEEK + 1) * WEEK
            week = 0.0
        if at >= five_start + FIVE_HOURS:
            five_start, five = at, 0.0
        points = min(points, 100.0 - five)
        five, week = five + points, week + points * WEEK_PER_WINDOW
        of = weeks.setdefault(week_reset, {})
        of[model] = of.get(model, 0.0) + points
        if session:
            key = (session, five_start + FIVE_HOURS)
            sessions[key] = sessions.get(key, 0.0) + points

    before = stops[0] if stops else end
    for stop in stops:
        while place < len(work) and work[place].at <= stop:
            one = work[place]
            dollars = sum(value * part for value, part in zip(one.dollars, _CLASSES, strict=True))
            factor = factor_after[1] if factor_after is not None and one.at >= factor_after[0] else 1.0
            use(one.at, one.model, one.session, dollars * weight(one.model) * scale * factor)
            place += 1
        gone = min(stop - before, _EVERY)
        if has_phone and stop < phone_until:
            use(stop, "", "", gone * _PHONE_RATE * chance.uniform(0.5, 1.5))
        elif has_phone and chance.random() < gone / _PHONE_EVERY:
            phone_until = stop + _PHONE_LASTS * chance.uniform(0.5, 1.5)
        before = stop
        if stop >= week_reset:
            week_reset += ((stop - week_reset) // WEEK + 1) * WEEK
            week = 0.0
        runs = stop < five_start + FIVE_HOURS
        reset = five_start + FIVE_HOURS if runs else None
        said.append(InventedReading(stop, float(round(five)) if runs else 0.0, reset, float(round(week)), week_reset))
    return Invented(tuple(said), weeks, sessions)


def _scale(work: Sequence[PricedMessage]) -> float:
    """Points per dollar, so that the busiest windows nearly fill."""
    sums: dict[int, float] = {}
    for one in work:
        dollars = sum(value * part for value, part in zip(one.dollars, _CLASSES, strict=True)) * weight(one.model)
        sums[int(one.at // FIVE_HOURS)] = sums.get(int(one.at // FIVE_HOURS), 0.0) + dollars
    ordered = sorted(sums.values())
    return _BUSIEST / ordered[int(len(ordered) * 0.97)] if ordered and ordered[-1] else 1.0


def _stops(work: Sequence[PricedMessage], end: float) -> list[float]:
    """The moments of readings: every few minutes, from a while before each message until a while after it."""
    stops: list[float] = []
    for one in work:
        moment = max((one.at - _AWAKE) // _EVERY * _EVERY + 30, stops[-1] + _EVERY if stops else 0.0)
        while moment <= min(one.at + _AWAKE, end):
            stops.append(moment)
            moment += _EVERY
    if stops and stops[-1] < end - 60:
        stops.append(end - 30)
    return stops
