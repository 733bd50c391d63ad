"""Changes that a person makes to the ledger from a screen, each inside a transaction of the caller's."""

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import accounts, notifications
from tachograph.ledger.storage import preferences


def set_preference(db: sqlite3.Connection, key: str, value: str, now_ms: int) -> None:
    """Store a preference."""
    preferences.set_preference(db, key, value, now_ms)


def hide_account(db: sqlite3.Connection, account: int, now_ms: int) -> None:
    """Hide an account everywhere, and stop asking for it."""
    accounts.hide(db, account, now_ms)


def dismiss_notifications(db: sqlite3.Connection, now_ms: int) -> None:
    """Silence the active notifications until their windows reset."""
    notifications.dismiss(db, now_ms)


def set_consent(db: sqlite3.Connection, source: str, is_on: bool, now_ms: int) -> None:
    """Store a person's consent to a source, or its withdrawal."""
    preferences.set_preference(db, preferences.CONSENT + source, "on" if is_on else "off", now_ms)


def name_account(db: sqlite3.Connection, account: int, name: str) -> None:
    """Give an account a name of the person's own; "" takes it back."""
    accounts.give_label(db, account, name)
