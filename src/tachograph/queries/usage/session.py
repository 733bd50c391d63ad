"""One session: what it used in all, and by model, day, branch and pull request."""

from tachograph.errors import NotFound
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.usage import sessions
from tachograph.model.usage.periods import Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.usage.rows import SpendQuery, SpendReport
from tachograph.queries.usage.spend import spend
from tachograph.queries.usage.witness import Witness, witness

PARTS = ("model", "day", "project", "branch", "pr", "agent", "skill", "mcp")


class Session(NamedTuple):
    """The session as the one row of an answer, its parts (dimension to answer), and Claude Code's own sum of it."""

    whole: SpendReport
    parts: dict[str, SpendReport]
    witness: Witness | None = None


def find_session(db: sqlite3.Connection, start: str) -> tuple[int, str]:
    """The ledger's id and the whole id of the session that begins with `start`. Raises NotFound."""
    found = sessions.matching(db, start)
    if not found:
        raise NotFound(
            f"No session begins with {start!r}.", "tachograph sessions lists them with the start of their ids."
        )
    if len(found) > 1:
        listed = ", ".join(uuid[:13] for _, uuid in found[:6]) + (" …" if len(found) > 6 else "")
        raise NotFound(f"{start!r} begins several sessions.", f"Give more of it: {listed}")
    return found[0]


def session(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, start: str, by: str | None) -> Session:
    """The session with an id that begins with `start`. Raises NotFound without a match or with several."""
    id, uuid = find_session(db, start)

    def asked(along: str, by: str | None = None) -> SpendReport:
        return spend(db, book, calendar, SpendQuery(along, Span(None, None), by, session=id))

    whole, seen = asked("session", by), witness(db, book, [id])
    if not whole.rows:
        why = "It holds copies of another session's: a message is counted once, in the session that began first."
        if not sessions.has_copies(db, id):
            why = "No transcript that was read holds an answer of it."
        if seen is not None:
            why += f" Claude Code itself counted ${seen.counted_usd:.3f} in it."
        raise NotFound(f"Session {uuid} has no messages of its own.", why)
    return Session(whole, {part: asked(part) for part in PARTS}, seen)
