"""Learned weights of an account at a moment: from the stored state, and what came since.

Learning takes in each window once; what is stored is a handful of numbers, so an answer over a year of data reads only what is
newer. If messages of weeks that were learned from have come or gone, or a price has changed, it is learned again: the weights
are points per dollar of the list.
"""

from bisect import bisect_left, bisect_right

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, NamedTuple, Sequence
from tachograph.ledger.estimates import training_data as kept
from tachograph.ledger.estimates.training_data import MessageRow
from tachograph.ledger.limits import accounts
from tachograph.model.estimates import learner, stored_state, training_windows
from tachograph.model.estimates.learner import Learned, PlanChange
from tachograph.model.estimates.training_windows import Dollars, Message, Reading, Window
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.usage.prices import PICODOLLARS, PriceBook, tariff
from tachograph.queries.limits.series import limit_series

VERSION = 4
_REMEMBERED_MS = 84 * 86_400_000  # what is older weighs next to nothing by now
_BACK_MS = 6 * 3_600_000  # windows reach back so far at most, with room for what is late
_BACK_DAYS_MS = 8 * 86_400_000  # days of the week do, after days without a reading
_SETTLED_MS = 10 * 60_000  # a window that has only just reset may still get messages

# Evidence that shares need before they count as learned: for the week, and (less) for a 5-hour window.
ENOUGH_DAYS, ENOUGH_WINDOWS = 7.0, 10
ENOUGH_DAYS_FIVE, ENOUGH_WINDOWS_FIVE = 2.0, 6
_ENOUGH_SCALE = 5.0  # points of the week that both limits were seen to rise by
LEAST_FIT = 0.35  # share of what is read that the logs have to explain for a split to mean something


class LearnedState(NamedTuple):
    """Learned weights of an account at a moment (epoch ms). `to_store`: the row to store, None if it is stored already."""

    account: int
    at: int
    learned: Learned
    to_store: kept.StoredState | None

    @property
    def days(self) -> float:
        """Days between the first window that was learned from and the last."""
        weights = self.learned.weights
        return 0.0 if weights is None else max(0.0, (weights.at - weights.first) / 86_400)

    @property
    def windows(self) -> int:
        """Windows that were learned from: of 5 hours, or days of the week where the plan has no 5-hour limit."""
        return 0 if self.learned.weights is None else self.learned.weights.windows

    @property
    def is_by_days(self) -> bool:
        """True for a plan without a 5-hour limit: it is learned from days of the week."""
        return self.learned.week is not None

    @property
    def fit(self) -> float:
        """Share of the latest readings that this machine's logs explain, 0 to 1."""
        return 0.0 if self.learned.weights is None else self.learned.weights.fit

    @property
    def explains_little(self) -> bool:
        """True if the logs explain so little of the limit that a split would mean nothing."""
        return self.windows >= ENOUGH_WINDOWS_FIVE and self.fit < LEAST_FIT

    def is_enough(self, limit: str = SEVEN_DAY) -> bool:
        """True if there is enough evidence for shares of a limit."""
        if limit == FIVE_HOUR:
            five = self.learned.five
            return five is not None and self.days >= ENOUGH_DAYS_FIVE and five.windows >= ENOUGH_WINDOWS_FIVE
        if self.days < ENOUGH_DAYS or self.windows < ENOUGH_WINDOWS:
            return False
        return self.is_by_days or (self.learned.scale is not None and self.learned.scale.seen >= _ENOUGH_SCALE)


class Work(NamedTuple):
    """Messages of an account with their cost by class of token at list prices; `unpriced` models are left out."""

    messages: list[Message]
    rows: list[MessageRow]
    unpriced: tuple[str, ...]

    def between(self, since: int, until: int) -> "Work":
        """The part of it in a period (epoch ms)."""
        times = [row.at for row in self.rows]
        first, end = bisect_left(times, since), bisect_right(times, until)
        return Work(self.messages[first:end], self.rows[first:end], self.unpriced)


