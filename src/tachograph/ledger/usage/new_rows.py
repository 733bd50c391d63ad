"""Rows of new messages that nothing is merged with, which nearly all are: made and written many at a time.

In a first pass the compiled reader makes nearly all of them (`KeptRows.add`), when they are inserted, and keeps what pull
requests and totals follow from.
"""

from __future__ import annotations

from _operator import itemgetter
from itertools import islice

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, Sequence
from tachograph.ledger.usage.account_of import Logins, account_of
from tachograph.ledger.usage.kept_rows import kept_places
from tachograph.ledger.usage.message_attributes import AttributeRow, MessageAttributes
from tachograph.ledger.usage.messages import Row
from tachograph.model.usage.content import is_unfinished, missing_output
from tachograph.model.usage.messages import NO_TIME, Origin, PlainMessage, Way, is_billed

if TYPE_CHECKING:
    from typing import Any

    from tachograph.ledger.usage.kept_rows import KeptRows, MakeKeptRows, RowIterator
    from tachograph.model.usage.plain_messages import PlainMessages


# Columns that are constants in the statement, or copies of another column: a bound value takes 0.1 µs per row. The first
# are the same for every message that nothing is merged with, `_USUAL` for nearly all of them.
_SAME: dict[str, str] = {"logged_cost": "NULL", "shared": "0", "several_folders": "0"}
_UNASSIGNED = {"pull": "0", "by_branch": "0"}
_USUAL = {
    "chosen_at": "last_at",
    "stop_at": "last_at",
    "billed": "1",
    "web_searches": "0",
    "blocks": "NULL",
    "unfinished": "0",
    "missing_output": "0",
    "own_way": "way",
}
_COMMON = [column for column in Row._fields if column not in {**_SAME, **_UNASSIGNED, **_USUAL}]
_RARE = [*_COMMON, *_USUAL]  # the columns of a row that has anything else in one of those


def _insert(columns: Sequence[str]) -> str:
    """SQL to insert rows of some columns; the others are constant, or copies of another one."""
    values = {column: f"?{place}" for place, column in enumerate(columns, 1)}
    for column, constant in {**_SAME, **_UNASSIGNED, **_USUAL}.items():
        values.setdefault(column, values.get(constant, constant))
    return f"INSERT INTO answer ({', '.join(values)}) VALUES ({', '.join(values.values())})"


# without and with pull requests
_INSERT_COMMON = _insert(_COMMON), _insert([*_COMMON, *_UNASSIGNED])
_INSERT_RARE = _insert(_RARE), _insert([*_RARE, *_UNASSIGNED])

_origin = itemgetter(9)  # of a PlainMessage
_SESSION, _BILLED = _RARE.index("session"), _RARE.index("billed")
_MANY = 500  # messages: from so many on, their new origins are stored together

# of the texts of an origin: it, its id, 1 if an answer without output is billed; and if an account or a way follows from it
# (`_follows`), the moment before which both are the same for all messages of a session, other than those marked FOREIGN
_OriginValues = tuple[AttributeRow, int, int, int | None]


class _Known(dict):  # type: ignore[type-arg]
    """Answers of a function, by its argument."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: Any) -> Any:
        found = self[key] = self._function(key)
        return found


def kept_rows(make: MakeKeptRows) -> KeptRows:
    """Memory for the rows of a first pass; `make` is the compiled reader's."""
    return make(kept_places(Row._fields))


