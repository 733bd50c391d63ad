"""Context window of each session in tokens, as Claude Code's status line reports it."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Sequence


def note(db: sqlite3.Connection, session: str, size: int) -> None:
    """Keep a session's context window, inside a transaction of the caller's."""
    db.execute("INSERT INTO context VALUES (?, ?) ON CONFLICT DO UPDATE SET size = excluded.size", (session, size))


def window(db: sqlite3.Connection, session: str) -> int | None:
    """A session's context window in tokens; None if unknown."""
    found = db.execute("SELECT size FROM context WHERE session = ?", (session,)).fetchone()
    return None if found is None else int(found[0])


def windows(db: sqlite3.Connection, sessions: Sequence[str]) -> dict[str, int]:
    """The context windows of those sessions (a few hundred at most) that somebody told of."""
    marks = ", ".join("?" * len(sessions))
    return dict(db.execute(f"SELECT session, size FROM context WHERE session IN ({marks})", list(sessions)))
