"""Forecasts of limits that a person shares with a team, as a machine works them out and sends them.

A machine sends them only while its hub says that the person's limits may be seen by others; a hub takes them only then.
On the wire each is `[account, limit, resets_at, observed_at, chance, value, low, high]`.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tachograph.hub.readable import account_mark
from tachograph.hub.wire import Malformed
from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import same_reset
from tachograph.model.usage.prices import PriceBook

EVERY_MS = 15 * 60_000  # a forecast of a limit that has not moved is good for this long
MAX_SHARED = 100  # forecasts in a push
_MAX_TEXT = 200
_MAX_TIME = 1 << 45


class SharedForecast(NamedTuple):
    """The chance (0 to 1) that a limit is reached before its reset, and the percentage at the reset with its 80 % interval.

    `observed_at`: time of the reading that it was made from; with `resets_at` it says of which reading it is. Times in epoch
    milliseconds.
    """

    account: str
    key: str
    resets_at: int
    observed_at: int
    chance: float
    value: float
    low: float
    high: float


class Sharing(NamedTuple):
    """Forecasts as they were last sent, and the time (epoch ms) and percentages that they were made from."""

    made_at: int
    percents: list[list[Any]]
    sent: list[list[Any]]


def due(db: sqlite3.Connection, book: PriceBook, now_ms: int, last: Any) -> Sharing | None:
    """The forecasts to send now; None if the hub has them already. `last`: the `Sharing` that was sent last, as JSON has it.

    They are made again when a percentage moves or after a quarter of an hour. A newer reading of the same percentage keeps
    the forecast.
    """
    from tachograph.queries.limits.current import FRESH, now

    accounts = [one for one in now(db, now_ms).accounts if one.id and one.uuid]
    seen = {
        (account_mark(f"{account.uuid}|{account.organization}"), limit.key): limit
        for account in accounts
        for limit in account.limits
        if limit.state == FRESH and limit.percent is not None and limit.resets_at is not None
    }
    if not seen:
        return None
    before = _sharing(last)
    percents = [[*name, limit.percent, limit.resets_at] for name, limit in sorted(seen.items())]
    if before is not None and percents == before.percents and 0 <= now_ms - before.made_at < EVERY_MS:
        sent = [
            [*one[:3], seen[one[0], one[1]].observed_at, *one[4:]] for one in before.sent if (one[0], one[1]) in seen
        ]
        return None if sent == before.sent else before._replace(sent=sent)
    observed = {name: limit.observed_at for name, limit in seen.items()}
    sent = [list(one) for account in accounts for one in _forecasts_of(db, book, account, now_ms, observed)]
    return Sharing(now_ms, percents, sent[:MAX_SHARED])


def _forecasts_of(
    db: sqlite3.Connection, book: PriceBook, account: Any, now_ms: int, observed: dict[tuple[str, str], int]
) -> Iterable[SharedForecast]:
    from tachograph.queries.estimates.forecast import forecast

    mark = account_mark(f"{account.uuid}|{account.organization}")
    for one in forecast(db, book, account, now_ms):
        at = observed.get((mark, one.key))
        if at is not None and one.chance is not None and one.ends is not None and one.resets_at is not None:
            ends = (round(value, 2) for value in one.ends)
            yield SharedForecast(mark, one.key, one.resets_at, at, round(one.chance, 4), *ends)


def _sharing(last: Any) -> Sharing | None:
    return Sharing._make(last) if isinstance(last, list) and len(last) == len(Sharing._fields) else None


def shared_forecasts(value: Any) -> tuple[list[SharedForecast], int]:
    """The forecasts in a push, and the number of those that can't be understood."""
    if value is None:
        return [], 0
    if not isinstance(value, list) or len(value) > MAX_SHARED:
        return [], 1
    found, bad = list[SharedForecast](), 0
    for one in value:
        try:
            found.append(_forecast(one))
        except Malformed:
            bad += 1
    return found, bad


def _forecast(value: Any) -> SharedForecast:
    if not isinstance(value, list) or len(value) != len(SharedForecast._fields):
        raise Malformed("a forecast has eight parts")
    account, key, resets_at, observed_at, chance, middle, low, high = value
    if not all(isinstance(text, str) and 0 < len(text) <= _MAX_TEXT for text in (account, key)):
        raise Malformed("bad name")
    if not all(type(at) is int and 0 <= at < _MAX_TIME for at in (resets_at, observed_at)):
        raise Malformed("bad time")
    if not all(type(number) in (int, float) for number in (chance, middle, low, high)):
        raise Malformed("bad number")
    if not 0 <= chance <= 1 or not 0 <= low <= middle <= high <= 1_000:
        raise Malformed("number out of range")
    return SharedForecast(account, key, resets_at, observed_at, *map(float, (chance, middle, low, high)))


def is_of(forecast: SharedForecast, observed_at: int, resets_at: int | None) -> bool:
    """True if a forecast is of this reading of its limit, or of a newer one of the same window."""
    return forecast.observed_at >= observed_at - _SLACK_MS and same_reset(forecast.resets_at, resets_at)


_SLACK_MS = 60_000  # clocks that are corrected by a measurement of each push differ a little
