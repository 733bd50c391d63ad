"""Open the ledger: one SQLite file, 0600 in a 0700 folder, brought to the current schema after a backup."""

import os

from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.lean_contextlib import suppress
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Iterator
from tachograph.ledger.storage.connection import (
    APPLICATION_ID,
    VERSION,
    Ledger,
    LedgerConnection,
    busy_seconds,
    connect_readonly,
    primary_code,
    set_journal_mode,
    translate_errors,
)
from tachograph.paths import Paths, private_folder

# in one statement: another process may be making the ledger this moment
_IS_FOREIGN = "SELECT user_version = 0 AND EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version"
_READ_ONLY = "the file or its folder is read-only here"
_TRIES = 5  # of opening a ledger that other processes replace at that moment


def open_ledger(paths: Paths, now_ms: int, *, new: bool = False) -> Ledger:
    """The ledger of this user, created if missing. `new`: create an empty one even if there are backups of another.

    Raises LedgerDamaged if the file is not a sound ledger, LedgerBusy, or LedgerError if the folder can't be used.
    """
    private_folder(paths.data)
    for _ in range(_TRIES):
        with suppress(_ReplacedMeanwhile):
            return _open(paths, now_ms, new)
    raise LedgerBusy("The ledger is being replaced by another program.", "Try again when it has ended.")


class _ReplacedMeanwhile(Exception):
    """Another process replaced the file while it was opened."""


def _open(paths: Paths, now_ms: int, new: bool) -> Ledger:
    path = paths.ledger
    size = _size(path)
    fresh = size is None
    if not size and not new:
        _require_no_loss(paths)
    with translate_errors(path):
        try:
            db = _connect(path, fresh)
        except sqlite3.OperationalError as error:
            why = "" if fresh else _why_only_read(error, path)
            if not why:
                raise
            return _only_read(connect_readonly(path), path, why)
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version and db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise LedgerDamaged(f"{path} is a database, but not a ledger.")
            if version == 0 and db.execute(_IS_FOREIGN).fetchone()[0]:
                raise LedgerDamaged(f"{path} is a database, but not a ledger.")
            if version > VERSION:
                return _only_read(db, path, "a newer version of Tachograph wrote it")
            if not _may_write(path):
                return _only_read(db, path, _READ_ONLY)
            if version < VERSION:
                if version:
                    from tachograph.ledger.storage.backups import automatic_backup_path, back_up  # 2 ms: seldom needed

                    back_up(db, automatic_backup_path(paths, f"before-v{VERSION}", now_ms))
                _migrate(db, now_ms)
            return Ledger(db, path)
        except BaseException:
            db.close()
            raise


def _only_read(db: sqlite3.Connection, path: str, why: str) -> Ledger:
    """A ledger opened for reading only. Raises LedgerError if its schema is too old to be read without a migration."""
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] < VERSION:
            raise LedgerError(
                f"The ledger {path} is of an older version and cannot be brought up to date: {why}.",
                "Make it writable, or set TACHOGRAPH_HOME to a folder of your own.",
            )
        db.execute("PRAGMA query_only = 1")
        return Ledger(db, path, why)
    except BaseException:
        db.close()
        raise


def _why_only_read(error: sqlite3.OperationalError, path: str) -> str:
    """The reason to open a ledger for reading only, after an error; "" if it can't be read either."""
    if not os.access(path, os.R_OK):
        return ""
    if primary_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):  # no room for WAL's shared memory
        return f"it cannot be written now ({error})"
    return "" if _may_write(path) else _READ_ONLY


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _require_no_loss(paths: Paths) -> None:
    """Raise LedgerDamaged if the ledger is missing or empty although there are backups of one."""
    from tachograph.ledger.storage.backups import newest_backup  # 2 ms: seldom needed

    if newest_backup(paths):
        what = "empty" if os.path.exists(paths.ledger) else "gone"
        raise LedgerDamaged(f"The ledger {paths.ledger} is {what} though there are backups of it.")


def _may_write(path: str) -> bool:
    """True if a ledger can be written: SQLite needs its folder too, for the journal."""
    return os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)


def _connect(path: str, fresh: bool) -> sqlite3.Connection:
    try:
        if fresh:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        status = os.stat(path)
    except FileNotFoundError:
        raise _ReplacedMeanwhile from None
    except OSError as error:
        raise LedgerError(
            f"The ledger {path} cannot be made or used: {error.strerror}.",
            "Make room there, or set TACHOGRAPH_HOME to a folder that you can write to.",
        ) from error
    if os.name == "posix" and status.st_mode & 0o077 and status.st_uid == os.getuid():
        with suppress(OSError):  # a read-only file system
            os.chmod(path, 0o600)
    db = sqlite3.connect(
        path, timeout=busy_seconds(), isolation_level=None, cached_statements=64, factory=LedgerConnection
    )
    try:
        if status.st_size == 0:  # the mode is kept in the file
            set_journal_mode(db, path)
        # NORMAL: a power cut may cost the newest commits, which are read again from the logs; with a WAL never the file
        if db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            db.execute("PRAGMA synchronous = NORMAL")
        if not _is_still(path, status):  # SQLite opens the write-ahead log by name: it may be another ledger's
            raise _ReplacedMeanwhile
    except BaseException as error:
        if not isinstance(error, sqlite3.OperationalError) or "readonly" not in str(error):
            db.close()
            raise
    return db


def _is_still(path: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), status)
    except FileNotFoundError:
        return False


def _migrate(db: sqlite3.Connection, now_ms: int) -> None:
    """Bring the schema up to date in one transaction; another process may have done it while we waited."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        for sql, row in _steps_from(version, now_ms):
            for statement in sql:
                db.execute(statement)
            db.execute("INSERT INTO migration VALUES (?, ?, ?)", row)
        if version < VERSION:  # never down: it may have been a newer one that did it
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # on a full disk SQLite has rolled back already
            db.execute("ROLLBACK")
        raise


def _steps_from(version: int, now_ms: int) -> Iterator[tuple[Iterable[str], tuple[int, str, int]]]:
    """Statements from a version of the schema to ours, with a row of `migration` for each step."""
    if version == 0:  # a new ledger: the end of all steps at once
        from tachograph.ledger.storage.schema import SCHEMA, TITLES

        for number, title in enumerate(TITLES, 1):
            yield SCHEMA if number == 1 else (), (number, title, now_ms)
        version = len(TITLES)
    if version < VERSION:
        from tachograph.ledger.storage.migrations import STEPS  # long: seldom needed

        for number, (title, sql) in enumerate(STEPS[version:], version + 1):
            yield statements(sql), (number, title, now_ms)


def statements(sql: str) -> Iterator[str]:
    """Statements of a script, one by one: executescript would commit in between."""
    rest = ""
    for line in sql.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            if rest.strip():
                yield rest
            rest = ""
