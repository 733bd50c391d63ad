"""Reads current activity: the newest messages, recently active sessions, recent readings of limits."""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage.messages import QUARTER_MS
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


_HEARD = (
    "SELECT m.id, m.at, m.session, m.account, model.text, speed.text, geo.text, branch.text, project.text, agent.text,"
    " m.flags, 1, m.input, m.output, m.cache_write_5m, m.cache_write_1h, m.cache_read, m.web_searches,"
    " m.logged_cost IS NOT NULL, coalesce(m.logged_cost, 0)"
    " FROM answer m JOIN origin o ON o.id = m.origin JOIN name model ON model.id = o.model"
    " JOIN name speed ON speed.id = o.speed JOIN name geo ON geo.id = o.geo JOIN name branch ON branch.id = o.branch"
    " LEFT JOIN place ON place.cwd = o.cwd JOIN name project ON project.id = coalesce(place.project, o.cwd) JOIN name agent ON agent.id = o.agent"
)


def newest(db: sqlite3.Connection, until: int, most: int) -> list[RecentMessage]:
    """The newest billed messages before a moment, newest first."""
    found = db.execute(f"{_HEARD} WHERE m.billed AND m.at < ? ORDER BY m.at DESC, m.id DESC LIMIT ?", (until, most))
    return [_heard(row) for row in found]


def last_of(db: sqlite3.Connection, session: int, until: int) -> RecentMessage | None:
    """The newest message of a session's main chain before a moment; of any chain if the main chain is empty."""
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


def _heard(row: tuple[object, ...]) -> RecentMessage:
    *texts, flags = row[4:11]
    return RecentMessage._make((*row[:4], *texts, bool(int(str(flags)) & SIDECHAIN), row[11:]))
