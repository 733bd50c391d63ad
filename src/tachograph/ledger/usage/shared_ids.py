"""Ids that several answers share, as some gateways give them: their lines, grouped into answers (accounting rule 2).

Every line of such an id is stored as a fragment. Answers are grouped out of all fragments of a session again whenever
one is added, so their order of arrival changes nothing. Lines that were merged before the id was known to be shared are
fragments too, with a negative `mark`, until their transcripts are read again line by line (recorder/ingest.py).
"""

from __future__ import annotations

import itertools
from _operator import itemgetter

from tachograph.lean_json import loads
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Mapping, Sequence
from tachograph.ledger.usage import rereading_states
from tachograph.ledger.usage.messages import Row
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.usage.messages import (
    NO_TIME,
    NO_WAY,
    AnyMessage,
    Message,
    fingerprint,
    is_same_answer,
    larger_counts,
    may_be_several,
    merge,
    whole,
)

if TYPE_CHECKING:
    from typing import Any

    from tachograph.model.usage.plain_messages import Identities


Fragments = Mapping[int, list[Message]]
_identity = itemgetter(0)


def known(db: sqlite3.Connection) -> frozenset[int]:
    """Identities of ids of which every line is stored."""
    return frozenset(identity for (identity,) in db.execute("SELECT identity FROM shared_id"))


def separate(
    writer: MessageWriter, messages: Sequence[AnyMessage], fragments: Fragments, among: Identities | None
) -> tuple[Sequence[AnyMessage], dict[int, list[Message]], dict[int, Row]]:
    """Split a batch into ordinary messages and merged lines of ids that may be shared, old and new; with the rows of the
    ordinary ones that are stored. `among`: the identities of all that are, if the caller knows them."""
    shared: dict[int, list[Message]] = {identity: list(parts) for identity, parts in fragments.items()}
    known_shared = known(writer.db)
    ordinary = messages
    if known_shared or shared:
        ordinary = []
        for message in messages:
            if message[0] in known_shared or message[0] in shared:
                shared.setdefault(message[0], []).append(whole(message))
            else:
                ordinary.append(message)
    candidates: dict[int, AnyMessage] = {}
    met = among.intersection(map(_identity, ordinary)) if among is not None else None
    if met is None or met:
        candidates = {message[0]: message for message in ordinary if met is None or message[0] in met}
    rows, uuids = writer.rows_of(list(candidates)), dict[int, str]()
    for row in rows.values():
        new = whole(candidates[row.identity])
        if any(may_be_several(old, new) for old in as_messages(writer, row, uuids)[:1]):
            shared[row.identity] = [new]
    if shared.keys() - known_shared:
        ordinary = [message for message in ordinary if message[0] not in shared]
    return ordinary, shared, rows


def add(writer: MessageWriter, merged: Fragments, lines: Fragments) -> set[str]:
    """Store merged and single lines, and replace earlier answers by those that they are grouped into now.

    Returns the sessions of merged lines, of which the transcripts should be read again.
    """
    db, unclear = writer.db, set[str]()
    answers: list[Message] = []
    for identity in sorted({*merged, *lines}):
        parts, whole = list(merged.get(identity, ())), list(writer.rows_of([identity]).values())
        if db.execute("SELECT 1 FROM shared_id WHERE identity = ?", (identity,)).fetchone() is None:
            db.execute("INSERT INTO shared_id VALUES (?)", (identity,))
            db.execute("INSERT OR IGNORE INTO rereading VALUES (?)", (rereading_states.LINES,))
            for row in whole:  # one answer so far, which may be one of several now
                parts += as_messages(writer, row)
                writer.remove(row)
            changed = None
        else:
            every = (*parts, *lines.get(identity, ()))
            changed = None if whole else {session for one in every for session in one[5]}
        for part in parts:
            _store(db, identity, part, is_line=False)
            unclear.update(part[5])
        for line in lines.get(identity, ()):
            _store(db, identity, line, is_line=True)
        answers += _grouped_again(writer, identity, changed)
    sessions = writer.names.sessions(db, {uuid for one in answers for uuid in one[5]})
    writer.add(answers, sessions)
    return unclear


def drop_merged(writer: MessageWriter) -> None:
    """Remove merged lines of which the single ones are there too, and group the answers of their ids again.

    The transcripts were read again: what is left of merged lines stays as it is.
    """
    db = writer.db
    rows = db.execute("SELECT identity, session, at, mark, body FROM fragment WHERE mark < 0").fetchall()
    answers: list[Message] = []
    for identity, of_identity in itertools.groupby(rows, key=lambda row: row[0]):
        gone = [row[1:4] for row in of_identity if _is_covered(db, identity, row[1], from_json(row[4]))]
        if gone:
            where = "identity = ? AND session = ? AND at = ? AND mark = ?"
            before = {
                answer
                for key in gone
                for (answer,) in db.execute(f"SELECT answer FROM fragment WHERE {where}", (identity, *key))
            }
            db.executemany(f"DELETE FROM fragment WHERE {where}", [(identity, *key) for key in gone])
            for row in writer.rows_of(sorted(before - {None})).values():
                writer.remove(row)
            answers += _grouped_again(writer, identity, None)
    sessions = writer.names.sessions(db, {uuid for one in answers for uuid in one[5]})
    writer.add(answers, sessions, None)
    writer.finish()
    db.execute("DELETE FROM rereading WHERE state = ?", (rereading_states.LINES,))


