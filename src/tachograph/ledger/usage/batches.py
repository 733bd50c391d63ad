"""Write a batch of transcripts: messages with their owners, projects and pull requests, sessions and links.

What a row says depends only on what was ever seen, not on the order: copies merge (model/usage/messages.py); owner,
account, project and pull request are worked out again whenever something they depend on has changed.
"""

from __future__ import annotations

from _operator import itemgetter

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Collection, Iterable, Mapping, NamedTuple
from tachograph.ledger.usage import agent_types, messages, owners, places, rereading_states, shared_ids, totals
from tachograph.ledger.usage.account_of import Logins
from tachograph.ledger.usage.message_attributes import MessageAttributes
from tachograph.ledger.usage.new_rows import kept_rows
from tachograph.ledger.usage.pull_request_links import PullRequestAssigner, Suggestions, presume, write_links
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.usage.messages import AnyMessage, Message

if TYPE_CHECKING:
    from typing import Any

    from tachograph.ledger.usage.kept_rows import KeptRows, MakeKeptRows
    from tachograph.model.usage.plain_messages import Identities, PlainMessages
    from tachograph.model.usage.pull_requests import Mention


class BatchContent(NamedTuple):
    """A batch of the decoder, unpacked: see `sources.transcripts.batch.Batch` for the shapes."""

    messages: list[AnyMessage]
    fragments: Mapping[int, list[Message]]
    spans: Mapping[str, tuple[int, int]]
    prompts: Mapping[str, tuple[int, str]]
    titles: Mapping[tuple[str, int], tuple[str, int, str]]
    summaries: Mapping[str, str]
    leaves: Mapping[str, tuple[int, str]]
    links: Mapping[tuple[str, str], Mention]
    notices: list[tuple[str, bytes]]  # for recorder/ingest.py
    clears: Mapping[str, list[int]]
    cost_states: Mapping[str, tuple[str, int, str]]
    spawns: Mapping[tuple[str, int], str]
    subagents: Mapping[tuple[str, str], int]
    lines: Mapping[int, list[Message]]
    scanned: PlainMessages | None = None


class FirstPass(NamedTuple):
    """A pass into a ledger without messages: all rows that it has written, and pull requests for those it will write."""

    rows: KeptRows
    suggestions: Suggestions


class Touched(NamedTuple):
    """Sessions that changed in a pass: `sessions` by their messages, `linked` by pull-request links or `/clear`, `spawning`
    by calls that start subagents, `merged` (uuids) by merged lines of an id that several answers may share.

    `presumed` are those whose new messages got a pull request that has to be worked out yet. `first` is set during the first pass into an empty ledger, unless another program writes messages too.
    """

    sessions: set[int]
    linked: set[int]
    spawning: set[int]
    merged: set[str]
    presumed: set[int]
    first: FirstPass | None = None


def first_pass(db: sqlite3.Connection, origins: MessageAttributes, logins: Logins, make: MakeKeptRows) -> FirstPass:
    """Begin a pass into a ledger without messages; `make` is the compiled reader's."""
    return FirstPass(kept_rows(make), Suggestions(MessageWriter(db, origins, logins)))


