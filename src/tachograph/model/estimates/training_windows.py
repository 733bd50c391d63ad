"""Training data of an account: messages and readings put together into windows of a limit.

A 5-hour window is identified by its reset; at its start nothing of it was used, which is the one exact reading. A week is
cut into stretches of a day, which begin at a rounded percentage. Times are epoch seconds, percentages 0 to 100, work is in
US dollars at list prices by class of token: a unit for work, its weight is learned (weights.py).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from tachograph.lean_typing import NamedTuple
from tachograph.model.limits.series import Point

FIVE_HOURS = 5 * 3600
WEEK = 7 * 86_400
CLASSES = ("input", "output", "cache_write", "cache_read")
DAY = 86_400
FULL = 99.5  # a reading from here on is a lower bound: use beyond the limit is not counted
_OWN = 8  # sessions of a window that get a factor of their own; smaller ones share one
_SAME = 300  # seconds by which sources differ about the same reset
_LAG = 60  # seconds between the time in a message and the time at which the service counted it
_BLURRED = 75  # work this shortly before a reading may be missing from it
_RISE = 8.0  # points of the week from which a day is a stretch of its own: fewer are mostly rounding
_BETWEEN_MS, _MOST_BETWEEN = 300_000, 60  # apart, and how many of them, readings between two equal ones
_DAWN = 4 * 3600  # days of a week are cut at this hour (UTC): some hour has to be
NOTHING = (0.0, 0.0, 0.0, 0.0)

Dollars = tuple[float, float, float, float]  # in the order of CLASSES


class Message(NamedTuple):
    """One answer: `dollars` at list prices by class of token."""

    at: float
    session: str
    model: str
    dollars: Dollars


class Reading(NamedTuple):
    """Percentages and resets of both limits at a moment; None where unknown, or where no window had begun."""

    at: float
    five: float | None
    five_reset: float | None
    week: float | None
    week_reset: float | None


class Work(NamedTuple):
    """Work of one session with one model since the reading before; `peak` is the part of it done in peak hours."""

    session: str
    model: str
    dollars: Dollars
    peak: Dollars = NOTHING


class Step(NamedTuple):
    """From one reading to the next. `percent` None: work after the last reading. `blurred`: work that may have come too
    late for the reading."""

    at: float
    percent: float | None
    work: tuple[Work, ...]
    blurred: tuple[Work, ...] = ()


class Window(NamedTuple):
    """A window of a limit. `big`: the sessions with most work in it. `base`: percent used at its start, by its rounded
    reading; None: exactly nothing."""

    start: float
    reset: float
    steps: tuple[Step, ...]
    big: frozenset[str]
    base: float | None = None

    def until(self, at: float) -> "Window":
        """The part of the window up to a moment."""
        if at >= self.reset:
            return self
        return _of(self.start, self.reset, [step for step in self.steps if step.at <= at], self.base)

    @property
    def until_last_reading(self) -> "Window":
        """The window up to its last reading."""
        return self._replace(steps=tuple(step for step in self.steps if step.percent is not None))

    @property
    def dollars(self) -> float:
        return sum(sum(work.dollars) for step in self.steps for work in step.work)


def same(a: float | None, b: float | None) -> bool:
    """True if two moments name the same reset; False if one is unknown."""
    return a is not None and b is not None and abs(a - b) <= _SAME


def readings_of(five: Iterable[Point], week: Iterable[Point]) -> list[Reading]:
    """The clean series of the 5-hour limit and of the week as readings of both. Where only one of them has a value, the
    other keeps its last one until its window is over.

    A ledger keeps the first and the last of equal readings in a row. A limit does not fall within a window, so in between
    it had that value, too: readings are put there, which work is compared with.
    """
    five = list(five)
    rows = [(point.at, 0, point) for point in (_filled(five) if five else ())]
    rows += [(point.at, 1, point) for point in (week if five else _filled(list(week)))]
    rows.sort(key=lambda row: row[:2])
    made: list[Reading] = []
    last: list[Point | None] = [None, None]
    for at, which, point in rows:
        last[which] = point
        for place, one in enumerate(last):
            if one is not None and one.resets_at is not None and one.resets_at <= at and place != which:
                last[place] = None
        five_point, week_point = last
        reading = Reading(
            at / 1000,
            None if five_point is None else five_point.percent,
            None if five_point is None or five_point.resets_at is None else five_point.resets_at / 1000,
            None if week_point is None else week_point.percent,
            None if week_point is None or week_point.resets_at is None else week_point.resets_at / 1000,
        )
        if made and made[-1].at == reading.at:
            made[-1] = reading
        else:
            made.append(reading)
    return made


def _filled(points: Sequence[Point]) -> Iterator[Point]:
    """Points with more of them between two that are equal."""
    for place, point in enumerate(points):
        if place:
            last = points[place - 1]
            step = max(_BETWEEN_MS, (point.at - last.at) // _MOST_BETWEEN)
            if point.percent == last.percent and point.resets_at == last.resets_at and point.percent < FULL:
                yield from (last._replace(at=at) for at in range(last.at + step, point.at - step // 2, step))
        yield point


def is_peak(at: float) -> bool:
    """True from Monday to Friday, 13 to 19 h UTC: hours in which the service has counted 5-hour work as more."""
    hours = int(at) // 3600
    return 13 <= hours % 24 < 19 and (hours // 24 + 3) % 7 < 5


def windows(messages: Sequence[Message], readings: Sequence[Reading], breaks: Sequence[float] = ()) -> list[Window]:
    """Every 5-hour window that a reading names, oldest first; messages and readings in order of time.

    `breaks`: moments at which limits began again with another plan; a window holds nothing from before. Work outside of all
    windows (before the first reading, or while none was taken) is in none.
    """
    resets: list[float] = []
    by_reset: list[list[Reading]] = []
    for reading in readings:
        if reading.five_reset is None or reading.five is None or reading.at > reading.five_reset + _SAME:
            continue
        if not resets or reading.five_reset - resets[-1] > _SAME:
            resets.append(reading.five_reset)
            by_reset.append([])
        begun = by_reset[-1][0].at if by_reset[-1] else reading.at
        if same(reading.five_reset, resets[-1]) and not any(begun < moment <= reading.at for moment in breaks):
            by_reset[-1].append(reading)  # neither an older one that comes late, nor one under another plan
    times = [message.at for message in messages]
    firsts = [
        _first(times, reset - FIVE_HOURS, resets[place - 1] if place else 0.0) for place, reset in enumerate(resets)
    ]
    for place, reset in enumerate(resets):
        for moment in breaks:
            if reset - FIVE_HOURS < moment <= by_reset[place][0].at:
                firsts[place] = max(firsts[place], bisect_left(times, moment))
    made = []
    for place, reset in enumerate(resets):
        end = bisect_left(times, reset)
        if place + 1 < len(resets):
            end = min(end, firsts[place + 1])
        steps = _steps(messages[firsts[place] : end], [(r.at, r.five) for r in by_reset[place]])
        made.append(_of(reset - FIVE_HOURS, reset, steps, None))
    return made


def week_days(messages: Sequence[Message], readings: Sequence[Reading], breaks: Sequence[float] = ()) -> list[Window]:
    """Weeks as stretches of a day, or of up to four days with little use, oldest first: each begins with a reading and ends with
    the last one before the next begins. A fall of the percentage begins a stretch, too."""
    times = [message.at for message in messages]
    known = [r for r in readings if r.week is not None and r.week_reset is not None]
    made: list[Window] = []
    group: list[Reading] = []
    begins, base = 0.0, None

    def close() -> None:
        end = group[-1].at
        inside = messages[bisect_right(times, begins) : bisect_right(times, end)]
        if end > begins:
            made.append(_of(begins, end, _steps(inside, [(r.at, r.week) for r in group]), base))

    for reading in known:
        last = group[-1] if group else None
        if last is None:
            begins, base, group = reading.at, reading.week, [reading]
            continue
        is_reset = not same(reading.week_reset, last.week_reset)
        fell = (reading.week or 0.0) < (last.week or 0.0) - 1.5
        if is_reset or fell or any(last.at < moment <= reading.at for moment in breaks):
            close()
            week_began = (reading.week_reset or reading.at) - WEEK
            is_empty = is_reset or (reading.week or 0.0) <= 1
            begins = max(last.at, week_began) if is_empty else reading.at
            base, group = None if is_empty else reading.week, [reading]
        elif (reading.at - _DAWN) // DAY != (last.at - _DAWN) // DAY and (
            (reading.week or 0.0) - (base or 0.0) >= _RISE or reading.at - begins > 3 * DAY
        ):
            group.append(reading)
            close()
            begins, base, group = reading.at, reading.week, [reading]
        else:
            group.append(reading)
    if group:
        close()
    return made


def week_start(readings: Sequence[Reading], reset: float, until: float) -> float:
    """Moment from which on a percentage of the week counts, as known at `until`: a week that was set to 0 by the service, or
    began early, counts from there. `readings` in order of time."""
    start = reset - WEEK
    last: Reading | None = None
    for reading in readings:
        if reading.week is None or reading.at > until:
            continue
        if same(reading.week_reset, reset):
            begins_early = last is not None and not same(last.week_reset, reset) and (last.week_reset or 0) > reading.at
            fell = last is not None and (last.week or 0) >= 5 and reading.week <= min(3.0, 0.2 * (last.week or 0))
            if last is not None and (begins_early or (fell and same(last.week_reset, reset))):
                start = max(start, last.at)
        last = reading
    return start


def _first(times: Sequence[float], start: float, before: float) -> int:
    """Index of the first message of a window that starts at a moment and follows one that reset at `before`.

    A message opens a window, and its record may be timed up to a minute early: so it is searched there, unless a window ran
    before, or a message follows within a minute of the start.
    """
    place, early = bisect_left(times, start), bisect_left(times, start - _LAG)
    follows = place < len(times) and times[place] <= start + _LAG
    return early if before <= start - _LAG or not follows else place


def _steps(messages: Sequence[Message], readings: Iterable[tuple[float, float | None]]) -> list[Step]:
    steps: list[Step] = []
    begun, place = 0, 0
    for at, percent in readings:
        while place < len(messages) and messages[place].at <= at:
            place += 1
        done = messages[begun:place]
        late = [message for message in done if message.at > at - _BLURRED]
        steps.append(Step(at, percent, _sum_work(done), _sum_work(late)))
        begun = place
    if begun < len(messages):
        steps.append(Step(messages[-1].at, None, _sum_work(messages[begun:])))
    return steps


def _of(start: float, reset: float, steps: Sequence[Step], base: float | None) -> Window:
    totals: dict[str, float] = {}
    for step in steps:
        for work in step.work:
            totals[work.session] = totals.get(work.session, 0.0) + sum(work.dollars)
    big = frozenset(sorted(totals, key=lambda session: -totals[session])[:_OWN])
    return Window(start, reset, tuple(steps), big, base)


def loose_work(messages: Iterable[Message], windows: Iterable[Window], since: float) -> list[Work]:
    """Work after a moment that none of the windows holds: it was done while nothing was read."""
    spans = [(window.start - _LAG, window.reset) for window in windows]
    return [
        work_of(message)
        for message in messages
        if message.at > since and not any(start <= message.at <= reset for start, reset in spans)
    ]


def work_of(message: Message) -> Work:
    """One message as work."""
    return Work(message.session, message.model, message.dollars, message.dollars if is_peak(message.at) else NOTHING)


def _sum_work(messages: Sequence[Message]) -> tuple[Work, ...]:
    if len(messages) < 2:
        return (work_of(messages[0]),) if messages else ()
    sums: dict[tuple[str, str], list[float]] = {}
    peaks: dict[tuple[str, str], list[float]] = {}
    for message in messages:
        key = (message.session, message.model)
        known = sums.setdefault(key, [0.0] * 4)
        for place, value in enumerate(message.dollars):
            known[place] += value
        if is_peak(message.at):
            known = peaks.setdefault(key, [0.0] * 4)
            for place, value in enumerate(message.dollars):
                known[place] += value
    return tuple(
        Work(session, model, (a, b, c, d), (p[0], p[1], p[2], p[3]) if (p := peaks.get((session, model))) else NOTHING)
        for (session, model), (a, b, c, d) in sums.items()
    )
