"""Ada's working times: full weekdays, some evenings, quiet weekends, one holiday, one crunch week."""

from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from random import Random
from typing import NamedTuple

HOLIDAY_DAYS = 5
HOLIDAY_FROM = 45  # days of span: in a shorter one the holiday would fall into the crunch week
LIMIT_WINDOW = timedelta(hours=5)
MARK = 10 * 60  # a session limit resets at a full ten minutes


class Limit(NamedTuple):
    """A session limit: nothing is answered between `hit` and `resets`."""

    hit: datetime
    resets: datetime


class Sitting(NamedTuple):
    start: datetime
    until: datetime
    limit: Limit | None = None


def last_friday(now: datetime) -> datetime:
    """The demo's moment: 15:25 of the last Friday, in the zone of `now`. Its life is the same on every day it is shown."""
    friday = now.replace(hour=15, minute=25, second=0, microsecond=0) - timedelta(days=(now.weekday() - 4) % 7)
    return friday if friday <= now else friday - timedelta(days=7)


def sittings(end: datetime, days: int, rng: Random) -> list[Sitting]:
    """Every sitting of the `days` days up to `end`, in order and one at a time; each is over before `end`."""
    today = end.date()
    found: list[Sitting] = []
    for ago in range(days - 1, -1, -1):
        if days >= HOLIDAY_FROM and ago in _holiday(today, days):
            continue
        day = today - timedelta(days=ago)
        crunch = ago in _crunch(today)
        planned = _plan_sittings([_moment(day, hour, end) for hour in _hours(day, crunch, rng)])
        if ago in _days_with_limit(today, days):
            planned = _with_limit(planned, rng)
        found += planned
    return [sitting for sitting in found if sitting.until < end]


def _holiday(today: date, days: int) -> range:
    """A long weekend, Thursday to Monday, near the middle, as a range of days ago."""
    middle = days * 11 // 20
    thursday = middle + ((today - timedelta(days=middle)).weekday() - 3) % 7
    return range(thursday - HOLIDAY_DAYS + 1, thursday + 1)


def _crunch(today: date) -> range:
    """Monday to Saturday of the week before last."""
    monday = today.weekday() + 14 if today.weekday() < 5 else today.weekday() + 7
    return range(monday - 5, monday + 1)


def _days_with_limit(today: date, days: int) -> set[int]:
    """The days on which a limit is hit: Tuesday, Thursday and Friday of the crunch week, and one early on."""
    monday = _crunch(today).stop - 1
    early = days * 4 // 5
    return {monday - 1, monday - 3, monday - 4, early + ((today - timedelta(days=early)).weekday() - 2) % 7}


def _hours(day: date, crunch: bool, rng: Random) -> list[float]:
    """The hours of the clock at which she sits down on that day."""
    if day.weekday() >= 5 and not crunch:
        return [rng.uniform(10, 17)] if rng.random() < 0.22 else []
    if day.weekday() == 5:
        return [rng.uniform(9.5, 10.5), rng.uniform(14, 15)]
    hours = [8.9, 10.8, 13.4, 15.6]
    if crunch:
        hours += [18.2, 20.6]
    elif rng.random() < 0.24:
        hours.append(20.4)
    if day.weekday() == 4 and not crunch and rng.random() < 0.6:
        hours.remove(15.6)
    kept = [hour for hour in hours if crunch or rng.random() > 0.1]
    overslept = rng.uniform(-0.4, 0.7)
    return [hour + overslept + rng.uniform(-0.3, 0.3) for hour in kept]


def _moment(day: date, hour: float, end: datetime) -> datetime:
    """That hour of the local clock; the zone is the one of `end`."""
    seconds = int(hour * 3600)
    return datetime.combine(day, time(seconds // 3600, seconds % 3600 // 60, seconds % 60), end.tzinfo)


def _plan_sittings(starts: list[datetime]) -> list[Sitting]:
    """Each start with its end: at most two hours, and a few minutes before the next."""
    planned = []
    for start, following in zip_longest(starts, starts[1:]):
        until = start + timedelta(hours=2)
        planned.append(Sitting(start, min(until, following - timedelta(minutes=4)) if following else until))
    return planned


def _with_limit(planned: list[Sitting], rng: Random) -> list[Sitting]:
    """The day with a limit hit in its second sitting, which goes on after the reset; what lay between is left out."""
    if len(planned) < 2:
        return planned
    first, second = planned[:2]
    resets = first.start + LIMIT_WINDOW
    resets -= timedelta(seconds=int(resets.timestamp()) % MARK)
    hit = second.start + timedelta(minutes=rng.randint(24, 38))
    if hit + timedelta(minutes=20) > resets:
        return planned
    until = resets + timedelta(minutes=55)
    late = [sitting for sitting in planned[2:] if sitting.start > until]
    return [first, Sitting(second.start, until, Limit(hit, resets)), *late]
