"""Connections to the ledger's file: transactions, read-only access, waiting, and errors of SQLite in our own words."""

from __future__ import annotations

import os
import sys

from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.lean_contextlib import contextmanager, suppress
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterator

if TYPE_CHECKING:
    from threading import Thread
    from typing import Any

APPLICATION_ID = 0x7AC0_6EA7  # marks a SQLite file as a ledger of ours
BUSY_SECONDS = 10.0  # a batch of a first reading takes one or two of them on a slow disk
VERSION = 16  # of the schema: the number of steps in migrations.py, which takes long to load


class LedgerConnection(sqlite3.Connection):
    """A connection that remembers the names in use: `rollups.present` fills `names_in_use`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.names_in_use: dict[str, object] = {}


class Ledger:
    """An open ledger. `readable_only` says why it can't be written: a newer version's, or no write access."""

    def __init__(self, db: sqlite3.Connection, path: str, readable_only: str = "") -> None:
        self.db = db
        self.path = path
        self.readable_only = readable_only
        self._schema = self._schema_cookie()
        self._identity = file_identity(path)
        self._checkpoint: Thread | None = None

    @property
    def is_replaced(self) -> bool:
        """True if another file, or none, has taken its place since: restored, recovered, moved or deleted."""
        return file_identity(self.path) != self._identity

    def close(self) -> None:
        try:
            self._await_checkpoint()
        finally:
            self.db.close()

    def begin_checkpoint(self) -> None:
        """Run a checkpoint in a second thread, on its own connection, so that closing the ledger waits less for the disk.

        Pages that the checkpoint cannot copy, because another program still reads them, are copied when the ledger closes.
        """
        import threading

        def copy() -> None:
            if self.is_replaced:  # connecting would create an empty file
                return
            with suppress(sqlite3.Error):
                db = sqlite3.connect(self.path, timeout=0, isolation_level=None)
                try:
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)")
                finally:
                    db.close()

        self._await_checkpoint()
        thread = threading.Thread(target=copy, daemon=True)
        with suppress(RuntimeError):  # no thread is to be had: the ledger is copied when it closes
            thread.start()
            self._checkpoint = thread

    def _await_checkpoint(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint.join()
            self._checkpoint = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Close it, and turn an error of SQLite's into one of ours."""
        self.close()
        if isinstance(error, _OF_SQLITE):
            raise translate_error(error, f"The ledger {self.path}") from error

    def accept_schema(self) -> None:
        """Go on with the schema as it is now: this connection has changed it itself."""
        self._schema = self._schema_cookie()

    def _schema_cookie(self) -> int:
        """A number that SQLite changes with the schema, and when a backup is written over the ledger."""
        return int(self.db.execute("PRAGMA schema_version").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction, all or nothing. Waits up to `busy_seconds` for another program that holds the ledger."""
        with translate_errors(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                if self._schema_cookie() != self._schema:  # restored or migrated: ids that were read mean other things
                    raise LedgerError("The ledger was replaced while it was open.", "Run the command again.")
                yield self.db
                self.db.execute("COMMIT")  # on a full disk it is this that fails
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise


_BULK_CACHE_KB, _BULK_FRAMES = 8_000, 20_000  # of 4 KB each
_CACHE_KB, _FRAMES = 2000, 1000  # SQLite's own


@contextmanager
def bulk(ledger: Ledger, *, is_first: bool) -> Iterator[None]:
    """A pass that may write much: the first one keeps the ledger's pages in memory, and rarely moves them from the
    write-ahead log to the ledger, since each batch changes every page of the index of identities."""
    if is_first:
        _give_room(ledger.db, _BULK_CACHE_KB, _BULK_FRAMES)
    yield
    if is_first:
        _give_room(ledger.db, _CACHE_KB, _FRAMES)


def _give_room(db: sqlite3.Connection, cache_kb: int, frames: int) -> None:
    db.execute(f"PRAGMA cache_size = -{cache_kb}")
    db.execute(f"PRAGMA wal_autocheckpoint = {frames}")


def file_identity(path: str) -> tuple[int, int] | None:
    """Device and inode of a file: another inode is another ledger. None without a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def snapshot(ledger: Ledger) -> Iterator[sqlite3.Connection]:
    """The ledger as it is now: later writes of others stay invisible, so that several answers belong together."""
    with translate_errors(ledger.path):
        ledger.db.execute("BEGIN")
        try:
            ledger.db.execute("SELECT 1 FROM choice LIMIT 1").fetchone()  # it begins with the first read
            yield ledger.db
        finally:
            if ledger.db.in_transaction:
                ledger.db.execute("ROLLBACK")


def busy_seconds() -> float:
    """Longest wait for another program that holds the ledger; TACHOGRAPH_BUSY_SECONDS shortens it for tests."""
    try:
        return max(0.0, float(os.environ.get("TACHOGRAPH_BUSY_SECONDS", BUSY_SECONDS)))
    except ValueError:
        return BUSY_SECONDS


def set_journal_mode(db: sqlite3.Connection, path: str) -> None:
    """Use WAL, except on a network file system, which has no shared memory for it."""
    db.execute(f"PRAGMA journal_mode = {'DELETE' if is_network_folder(os.path.dirname(path)) else 'WAL'}")


def connect_readonly(path: str, *, at_rest: bool | None = None) -> sqlite3.Connection:
    """A connection that changes nothing. Raises sqlite3.OperationalError where the file cannot be opened.

    `at_rest`: true for a file that no program writes to, such as a backup; then nothing is put beside it either.
    Unknown (None) is treated as true only if there is no other way.
    """
    from urllib.parse import quote

    # without leave or room to write, WAL's shared memory cannot be made
    modes = ["mode=ro", "immutable=1"] if at_rest is None else ["mode=ro"]
    if at_rest and not os.path.exists(f"{path}-wal"):
        modes = ["immutable=1"]
    for mode in modes:
        address = f"file:{quote(os.fsencode(path))}?{mode}"
        db = sqlite3.connect(address, uri=True, timeout=busy_seconds(), isolation_level=None, factory=LedgerConnection)
        try:
            db.execute("PRAGMA user_version").fetchone()
        except BaseException as error:
            db.close()
            if mode == modes[-1] or primary_code(error) not in _NO_SHARED_MEMORY:
                raise
        else:
            return db
    raise AssertionError


_NO_SHARED_MEMORY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)


