"""The thin layer between our statements and an engine.

Statements are written once, in the SQL that SQLite, PostgreSQL and Citus share: `?` for values, upserts with
`ON CONFLICT` on a key that contains `member`, no triggers, no advisory locks, no temporary tables, no sequences.
An engine adds its placeholders, its types, row locks and the translation of its errors.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from tachograph.errors import LedgerError

T = TypeVar("T")
_CHUNK = 400  # values in one IN list, rows in one INSERT
_TRIES = 6


class Busy(LedgerError):
    """The statement failed because of other work or a lost connection; the whole request may be repeated."""


class Database(Protocol):
    """An open database, used by one thread at a time. Raises LedgerError; Busy where repeating helps."""

    url: str  # for people: without a password
    lock: str  # suffix of a SELECT that locks its rows until the end of the transaction

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]: ...

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; returns the number of changed rows."""

    def transaction(self) -> AbstractContextManager[None]: ...

    def version(self) -> int:
        """Version of the schema; 0 for an empty database. Raises LedgerError for a database of another program."""

    def set_version(self, version: int) -> None: ...

    def table(self, sql: str) -> str:
        """A statement that changes the schema, with the engine's types and options."""

    def size(self) -> int:
        """Bytes of the database."""

    def spread(self, tables: Sequence[str]) -> list[str]:
        """Distribute tables by member where the engine can; returns those that were not yet. Raises LedgerError."""

    def back_up(self, path: str) -> None: ...

    def purge(self) -> None:
        """Overwrite deleted rows if the engine leaves that to us."""

    def close(self) -> None: ...

    def reconnect(self) -> None:
        """Replace a connection that was lost."""


def one(database: Database, sql: str, values: Sequence[Any] = ()) -> Any:
    """The first row; None without one."""
    rows = database.all(sql, values)
    return rows[0] if rows else None


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def marks(count: int) -> str:
    """Placeholders of an IN list."""
    return ", ".join("?" * count)


def insert_rows(database: Database, table: str, rows: Sequence[Sequence[Any]], then: str = "") -> None:
    """Insert many rows with few statements. `table`: with its columns in parentheses where a row has not all of them;
    `then`: the ON CONFLICT clause; no two rows may have the same key."""
    for part in chunks(rows):
        values = ", ".join(f"({marks(len(part[0]))})" for _ in part)
        database.run(f"INSERT INTO {table} VALUES {values} {then}", [value for row in part for value in row])


def repeat(database: Database, work: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """Do a piece of work that may be repeated as a whole; after Busy again, each time later. Raises LedgerError."""
    for number in range(1, _TRIES + 1):
        try:
            return work()
        except Busy:
            if number == _TRIES:
                raise
            sleep(random.uniform(0.5, 1.0) * 0.02 * 3**number)  # noqa: S311 - spreads repetitions, no secret
            database.reconnect()
    raise AssertionError("unreachable")
