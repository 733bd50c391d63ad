"""Reads what goes on: the newest messages, the sessions that were lately at work, what was read of limits lately."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from tachograph.ledger.usage.messages import QUARTER_MS
from tachograph.model.limits.limits import OK, SOURCES
from tachograph.model.usage.messages import SIDECHAIN


class RecentMessage(NamedTuple):
    """One message. `prompt` is what it was asked with, in tokens; `measures` are the nine of a rollup."""

    id: int
    at: int
    session: int
    account: int
    model: str
    speed: str
    geo: str
    branch: str
    project: str  # the path of its folder
    agent: str
    is_side: bool
    measures: tuple[int, ...]

    @property
    def prompt(self) -> int:
        _, input, _, cache_write_5m, cache_write_1h, cache_read, *_ = self.measures
        return input + cache_write_5m + cache_write_1h + cache_read


class Level(NamedTuple):
    """What a source said of a limit, from when until when; epoch milliseconds."""

    key: str
    at: int
    until: int
    percent: float
    resets_at: int | None
    source: str


_HEARD = (
    "SELECT m.id, m.at, m.session, m.account, model.text, speed.text, geo.text, branch.text, project.text, agent.text,"
    " m.flags, 1, m.input, m.output, m.cache_write_5m, m.cache_write_1h, m.cache_read, m.web_searches,"
    " m.logged_cost IS NOT NULL, coalesce(m.logged_cost, 0)"
    " FROM answer m JOIN origin o ON o.id = m.origin JOIN name model ON model.id = o.model"
    " JOIN name speed ON speed.id = o.speed JOIN name geo ON geo.id = o.geo JOIN name branch ON branch.id = o.branch"
    " JOIN name project ON project.id = o.project JOIN name agent ON agent.id = o.agent"
)


def newest(db: sqlite3.Connection, until: int, most: int) -> list[RecentMessage]:
    """The newest billed messages before a moment, newest first."""
    found = db.execute(f"{_HEARD} WHERE m.billed AND m.at < ? ORDER BY m.at DESC, m.id DESC LIMIT ?", (until, most))
    return [_heard(row) for row in found]


def last_of(db: sqlite3.Connection, session: int, until: int) -> RecentMessage | None:
    """The newest message of a session's main chain before a moment; of any chain where it has none."""
    ends = "ORDER BY m.at DESC, m.id DESC LIMIT 1"
    for narrowed in (f" AND NOT m.flags & {SIDECHAIN} AND o.agent = 0", ""):
        sql = f"{_HEARD} WHERE m.session = ? AND m.at < ?{narrowed} {ends}"
        row = db.execute(sql, (session, until)).fetchone()
        if row is not None:
            return _heard(row)
    return None


def at_work(db: sqlite3.Connection, since: int, until: int, most: int) -> list[tuple[int, int]]:
    """Sessions with messages after a moment, and when each had its last: the newest first."""
    asked = db.execute(
        "SELECT session, (SELECT max(at) FROM answer WHERE answer.session = found.session AND at < ?2) AS last FROM"
        " (SELECT DISTINCT session FROM rollup WHERE bucket >= ?3 AND session <> 0) AS found"
        " WHERE last >= ?1 ORDER BY last DESC, session DESC LIMIT ?4",
        (since, until, since // QUARTER_MS, most),
    )
    return [(int(session), int(last)) for session, last in asked]


def agents(db: sqlite3.Connection, session: int, since: int) -> list[str]:
    """The subagents of a session that said something after a moment."""
    sql = (
        "SELECT DISTINCT name.text FROM answer JOIN origin ON origin.id = answer.origin JOIN name ON name.id = agent"
        " WHERE session = ? AND at >= ? AND agent <> 0 ORDER BY 1"
    )
    return [text for (text,) in db.execute(sql, (session, since))]


def levels(db: sqlite3.Connection, account: int, keys: Sequence[str], since: int) -> list[Level]:
    """What was read of an account's limits since a moment, oldest first."""
    sources, wanted = ", ".join("?" * len(SOURCES)), ", ".join("?" * len(keys))
    sql = (
        "SELECT key, observed_at, last_at, percent, resets_at, source FROM reading JOIN level ON level.reading = reading.id"
        f" WHERE account = ? AND source IN ({sources}) AND last_at >= ? AND outcome = ? AND percent IS NOT NULL"
        f" AND key IN ({wanted}) ORDER BY observed_at, reading.id"
    )
    return [Level._make(row) for row in db.execute(sql, (account, *SOURCES, since, OK, *keys))]


def newest_origin(db: sqlite3.Connection) -> int:
    """A number that grows whenever messages come about in a new way: in another folder, on another branch."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM origin").fetchone()[0])


def _heard(row: tuple[object, ...]) -> RecentMessage:
    *texts, flags = row[4:11]
    return RecentMessage._make((*row[:4], *texts, bool(int(str(flags)) & SIDECHAIN), row[11:]))
