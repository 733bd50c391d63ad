"""Current limits of each account, with source and age: should I keep prompting?

The weekly number of every headline is the most pressing weekly limit, scoped ones included. While metered use beyond
the plan has room, a plan's limit at 100 % is in state `overage`, and the headline shows the spend. The value of a limit
follows from the evidence alone: see model/limits/series.py and model/limits/refusals.py.
"""

from __future__ import annotations

from tachograph.clock import WEEK_MS
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Mapping, NamedTuple, Sequence
from tachograph.ledger.limits import pairings, readings, windows
from tachograph.ledger.limits.login_history import signed_in
from tachograph.ledger.limits.pairings import Sighting
from tachograph.ledger.limits.reading_machines import machine_names
from tachograph.ledger.limits.readings import StoredReading
from tachograph.ledger.limits.windows import Window
from tachograph.model.limits.limits import (
    BROWSER,
    EXTRA_USAGE,
    FIVE_HOUR,
    MONEY,
    OK,
    SESSION,
    SEVEN_DAY,
    SPEND_LIMIT,
    TRANSCRIPT,
    WEEKLY,
    BankedReset,
    Billing,
    ExtraUsage,
    Share,
    same_reset,
)
from tachograph.model.limits.plans import plan_title
from tachograph.model.limits.window_state import CLOCK_MS, has_reset, rank
from tachograph.queries.limits.conflicts import browser_of, conflicting_readings, gone_since, is_discontinued
from tachograph.queries.limits.now_limit import (
    FRESH,
    OVERAGE,
    RESET,
    STALE,
    UNKNOWN,
    WALL,
    NowLimit,
    is_idle_codename,
    is_metered,
    is_near,
    with_machines,
)

# The parts of an answer come from now_limit.py; whoever asks finds them here.
__all__ = [
    "FRESH",
    "FRESH_MS",
    "LEADS",
    "OVERAGE",
    "RESET",
    "STALE",
    "UNKNOWN",
    "WALL",
    "Now",
    "NowAccount",
    "NowLimit",
    "is_metered",
    "is_near",
    "now",
]

if TYPE_CHECKING:
    from tachograph.ledger.estimates import forecasts
    from tachograph.model.limits.refusals import Refusal
    from tachograph.queries.limits.refused import Lifted

FRESH_MS = 30 * 60_000  # an hour-long loop can move a 5-hour window by tens of points: older numbers say they are old
CHANCE_MS = 20 * 60_000  # a chance that was worked out longer ago is not shown any more
_FORGOTTEN_MS = 8 * 86_400_000  # a window that reset longer ago than this is history, not now
_PLACES = {SESSION: 0, WEEKLY: 1, MONEY: 2}
_USED_MS = 3 * 86_400_000  # an account that was not used for so long does not lead by its use
LEADS = "leads"  # the preference (ledger/storage/preferences.py) of an account that leads, by its id


