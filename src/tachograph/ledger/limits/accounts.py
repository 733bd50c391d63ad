"""Who was logged in, in which config folder, from when to when: the dated history that messages are held against."""

import sqlite3
from typing import NamedTuple

from tachograph.ledger.usage.strings import Strings, storable
from tachograph.model.limits.limits import AccountId


class Identity(NamedTuple):
    """An account as Claude Code names it: account and organisation uuid, what people call it, its plan in words."""

    uuid: str
    organization: str
    label: str
    plan: str


def observe(db: sqlite3.Connection, names: Strings, folder: str, identity: Identity | None, now_ms: int) -> int | None:
    """Note who is logged in for a folder now. Seen again: the same stretch goes on; someone else: a new one begins.

    Returns the moment from which the stretch is longer than it was, None where it is not.

    Between the last time that one account was seen and the first time of the next nobody knows: those messages
    stay without an account. None (nobody, or not readable) is no observation.
    """
    if identity is None:
        return None
    db.execute(  # a record may have named the account before anybody saw its organisation
        "UPDATE OR IGNORE account SET organization = ? WHERE uuid = ? AND organization = ''",
        (identity.organization, identity.uuid),
    )
    account = db.execute(
        "INSERT INTO account (uuid, organization, label, plan) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET label = excluded.label, plan = excluded.plan RETURNING id",
        identity,
    ).fetchone()[0]
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
    return None


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
    """How the service names an account; None for the unknown one."""
    row = db.execute("SELECT uuid, organization FROM account WHERE id = ? AND uuid <> ''", (account,)).fetchone()
    return None if row is None else AccountId._make(row)


def is_hidden(db: sqlite3.Connection, account: int) -> bool:
    """Whether a person had it forgotten."""
    return db.execute("SELECT 1 FROM account WHERE id = ? AND hidden_at IS NOT NULL", (account,)).fetchone() is not None


def learn(db: sqlite3.Connection, account: int, label: str, plan: str) -> None:
    """Take over what the service itself says of an account; the label only where nobody gave another."""
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


def glances(db: sqlite3.Connection) -> dict[str, str]:
    """By config folder, the signature of its identity files when they were last read."""
    return dict(db.execute("SELECT text, signature FROM glance JOIN name ON name.id = folder"))


def write_glance(db: sqlite3.Connection, names: Strings, folder: str, signature: str) -> None:
    """Remember the identity files of a folder as they were read."""
    sql = "INSERT INTO glance VALUES (?, ?) ON CONFLICT DO UPDATE SET signature = excluded.signature"
    db.execute(sql, (names.id(folder), signature))


def is_known(db: sqlite3.Connection, folder: str, identity: Identity) -> bool:
    """Whether it is on record that this account is the one logged in for a folder now."""
    row = db.execute(
        "SELECT uuid, organization, label, plan FROM login JOIN account ON account.id = account JOIN name"
        " ON name.id = folder WHERE name.text = ? ORDER BY last_seen DESC, login.id DESC LIMIT 1",
        (storable(folder),),
    ).fetchone()
    return row is not None and Identity(*row) == identity


def logged_in(db: sqlite3.Connection, folder: int, at: int) -> int:
    """The account that was logged in for a config folder (name id) at a moment; 0 where nobody saw it."""
    return next((account for first, last, account in logins(db).get(folder, ()) if first <= at <= last), 0)


def logins(db: sqlite3.Connection, slack_ms: int = 300_000) -> dict[int, list[tuple[int, int, int]]]:
    """By config folder: (first seen, last seen, account), oldest first.

    The newest stretch of a folder reaches `slack_ms` further: messages written while a pass is running are its.
    """
    found: dict[int, list[tuple[int, int, int]]] = {}
    for folder, first, last, account in db.execute(
        "SELECT folder, first_seen, last_seen, account FROM login ORDER BY folder, first_seen, id"
    ):
        found.setdefault(folder, []).append((first, last, account))
    for stretches in found.values():
        first, last, account = stretches[-1]
        stretches[-1] = (first, last + slack_ms, account)
    return found
