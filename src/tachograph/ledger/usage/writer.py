"""Change rows of messages, and with them the totals they add up to.

Everything that can change a message's row goes through `MessageWriter.change`, which remembers what the row added to
the rollups before and after; so `rollup` is at every commit what `answer` adds up to, or marked as due (totals.py).
"""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator, Mapping
from tachograph.ledger.usage import totals
from tachograph.ledger.usage.account_of import Logins, account_of
from tachograph.ledger.usage.agent_types import type_in_id, types_of
from tachograph.ledger.usage.message_attributes import AttributeRow, MessageAttributes
from tachograph.ledger.usage.messages import SELECT, Row
from tachograph.ledger.usage.new_rows import NewRows
from tachograph.ledger.usage.total_changes import TotalChanges
from tachograph.model.usage.content import is_unfinished, joined_blocks, missing_output
from tachograph.model.usage.entrypoints import COWORK, is_cowork
from tachograph.model.usage.messages import (
    AGENT,
    FORKED,
    NO_TIME,
    SIDECHAIN,
    AnyMessage,
    Message,
    PlainMessage,
    earlier_mark,
    is_billed,
    larger_counts,
    whole,
)

if TYPE_CHECKING:
    from typing import Any

    from tachograph.ledger.usage.kept_rows import KeptRows
    from tachograph.model.usage.plain_messages import PlainMessages


_COLUMNS = ", ".join(Row._fields)
_INSERT = f"INSERT INTO answer ({_COLUMNS}) VALUES ({', '.join('?' * len(Row._fields))})"
_UPDATE = f"UPDATE answer SET {', '.join(f'{c} = ?' for c in Row._fields[2:])} WHERE id = ?"  # a row keeps its identity
_ASSIGN_RANGE = "UPDATE answer SET pull = ?, by_branch = ? WHERE id BETWEEN ? AND ?"
CLAIM_FLAGS = FORKED | SIDECHAIN  # the flags that decide which session owns a message


