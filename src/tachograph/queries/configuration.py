"""Accounts, pairings, notifications and preferences, as a settings page shows them."""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import accounts, notifications, pairings
from tachograph.ledger.storage.preferences import get_preference
from tachograph.ledger.usage.files import row_counts
from tachograph.queries.limits.current import LEADS
from tachograph.queries.tray_state import ALARMS


class KnownAccount(NamedTuple):
    """An account in the ledger. `label` is the service's name for it, `given` the person's."""

    id: int
    name: str
    label: str
    given: str
    plan: str
    is_hidden: bool
    is_primary: bool


class PairedBrowser(NamedTuple):
    """A browser with the extension. Times in epoch milliseconds; `seen_at` None before its first post."""

    name: str
    paired_at: int
    seen_at: int | None


class SentNotification(NamedTuple):
    """A notification that was shown, at `at` (epoch milliseconds)."""

    at: int
    text: str
    is_dismissed: bool


class NotificationState(NamedTuple):
    """`active`: number of notifications that were not dismissed and have not expired with their window."""

    is_on: bool
    active: int
    sent: tuple[SentNotification, ...]


def known_accounts(db: sqlite3.Connection) -> tuple[KnownAccount, ...]:
    """Every account that was seen."""
    primary = get_preference(db, LEADS)
    return tuple(
        KnownAccount(
            one.id,
            one.name,
            one.label if one.given else "",
            one.given,
            one.plan,
            one.hidden_at is not None,
            primary == str(one.id),
        )
        for one in accounts.accounts(db)
    )


def paired_browsers(db: sqlite3.Connection) -> tuple[PairedBrowser, ...]:
    """Browsers that may post readings."""
    return tuple(PairedBrowser(one.browser, one.paired_at, one.seen_at) for one in pairings.pairings(db))


def notification_state(db: sqlite3.Connection, now: int, days: int = 30) -> NotificationState:
    """The notifications of the last days."""
    sent = tuple(
        SentNotification(one.at, one.text, one.dismissed_at is not None)
        for one in notifications.stored_notifications(db, now - days * 86_400_000)
    )
    return NotificationState(get_preference(db, ALARMS, "on") == "on", notifications.standing(db, now), sent)


def ledger_counts(db: sqlite3.Connection) -> dict[str, int]:
    """Number of messages, sessions and other records."""
    return row_counts(db)
