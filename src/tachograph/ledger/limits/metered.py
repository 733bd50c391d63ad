"""Use that goes on after a limit on usage credits: from the client's own notices in transcripts, and from readings in which
the spent amount rises at 100 %."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tachograph.ledger.usage.strings import Strings
    from tachograph.model.limits.limits import Reading


class MeteredSpan(NamedTuple):
    """A time in which an account's work draws on usage credits, epoch milliseconds. `account` 0: unknown, then only the
    messages of that config folder count. `scope`: the one model that it concerns, "" for all."""

    account: int
    folder: int
    scope: str
    start: int
    end: int


def note(
    db: sqlite3.Connection, names: Strings, folder: str, key: str, scope: str, at: int, resets_at: int | None
) -> None:
    """Note that work went on after a limit, inside a transaction of the caller's."""
    db.execute("INSERT OR IGNORE INTO metered VALUES (?, ?, ?, ?, ?)", (names.id(folder), key, scope, at, resets_at))


def note_readings(
    db: sqlite3.Connection, names: Strings, account: int, folder: str, since: int, before: Reading, after: Reading
) -> None:
    """Note limits beyond which work went on between two readings of an account, the first of which was confirmed until
    `since`. One that came by no config folder belongs to the one in which the account was signed in."""
    from tachograph.ledger.limits.login_history import account_at
    from tachograph.model.limits.money import exceeded_limits

    for limit in exceeded_limits(before, after):
        if not folder:
            sql = "SELECT text FROM login JOIN name ON name.id = folder WHERE account = ? ORDER BY last_seen DESC, login.id"
            signed_in = [text for (text,) in db.execute(sql, (account,))]
            folder = next((text for text in signed_in if account_at(db, names.id(text), since) == account), "")
        if folder and account_at(db, names.id(folder), since) == account:
            note(db, names, folder, limit.key, limit.scope or "", since, limit.resets_at)


def is_any(db: sqlite3.Connection) -> bool:
    """True if work ever went on after a limit."""
    return db.execute("SELECT 1 FROM metered LIMIT 1").fetchone() is not None


def spans(db: sqlite3.Connection) -> list[MeteredSpan]:
    """Times on usage credits, those of one account and model without overlap."""
    found: list[MeteredSpan] = []
    for folder, key, scope, at, resets_at in db.execute("SELECT * FROM metered ORDER BY at"):
        from tachograph.ledger.limits.login_history import account_at  # most people never draw on credits
        from tachograph.model.limits.limits import SESSION_MS

        account = account_at(db, folder, at, None if resets_at is None else {key: resets_at})
        end = at + SESSION_MS if resets_at is None else max(at, resets_at)
        found.append(MeteredSpan(account, 0 if account else folder, scope, at, end))
    found.sort()
    merged: list[MeteredSpan] = []
    for one in found:
        last = merged[-1] if merged else None
        if last is not None and one[:3] == last[:3] and one.start <= last.end:
            merged[-1] = last._replace(end=max(last.end, one.end))
        else:
            merged.append(one)
    return merged


def condition(db: sqlite3.Connection) -> tuple[str, list[str | int]]:
    """SQL that is true for a row of `message` that draws on credits at standard speed, and its values."""
    parts, values = ["0"], list[str | int]()
    for account, folder, scope, start, end in spans(db):
        part = "account = ? AND at >= ? AND at < ?"
        values += [account, start, end]
        if folder:
            part += " AND folder = ?"
            values.append(folder)
        if scope:
            part += " AND model IN (SELECT id FROM name WHERE instr(lower(text), ?))"
            values.append(scope.lower())
        parts.append(f"({part})")
    return f"({' OR '.join(parts)}) AND speed NOT IN (SELECT id FROM name WHERE text = 'fast')", values
