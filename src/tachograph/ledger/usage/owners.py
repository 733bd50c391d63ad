"""The session that owns a message with copies in several (accounting rule 3)."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable
from tachograph.ledger.usage.writer import CLAIM_FLAGS, MessageWriter
from tachograph.model.usage.messages import NO_TIME

_MESSAGES = (
    "SELECT at, identity FROM answer WHERE session = ?1 AND NOT shared"
    " UNION ALL SELECT at, identity FROM copy JOIN answer ON answer.id = copy.message WHERE copy.session = ?1"
)


class Owners:
    """Compares sessions with copies of the same messages.

    A session that is a prefix of another is the original; else at their first difference the one with the earlier
    message is; then the smaller id. That is the order of their messages, sorted by time and identity.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._keys: dict[int, tuple[list[tuple[int, int]], str]] = {}

    def owner(self, candidates: dict[int, int]) -> int:
        """The session to which a message belongs, of session id to flags."""
        least = min(flags & CLAIM_FLAGS for flags in candidates.values())
        able = [session for session, flags in candidates.items() if flags & CLAIM_FLAGS == least]
        return able[0] if len(able) == 1 else min(able, key=self._key)

    def _key(self, session: int) -> tuple[list[tuple[int, int]], str]:
        key = self._keys.get(session)
        if key is None:
            found = self._db.execute(_MESSAGES, (session,))
            messages = sorted((NO_TIME if at is None else at, identity) for at, identity in found)
            uuid = self._db.execute("SELECT uuid FROM session WHERE id = ?", (session,)).fetchone()[0]
            key = self._keys[session] = (messages, uuid)
        return key


def reassign(writer: MessageWriter, touched: Iterable[int]) -> None:
    """Work out the owner again of every message that a touched session shares with another."""
    db = writer.db
    if db.execute("SELECT 1 FROM copy LIMIT 1").fetchone() is None:
        return
    owners, done = Owners(db), set[int]()
    for session in sorted(touched):
        for row in writer.rows("id IN (SELECT message FROM copy WHERE session = ?)", (session,)):
            if row.id in done:
                continue
            done.add(row.id)
            candidates = dict(db.execute("SELECT session, flags FROM copy WHERE message = ?", (row.id,)).fetchall())
            owner = owners.owner(candidates)
            if (owner, candidates[owner]) != (row.session, row.flags):
                new = row._replace(session=owner, flags=candidates[owner], pull=0, by_branch=0)
                writer.change(row, writer.with_way(new))
    writer.finish()