class MessageWriter:
    """Changes rows of `answer`, and the rollups with them, at the end in one go."""

    def __init__(
        self, db: sqlite3.Connection, origins: MessageAttributes, logins: Logins, kept: KeptRows | None = None
    ) -> None:
        self.db = db
        self.names = origins.names
        self.ways = origins.ways
        self._ways: dict[tuple[int, int, int], int] = {}
        self._types: dict[int, dict[str, str]] = {}  # of the subagents of sessions, as far as looked up
        self.logins = logins
        self.old: dict[int, Row] = {}  # as they are in the table
        self.new: dict[int, Row] = {}  # as they shall be
        self.totals = TotalChanges(origins)
        self.copies: list[tuple[int, int, int]] = []  # rows of `copy`
        self.folders: list[tuple[int, int]] = []  # rows of `answer_folder`
        self.origins = origins
        self.is_total_due = totals.are_due(db)  # then the rollups are left alone
        self.kept = kept if kept is not None and kept.is_whole else None  # every row of the table, in a first pass
        self.touched: set[int] = set()  # sessions of which a message was added or changed
        self.fresh = NewRows(origins, logins, self.whole_way, self.touched)  # new rows that nothing is merged with

    @property
    def used(self) -> str:
        """The table (or query) of sessions, places and branches in use."""
        return totals.USED_WHILE_DUE if self.is_total_due else totals.USED

    def change(self, before: Row | None, after: Row) -> None:
        """Note the new state of a row; `before` is its current state, None for a new row."""
        if before is not None and after.id not in self.new:
            self.old[after.id] = before
        self.new[after.id] = after

    def remove(self, row: Row) -> None:
        """Take a row out of the table and the totals, at once."""
        self._sum(row, -1)
        self.touched.add(row.session)
        self.db.execute("DELETE FROM answer WHERE id = ?", (row.id,))
        self.db.execute("DELETE FROM copy WHERE message = ?", (row.id,))
        self.db.execute("DELETE FROM answer_folder WHERE message = ?", (row.id,))
        if self.kept is not None:
            self.kept.drop(row.id)

    def rows(self, condition: str, values: Iterable[Any]) -> list[Row]:
        """Rows of the table by a condition in SQL."""
        return [Row._make(row) for row in self.db.execute(f"{SELECT} WHERE {condition}", tuple(values))]

    def rows_of(self, identities: list[int]) -> dict[int, Row]:
        """Rows of the table by identity."""
        return {row.identity: row for row in self._rows_with("identity", identities)}

    def rows_by_id(self, ids: list[int]) -> list[Row]:
        """Rows of the table with some ids."""
        return list(self._rows_with("id", ids))

    def _rows_with(self, column: str, values: list[int]) -> Iterator[Row]:
        for start in range(0, len(values), 500):
            part = values[start : start + 500]
            yield from self.rows(f"{column} IN ({','.join('?' * len(part))})", part)

    # -- messages --------------------------------------------------------------------------------------------

    def add(
        self,
        messages: Iterable[AnyMessage],
        sessions: Mapping[str, int],
        known: Mapping[int, Row] | None = None,
        new: PlainMessages | None = None,
    ) -> None:
        """Merge messages with the rows that are there, and add new ones in a first pass. `known`: rows of the messages,
        where they were looked up."""
        messages = list(messages)
        if known is None:
            known = self.rows_of([m[0] for m in messages])
        following = self.db.execute("SELECT coalesce(max(id), 0) + 1 FROM answer").fetchone()[0]
        plain: list[PlainMessage] = []  # and new: nothing can change about it in this batch
        others: list[AnyMessage] = []
        for one in messages:
            if self.kept is None and len(one) != 7 and one[0] not in known:
                plain.append(one)
            else:
                others.append(one)
        for any_message in others:
            old = known.get(any_message[0])
            message = whole(any_message)
            candidates = {sessions[uuid]: flags for uuid, flags in message[5].items()}
            if old is None:
                self.change(None, self._row(following, message, candidates))
                following += 1
            else:
                merged = self._merged(old, message, candidates)
                if merged != old:  # its pull request is worked out again afterwards
                    self.change(old, merged._replace(pull=0, by_branch=0))
        if new is not None and self.kept is not None:
            self.fresh.keep(self.kept, new, following, sessions)
        self.fresh.add(plain, following, sessions)

    def _row(self, id: int, message: Message, candidates: dict[int, int]) -> Row:
        identity, at, counts, logged, choice, _, trace = message
        session, flags = owner_by_flags(candidates)
        if len(candidates) > 1:
            self.copies += [(id, s, f) for s, f in candidates.items()]
        origin = self.origins.of(choice[2])
        folders = [origin.folder, *(self.names.id(folder) for folder in trace[5])]
        if len(folders) > 1:
            self.folders += [(id, folder) for folder in folders]
        row = Row(
            id,
            identity,
            None if at == NO_TIME else at,
            *counts,
            None if logged < 0 else logged,
            None if choice[1] == NO_TIME else choice[1],
            origin.id,
            trace[3],
            session,
            flags,
            int(len(candidates) > 1),
            0,
            0,
            0,
            None if trace[0] == NO_TIME else trace[0],
            None if trace[1] == NO_TIME else trace[1],
            trace[2],
            trace[4] or None,
            int(len(folders) > 1),
            0,
            0,
            0,
            0,
            0,
            self.ways.of(trace[6]),
        )
        return self._derived(row, origin, folders)

    def _merged(self, old: Row, message: Message, candidates: dict[int, int]) -> Row:
        """A row with another copy of its message merged in: `merge` of model/usage/messages.py for a row and a tuple."""
        _, at, counts, logged, choice, _, trace = message
        new, origin = old, self.origins.at(old.origin)
        mine = (-old.output, _time(old.chosen_at), origin.texts)
        folders = self.folders_of(old)
        if choice < mine:
            origin = self.origins.of(choice[2])
            new = old._replace(chosen_at=_null(choice[1]), origin=origin.id)
        more = {self.names.id(choice[2][8]), *(self.names.id(folder) for folder in trace[5])} - set(folders)
        if more:
            folders = [*folders, *sorted(more)]
            self.folders += [(old.id, folder) for folder in folders]
        earliest = min(at, _time(old.at))
        costs = [cost for cost in (old.logged_cost, logged) if cost is not None and cost >= 0]
        most: dict[str, Any] = dict(zip(Row._fields[3:9], larger_counts(old[3:9], counts), strict=True))
        stop_at = min(_time(old.stop_at), trace[1])
        last_at = max((t for t in (old.last_at, _null(trace[0])) if t is not None), default=None)
        blocks = None if stop_at != NO_TIME else joined_blocks(old.blocks or b"", trace[4]) or None
        new = self._joined(new, candidates)._replace(
            at=_null(earliest),
            logged_cost=max(costs, default=None),
            request=max(old.request, trace[3]),
            last_at=last_at,
            stop_at=_null(stop_at),
            mark=earlier_mark(_time(old.at), old.mark, at, trace[2]),
            blocks=blocks,
            several_folders=int(len(folders) > 1),
            own_way=self.ways.joined(old.own_way, trace[6]),
            **most,
        )
        return self._derived(new, origin, folders)

    def folders_of(self, row: Row) -> list[int]:
        """Every config folder that holds a copy of a message."""
        if not row.several_folders:
            return [self.origins.at(row.origin).folder]
        found = self.db.execute("SELECT folder FROM answer_folder WHERE message = ?", (row.id,))
        return [folder for (folder,) in found]

    def _derived(self, row: Row, origin: AttributeRow, folders: Iterable[int]) -> Row:
        """A row with everything that follows from its own facts worked out again."""
        account, presumed = account_of(origin, row.flags, row.at, folders, self.logins, self.names)
        unfinished = is_unfinished(row.blocks or b"", row.output)
        return row._replace(
            account=account,
            presumed=presumed,
            billed=int(is_billed(origin.texts[3], row.output)),
            way=self.whole_way(row.own_way, origin, row.session),
            unfinished=int(unfinished),
            missing_output=missing_output(row.blocks or b"", row.output) if unfinished else 0,
        )

    def whole_way(self, own: int, origin: AttributeRow, session: int) -> int:
        """The way that copies name, with the type of the subagent and Cowork as the program where they do not."""
        if not origin.completes_way:
            return own
        known = self._ways.get((own, origin.id, session))
        if known is not None:
            return known
        way, agent = self.ways.at(own), origin.texts[6]
        if agent and not way[AGENT]:
            if session not in self._types:
                self._types[session] = types_of(self.db, session)
            way = (max(type_in_id(agent), self._types[session].get(agent, "")), *way[1:])
        if is_cowork(origin.texts[8]):
            way = (*way[:5], COWORK)
        found = self._ways[own, origin.id, session] = self.ways.of(way)
        return found

    def with_way(self, row: Row) -> Row:
        """A row with its way worked out again."""
        return row._replace(way=self.whole_way(row.own_way, self.origins.at(row.origin), row.session))

    def with_account(self, row: Row) -> Row:
        """A row with its account worked out again."""
        folders = self.folders_of(row)
        account, presumed = account_of(self.origins.at(row.origin), row.flags, row.at, folders, self.logins, self.names)
        return row._replace(account=account, presumed=presumed)

    def _joined(self, row: Row, candidates: dict[int, int]) -> Row:
        """A row with more sessions to belong to."""
        if not row.shared:
            if candidates.keys() == {row.session}:
                return row._replace(flags=row.flags & candidates[row.session])
            mine = row.flags & candidates.get(row.session, row.flags)
            candidates = {**candidates, row.session: mine}
        else:
            known = self.db.execute("SELECT session, flags FROM copy WHERE message = ?", (row.id,))
            for session, flags in known.fetchall():
                candidates = {**candidates, session: flags & candidates.get(session, flags)}
        self.copies += [(row.id, s, f) for s, f in candidates.items()]
        if row.session in candidates and candidates[row.session] & CLAIM_FLAGS <= min(
            f & CLAIM_FLAGS for f in candidates.values()
        ):
            return row._replace(flags=candidates[row.session], shared=1)
        session, flags = owner_by_flags(candidates)
        return row._replace(session=session, flags=flags, shared=1)

    def assign_pulls(self, changes: Mapping[int, tuple[int, int]]) -> None:
        """Give rows of the table, by id, another pull request (and whether by branch alone); `finish` adds it to the
        totals."""
        if self.is_total_due:
            self.assign_ranges(_ranges(changes))
            return
        for row in self._rows_with("id", list(changes)):
            pull, by_branch = changes[row.id]
            self._sum(row, -1)
            self._sum(row._replace(pull=pull, by_branch=by_branch), 1)
        updates = [(pull, by_branch, id) for id, (pull, by_branch) in changes.items()]
        self.db.executemany("UPDATE answer SET pull = ?, by_branch = ? WHERE id = ?", updates)

    def assign_ranges(self, ranges: Iterable[tuple[int, int, int, int]]) -> None:
        """Give rows other pull requests while the totals are due. A range is a pull request, whether by branch alone, and
        the first and last id; one that is not written yet gets its pull requests when it is."""
        following = self.fresh.first_id
        self.db.executemany(_ASSIGN_RANGE, [one for one in ranges if following is None or one[2] < following])

    # -- rows and rollups ------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Write all rows, and add what changed to the rollups."""
        self.finish_changed()
        self.fresh.insert(self.db)
        if not self.is_total_due:
            for row in self.fresh.whole():
                self.totals.add(row, 1)
        self.totals.write(self.db)
        self.fresh.clear()

    def finish_changed(self) -> None:
        """Write the rows that were given to `change`."""
        fresh = [row for id, row in self.new.items() if id not in self.old]
        changed = [row for id, row in self.new.items() if id in self.old]
        self.db.executemany(_INSERT, map(tuple, fresh))  # sqlite3 binds a plain tuple much faster than a named one
        self.db.executemany(_UPDATE, [(*row[2:], row.id) for row in changed])
        self.db.executemany("INSERT OR REPLACE INTO copy VALUES (?, ?, ?)", self.copies)
        self.db.executemany("INSERT OR IGNORE INTO answer_folder VALUES (?, ?)", self.folders)
        for row in self.new.values():
            self._sum(row, 1)
            self.touched.add(row.session)
        for id in self.old.keys() & self.new.keys():
            self._sum(self.old[id], -1)
            self.touched.add(self.old[id].session)
        if self.kept is not None:
            self.kept.put(list(self.new.values()))
        self.touched |= {session for _, session, _ in self.copies}
        self.old, self.new, self.copies, self.folders = {}, {}, [], []

    def _sum(self, row: Row, sign: int) -> None:
        if not self.is_total_due:
            self.totals.add(row, sign)


def owner_by_flags(candidates: Mapping[int, int]) -> tuple[int, int]:
    """A session that may own a message: main chain before side chain, not forked before forked; owners.py decides
    between several such."""
    session = min(candidates, key=lambda s: (candidates[s] & CLAIM_FLAGS, s))
    return session, candidates[session]


def _ranges(changes: Mapping[int, tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Values of ids that follow each other and share them: both values, the first id and the last."""
    ids = sorted(changes)
    start = 0
    for place, id in enumerate(ids):
        value = changes[id]
        if place + 1 == len(ids) or ids[place + 1] != id + 1 or changes[id + 1] != value:
            yield *value, ids[start], id
            start = place + 1


def _time(at: int | None) -> int:
    return NO_TIME if at is None else at


def _null(at: int) -> int | None:
    return None if at == NO_TIME else at
