"""Will a limit be reached before it resets, and when: a chance, never a bare minute; and how often ours came true.

The chance starts from a shipped prior and moves with what became of earlier forecasts of the same account
(model/estimates/forecast.py). The recorder keeps each forecast; when its window is over, it is scored.
"""

import sqlite3
from typing import NamedTuple

from tachograph.ledger.estimates import forecasts as kept
from tachograph.ledger.estimates import training_data as kept_quota
from tachograph.model.estimates import forecast as chances
from tachograph.model.estimates import training_windows, weights
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.forecast import Past
from tachograph.model.estimates.training_windows import FIVE_HOURS, FULL, WEEK, Message, Reading
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.constants import AT_WALL, CAP_OF, NO_CAP, NO_READING, NO_RESET, OLD, WALL_OF
from tachograph.queries.estimates.learning import Known, known, readings, worked
from tachograph.queries.limits.current import OVERAGE, RESET, STALE, UNKNOWN, WALL, NowAccount, NowLimit

_PAST_MS = 120 * 86_400_000
SESSIONS = 60  # of the account's own past, to which a next one is compared
_FEW = 8  # from so many on counts of them say something


class LimitForecast(NamedTuple):
    """One limit of an account. `chance` (0 to 1) that it is reached before `resets_at`, None where it cannot be said and
    `why_not` says why; `prior` the same before the account's own past was looked at. `p10`, `p50`, `p90`: moments (epoch
    ms) by which, if it comes, it comes in one, five and nine of ten such cases. `of`: WALL_OF or CAP_OF. `windows`: how
    many of the account's own are in the chance. `ends`: percent at the reset, with the interval that eight of ten such cases
    end in (a fan from `percent` now to it). `state` and `percent` as `now` has them; all moments epoch ms."""

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


class Bin(NamedTuple):
    """Forecasts of about the same chance: from, to, how many, their mean, how many came true."""

    low: float
    high: float
    forecasts: int
    mean: float
    came_true: int


class Calibration(NamedTuple):
    """How our chances did on this machine. `windows`: how many they were about; forecasts of one window are one
    observation, not many. `brier` and `base_brier` (always saying the base rate): smaller is better; None without any."""

    bins: tuple[Bin, ...]
    forecasts: int
    windows: int
    brier: float | None
    base_brier: float | None
    since: int | None


class NextSession(NamedTuple):
    """Would a session like those before fit into what is left of the 5-hour window: by counts. `left` percent (None:
    unknown); of `sessions` past ones, `more` used more than that; `median` and `most` points of a window that they used.
    `resets_at` of the window, None where none runs."""

    left: float | None
    sessions: int
    more: int
    median: float | None
    p90: float | None
    most: float | None
    resets_at: int | None
    is_enough: bool


def forecast(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, found: Known | None = None
) -> tuple[LimitForecast, ...]:
    """The 5-hour limit and the week of an account at a moment (epoch ms)."""
    found = known(db, book, account.id, at) if found is None else found
    return tuple(
        _one(db, book, account, limit, found)
        for key in (FIVE_HOUR, SEVEN_DAY)
        if (limit := account.limit(key)) is not None
    )


def calibration(
    db: sqlite3.Connection, account: int | None = None, key: str | None = None, since: int = 0
) -> Calibration:
    """What became of the forecasts that were kept, in tenths of the chance."""
    found, windows = kept.tenths(db, account, key, since)
    forecasts = sum(one.forecasts for one in found)
    if not forecasts:
        return Calibration((), 0, 0, None, None, None)
    bins = tuple(
        Bin(one.tenth / 10, (one.tenth + 1) / 10, one.forecasts, one.chances / one.forecasts, one.hits) for one in found
    )
    rate = sum(one.hits for one in found) / forecasts
    brier = sum(one.squares for one in found) / forecasts
    return Calibration(bins, forecasts, windows, brier, rate * (1 - rate), min(one.first_at for one in found))


