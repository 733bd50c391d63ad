"""Writes what transcripts said: messages with their owners and pull requests, sessions, links, and their rollups.

Everything that can change a message's row goes through `_Writer.change`, which remembers what the row added to the
rollups before and after; so `rollup` is at every commit what `answer` adds up to.

What a row says depends only on what was ever seen, not on the order: copies merge (model/usage/messages.py), and owner,
account and pull request are worked out again whenever something they depend on has changed.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from tachograph.ledger.usage.message_attributes import AttributeRow, MessageAttributes
from tachograph.ledger.usage.strings import Strings
from tachograph.model.usage.messages import NO_TIME, Counts, Message, is_billed, larger_counts
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import TIERS, tariff

UNKNOWN_BUCKET = -1_000_000_000
QUARTER_MS = 900_000


class Row(NamedTuple):
    """A row of `answer`, in the order of its columns."""

    id: int
    identity: int
    at: int | None
    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    web_searches: int
    logged_cost: int | None
    chosen_at: int | None
    origin: int
    request: str
    session: int
    flags: int
    shared: int
    account: int
    pull: int
    billed: int


_COLUMNS = ", ".join(Row._fields)
_INSERT = f"INSERT INTO answer ({_COLUMNS}) VALUES ({', '.join('?' * len(Row._fields))})"
_UPDATE = f"UPDATE answer SET {', '.join(f'{c} = ?' for c in Row._fields[1:])} WHERE id = ?"
_SELECT = f"SELECT {_COLUMNS} FROM answer"
_MEASURES = ("messages", *Row._fields[3:9], "logged_messages", "logged_cost")
_ADD = "ON CONFLICT DO UPDATE SET " + ", ".join(f"{m} = {m} + excluded.{m}" for m in _MEASURES)
_ROLLUP_KEY = ("bucket", "session", "model", "tariff", "project", "branch", "account", "pull")
_HOUR_KEY = ("hour", "model", "tariff")

Logins = Mapping[int, list[tuple[int, int, int]]]  # folder: (first seen, last seen, account), by time


class Said(NamedTuple):
    """A batch of the decoder, unpacked: see `sources.transcripts.batch.Batch` for the shapes."""

    messages: list[Message]
    spans: Mapping[str, tuple[int, int]]
    prompts: Mapping[str, tuple[int, str]]
    titles: Mapping[tuple[str, int], tuple[str, int, str]]
    summaries: Mapping[str, str]
    leaves: Mapping[str, tuple[int, str]]
    links: Mapping[tuple[str, str], tuple[int, str, int, str]]
    notices: list[tuple[str, bytes]]  # not ours to read: recorder/ingest.py does


def write(
    db: sqlite3.Connection,
    plain: tuple[Any, ...],
    origins: MessageAttributes,
    logins: Logins,
    among: set[int] | None = None,
) -> None:
    """Write one batch, inside a transaction of the caller's.

    `among` are the identities of all messages in the ledger, where the caller knows them: a first reading does, and
    is spared looking up a hundred thousand messages that cannot be there.
    """
    said, names = Said(*plain), origins.names
    sessions = names.sessions(
        db,
        {s for m in said.messages for s in m[5]}
        | said.prompts.keys()
        | {session for session, _ in said.titles}
        | {session for session, _ in said.links},
    )
    moved = _write_sessions(db, said, sessions)
    writer = _Writer(db, origins, logins)
    linked = _write_links(db, said, sessions, names)
    writer.add(said.messages, sessions, among)
    writer.own_again(moved)
    writer.link_again(linked)
    writer.finish()


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether no message was ever counted."""
    return db.execute("SELECT 1 FROM answer LIMIT 1").fetchone() is None


def next_at(db: sqlite3.Connection, at: int | None) -> int | None:
    """The time of the first message at or after a moment (None: of the first at all), epoch milliseconds."""
    since = -NO_TIME if at is None else at
    found = db.execute("SELECT at FROM answer WHERE at >= ? ORDER BY at LIMIT 1", (since,)).fetchone()
    return None if found is None else int(found[0])


