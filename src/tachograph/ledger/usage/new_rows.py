"""Rows of new messages that nothing is merged with, which nearly all are: made and written many at a time.

In a first pass the compiled reader makes them (`KeptRows.add`) and keeps what pull requests and totals follow from.
"""

from __future__ import annotations

from _operator import add, itemgetter

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, Sequence
from tachograph.ledger.usage.account_of import Logins, account_of
from tachograph.ledger.usage.kept_rows import kept_places
from tachograph.ledger.usage.message_attributes import AttributeRow, MessageAttributes
from tachograph.ledger.usage.messages import Row
from tachograph.model.usage.content import is_unfinished, missing_output
from tachograph.model.usage.messages import Origin, PlainMessage, Way, is_billed

if TYPE_CHECKING:
    from typing import Any

    from tachograph.ledger.usage.kept_rows import KeptRows, MakeKeptRows

# what every new message has that nothing is merged with: constants in its statement, since values cost more
_SAME: dict[str, int | None] = {"logged_cost": None, "shared": 0, "several_folders": 0, "pull": 0, "by_branch": 0}
_OWN = [column for column in Row._fields if column not in _SAME]
_in_order = itemgetter(*map([*_OWN, *_SAME].index, Row._fields))


def _insert(columns: Sequence[str]) -> str:
    """SQL to insert rows of some columns; the others are constant."""
    constants = [column for column in _SAME if column not in columns]
    values = [*("?" * len(columns)), *("NULL" if _SAME[column] is None else "0" for column in constants)]
    return f"INSERT INTO answer ({', '.join((*columns, *constants))}) VALUES ({', '.join(values)})"


_INSERT, _INSERT_ASSIGNED = _insert(_OWN), _insert((*_OWN, "pull", "by_branch"))

# of the texts of an origin: it, its id, 1 if an answer without output is billed, and whether more follows from it than
# from the message alone (`_follows`)
_OriginValues = tuple[AttributeRow, int, int, bool]


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
    return make(kept_places(_OWN), kept_places(Row._fields))


class NewRows:
    """Rows to insert, without their constant columns; their ids follow each other.

    `whole_way`: of a message's own way, its origin and session, the way in full. `touched` gets their sessions.
    """

    def __init__(
        self,
        origins: MessageAttributes,
        logins: Logins,
        whole_way: Callable[[int, AttributeRow, int], int],
        touched: set[int],
        kept: KeptRows | None,
    ) -> None:
        self._attributes, self._logins, self._whole_way, self._touched = origins, logins, whole_way, touched
        self._kept = kept
        self._rows: list[tuple[Any, ...]] = []
        self._origins, self._ways = _Known(self._values_of), _Known(origins.ways.of)

    @property
    def first_id(self) -> int | None:
        return self._rows[0][0] if self._rows else None

    def add(self, messages: list[PlainMessage], first_id: int, sessions: Mapping[str, int]) -> None:
        """Make the rows of messages. `sessions`: ids by uuid."""
        if self._kept is not None:
            self._rows += self._kept.add(
                messages, first_id, self._origins, sessions, self._ways, self._follows, self._touched
            )
        else:
            self._add(messages, first_id, sessions)

    def _add(self, messages: Iterable[PlainMessage], row_id: int, sessions: Mapping[str, int]) -> None:
        """The twin of `KeptRows.add`. Messages that follow each other mostly share their session and way, so each is
        looked up when it changes."""
        append, touched = self._rows.append, self._touched
        last_texts: Origin | None = None
        last_uuid: str | None = None
        last_way: Way | None = None
        own_way = session = 0
        for identity, at, a, output, c, d, e, f, chosen_at, texts, request, uuid, flags, last_at, stop_at, mark, blocks, way_texts in messages:  # fmt: skip
            if texts is not last_texts:
                last_texts, (origin, origin_id, billed_empty, is_more) = texts, self._origins[texts]
            if uuid is not last_uuid:
                last_uuid, session = uuid, sessions[uuid]
                touched.add(session)
            if way_texts is not last_way:
                last_way, own_way = way_texts, self._ways[way_texts]
            account = presumed = unfinished = missing = 0
            way = own_way
            if is_more or blocks is not None:
                account, presumed, unfinished, missing, way = self._follows(
                    origin, flags, at, session, own_way, blocks, output
                )
            append((
                row_id, identity, at, a, output, c, d, e, f, chosen_at, origin_id, request, session, flags, account,
                1 if output else billed_empty, last_at, stop_at, mark, blocks, presumed, unfinished, missing, way, own_way,
            ))  # fmt: skip
            row_id += 1

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
        is_more = bool(texts[7]) or origin.folder in self._logins or origin.completes_way
        return origin, origin.id, int(is_billed(texts[3], 0)), is_more

    def insert(self, db: sqlite3.Connection) -> None:
        """Write the rows, with the pull requests that they were given while they were kept."""
        if self._kept is not None and self._rows:
            pulls = self._kept.pulls(self._rows[0][0], self._rows[-1][0])
            db.executemany(_INSERT_ASSIGNED, map(add, self._rows, pulls))
        else:
            db.executemany(_INSERT, self._rows)

    def whole(self) -> Iterator[tuple[Any, ...]]:
        """The rows in the form of a `Row`, without pull requests."""
        constants = tuple(_SAME.values())
        return (_in_order((*row, *constants)) for row in self._rows)

    def clear(self) -> None:
        self._rows.clear()
