"""Read all transcripts again after an update that counts by other rules, and keep messages that no transcript holds any more.

Before the first pass the messages so far are set aside; when all transcripts have been read, those that none of them
holds come back as they were counted. So a ledger ends equal to a fresh reading, and nothing is lost.
"""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Mapping
from tachograph.ledger.usage import batches, shared_ids
from tachograph.ledger.usage.account_of import Logins
from tachograph.ledger.usage.message_attributes import MessageAttributes
from tachograph.ledger.usage.rereading_states import BEGUN, DUE
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.usage.messages import NO_TIME, NO_WAY, Message

if TYPE_CHECKING:
    from typing import Any


_STEP = 5000  # messages that are brought back at once
_COUNTS = "input, output, cache_write_5m, cache_write_1h, cache_read, web_searches"


def begin(db: sqlite3.Connection) -> None:
    """Set the messages so far aside, inside a transaction of the caller's."""
    copies = "SELECT json_group_object(uuid, copy.flags) FROM copy JOIN session ON session.id = copy.session WHERE message = answer.id"
    db.execute(
        f"INSERT OR IGNORE INTO old_message SELECT identity, at, json_array({_COUNTS}), logged_cost, chosen_at, origin,"
        f" request, CASE WHEN shared THEN ({copies}) ELSE"
        " json_object((SELECT uuid FROM session WHERE session.id = answer.session), flags) END FROM answer"
    )
    for table in ("answer", "copy", "answer_folder", "rollup", "hour"):
        db.execute(f"DELETE FROM {table}")
    db.execute("UPDATE rereading SET state = ? WHERE state = ?", (BEGUN, DUE))


def finish(db: sqlite3.Connection, origins: MessageAttributes, logins: Logins, touched: batches.Touched) -> None:
    """Bring back what no transcript holds any more, inside a transaction of the caller's."""
    db.execute(
        "DELETE FROM old_message WHERE EXISTS (SELECT 1 FROM answer a WHERE a.identity = old_message.identity AND"
        f" json_array({', '.join('a.' + column for column in _COUNTS.split(', '))}) = counts AND NOT a.shared"
        " AND sessions = json_object((SELECT uuid FROM session WHERE session.id = a.session), a.flags & 3))"
    )
    while rows := db.execute("SELECT * FROM old_message LIMIT ?", (_STEP,)).fetchall():
        _bring_back(db, [_message(row, origins) for row in rows], origins, logins, touched)
        db.executemany("DELETE FROM old_message WHERE identity = ?", [(row[0],) for row in rows])
    db.execute("DELETE FROM rereading WHERE state = ?", (BEGUN,))


def _message(row: tuple[Any, ...], origins: MessageAttributes) -> Message:
    identity, at, counts, logged, chosen_at, origin, request, sessions = row
    texts = origins.at(origin).texts
    moment = NO_TIME if at is None else at
    return (
        identity,
        moment,
        tuple(loads(counts)),
        -1 if logged is None else logged,
        (-loads(counts)[1], NO_TIME if chosen_at is None else chosen_at, texts),
        loads(sessions),
        (moment, moment if texts[3] else NO_TIME, 0, request, b"", (), NO_WAY),
    )


def _bring_back(
    db: sqlite3.Connection,
    messages: list[Message],
    origins: MessageAttributes,
    logins: Logins,
    touched: batches.Touched,
) -> None:
    """Merge messages with the lines read; those whose id turned out to be shared only where no line of theirs was."""
    shared = {identity for (identity,) in db.execute("SELECT identity FROM shared_id")}
    lost = [one for one in messages if one[0] not in shared or not shared_ids.has_line(db, one)]
    uuids = {uuid for message in lost for uuid in message[5]}
    sessions: Mapping[str, int] = origins.names.sessions(db, uuids)
    writer = MessageWriter(db, origins, logins)
    plain, fragments, known = shared_ids.separate(writer, lost, {}, None)
    writer.add(plain, sessions, known)
    if fragments:
        writer.finish()
        shared_ids.add(writer, fragments, {})
    writer.finish()
    touched.sessions.update(writer.touched)