def sums(
    db: sqlite3.Connection,
    dimensions: Sequence[str],
    spans: Iterable[Span | None],
    filters: Mapping[str, Collection[int]],
    changes: Sequence[int],
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """What `rollups.sums` gives, exact to the millisecond: from the messages, where quarter hours are too coarse."""
    exceeded = " + ".join(f"(input + cache_write_5m + cache_write_1h + cache_read > {tier})" for tier in TIERS)
    tariff_sql = (
        "(speed IN (SELECT id FROM name WHERE text = 'fast'))"
        f" | ((geo IN (SELECT id FROM name WHERE text = 'us')) << 1) | (({exceeded}) << 2)"
    )
    epoch = " + ".join(f"(at >= {change})" for change in changes) or "0"
    groups = ", ".join((*dimensions, "model", tariff_sql, epoch))
    numbers = ", ".join(str(n + 1) for n in range(len(dimensions) + 3))
    counts = ", ".join(f"sum({column})" for column in Row._fields[3:9])
    measures = f"count(*), {counts}, count(logged_cost), coalesce(sum(logged_cost), 0)"
    narrowed, ids = narrowing(filters)
    for place, span in enumerate(spans):
        when, bounds = "at IS NULL", tuple[int, ...]()
        if span is not None:
            when = "at >= ? AND at < ?"
            bounds = (-NO_TIME if span.start is None else span.start, NO_TIME if span.end is None else span.end)
        sql = f"SELECT {groups}, {measures} FROM message WHERE billed AND {when}{narrowed} GROUP BY {numbers}"
        for row in db.execute(sql, (*bounds, *ids)):
            yield place, row


def narrowing(filters: Mapping[str, Collection[int]]) -> tuple[str, list[int]]:
    """The SQL that lets through what the filters do (dimension: ids), to follow a condition; and its values."""
    clauses = [f" AND {dimension} IN ({', '.join('?' * len(ids))})" for dimension, ids in filters.items()]
    return "".join(clauses), [id for ids in filters.values() for id in sorted(ids)]


def assign_accounts(
    db: sqlite3.Connection, origins: MessageAttributes, logins: Logins, folder: int, since: int
) -> None:
    """Work out again whose the messages are that nobody was known for, in a folder since a moment."""
    writer = _Writer(db, origins, logins)
    sql = f"{_SELECT} WHERE account = 0 AND at >= ? AND origin IN (SELECT id FROM origin WHERE folder = ?)"
    for values in db.execute(sql, (since, folder)).fetchall():
        row = Row._make(values)
        account = writer.account_at(origins.at(row.origin), row.at)
        if account:
            writer.change(row, row._replace(account=account))
    writer.finish()


class _Writer:
    """Changes rows of `message`, and the rollups with them, at the end in one go."""

    def __init__(self, db: sqlite3.Connection, origins: MessageAttributes, logins: Logins) -> None:
        self.db = db
        self.names = origins.names
        self.logins = logins
        self.old: dict[int, Row] = {}  # as they stand in the table
        self.new: dict[int, Row] = {}  # as they shall stand
        self.began: dict[int, tuple[int, str]] = {}
        self.plain: list[tuple[Any, ...]] = []  # new rows that are done with
        self.sums: dict[tuple[int, ...], list[int]] = {}  # what is to be added to the rollups, by their keys
        self.copies: list[tuple[int, int, int]] = []  # rows of `copy`
        self.origins = origins

    def change(self, before: Row | None, after: Row) -> None:
        """Note how a row shall stand; `before` is how it stands now, None where it is new."""
        if before is not None and after.id not in self.new:
            self.old[after.id] = before
        self.new[after.id] = after

    # -- messages and who owns them --------------------------------------------------------------------------

    def add(self, messages: list[Message], sessions: Mapping[str, int], among: set[int] | None) -> None:
        known = self._rows([m[0] for m in messages if among is None or m[0] in among])
        following = self.db.execute("SELECT coalesce(max(id), 0) + 1 FROM answer").fetchone()[0]
        add_plain = self._add_plain
        for message in messages:
            old = known.get(message[0])
            if old is None and len(message[5]) == 1:  # nothing about it can change in this batch any more
                add_plain(following, message, sessions)
                following += 1
                continue
            candidates = {sessions[uuid]: flags for uuid, flags in message[5].items()}
            if old is None:
                self.change(None, self._row(following, message, candidates))
                following += 1
            else:
                new = self._merged(old, message, candidates)
                if new != old:
                    self.change(old, new)
        self.db.executemany("INSERT OR REPLACE INTO copy VALUES (?, ?, ?)", self.copies)

    def _add_plain(self, id: int, message: Message, sessions: Mapping[str, int]) -> None:
        """A new message of one session, which nearly all are: its row and what it adds, at once."""
        identity, at, counts, logged, choice, where = message
        ((uuid, flags),) = where.items()
        session = sessions[uuid]
        origin = self.origins.of(choice[2])
        account = self.account_at(origin, at) if origin.texts[7] or origin.folder in self.logins else 0
        when = None if at == NO_TIME else at
        billed = counts[1] > 0 or is_billed(origin.texts[3], 0)
        cost = None if logged < 0 else logged
        chosen_at = None if choice[1] == NO_TIME else choice[1]
        links = self.links.get(session)
        pull = pull_of(when, origin.branch, links) if links else 0
        self.plain.append(
            (
                id,
                identity,
                when,
                *counts,
                cost,
                chosen_at,
                origin.id,
                choice[3],
                session,
                flags,
                0,
                account,
                pull,
                int(billed),
            )
        )
        if billed:
            _add_to(self.sums, self._key(when, counts, origin, session, account, pull), counts, cost)

    def _key(
        self, at: int | None, counts: Counts, origin: AttributeRow, session: int, account: int, pull: int
    ) -> tuple[int, ...]:
        """Where a message adds to: the key of its row in `rollup`."""
        prompt = counts[0] + counts[2] + counts[3] + counts[4]
        rate = origin.tariff if prompt <= TIERS[0] else tariff(origin.texts[1], origin.texts[2], prompt)
        bucket = UNKNOWN_BUCKET if at is None else at // QUARTER_MS
        return (bucket, session, origin.model, rate, origin.project, origin.branch, account, pull)

    def _row(self, id: int, message: Message, candidates: dict[int, int]) -> Row:
        identity, at, counts, logged, choice, _ = message
        if len(candidates) > 1:
            self.copies += [(id, s, f) for s, f in candidates.items()]
            session, flags = self._owner(candidates)
        else:
            ((session, flags),) = candidates.items()
        origin = self.origins.of(choice[2])
        values = (
            id,
            identity,
            None if at == NO_TIME else at,
            *counts,
            None if logged < 0 else logged,
            None if choice[1] == NO_TIME else choice[1],
            origin.id,
            choice[3],
            session,
            flags,
            int(len(candidates) > 1),
            self.account_at(origin, at),
            0,
            int(is_billed(origin.texts[3], counts[1])),
        )
        return tuple.__new__(Row, values)  # half the cost of Row(…), a hundred thousand times in a first reading

    def _merged(self, old: Row, message: Message, candidates: dict[int, int]) -> Row:
        """A row with another copy of its message merged in: model/usage/messages.py `merged`, between a row and a tuple."""
        _, at, counts, logged, choice, _ = message
        new, origin = old, self.origins.at(old.origin)
        mine = (-old.output, NO_TIME if old.chosen_at is None else old.chosen_at, origin.texts, old.request)
        if choice < mine:
            origin = self.origins.of(choice[2])
            chosen_at = None if choice[1] == NO_TIME else choice[1]
            new = old._replace(chosen_at=chosen_at, origin=origin.id, request=choice[3])
        at = min(at, NO_TIME if old.at is None else old.at)
        costs = [cost for cost in (old.logged_cost, logged) if cost is not None and cost >= 0]
        most: dict[str, Any] = dict(zip(Row._fields[3:9], larger_counts(old[3:9], counts), strict=True))
        new = self._joined(new, candidates)._replace(
            at=None if at == NO_TIME else at,
            logged_cost=max(costs, default=None),
            **most,
        )
        return new._replace(account=self.account_at(origin, at), billed=int(is_billed(origin.texts[3], new.output)))

    def _joined(self, row: Row, candidates: dict[int, int]) -> Row:
        """A row with more sessions to belong to."""
        if not row.shared:
            if candidates.keys() == {row.session}:
                return row._replace(flags=row.flags & candidates[row.session])
            candidates = {
                row.session: row.flags & candidates.get(row.session, row.flags),
                **_without(candidates, row.session),
            }
        else:
            known = self.db.execute("SELECT session, flags FROM copy WHERE message = ?", (row.id,))
            for session, flags in known.fetchall():
                candidates = {**candidates, session: flags & candidates.get(session, flags)}
        self.copies += [(row.id, s, f) for s, f in candidates.items()]
        session, flags = self._owner(candidates)
        return row._replace(session=session, flags=flags, shared=1)

    def _owner(self, candidates: Mapping[int, int]) -> tuple[int, int]:
        """Which session a message belongs to: main chain, not forked, begun first, smaller id (accounting rule 3)."""
        session = min(candidates, key=lambda s: (candidates[s], *self._began(s)))
        return session, candidates[session]

    def _began(self, session: int) -> tuple[int, str]:
        if session not in self.began:
            at, uuid = self.db.execute("SELECT first_at, uuid FROM session WHERE id = ?", (session,)).fetchone()
            self.began[session] = (NO_TIME if at is None else at, uuid)
        return self.began[session]

    def own_again(self, moved: set[int]) -> None:
        """Work out the owner of shared messages again where a session turned out to have begun earlier."""
        shared = {s for (s,) in self.db.execute("SELECT DISTINCT session FROM copy")} if moved else set()
        for session in moved & shared:
            sql = f"{_SELECT} WHERE id IN (SELECT message FROM copy WHERE session = ?)"
            for values in self.db.execute(sql, (session,)).fetchall():
                row = self.new.get(values[0]) or Row._make(values)
                found = self.db.execute("SELECT session, flags FROM copy WHERE message = ?", (row.id,))
                owner, flags = self._owner(dict(found.fetchall()))
                if (owner, flags) != (row.session, row.flags):
                    self.change(row, row._replace(session=owner, flags=flags))

    def account_at(self, origin: AttributeRow, at: int | None) -> int:
        """Who was logged in for a config folder at a time (accounting rule 12); 0 where we did not see it."""
        if origin.texts[7]:
            return self.names.account_named(origin.texts[7])
        stretches = self.logins.get(origin.folder, ()) if at is not None else ()
        return next((account for first, last, account in stretches if first <= (at or 0) <= last), 0)

    # -- pull requests ---------------------------------------------------------------------------------------

    def link_again(self, linked: set[int]) -> None:
        """Work out the pull request again: of all messages of a session whose links changed, of changed messages else."""
        touched: dict[int, list[Row]] = {}
        for row in self.new.values():
            touched.setdefault(row.session, []).append(row)
        for session in linked:
            self._link(session, [*touched.get(session, ()), *self._unchanged(session)])
        for session, rows in touched.items():
            if session in self.links:
                if session not in linked:
                    self._link(session, rows)
            elif self.old:  # a row that was there before may come from a session that had links
                for row in rows:
                    if row.pull:
                        self.change(row, row._replace(pull=0))

    def _unchanged(self, session: int) -> list[Row]:
        """The rows of a session in the table that nothing has changed so far."""
        found = self.db.execute(f"{_SELECT} WHERE session = ?", (session,))
        return [Row._make(row) for row in found if row[0] not in self.new]

    @cached_property
    def links(self) -> dict[int, list[tuple[int, int, int]]]:
        """What each session links: (time or NO_TIME, pull request, branch), in the order in which `pull_of` wants it."""
        sql = "SELECT session, at, url, pull, branch FROM link JOIN pull ON pull.id = pull"
        made: dict[int, list[tuple[int, int, int]]] = {}
        found = [
            (NO_TIME if at is None else at, url, session, *rest) for session, at, url, *rest in self.db.execute(sql)
        ]
        for at, _, session, pull, branch in sorted(found):  # by time, then by url: ids differ
            made.setdefault(session, []).append((at, pull, branch))
        return made

    def _link(self, session: int, rows: list[Row]) -> None:
        links = self.links.get(session, [])
        for row in rows:
            pull = pull_of(row.at, self.origins.at(row.origin).branch, links)
            if pull != row.pull:
                self.change(row, row._replace(pull=pull))

    # -- rows and rollups ------------------------------------------------------------------------------------

    def _rows(self, keys: list[int]) -> dict[int, Row]:
        found: dict[int, Row] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            for row in self.db.execute(f"{_SELECT} WHERE identity IN ({marks})", part):
                made = Row._make(row)
                found[made.identity] = made
        return found

    def finish(self) -> None:
        """Write the changed rows, and add what changed to the rollups."""
        fresh = [row for id, row in self.new.items() if id not in self.old]
        changed = [row for id, row in self.new.items() if id in self.old]
        self.db.executemany(_INSERT, self.plain)
        self.db.executemany(_INSERT, map(tuple, fresh))  # sqlite3 binds a plain tuple much faster than a named one
        self.db.executemany(_UPDATE, [(*row[1:], row.id) for row in changed])
        sums = self.sums
        for row in self.new.values():
            self._sum(row, 1)
        for id in self.old.keys() & self.new.keys():
            self._sum(self.old[id], -1)
        hours: dict[tuple[int, ...], list[int]] = {}
        for key, values in sums.items():
            into = hours.setdefault((key[0] // 4, key[2], key[3]), [0] * 9)
            into[:] = map(int.__add__, into, values)
        self._add("rollup", _ROLLUP_KEY, sums)
        self._add("hour", _HOUR_KEY, hours)

    def _add(self, table: str, key_columns: tuple[str, ...], sums: dict[tuple[int, ...], list[int]]) -> None:
        """Add to the sums in a table; what comes to no message goes."""
        marks = ",".join("?" * (len(key_columns) + 9))
        changes = [(*key, *values) for key, values in sums.items() if any(values)]
        self.db.executemany(f"INSERT INTO {table} VALUES ({marks}) {_ADD}", changes)
        where = " AND ".join(f"{column} = ?" for column in key_columns)
        lessened = [key for key, values in sums.items() if values[0] < 0]
        self.db.executemany(f"DELETE FROM {table} WHERE {where} AND messages = 0", lessened)

    def _sum(self, row: Row, sign: int) -> None:
        if row.billed:
            key = self._key(row.at, row[3:9], self.origins.at(row.origin), row.session, row.account, row.pull)
            _add_to(self.sums, key, row[3:9], row.logged_cost, sign)


def _add_to(
    sums: dict[tuple[int, ...], list[int]], key: tuple[int, ...], counts: Counts, cost: int | None, sign: int = 1
) -> None:
    into = sums.get(key)
    if into is None:
        into = sums[key] = [0] * 9
    into[0] += sign
    into[1] += sign * counts[0]
    into[2] += sign * counts[1]
    into[3] += sign * counts[2]
    into[4] += sign * counts[3]
    into[5] += sign * counts[4]
    into[6] += sign * counts[5]
    if cost is not None:
        into[7] += sign
        into[8] += sign * cost


def pull_of(at: int | None, branch: int, links: list[tuple[int, int, int]]) -> int:
    """The pull request of a message: the first that its session links at or after it on its branch (or where either
    branch is unknown), else the last linked before it, else 0 (accounting rule 8).

    `links` are (time or NO_TIME, pull request, branch), sorted; branches are name ids, 0 unknown.
    """
    moment = NO_TIME if at is None else at
    for linked_at, pull, linked_branch in links:
        if linked_at >= moment and (not branch or not linked_branch or branch == linked_branch):
            return pull
    before = [pull for linked_at, pull, _ in links if linked_at < moment]
    return before[-1] if before else 0


def _without(candidates: Mapping[int, int], session: int) -> dict[int, int]:
    return {s: flags for s, flags in candidates.items() if s != session}


# -- sessions, titles and links --------------------------------------------------------------------------------


def _write_sessions(db: sqlite3.Connection, said: Said, sessions: Mapping[str, int]) -> set[int]:
    """Merge what is said of sessions; returns those that turned out to have begun earlier than we knew."""
    ids = [sessions[uuid] for uuid in said.spans]
    began: dict[int, int | None] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        marks = ",".join("?" * len(part))
        began.update(db.execute(f"SELECT id, first_at FROM session WHERE id IN ({marks})", part).fetchall())
    moved = {
        sessions[uuid]
        for uuid, (first, _) in said.spans.items()
        if (before := began.get(sessions[uuid])) is None or first < before
    }
    db.executemany(
        "UPDATE session SET first_at = min(coalesce(first_at, ?1), ?1), last_at = max(coalesce(last_at, ?2), ?2)"
        " WHERE id = ?3",
        [(first, last, sessions[uuid]) for uuid, (first, last) in said.spans.items()],
    )
    db.executemany(
        "UPDATE session SET leaf = ?1, leaf_at = ?2 WHERE id = ?3 AND (leaf = '' OR (leaf_at, leaf) < (?2, ?1))",
        [(leaf, at, sessions[uuid]) for uuid, (at, leaf) in said.leaves.items() if uuid in sessions],
    )
    db.executemany(
        "UPDATE session SET prompt = ?1, prompt_at = ?2 WHERE id = ?3"
        " AND (prompt_at IS NULL OR (?2, ?1) < (prompt_at, prompt))",
        [(words, at, sessions[uuid]) for uuid, (at, words) in said.prompts.items()],
    )
    for kind, column in enumerate(("custom", "ai")):
        db.executemany(
            f"UPDATE session SET {column}_title = ?1, {column}_stamp = ?2, {column}_offset = ?3 WHERE id = ?4"
            f" AND (?2, ?3, ?1) > ({column}_stamp, {column}_offset, {column}_title)",
            [(words, stamp, at, sessions[uuid]) for (uuid, k), (stamp, at, words) in said.titles.items() if k == kind],
        )
    db.executemany(
        "INSERT INTO summary VALUES (?, ?) ON CONFLICT DO UPDATE SET text = max(text, excluded.text)",
        said.summaries.items(),
    )
    return moved


def _write_links(db: sqlite3.Connection, said: Said, sessions: Mapping[str, int], names: Strings) -> set[int]:
    """Merge the links to pull requests; returns the sessions in which one is new or earlier."""
    changed = set()
    for (uuid, url), (at, branch, number, repository) in said.links.items():
        db.execute(
            "INSERT INTO pull (url, number, repository) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " number = max(number, excluded.number), repository = max(repository, excluded.repository)",
            (url, number, repository),
        )
        pull = db.execute("SELECT id FROM pull WHERE url = ?", (url,)).fetchone()[0]
        session, moment, where = sessions[uuid], None if at == NO_TIME else at, names.id(branch)
        old = db.execute("SELECT at, branch FROM link WHERE session = ? AND pull = ?", (session, pull)).fetchone()
        if old is not None:
            old_at = NO_TIME if old[0] is None else old[0]
            if (old_at, names.text(old[1])) <= (at, branch):
                continue
        db.execute("INSERT OR REPLACE INTO link VALUES (?, ?, ?, ?)", (session, pull, moment, where))
        changed.add(session)
    return changed
