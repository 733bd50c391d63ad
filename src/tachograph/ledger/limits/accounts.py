"""Accounts and the dated history of logins: which account was signed in for which config folder, from when to when."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, NamedTuple
from tachograph.ledger.usage.strings import Strings, storable

if TYPE_CHECKING:
    from tachograph.ledger.usage.account_of import Stretch
    from tachograph.model.limits.limits import AccountId


class Identity(NamedTuple):
    """An account in Claude Code's own files: account and organization uuid, label, plan in words."""

    uuid: str
    organization: str
    label: str
    plan: str


def observe(db: sqlite3.Connection, names: Strings, folder: str, identity: Identity | None, now_ms: int) -> int | None:
    """Note who is logged in for a folder now. The same account extends its login; another one begins a new login.

    Returns the moment from which messages of the folder may have another account now, epoch milliseconds; None where
    nothing changed. It lies before every message for a folder's first login, which is presumed of all before it.

    Between the last sight of one account and the first of the next the account is unknown: those messages stay without
    one. None (no login, or an unreadable file) is no observation.
    """
    from tachograph.ledger.limits.login_history import note_plan  # seldom: not where nothing changed

    if identity is None:
        return None
    repair_clock(db, now_ms)
    db.execute(  # a record may have named the account before its organization was seen
        "UPDATE OR IGNORE account SET organization = ? WHERE uuid = ? AND organization = ''",
        (identity.organization, identity.uuid),
    )
    account = db.execute(
        "INSERT INTO account (uuid, organization, label, plan) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET label = excluded.label, plan = excluded.plan RETURNING id",
        identity,
    ).fetchone()[0]
    note_plan(db, account, identity.plan, now_ms)
    where = names.id(folder)
    last = db.execute(
        "SELECT id, account, last_seen FROM login WHERE folder = ? ORDER BY last_seen DESC, id DESC LIMIT 1", (where,)
    ).fetchone()
    if last is not None and last[1] == account:
        db.execute("UPDATE login SET last_seen = max(last_seen, ?) WHERE id = ?", (now_ms, last[0]))
        return int(last[2])
    db.execute(
        "INSERT INTO login (folder, account, first_seen, last_seen) VALUES (?, ?, ?, ?)",
        (where, account, now_ms, now_ms),
    )
    from tachograph.ledger.limits import readings, refusals  # only where a login is new

    since = 0 if last is None else int(last[2])
    readings.refile(db, where, since)
    refusals.refile(db, where, since)
    from tachograph.model.usage.messages import NO_TIME

    return -NO_TIME if last is None else now_ms


def repair_clock(db: sqlite3.Connection, now_ms: int) -> None:
    """Put right logins that were seen in the future: a clock was wrong then.

    Logins of another machine (its folders begin with `@`) have the times of its clock, like its transcripts.
    """
    from tachograph.model.limits.window_state import CLOCK_MS

    limit = now_ms + CLOCK_MS
    if db.execute("SELECT 1 FROM login WHERE last_seen > ? LIMIT 1", (limit,)).fetchone() is not None:
        sql = (
            "UPDATE login SET first_seen = min(first_seen, ?1), last_seen = min(last_seen, ?1) WHERE last_seen > ?2"
            " AND folder NOT IN (SELECT id FROM name WHERE text >= '@' AND text < 'A')"
        )
        db.execute(sql, (now_ms, limit))


def plan_changes(db: sqlite3.Connection, account: int) -> list[tuple[int, str]]:
    """Plans of an account with the time at which each was first seen, oldest first."""
    return list(db.execute("SELECT at, plan FROM plan_change WHERE account = ? ORDER BY at", (account,)))


class Account(NamedTuple):
    """An account that was seen. `given` is what a person called it; `hidden_at` when it was forgotten, None if not."""

    id: int
    uuid: str
    organization: str
    label: str
    plan: str
    given: str
    hidden_at: int | None

    @property
    def name(self) -> str:
        return self.given or self.label


def accounts(db: sqlite3.Connection) -> list[Account]:
    """Every account but the unknown one, in the order in which they were first seen; forgotten ones too."""
    sql = "SELECT id, uuid, organization, label, plan, given, hidden_at FROM account WHERE id > 0 ORDER BY id"
    return [Account._make(row) for row in db.execute(sql)]


class Login(NamedTuple):
    """A stretch in which an account was logged in for a config folder, epoch milliseconds."""

    folder: str
    first_seen: int
    last_seen: int


