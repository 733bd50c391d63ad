"""Probability of reaching each limit of an account before its reset, and the time of it.

The chance starts from a shipped prior and moves with the outcomes of the account's own past windows (model/estimates/
forecast.py): those that the recorder made forecasts of. At the first start it makes them for windows that the ledger holds.
"""

from collections.abc import Sequence

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.estimates import forecasts as stored
from tachograph.ledger.estimates import training_data as kept
from tachograph.ledger.limits.windows import all_windows
from tachograph.model.estimates import forecast as chances
from tachograph.model.estimates import replay, training_windows, weights
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.forecast import Past
from tachograph.model.estimates.training_windows import FIVE_HOURS, FULL, WEEK, Reading
from tachograph.model.limits.limits import EXTRA_USAGE, FIVE_HOUR, SEVEN_DAY, WEEKLY
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.constants import (
    AT_WALL,
    BUDGET_OF,
    CAP_OF,
    NO_CAP,
    NO_READING,
    NO_RESET,
    OLD,
    WALL_OF,
)
from tachograph.queries.estimates.learning import LearnedState, load, readings, work_for
from tachograph.queries.limits.current import OVERAGE, RESET, STALE, UNKNOWN, WALL, NowAccount, NowLimit, is_spend

_PAST_MS = 120 * 86_400_000
_WEEKS = 6  # earlier weeks that tell what is usual
_REPLAYED_MS = 49 * 86_400_000  # of windows that the ledger holds at the first start


class LimitForecast(NamedTuple):
    """One limit of an account. `chance` (0 to 1) that it is reached before `resets_at`, None if unknown (then `why_not` has the
    reason); `prior`: the same without the account's own past. `p10`, `p50`, `p90`: moments (epoch ms) before which, if it is
    reached, one, five and nine of ten such cases reach it. `of`: WALL_OF, CAP_OF or BUDGET_OF. `windows` of the account's own
    are in the chance. `ends`: percent at the reset, with the interval that eight of ten such cases end in. `state` and `percent` as in
    `now`; all moments epoch ms."""

    account: int
    key: str
    label: str
    percent: float | None
    resets_at: int | None
    state: str
    chance: float | None
    prior: float | None
    p10: int | None
    p50: int | None
    p90: int | None
    of: str
    windows: int
    at: int
    why_not: str = ""
    ends: Estimate | None = None


def forecast(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, state: LearnedState | None = None
) -> tuple[LimitForecast, ...]:
    """Forecasts of an account at a moment (epoch ms): of the 5-hour limit, of every weekly limit, of budgets, and of metered
    use that goes toward a cap."""
    state = load(db, book, account.id, at) if state is None else state
    made = [
        _one(db, book, account, limit, state)
        for limit in account.limits
        if limit.key in (FIVE_HOUR, SEVEN_DAY)
        or limit.group == WEEKLY
        or (is_spend(limit) and limit.key != EXTRA_USAGE)
    ]
    extra = account.extra
    if extra is not None and extra.enabled and extra.used and extra.limit and not any(one.of == CAP_OF for one in made):
        base = LimitForecast(
            account.id, "extra_usage", "extra usage", None, None, "fresh", None, None, None, None, None, CAP_OF, 0, at,
        )  # fmt: skip
        made.append(_cap(db, account, base))
    return tuple(made)


def stored_form(made: LimitForecast) -> stored.StoredForecast | None:
    """A forecast as a row of the ledger; None for one without a chance, or of metered use."""
    if made.chance is None or made.prior is None or made.resets_at is None or made.of != WALL_OF:
        return None
    p10, p50, p90 = (None if m is None else (m - made.at) / 60_000 for m in (made.p10, made.p50, made.p90))
    return stored.StoredForecast(
        made.account,
        made.key,
        made.resets_at,
        made.at,
        made.percent or 0.0,
        made.chance,
        made.prior,
        p10,
        p50,
        p90,
        chances.VERSION,
    )


# -- one limit -------------------------------------------------------------------------------------------------------


