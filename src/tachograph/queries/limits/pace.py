"""How a limit came to where it is: its way since it began, how fast it fills lately, what would just last to the reset."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tachograph.ledger.usage import activity
from tachograph.ledger.usage.activity import Level
from tachograph.model.limits.limits import STATUSLINE, same_reset
from tachograph.queries.limits.current import FRESH, OVERAGE, WALL, NowAccount, NowLimit

HOUR = 3_600_000
LENGTHS = {"session": 5 * HOUR, "weekly": 168 * HOUR}
MOST_POINTS = 120
# over which stretch a rate is taken, how little will do, and beyond which gap between two readings nobody knows
_RATES = {"session": (HOUR // 2, HOUR // 6, 2 * HOUR), "weekly": (6 * HOUR, HOUR, 24 * HOUR)}


class Point(NamedTuple):
    """What held of a limit from a moment on, in percent; None from a reset on that nothing was read after yet."""

    at: int
    percent: float | None


class Course(NamedTuple):
    """How a limit came to where it is. `points` over its length until now, with those of the window before; `resets`:
    when it reset meanwhile. `rate`: points per hour lately; `lasting`: the rate that would just last to the reset.
    Both None where nobody can say."""

    limit: NowLimit
    since: int
    points: tuple[Point, ...] = ()
    resets: tuple[int, ...] = ()
    rate: float | None = None
    lasting: float | None = None


def courses(db: sqlite3.Connection, account: NowAccount, at: int) -> Iterator[Course]:
    """The courses of an account's limits, in their order."""
    for group, length in {**LENGTHS, "": 0}.items():
        limits = [limit for limit in account.limits if (limit.group if limit.group in LENGTHS else "") == group]
        keys = [limit.key for limit in limits]
        # a little more than the length, so that there is a rate at its beginning too
        read = activity.levels(db, account.id, keys, at - length - length // 5) if length and keys else []
        for limit in limits:
            yield course(limit, [level for level in read if level.key == limit.key], at)


def course(limit: NowLimit, levels: Sequence[Level], at: int) -> Course:
    """The course of a limit out of what was read of it, oldest first."""
    length = LENGTHS.get(limit.group)
    if length is None:
        return Course(limit, at)
    held, resets = _held(levels, limit, at)
    since = at - length
    lasting = None
    if limit.percent is not None and limit.percent < 100 and limit.resets_at is not None and limit.resets_at > at:
        lasting = (100 - limit.percent) / max(limit.resets_at - at, 60_000) * HOUR
    return Course(
        limit,
        since,
        _thinned(held, since, at),
        tuple(reset for reset in resets if since < reset <= at),
        _rate(limit, held, at),
        lasting,
    )


class _Held(NamedTuple):
    """What held from `at` on, and until when somebody confirmed it."""

    at: int
    until: int
    percent: float | None
    resets_at: int | None


def _held(levels: Sequence[Level], limit: NowLimit, at: int) -> tuple[list[_Held], list[int]]:
    """What held when, by the rule of ledger/limits/readings.py: a status line repeats old values, so it never lowers one."""
    made: list[_Held] = []
    resets: list[int] = []
    for level in levels:
        last = made[-1] if made else None
        window = level.resets_at or (last.resets_at if last else None)
        if window is not None and level.at >= window:
            continue  # what an idle status line goes on saying of a window that is over
        if last is not None and last.resets_at is not None and window is not None:
            if window < last.resets_at and not same_reset(window, last.resets_at):
                continue
            if not same_reset(window, last.resets_at):
                resets.append(last.resets_at)
                made.append(_Held(last.resets_at, last.resets_at, None, None))
            elif level.source == STATUSLINE and last.percent is not None and level.percent < last.percent:
                continue
        made.append(_Held(level.at, max(level.at, level.until), level.percent, window))
    if made and made[-1].resets_at is not None and made[-1].resets_at <= at:
        resets.append(made[-1].resets_at)
        made.append(_Held(made[-1].resets_at, made[-1].resets_at, None, None))
    if limit.percent is not None and limit.state in (WALL, OVERAGE):  # a refusal is in no reading
        made.append(_Held(limit.observed_at, limit.observed_at, limit.percent, limit.resets_at))
    return made, resets


def _rate(limit: NowLimit, held: Sequence[_Held], at: int) -> float | None:
    """Points per hour lately, within the window that runs; None without two readings that are apart enough."""
    if limit.state != FRESH or limit.percent is None or limit.resets_at is None:
        return None
    lookback, least, longest = _RATES[limit.group]
    end, began = limit.observed_at, limit.resets_at - LENGTHS[limit.group]
    edge = end - lookback
    mine = [
        one for one in held if one.at < end and one.percent is not None and same_reset(one.resets_at, limit.resets_at)
    ]
    # a window begins with nothing; what was confirmed held until then
    stood = [(began, 0.0), *((min(one.until, end - 1), one.percent or 0.0) for one in mine)]
    came = [(began, 0.0), *((one.at, one.percent or 0.0) for one in mine)]
    covering = [one for one in mine if one.at <= edge <= one.until]
    if covering:
        moment, percent = edge, covering[-1].percent or 0.0
    else:
        before = [known for known in stood if known[0] <= edge]
        moment, percent = max(before) if before else min(known for known in came if known[0] > edge)
    if not least <= end - moment <= longest:
        return None
    return max(0.0, (limit.percent - percent) / (end - moment) * HOUR)


def _thinned(held: Sequence[_Held], since: int, at: int) -> tuple[Point, ...]:
    """The last value in each of MOST_POINTS parts of the stretch, and the one that it begins with."""
    step = max(1, (at - since) // MOST_POINTS)
    parts: dict[int, Point] = {}
    for one in held:
        place = -1 if one.at < since else (one.at - since) // step
        parts[place] = Point(max(one.at, since), one.percent)
    return tuple(parts[place] for place in sorted(parts))