def write(
    db: sqlite3.Connection,
    plain: tuple[Any, ...],
    origins: MessageAttributes,
    logins: Logins,
    among: Identities | None,
    touched: Touched,
) -> None:
    """Write one batch, inside a transaction of the caller's, and add to `touched`; `settle` has to follow the last one.

    `among` are the identities of all messages in the ledger, where the caller knows them: a first reading does, and
    is spared looking up a hundred thousand messages that cannot be there. Those of the batch are added to it.
    """
    content, names = BatchContent(*plain), origins.names
    if messages.is_empty(db):
        totals.mark_due(db)
    sessions = names.sessions(
        db,
        content.spans.keys()
        | _sessions_of(content.messages)
        | {s for kind in (content.fragments, content.lines) for parts in kind.values() for m in parts for s in m[5]}
        | content.prompts.keys()
        | content.clears.keys()
        | content.cost_states.keys()
        | {session for session, _ in content.titles}
        | {session for session, _ in content.links}
        | {session for session, _ in content.spawns}
        | {session for session, _ in content.subagents},
    )
    _write_sessions(db, content, sessions)
    linked = write_links(db, content.links, sessions, names)
    cleared = _write_clears(db, content.clears, sessions)
    touched.linked.update(linked | cleared)
    touched.spawning.update(agent_types.write(db, content.spawns, content.subagents, sessions))
    writer = MessageWriter(db, origins, logins, touched.first and touched.first.rows)
    known_or_odd, new = _divided(content, writer, among)
    ordinary, shared, known = shared_ids.separate(writer, known_or_odd, content.fragments, among)
    writer.add(ordinary, sessions, known, new)
    suggestions = _suggestions(touched, writer)
    if suggestions is not None:
        writer.finish_changed()
        suggestions.forget(linked | cleared)
        suggestions.suggest(writer, linked)
    elif not writer.is_total_due:
        touched.presumed.update(presume(writer))
    writer.finish()
    if shared or content.lines:
        touched.merged.update(shared_ids.add(writer, shared, content.lines))
        writer.finish()
        if suggestions is not None:
            suggestions.forget(writer.touched)
    touched.sessions.update(writer.touched)
    if among is not None:
        among.update(map(_identity, known_or_odd), content.fragments, content.lines, () if new is None else new)
    db.execute("INSERT OR IGNORE INTO rereading VALUES (?)", (rereading_states.UNSETTLED,))


def _suggestions(touched: Touched, writer: MessageWriter) -> Suggestions | None:
    """The suggestions of a first pass, while it keeps its rows in memory."""
    return None if touched.first is None or writer.kept is None else touched.first.suggestions


def _divided(
    content: BatchContent, writer: MessageWriter, among: Identities | None
) -> tuple[list[AnyMessage], PlainMessages | None]:
    """Split the messages of a batch: those that may be in the ledger or are not plain, and plain ones that are certainly
    new. The second is None outside a first pass."""
    scanned = content.scanned
    if scanned is None or among is None or writer.kept is None:
        return [*content.messages, *(scanned.take(None) if scanned is not None else ())], None
    return [*content.messages, *scanned.take(shared_ids.known(writer.db)), *scanned.take(among)], scanned


_identity = itemgetter(0)


def _sessions_of(messages: Iterable[AnyMessage]) -> set[str]:
    """Sessions of messages in the form that merges; those of the others are known from their spans."""
    found = set[str]()
    for message in messages:
        if len(message) == 7:
            found.update(message[5])
    return found


def assign_accounts(
    db: sqlite3.Connection, origins: MessageAttributes, logins: Logins, folder: int, since: int
) -> None:
    """Work out again the account of every message with a copy in a config folder, since a moment."""
    writer = MessageWriter(db, origins, logins)
    condition = (
        "(at >= ?1 OR at IS NULL) AND (origin IN (SELECT id FROM origin WHERE folder = ?2)"
        " OR id IN (SELECT message FROM answer_folder WHERE folder = ?2))"
    )
    for row in writer.rows(condition, (since, folder)):
        new = writer.with_account(row)
        if new != row:
            writer.change(row, new)
    writer.finish()


def settle(
    db: sqlite3.Connection, origins: MessageAttributes, logins: Logins, touched: Touched, *, everything: bool = False
) -> None:
    """Work out again what follows from changed messages: owners, beginnings of sessions, projects, pull requests.

    Once for all batches of a pass, inside a transaction of the caller's. `everything`: a pass before was cut off.
    """
    writer = MessageWriter(db, origins, logins, touched.first and touched.first.rows)
    sessions = set(touched.sessions)
    if everything:
        sessions = {session for (session,) in db.execute("SELECT id FROM session")}
    _settle_types(writer, sessions if everything else touched.spawning)
    moved = owners.reassign(writer, sessions)
    sessions |= writer.touched
    places.note_beginnings(db, sessions)
    linked = touched.linked
    has_moved = places.resolve(db, writer.names, used=writer.used) if sessions or linked else False
    suggestions = _suggestions(touched, writer)
    if suggestions is not None:
        suggestions.forget(moved)
    resettle(writer, sessions, linked, has_moved or everything, touched.presumed, suggestions)
    if writer.is_total_due and writer.kept is not None:
        totals.write(db, *writer.kept.sums(origins.values_of))
    elif writer.is_total_due:
        totals.derive(db)
    db.execute("DELETE FROM rereading WHERE state = ?", (rereading_states.UNSETTLED,))


