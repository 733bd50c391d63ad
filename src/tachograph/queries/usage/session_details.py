"""A session by its whole id, for its own page."""

from typing import NamedTuple

from tachograph.errors import NotFound
from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import sessions
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.usage.active_sessions import session_row
from tachograph.queries.usage.rows import Row


class SessionPullRequest(NamedTuple):
    """A pull request that the session linked. `number` is 0 if its address has none."""

    url: str
    number: int
    repository: str


class SessionDetails(NamedTuple):
    """`id` is the ledger's. Times in epoch milliseconds, None without a timed message; `row` None without usage."""

    id: int
    title: str
    first_at: int | None
    last_at: int | None
    pull_requests: tuple[SessionPullRequest, ...]
    row: Row | None


def session_id(db: sqlite3.Connection, uuid: str) -> int:
    """The ledger's id of a session. Raises NotFound."""
    found = sessions.session_ids(db, [uuid]).get(uuid)
    if found is None:
        raise NotFound("There is no such session in the ledger.", "The list of sessions shows every known one.")
    return found


def session_title(db: sqlite3.Connection, uuid: str) -> str:
    """The title of a session, "" without one. Raises NotFound."""
    return next(iter(sessions.facts(db, [session_id(db, uuid)]).values())).title


def session_details(db: sqlite3.Connection, book: PriceBook, uuid: str) -> SessionDetails:
    """Facts and totals of a session. Raises NotFound."""
    id = session_id(db, uuid)
    facts = sessions.facts(db, [id])[id]
    linked = tuple(SessionPullRequest(one.url, one.number, one.repository) for one in sessions.pulls_of(db, id))
    return SessionDetails(id, facts.title, facts.first_at, facts.last_at, linked, session_row(db, book, id))
