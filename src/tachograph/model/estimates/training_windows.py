"""What is learned from: messages and readings of one account, put together into its 5-hour windows.

A window is known by its reset; at its start nothing of it was used, which is the one exact reading that there is. All
times here are epoch seconds, all percentages 0 to 100, all work is in US dollars at list prices, by class of token:
that is only the unit in which work is written down, what it weighs is learned (weights.py).
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FIVE_HOURS = 5 * 3600
WEEK = 7 * 86_400
CLASSES = ("input", "output", "cache_write", "cache_read")
FULL = 99.5  # from here on a reading may be cut off: it says "at least", not how much
_OWN = 8  # so many sessions of a window are looked at one by one; smaller ones share one place
_SAME = 300  # seconds by which sources differ when they name the same reset
_LAG = 60  # seconds between what a message says of its time and when the service counted it
_BLURRED = 75  # work so shortly before a reading may or may not be in it

Dollars = tuple[float, float, float, float]  # in the order of CLASSES


class Message(NamedTuple):
    """One answer: `dollars` at list prices by class of token."""

    at: float
    session: str
    model: str
    dollars: Dollars


class Reading(NamedTuple):
    """What the service said at a moment; None where it did not, or where the window had not begun."""

    at: float
    five: float | None
    five_reset: float | None
    week: float | None
    week_reset: float | None


class Work(NamedTuple):
    """What was done in one session with one model since the reading before."""

    session: str
    model: str
    dollars: Dollars


class Step(NamedTuple):
    """From one reading to the next. `percent` None: work after the last reading. `blurred`: work so close before the
    reading that it may not be in it."""

    at: float
    percent: float | None
    work: tuple[Work, ...]
    blurred: tuple[Work, ...] = ()


class Window(NamedTuple):
    """A 5-hour window. `big`: the sessions that did most in it."""

    start: float
    reset: float
    steps: tuple[Step, ...]
    big: frozenset[str]

    def until(self, at: float) -> "Window":
        """What of it was there at a moment."""
        return self if at >= self.reset else _of(self.reset, [step for step in self.steps if step.at <= at])

    @property
    def watched(self) -> "Window":
        """What of it was there at its last reading."""
        return self._replace(steps=tuple(step for step in self.steps if step.percent is not None))

    @property
    def dollars(self) -> float:
        return sum(sum(work.dollars) for step in self.steps for work in step.work)


def same(a: float | None, b: float | None) -> bool:
    """Do two moments name the same reset? Never where one is unknown."""
    return a is not None and b is not None and abs(a - b) <= _SAME


def windows(messages: Sequence[Message], readings: Sequence[Reading]) -> list[Window]:
    """Every window that a reading names, oldest first; both in order of time.

    Work outside of all of them (before the first reading, while nobody read) is in none, and no use to learn from.
    """
    resets: list[float] = []
    by_reset: list[list[Reading]] = []
    for reading in readings:
        if reading.five_reset is None or reading.five is None or reading.at > reading.five_reset + _SAME:
            continue
        if not resets or reading.five_reset - resets[-1] > _SAME:
            resets.append(reading.five_reset)
            by_reset.append([])
        if same(reading.five_reset, resets[-1]):  # an older one that comes late says nothing
            by_reset[-1].append(reading)
    times = [message.at for message in messages]
    firsts = [
        _first(times, reset - FIVE_HOURS, resets[place - 1] if place else 0.0) for place, reset in enumerate(resets)
    ]
    made = []
    for place, reset in enumerate(resets):
        end = bisect_left(times, reset)
        if place + 1 < len(resets):
            end = min(end, firsts[place + 1])
        made.append(_window(reset, messages[firsts[place] : end], by_reset[place]))
    return made


def _first(times: Sequence[float], start: float, before: float) -> int:
    """Where a window's messages begin. A message opens it; what a record says of its time is up to a minute off, so the
    one that opened it may be written a minute early: so it is where no window ran before, or none follows at once."""
    place, early = bisect_left(times, start), bisect_left(times, start - _LAG)
    follows = place < len(times) and times[place] <= start + _LAG
    return early if before <= start - _LAG or not follows else place


def _window(reset: float, messages: Sequence[Message], readings: Iterable[Reading]) -> Window:
    steps: list[Step] = []
    begun, place = 0, 0
    for reading in readings:
        while place < len(messages) and messages[place].at <= reading.at:
            place += 1
        done = messages[begun:place]
        late = [message for message in done if message.at > reading.at - _BLURRED]
        steps.append(Step(reading.at, reading.five, _summed(done), _summed(late)))
        begun = place
    if begun < len(messages):
        steps.append(Step(messages[-1].at, None, _summed(messages[begun:])))
    return _of(reset, steps)


def _of(reset: float, steps: Sequence[Step]) -> Window:
    totals: dict[str, float] = {}
    for step in steps:
        for work in step.work:
            totals[work.session] = totals.get(work.session, 0.0) + sum(work.dollars)
    big = frozenset(sorted(totals, key=lambda session: -totals[session])[:_OWN])
    return Window(reset - FIVE_HOURS, reset, tuple(steps), big)


def _summed(messages: Iterable[Message]) -> tuple[Work, ...]:
    sums: dict[tuple[str, str], list[float]] = {}
    for message in messages:
        known = sums.setdefault((message.session, message.model), [0.0] * 4)
        for place, value in enumerate(message.dollars):
            known[place] += value
    return tuple(Work(session, model, (a, b, c, d)) for (session, model), (a, b, c, d) in sums.items())


def rises(readings: Sequence[Reading]) -> list[tuple[float, float]]:
    """How far both limits rose side by side in one window, in points of each: nothing of it where the week reset."""
    known = [r for r in readings if r.five is not None and r.week is not None and r.five_reset is not None]
    if len(known) < 2:
        return []
    first, last = known[0], known[-1]
    if not same(first.week_reset, last.week_reset) or (last.five or 0) >= FULL or (last.week or 0) >= FULL:
        return []
    return [((last.five or 0) - (first.five or 0), (last.week or 0) - (first.week or 0))]