def _one(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, limit: NowLimit, state: LearnedState
) -> LimitForecast:
    at = state.at
    percent = limit.percent
    if percent is None and limit.used is not None and limit.cap is not None and limit.cap.minor > 0:
        percent = 100.0 * limit.used.major / limit.cap.major
    base = LimitForecast(
        account.id, limit.key, limit.label, percent, limit.resets_at, limit.state,
        None, None, None, None, None, BUDGET_OF if is_spend(limit) else WALL_OF, 0, at,
    )  # fmt: skip
    if limit.state == OVERAGE:
        return _cap(db, account, base)
    if limit.state == WALL:
        return base._replace(why_not=AT_WALL)
    if limit.state in (RESET, UNKNOWN) or percent is None:
        return base._replace(why_not=NO_READING)
    if limit.resets_at is None:
        return base._replace(why_not=NO_RESET)
    if limit.state == STALE:
        return base._replace(why_not=OLD)
    if is_spend(limit):
        return _budget(db, base, limit.resets_at)
    seen = _five(db, book, state, limit) if limit.key == FIVE_HOUR else _week(db, state, limit)
    if seen is None:
        return base._replace(why_not=NO_READING)
    past = [
        Past(one.prior, float(one.cycle), bool(one.hit))
        for one in stored.outcomes(db, account.id, limit.key, at - _PAST_MS, chances.VERSION)
    ]
    made = chances.chance(seen, past)
    moments = (None, None, None)
    if made.when is not None:
        moments = tuple(at + int(minutes * 60_000) for minutes in made.when)  # type: ignore[assignment]
    return base._replace(
        chance=made.chance,
        prior=made.prior,
        p10=moments[0],
        p50=moments[1],
        p90=moments[2],
        windows=len({one.reset for one in past}),
        ends=_ends(seen, made.chance),
    )


def replayed(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, state: LearnedState
) -> list[stored.StoredForecast]:
    """Forecasts that would have been made in the windows of the last weeks that the ledger holds, for their outcome."""
    since = at - _REPLAYED_MS
    made: list[tuple[str, replay.Replayed]] = []
    work: list[chances.RecentWork] = []
    five = state.learned.five
    if five is not None and not state.explains_little:
        work = [
            chances.RecentWork(m.at, m.session, sum(weights.points(five, [training_windows.work_of(m)], state.learned.hour_weight).values()))
            for m in work_for(db, book, account.id, since, at).messages
        ]  # fmt: skip
    made += [(FIVE_HOUR, one) for one in replay.replay_five_hours(readings(db, account.id, since, at), work, at / 1000)]
    for key in {SEVEN_DAY, *(limit.key for limit in account.limits if limit.group == WEEKLY)}:
        made += [(key, one) for one in replay.replay_weeks(readings(db, account.id, since, at, key), at / 1000)]
    return [_replayed_form(account.id, key, one) for key, one in made]


def _replayed_form(account: int, key: str, made: replay.Replayed) -> stored.StoredForecast:
    when = made.forecast.when
    p10, p50, p90 = (None, None, None) if when is None else when
    return stored.StoredForecast(
        account,
        key,
        int(made.reset * 1000),
        int(made.at * 1000),
        made.percent,
        made.forecast.chance,
        made.forecast.prior,
        p10,
        p50,
        p90,
        chances.VERSION,
    )


def _ends(seen: chances.Pace | chances.WeekPace, chance: float) -> Estimate:
    low, middle, high = chances.ends(seen, chance)
    return Estimate(middle, low, high)


def _five(db: sqlite3.Connection, book: PriceBook, state: LearnedState, limit: NowLimit) -> chances.Pace | None:
    mine, reset = _window_readings(db, state, limit), (limit.resets_at or 0) / 1000
    if not mine:
        return None
    if (limit.percent or 0.0) != mine[-1].five:
        mine.append(Reading(limit.observed_at / 1000, limit.percent, reset, None, None))
        mine.sort(key=lambda reading: reading.at)
    work = work_for(db, book, state.account, state.at - 3_600_000, state.at)
    recent = None
    if state.learned.five is not None and not state.explains_little:
        five, peak = state.learned.five, state.learned.hour_weight
        recent = [
            chances.RecentWork(m.at, m.session, sum(weights.points(five, [training_windows.work_of(m)], peak).values()))
            for m in work.messages
        ]
    first = kept.first_message(db, work.rows[-1].session) if work.rows else None
    hits, windows = _hits(db, state.account, state.at)
    return chances.pace(mine, state.at / 1000, recent, None if first is None else first / 1000, hits, windows)


def _week(db: sqlite3.Connection, state: LearnedState, limit: NowLimit) -> chances.WeekPace | None:
    mine = _window_readings(db, state, limit)
    if not mine:
        return None
    before = list(reversed(past_weeks(db, state.account, state.at, _WEEKS, limit.key)))
    return chances.week_pace(mine, state.at / 1000, before)


