"""Opens the ledger: one SQLite file, 0600 in a 0700 folder, brought to the current schema after a backup."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.ledger.storage.migrations import STEPS
from tachograph.paths import Paths, private_folder

APPLICATION_ID = 0x7AC0_6EA7  # marks a SQLite file as a ledger of ours
BUSY_SECONDS = 10.0  # a batch of a first reading takes one or two of them on a slow disk
VERSION = len(STEPS)


class Ledger:
    """An open ledger. `readable_only` where it may be read but not written: a newer version's, or no write access."""

    def __init__(self, db: sqlite3.Connection, path: str, readable_only: str = "") -> None:
        self.db = db
        self.path = path
        self.readable_only = readable_only
        self._schema = self._schema_cookie()

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _schema_cookie(self) -> int:
        """A number that SQLite changes with the schema, and when a backup is written over the ledger."""
        return int(self.db.execute("PRAGMA schema_version").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Whoever holds the ledger already is waited for, up to `busy_seconds`."""
        with translated(self.path):
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


@contextmanager
def snapshot(ledger: Ledger) -> Iterator[sqlite3.Connection]:
    """The ledger as it is now: what others write meanwhile is not seen, so that several answers belong together."""
    with translated(ledger.path):
        ledger.db.execute("BEGIN")
        try:
            ledger.db.execute("SELECT 1 FROM choice LIMIT 1").fetchone()  # it begins with the first read
            yield ledger.db
        finally:
            if ledger.db.in_transaction:
                ledger.db.execute("ROLLBACK")


def open_ledger(paths: Paths, now_ms: int, *, new: bool = False) -> Ledger:
    """The ledger of this user, made if there is none. `new`: an empty one is meant, though there be backups of another.

    Raises LedgerDamaged where the file is no sound ledger, LedgerBusy, or LedgerError where the folder cannot be used.
    """
    private_folder(paths.data)
    path = paths.ledger
    size = _size(path)
    fresh = size is None
    if not size and not new:
        _miss_nothing(paths)
    with translated(path):
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
                    from tachograph.ledger.storage.backups import automatic_backup_path, back_up

                    back_up(db, automatic_backup_path(paths, f"before-v{VERSION}", now_ms))
                _migrate(db, now_ms)
            return Ledger(db, path)
        except BaseException:
            db.close()
            raise


def _only_read(db: sqlite3.Connection, path: str, why: str) -> Ledger:
    """A ledger that nothing is written to. Raises LedgerError where its version is too old to be read as it is."""
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
    """Why a ledger that cannot be opened for writing may still be read; "" where it may not."""
    if not os.access(path, os.R_OK):
        return ""
    if primary_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):  # no room for WAL's shared memory
        return f"it cannot be written now ({error})"
    return "" if _may_write(path) else _READ_ONLY


# in one statement: another process may be making the ledger this moment
_IS_FOREIGN = "SELECT user_version = 0 AND EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version"
_READ_ONLY = "the file or its folder is read-only here"


def busy_seconds() -> float:
    """How long somebody else may hold the ledger before we give up; TACHOGRAPH_BUSY_SECONDS shortens it for tests."""
    try:
        return max(0.0, float(os.environ.get("TACHOGRAPH_BUSY_SECONDS", BUSY_SECONDS)))
    except ValueError:
        return BUSY_SECONDS


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _miss_nothing(paths: Paths) -> None:
    """Raises LedgerDamaged where there is no ledger, or an empty file, though there are backups of one."""
    from tachograph.ledger.storage.backups import newest_backup

    if newest_backup(paths):
        what = "empty" if os.path.exists(paths.ledger) else "gone"
        raise LedgerDamaged(f"The ledger {paths.ledger} is {what} though there are backups of it.")


def _may_write(path: str) -> bool:
    """Whether a ledger can be written: SQLite needs its folder too, for the journal."""
    return os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)


def _connect(path: str, fresh: bool) -> sqlite3.Connection:
    try:
        if fresh:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        status = os.stat(path)
    except OSError as error:
        raise LedgerError(
            f"The ledger {path} cannot be made or used: {error.strerror}.",
            "Make room there, or set TACHOGRAPH_HOME to a folder that you can write to.",
        ) from error
    if os.name == "posix" and status.st_mode & 0o077 and status.st_uid == os.getuid():
        with suppress(OSError):  # a read-only file system
            os.chmod(path, 0o600)
    db = sqlite3.connect(path, timeout=busy_seconds(), isolation_level=None, cached_statements=64)
    try:
        if status.st_size == 0:  # the mode is kept in the file
            set_journal_mode(db, path)
        # NORMAL: a power cut may cost the newest commits, which are read again from the logs; with a WAL never the file
        if db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            db.execute("PRAGMA synchronous = NORMAL")
    except BaseException as error:
        if not isinstance(error, sqlite3.OperationalError) or "readonly" not in str(error):
            db.close()
            raise
    return db


def set_journal_mode(db: sqlite3.Connection, path: str) -> None:
    """WAL, but where its shared memory cannot be had: on a network file system."""
    db.execute(f"PRAGMA journal_mode = {'DELETE' if is_network_folder(os.path.dirname(path)) else 'WAL'}")


def connect_readonly(path: str, *, at_rest: bool | None = None) -> sqlite3.Connection:
    """A connection that changes nothing. Raises sqlite3.OperationalError where the file cannot be opened.

    `at_rest`: whether nobody writes to this file, as to a backup; then nothing is put beside it either. Where that is
    not known (None) it is taken to be so only if there is no other way.
    """
    from urllib.parse import quote

    # without leave or room to write, WAL's shared memory cannot be made
    modes = ["mode=ro", "immutable=1"] if at_rest is None else ["mode=ro"]
    if at_rest and not os.path.exists(f"{path}-wal"):
        modes = ["immutable=1"]
    for mode in modes:
        address = f"file:{quote(os.fsencode(path))}?{mode}"
        db = sqlite3.connect(address, uri=True, timeout=busy_seconds(), isolation_level=None)
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


def wait_at_most(db: sqlite3.Connection, milliseconds: int) -> None:
    """Wait no longer than this for another program that holds the ledger."""
    db.execute(f"PRAGMA busy_timeout = {milliseconds}")


def changes_by_others(db: sqlite3.Connection) -> int:
    """A number that changes when another connection has written to the ledger."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])


def _migrate(db: sqlite3.Connection, now_ms: int) -> None:
    """Bring the schema up to date in one transaction; another process may have done it while we waited."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        for number, (title, sql) in enumerate(STEPS[version:], version + 1):
            for statement in statements(sql):
                db.execute(statement)
            db.execute("INSERT INTO migration VALUES (?, ?, ?)", (number, title, now_ms))
        if version < VERSION:  # never down: it may have been a newer one that did it
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # on a full disk SQLite has rolled back already
            db.execute("ROLLBACK")
        raise


def statements(sql: str) -> Iterator[str]:
    """The single statements of a script (executescript would commit in between)."""
    rest = ""
    for line in sql.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            if rest.strip():
                yield rest
            rest = ""


@contextmanager
def translated(path: str, what: str = "ledger") -> Iterator[None]:
    """Turn SQLite's errors into ours: the one place where that is done."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # text, or the name in a message, that is no text
        raise ours(error, f"The {what} {path}") from error


def ours(error: sqlite3.Error | UnicodeDecodeError, subject: str) -> LedgerError:
    """Ours for one of SQLite's. Damage is only suspected here: the rescue looks for itself before it moves anything."""
    word = str(error)
    code = primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return LedgerBusy(
            f"{subject} has been held by another program for {busy_seconds():g} seconds.",
            "Try again; `tachograph daily --no-ingest` reads without waiting.",
        )
    if isinstance(error, UnicodeDecodeError) or word.startswith("Could not decode to UTF-8"):
        return LedgerDamaged(f"{subject} is damaged: what should be text is none.", "Run `tachograph doctor`.")
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
    """SQLite's code of an error, without the extension; that of a plain error where there is none."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def is_network_folder(folder: str, mounts: str = "/proc/self/mounts") -> bool:
    """Whether a folder lies on a network file system, where WAL cannot be relied on. Linux only: else False."""
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
