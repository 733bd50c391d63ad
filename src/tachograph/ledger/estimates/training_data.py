"""Read training data of an account (messages, plans) in order of time, and store learned weights."""

from collections.abc import Iterator

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.usage.messages import QUARTER_MS
from tachograph.model.limits.limits import SOURCES


class MessageRow(NamedTuple):
    """A billed message: ids of names (`folder`: config folder), tokens by class, epoch milliseconds."""

    at: int
    session: int
    model: str
    speed: str
    geo: str
    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    project: int
    pull: int
    folder: int


class StoredState(NamedTuple):
    """Learned state of an account as stored. `until`: epoch ms up to which windows are in it; `messages`: how many there
    were in the weeks before."""

    version: int
    until: int
    messages: int
    state: str


def messages(db: sqlite3.Connection, account: int, since: int, until: int) -> Iterator[MessageRow]:
    """An account's billed messages in a period (epoch ms), oldest first."""
    sql = (
        "SELECT at, session, m.text, s.text, g.text, input, output, cache_write_5m, cache_write_1h, cache_read, project,"
        " pull, folder FROM message JOIN name m ON m.id = model JOIN name s ON s.id = speed JOIN name g ON g.id = geo"
        " WHERE billed AND account = ? AND at >= ? AND at <= ? ORDER BY at"
    )
    return map(MessageRow._make, db.execute(sql, (account, since, until)))


def work_by_five_minutes(
    db: sqlite3.Connection, account: int, since: int, until: int
) -> Iterator[tuple[MessageRow, int]]:
    """An account's billed messages in a period (epoch ms) summed by five minutes, session and model, oldest first: each sum at
    its first message, without project, pull request and folder, and the moment of its last message."""
    sql = (
        "SELECT min(at), session, m.text, s.text, g.text, sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h),"
        " sum(cache_read), max(at) FROM message JOIN name m ON m.id = model JOIN name s ON s.id = speed JOIN name g"
        " ON g.id = geo WHERE billed AND account = ? AND at >= ? AND at <= ? GROUP BY at / 300000, session, model,"
        " speed, geo ORDER BY min(at)"
    )
    for row in db.execute(sql, (account, since, until)):
        yield MessageRow._make((*row[:10], 0, 0, 0)), row[10]


def extra_usage(
    db: sqlite3.Connection, account: int, since: int, until: int
) -> Iterator[tuple[int, float | None, int]]:
    """An account's metered use in a period, oldest first: moment (epoch ms), percent of its cap, minor units."""
    sources = ", ".join("?" * len(SOURCES))
    sql = (
        "SELECT observed_at, json_extract(extra, '$[3]'), json_extract(extra, '$[1][0]') FROM reading WHERE account = ?"
        f" AND source IN ({sources}) AND last_at >= ? AND observed_at <= ? AND extra IS NOT NULL ORDER BY observed_at"
    )
    return iter(db.execute(sql, (account, *SOURCES, since, until)))


def messages_in(db: sqlite3.Connection, account: int, since: int, until: int) -> int:
    """Number of messages of an account in whole quarter hours between two moments."""
    sql = "SELECT coalesce(sum(messages), 0) FROM rollup WHERE bucket >= ? AND bucket < ? AND account = ?"
    return int(db.execute(sql, (since // QUARTER_MS, until // QUARTER_MS, account)).fetchone()[0])


def first_message(db: sqlite3.Connection, session: int) -> int | None:
    """Moment of the first message of a session, epoch milliseconds."""
    return db.execute("SELECT min(at) FROM answer WHERE session = ?", (session,)).fetchone()[0]  # type: ignore[no-any-return]


def plan(db: sqlite3.Connection, account: int) -> str:
    """The plan of an account in words; "" if unknown."""
    row = db.execute("SELECT plan FROM account WHERE id = ?", (account,)).fetchone()
    return "" if row is None else str(row[0])


def stored_state(db: sqlite3.Connection, account: int) -> StoredState | None:
    """The stored state of an account; None before the first."""
    row = db.execute("SELECT version, until, messages, state FROM learned WHERE account = ?", (account,)).fetchone()
    return None if row is None else StoredState._make(row)


def store_state(db: sqlite3.Connection, account: int, state: StoredState) -> None:
    """Store a learned state, inside a transaction of the caller's."""
    sql = (
        "INSERT INTO learned (account, version, until, messages, state) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " version = excluded.version, until = excluded.until, messages = excluded.messages, state = excluded.state"
    )
    db.execute(sql, (account, *state))