def next_session(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, found: Known | None = None
) -> NextSession:
    """How past sessions of an account compare with what is left of its 5-hour window."""
    found = known(db, book, account.id, at) if found is None else found
    limit = account.limit(FIVE_HOUR)
    left = None if limit is None else 100.0 if limit.state == RESET else None
    if limit is not None and limit.percent is not None:
        left = max(0.0, 100.0 - limit.percent)
    resets_at = limit.resets_at if limit is not None and limit.state != RESET else None
    if found.weights is None:
        return NextSession(left, 0, 0, None, None, None, resets_at, False)
    sizes: list[float] = []
    for days in (14, 56):  # who works much has enough of them in the last days
        if len(sizes) < SESSIONS:
            sizes = _sessions(worked(db, book, account.id, at - days * 86_400_000, at).messages, found.weights, at)
    if not sizes:
        return NextSession(left, 0, 0, None, None, None, resets_at, False)
    ordered = sorted(sizes)
    more = 0 if left is None else sum(1 for size in sizes if size > left)
    return NextSession(
        left,
        len(sizes),
        more,
        _at(ordered, 0.5),
        _at(ordered, 0.9),
        ordered[-1],
        resets_at,
        len(sizes) >= _FEW and found.windows >= 3,
    )


def kept_form(made: LimitForecast) -> kept.Kept | None:
    """A forecast in the form in which it is kept; None for what says nothing, or is about no limit's wall."""
    if made.chance is None or made.prior is None or made.resets_at is None or made.of != WALL_OF:
        return None
    p10, p50, p90 = (None if m is None else (m - made.at) / 60_000 for m in (made.p10, made.p50, made.p90))
    return kept.Kept(
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


def _one(db: sqlite3.Connection, book: PriceBook, account: NowAccount, limit: NowLimit, found: Known) -> LimitForecast:
    at = found.at
    base = LimitForecast(
        account.id, limit.key, limit.label, limit.percent, limit.resets_at, limit.state,
        None, None, None, None, None, WALL_OF, 0, at,
    )  # fmt: skip
    if limit.state == OVERAGE:
        return _cap(db, account, base)
    if limit.state == WALL:
        return base._replace(why_not=AT_WALL)
    if limit.state in (RESET, UNKNOWN) or limit.percent is None:
        return base._replace(why_not=NO_READING)
    if limit.resets_at is None:
        return base._replace(why_not=NO_RESET)
    if limit.state == STALE:
        return base._replace(why_not=OLD)
    seen = _five(db, book, found, limit) if limit.key == FIVE_HOUR else _week(db, found, limit)
    if seen is None:
        return base._replace(why_not=NO_READING)
    past = [
        Past(one.prior, float(one.cycle), bool(one.hit))
        for one in kept.scored(db, account.id, limit.key, at - _PAST_MS, chances.VERSION)
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


def _ends(seen: chances.Pace | chances.WeekPace, chance: float) -> Estimate:
    low, middle, high = chances.ends(seen, chance)
    return Estimate(middle, low, high)


def _five(db: sqlite3.Connection, book: PriceBook, found: Known, limit: NowLimit) -> chances.Pace | None:
    mine, reset = _said(db, found, limit), (limit.resets_at or 0) / 1000
    if not mine:
        return None
    if (limit.percent or 0.0) != mine[-1].five:
        mine.append(Reading(limit.observed_at / 1000, limit.percent, reset, None, None))
        mine.sort(key=lambda reading: reading.at)
    work = worked(db, book, found.account, found.at - 3_600_000, found.at)
    done = None
    if found.weights is not None:
        done = [
            chances.Done(m.at, m.session, sum(weights.points(found.weights, [training_windows.Work(*m[1:])]).values()))
            for m in work.messages
        ]
    first = kept_quota.first_message(db, work.rows[-1].session) if work.rows else None
    hits, windows = _reached(db, found.account, found.at)
    return chances.pace(mine, found.at / 1000, done, None if first is None else first / 1000, hits, windows)


def _week(db: sqlite3.Connection, found: Known, limit: NowLimit) -> chances.WeekPace | None:
    mine = _said(db, found, limit)
    return chances.week_pace(mine, found.at / 1000, past_weeks(db, found.account, found.at)) if mine else None


def _said(db: sqlite3.Connection, found: Known, limit: NowLimit) -> list[Reading]:
    """What was read of the window of a limit that is running, oldest first."""
    reset = (limit.resets_at or 0) / 1000
    since = reset - (FIVE_HOURS if limit.key == FIVE_HOUR else WEEK)
    said = readings(db, found.account, int(since * 1000), found.at)
    if limit.key == FIVE_HOUR:
        return [r for r in said if r.five is not None and training_windows.same(r.five_reset, reset)]
    return [r for r in said if r.week is not None and training_windows.same(r.week_reset, reset)]


def past_weeks(db: sqlite3.Connection, account: int, at: int, most: int = 6) -> list[float]:
    """What the last weeks of an account reached, in percent, newest first."""
    from tachograph.ledger.limits.windows import all_windows

    found = [w for w in all_windows(db, SEVEN_DAY, account) if (w.resets_at or 0) <= at and w.peak is not None]
    return [window.peak or 0.0 for window in reversed(found)][:most]


def _reached(db: sqlite3.Connection, account: int, at: int) -> tuple[int, int]:
    """How many of the account's last 5-hour windows reached the wall, and how many they were."""
    from tachograph.ledger.limits.windows import all_windows

    since = at - 70 * 86_400_000
    over = [w for w in all_windows(db, FIVE_HOUR, account) if since < (w.resets_at or 0) <= at]
    return sum(1 for w in over if (w.peak or 0) >= FULL or w.wall_at is not None), len(over)


def _cap(db: sqlite3.Connection, account: NowAccount, base: LimitForecast) -> LimitForecast:
    """Where the limit is reached and metered use goes on: will it come to the spending cap before the month is over."""
    base = base._replace(of=CAP_OF, percent=None if account.extra is None else account.extra.percent)
    extra = account.extra
    if extra is not None and extra.percent is None and extra.used and extra.limit and extra.limit.minor > 0:
        base = base._replace(percent=100.0 * extra.used.major / extra.limit.major)
    if base.percent is None:
        return base._replace(why_not=NO_CAP)
    start, end = _month(base.at)
    said = [
        (at / 1000, percent)
        for at, percent, _ in kept_quota.spent(db, account.id, start, base.at)
        if percent is not None
    ]
    if not said:
        said = [(base.at / 1000, base.percent)]
    days = max((base.at - start) / 86_400_000, 0.2)
    early = next(one for one in said if one[0] >= min(base.at / 1000 - 2 * 86_400, said[-1][0]))
    gone = (base.at / 1000 - early[0]) / 86_400
    lately = max(0.0, base.percent - early[1]) / gone if gone >= 0.5 else base.percent / days
    # a month in the measure of a week: the same shape, four times as long
    left_hours = (end - base.at) / 3_600_000
    seen = chances.WeekPace(base.percent, left_hours / 4, base.percent / days * 4, lately * 4, None)
    made = chances.chance(seen)
    p10, p50, p90 = (None, None, None) if made.when is None else made.when
    moments = [None if m is None else base.at + int(m * 4 * 60_000) for m in (p10, p50, p90)]
    return base._replace(
        chance=made.chance, prior=made.prior, resets_at=end, p10=moments[0], p50=moments[1], p90=moments[2]
    )


def _month(at: int) -> tuple[int, int]:
    """The calendar month (UTC) of a moment: metered use is billed by it, as far as is known."""
    from datetime import UTC, datetime

    day = datetime.fromtimestamp(at / 1000, UTC)
    start = datetime(day.year, day.month, 1, tzinfo=UTC)
    end = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000)


def _sessions(messages: list[Message], learned: weights.Weights, at: int) -> list[float]:
    """Points of a 5-hour window that the last sessions used, newest last; what goes on longer than a window counts anew.
    One that is going on now is not over: it is no example."""
    works: dict[tuple[str, int], list[training_windows.Work]] = {}
    begun: dict[str, float] = {}
    last: dict[tuple[str, int], float] = {}
    part: dict[str, int] = {}
    for message in messages:
        if message.session not in begun or message.at >= begun[message.session] + FIVE_HOURS:
            part[message.session] = part.get(message.session, -1) + 1
            begun[message.session] = message.at
        key = (message.session, part[message.session])
        works.setdefault(key, []).append(training_windows.Work(*message[1:]))
        last[key] = message.at
    over = [key for key in sorted(last, key=lambda key: last[key]) if last[key] < at / 1000 - 900]
    return [sum(weights.points(learned, _joined(works[key])).values()) for key in over[-SESSIONS:]]


def _joined(works: list[training_windows.Work]) -> list[training_windows.Work]:
    sums: dict[str, training_windows.Dollars] = {}
    for work in works:
        a, b, c, d = sums.get(work.model, (0.0, 0.0, 0.0, 0.0))
        e, f, g, h = work.dollars
        sums[work.model] = (a + e, b + f, c + g, d + h)
    return [training_windows.Work("", model, dollars) for model, dollars in sums.items()]


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
