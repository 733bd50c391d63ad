"""One limit now: its value, its source and its state."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.limits.reading_machines import machine_of_value
from tachograph.ledger.limits.windows import LimitDetail
from tachograph.model.limits.limits import ExtraUsage, Money
from tachograph.model.limits.money import CAPPED, NO_CAP, room
from tachograph.model.limits.window_state import LENGTHS, NEAR_FROM
from tachograph.queries.limits.conflicts import Conflict

FRESH, STALE, RESET, WALL, OVERAGE, UNKNOWN = "fresh", "stale", "reset", "wall", "overage", "unknown"


class NowLimit(NamedTuple):
    """One limit now. `percent` is None where it is unknown, and where its reset has passed. Times: epoch ms.

    `browser`: the paired browser that reported it; `conflicts`: fresh sources with another value; `chance` (0 to 1) that
    it is reached before it resets, where the recorder worked it out a short while ago, None elsewhere. `steady`: the
    percentage for colors and "near", which does not flicker around a threshold. `is_overdue`: the reset has passed, and
    the service still holds the window. `refused_at`: when the service last refused because of it, None where it did not
    or that is over. `answered_at`: the newest answer that it let through, where that ended a refusal and nothing was read
    since. `shows_left`: the person wants to see what is left, not what is used; `percent` is what is used all the same.
    `machine`: name of the person's machine that it was read on; "" while there is only one."""

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
    conflicts: tuple[Conflict, ...] = ()
    chance: float | None = None
    steady: float | None = None
    is_overdue: bool = False
    refused_at: int | None = None
    answered_at: int | None = None
    detail: LimitDetail = LimitDetail()
    shows_left: bool = False
    machine: str = ""

    def age_ms(self, now: int) -> int:
        """The age of the value; negative where its time lies in the future."""
        return now - self.observed_at

    @property
    def used(self) -> Money | None:
        return self.detail.used

    @property
    def cap(self) -> Money | None:
        return self.detail.limit

    @property
    def is_near(self) -> bool:
        return is_near(self, NEAR_FROM)


def whole_percent(value: float) -> int:
    """A percentage in whole points; one below 90 or 100 is never rounded up to it, for there its meaning changes."""
    shown = round(value)
    return shown - 1 if value < shown and shown in (round(NEAR_FROM), 100) else shown


def is_near(limit: NowLimit, threshold: float) -> bool:
    """Is a limit near its end: from the threshold on, until it has fallen five points below?"""
    if limit.percent is None:
        return False
    return max(limit.percent, limit.steady or 0.0) >= threshold


def is_idle_codename(limit: NowLimit) -> bool:
    """Is it a limit under a code name of the service that has not begun? There is nothing to see in it."""
    return limit.group == "" and not limit.percent and limit.resets_at is None and not any(limit.detail)


def is_metered(extra: ExtraUsage | None) -> bool:
    """True if metered use goes on after a limit of the plan is reached: only with room that is known."""
    return room(extra) in (NO_CAP, CAPPED)


def with_machines(
    db: sqlite3.Connection, names: dict[str, str], account: int, limits: tuple[NowLimit, ...]
) -> tuple[NowLimit, ...]:
    """Limits of an account with the machine that each was read on. `names`: of the machines, by id."""
    return tuple(
        one._replace(machine=machine_of_value(db, names, account, one.source, one.observed_at)) for one in limits
    )


def elapsed(limit: NowLimit, at: int) -> float | None:
    """The share (0 to 1) of a limit's window that is over: where its use should be by now to last to the reset."""
    length = LENGTHS.get(limit.group)
    if length is None or limit.resets_at is None or limit.percent is None or at > limit.resets_at:
        return None
    return min(1.0, max(0.0, 1 - (limit.resets_at - at) / length))
