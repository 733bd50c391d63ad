"""When to say something of our own accord: from how the limits stand and what was said before to at most one notice.

Only fresh numbers of the account in use count. Each threshold of a window is said once; what is passed along with a
higher one is noted and not said. Where metered use goes on beyond the plan, the spend is what is spoken of, not a wall.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tachograph.ledger.limits import notifications as kept
from tachograph.ledger.limits.notifications import Raised
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import get_preference
from tachograph.model.limits.limits import FIVE_HOUR, ExtraUsage, Money, same_reset
from tachograph.model.usage.periods import Calendar
from tachograph.queries.estimates.constants import EVEN
from tachograph.queries.limits.current import FRESH, OVERAGE, WALL, Now, NowAccount, NowLimit
from tachograph.settings import AlarmSettings
from tachograph.text.chances import alarm_words
from tachograph.text.limits import day_clock

THRESHOLD, SPEND, RESET, CHANCE = "threshold", "spend", "reset", "chance"
EXTRA = "extra_usage"
_FALLS = 5.0  # points below a threshold from which it counts as passed anew, where no reset tells windows apart
_NEWS_MS = 3_600_000  # a reset longer ago is no news
_REMEMBERED_MS = 32 * 86_400_000  # a month of metered use
Notify = Callable[[str, str, bool], str]


class Notification(NamedTuple):
    """One notice. `threshold` in percent (of a limit or of the cap), or in whole units of the currency where `kind` is
    spend without a cap; `cycle` the reset of its window, epoch ms, 0 where unknown."""

    account: int
    kind: str
    key: str
    threshold: float
    cycle: int
    percent: float | None
    title: str
    text: str


class DueNotifications(NamedTuple):
    """`passed`: what is newly passed, the most pressing one last; `rearmed`: ids of notices that may be said again."""

    passed: tuple[Notification, ...]
    rearmed: tuple[int, ...] = ()


def due_notifications(
    now: Now,
    raised: Sequence[Raised],
    settings: AlarmSettings,
    clock: Callable[[int], str],
    chances: dict[str, float] | None = None,
) -> DueNotifications:
    """What is to be said now, pure. `clock` writes a moment for people; `chances`: by key of a limit, the chance (0 to 1)
    of reaching its wall before it resets."""
    if not now.accounts:
        return DueNotifications(())
    account = now.accounts[0]
    mine = [one for one in raised if one.account == account.id]
    found: list[Notification] = []
    rearmed: list[int] = []
    pressing = [limit for limit in (account.limit(FIVE_HOUR), account.weekly) if limit is not None]
    for limit in pressing:
        if limit.state in (FRESH, WALL) and limit.percent is not None:
            rearmed += _below_threshold(mine, limit)
            found += _thresholds(account, limit, settings, clock)
            found += _chance(account, limit, (chances or {}).get(limit.key), clock)
    found += _spend(account, settings, now.at)
    left = [one for one in mine if one.id not in rearmed]
    fresh = [alarm for alarm in found if not _is_known(alarm, left)]
    fresh.sort(key=lambda alarm: (alarm.percent or 0, alarm.threshold))
    return DueNotifications((*_resets(account, left, now.at), *fresh), tuple(rearmed))


def _thresholds(
    account: NowAccount, limit: NowLimit, settings: AlarmSettings, clock: Callable[[int], str]
) -> Iterable[Notification]:
    percent = limit.percent or 0.0
    until = f", resets {clock(limit.resets_at)}" if limit.resets_at else ""
    title = f"Claude: {limit.label} at {percent:.0f} %"
    text = f"The {limit.label} limit is at {percent:.0f} %{until}."
    if limit.state == WALL:
        title, text = f"Claude: {limit.label} limit reached", f"The {limit.label} limit is reached{until}."
    for threshold in settings.thresholds:
        if percent >= threshold:
            yield Notification(account.id, THRESHOLD, limit.key, threshold, limit.resets_at or 0, percent, title, text)


def _chance(
    account: NowAccount, limit: NowLimit, chance: float | None, clock: Callable[[int], str]
) -> Iterable[Notification]:
    """Only with a reset: "before" needs to say before what."""
    if chance is None or chance < EVEN or limit.resets_at is None or limit.state == WALL:
        return
    title, text = alarm_words(limit.label, chance, limit.resets_at, clock)
    yield Notification(account.id, CHANCE, limit.key, EVEN * 100, limit.resets_at, limit.percent, title, text)


def _spend(account: NowAccount, settings: AlarmSettings, at: int) -> Iterable[Notification]:
    """Along metered use, while that is what is being used; the months of a bill tell its cycles apart."""
    extra = account.extra
    is_over = any(limit.state in (OVERAGE, WALL) for limit in account.limits)
    if extra is None or extra.used is None or not is_over:
        return
    share = _share(extra)
    if share is not None:
        text = f"Extra usage: {_amount(extra.used)}{f' of {_amount(extra.limit)}' if extra.limit else ''}."
        for threshold in settings.spend:
            if share >= threshold:
                yield Notification(account.id, SPEND, EXTRA, threshold, _month(at), share, f"Claude: {share:.0f} % of the extra usage", text)  # fmt: skip
    elif settings.spend_amount is not None:
        steps = int(extra.used.major // settings.spend_amount)
        if steps:
            title = f"Claude: {_amount(extra.used)} of extra usage"
            text = f"Extra usage has passed {settings.spend_amount * steps:g} {extra.used.currency}; it has no cap."
            yield Notification(account.id, SPEND, EXTRA, settings.spend_amount * steps, _month(at), None, title, text)


def _resets(account: NowAccount, raised: Sequence[Raised], at: int) -> Iterable[Notification]:
    """A wall that was spoken of is gone: that is news for an hour."""
    said = [one for one in raised if one.kind == RESET]
    for one in raised:
        if one.kind != THRESHOLD or one.threshold < 100 or not 0 < one.cycle <= at < one.cycle + _NEWS_MS:
            continue
        if any(other.key == one.key and same_reset(other.cycle, one.cycle) for other in said):
            continue
        known = account.limit(one.key)
        label = known.label if known is not None else one.key
        yield Notification(account.id, RESET, one.key, 100.0, one.cycle, None, f"Claude: {label} limit has reset", f"The {label} limit has reset.")  # fmt: skip


def _is_known(alarm: Notification, raised: Sequence[Raised]) -> bool:
    """Whether it was said before, or somebody does not want to hear of this window any more."""
    for one in raised:
        if (one.kind == SPEND) != (alarm.kind == SPEND) or one.key != alarm.key:
            continue
        same = one.cycle == alarm.cycle or same_reset(one.cycle, alarm.cycle)
        if same and (one.dismissed_at is not None or (one.kind == alarm.kind and one.threshold >= alarm.threshold)):
            return True
    return False


def _below_threshold(raised: Sequence[Raised], limit: NowLimit) -> list[int]:
    """Notices of a window without a known reset, of which the number has since fallen clear."""
    return [
        one.id
        for one in raised
        if one.cycle == 0 and one.key == limit.key and (limit.percent or 0) < one.threshold - _FALLS
    ]


def _share(extra: ExtraUsage) -> float | None:
    if extra.used is not None and extra.limit is not None and extra.limit.minor > 0:
        return 100.0 * extra.used.major / extra.limit.major
    return extra.percent


def _amount(money: Money) -> str:
    return f"{money.major:,.{money.exponent}f} {money.currency}"


def _month(at: int) -> int:
    """The first moment of a moment's month, UTC: what tells two bills apart is not told by any source."""
    from datetime import UTC, datetime

    day = datetime.fromtimestamp(at / 1000, UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp() * 1000)


