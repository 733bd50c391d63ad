"""Who was logged in, in which config folder, from when to when: the dated history that messages are held against."""

import sqlite3
from typing import NamedTuple

from tachograph.ledger.names import Names


class Identity(NamedTuple):
    """An account as Claude Code names it: account and organisation uuid, what people call it, its plan in words."""

    uuid: str
    organization: str
    label: str
    plan: str


def observe(db: sqlite3.Connection, names: Names, folder: str, identity: Identity | None, now_ms: int) -> int | None:
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


def glances(db: sqlite3.Connection) -> dict[str, str]:
    """By config folder, the signature of its identity files when they were last read."""
    return dict(db.execute("SELECT text, signature FROM glance JOIN name ON name.id = folder"))


def write_glance(db: sqlite3.Connection, names: Names, folder: str, signature: str) -> None:
    """Remember the identity files of a folder as they were read."""
    sql = "INSERT INTO glance VALUES (?, ?) ON CONFLICT DO UPDATE SET signature = excluded.signature"
    db.execute(sql, (names.id(folder), signature))


def is_known(db: sqlite3.Connection, folder: str, identity: Identity) -> bool:
    """Whether it is on record that this account is the one logged in for a folder now."""
    row = db.execute(
        "SELECT uuid, organization, label, plan FROM login JOIN account ON account.id = account JOIN name"
        " ON name.id = folder WHERE name.text = ? ORDER BY last_seen DESC, login.id DESC LIMIT 1",
        (folder,),
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
