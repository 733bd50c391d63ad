"""Trend of a limit: its course since the window began, its pace, and the pace that would just last to the reset."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import SESSION, WEEKLY, same_reset
from tachograph.model.limits.series import EVENT_POINTS, Point, Series
from tachograph.model.limits.window_state import LENGTHS, has_reset
from tachograph.queries.limits.current import FRESH, OVERAGE, WALL, NowAccount, NowLimit
from tachograph.queries.limits.now_limit import elapsed
from tachograph.queries.limits.series import limit_series

HOUR = 3_600_000
MOST_POINTS = 120
# over which stretch a pace is taken, the shortest that will do, and the longest gap between two readings
_PACES = {SESSION: (HOUR // 2, HOUR // 6, 2 * HOUR), WEEKLY: (6 * HOUR, HOUR, 24 * HOUR)}


class TrendPoint(NamedTuple):
    """The value of a limit from a moment on, in percent; None from a reset on until the next reading."""

    at: int
    percent: float | None


class Trend(NamedTuple):
    """The course of a limit. `points` over its length until now, with those of the window before; `resets`: when it reset
    meanwhile. `pace`: points per hour now; `sustainable_pace`: the pace that would just last to the reset; `elapsed`:
    the share (0 to 1) of the window that is over. All None where unknown."""

    limit: NowLimit
    since: int
    points: tuple[TrendPoint, ...] = ()
    resets: tuple[int, ...] = ()
    pace: float | None = None
    sustainable_pace: float | None = None
    elapsed: float | None = None


def trends(db: sqlite3.Connection, account: NowAccount, at: int) -> Iterator[Trend]:
    """The trends of an account's limits, in their order."""
    for group, length in {**LENGTHS, "": 0}.items():
        limits = [limit for limit in account.limits if (limit.group if limit.group in LENGTHS else "") == group]
        keys = [limit.key for limit in limits]
        # a little more than the length, so that there is a pace at its beginning too
        read = limit_series(db, account.id, at - length - length // 5, at, keys) if length and keys else {}
        for limit in limits:
            yield trend(limit, read.get(limit.key), at)


def trend(limit: NowLimit, series: Series | None, at: int) -> Trend:
    """The trend of a limit from its series."""
    length = LENGTHS.get(limit.group)
    if length is None:
        return Trend(limit, at)
    points, resets = _course(series, limit, at)
    if points and limit.percent is None and limit.answered_at is not None:  # it was full, and is not any more
        points.append(TrendPoint(max(limit.answered_at, points[-1].at), None))
    since = at - length
    sustainable = None
    if limit.percent is not None and limit.percent < 100 and limit.resets_at is not None and limit.resets_at > at:
        sustainable = (100 - limit.percent) / max(limit.resets_at - at, 60_000) * HOUR
    known = [] if series is None else [point for point in series.points if point.at <= limit.observed_at]
    return Trend(
        limit,
        since,
        _thinned(points, since, at),
        tuple(reset for reset in resets if since < reset <= at),
        _pace(limit, known),
        sustainable,
        elapsed(limit, at),
    )


def _course(series: Series | None, limit: NowLimit, at: int) -> tuple[list[TrendPoint], list[int]]:
    """Every clean value, with the ends of windows between them."""
    found: list[TrendPoint] = []
    resets: list[int] = []
    windows = () if series is None else series.windows
    for place, window in enumerate(windows):
        found += [TrendPoint(point.at, point.percent) for point in window.points]
        following = windows[place + 1].points[0].at if place + 1 < len(windows) else at
        over = window.resets_at
        is_last = place + 1 == len(windows)
        if over is None:
            continue
        ended = has_reset(over, window.points[-1].at, at) if is_last else True
        if ended and over <= following:
            resets.append(over)
            found.append(TrendPoint(max(over, window.points[-1].at), None))
        elif not is_last:  # the window was followed by another one before its reset
            resets.append(following)
    if limit.percent is not None and limit.state in (WALL, OVERAGE):  # a refusal is in no reading
        found.append(TrendPoint(limit.observed_at, limit.percent))
    return sorted(found, key=lambda point: point.at), resets


def _pace(limit: NowLimit, points: Sequence[Point]) -> float | None:
    """Points per hour now, within the window that runs; None without two readings that are apart enough."""
    if limit.state != FRESH or limit.percent is None or limit.resets_at is None or limit.group not in _PACES:
        return None
    lookback, least, longest = _PACES[limit.group]
    end, began = limit.observed_at, limit.resets_at - LENGTHS[limit.group]
    edge = end - lookback
    mine = [(point.at, point.percent) for point in points if same_reset(point.resets_at, limit.resets_at)]
    falls = [place for place in range(1, len(mine)) if mine[place - 1][1] - mine[place][1] >= EVENT_POINTS]
    mine = mine[falls[-1] :] if falls else [(began, 0.0), *mine]  # a window begins with nothing
    before = [one for one in mine if one[0] <= edge]
    after = [one for one in mine if edge < one[0] < end]
    if before and after and before[-1][1] == after[0][1] and before[-1][0] > began:
        moment, percent = edge, before[-1][1]
    elif before or after:
        moment, percent = before[-1] if before else after[0]
    else:
        return None
    if not least <= end - moment <= longest:
        return None
    return max(0.0, (limit.percent - percent) / (end - moment) * HOUR)


def _thinned(points: Sequence[TrendPoint], since: int, at: int) -> tuple[TrendPoint, ...]:
    """The last value in each of MOST_POINTS parts of the stretch, and the one that it begins with."""
    step = max(1, (at - since) // MOST_POINTS)
    parts: dict[int, TrendPoint] = {}
    for one in points:
        place = -1 if one.at < since else (one.at - since) // step
        parts[place] = TrendPoint(max(one.at, since), one.percent)
    return tuple(parts[place] for place in sorted(parts))