class NowAccount(NamedTuple):
    """An account now. `seen_at` is the time of the newest reading of it, `used_at` when it was last used on this machine
    (0: not in the last days, or not worked out); `problems` are outcomes of sources that fail; `browsers` reported it,
    the newest report first; `billing` comes from claude.ai alone; `banked` are resets that it may redeem; `unread`: by
    source, the problems of its newest answer; `lifted`: limits of which nothing is known but a refusal that is over."""

    id: int
    uuid: str
    organization: str
    label: str
    plan: str
    limits: tuple[NowLimit, ...]
    extra: ExtraUsage | None
    breakdown: tuple[Share, ...]
    problems: tuple[tuple[str, str], ...]  # source, outcome
    seen_at: int
    used_at: int = 0
    browsers: tuple[Sighting, ...] = ()
    billing: Billing | None = None
    banked: tuple[BankedReset, ...] = ()
    unread: tuple[tuple[str, tuple[str, ...]], ...] = ()
    lifted: tuple[NowLimit, ...] = ()

    @property
    def gone_since(self) -> int | None:
        """Since when no browser reports it any more, where no other source has reported it since."""
        gone = gone_since(list(self.browsers))
        return gone if gone is not None and self.seen_at <= gone else None

    def limit(self, key: str) -> NowLimit | None:
        return next((limit for limit in self.limits if limit.key == key), None)

    @property
    def shown(self) -> tuple[NowLimit, ...]:
        """The limits that screens show: all but those under code names that have not begun."""
        return tuple(limit for limit in self.limits if not is_idle_codename(limit))

    @property
    def weekly(self) -> NowLimit | None:
        """The most pressing weekly limit; the all-model week where none presses more."""
        weeks = [limit for limit in self.limits if limit.group == WEEKLY]
        return max(weeks, key=_pressure, default=None)

    @property
    def session(self) -> NowLimit | None:
        """The 5-hour limit, where the plan has one; else another limit of a session."""
        sessions = [limit for limit in self.limits if limit.group == SESSION]
        return self.limit(FIVE_HOUR) or max(sessions, key=_pressure, default=None)

    @property
    def budget(self) -> NowLimit | None:
        """The budget that stops all work: a spend limit, or for an account without windows its extra usage."""
        money = [limit for limit in self.limits if limit.group == MONEY and is_spend(limit)]
        if self.session is not None or self.weekly is not None:
            money = [limit for limit in money if is_budget(limit)]
        return max(money, key=_pressure, default=None)

    @property
    def leading(self) -> tuple[NowLimit, ...]:
        """The limits of a headline: those of the session, the week and the budget that exist; else every other one."""
        found = tuple(limit for limit in (self.session, self.weekly, self.budget) if limit is not None)
        return found or tuple(limit for limit in self.shown if not limit.detail.left)[:2]

    @property
    def pressing(self) -> NowLimit | None:
        """The limit of the headline that presses most."""
        return max(self.leading, key=_pressure, default=None)


class Now(NamedTuple):
    """All accounts, the leading one first: a person's choice, else one that is signed in, the one used last here before
    the others, else the one read last."""

    at: int
    accounts: tuple[NowAccount, ...]


def is_spend(limit: NowLimit) -> bool:
    """Is it money with a cap or a use, not a balance?"""
    return limit.group == MONEY and limit.detail.left is None


def is_budget(limit: NowLimit) -> bool:
    """Is it a budget that stops all work, also beside the windows of a plan?"""
    return limit.key == SPEND_LIMIT and not limit.scope


def now(db: sqlite3.Connection, at: int, *, left: bool = False) -> Now:
    """Current limits at a moment, from the ledger. `left`: they show percent left."""
    found = (_account(db, row, at) for row in readings.accounts_with_readings(db))
    accounts = [one for one in found if one.limits or one.problems or one.extra or one.lifted]
    if left:
        accounts = [one._replace(limits=tuple(x._replace(shows_left=True) for x in one.limits)) for one in accounts]
    if names := machine_names(db):
        accounts = [one._replace(limits=with_machines(db, names, one.id, one.limits)) for one in accounts]
    current, signed_out = signed_in(db)
    if accounts and signed_out.issuperset(one.id for one in accounts):
        accounts += _without_readings(db, current)
    if len(accounts) > 1:  # with one there is nothing to choose: a status line has no time for it
        from tachograph.ledger.storage.preferences import get_preference

        leads = get_preference(db, LEADS)
        since = at - _USED_MS
        accounts = [account._replace(used_at=readings.last_use(db, account.id, since)) for account in accounts]
        # what belongs to no known account (id 0) comes last
        accounts.sort(key=lambda a: (str(a.id) != leads, a.id == 0, a.id in signed_out, -a.used_at, -a.seen_at, a.id))
        accounts = _told_apart(accounts)
    return Now(at, tuple(accounts))


def _without_readings(db: sqlite3.Connection, ids: set[int]) -> list[NowAccount]:
    """Accounts (ids) of which nothing was read yet: somebody has just signed in with them."""
    from tachograph.ledger.limits.accounts import accounts

    known = [one for one in accounts(db) if one.id in ids and one.hidden_at is None]
    return [NowAccount(one.id, one.uuid, one.organization, one.name, one.plan, (), None, (), (), 0) for one in known]


