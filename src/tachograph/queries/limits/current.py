"""Should I keep prompting: each account's limits as they stand now, with source and age, and the headline of them.

Two rules hold for every headline, colour and guard. The weekly number is the most pressing weekly limit that applies,
scoped ones included, and is named where it is not the all-model week. And where metered use beyond the plan is on and
not used up, 100 % is no wall: the state is `overage`, and the headline speaks of the spend.
"""

import sqlite3
from typing import NamedTuple

from tachograph.ledger.estimates import forecasts
from tachograph.ledger.limits import pairings, readings
from tachograph.ledger.limits.billing import billing
from tachograph.ledger.limits.pairings import Sighting
from tachograph.ledger.limits.readings import Said, Window
from tachograph.model.limits.limits import (
    BROWSER,
    FIVE_HOUR,
    OK,
    SEVEN_DAY,
    STATUSLINE,
    Billing,
    ExtraUsage,
    Share,
    same_reset,
)
from tachograph.queries.limits.conflicts import Differing, browser_of, differing, gone_since

FRESH, STALE, RESET, WALL, OVERAGE, UNKNOWN = "fresh", "stale", "reset", "wall", "overage", "unknown"
FRESH_MS = 30 * 60_000  # an hour-long loop can move a 5-hour window by tens of points: older numbers say they are old
CHANCE_MS = 20 * 60_000  # a chance that was worked out longer ago is not shown any more
_FORGOTTEN_MS = 8 * 86_400_000  # a window that reset longer ago than this is history, not now
_ORDER = {"session": 0, "weekly": 1}
_USED_MS = 3 * 86_400_000  # an account that was not used for so long does not lead by its use
LEADS = "leads"  # the choice (ledger/storage/preferences.py) of an account that leads, by its id
_NEARLY = 99.0  # percent, from which a number that was rounded down may still be the wall


class NowLimit(NamedTuple):
    """One limit now. `percent` is None where nobody knows it, and where its reset has passed. Times: epoch ms.

    `browser`: which paired browser said it; `differs`: fresh sources that say something else; `chance` (0 to 1) that it is
    reached before it resets, where the recorder worked it out lately, None elsewhere."""

    key: str
    label: str
    group: str
    scope: str | None
    percent: float | None
    resets_at: int | None
    severity: str | None
    source: str
    observed_at: int
    state: str
    browser: str = ""
    differs: tuple[Differing, ...] = ()
    chance: float | None = None

    def age_ms(self, now: int) -> int:
        return max(0, now - self.observed_at)


class NowAccount(NamedTuple):
    """An account now. `seen_at` is when anything was last heard of it, `used_at` when it was last used on this machine
    (0: not lately, or nobody looked); `problems` are outcomes that hinder a source; `browsers` reported it, the newest
    report first; `billing` is what claude.ai alone says of it."""

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

    @property
    def gone_since(self) -> int | None:
        """Since when no browser reports it any more, where nothing else has said anything of it since."""
        gone = gone_since(list(self.browsers))
        return gone if gone is not None and self.seen_at <= gone else None

    def limit(self, key: str) -> NowLimit | None:
        return next((limit for limit in self.limits if limit.key == key), None)

    @property
    def weekly(self) -> NowLimit | None:
        """The most pressing weekly limit; the all-model week where none presses more."""
        weeks = [limit for limit in self.limits if limit.group == "weekly"]
        return max(weeks, key=_pressure, default=None)


class Now(NamedTuple):
    """All accounts, the leading one first: a person's choice, else the one used last here, else the one heard of last."""

    at: int
    accounts: tuple[NowAccount, ...]


def now(db: sqlite3.Connection, at: int) -> Now:
    """How the limits stand at a moment, from what the ledger holds."""
    found = (_account(db, row, at) for row in readings.accounts_with_readings(db))
    accounts = [account for account in found if account.limits or account.problems or account.extra]
    if len(accounts) > 1:  # with one there is nothing to choose: a status line has no time for it
        from tachograph.ledger.storage.preferences import get_preference

        leads = get_preference(db, LEADS)
        since = at - _USED_MS
        accounts = [account._replace(used_at=readings.last_use(db, account.id, since)) for account in accounts]
        # what nobody could be named for (id 0) comes last: it may be anybody's
        accounts.sort(key=lambda a: (str(a.id) != leads, a.id == 0, -a.used_at, -a.seen_at, a.id))
    return Now(at, tuple(accounts))


