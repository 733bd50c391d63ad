"""Curves of limits: clean values over time, cut at each reset, with the moments of refusal."""

from collections.abc import Sequence
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import windows
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.limits.series import Series
from tachograph.queries.limits.series import limit_series

MOST_POINTS = 600  # of a curve: more than a chart has columns
_BREAK_MS = 1_000  # a break at the very moment of the next reading would be no break: charts count in seconds


class Point(NamedTuple):
    """A value at a moment (epoch ms); `percent` None where a window ended and the next is not known yet."""

    at: int
    percent: float | None
    source: str = ""


class Curve(NamedTuple):
    """One limit over a stretch of time, oldest first; resets as moments, and walls: when it was refused, or read as full."""

    key: str
    label: str
    points: tuple[Point, ...]
    resets: tuple[int, ...]
    walls: tuple[int, ...]


def curves(
    db: sqlite3.Connection, account: int, since: int, now: int, keys: Sequence[str] = (FIVE_HOUR, SEVEN_DAY)
) -> tuple[Curve, ...]:
    """The curves of an account's limits since a moment; a limit of which nothing is known is left out."""
    read = limit_series(db, account, since, now, keys)
    kept = windows.all_windows(db, account=account, since=since)
    found = []
    for key in keys:
        own = [window for window in kept if window.key == key and (window.resets_at or 0) >= since]
        if not read[key].windows and not own:
            continue
        label = own[-1].label if own else key
        resets = tuple(w.resets_at for w in own if w.resets_at is not None and w.resets_at <= now)
        hits = (w.wall_at if w.wall_at is not None else w.full_at for w in own)
        walls = tuple(at for at in hits if at is not None and since <= at <= now)
        found.append(Curve(key, label, _thinned(points(read[key])), resets, walls))
    return tuple(found)


def points(series: Series) -> list[Point]:
    """One window after another: at a reset the line breaks, for between two windows nothing is known."""
    found: list[Point] = []
    for place, window in enumerate(series.windows):
        first = window.points[0]
        before = series.windows[place - 1].resets_at if place else None
        if before is not None:  # after one that had not begun the line goes on
            over = max(min(before, first.at - _BREAK_MS), found[-1].at + 1)
            found.append(Point(min(over, first.at), None))
        found += [Point(one.at, one.percent, one.source) for one in window.points]
    return found


def _thinned(points: list[Point]) -> tuple[Point, ...]:
    """At most MOST_POINTS points; ends of windows and the highest of each stretch stay."""
    if len(points) <= MOST_POINTS:
        return tuple(points)
    step = -(-len(points) // (MOST_POINTS // 2))
    kept: list[Point] = []
    for start in range(0, len(points), step):
        part = points[start : start + step]
        known = [point for point in part if point.percent is not None]
        gaps = [point for point in part if point.percent is None]
        some = {known[0], max(known, key=lambda point: point.percent or 0), known[-1]} if known else set()
        kept += sorted({*some, *gaps}, key=part.index)
    return tuple(kept)
