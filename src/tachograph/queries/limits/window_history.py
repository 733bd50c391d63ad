"""Every window of every account: its peak, how fast it filled, whether it was hit, and what the logs say was used in it.

Only the work of an account is held against its windows. Messages that nobody's account is known for are counted and left out.
"""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Sequence
from tachograph.model.limits.window_state import LENGTHS
from tachograph.model.usage.periods import WEEK, Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.limits.history import Habit, PastWindow, history
from tachograph.queries.limits.series import limit_series
from tachograph.queries.usage.rows import Spend
from tachograph.queries.usage.spend import exact_spend_in_spans, spend_in_spans

_FAST = 50.0  # percent: how long a window took to get there says how fast it filled


class Wall(NamedTuple):
    """A window with its account's usage on this machine, None if unknown. `half_ms`: time from its start to the first reading at half, None where it was never, or nobody was looking."""

    window: PastWindow
    starts_at: int | None
    used: Spend | None
    half_ms: int | None


class WeekOfLimit(NamedTuple):
    """The windows of one limit that began in a week: how many, the highest peak of them, how many were hit."""

    key: str
    week: str
    windows: int
    peak: float | None
    hits: int


class Walls(NamedTuple):
    windows: tuple[Wall, ...]  # newest first
    habits: tuple[Habit, ...]
    weeks: tuple[WeekOfLimit, ...]  # oldest first
    nobodys: int  # messages of an unknown account since the oldest of the windows: in none of them


def walls(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, now: int, since: int, most: int = 400) -> Walls:
    """The windows that ran after a moment; usage is computed for the newest `most`."""
    found = history(db, calendar, now, since)
    shown = found.windows[:most]
    used = _used(db, book, shown, now)
    halves = _halves(db, shown, since, now)
    made = tuple(
        Wall(window, _start(window), what, halves.get((window.account, window.key, window.resets_at)))
        for window, what in zip(shown, used, strict=True)
    )
    first = min((wall.starts_at for wall in made if wall.starts_at is not None), default=now)
    nobodys = spend_in_spans(db, book, [Span(first, now)], account=0)[0].tokens.messages
    return Walls(made, found.habits, _weeks(found.windows, calendar), nobodys)


def _used(db: sqlite3.Connection, book: PriceBook, windows: Sequence[PastWindow], now: int) -> list[Spend | None]:
    """Usage of each window by its account; None if its start or its account is unknown."""
    spans: dict[int, list[Span]] = {}  # by account; several limits may have the same stretch
    for window in windows:
        if window.account and (span := _span(window, now)) is not None:
            spans.setdefault(window.account, []).append(span)
    found: dict[tuple[int, Span], Spend] = {}
    for account, own in spans.items():
        each = list(dict.fromkeys(own))
        for span, used in zip(each, exact_spend_in_spans(db, book, each, account), strict=True):
            found[account, span] = used
    return [None if (span := _span(one, now)) is None else found.get((one.account, span)) for one in windows]


def _span(window: PastWindow, now: int) -> Span | None:
    start = _start(window)
    return None if start is None else Span(start, min(window.resets_at or now, now))


def _start(window: PastWindow) -> int | None:
    """Start of a window, from the length of its kind."""
    length = LENGTHS.get(window.group)
    return None if length is None or window.resets_at is None else window.resets_at - length


def _halves(
    db: sqlite3.Connection, windows: tuple[PastWindow, ...], since: int, now: int
) -> dict[tuple[int, str, int | None], int]:
    """Time from each window's start to its first reading at half or more."""
    made: dict[tuple[int, str, int | None], int] = {}
    by_limit: dict[tuple[int, str], list[PastWindow]] = {}
    for window in windows:
        by_limit.setdefault((window.account, window.key), []).append(window)
    for (account, key), own in by_limit.items():
        start_of = {window: start for window in own if (start := _start(window)) is not None}
        points = limit_series(db, account, since, now, (key,))[key].points if start_of else ()
        high = [point.at for point in points if point.percent >= _FAST]
        for window, start in start_of.items():
            first = next((at for at in high if start <= at < (window.resets_at or 0)), None)
            if first is not None:
                made[(account, key, window.resets_at)] = first - start
    return made


def _weeks(windows: tuple[PastWindow, ...], calendar: Calendar) -> tuple[WeekOfLimit, ...]:
    groups: dict[tuple[str, str], list[PastWindow]] = {}
    for window in windows:
        if window.resets_at is not None:
            start = _start(window)  # a week that ends tomorrow belongs to the days in which it was used
            begun = window.first_at if start is None else start
            groups.setdefault((window.key, calendar.period(WEEK, begun)[0]), []).append(window)
    made = []
    for (key, week), own in groups.items():
        peaks = [100.0 if w.hit_at is not None else w.peak for w in own]
        known = [peak for peak in peaks if peak is not None]
        made.append(WeekOfLimit(key, week, len(own), max(known, default=None), sum(w.hit_at is not None for w in own)))
    return tuple(sorted(made, key=lambda one: (one.week, one.key)))