def _account(db: sqlite3.Connection, row: tuple[int, str, str, str, str], at: int) -> NowAccount:
    id, uuid, organization, label, plan = row
    said = readings.newest(db, id)
    extra = next((s.reading.extra for s in said if s.reading.extra is not None), None)
    current: dict[str, Window] = {}
    for window in readings.windows(db, id, since=at - _FORGOTTEN_MS):
        known = current.get(window.key)
        if known is None or _newness(window) > _newness(known):
            current[window.key] = window
    seen = pairings.sightings(db, id)
    limits = sorted((_limit(window, extra, at, said, seen) for window in current.values()), key=_place)
    if id:
        kept = forecasts.newest(db, id, at - CHANCE_MS)
        limits = [_with_chance(limit, kept.get(limit.key)) for limit in limits]
    return NowAccount(
        id,
        uuid,
        organization,
        label,
        plan or next((s.reading.plan for s in said if s.reading.plan), ""),
        tuple(limits),
        extra,
        next((s.reading.breakdown for s in said if s.reading.breakdown), ()),
        tuple((s.reading.source, s.reading.outcome) for s in said if s.reading.outcome != OK),
        max((s.last_at for s in said), default=0),
        browsers=tuple(seen),
        billing=billing(db, id) if seen else None,
    )


def _newness(window: Window) -> tuple[int, int]:
    return max(window.at, window.wall_at or 0), window.id


def _limit(window: Window, extra: ExtraUsage | None, at: int, said: list[Said], seen: list[Sighting]) -> NowLimit:
    percent, observed, source = window.percent, window.at, window.source
    if window.resets_at is not None and at >= window.resets_at:
        state, percent = RESET, None
    elif _is_at_wall(window):
        state = OVERAGE if is_metered(extra) else WALL
        if window.wall_at is not None and window.wall_at >= observed and (percent or 0) < 100:
            percent, observed, source = 100.0, window.wall_at, "transcript"  # a refusal beats any older percentage
    elif percent is None:
        state = UNKNOWN
    else:
        gone = gone_since(seen) if source == BROWSER else None
        state = STALE if at - observed > FRESH_MS or (gone is not None and observed <= gone) else FRESH
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
        differing(window, said, at) if len(said) > 1 else (),
    )


def _with_chance(limit: NowLimit, kept: forecasts.Kept | None) -> NowLimit:
    """The limit with a chance that still speaks of it: of this window, and not reached yet."""
    if kept is None or limit.state not in (FRESH, STALE) or not same_reset(limit.resets_at, kept.cycle):
        return limit
    return limit._replace(chance=kept.chance)


def _is_at_wall(window: Window) -> bool:
    """A refusal beats any older percentage; a newer one that was fetched, and is clearly lower, says that it is over.

    A status line repeats what it knew before: it lifts no wall.
    """
    if window.percent is not None and window.percent >= 100 and window.group in _ORDER:
        return True  # a grant of credits that is used up is no wall
    if window.wall_at is None:
        return False
    is_over = window.at > window.wall_at and window.source != STATUSLINE
    return not (is_over and window.percent is not None and window.percent < _NEARLY)


def is_metered(extra: ExtraUsage | None) -> bool:
    """Whether use goes on, metered, when a limit of the plan is reached."""
    return extra is not None and bool(extra.enabled) and extra.blocked is None and (extra.percent or 0) < 100


def _pressure(limit: NowLimit) -> tuple[float, bool]:
    return -1.0 if limit.percent is None else limit.percent, limit.key == SEVEN_DAY


def _place(limit: NowLimit) -> tuple[int, int, str]:
    return _ORDER.get(limit.group, 2), limit.key not in (FIVE_HOUR, SEVEN_DAY), limit.key
