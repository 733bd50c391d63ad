"""Invented readings of limits for messages that are there: what a service with hidden weights would have said.

Each model weighs more or less than its list price, cache reads weigh much less, somebody uses a phone now and then; what
is read are whole percentages, every few minutes while somebody is at work. The hidden numbers are given back too: they
are what an estimate can be held against.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

FIVE_HOURS, WEEK = 5 * 3600.0, 7 * 86_400.0
WEEK_PER_WINDOW = 0.11  # a full 5-hour window is so much of the week
_WEIGHTS = {"opus": 1.35, "sonnet": 0.8, "haiku": 0.6, "fable": 1.1}
_CLASSES = (1.0, 1.1, 0.9, 0.55)
_EVERY, _AWAKE = 300.0, 2400.0
_BEGIN_SLACK = 900.0  # seconds by which a session may begin before the full ten minutes that its reset names
_MARK = 600.0  # seconds: resets are at full ten minutes
_FULLEST = 97.0  # percent of a week in a story
_BUSIEST = 92.0  # percent that the busiest windows reach
_PHONE_EVERY, _PHONE_LASTS, _PHONE_RATE = 9 * 3600.0, 1500.0, 1 / 100


class PricedMessage(NamedTuple):
    """A message: when (epoch seconds), in which session, with which model, and its dollars at list prices by class
    (input, output, cache write, cache read)."""

    at: float
    session: str
    model: str
    dollars: tuple[float, float, float, float]


class Story(NamedTuple):
    """Facts that the readings have to agree with. `refusals`: when a session limit was hit and when it reset; `week_reset`:
    a reset of the week; `week_end`, `scoped_end`: percent of the week, and of the weeks of model families, at the end;
    `families`: model families with a weekly limit of their own, of half the week's size."""

    refusals: Sequence[tuple[float, float]] = ()
    week_reset: float | None = None
    week_end: float | None = None
    scoped_end: Mapping[str, float] = MappingProxyType({})
    families: Sequence[str] = ()


_NO_STORY = Story()


class InventedReading(NamedTuple):
    """A reading, in whole percent; `five_reset` None while no window runs; `scoped`: the weeks of model families;
    `has_week`: the weeks are known."""

    at: float
    five: float
    five_reset: float | None
    week: float
    week_reset: float
    scoped: Mapping[str, float] = MappingProxyType({})
    has_week: bool = True


class Invented(NamedTuple):
    """The readings; and hidden behind them, by reset of a week: points of 5-hour windows by model and elsewhere (""), and by
    (session, reset of a window) its points. `scale`: points of a 5-hour window per weighted dollar."""

    said: tuple[InventedReading, ...]
    weeks: dict[float, dict[str, float]]
    sessions: dict[tuple[str, float], float]
    scale: float = 1.0

    def elsewhere(self, week_reset: float) -> float:
        """Share (0 to 1) of a week that was used elsewhere than on this machine."""
        points = self.weeks.get(week_reset, {})
        return points.get("", 0.0) / total if (total := sum(points.values())) else 0.0


def weight(model: str) -> float:
    return next((value for name, value in _WEIGHTS.items() if name in model), 1.0)


def readings(
    work: Sequence[PricedMessage],
    end: float,
    seed: int = 7,
    *,
    has_phone: bool = True,
    factor_after: tuple[float, float] | None = None,
    story: Story = _NO_STORY,
) -> Invented:
    """Live through the messages (oldest first) until `end`. `factor_after`: a moment and a factor; from that moment on everything costs that many
    times as much, as when a limit is changed."""
    chance = random.Random(seed)
    scale = _scale(work, story.week_reset or 0.0)
    stops = _stops(work, end)
    place, five_reset, five, week = 0, float("-inf"), 0.0, 0.0
    begin = work[0].at if work else end
    anchor = story.week_reset or 0.0
    week_reset = anchor + ((begin - anchor) // WEEK + 1) * WEEK if work else end
    families: dict[str, float] = {}
    phone_until = float("-inf")
    said: list[InventedReading] = []
    weeks: dict[float, dict[str, float]] = {}
    sessions: dict[tuple[str, float], float] = {}

    def use(at: float, model: str, session: str, points: float) -> None:
        nonlocal five_reset, five, week, week_reset
        if at >= week_reset:
            week_reset += ((at - week_reset) // WEEK + 1) * WEEK
            week = 0.0
            families.clear()
        if at >= five_reset:
            five_reset, five = _session_reset(at, story), 0.0
        points = min(points, 100.0 - five)
        five, week = five + points, week + points * WEEK_PER_WINDOW
        if family := next((name for name in _WEIGHTS if name in model), ""):
            families[family] = families.get(family, 0.0) + points * WEEK_PER_WINDOW
        of = weeks.setdefault(week_reset, {})
        of[model] = of.get(model, 0.0) + points
        if session:
            key = (session, five_reset)
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
            families.clear()
        if any(hit <= stop < reset == five_reset for hit, reset in story.refusals):
            five = 100.0
        runs = stop < five_reset
        percent = float(round(five)) if runs else 0.0
        said.append(InventedReading(stop, percent, five_reset if runs else None, week, week_reset, dict(families)))
    return Invented(tuple(_fit_story(said, story)), weeks, sessions, scale)


def _session_reset(at: float, story: Story) -> float:
    """Reset of a session that begins at a moment: the one that a refusal in it names, else five hours later (in a story
    at full ten minutes)."""
    named = (reset for hit, reset in story.refusals if at <= hit and reset - FIVE_HOURS - _BEGIN_SLACK <= at < reset)
    later = at + FIVE_HOURS
    return next(named, later if story.week_reset is None else later // _MARK * _MARK)


def _fit_story(said: Sequence[InventedReading], story: Story) -> Iterator[InventedReading]:
    """The readings with weeks in whole percent that end where the story wants them."""
    last = said[-1] if said else None
    factor = story.week_end / last.week if last is not None and story.week_end is not None and last.week else 1.0
    factors = {
        name: story.scoped_end[name] / last.scoped[name] if last is not None and last.scoped.get(name) else 0.0
        for name in story.scoped_end
    }
    # a story has no full week: of one that would have been only the sessions were recorded
    full = {one.week_reset for one in said if story.week_end is not None and one.week * factor > _FULLEST}
    for one in said:
        scoped = {
            name: min(99.0, float(round(value * factors.get(name, factor * 2)))) for name, value in one.scoped.items()
        }
        yield one._replace(
            week=min(100.0, float(round(one.week * factor))), scoped=scoped, has_week=one.week_reset not in full
        )


def _scale(work: Sequence[PricedMessage], anchor: float) -> float:
    """Points per dollar, so that the busiest windows (counted from `anchor`) nearly fill."""
    sums: dict[int, float] = {}
    for one in work:
        dollars = sum(value * part for value, part in zip(one.dollars, _CLASSES, strict=True)) * weight(one.model)
        window = int((one.at - anchor) // FIVE_HOURS)
        sums[window] = sums.get(window, 0.0) + dollars
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
