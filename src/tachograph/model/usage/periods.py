"""Days, weeks, months and hours as a reader's calendar cuts them, and what a person may write for a date or a zone."""

from __future__ import annotations

import os
import sys
import time

from tachograph.errors import UsageError
from tachograph.lean_datetime import UTC, date, datetime, timedelta, tzinfo
from tachograph.lean_typing import Mapping, NamedTuple

_QUARTER_MS = 900_000
DAY, WEEK, MONTH, HOUR = "day", "week", "month", "hour"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FIRST, _LAST = date(1, 1, 2), date(9999, 12, 30)  # so that no zone pushes a moment out of the calendar


class Span(NamedTuple):
    """A half-open stretch of time, epoch milliseconds; None is open."""

    start: int | None
    end: int | None


class Calendar(NamedTuple):
    """A time zone and the day on which its weeks begin (0 is Monday)."""

    zone: tzinfo
    zone_name: str
    week_start: int = 0

    def local(self, at: int) -> datetime:
        """The local time of a moment in epoch milliseconds."""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
        if not _FIRST <= moment.date() <= _LAST:
            return moment
        return moment.astimezone(self.zone)

    def day(self, at: int) -> date:
        return self.local(at).date()

    def start_of(self, day: date) -> int:
        """The moment at which a day begins. Where clocks skip midnight, that is when they are put forward."""
        return round(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp() * 1000)

    def period(self, kind: str, at: int) -> tuple[str, Span]:
        """The period of a kind that holds a moment: its key and its span.

        Keys: `2026-11-21`; a week's first day; `2026-11`; an hour with its offset, `2026-11-21T14:00+01:00`.
        """
        if kind == HOUR:
            local = self.local(at)
            text = local.isoformat(timespec="minutes")
            start = at - (local.minute * 60 + local.second) * 1000 - local.microsecond // 1000
            return f"{text[:14]}00{text[16:]}", self._of_one_offset(Span(start, start + 3_600_000), at)
        first, following = self._days(kind, self.day(at))
        return period_key(kind, first), Span(self.start_of(first), self.start_of(following))

    def _of_one_offset(self, hour: Span, at: int) -> Span:
        """The part of an hour around a moment in which the clock is not put forward or back; on Lord Howe Island it is by half
        an hour."""
        offset, start, end = self.local(at).utcoffset(), hour.start, hour.end
        assert start is not None and end is not None  # noqa: S101 - an hour is closed
        while start + _QUARTER_MS <= at and self.local(start).utcoffset() != offset:
            start += _QUARTER_MS
        while end - _QUARTER_MS > at and self.local(end - 1).utcoffset() != offset:
            end -= _QUARTER_MS
        return Span(start, end)

    def quarters(self, span: Span) -> int:
        """The number of quarter hours in a stretch that lies in one local hour: 4, or 1 where a zone is not whole hours
        from UTC."""
        offset = self.local(span.end or 0).utcoffset()
        return 1 if offset is not None and offset.total_seconds() % 3600 else 4

    def back(self, kind: str, now: int, count: int) -> int:
        """The moment at which the `count`-th period back begins; 1 is the period that holds `now`."""
        if kind == HOUR:
            return self.period(HOUR, now)[1].start - (count - 1) * 3_600_000  # type: ignore[operator]  # never open
        first, _ = self._days(kind, self.day(now))
        for _ in range(count - 1):
            if first <= _FIRST + timedelta(days=62):
                break
            first, _ = self._days(kind, first - timedelta(days=1))
        return self.start_of(first)

    def _days(self, kind: str, day: date) -> tuple[date, date]:
        """The first day of the period that holds a day, and of the one that follows."""
        if kind == DAY:
            return day, day + timedelta(days=1)
        if kind == WEEK:
            first = day - timedelta(days=(day.weekday() - self.week_start) % 7)
            return first, first + timedelta(days=7)
        first = day.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)


def period_key(kind: str, first: date) -> str:
    return first.isoformat()[:7] if kind == MONTH else first.isoformat()


def parsed_day(text: str, today: date) -> date:
    """`2026-11-21`, `20261121`, `today`, `yesterday`, or days ago: `7d`. Raises UsageError."""
    word = text.strip().lower()
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    if word.endswith("d") and word[:-1].isdecimal() and len(word) < 7:
        return today - timedelta(days=int(word[:-1]))
    try:
        if len(word) == 10 and word[4] == word[7] == "-":
            day = date.fromisoformat(word)
        elif len(word) == 8 and word.isdecimal():
            day = date(int(word[:4]), int(word[4:6]), int(word[6:]))
        else:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date.", "Write 2026-11-21, 20261121, today, yesterday, or 7d for seven days ago."
        ) from None
    if not _FIRST <= day <= _LAST:
        raise UsageError(f"{text!r} is too far away to be a date here.")
    return day


def parsed_zone(name: str) -> tuple[tzinfo, str]:
    """The zone of an IANA name (`Europe/Berlin`), of `UTC`, or of `local`. Raises UsageError."""
    if name.lower() == "local":
        return system_zone(os.environ)
    if name.upper() in ("UTC", "Z"):
        return UTC, "UTC"
    found = _zone(name)
    if found is None:
        raise UsageError(
            f"{name!r} is not a time zone.",
            "Write an IANA name such as Europe/Berlin or America/New_York, or UTC, or local.",
        )
    return found, name


def system_zone(env: Mapping[str, str]) -> tuple[tzinfo, str]:
    """The zone of this system and its name, if known."""
    name = env.get("TZ", "").removeprefix(":")
    if not name and sys.platform != "win32":
        target = os.path.realpath("/etc/localtime")
        name = target.partition("/zoneinfo/")[2] if "/zoneinfo/" in target else ""
        name = name.removeprefix("posix/").removeprefix("right/")
    if name in ("UTC", "Etc/UTC", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT"):
        return UTC, "UTC"
    zone = _zone(name) if name else None
    return (zone, name) if zone is not None else (_SystemZone(), time.tzname[0] or "local")


def parsed_weekday(text: str) -> int:
    """0 for Monday to 6 for Sunday, from a name or the first three letters of it. Raises UsageError."""
    word = text.strip().lower()
    matches = [n for n, name in enumerate(WEEKDAYS) if name == word or (len(word) >= 2 and name.startswith(word))]
    if len(matches) != 1:
        raise UsageError(f"{text!r} is not a day of the week.", "Write monday, sunday, sat …")
    return matches[0]


def _zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo  # 3 ms: not paid where everything is UTC

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name gives an OSError
        return None


class _SystemZone(tzinfo):
    """The zone that the C library keeps, where its name cannot be told: the pattern of the datetime documentation."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(seconds=self._local(moment).tm_gmtoff)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=1) if self._local(moment).tm_isdst > 0 else timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return self._local(moment).tm_zone

    def fromutc(self, moment: datetime) -> datetime:
        seconds = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        local = time.localtime(seconds)
        fold = int(time.localtime(seconds - 7200).tm_gmtoff > local.tm_gmtoff and self._is_second(seconds, local))
        return datetime(*local[:6], moment.microsecond, tzinfo=self, fold=fold)

    @staticmethod
    def _is_second(seconds: int, local: time.struct_time) -> bool:
        earlier = time.localtime(seconds - 3600)
        return earlier[:5] == local[:5]

    @staticmethod
    def _local(moment: datetime | None) -> time.struct_time:
        if moment is None:
            return time.localtime()
        wall = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, 0, 0, -1)
        return time.localtime(time.mktime(wall))
