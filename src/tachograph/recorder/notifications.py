"""Decide on notifications: from the current limits and earlier notifications to at most one new notification.

Only fresh numbers of the account in use count. Each threshold of a window leads to one notification; lower thresholds
that are passed together with a higher one are stored without being shown. Where a limit of the plan is reached and use
goes on metered, one notification says so; after that they follow the spend.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tachograph.ledger.limits import notifications as kept
from tachograph.ledger.limits import readings
from tachograph.ledger.limits.notifications import StoredNotification
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import get_preference
from tachograph.model.limits.limits import EXTRA_USAGE, MONEY, same_reset
from tachograph.model.usage.periods import Calendar
from tachograph.queries.estimates.constants import EVEN
from tachograph.queries.limits.current import FRESH, OVERAGE, WALL, Now, NowAccount, NowLimit, is_spend
from tachograph.settings import NotificationSettings
from tachograph.text.chances import alarm_words
from tachograph.text.limits import amounts, day_clock, full_name
from tachograph.text.money import money

THRESHOLD, SPEND, RESET, CHANCE = "threshold", "spend", "reset", "chance"
METERED = "metered"  # metered use begins
_REARM_POINTS = (
    5.0  # points below a threshold from which it may be passed again, without a reset that tells windows apart
)
_STEPS = (5.0, 10.0, 20.0, 50.0)  # amounts without a cap, and ten, a hundred … times of them
_RESET_NEWS_MS = 3_600_000  # an older reset is not worth a notification
_EARLY_MS = 8 * 86_400_000  # a limit that was reached longer ago is not reset early
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
    earlier_spend: float | None = None,
) -> DueNotifications:
    """Due notifications, without side effects. `clock` formats a moment for people; `chances`: by key of a limit, the
    chance (0 to 1) of reaching it before its reset; `earlier_spend`: the least metered use that was read this month."""
    if not now.accounts:
        return DueNotifications(())
    account = now.accounts[0]
    mine = [one for one in raised if one.account == account.id]
    found: list[Notification] = []
    rearmed: list[int] = []
    for limit in account.leading:
        if limit.group == MONEY:
            continue
        if limit.state in (FRESH, WALL) and limit.percent is not None:
            rearmed += _below_threshold(mine, limit)
            found += _thresholds(account, limit, settings, clock)
            found += _chance(account, limit, (chances or {}).get(limit.key), clock)
        elif limit.state == OVERAGE:
            found.append(_metered(account, limit, clock))
    found += _spend(account, settings, now.at, earlier_spend)
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


def _metered(account: NowAccount, limit: NowLimit, clock: Callable[[int], str]) -> Notification:
    """A limit of the plan is reached, and use goes on at API rates."""
    extra = account.limit(EXTRA_USAGE)
    spent = amounts(extra) if extra is not None else ""
    cap = "" if extra is None or extra.cap is not None else ", without a cap"
    until = f" It resets {clock(limit.resets_at)}." if limit.resets_at else ""
    text = f"{full_name(limit).capitalize()} is reached; use continues at API rates{f': {spent}' if spent else ''}{cap}.{until}"
    title = f"Claude: {limit.label} limit reached, now metered"
    return Notification(account.id, METERED, limit.key, 100.0, limit.resets_at or 0, 100.0, title, text)


def _spend(
    account: NowAccount, settings: NotificationSettings, at: int, earlier_spend: float | None
) -> Iterable[Notification]:
    """Notifications along budgets and metered use; one cycle per window, or per calendar month, as bills have.

    Beside a plan's windows only while use is metered: at a reached limit, or if the spend has grown this month."""
    is_over = any(limit.state in (OVERAGE, WALL) for limit in account.limits if limit.group != MONEY)
    for limit in account.limits:
        if not is_spend(limit) or limit.state not in (FRESH, WALL) or limit.refused_at is not None:
            continue
        used = limit.used.minor if limit.used is not None else 0
        is_growing = earlier_spend is not None and used > earlier_spend
        if not (is_over or is_growing or limit == account.budget):
            continue
        cycle = limit.resets_at or _month(at)
        name, spent = full_name(limit).removeprefix("the "), amounts(limit)
        is_first = limit.key == EXTRA_USAGE and earlier_spend == 0 and limit.used is not None and limit.used.minor > 0
        if is_first and account.budget != limit:
            text = f"Metered use has begun: {spent}{'' if limit.cap else ', without a cap'}."
            yield Notification(account.id, METERED, limit.key, 0.0, cycle, None, "Claude: metered use has begun", text)
        share = 100.0 if limit.state == WALL else limit.percent
        if share is not None:
            title = f"Claude: {share:.0f} % of {name} used"
            text = f"{name.capitalize()}: {spent or f'{share:.0f} %'}."
            if limit.state == WALL:
                title = f"Claude: {name} used up"
                text = f"{name.capitalize()}: {spent}{f' ({limit.detail.locked})' if limit.detail.locked else ''}."
            for threshold in settings.spend:
                if share >= threshold:
                    yield Notification(account.id, SPEND, limit.key, threshold, cycle, share, title, text)
        elif limit.used is not None:
            passed = _step(limit.used.major, settings.spend_amount)
            if passed:
                title = f"Claude: {money(limit.used)} of {name}"
                text = f"{name.capitalize()} has passed {passed:g} {limit.used.currency}; it has no cap."
                yield Notification(account.id, SPEND, limit.key, passed, cycle, None, title, text)


def _step(amount: float, every: float | None) -> float:
    """The last step that an amount without a cap has passed: a multiple of `every`, or the last of 5, 10, 20, 50, 100 …;
    0 for none."""
    if every is not None:
        return every * (amount // every)
    passed, scale = 0.0, 1.0
    while amount >= _STEPS[0] * scale:
        passed = max(step * scale for step in _STEPS if step * scale <= amount)
        scale *= 10
    return passed


def _resets(account: NowAccount, raised: Sequence[StoredNotification], at: int) -> Iterable[Notification]:
    """Notifications that a reached limit has reset, for an hour; also after an early reset."""
    said = [one for one in raised if one.kind == RESET]
    for one in raised:
        if one.kind not in (THRESHOLD, METERED) or one.threshold < 100:
            continue
        if any(
            other.key == one.key and (other.cycle == one.cycle or same_reset(other.cycle, one.cycle)) for other in said
        ):
            continue
        known = account.limit(one.key)
        is_over = 0 < one.cycle <= at < one.cycle + _RESET_NEWS_MS
        if known is not None and known.state == FRESH and not is_over:
            is_early = one.cycle == 0 or at < one.cycle
            is_over = is_early and known.observed_at > one.at and not known.is_near and one.at > at - _EARLY_MS
        if not is_over:
            continue
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
    before = kept.stored_notifications(ledger.db, now.at - _REMEMBERED_MS)
    spend = readings.least_spend(ledger.db, now.accounts[0].id, _month(now.at)) if now.accounts else None
    found_due = due_notifications(now, before, settings, clock, chances, spend)
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
