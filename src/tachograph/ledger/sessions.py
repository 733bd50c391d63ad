"""Reads what is known of sessions and pull requests beside their messages."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


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
    """What is known of sessions, by id."""
    select = f"SELECT id, uuid, {_TITLE}, first_at, last_at FROM session"
    return {row[0]: SessionFacts._make(row) for row in _in_parts(db, select, ids)}


def matching(db: sqlite3.Connection, start: str, most: int = 7) -> list[tuple[int, str]]:
    """Sessions whose uuid begins with some text: id and uuid."""
    pattern = start.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    sql = "SELECT id, uuid FROM session WHERE uuid LIKE ? ESCAPE '\\' AND id <> 0 ORDER BY uuid LIMIT ?"
    exact = db.execute("SELECT id, uuid FROM session WHERE uuid = ? AND id <> 0", (start,)).fetchall()
    return exact or db.execute(sql, (pattern, most)).fetchall()


def pulls(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, PullFacts]:
    """What is known of pull requests, by id."""
    select = "SELECT id, url, number, repository, (SELECT min(at) FROM link WHERE pull = pull.id) FROM pull"
    return {row[0]: PullFacts._make(row) for row in _in_parts(db, select, ids)}


def names(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, str]:
    """The texts of name ids."""
    return dict(_in_parts(db, "SELECT id, text FROM name", ids))


def _in_parts(db: sqlite3.Connection, select: str, ids: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        yield from db.execute(f"{select} WHERE id IN ({', '.join('?' * len(part))})", part)
