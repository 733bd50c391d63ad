"""The session that owns a message with copies in several (accounting rule 3)."""

from _operator import itemgetter
from itertools import groupby

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Iterator, Sequence
from tachograph.ledger.usage.writer import CLAIM_FLAGS, MessageWriter
from tachograph.model.usage.messages import NO_TIME

_OWN = "FROM answer WHERE session = ? AND NOT shared"
_FIRST_OWN = f"SELECT at, identity {_OWN} AND at NOT NULL ORDER BY at, identity LIMIT 1"
_FIRST_WITHOUT_TIME = f"SELECT {NO_TIME}, identity {_OWN} AND at IS NULL ORDER BY identity LIMIT 1"
_SHARED = (
    f"SELECT coalesce(at, {NO_TIME}), identity FROM copy JOIN answer ON answer.id = copy.message WHERE copy.session = ?"
)
_Key = tuple[list[tuple[int, int]], str]  # time and identity of messages, and the session's uuid


class Owners:
    """Compares sessions with copies of the same messages.

    A session that is a prefix of another is the original; else at their first difference the one with the earlier
    message is; then the smaller id. That is the order of their messages, sorted by time and identity.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._keys: dict[int, _Key] = {}
        self._first: dict[tuple[int, ...], int] = {}  # of several sessions, which mostly share many messages

    def owner(self, candidates: dict[int, int]) -> int:
        """The session to which a message belongs, of session id to flags."""
        least = min(flags & CLAIM_FLAGS for flags in candidates.values())
        able = [session for session, flags in candidates.items() if flags & CLAIM_FLAGS == least]
        if len(able) == 1:
            return able[0]
        several = tuple(able)
        found = self._first.get(several)
        if found is None:
            found = self._first[several] = min(able, key=self._key)
        return found

    def _key(self, session: int) -> _Key:
        """Messages up to the first one that only this session has. Two sessions differ there or earlier."""
        key = self._keys.get(session)
        if key is None:
            shared = self._db.execute(_SHARED, (session,)).fetchall()
            own = self._db.execute(_FIRST_OWN, (session,)).fetchone()
            own = own or self._db.execute(_FIRST_WITHOUT_TIME, (session,)).fetchone()
            messages = sorted(shared) if own is None else [*sorted(one for one in shared if one < own), own]
            (uuid,) = self._db.execute("SELECT uuid FROM session WHERE id = ?", (session,)).fetchone()
            key = self._keys[session] = messages, uuid
        return key


def reassign(writer: MessageWriter, touched: Iterable[int]) -> set[int]:
    """Work out the owner again of every message that a touched session shares with another. Returns the sessions that lost
    or got messages by it."""
    db = writer.db
    if db.execute("SELECT 1 FROM copy LIMIT 1").fetchone() is None:
        return set()
    owners, changes = Owners(db), dict[int, tuple[int, int]]()
    for id, candidates, now in _shared(db, sorted(touched)):
        owner = owners.owner(candidates)
        if (owner, candidates[owner]) != now:
            changes[id] = owner, candidates[owner]
    moved = set[int]()
    for row in writer.rows_by_id(list(changes)):
        owner, flags = changes[row.id]
        moved |= {row.session, owner}
        writer.change(row, writer.with_way(row._replace(session=owner, flags=flags, pull=0, by_branch=0)))
    writer.finish()
    return moved


def _shared(db: sqlite3.Connection, touched: Sequence[int]) -> Iterator[tuple[int, dict[int, int], tuple[int, int]]]:
    """Messages that some sessions share with others: id, session id to flags of all copies, session and flags now."""
    done = set[int]()
    for start in range(0, len(touched), _AT_ONCE):
        part = touched[start : start + _AT_ONCE]
        copies = db.execute(_COPIES.format(", ".join("?" * len(part))), part).fetchall()
        for id, of_message in groupby(copies, key=_message):
            if id not in done:
                done.add(id)
                rows = list(of_message)
                yield id, {session: flags for _, session, flags, _, _ in rows}, rows[0][3:]


_AT_ONCE = 500  # sessions in a statement
_COPIES = (
    "SELECT message, copy.session, copy.flags, answer.session, answer.flags FROM copy JOIN answer ON answer.id = message"
    " WHERE message IN (SELECT message FROM copy WHERE session IN ({})) ORDER BY message"
)
_message = itemgetter(0)
