"""Forecasts that would have been made in windows that are over, each from earlier readings alone, blended with earlier ones.

A ledger that already holds windows at the first start gives an account's own past this way; benchmarks/quota.py scores the
same forecasts. Points of work are those of today's weights, which know nothing of outcomes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from tachograph.lean_typing import NamedTuple
from tachograph.model.estimates import forecast as chances
from tachograph.model.estimates.forecast import Past, RecentWork
from tachograph.model.estimates.training_windows import FULL, Reading, same

_HOUR = 3600.0
_WEEK_STEP = 6 * _HOUR  # between two forecasts of a week
_REFIT = 5  # windows after which earlier outcomes are fitted again
_PEAKS = 6  # earlier weeks that tell what is usual


class Replayed(NamedTuple):
    """A forecast made at a moment of the window that resets at `reset` (epoch seconds); `peak`: the highest percentage that was
    read in that window, `last_at` when it was read last."""

    reset: float
    at: float
    percent: float
    forecast: chances.Forecast
    peak: float
    last_at: float


def replay_five_hours(readings: Sequence[Reading], work: Sequence[RecentWork], until: float) -> Iterator[Replayed]:
    """Forecasts of 5-hour windows that reset by a moment; readings and work in order of time."""
    times = [one.at for one in work]
    begun: dict[str, float] = {}
    for one in work:
        begun.setdefault(one.session, one.at)
    past: list[Past] = []
    hits = 0
    fitted = chances.fit_past(())
    for number, (reset, seen) in enumerate(_windows(readings, "five")):
        if reset > until:
            break
        peak = max(reading.five or 0.0 for reading in seen)
        if number % _REFIT == 0:
            fitted = chances.fit_past(past)
        last, found = 0.0, []
        for place, reading in enumerate(seen):
            if (reading.five or 0.0) >= FULL or reading.at - last < chances.EVERY:
                continue
            last = reading.at
            hour = work[bisect_right(times, last - _HOUR) : bisect_right(times, last)]
            first = begun[hour[-1].session] if hour else None
            done = hour if work else None
            pace = chances.pace(seen[: place + 1], last, done, first, hits, number)
            if pace is not None:
                found.append(Replayed(reset, last, pace.used, chances.chance(pace, fitted), peak, seen[-1].at))
        yield from found
        past += [Past(one.forecast.prior, reset, peak >= FULL) for one in found]
        hits += peak >= FULL


def replay_weeks(readings: Sequence[Reading], until: float) -> Iterator[Replayed]:
    """Forecasts of weeks that reset by a moment; readings in order of time."""
    past: list[Past] = []
    peaks: list[float] = []
    for reset, seen in _windows(readings, "week"):
        if reset > until:
            break
        peak = max(reading.week or 0.0 for reading in seen)
        fitted = chances.fit_past(past, is_week=True)
        last, found = 0.0, []
        for place, reading in enumerate(seen):
            if (reading.week or 0.0) >= FULL or reading.at - last < _WEEK_STEP:
                continue
            last = reading.at
            pace = chances.week_pace(seen[: place + 1], last, peaks[-_PEAKS:])
            if pace is not None:
                found.append(Replayed(reset, last, pace.used, chances.chance(pace, fitted), peak, seen[-1].at))
        yield from found
        past += [Past(one.forecast.prior, reset, peak >= FULL) for one in found]
        peaks.append(peak)


def _windows(readings: Sequence[Reading], limit: str) -> list[tuple[float, list[Reading]]]:
    """The readings of each window of a limit by its reset, oldest first."""
    resets: list[float] = []
    seen: list[list[Reading]] = []
    for reading in readings:
        percent, reset = (reading.five, reading.five_reset) if limit == "five" else (reading.week, reading.week_reset)
        if percent is None or reset is None or reading.at > reset:
            continue
        place = bisect_left(resets, reset - 600)
        if place < len(resets) and same(resets[place], reset):
            seen[place].append(reading)
        else:
            resets.insert(place, reset)
            seen.insert(place, [reading])
    return list(zip(resets, seen, strict=True))
