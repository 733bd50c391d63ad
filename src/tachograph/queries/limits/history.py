"""Past windows of each limit: peak, time of the hit, and the usual time of hits."""

from collections import Counter
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import accounts
from tachograph.ledger.limits import windows as kept
from tachograph.model.usage.periods import Calendar

_OFTEN = 3  # hits from which a usual time is worth naming
_PARTS = (("night", 0), ("morning", 6), ("afternoon", 12), ("evening", 18))


class PastWindow(NamedTuple):
    """One limit from one reset to the next. `resets_at` None where it had not begun; `peak` the most it was seen to
    reach, in percent, None if unknown; `hit_at` when it was first seen to be reached or refused. Epoch ms."""

    account: int
    label: str  # of the account
    key: str
    name: str  # of the limit
    group: str
    first_at: int
    resets_at: int | None
    peak: float | None
    hit_at: int | None
    source: str
    is_running: bool


class Habit(NamedTuple):
    """Number of times a limit was hit, and the usual time (a weekday and a part of the day), None without a pattern."""

    key: str
    name: str
    windows: int
    hits: int
    usually: str | None


class History(NamedTuple):
    windows: tuple[PastWindow, ...]  # newest first
    habits: tuple[Habit, ...]


def history(
    db: sqlite3.Connection, calendar: Calendar, now: int, since: int, key: str | None = None, account: int | None = None
) -> History:
    """Every window that ran after a moment, of one limit or account or of all."""
    names = {known.id: known.name for known in accounts.accounts(db)}
    found = [
        PastWindow(
            window.account,
            names.get(window.account, ""),
            window.key,
            window.label,
            window.group,
            window.first_at,
            window.resets_at,
            window.peak,
            _hit_at(window),
            window.source,
            window.resets_at is not None and window.resets_at > now,
        )
        for window in kept.all_windows(db, key, account, since)
        if window.resets_at is not None and window.resets_at > since
    ]
    found.sort(key=lambda window: (-(window.resets_at or 0), window.account, window.key))
    keys = dict.fromkeys(window.key for window in sorted(found, key=lambda w: (w.group != "session", w.key)))
    return History(tuple(found), tuple(_habit(known, found, calendar) for known in keys))


def _hit_at(window: kept.OwnedWindow) -> int | None:
    if window.wall_at is not None:
        return window.wall_at
    return window.full_at if window.peak is not None and window.peak >= 100 else None


def _habit(key: str, windows: list[PastWindow], calendar: Calendar) -> Habit:
    mine = [window for window in windows if window.key == key]
    hits = [window.hit_at for window in mine if window.hit_at is not None]
    usually = None
    if len(hits) >= _OFTEN:
        times = Counter(_part(calendar, at) for at in hits)
        most, count = times.most_common(1)[0]
        usually = most if count * 2 >= len(hits) else None
    return Habit(key, mine[0].name, len(mine), len(hits), usually)


def _part(calendar: Calendar, at: int) -> str:
    local = calendar.local(at)
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    part = next(name for name, hour in reversed(_PARTS) if local.hour >= hour)
    return f"{days[local.weekday()]} {part}"
