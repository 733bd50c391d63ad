"""Decide on notifications: from the current limits and earlier notifications to at most one new notification.

Only fresh numbers of the account in use count. Each threshold of a window leads to one notification; lower thresholds
that are passed together with a higher one are stored without being shown. While metered use goes on beyond the plan,
notifications are about the spend and not about the limit.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tachograph.ledger.limits import notifications as kept
from tachograph.ledger.limits.notifications import StoredNotification
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import get_preference
from tachograph.model.limits.limits import FIVE_HOUR, ExtraUsage, Money, same_reset
from tachograph.model.usage.periods import Calendar
from tachograph.queries.estimates.constants import EVEN
from tachograph.queries.limits.current import FRESH, OVERAGE, WALL, Now, NowAccount, NowLimit
from tachograph.settings import NotificationSettings
from tachograph.text.chances import alarm_words
from tachograph.text.limits import day_clock

THRESHOLD, SPEND, RESET, CHANCE = "threshold", "spend", "reset", "chance"
EXTRA = "extra_usage"
_REARM_POINTS = (
    5.0  # points below a threshold from which it may be passed again, without a reset that tells windows apart
)
_RESET_NEWS_MS = 3_600_000  # an older reset is not worth a notification
_REMEMBERED_MS = 32 * 86_400_000  # a month of metered use
Notify = Callable[[str, str, bool], str]


class Notification(NamedTuple):
    """A message to the person. `threshold` in percent (of a limit or of the cap), or in whole units of the currency where `kind` is
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
    """`passed`: newly passed thresholds, the most pressing one last; `rearmed`: ids of notifications that may repeat."""

    passed: tuple[Notification, ...]
    rearmed: tuple[int, ...] = ()


def due_notifications(
    now: Now,
    raised: Sequence[StoredNotification],
    settings: NotificationSettings,
    clock: Callable[[int], str],
    chances: dict[str, float] | None = None,
) -> DueNotifications:
    """Due notifications, without side effects. `clock` formats a moment for people; `chances`: by key of a limit, the
    chance (0 to 1) of reaching it before its reset."""
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
    fresh = [notification for notification in found if not _is_known(notification, left)]
    fresh.sort(key=lambda notification: (notification.percent or 0, notification.threshold))
    return DueNotifications((*_resets(account, left, now.at), *fresh), tuple(rearmed))


def _thresholds(
    account: NowAccount, limit: NowLimit, settings: NotificationSettings, clock: Callable[[int], str]
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
    """Only with a known reset: the text names it."""
    if chance is None or chance < EVEN or limit.resets_at is None or limit.state == WALL:
        return
    title, text = alarm_words(limit.label, chance, limit.resets_at, clock)
    yield Notification(account.id, CHANCE, limit.key, EVEN * 100, limit.resets_at, limit.percent, title, text)


def _spend(account: NowAccount, settings: NotificationSettings, at: int) -> Iterable[Notification]:
    """Notifications about metered use while it goes on; one cycle per calendar month, as bills have."""
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


def _resets(account: NowAccount, raised: Sequence[StoredNotification], at: int) -> Iterable[Notification]:
    """Notifications that a reached limit has reset, for an hour."""
    said = [one for one in raised if one.kind == RESET]
    for one in raised:
        if one.kind != THRESHOLD or one.threshold < 100 or not 0 < one.cycle <= at < one.cycle + _RESET_NEWS_MS:
            continue
        if any(other.key == one.key and same_reset(other.cycle, one.cycle) for other in said):
            continue
        known = account.limit(one.key)
        label = known.label if known is not None else one.key
        yield Notification(account.id, RESET, one.key, 100.0, one.cycle, None, f"Claude: {label} limit has reset", f"The {label} limit has reset.")  # fmt: skip


def _is_known(notification: Notification, raised: Sequence[StoredNotification]) -> bool:
    """True if it was sent before, or the person dismissed this window."""
    for one in raised:
        if (one.kind == SPEND) != (notification.kind == SPEND) or one.key != notification.key:
            continue
        same = one.cycle == notification.cycle or same_reset(one.cycle, notification.cycle)
        if same and (
            one.dismissed_at is not None or (one.kind == notification.kind and one.threshold >= notification.threshold)
        ):
            return True
    return False


def _below_threshold(raised: Sequence[StoredNotification], limit: NowLimit) -> list[int]:
    """Ids of notifications of a window without a known reset that are now clearly below their threshold."""
    return [
        one.id
        for one in raised
        if one.cycle == 0 and one.key == limit.key and (limit.percent or 0) < one.threshold - _REARM_POINTS
    ]


def _share(extra: ExtraUsage) -> float | None:
    if extra.used is not None and extra.limit is not None and extra.limit.minor > 0:
        return 100.0 * extra.used.major / extra.limit.major
    return extra.percent


def _amount(money: Money) -> str:
    return f"{money.major:,.{money.exponent}f} {money.currency}"


def _month(at: int) -> int:
    """Start of a moment's month, UTC: no source tells when a billing cycle begins."""
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
    settings: NotificationSettings,
    minute_of_day: int,
    clock: Callable[[int], str],
    notify: Notify,
    chances: dict[str, float] | None = None,
    forward: Callable[[Notification], str] | None = None,
) -> list[Notification]:
    """Send the notification that is due, at most one, and store it; returns those sent. Raises LedgerError.

    `notify` shows it on the desktop, `forward` passes it to the person's command and webhook; both return a problem or "".
    """
    if get_preference(ledger.db, "alarms", "on") != "on":
        return []
    before = kept.raised(ledger.db, now.at - _REMEMBERED_MS)
    found_due = due_notifications(now, before, settings, clock, chances)
    is_quiet = _is_quiet(settings, minute_of_day)
    waiting = [] if is_quiet else [one for one in before if not one.is_shown and one.dismissed_at is None]
    if not found_due.passed and not found_due.rearmed and not waiting:
        return []
    with ledger.transaction() as db:
        kept.forget(db, found_due.rearmed)
        for notification in found_due.passed:
            kept.keep(
                db, *notification[:5], now.at, notification.percent, notification.text, is_shown=not is_quiet or notification is not found_due.passed[-1]
            )  # fmt: skip
        kept.mark_shown(db, [one.id for one in waiting])
    if is_quiet:
        return []
    if found_due.passed:
        sent = found_due.passed[-1]
    else:
        still = [one for one in waiting if one.cycle == 0 or one.cycle > now.at or one.kind == SPEND]
        if not still:
            return []
        sent = Notification(*still[0][1:6], still[0].percent, "Claude: while it was quiet", still[0].text)
    problem = notify(sent.title, sent.text, settings.sound) if settings.desktop else ""
    problems = [f"not shown: {problem}"] if problem else []
    if forward is not None and (problem := forward(sent)):
        problems.append(problem)
    return [sent._replace(text=f"{sent.text} ({'; '.join(problems)})") if problems else sent]


def _is_quiet(settings: NotificationSettings, minute_of_day: int) -> bool:
    if settings.quiet is None:
        return False
    start, end = settings.quiet
    return start <= minute_of_day < end if start <= end else minute_of_day >= start or minute_of_day < end
