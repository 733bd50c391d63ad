"""What is known of an account's work and its weight, as of a moment: from what was kept, and what came since.

Learning takes in each 5-hour window once; what is kept is a handful of numbers, so an answer over a year of data looks
only at what is newer. If messages of weeks that were learned from have come or gone, or a price has changed, it is
learned again: what is kept are points per dollar of the list.
"""

import sqlite3
from typing import NamedTuple

from tachograph.ledger.estimates import training_data as kept
from tachograph.ledger.estimates.training_data import Counted
from tachograph.model.estimates import training_windows, weights
from tachograph.model.estimates.training_windows import Message, Reading, Window
from tachograph.model.estimates.weights import Weights
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.limits.series import Point
from tachograph.model.usage.prices import PICODOLLARS, TIERS, PriceBook, tariff
from tachograph.queries.limits.series import limit_series

VERSION = 1
_REMEMBERED_MS = 56 * 86_400_000  # what is older weighs next to nothing by now
_BACK_MS = 6 * 3_600_000  # windows reach back so far at most, with room for what is late
_SETTLED_MS = 10 * 60_000  # a window that has only just reset may still get messages

# What there has to be before shares are spoken of as learned.
ENOUGH_DAYS, ENOUGH_WINDOWS = 7.0, 10


class Known(NamedTuple):
    """What is known of an account at a moment. `weights` None: no window yet that says anything. `to_store` is what is
    to be kept, None where that is already so."""

    account: int
    at: int
    weights: Weights | None
    to_store: kept.Stored | None

    @property
    def days(self) -> float:
        """How many days lie between the first window that was learned from and the last."""
        return 0.0 if self.weights is None else max(0.0, (self.weights.at - self.weights.first) / 86_400)

    @property
    def windows(self) -> int:
        return 0 if self.weights is None else self.weights.windows

    @property
    def is_enough(self) -> bool:
        return (
            self.weights is not None
            and self.days >= ENOUGH_DAYS
            and self.windows >= ENOUGH_WINDOWS
            and self.weights.week_per_window is not None
        )


class Work(NamedTuple):
    """Messages of an account with what they cost by class of token, at list prices; `unpriced` models left out."""

    messages: list[Message]
    rows: list[Counted]
    unpriced: tuple[str, ...]


def known(db: sqlite3.Connection, book: PriceBook, account: int, at: int) -> Known:
    """What is known of an account at a moment (epoch milliseconds)."""
    if account == 0:
        return Known(account, at, None, None)  # what is nobody's cannot be fitted to anybody
    stored = kept.stored(db, account)
    held = None
    if stored is not None and stored.version == VERSION and stored.until <= at:
        count = kept.messages_in(db, account, stored.until - _REMEMBERED_MS, stored.until)
        held = _loaded(stored.state, book.digest()) if stored.messages == count else None
    since = at - _REMEMBERED_MS if held is None or stored is None else stored.until - _BACK_MS
    rows = readings(db, account, since, at)
    work = worked(db, book, account, since, at)
    over = [
        window for window in training_windows.windows(work.messages, rows) if window.reset * 1000 <= at - _SETTLED_MS
    ]
    if held is not None:
        fresh = [window for window in over if window.reset > held.at + 60]
    else:
        fresh = over
        guess = weights.first_guess(over)
        if guess is None:
            return Known(account, at, None, None)
        held = weights.begin(guess, over[0].start)
    for window in fresh:
        held, _ = weights.learned(held, window)
        inside = [reading for reading in rows if window.start <= reading.at < window.reset]
        held = weights.side_by_side(held, training_windows.rises(inside))
    if not fresh:
        return Known(account, at, held, None)
    until = int(held.at * 1000)
    count = kept.messages_in(db, account, until - _REMEMBERED_MS, until)
    return Known(account, at, held, kept.Stored(VERSION, until, count, _dumped(held, book.digest())))


def readings(db: sqlite3.Connection, account: int, since: int, until: int) -> list[Reading]:
    """Readings of both limits from their clean series, oldest first.

    A value that was confirmed later counts at both ends of that time: the first is just after a rounded number changed,
    the last just before it changes again, and only together are they right in the middle.
    """
    read = limit_series(db, account, since, until)
    found: dict[tuple[int, str, str], list[Point | None]] = {}
    for place, key in enumerate((FIVE_HOUR, SEVEN_DAY)):
        for point in read[key].points:
            if point.at <= until:
                found.setdefault((point.at, point.source, point.session), [None, None])[place] = point
    return [_reading(at, five, week) for (at, _, _), (five, week) in sorted(found.items(), key=lambda one: one[0])]


def _reading(at: int, five: Point | None, week: Point | None) -> Reading:
    return Reading(
        at / 1000,
        None if five is None else five.percent,
        None if five is None else _seconds(five.resets_at),
        None if week is None else week.percent,
        None if week is None else _seconds(week.resets_at),
    )


def worked(db: sqlite3.Connection, book: PriceBook, account: int, since: int, until: int) -> Work:
    """An account's messages in a stretch, with their cost by class of token."""
    messages, rows = [], []
    unpriced: set[str] = set()
    for row in kept.counted(db, account, since, until):
        cost = dollars(book, row)
        if cost is None:
            unpriced.add(row.model)
            continue
        messages.append(Message(row.at / 1000, str(row.session), row.model, cost))
        rows.append(row)
    return Work(messages, rows, tuple(sorted(unpriced)))


def dollars(book: PriceBook, row: Counted, model: str | None = None) -> training_windows.Dollars | None:
    """What a message costs at list prices by class of token (as another model, if asked); None without a price."""
    prompt = row.input + row.cache_write_5m + row.cache_write_1h + row.cache_read
    exceeded = (
        tariff(row.speed, row.geo, prompt) if model is None else tariff("", "", prompt if prompt > TIERS[0] else 0)
    )
    rates = book.rates(model or row.model, row.at, exceeded)
    if rates is None:
        return None
    write = row.cache_write_5m * rates.cache_write_5m + row.cache_write_1h * rates.cache_write_1h
    return (
        row.input * rates.input / PICODOLLARS,
        row.output * rates.output / PICODOLLARS,
        write / PICODOLLARS,
        row.cache_read * rates.cache_read / PICODOLLARS,
    )


def touching(windows: list[Window], since: float, until: float) -> list[Window]:
    """The windows that have a part in a stretch, cut at its end."""
    return [window.until(until) for window in windows if window.reset > since and window.start < until]


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _dumped(state: Weights, prices: str) -> str:
    import json

    return json.dumps({**state._asdict(), "prices": prices}, separators=(",", ":"))


def _loaded(text: str, prices: str) -> Weights | None:
    """What was kept; None where it cannot be used, or was learned in dollars of other prices (`PriceBook.digest`)."""
    import json

    try:
        table = json.loads(text)
        if table.pop("prices", None) != prices:
            return None
        table["models"], table["mean"] = tuple(table["models"]), tuple(table["mean"])
        table["cov"] = tuple(tuple(row) for row in table["cov"])
        table["reference"], table["odds"] = tuple(table["reference"]), tuple(table["odds"])
        table["recent"] = tuple(weights.Seen(*one) for one in table["recent"])
        table["regimes"] = tuple(weights.Regime(*one) for one in table["regimes"])
        return Weights(**table)
    except (ValueError, KeyError, TypeError):
        return None