def logins_of(db: sqlite3.Connection, account: int) -> list[Login]:
    """By config folder the whole time in which an account was seen there, the newest first."""
    sql = (
        "SELECT name.text, min(first_seen), max(last_seen) FROM login JOIN name ON name.id = folder WHERE account = ?"
        " GROUP BY folder ORDER BY max(last_seen) DESC"
    )
    return [Login._make(row) for row in db.execute(sql, (account,))]


def named(db: sqlite3.Connection, account: int) -> AccountId | None:
    """Id of an account at the service; None for the unknown account."""
    row = db.execute("SELECT uuid, organization FROM account WHERE id = ? AND uuid <> ''", (account,)).fetchone()
    from tachograph.model.limits.limits import AccountId

    return None if row is None else AccountId._make(row)


def is_hidden(db: sqlite3.Connection, account: int) -> bool:
    """Is the account hidden by the person?"""
    return db.execute("SELECT 1 FROM account WHERE id = ? AND hidden_at IS NOT NULL", (account,)).fetchone() is not None


def learn(db: sqlite3.Connection, account: int, label: str, plan: str) -> None:
    """Take over plan and label from the service; the label only for an account without one."""
    db.execute(
        "UPDATE account SET plan = CASE ?2 WHEN '' THEN plan ELSE ?2 END,"
        " label = CASE label WHEN '' THEN ?1 ELSE label END WHERE id = ?3",
        (label, plan, account),
    )


def give_label(db: sqlite3.Connection, account: int, label: str) -> None:
    """Call an account so from now on; an empty label takes the given one back."""
    db.execute("UPDATE account SET given = ? WHERE id = ?", (label, account))


def hide(db: sqlite3.Connection, account: int, now_ms: int | None) -> None:
    """Forget an account from a moment on, or (None) show it again. No row of it is deleted."""
    db.execute("UPDATE account SET hidden_at = ? WHERE id = ?", (now_ms, account))


def glances(db: sqlite3.Connection, folder: str | None = None) -> dict[str, str]:
    """By config folder (all, or one), the signature of its identity files when they were last read."""
    sql = "SELECT text, signature FROM glance JOIN name ON name.id = folder WHERE ?1 IS NULL OR text = ?1"
    return dict(db.execute(sql, (folder,)))


def is_logged_in(db: sqlite3.Connection, folder: str, uuid: str, organization: str) -> bool:
    """Is this account the newest login of a config folder?"""
    row = db.execute(
        "SELECT uuid, organization FROM login JOIN account ON account.id = account JOIN name ON name.id = folder"
        " WHERE name.text = ? ORDER BY last_seen DESC, login.id DESC LIMIT 1",
        (folder,),
    ).fetchone()
    return row is not None and tuple(row) == (uuid, organization)


def write_glance(db: sqlite3.Connection, names: Strings, folder: str, signature: str) -> None:
    """Remember the identity files of a folder as they were read."""
    sql = "INSERT INTO glance VALUES (?, ?) ON CONFLICT DO UPDATE SET signature = excluded.signature"
    db.execute(sql, (names.id(folder), signature))


def is_known(db: sqlite3.Connection, folder: str, identity: Identity) -> bool:
    """Is this account, with its label and plan, the newest login of a folder?"""
    row = db.execute(
        "SELECT uuid, organization, label, plan FROM login JOIN account ON account.id = account JOIN name"
        " ON name.id = folder WHERE name.text = ? ORDER BY last_seen DESC, login.id DESC LIMIT 1",
        (storable(folder),),
    ).fetchone()
    return row is not None and Identity(*row) == identity


def logins(db: sqlite3.Connection, slack_ms: int = 300_000) -> dict[int, list[Stretch]]:
    """By config folder the times in which accounts were logged in, oldest first.

    The newest stretch of a folder reaches `slack_ms` further: messages written while a pass is running are its.
    """
    from tachograph.ledger.usage.account_of import Stretch  # with messages alone: a status line has none

    found: dict[int, list[Stretch]] = {}
    for folder, first, last, account, uuid, organization in db.execute(
        "SELECT folder, first_seen, last_seen, account, uuid, organization FROM login JOIN account ON account.id = account"
        " ORDER BY folder, first_seen, login.id"
    ):
        found.setdefault(folder, []).append(Stretch(first, last, account, f"{uuid} {organization}"))
    for stretches in found.values():
        stretches[-1] = stretches[-1]._replace(last=stretches[-1].last + slack_ms)
    return found