def _is_covered(db: sqlite3.Connection, identity: int, session: str, merged: Message) -> bool:
    """True if the single lines that were merged are there as well: the first, the last, and one in this session."""
    first, last = merged[1], merged[6][0]
    sql = "SELECT session, body FROM fragment WHERE identity = ? AND at BETWEEN ? AND ? AND mark >= 0"
    found = [(one, from_json(body)) for one, body in db.execute(sql, (identity, first, last))]
    times = {line[1] for _, line in found}
    if not {first, last} <= times or all(one != session for one, _ in found):
        return False
    most = merged[2]
    counts = (0, 0, 0, 0, 0, 0)
    for _, line in found:
        counts = larger_counts(counts, line[2])
    return larger_counts(counts, most) == counts


def is_line(key: str, message: Message) -> bool:
    """Test a fragment of another machine, with the key of its fact: a single line, or several merged ones."""
    return int(key.rpartition(":")[2]) >= 0 and message[6][0] == message[1]


def _store(db: sqlite3.Connection, identity: int, message: Message, *, is_line: bool) -> None:
    """Store a fragment for each session of a message, merged with one that is there: of the same time, uuid and request."""
    mark, request = message[6][2:4]
    if request:
        mark = fingerprint(f"{mark}\0{request}")
    mark = mark if is_line else -1 - mark
    for session, flags in message[5].items():
        one = (*message[:5], {session: flags}, message[6])
        key = (identity, session, one[1], mark)
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


def _grouped_again(writer: MessageWriter, identity: int, changed: set[str] | None) -> list[Message]:
    """Group all fragments of the sessions concerned (None: all); answers of an earlier grouping are removed."""
    db = writer.db
    concerned = _concerned(db, identity, changed)
    stored: dict[str, list[tuple[int, Message]]] = {}  # by session: marks and fragments
    before: set[int] = set()
    sql = "SELECT mark, body, answer FROM fragment WHERE identity = ? AND session = ? ORDER BY at, mark"
    for session in sorted(concerned):
        for mark, body, answer in db.execute(sql, (identity, session)).fetchall():
            stored.setdefault(session, []).append((mark, from_json(body)))
            if answer is not None:
                before.add(answer)
    for row in writer.rows_of(sorted(before)).values():
        writer.remove(row)
    groups: dict[int, list[list[tuple[int, Message]]]] = {}  # time of the first line: groups of all sessions
    all_lines = [one for parts in stored.values() for _, one in parts]
    if changed is None and all(is_same_answer(a, b) for a, b in itertools.combinations(all_lines, 2)):
        groups[0] = list(stored.values())
        names = {0: identity}
    else:
        for parts in stored.values():
            for group in _groups(parts):
                groups.setdefault(group[0][1][1], []).append(group)
        names = {at: _answer_name(identity, at, copies) for at, copies in groups.items()}
    answers = []
    for at, copies in sorted(groups.items()):
        merged: Message | None = None
        for mark, one in (part for group in copies for part in group):
            merged = one if merged is None else merge(merged, one)
            ((session, _),) = one[5].items()
            db.execute(
                "UPDATE fragment SET answer = ? WHERE identity = ? AND session = ? AND at = ? AND mark = ?",
                (names[at], identity, session, one[1], mark),
            )
        if merged is not None:
            answers.append((names[at], *merged[1:]))
    return answers


def _answer_name(identity: int, at: int, copies: list[list[tuple[int, Message]]]) -> int:
    """Identity of an answer of a shared id: by the uuid of its first line, else by its time."""
    return fingerprint(f"shared\0{identity}\0{min(group[0][1][6][2] for group in copies) or at}")


def _concerned(db: sqlite3.Connection, identity: int, changed: set[str] | None) -> set[str]:
    """Sessions of which answers have to be grouped again: those changed, and those with copies of their lines."""
    if changed is None:
        found = db.execute("SELECT DISTINCT session FROM fragment WHERE identity = ?", (identity,))
        return {session for (session,) in found}
    concerned, done, times = set(changed), set[str](), set[int]()
    while concerned - done:  # copies in other sessions have the same times
        for session in concerned - done:
            at_times = db.execute("SELECT at FROM fragment WHERE identity = ? AND session = ?", (identity, session))
            times |= {at for (at,) in at_times}
            done.add(session)
        for at in times:
            found = db.execute("SELECT session FROM fragment WHERE identity = ? AND at = ?", (identity, at))
            concerned |= {session for (session,) in found}
    return concerned


def _groups(ordered: list[tuple[int, Message]]) -> list[list[tuple[int, Message]]]:
    """Lines of one session, with their marks and in order of time, as answers: by request id if present, else grouped
    while they can be one answer."""
    groups: list[list[tuple[int, Message]]] = []
    states: list[Message] = []
    by_request: dict[str, int] = {}
    for mark, one in ordered:
        request = one[6][3]
        place = by_request.get(request) if request else (len(groups) - 1 if groups else None)
        if place is None or not is_same_answer(states[place], one):
            groups.append([(mark, one)])
            states.append(one)
            place = len(groups) - 1
        else:
            groups[place].append((mark, one))
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
    import json  # seldom

    return json.dumps(to_plain(message), separators=(",", ":"))


def to_plain(message: Message) -> list[Any]:
    """A message as lists and plain values."""
    identity, at, counts, logged, (output, chosen_at, origin), sessions, trace = message
    rest = [*trace[:4], trace[4].hex(), list(trace[5]), list(trace[6])]
    return [identity, at, list(counts), logged, [output, chosen_at, list(origin)], sessions, rest]


def from_json(body: str) -> Message:
    """A message from its JSON. Raises ValueError, TypeError or KeyError for any other text."""
    return from_plain(loads(body))


def from_plain(body: Any) -> Message:
    """A message from its lists. Raises ValueError, TypeError or KeyError for any other value."""
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