def _told_apart(accounts: list[NowAccount]) -> list[NowAccount]:
    """Accounts of one person in two organizations: their labels with the plan, or the organization, behind."""
    labels = [account.label for account in accounts]
    made = []
    for account in accounts:
        twins = [one for one in accounts if one.label == account.label and one.id != account.id]
        if labels.count(account.label) > 1 and account.label:
            is_plan_enough = account.plan and all(twin.plan != account.plan for twin in twins)
            account = account._replace(
                label=f"{account.label} ({account.plan if is_plan_enough else account.organization[:8]})"
            )
        made.append(account)
    return made


def _account(db: sqlite3.Connection, row: tuple[int, str, str, str, str], at: int) -> NowAccount:
    id, uuid, organization, label, plan = row
    stored = readings.newest(db, id)
    extra = next((s.reading.extra for s in stored if s.reading.extra is not None), None)
    good = [s for s in stored if s.reading.outcome == OK]
    refused, lifted = _refusals(db, id, extra, at)
    current: dict[str, Window] = {}
    for window in windows.windows(db, id, since=at - _FORGOTTEN_MS):
        if window.key in lifted and _is_only_refused(window):
            continue
        known = current.get(window.key)
        if known is None or _rank(window, refused, at) > _rank(known, refused, at):
            current[window.key] = window
    extra = _within_caps(extra, current.values(), at)
    seen = pairings.sightings(db, id)
    over = _without_reading(current, lifted) if lifted else ()
    limits = [
        _limit(window, refused.pop(window.key, None), lifted.get(window.key), extra, at, stored, seen)
        for window in current.values()
    ]
    limits = [x for x in limits if x.state != RESET or not is_discontinued(current[x.key], stored)]
    if refused:
        from tachograph.queries.limits.refused import refused_limit

        limits += [refused_limit(refusal, extra, at) for refusal in refused.values()]
    limits.sort(key=_place)
    if id:
        from tachograph.ledger.estimates import forecasts

        kept = forecasts.newest(db, id, at - CHANCE_MS)
        limits = [_with_chance(limit, kept.get(limit.key)) for limit in limits]
    return NowAccount(
        id,
        uuid,
        organization,
        label,
        plan_title(plan or next((s.reading.plan for s in stored if s.reading.plan), ""), at),
        tuple(limits),
        extra,
        _breakdown(stored, current.get(SEVEN_DAY), at),
        tuple((s.reading.source, s.reading.outcome) for s in stored if s.reading.outcome != OK),
        max((s.confirmed_at for s in stored), default=0),
        browsers=tuple(seen),
        billing=_billing(db, id) if seen else None,
        banked=next((s.reading.banked for s in stored if s.reading.banked), ()),
        unread=tuple((s.reading.source, s.reading.problems) for s in good if s.reading.problems),
        lifted=over,
    )


def _breakdown(stored: Sequence[StoredReading], week: Window | None, at: int) -> tuple[Share, ...]:
    """The service's split of the running week; a reading of an earlier week does not count."""
    resets_at = None if week is None else week.resets_at
    if resets_at is not None and resets_at <= at:
        return ()
    since = 0 if resets_at is None else resets_at - WEEK_MS
    return next((s.reading.breakdown for s in stored if s.reading.breakdown and s.confirmed_at >= since), ())


def _is_only_refused(window: Window) -> bool:
    """Is nothing known of a window but a refusal?"""
    return window.percent is None and window.group != MONEY and window.source == TRANSCRIPT


def _without_reading(current: dict[str, Window], lifted: Mapping[str, Lifted]) -> tuple[NowLimit, ...]:
    """Limits of which nothing is known but a refusal that is over."""
    from tachograph.queries.limits.refused import lifted_limit

    return tuple(lifted_limit(one) for key, one in lifted.items() if key not in current)


def _within_caps(extra: ExtraUsage | None, windows: Iterable[Window], at: int) -> ExtraUsage | None:
    """Metered use, blocked while a daily or weekly cap of it is used up."""
    if extra is None or extra.blocked is not None:
        return extra
    for window in windows:
        is_cap = window.key.startswith(f"{EXTRA_USAGE}_")
        if is_cap and (window.percent or 0) >= 100 and not has_reset(window.resets_at, window.at, at):
            return extra._replace(blocked=f"{window.label.lower()} used up")
    return extra


