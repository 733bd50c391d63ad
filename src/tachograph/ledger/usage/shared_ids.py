"""Ids that several answers share, as some gateways give them: their lines, grouped into answers (accounting rule 2).

Lines of a shared id are kept as fragments, one for each group of lines that arrived together. Answers are grouped out of
all fragments of a session again whenever one is added, so their order of arrival changes nothing.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from tachograph.ledger.usage.messages import Row
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.usage.messages import NO_TIME, NO_WAY, Message, fingerprint, is_same_answer, merge

Fragments = Mapping[int, list[Message]]


def separate(
    writer: MessageWriter, messages: list[Message], fragments: Fragments, among: set[int] | None
) -> tuple[list[Message], dict[int, list[Message]]]:
    """Split a batch into ordinary messages and fragments of shared ids, old and new."""
    db = writer.db
    shared: dict[int, list[Message]] = {identity: list(parts) for identity, parts in fragments.items()}
    known_shared = {identity for (identity,) in db.execute("SELECT identity FROM shared_id")}
    plain: list[Message] = []
    candidates: list[Message] = []
    for message in messages:
        if message[0] in known_shared or message[0] in shared:
            shared.setdefault(message[0], []).append(message)
        else:
            plain.append(message)
            if among is None or message[0] in among:
                candidates.append(message)
    for row in writer.rows_of([message[0] for message in candidates]).values():
        message = next(m for m in candidates if m[0] == row.identity)
        if any(not is_same_answer(old, message) for old in as_messages(writer, row)[:1]):
            shared[row.identity] = [message]
    if shared.keys() - known_shared:
        plain = [message for message in plain if message[0] not in shared]
    return plain, shared


def add(writer: MessageWriter, shared: Mapping[int, list[Message]]) -> None:
    """Store fragments, and replace earlier answers by those that they are grouped into now."""
    db = writer.db
    answers: list[Message] = []
    for identity, parts in shared.items():
        is_new = db.execute("SELECT 1 FROM shared_id WHERE identity = ?", (identity,)).fetchone() is None
        if is_new:
            db.execute("INSERT INTO shared_id VALUES (?)", (identity,))
            for row in writer.rows_of([identity]).values():  # one answer so far, which is one of several now
                parts = [*parts, *as_messages(writer, row)]
                writer.remove(row)
        split = [one for part in parts for one in _by_session(part)]
        for one in split:
            _store(db, identity, one)
        answers += _grouped_again(writer, identity, split)
    sessions = writer.names.sessions(db, {uuid for one in answers for uuid in one[5]})
    writer.add(answers, sessions, None)


def _by_session(message: Message) -> list[Message]:
    """A message of several sessions as one for each of them."""
    return [(*message[:5], {session: flags}, message[6]) for session, flags in message[5].items()]


def _store(db: sqlite3.Connection, identity: int, one: Message) -> None:
    ((session, _),) = one[5].items()
    key = (identity, session, one[1], one[6][2])
    row = db.execute(
        "SELECT body FROM fragment WHERE identity = ? AND session = ? AND at = ? AND mark = ?", key
    ).fetchone()
    if row is not None:
        one = merge(from_json(row[0]), one)
    db.execute(
        "INSERT INTO fragment (identity, session, at, mark, body) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET body = excluded.body",
        (*key, to_json(one)),
    )


def _grouped_again(writer: MessageWriter, identity: int, changed: Iterable[Message]) -> list[Message]:
    """Group all fragments of the sessions concerned; answers of an earlier grouping are removed."""
    db = writer.db
    concerned = {session for one in changed for session in one[5]}
    times: set[int] = set()
    done: set[str] = set()
    while concerned - done:  # copies in other sessions have the same times
        for session in concerned - done:
            found = db.execute("SELECT at FROM fragment WHERE identity = ? AND session = ?", (identity, session))
            times |= {at for (at,) in found}
            done.add(session)
        for at in times:
            found = db.execute("SELECT session FROM fragment WHERE identity = ? AND at = ?", (identity, at))
            concerned |= {session for (session,) in found}
    groups: dict[int, list[list[Message]]] = {}  # time of the first line: groups of all sessions
    before: set[int] = set()
    for session in sorted(done):
        sql = "SELECT body, answer FROM fragment WHERE identity = ? AND session = ? ORDER BY at, mark"
        stored = db.execute(sql, (identity, session)).fetchall()
        before |= {answer for _, answer in stored if answer is not None}
        for group in _groups([from_json(body) for body, _ in stored]):
            groups.setdefault(group[0][1], []).append(group)
    for row in writer.rows_of(sorted(before)).values():
        writer.remove(row)
    answers = []
    for at, copies in sorted(groups.items()):
        mark = min(group[0][6][2] for group in copies)
        own = fingerprint(f"shared\0{identity}\0{mark or at}")
        merged: Message | None = None
        for one in (one for group in copies for one in group):
            merged = one if merged is None else merge(merged, one)
            ((session, _),) = one[5].items()
            db.execute(
                "UPDATE fragment SET answer = ? WHERE identity = ? AND session = ? AND at = ? AND mark = ?",
                (own, identity, session, one[1], one[6][2]),
            )
        if merged is not None:
            answers.append((own, *merged[1:]))
    return answers


def _groups(ordered: list[Message]) -> list[list[Message]]:
    """Lines of one session, in order of time, as answers: by request id if present, else grouped while they can be one answer."""
    groups: list[list[Message]] = []
    states: list[Message] = []
    by_request: dict[str, int] = {}
    for one in ordered:
        request = one[6][3]
        place = by_request.get(request) if request else (len(groups) - 1 if groups else None)
        if place is None or not is_same_answer(states[place], one):
            groups.append([one])
            states.append(one)
            place = len(groups) - 1
        else:
            groups[place].append(one)
            states[place] = merge(states[place], one)
        if request:
            by_request[request] = place
    return groups


def as_messages(writer: MessageWriter, row: Row, known: dict[int, str] | None = None) -> list[Message]:
    """A row of the ledger as messages, one for each session that holds a copy of it.

    `known`: uuids of sessions by their ids, to which those that are looked up are added.
    """
    origin = writer.origins.at(row.origin)
    copies = {row.session: row.flags}
    if row.shared:
        found = writer.db.execute("SELECT session, flags FROM copy WHERE message = ?", (row.id,))
        copies = dict(found.fetchall())
    folders = tuple(sorted(writer.names.text(folder) for folder in writer.folders_of(row) if folder != origin.folder))
    choice = (-row.output, NO_TIME if row.chosen_at is None else row.chosen_at, origin.texts)
    trace = (
        NO_TIME if row.last_at is None else row.last_at,
        NO_TIME if row.stop_at is None else row.stop_at,
        row.mark,
        row.request,
        row.blocks or b"",
        folders,
        writer.ways.at(row.own_way),
    )
    at, logged = NO_TIME if row.at is None else row.at, -1 if row.logged_cost is None else row.logged_cost
    uuids = {} if known is None else known
    if missing := [session for session in copies if session not in uuids]:
        sql = f"SELECT id, uuid FROM session WHERE id IN ({', '.join('?' * len(missing))})"
        uuids.update(writer.db.execute(sql, missing).fetchall())
    return [
        (row.identity, at, row[3:9], logged, choice, {uuids[session]: flags}, trace)
        for session, flags in copies.items()
    ]


def to_json(message: Message) -> str:
    """A message as JSON."""
    return json.dumps(to_plain(message), separators=(",", ":"))


def to_plain(message: Message) -> list[Any]:
    """A message as lists and plain values."""
    identity, at, counts, logged, (output, chosen_at, origin), sessions, trace = message
    rest = [*trace[:4], trace[4].hex(), list(trace[5]), list(trace[6])]
    return [identity, at, list(counts), logged, [output, chosen_at, list(origin)], sessions, rest]


def from_json(body: str) -> Message:
    """A message from its JSON. Raises ValueError, TypeError or KeyError for a text that is none."""
    return from_plain(json.loads(body))


def from_plain(body: Any) -> Message:
    """A message from its lists. Raises ValueError, TypeError or KeyError for a value that is none."""
    identity, at, counts, logged, choice, sessions, trace = body
    output, chosen_at, origin = choice
    last_at, stop_at, mark, request, blocks, folders, *way = trace  # without a way in bodies of earlier versions
    made: Any = (
        identity,
        at,
        tuple(counts),
        logged,
        (output, chosen_at, tuple(origin)),
        sessions,
        (
            last_at,
            stop_at,
            mark,
            request,
            bytes.fromhex(blocks),
            tuple(folders),
            tuple(map(str, way[0])) if way else NO_WAY,
        ),
    )
    result: Message = made
    return result


def has_line(db: sqlite3.Connection, message: Message) -> bool:
    """Test for a line of a shared id at the time of a message, in one of its sessions."""
    marks = ", ".join("?" * len(message[5]))
    sql = f"SELECT 1 FROM fragment WHERE identity = ? AND at = ? AND session IN ({marks}) LIMIT 1"
    return db.execute(sql, (message[0], message[1], *message[5])).fetchone() is not None


def answers_by_id(db: sqlite3.Connection) -> dict[int, int]:
    """Number of answers per shared id."""
    sql = "SELECT identity, count(DISTINCT answer) FROM fragment GROUP BY identity"
    return dict(db.execute(sql).fetchall())