def _window_readings(db: sqlite3.Connection, state: LearnedState, limit: NowLimit) -> list[Reading]:
    """Readings of the running window of a limit, oldest first."""
    reset = (limit.resets_at or 0) / 1000
    since = reset - (FIVE_HOURS if limit.key == FIVE_HOUR else WEEK)
    if limit.key == FIVE_HOUR:
        seen = readings(db, state.account, int(since * 1000), state.at)
        return [r for r in seen if r.five is not None and training_windows.same(r.five_reset, reset)]
    seen = readings(db, state.account, int(since * 1000), state.at, limit.key)
    return [r for r in seen if r.week is not None and training_windows.same(r.week_reset, reset)]


def past_weeks(db: sqlite3.Connection, account: int, at: int, most: int = 6, key: str = SEVEN_DAY) -> list[float]:
    """The highest percentages of the last windows of a weekly limit, newest first."""
    found = [w for w in all_windows(db, key, account) if (w.resets_at or 0) <= at and w.peak is not None]
    return [window.peak or 0.0 for window in reversed(found)][:most]


def _hits(db: sqlite3.Connection, account: int, at: int) -> tuple[int, int]:
    """The number of the account's last 5-hour windows that reached the limit, and of all of them."""
    since = at - 70 * 86_400_000
    over = [w for w in all_windows(db, FIVE_HOUR, account) if since < (w.resets_at or 0) <= at]
    return sum(1 for w in over if (w.peak or 0) >= FULL or w.wall_at is not None), len(over)


def _cap(db: sqlite3.Connection, account: NowAccount, base: LimitForecast) -> LimitForecast:
    """Metered use toward its spending cap before the month is over."""
    base = base._replace(of=CAP_OF, percent=None if account.extra is None else account.extra.percent)
    extra = account.extra
    if extra is not None and extra.percent is None and extra.used and extra.limit and extra.limit.minor > 0:
        base = base._replace(percent=100.0 * extra.used.major / extra.limit.major)
    if base.percent is None:
        return base._replace(why_not=NO_CAP)
    start, end = _month(base.at)
    if base.percent >= FULL:
        return base._replace(why_not=AT_WALL, resets_at=end)
    said = [
        (at / 1000, percent)
        for at, percent, _ in kept.extra_usage(db, account.id, start, base.at)
        if percent is not None
    ]
    return _paid(base._replace(resets_at=end), start, end, said, 4.0)


def _budget(db: sqlite3.Connection, base: LimitForecast, end: int) -> LimitForecast:
    """A budget before its reset. A budget of a month has a month, caps of a day or a week say so."""
    days = next((days for word, days in (("_daily", 1.0), ("_weekly", 7.0)) if base.key.endswith(word)), 30.0)
    start = min(end - int(days * 86_400_000), base.at)
    seen = readings(db, base.account, start, base.at, base.key)
    said = [(r.at, r.week) for r in seen if r.week is not None and training_windows.same(r.week_reset, end / 1000)]
    return _paid(base, start, end, said, days / 7)


def _paid(
    base: LimitForecast, start: int, end: int, said: Sequence[tuple[float, float]], times: float
) -> LimitForecast:
    """The chance of a limit in money that began and resets at two moments (epoch ms), from its earlier readings (epoch seconds,
    percent). It has the shape of a week that is longer by the factor `times`."""
    percent = base.percent or 0.0
    if not said:
        said = [(base.at / 1000, percent)]
    days = max((base.at - start) / 86_400_000, 0.2 * min(1.0, times))
    early = next(one for one in said if one[0] >= min(base.at / 1000 - 2 * 86_400, said[-1][0]))
    gone = (base.at / 1000 - early[0]) / 86_400
    recent = max(0.0, percent - early[1]) / gone if gone >= 0.5 else percent / days
    left_hours = (end - base.at) / 3_600_000
    seen = chances.WeekPace(percent, left_hours / times, percent / days * times, recent * times)
    made = chances.chance(seen)
    p10, p50, p90 = (None, None, None) if made.when is None else made.when
    moments = [None if m is None else base.at + int(m * times * 60_000) for m in (p10, p50, p90)]
    return base._replace(chance=made.chance, prior=made.prior, p10=moments[0], p50=moments[1], p90=moments[2])


def _month(at: int) -> tuple[int, int]:
    """The calendar month (UTC) of a moment: metered use is billed by it, to our knowledge."""
    from datetime import UTC, datetime

    day = datetime.fromtimestamp(at / 1000, UTC)
    start = datetime(day.year, day.month, 1, tzinfo=UTC)
    end = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000)
