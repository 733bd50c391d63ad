"""Reads data of sessions and pull requests beside their messages."""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator, NamedTuple

if TYPE_CHECKING:
    from typing import Any


class SessionFacts(NamedTuple):
    """A session: its uuid ("" for messages without one), title, first and last message in epoch milliseconds."""

    id: int
    uuid: str
    title: str
    first_at: int | None
    last_at: int | None


class PullFacts(NamedTuple):
    """A pull request and when a session first named it, epoch milliseconds."""

    id: int
    url: str
    number: int
    repository: str
    linked_at: int | None


_TITLE = (
    "coalesce(nullif(custom_title, ''), nullif(ai_title, ''),"
    " nullif((SELECT text FROM summary WHERE summary.leaf = session.leaf), ''), prompt)"
)


def facts(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, SessionFacts]:
    """Sessions by id."""
    select = f"SELECT id, uuid, {_TITLE}, first_at, last_at FROM session"
    return {row[0]: SessionFacts._make(row) for row in _in_parts(db, select, ids)}


def matching(db: sqlite3.Connection, start: str, most: int = 7) -> list[tuple[int, str]]:
    """Id and uuid of sessions with a uuid that begins with some text."""
    pattern = start.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    sql = "SELECT id, uuid FROM session WHERE uuid LIKE ? ESCAPE '\\' AND id <> 0 ORDER BY uuid LIMIT ?"
    exact = db.execute("SELECT id, uuid FROM session WHERE uuid = ? AND id <> 0", (start,)).fetchall()
    return exact or db.execute(sql, (pattern, most)).fetchall()


def pulls(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, PullFacts]:
    """Pull requests by id."""
    select = "SELECT id, url, number, repository, (SELECT min(at) FROM link WHERE pull = pull.id) FROM pull"
    return {row[0]: PullFacts._make(row) for row in _in_parts(db, select, ids)}


def pull_ids(db: sqlite3.Connection, urls: Iterable[str]) -> dict[str, int]:
    """The ids of pull requests by their addresses, of those that are known."""
    return dict(_in_parts(db, "SELECT url, id FROM pull", urls, "url"))


def session_ids(db: sqlite3.Connection, uuids: Iterable[str]) -> dict[str, int]:
    """The ids of sessions by their uuids, of those that are known."""
    return dict(_in_parts(db, "SELECT uuid, id FROM session", uuids, "uuid"))


def active_since(db: sqlite3.Connection, at: int, until: int) -> list[int]:
    """The sessions with a message between two moments (epoch ms), the one used last first."""
    sql = (
        "SELECT session FROM answer WHERE at >= ? AND at < ? AND session > 0 AND billed GROUP BY session"
        " ORDER BY max(at) DESC"
    )
    return [row[0] for row in db.execute(sql, (at, until))]


def pulls_of(db: sqlite3.Connection, session: int) -> list[PullFacts]:
    """The pull requests that a session named, in the order in which it did."""
    ids = [row[0] for row in db.execute("SELECT pull FROM link WHERE session = ? ORDER BY at, pull", (session,))]
    known = pulls(db, ids)
    return [known[id] for id in ids if id in known]


def files_of(db: sqlite3.Connection, uuid: str) -> list[tuple[bytes, bool]]:
    """The transcripts of a session, its subagents' included, and whether each is gone: by how Claude Code names them."""
    plain = uuid.encode()
    sql = "SELECT path, gone FROM file WHERE instr(path, ?) > 0 ORDER BY path"
    return [(bytes(path), bool(gone)) for path, gone in db.execute(sql, (plain,))]


class CostState(NamedTuple):
    """Claude Code's own sum of a session: nanodollars in all and by model, side calls included."""

    cost: int
    by_model: dict[str, int]


def cost_states(db: sqlite3.Connection, sessions: Iterable[int] | None = None) -> dict[int, CostState]:
    """Claude Code's own sums, of some sessions (ids) or of all that have one."""
    select = "SELECT session, cost, models FROM cost_state"
    rows = db.execute(select) if sessions is None else _in_parts(db, select, sessions, "session")
    return {
        session: CostState(cost, {model: int(use[5]) for model, use in loads(models).items() if use[5] > 0})
        for session, cost, models in rows
    }


def has_copies(db: sqlite3.Connection, session: int) -> bool:
    """Test whether a session (an id) holds messages that other sessions hold as well."""
    return db.execute("SELECT 1 FROM copy WHERE session = ? LIMIT 1", (session,)).fetchone() is not None


class Turn(NamedTuple):
    """One message of a session: `agent` is "" on the main chain, `prompt` the tokens sent with it."""

    id: int
    identity: int
    at: int | None
    model: str
    tariff_of: tuple[str, str]  # speed, geography
    counts: tuple[int, int, int, int, int, int]
    logged_cost: int | None
    agent: str
    is_side: bool
    stop: str
    request: str


def turns(db: sqlite3.Connection, session: int) -> list[Turn]:
    """The messages that are counted in a session, oldest first."""
    sql = (
        "SELECT m.id, identity, at, model.text, speed.text, geo.text, input, output, cache_write_5m, cache_write_1h, cache_read,"
        " web_searches, logged_cost, agent.text, flags, stop.text, request FROM message m"
        " JOIN name model ON model.id = m.model JOIN name speed ON speed.id = m.speed JOIN name geo ON geo.id = m.geo"
        " JOIN name agent ON agent.id = m.agent JOIN name stop ON stop.id = m.stop"
        " WHERE session = ? AND billed ORDER BY at IS NULL, at, m.id"
    )
    return [
        Turn(r[0], r[1], r[2], r[3], (r[4], r[5]), tuple(r[6:12]), r[12], r[13], bool(r[14] & 2), r[15], r[16])
        for r in db.execute(sql, (session,))
    ]


def names(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, str]:
    """The texts of name ids."""
    return dict(_in_parts(db, "SELECT id, text FROM name", ids))


def _in_parts(
    db: sqlite3.Connection, select: str, keys: Iterable[Any], column: str = "id"
) -> Iterator[tuple[Any, ...]]:
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        yield from db.execute(f"{select} WHERE {column} IN ({', '.join('?' * len(part))})", part)
