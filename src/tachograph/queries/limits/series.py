"""The series of an account's limits, and the account events in them, from the ledger (model/limits/series.py)."""

from collections.abc import Sequence
from itertools import pairwise

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import accounts, windows
from tachograph.model.limits import series as model
from tachograph.model.limits.limits import DESKTOP, FIVE_HOUR, SEVEN_DAY
from tachograph.model.limits.series import PLAN_CHANGED, AccountEvent, Series
from tachograph.model.limits.window_state import CLOCK_MS
from tachograph.model.parsing import limit_name


def limit_series(
    db: sqlite3.Connection, account: int, since: int, now: int, keys: Sequence[str] = (FIVE_HOUR, SEVEN_DAY)
) -> dict[str, Series]:
    """The clean series of an account's limits since a moment, by key; a limit without readings has no windows."""
    if not keys:
        return {}
    plans = accounts.plan_changes(db, account)
    read = windows.observations(db, account, keys, since, now + CLOCK_MS)
    found = {}
    for key in keys:
        is_nameless = any(one.resets_at is None and one.source == DESKTOP for one in read[key])
        known = windows.begun_windows(db, account, key) if is_nameless else ()
        found[key] = model.series(key, limit_name(key).group, read[key], now, plans, known)
    return found


def account_events(
    db: sqlite3.Connection, account: int, since: int, now: int, keys: Sequence[str] = (FIVE_HOUR, SEVEN_DAY)
) -> tuple[AccountEvent, ...]:
    """Account events, which change limits without any work, oldest first: the falls of its series, and changes of plan
    that no fall shows (with key "", and nothing known of percentages)."""
    found = [event for one in limit_series(db, account, since, now, keys).values() for event in one.events]
    plans = accounts.plan_changes(db, account)
    for (before, old), (at, new) in pairwise(plans):
        is_seen = any(event.kind == PLAN_CHANGED and event.since <= at + 86_400_000 for event in found)
        if old != new and since <= at <= now and not is_seen:
            found.append(AccountEvent(at, PLAN_CHANGED, "", before, 0.0, 0.0, None, None))
    return tuple(sorted(found, key=lambda event: (event.at, event.key)))