def clock(calendar: Calendar, now: int) -> Callable[[int], str]:
    """A function that writes moments (epoch ms) for a notification sent at `now`."""
    return lambda moment: day_clock(moment, now, calendar)


# -- with the ledger -------------------------------------------------------------------------------------------


def send_due_notification(
    ledger: Ledger,
    now: Now,
    settings: AlarmSettings,
    minute_of_day: int,
    clock: Callable[[int], str],
    notify: Notify,
    chances: dict[str, float] | None = None,
) -> list[Notification]:
    """Give the notice that is due, at most one, and remember it; what was given. Raises LedgerError."""
    if get_preference(ledger.db, "alarms", "on") != "on":
        return []
    before = kept.raised(ledger.db, now.at - _REMEMBERED_MS)
    verdict = due_notifications(now, before, settings, clock, chances)
    is_quiet = _is_quiet(settings, minute_of_day)
    waiting = [] if is_quiet else [one for one in before if not one.is_shown and one.dismissed_at is None]
    if not verdict.passed and not verdict.rearmed and not waiting:
        return []
    with ledger.transaction() as db:
        kept.forget(db, verdict.rearmed)
        for alarm in verdict.passed:
            kept.keep(
                db, *alarm[:5], now.at, alarm.percent, alarm.text, is_shown=not is_quiet or alarm is not verdict.passed[-1]
            )  # fmt: skip
        kept.mark_shown(db, [one.id for one in waiting])
    if is_quiet:
        return []
    if verdict.passed:
        given = verdict.passed[-1]
    else:
        still = [one for one in waiting if one.cycle == 0 or one.cycle > now.at or one.kind == SPEND]
        if not still:
            return []
        given = Notification(*still[0][1:6], still[0].percent, "Claude: while it was quiet", still[0].text)
    problem = notify(given.title, given.text, settings.sound) if settings.desktop else ""
    return [given._replace(text=f"{given.text} (not shown: {problem})") if problem else given]


def _is_quiet(settings: AlarmSettings, minute_of_day: int) -> bool:
    if settings.quiet is None:
        return False
    start, end = settings.quiet
    return start <= minute_of_day < end if start <= end else minute_of_day >= start or minute_of_day < end
