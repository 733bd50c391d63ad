"""The moment of a reset that a text of Claude Code names: "resets Oct 3, 4pm (Asia/Seoul)", "resets 2:40pm"."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

_LATE_SECONDS = 300  # a text may be written this long after the reset that it names
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHEN = re.compile(
    r"(?:resets?|reset at|continuing automatically at)\s+(?:at |on )?"
    rf"(?:(?P<month>{'|'.join(_MONTHS)})[a-z]*\.? (?P<day>\d{{1,2}})(?:, (?P<year>20\d\d))?(?:,| at)? |"
    rf"(?P<weekday>{'|'.join(_DAYS)})[a-z]*(?:,| at)? )?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s?(?P<half>[ap]m)?\b"
    r"(?:\s*\((?P<zone>[A-Za-z][\w+\-/]{1,40})\))?",
    re.IGNORECASE,
)


def reset_moment(said: str, at: int, zone: tzinfo | None) -> int | None:
    """The next such moment after `at` (both epoch ms), in the zone that the text names or else in `zone`; None if the
    text names none."""
    when = _WHEN.search(said)
    hour = _hour(when) if when else None
    if when is None or hour is None:
        return None
    place = _zone(when["zone"]) if when["zone"] else zone
    if place is None:
        return None
    then = datetime.fromtimestamp(at / 1000, UTC).astimezone(place)
    minute = int(when["minute"] or 0)
    try:
        candidate = _next(when, then, hour, minute)
    except (ValueError, OverflowError):
        return None
    return round(candidate.timestamp() * 1000)


def _next(when: re.Match[str], then: datetime, hour: int, minute: int) -> datetime:
    """The first moment from `then` on that a text can mean; ValueError for the 31st of a month without one."""
    day = then.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if when["month"]:
        month = _MONTHS.index(when["month"].lower()) + 1
        day = day.replace(year=int(when["year"] or then.year), month=month, day=int(when["day"]), fold=0)
        is_over = not when["year"] and day.timestamp() < then.timestamp() - 86_400
        return day.replace(year=then.year + 1) if is_over else day
    step = 1
    if when["weekday"]:
        day, step = day + timedelta(days=(_DAYS.index(when["weekday"].lower()) - then.weekday()) % 7), 7
    later = day + timedelta(days=step)
    # In the night in which clocks go back a time of day comes twice.
    times = (day.replace(fold=0), day.replace(fold=1), later.replace(fold=0))
    return next((time for time in times if time.timestamp() >= then.timestamp() - _LATE_SECONDS), times[-1])


def _hour(when: re.Match[str]) -> int | None:
    """The hour from 0 to 23; None where neither am, pm nor minutes say that it is an hour."""
    hour, half = int(when["hour"]), (when["half"] or "").lower()
    if int(when["minute"] or 0) > 59 or not (half or when["minute"]):
        return None
    if half:
        return hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else None
    return hour if hour <= 23 else None


def _zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the database, like "America"
        return None
