"""The hub's database in one SQLite file."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tachograph.errors import LedgerError
from tachograph.hub.store.database import Busy
from tachograph.lean_sqlite import sqlite3

APPLICATION_ID = 0x7AC0_4B01  # marks a SQLite file as a hub of ours


class SqliteDatabase:
    """Implements `Database`. Raises LedgerError if the file can't be opened or written."""

    lock = ""  # BEGIN IMMEDIATE lets one writer in

    def __init__(self, path: str) -> None:
        self.url = path
        with self._errors():
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA secure_delete = ON")  # what a person erases is overwritten

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._errors():
            return self._db.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self._errors():
            return self._db.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def version(self) -> int:
        with self._errors():
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            is_ours = self._db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            is_empty = not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not is_ours and not (version == 0 and is_empty):
            raise LedgerError(f"{self.url} is not the database of a hub.", "Name another file with --db.")
        return version

    def set_version(self, version: int) -> None:
        self.run(f"PRAGMA application_id = {APPLICATION_ID}")
        self.run(f"PRAGMA user_version = {version}")

    def table(self, sql: str) -> str:
        return re.sub(r"\bBYTES\b", "BLOB", sql) + (
            " WITHOUT ROWID" if sql.startswith("CREATE TABLE") and "PRIMARY KEY" in sql else ""
        )

    def size(self) -> int:
        return int(self.all("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")[0][0])

    def spread(self, tables: Sequence[str]) -> list[str]:
        raise LedgerError(
            f"{self.url} is one SQLite file, which can't be distributed.",
            "Use PostgreSQL with Citus: --db postgresql://…",
        )

    def back_up(self, path: str) -> None:
        """Copy the database into a new file, readable by this user alone."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise LedgerError(f"Can't write {path}: {error.strerror}.", "Name a file in a folder of yours.") from error
        with self._errors():
            copy = sqlite3.connect(path)
            try:
                self._db.backup(copy)
            finally:
                copy.close()

    def purge(self) -> None:
        """Move changes into the file, and empty the log beside it, which still has deleted rows."""
        self.all("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._db.close()

    def reconnect(self) -> None:
        """A file is never lost like a connection."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            is_busy = "locked" in str(error) or "busy" in str(error)
            is_full = "full" in str(error)
            raise (Busy if is_busy else LedgerError)(
                f"The hub's database {self.url} can't be used: {error}.",
                "Free some space on its disk; nothing that was sent is lost."
                if is_full
                else "Check the folder and the disk, then start it again.",
            ) from error