def _settle_types(writer: MessageWriter, sessions: set[int]) -> None:
    """Work out the ways of subagents' messages again, in sessions that learned a type after they were written."""
    condition = (
        "id IN (SELECT answer.id FROM answer JOIN origin ON origin.id = origin WHERE session = ? AND agent <> 0)"
    )
    for session in sorted(sessions):
        if not agent_types.types_of(writer.db, session):
            continue
        for row in writer.rows(condition, (session,)):
            if (new := writer.with_way(row)) != row:
                writer.change(row, new)
    writer.finish()


def resettle(
    writer: MessageWriter,
    touched: set[int],
    linked: set[int],
    has_moved: bool,
    presumed: Collection[int] = (),
    suggestions: Suggestions | None = None,
) -> None:
    """Work out pull requests again; of all messages where projects or links changed. `suggestions`: those of a first pass,
    which are kept where they are still valid."""
    assigner = PullRequestAssigner(writer)
    if has_moved or linked or not assigner.sessions_without_link_folder.isdisjoint(touched):
        concerned, before = assigner.on_claimed_branches() | assigner.links.keys(), assigner.assigned_before()
    else:
        concerned, before = assigner.concerned(touched), set(presumed)
    assigner.assign(concerned - suggestions.valid_sessions(assigner) if suggestions is not None else concerned)
    assigner.assign_none(before - concerned)
    writer.finish()


def _write_clears(db: sqlite3.Connection, clears: Mapping[str, list[int]], sessions: Mapping[str, int]) -> set[int]:
    changed = set()
    for uuid, times in clears.items():
        for at in times:
            done = db.execute("INSERT OR IGNORE INTO clearing VALUES (?, ?)", (sessions[uuid], at))
            if done.rowcount:
                changed.add(sessions[uuid])
    return changed


def _write_sessions(db: sqlite3.Connection, content: BatchContent, sessions: Mapping[str, int]) -> None:
    """Merge the data of sessions beside their messages."""
    db.executemany(
        "UPDATE session SET first_at = min(coalesce(first_at, ?1), ?1), last_at = max(coalesce(last_at, ?2), ?2)"
        " WHERE id = ?3",
        [(first, last, sessions[uuid]) for uuid, (first, last) in content.spans.items()],
    )
    db.executemany(
        "UPDATE session SET leaf = ?1, leaf_at = ?2 WHERE id = ?3 AND (leaf = '' OR (leaf_at, leaf) < (?2, ?1))",
        [(leaf, at, sessions[uuid]) for uuid, (at, leaf) in content.leaves.items() if uuid in sessions],
    )
    db.executemany(
        "UPDATE session SET prompt = ?1, prompt_at = ?2 WHERE id = ?3"
        " AND (prompt_at IS NULL OR (?2, ?1) < (prompt_at, prompt))",
        [(words, at, sessions[uuid]) for uuid, (at, words) in content.prompts.items()],
    )
    for kind, column in enumerate(("custom", "ai")):
        db.executemany(
            f"UPDATE session SET {column}_title = ?1, {column}_stamp = ?2, {column}_offset = ?3 WHERE id = ?4"
            f" AND (?2, ?3, ?1) > ({column}_stamp, {column}_offset, {column}_title)",
            [
                (words, stamp, at, sessions[uuid])
                for (uuid, k), (stamp, at, words) in content.titles.items()
                if k == kind
            ],
        )
    db.executemany(
        "INSERT INTO summary VALUES (?, ?) ON CONFLICT DO UPDATE SET text = max(text, excluded.text)",
        content.summaries.items(),
    )
    db.executemany(
        "INSERT INTO cost_state VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET stamp = ?2, cost = ?3, models = ?4"
        " WHERE (?2, ?3, ?4) > (stamp, cost, models)",
        [(sessions[uuid], *state) for uuid, state in content.cost_states.items()],
    )
