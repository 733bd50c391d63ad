"""Accounts over time: the login of a config folder at a moment, and the plan of an account."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Mapping
from tachograph.model.limits.window_state import CLOCK_MS


def note_plan(db: sqlite3.Connection, account: int, plan: str | None, at: int) -> None:
    """Note the plan of an account if it has changed."""
    if not plan or not account:
        return
    known = db.execute(
        "SELECT plan FROM plan_change WHERE account = ? AND at <= ? ORDER BY at DESC LIMIT 1", (account, at)
    ).fetchone()
    if known is None or known[0] != plan:
        db.execute("INSERT OR REPLACE INTO plan_change (account, at, plan) VALUES (?, ?, ?)", (account, at, plan))


def signed_in(db: sqlite3.Connection) -> tuple[set[int], set[int]]:
    """Ids of the accounts that are signed in for some config folder, and of those that were and no longer are."""
    rows = db.execute("SELECT folder, account FROM login ORDER BY last_seen, id").fetchall()
    current = set(dict(rows).values())
    return current, {account for _, account in rows} - current


def account_at(db: sqlite3.Connection, folder: int, at: int, resets: Mapping[str, int] | None = None) -> int:
    """The account of what happened in a config folder (string id) at a moment; 0 where no login was ever seen there.

    Before the first sight of any login it is that login's, after the last sight the last one's. Between two logins it
    is the earlier one's, unless its `resets` (by key of a limit) are known only of the later account.
    """
    rows = db.execute(
        "SELECT account, first_seen, last_seen FROM login WHERE folder = ? ORDER BY last_seen, id", (folder,)
    ).fetchall()
    if not rows:
        return 0
    before: int | None = None
    for account, first_seen, last_seen in rows:
        if at <= last_seen:
            if at >= first_seen or before is None:
                return int(account)
            return int(account) if resets and _knows(db, account, resets) and not _knows(db, before, resets) else before
        before = int(account)
    return before or 0


def _knows(db: sqlite3.Connection, account: int, resets: Mapping[str, int]) -> bool:
    """Has an account a window with one of these resets?"""
    sql = "SELECT 1 FROM window WHERE account = ? AND key = ? AND resets_at BETWEEN ? AND ? LIMIT 1"
    return any(
        db.execute(sql, (account, key, at - CLOCK_MS, at + CLOCK_MS)).fetchone() is not None
        for key, at in resets.items()
    )
