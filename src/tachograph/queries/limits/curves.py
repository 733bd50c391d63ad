"""How full a limit was over time: what sources said, cut at each reset, with the moments of refusal."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from tachograph.ledger.limits import windows as history
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, same_reset

MOST_POINTS = 600  # of a curve: more than a chart has columns
_BREAK_MS = 1_000  # a break at the very moment of the next reading would be no break: charts count in seconds


class Point(NamedTuple):
    """What was known at a moment (epoch ms); `percent` None where a window ended and the next is not known yet."""

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
    levels = history.levels(db, account, since, keys)
    windows = history.all_windows(db, account=account, since=since)
    made = []
    for key in keys:
        mine = [level for level in levels if level.key == key]
        own = [window for window in windows if window.key == key and (window.resets_at or 0) >= since]
        if not mine and not own:
            continue
        label = own[-1].label if own else key
        resets = tuple(w.resets_at for w in own if w.resets_at is not None and w.resets_at <= now)
        hits = (w.wall_at if w.wall_at is not None else w.full_at for w in own)
        walls = tuple(at for at in hits if at is not None and since <= at <= now)
        made.append(Curve(key, label, _thinned(_points(mine)), resets, walls))
    return tuple(made)


def _points(levels: Sequence[history.Level]) -> list[Point]:
    """One window after another: at a reset the line breaks, for nobody knows what came between. Within a window it never
    falls: idle status lines repeat old values."""
    made: list[Point] = []
    resets_at: int | None = None
    is_between = False  # after a reset, before the next window has begun: no reset is named then
    for level in levels:
        is_next = resets_at is not None and level.resets_at is None and level.at >= resets_at
        if resets_at is not None and level.resets_at is not None:
            is_next = not same_reset(level.resets_at, resets_at)
            if (is_next and level.resets_at < resets_at) or (is_between and not is_next):
                continue  # of a window that is over
        if is_next and resets_at is not None:
            if not is_between:
                made.append(Point(min(resets_at, level.at - _BREAK_MS), None))
            is_between = level.resets_at is None
        elif (
            made and made[-1].percent is not None and level.percent < made[-1].percent and level.source == "statusline"
        ):
            continue
        if level.resets_at is not None:
            resets_at = level.resets_at
        made.append(Point(level.at, level.percent, level.source))
    return made


def _thinned(points: list[Point]) -> tuple[Point, ...]:
    """So many points at most; ends of windows and the highest of each stretch stay."""
    if len(points) <= MOST_POINTS:
        return tuple(points)
    step = -(-len(points) // (MOST_POINTS // 2))
    made: list[Point] = []
    for start in range(0, len(points), step):
        part = points[start : start + step]
        known = [point for point in part if point.percent is not None]
        gaps = [point for point in part if point.percent is None]
        kept = {known[0], max(known, key=lambda point: point.percent or 0), known[-1]} if known else set()
        made += sorted({*kept, *gaps}, key=part.index)
    return tuple(made)