class NewRows:
    """Rows to insert: usual ones with the columns in `_COMMON`, the others with those in `_RARE`.

    `whole_way`: of a message's own way, its origin and session, the way in full. `touched` gets their sessions.
    """

    def __init__(
        self,
        origins: MessageAttributes,
        logins: Logins,
        whole_way: Callable[[int, AttributeRow, int], int],
        touched: set[int],
    ) -> None:
        self._attributes, self._logins, self._whole_way, self._touched = origins, logins, whole_way, touched
        self._kept: tuple[RowIterator, ...] = ()  # usual rows and others of a first pass
        self.first_id: int | None = None  # the lowest id of a row to insert
        self._common: list[tuple[Any, ...]] = []
        self._rare: list[tuple[Any, ...]] = []
        self._presumed: dict[int, tuple[int, int]] = {}
        self._origins, self._ways = _Known(self._values_of), _Known(origins.ways.of)

    def add(self, messages: list[PlainMessage], first_id: int, sessions: Mapping[str, int]) -> None:
        """Make the rows of messages. `sessions`: ids by uuid."""
        if len(messages) >= _MANY:
            self._attributes.store(set(map(_origin, messages)))
        common, rare = self._add(messages, first_id, sessions)
        self._common += common
        self._rare += rare
        self._note_first(first_id, len(messages))

    def keep(self, kept: KeptRows, messages: PlainMessages, first_id: int, sessions: Mapping[str, int]) -> None:
        """Keep the rows of messages in a first pass; `insert` makes them."""
        origins, uuids, ways = messages.tables()
        self._attributes.store({texts for texts in origins if texts is not None})
        self._kept = kept.add(
            messages,
            first_id,
            [texts and self._origins[texts] for texts in origins],
            [uuid if uuid is None else sessions[uuid] for uuid in uuids],
            [way and self._ways[way] for way in ways],
            self._follows,
            self._touched,
        )
        self._note_first(first_id, len(messages))

    def _note_first(self, first_id: int, count: int) -> None:
        if count and self.first_id is None:
            self.first_id = first_id

    def _add(
        self, messages: Iterable[PlainMessage], first_id: int, sessions: Mapping[str, int]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """The Python version of `KeptRows.add`; it makes the rows immediately.

        Messages that follow each other mostly share their session and way, so each is looked up when it changes.
        """
        common: list[tuple[Any, ...]] = []
        rare: list[tuple[Any, ...]] = []
        touched = self._touched
        last_texts: Origin | None = None
        last_uuid: str | None = None
        last_way: Way | None = None
        own_way = session = 0
        for identity, at, a, output, c, d, e, searches, chosen_at, texts, request, uuid, flags, last_at, stop_at, mark, blocks, way_texts in messages:  # fmt: skip
            if texts is not last_texts:
                last_texts, (origin, origin_id, billed_empty, until) = texts, self._origins[texts]
            if uuid is not last_uuid:
                last_uuid, session = uuid, sessions[uuid]
                touched.add(session)
            if way_texts is not last_way:
                last_way, own_way = way_texts, self._ways[way_texts]
            account = presumed = unfinished = missing = 0
            way = own_way
            if until is not None or blocks is not None:
                account, presumed, unfinished, missing, way = self._follows(
                    origin, flags, at, session, own_way, blocks, output
                )
            row = (
                identity, at, a, output, c, d, e, origin_id, request, session, flags, account, last_at, mark, presumed, way,
            )  # fmt: skip
            billed = 1 if output else billed_empty
            if not billed or searches or blocks is not None or way != own_way or not chosen_at == stop_at == last_at:
                rare.append((*row, chosen_at, stop_at, billed, searches, blocks, unfinished, missing, own_way))
            else:
                common.append(row)
        numbered = ((id, *row) for id, row in enumerate((*common, *rare), first_id))
        return list(islice(numbered, len(common))), list(numbered)

    def _follows(
        self, origin: AttributeRow, flags: int, at: int, session: int, own_way: int, blocks: bytes | None, output: int
    ) -> tuple[int, int, int, int, int]:
        """Values that follow from a message's own facts: account, presumed, unfinished, missing output and way."""
        account = presumed = unfinished = missing = 0
        if origin.texts[7] or origin.folder in self._logins:
            account, presumed = account_of(origin, flags, at, (origin.folder,), self._logins, self._attributes.names)
        way = self._whole_way(own_way, origin, session) if origin.completes_way else own_way
        if blocks is not None and is_unfinished(blocks, output):
            unfinished, missing = 1, missing_output(blocks, output)
        return account, presumed, unfinished, missing, way

    def _values_of(self, texts: Origin) -> _OriginValues:
        origin = self._attributes.of(texts)
        until = NO_TIME if texts[7] or origin.completes_way else None
        if not texts[7] and (logins := self._logins.get(origin.folder)):
            until = logins[0].first
        return origin, origin.id, int(is_billed(texts[3], 0)), until

    def presume_pulls(self, pulls: Mapping[int, tuple[int, int]]) -> None:
        """Give the rows of some sessions, by id, a pull request (and whether by branch alone) until it is worked out."""
        self._presumed.update(pulls)

    def insert(self, db: sqlite3.Connection) -> None:
        """Write the rows, with the pull requests that they were given while they were kept or that were presumed."""
        for kept, sql in zip(self._kept, (_INSERT_COMMON[1], _INSERT_RARE[1]), strict=False):
            if len(kept):
                db.executemany(sql, kept)
        for rows, plain, assigned in ((self._common, *_INSERT_COMMON), (self._rare, *_INSERT_RARE)):
            if rows and self._presumed:
                db.executemany(assigned, [(*row, *self._pull(row)) for row in rows])
            elif rows:
                db.executemany(plain, rows)

    def whole(self) -> Iterator[tuple[Any, ...]]:
        """The rows in the form of a `Row`, without those of a first pass, whose totals are made at its end."""
        for row in self._common:
            last_at, way = row[-4], row[-1]
            usual = last_at, last_at, 1, 0, None, 0, 0, way
            yield _in_order((*row, *usual, None, 0, 0, *self._pull(row)))
        for row in self._rare:
            yield _in_order((*row, None, 0, 0, *self._pull(row)))

    def _pull(self, row: tuple[Any, ...]) -> tuple[int, int]:
        """What is presumed for a row, none for an answer that is not billed: only totals tell who has to be corrected."""
        if not self._presumed or (len(row) > _BILLED and not row[_BILLED]):
            return 0, 0
        return self._presumed.get(row[_SESSION], (0, 0))

    def clear(self) -> None:
        self._kept, self.first_id = (), None
        self._common.clear()
        self._rare.clear()
        self._presumed.clear()


_in_order = itemgetter(*map([*_RARE, *_SAME, *_UNASSIGNED].index, Row._fields))