def load(db: sqlite3.Connection, book: PriceBook, account: int, at: int) -> LearnedState:
    """Learned weights of an account at a moment (epoch ms)."""
    if account == 0:
        return LearnedState(account, at, Learned(), None)  # messages of unknown accounts belong to no limit
    stored = kept.stored_state(db, account)
    before = None
    if stored is not None and stored.version == VERSION and stored.until <= at:
        count = kept.messages_in(db, account, stored.until - _REMEMBERED_MS, stored.until)
        before = stored_state.parse(stored.state, book.digest()) if stored.messages == count else None
    since = at - _REMEMBERED_MS
    if before is not None and stored is not None:
        since = stored.until - (_BACK_DAYS_MS if before.week is not None else _BACK_MS)
    rows = readings(db, account, since, at)
    changes = plan_changes(db, account)
    work = work_for(db, book, account, since, at)
    data = learner.training_data(work.messages, rows, changes)
    if before is None:
        before = Learned(plan=changes[0].before if changes else plan_key(kept.plan(db, account)))
    until = (at - _SETTLED_MS) / 1000
    learned, _ = learner.advance(before, data, until)
    if stored is not None and not _is_news(before, learned):
        return LearnedState(account, at, learned, None)
    count = kept.messages_in(db, account, int(until * 1000) - _REMEMBERED_MS, int(until * 1000))
    text = stored_state.dump(learned, book.digest())
    return LearnedState(account, at, learned, kept.StoredState(VERSION, int(until * 1000), count, text))


def _is_news(before: Learned, after: Learned) -> bool:
    """True if a window was taken in, or a limit changed: readings alone are cheap to take in again."""
    old = (before.plan, before.five and before.five.at, before.week and before.week.at)
    return old != (after.plan, after.five and after.five.at, after.week and after.week.at)


def plan_key(plan: str) -> str:
    """The name of a plan in the table of announced limits; "" for plans that are not in it."""
    words = plan.lower()
    if "20x" in words or "ultra" in words:
        return "max_20x"
    return "max_5x" if "max" in words else "pro" if "pro" in words.split() else ""


def plan_changes(db: sqlite3.Connection, account: int) -> list[PlanChange]:
    """The changes of plan of an account, oldest first."""
    made: list[PlanChange] = []
    last = ""
    for at, plan in accounts.plan_changes(db, account):
        key = plan_key(plan)
        if last and key and key != last:
            made.append(PlanChange(at / 1000, last, key))
        last = key or last
    return made


def readings(
    db: sqlite3.Connection, account: int, since: int, until: int, week: str | None = SEVEN_DAY
) -> list[Reading]:
    """Readings of the 5-hour limit and a weekly one in a period (epoch ms), oldest first: the clean series of both.

    `week`: the key of another weekly limit; then the 5-hour limit is left out.
    """
    keys = (FIVE_HOUR, SEVEN_DAY) if week == SEVEN_DAY else (week or SEVEN_DAY,)
    found = limit_series(db, account, since, until, keys)
    five = found[FIVE_HOUR].points if FIVE_HOUR in found else ()
    return training_windows.readings_of(five, found[keys[-1]].points)


def work_for(db: sqlite3.Connection, book: PriceBook, account: int, since: int, until: int) -> Work:
    """An account's messages in a period (epoch ms), with their cost by class of token."""
    messages, rows = [], []
    unpriced: set[str] = set()
    for row in kept.messages(db, account, since, until):
        cost = dollars(book, row)
        if cost is None:
            unpriced.add(row.model)
            continue
        messages.append(Message(row.at / 1000, str(row.session), row.model, cost))
        rows.append(row)
    return Work(messages, rows, tuple(sorted(unpriced)))


def dollars(book: PriceBook, row: MessageRow, model: str | None = None) -> Dollars | None:
    """Cost of a message at list prices by class of token (as if by another `model`), without what long prompts add: limits are
    not known to count it. None without a price."""
    rates = book.rates(model or row.model, row.at, tariff("", "", 0) if model else tariff(row.speed, row.geo, 0))
    if rates is None:
        return None
    write = row.cache_write_5m * rates.cache_write_5m + row.cache_write_1h * rates.cache_write_1h
    return (
        row.input * rates.input / PICODOLLARS,
        row.output * rates.output / PICODOLLARS,
        write / PICODOLLARS,
        row.cache_read * rates.cache_read / PICODOLLARS,
    )


def touching(windows: Sequence[Window], since: float, until: float) -> list[Window]:
    """The windows that have a part in a period, cut at its end."""
    return [window.until(until) for window in windows if window.reset > since and window.start < until]


def sum_by_model(works: Iterable[training_windows.Work]) -> list[training_windows.Work]:
    """Works summed by model."""
    sums: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    for work in works:
        for table, values in ((sums, work.dollars), (peaks, work.peak)):
            known = table.setdefault(work.model, [0.0] * 4)
            for place, value in enumerate(values):
                known[place] += value
    made = []
    for model, (a, b, c, d) in sums.items():
        e, f, g, h = peaks[model]
        made.append(training_windows.Work("", model, (a, b, c, d), (e, f, g, h)))
    return made