def set_busy_timeout(db: sqlite3.Connection, milliseconds: int) -> None:
    """Wait no longer than this for another program that holds the ledger."""
    db.execute(f"PRAGMA busy_timeout = {milliseconds}")


def data_version(db: sqlite3.Connection) -> int:
    """A number that changes when another connection has written to the ledger."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])


@contextmanager
def translate_errors(path: str, what: str = "ledger") -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except _OF_SQLITE as error:
        raise translate_error(error, f"The {what} {path}") from error


# text, or the name in a message, that is no text, can be met in writing and in reading
_OF_SQLITE = (sqlite3.Error, UnicodeEncodeError, UnicodeDecodeError)


def translate_error(error: sqlite3.Error | UnicodeEncodeError | UnicodeDecodeError, subject: str) -> LedgerError:
    """Our error for one of SQLite's. Damage is only suspected here: the recovery checks before it moves anything."""
    if isinstance(error, UnicodeEncodeError):
        return LedgerError(
            f"{subject} can't store a name that is not valid Unicode: {error.object!a:.100}.",
            "Rename the file or folder, then run the command again.",
        )
    word = str(error)
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return LedgerBusy(
            f"{subject} has been held by another program for {busy_seconds():g} seconds.",
            "Try again; `tachograph daily --no-ingest` reads without waiting.",
        )
    if isinstance(error, UnicodeDecodeError) or word.startswith("Could not decode to UTF-8"):
        return LedgerDamaged(f"{subject} is damaged: a text in it is not valid UTF-8.", "Run `tachograph doctor`.")
    # a table of ours that is not there, or a schema that cannot be parsed, comes from a flipped byte in the schema
    missing = word.startswith(("no such table", "no such column", "malformed database schema"))
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or missing:
        return LedgerDamaged(f"{subject} is damaged: {word}.", "Run `tachograph doctor`.")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return LedgerError(
            f"{subject} could not be read or written: {word}.",
            "Nothing that was counted is lost. See that the disk has room, and run the command again.",
        )
    return LedgerError(f"{subject} cannot be used: {word}.", "Run `tachograph doctor`.")


def primary_code(error: BaseException) -> int:
    """SQLite's primary code of an error; SQLITE_ERROR for an error without one."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def is_network_folder(folder: str, mounts: str = "/proc/self/mounts") -> bool:
    """True for a folder on a network file system, which WAL does not support. Linux only: else False."""
    if sys.platform != "linux":
        return False
    folder, best, kind = os.path.realpath(folder), "", ""
    try:
        with open(mounts, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                parts = line.split(" ")
                if len(parts) < 3:
                    continue
                point = parts[1].replace("\\040", " ")
                inside = folder == point or folder.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(best):
                    best, kind = point, parts[2]
    except OSError:
        return False
    return kind in _NETWORK_KINDS


_NETWORK_KINDS = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph", "glusterfs"))
