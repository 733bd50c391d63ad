"""Track which facts of the ledger changed since they were last sent; only while it belongs to a hub.

Triggers note the kind and key of every changed fact in `touched`, under a number that only grows. A fact that changes
again moves to the end, so a sender takes the oldest and removes exactly the numbers it has sent. What is written in
from other machines is not noted: they have sent it themselves.
"""

from __future__ import annotations

from tachograph.lean_contextlib import contextmanager
from tachograph.lean_json import loads
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator, NamedTuple

if TYPE_CHECKING:
    from typing import Any

_STATE = """
CREATE TABLE IF NOT EXISTS exchange (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS touched (
    revision INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, UNIQUE (kind, key)
);
CREATE TABLE IF NOT EXISTS arrived (key TEXT PRIMARY KEY, reading INTEGER NOT NULL) WITHOUT ROWID;
"""
MESSAGE, SESSION, LINK, SUMMARY, LOGINS = "message", "session", "link", "summary", "logins"
READING, FRAGMENT, REFUSAL = "reading", "fragment", "refusal"
METERED, REQUEST, PLAN = "metered", "request", "plan"
# Columns of `answer` that hold facts; the others are worked out from them.
_FACTS = (
    *("at", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches", "logged_cost"),
    *(
        "chosen_at",
        "origin",
        "request",
        "flags",
        "shared",
        "last_at",
        "stop_at",
        "mark",
        "blocks",
        "several_folders",
        "own_way",
    ),
)
# kind, table, key of the fact that a row belongs to
_TRACKED: tuple[tuple[str, str, str], ...] = (
    (MESSAGE, "answer", "{row}.id"),
    (MESSAGE, "copy", "{row}.message"),
    (MESSAGE, "answer_folder", "{row}.message"),
    (SESSION, "session", "{row}.id"),
    (SESSION, "clearing", "{row}.session"),
    (SESSION, "cost_state", "{row}.session"),
    (SESSION, "spawn", "{row}.session"),
    (SESSION, "subagent", "{row}.session"),
    (METERED, "metered", "{row}.folder || ':' || {row}.at || ':' || {row}.key"),
    (REQUEST, "request_time", "{row}.identity"),
    (PLAN, "plan_change", "{row}.account || ':' || {row}.at"),
    (LINK, "link", "{row}.session || ':' || {row}.pull"),
    (SUMMARY, "summary", "{row}.leaf"),
    (LOGINS, "login", "{row}.folder"),
    (READING, "reading", "{row}.id"),
    (REFUSAL, "refusal", "{row}.id"),
    (FRAGMENT, "fragment", "{row}.identity || ':' || {row}.session || ':' || {row}.at || ':' || {row}.mark"),
)
_UNTRACKED_UPDATES = ("answer_folder", "clearing")


class Touched(NamedTuple):
    """A changed fact: `revision` orders changes of one ledger, `key` is the fact's key in this ledger's tables."""

    revision: int
    kind: str
    key: str


def create(db: sqlite3.Connection) -> None:
    """Make the tables and triggers that track changes, inside a transaction of the caller's. Does nothing twice."""
    for statement in _STATE.split(";"):
        if statement.strip():
            db.execute(statement)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for kind, table, key in _TRACKED:
        if table not in tables:
            continue
        for event in ("INSERT", "UPDATE"):
            if event == "UPDATE" and table in _UNTRACKED_UPDATES:
                continue
            condition = "(SELECT value FROM exchange WHERE name = 'importing') IS NULL"
            if table == "answer" and event == "UPDATE":
                columns = _columns(db, table)
                changed = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in _FACTS if c in columns)
                condition = f"({condition} AND ({changed}))"
                # an owner can also follow from what another machine knows
                condition += " OR NEW.pull IS NOT OLD.pull OR NEW.account IS NOT OLD.account"
            db.execute(
                f"CREATE TRIGGER IF NOT EXISTS exchange_{table}_{event.lower()} AFTER {event} ON {table} WHEN {condition}"
                f" BEGIN INSERT OR REPLACE INTO touched (kind, key) VALUES ('{kind}', {key.format(row='NEW')}); END"
            )


def touch_everything(db: sqlite3.Connection) -> None:
    """Note every fact as changed, so that all of them are sent (again), inside a transaction of the caller's."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for kind, table, key in _TRACKED:
        if table in tables and table not in ("copy", "answer_folder", "clearing", "cost_state", "spawn", "subagent"):
            expression = key.format(row=table)
            db.execute(f"INSERT OR REPLACE INTO touched (kind, key) SELECT '{kind}', {expression} FROM {table}")


def remove(db: sqlite3.Connection) -> None:
    """Stop tracking, inside a transaction of the caller's."""
    for (name,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'exchange\\_%' ESCAPE '\\'"
    ).fetchall():
        db.execute(f"DROP TRIGGER {name}")
    for table in ("touched", "exchange", "arrived"):
        db.execute(f"DROP TABLE IF EXISTS {table}")


def is_tracked(db: sqlite3.Connection) -> bool:
    """True while changes are tracked."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'touched'").fetchone() is not None


def oldest(db: sqlite3.Connection, most: int, after: int = 0) -> list[Touched]:
    """The facts that wait longest for being sent, with numbers after `after`."""
    sql = "SELECT revision, kind, key FROM touched WHERE revision > ? ORDER BY revision LIMIT ?"
    rows = db.execute(sql, (after, most))
    return [Touched._make(row) for row in rows]


def waiting(db: sqlite3.Connection) -> int:
    """Number of facts that wait for being sent."""
    return int(db.execute("SELECT count(*) FROM touched").fetchone()[0]) if is_tracked(db) else 0


def is_anything_waiting(db: sqlite3.Connection) -> bool:
    """True if a fact waits for being sent; cheap."""
    return db.execute("SELECT 1 FROM touched LIMIT 1").fetchone() is not None


def forget(db: sqlite3.Connection, revisions: Iterable[int]) -> None:
    """Remove facts that were sent; one that changed meanwhile has another number and stays."""
    db.executemany("DELETE FROM touched WHERE revision = ?", [(revision,) for revision in revisions])


def last_revision(db: sqlite3.Connection) -> int:
    """The largest number ever given to a change."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'touched'").fetchone()
    return 0 if row is None else int(row[0])


@contextmanager
def importing(db: sqlite3.Connection) -> Iterator[None]:
    """Write facts of other machines without noting them as changes, inside a transaction of the caller's."""
    db.execute("INSERT OR REPLACE INTO exchange VALUES ('importing', '1')")
    try:
        yield
    finally:
        db.execute("DELETE FROM exchange WHERE name = 'importing'")


def get_state(db: sqlite3.Connection, name: str, default: Any = None) -> Any:
    """A value that the exchange keeps in the ledger, such as a cursor."""
    row = db.execute("SELECT value FROM exchange WHERE name = ?", (name,)).fetchone()
    return default if row is None else loads(row[0])


def set_state(db: sqlite3.Connection, name: str, value: Any) -> None:
    """Keep a value for the exchange, inside a transaction of the caller's."""
    import json

    db.execute("INSERT OR REPLACE INTO exchange VALUES (?, ?)", (name, json.dumps(value, separators=(",", ":"))))


def new_ledger_id(db: sqlite3.Connection) -> str:
    """Give the ledger a new random id and send everything again, inside a transaction of the caller's.

    A ledger that was restored or copied is another one: its numbers no longer say what was sent.
    """
    import secrets

    id = secrets.token_hex(8)
    set_state(db, "ledger", id)
    set_state(db, "cursor", 0)
    touch_everything(db)
    return id


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