def _billing(db: sqlite3.Connection, account: int) -> Billing | None:
    from tachograph.ledger.limits.billing import billing  # only with a paired browser

    return billing(db, account)


def _refusals(
    db: sqlite3.Connection, account: int, extra: ExtraUsage | None, at: int
) -> tuple[dict[str, Refusal], dict[str, Lifted]]:
    """By key of a limit, the newest refusal that holds, and the newest one that is over by evidence."""
    if not windows.has_refusals(db, account, at - _FORGOTTEN_MS, at):
        return {}, {}
    from tachograph.queries.limits.refused import current_refusals  # a status line has no time for it

    return current_refusals(db, account, extra, at, at - _FORGOTTEN_MS)


def _rank(window: Window, refused: dict[str, Refusal], at: int) -> tuple[bool, bool, int, int]:
    refusal = refused.get(window.key)
    newest = window.at
    if refusal is not None and same_reset(refusal.resets_at, window.resets_at):
        newest = max(newest, refusal.at)
    return *rank(window.resets_at, newest, window.group, at), window.id


def _limit(
    window: Window,
    refusal: Refusal | None,
    lifted: Lifted | None,
    extra: ExtraUsage | None,
    at: int,
    stored: list[StoredReading],
    seen: list[Sighting],
) -> NowLimit:
    percent, observed, source, steady = window.percent, window.at, window.source, window.steady
    answered: int | None = None
    is_plan = window.group in (SESSION, WEEKLY)
    is_overdue = window.resets_at is not None and at >= window.resets_at
    if refusal is not None and _is_holding(refusal, window.resets_at, window.group, at):
        state = OVERAGE if is_plan and is_metered(extra) else WALL
        if refusal.at >= observed and (percent or 0) < 100:  # a refusal beats any older percentage
            percent, observed, source, steady = 100.0, refusal.at, TRANSCRIPT, 100.0
    elif has_reset(window.resets_at, observed, at):
        state, percent, is_overdue = RESET, None, False
    elif lifted is not None and observed <= lifted.refusal.at and (percent is None or percent >= 100):
        state, percent = UNKNOWN, None  # answers came since: full it is not, and nothing newer was read
        answered = lifted.answered_at
    elif (is_plan or window.group == MONEY) and (window.detail.locked or (percent or 0) >= 100):
        state = OVERAGE if is_plan and is_metered(extra) else WALL
    elif percent is None and not (window.group == MONEY and (window.detail.used or window.detail.left)):
        state = UNKNOWN
    else:
        gone = gone_since(seen) if source == BROWSER else None
        is_old = at - observed > FRESH_MS or observed > at + CLOCK_MS
        state = STALE if is_old or (gone is not None and observed <= gone) else FRESH
    return NowLimit(
        window.key,
        window.label,
        window.group,
        window.scope,
        percent,
        window.resets_at,
        window.severity,
        source,
        observed,
        state,
        browser_of(window, seen) if source == BROWSER else "",
        conflicting_readings(window, stored, at) if len(stored) > 1 else (),
        steady=steady if percent is not None else None,
        is_overdue=is_overdue,
        refused_at=refusal.at if refusal is not None and state in (WALL, OVERAGE) else None,
        answered_at=answered,
        detail=window.detail,
    )


def _is_holding(refusal: Refusal, resets_at: int | None, group: str, at: int) -> bool:
    from tachograph.model.limits.refusals import is_holding

    return is_holding(refusal, resets_at, group, at)


def _with_chance(limit: NowLimit, kept: forecasts.StoredForecast | None) -> NowLimit:
    """The limit with a chance that still belongs to it: of this window, and not reached yet."""
    if kept is None or limit.state not in (FRESH, STALE) or not same_reset(limit.resets_at, kept.cycle):
        return limit
    return limit._replace(chance=kept.chance)


def _pressure(limit: NowLimit) -> tuple[bool, float, bool]:
    return limit.state == WALL, -1.0 if limit.percent is None else limit.percent, limit.key == SEVEN_DAY


def _place(limit: NowLimit) -> tuple[int, int, str]:
    return _PLACES.get(limit.group, 3), limit.key not in (FIVE_HOUR, SEVEN_DAY), limit.key
