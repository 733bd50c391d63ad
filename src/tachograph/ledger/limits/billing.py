"""Subscription and remaining credits of an account, from claude.ai: the newest values."""

import json

from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import Billing, Money


def billing(db: sqlite3.Connection, account: int) -> Billing | None:
    """The newest billing of an account; None if it was never read."""
    row = db.execute(
        "SELECT at, status, renews_on, every, credits, granted FROM billing WHERE account = ?", (account,)
    ).fetchone()
    return None if row is None else Billing(row[0], row[1], row[2], row[3], _money(row[4]), _money(row[5]))


def keep(db: sqlite3.Connection, account: int, said: Billing) -> None:
    """Store a billing, inside a transaction of the caller's, unless a newer one is stored. Missing values stay as they were."""
    known = billing(db, account)
    if known is not None and known.at > said.at:
        return
    merged = said
    if known is not None:
        merged = known._replace(**{name: value for name, value in said._asdict().items() if value})
    db.execute(
        "INSERT OR REPLACE INTO billing VALUES (?, ?, ?, ?, ?, ?, ?)",
        (account, *merged[:4], _json(merged.credits), _json(merged.granted)),
    )


def _json(value: Money | None) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))


def _money(text: str | None) -> Money | None:
    return None if text is None else Money(*json.loads(text))
