"""Paired browsers: who may post readings, which accounts each reported, and the code of a pairing under way.

No token and no code is kept: of a token its SHA-256, of a code a key that was stretched from it (PBKDF2) and that is
gone with the pairing. The SHA-256 also is the key with which the recorder shows the browser that it is the recorder.
"""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple

OFFER_MS = 10 * 60_000
MOST_TRIES = 5


class Pairing(NamedTuple):
    """A browser that was paired. `name` is how it calls the pairing; moments are epoch ms, `seen_at` 0 for never."""

    id: int
    name: str
    digest: bytes
    origin: str
    browser: str
    paired_at: int
    seen_at: int
    revoked_at: int | None


class Sighting(NamedTuple):
    """Reports of an account by a browser: from `first_at` to `last_at`, missing since `gone_at` if it is."""

    account: int
    pairing: int
    browser: str
    first_at: int
    last_at: int
    gone_at: int | None


_PAIRING = "id, name, digest, origin, browser, paired_at, seen_at, revoked_at"


def pairings(db: sqlite3.Connection) -> list[Pairing]:
    """Every browser that may post, in the order in which they were paired."""
    rows = db.execute(f"SELECT {_PAIRING} FROM pairing WHERE revoked_at IS NULL ORDER BY id")
    return [Pairing._make(row) for row in rows]


def add(db: sqlite3.Connection, name: str, digest: bytes, origin: str, browser: str, now_ms: int) -> int:
    """Keep a new pairing, inside a transaction of the caller's."""
    sql = "INSERT INTO pairing (name, digest, origin, browser, paired_at) VALUES (?, ?, ?, ?, ?) RETURNING id"
    return int(db.execute(sql, (name, digest, origin, browser, now_ms)).fetchone()[0])


def revoke(db: sqlite3.Connection, pairing: int, now_ms: int) -> None:
    """From now on it may not post; its digest is forgotten with it."""
    db.execute("UPDATE pairing SET revoked_at = ?, digest = x'' WHERE id = ?", (now_ms, pairing))
    db.execute("UPDATE sighting SET gone_at = coalesce(gone_at, ?) WHERE pairing = ?", (now_ms, pairing))


def note_post(db: sqlite3.Connection, pairing: int, now_ms: int, browser: str) -> None:
    """Note that a browser posted; `browser`: its name if its version has changed, else ""."""
    sql = "UPDATE pairing SET seen_at = ?1, browser = CASE ?2 WHEN '' THEN browser ELSE ?2 END WHERE id = ?3"
    db.execute(sql, (now_ms, browser, pairing))


# -- the code of a pairing under way


def offer(db: sqlite3.Connection, key: bytes, now_ms: int) -> None:
    """Begin a pairing, inside a transaction of the caller's; one at a time, so an older one ends."""
    db.execute("DELETE FROM offer")
    db.execute("INSERT INTO offer (key, made_at, expires_at) VALUES (?, ?, ?)", (key, now_ms, now_ms + OFFER_MS))


def current_offer(db: sqlite3.Connection, now_ms: int) -> bytes | None:
    """Key of the pairing under way; None without one, after its time, or after too many tries."""
    row = db.execute("SELECT key, made_at, expires_at, tries FROM offer").fetchone()
    if row is None or not row[1] <= now_ms < row[2] or row[3] >= MOST_TRIES:
        return None
    return bytes(row[0])


def withdraw(db: sqlite3.Connection, key: bytes | None = None) -> None:
    """End the pairing under way: any, or only the one of a key."""
    db.execute("DELETE FROM offer WHERE ?1 IS NULL OR key = ?1", (key,))


def count_try(db: sqlite3.Connection) -> None:
    """Count a try with a wrong code."""
    db.execute("UPDATE offer SET tries = tries + 1")


# -- which accounts a browser reported


def sight(db: sqlite3.Connection, pairing: int, account: int, at: int) -> None:
    """Note that a browser reported an account."""
    db.execute(
        "INSERT INTO sighting (pairing, account, first_at, last_at) VALUES (?1, ?2, ?3, ?3)"
        " ON CONFLICT DO UPDATE SET last_at = max(last_at, excluded.last_at), gone_at = NULL",
        (pairing, account, at),
    )


def miss(db: sqlite3.Connection, pairing: int, accounts: set[int], at: int) -> None:
    """Note that a browser reported these accounts and no others: what it had reported before is gone from it."""
    for (account,) in db.execute(
        "SELECT account FROM sighting WHERE pairing = ? AND gone_at IS NULL", (pairing,)
    ).fetchall():
        if account not in accounts:
            sql = "UPDATE sighting SET gone_at = ? WHERE pairing = ? AND account = ?"
            db.execute(sql, (at, pairing, account))


def sightings(db: sqlite3.Connection, account: int | None = None) -> list[Sighting]:
    """Reports of an account (None: of every account) by browsers, the newest first."""
    sql = (
        "SELECT account, pairing, browser, first_at, last_at, CASE WHEN revoked_at IS NULL THEN gone_at"
        " ELSE coalesce(gone_at, revoked_at) END FROM sighting JOIN pairing ON pairing.id = pairing"
        " WHERE ?1 IS NULL OR account = ?1 ORDER BY last_at DESC, pairing"
    )
    return [Sighting._make(row) for row in db.execute(sql, (account,))]
