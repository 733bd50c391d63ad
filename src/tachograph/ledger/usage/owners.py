"""The session that owns a message with copies in several (accounting rule 3)."""

from _operator import itemgetter
from itertools import groupby

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Iterator, NamedTuple, Sequence
from tachograph.ledger.usage.writer import CLAIM_FLAGS, MessageWriter
from tachograph.model.usage.messages import NO_TIME

_Message = tuple[int, int]  # time (NO_TIME if unknown) and identity: by these, messages of a session are in order


class _Session(NamedTuple):
    """What sessions are compared by: the first of the messages that only this one has, all that it shares, the last of both,
    and its uuid."""

    first_own: _Message | None
    shared: frozenset[_Message]
    last: _Message
    uuid: str


class Owners:
    """Compares sessions with copies of the same messages.

    A session that is a prefix of another is the original; else at their first difference the one with the earlier
    message is; then the smaller id. That is the order of their messages, sorted by time and identity.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._sessions: dict[int, _Session] = {}
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
            found = able[0]
            for other in able[1:]:
                if self._precedes(self._of(other), self._of(found)):
                    found = other
            self._first[several] = found
        return found

    def _precedes(self, a: _Session, b: _Session) -> bool:
        """Compare two sessions by the earliest message that only one of them has."""
        only_a, only_b = _first_without(a, b), _first_without(b, a)
        if only_a is None and only_b is None:
            return a.uuid < b.uuid
        if only_b is None or (only_a is not None and only_a < only_b):
            return b.last > only_a  # type: ignore[operator]  # else b ends there: it is a prefix
        return not a.last > only_b

    def _of(self, id: int) -> _Session:
        found = self._sessions.get(id)
        if found is None:
            first = self._one(_FIRST_OWN, id) or self._one(_FIRST_WITHOUT_TIME, id)
            last = self._one(_LAST_WITHOUT_TIME, id) or self._one(_LAST_OWN, id)
            shared = frozenset(self._db.execute(_SHARED, (id,)).fetchall())
            (uuid,) = self._db.execute("SELECT uuid FROM session WHERE id = ?", (id,)).fetchone()
            found = self._sessions[id] = _Session(first, shared, max(one for one in (last, *shared) if one), uuid)
        return found

    def _one(self, sql: str, session: int) -> _Message | None:
        found: _Message | None = self._db.execute(sql, (session,)).fetchone()
        return found


def _first_without(a: _Session, b: _Session) -> _Message | None:
    """The first message of `a` that `b` has not."""
    return min((one for one in (a.first_own, *(a.shared - b.shared)) if one is not None), default=None)


_OWN = "FROM answer WHERE session = ? AND NOT shared"
_FIRST_OWN = f"SELECT at, identity {_OWN} AND at NOT NULL ORDER BY at, identity LIMIT 1"
_FIRST_WITHOUT_TIME = f"SELECT {NO_TIME}, identity {_OWN} AND at IS NULL ORDER BY identity LIMIT 1"
_LAST_OWN = f"SELECT at, identity {_OWN} AND at NOT NULL ORDER BY at DESC, identity DESC LIMIT 1"
_LAST_WITHOUT_TIME = f"SELECT {NO_TIME}, identity {_OWN} AND at IS NULL ORDER BY identity DESC LIMIT 1"
_SHARED = (
    f"SELECT coalesce(at, {NO_TIME}), identity FROM copy JOIN answer ON answer.id = copy.message WHERE copy.session = ?"
)


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
