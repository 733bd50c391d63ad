"""Opens the ledger: one SQLite file, 0600 in a 0700 folder, brought to the current schema after a backup."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.ledger.migrations import STEPS
from tachograph.paths import Paths

APPLICATION_ID = 0x7AC0_6EA7  # marks a SQLite file as a ledger of ours
BUSY_SECONDS = 10.0
VERSION = len(STEPS)


class Ledger:
    """An open ledger. `readable_only` where it may be read but not written: a newer version's, or no write access."""

    def __init__(self, db: sqlite3.Connection, path: str, readable_only: str = "") -> None:
        self.db = db
        self.path = path
        self.readable_only = readable_only

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Whoever holds the ledger already is waited for, up to BUSY_SECONDS."""
        with translated(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")


def open_ledger(paths: Paths, now_ms: int) -> Ledger:
    """The ledger of this user, made if there is none.

    Raises LedgerDamaged where the file is no sound ledger, LedgerBusy, or LedgerError where the folder cannot be used.
    """
    _private_folder(paths.data)
    path = paths.ledger
    fresh = not os.path.exists(path)
    with translated(path):
        try:
            db = _connect(path, fresh)
        except sqlite3.OperationalError:
            if fresh or not os.access(path, os.R_OK) or os.access(path, os.W_OK):
                raise
            return Ledger(_connect_readonly(path), path, "it is not yours to write")
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                db.close()
                return Ledger(_connect_readonly(path), path, "a newer version of Tachograph wrote it")
            if version == 0 and not fresh and os.path.getsize(path) == 0 and newest_backup(paths):
                raise LedgerDamaged(f"The ledger {path} is empty though there are backups of it.")
            if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise LedgerDamaged(f"{path} is a database, but not a ledger.")
            if version < VERSION:
                if version:
                    back_up(db, automatic_backup_path(paths, f"before-v{VERSION}", now_ms))
                _migrate(db, now_ms)
            if not os.access(path, os.W_OK):
                return Ledger(db, path, "it is not yours to write")
            return Ledger(db, path)
        except BaseException:
            db.close()
            raise


def _connect(path: str, fresh: bool) -> sqlite3.Connection:
    if fresh:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    elif os.name == "posix":
        status = os.stat(path)
        if status.st_mode & 0o077 and status.st_uid == os.getuid():
            os.chmod(path, 0o600)
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=64)
    try:
        if fresh:  # the mode is kept in the file; WAL needs shared memory, which network file systems do not give
            db.execute(f"PRAGMA journal_mode = {'DELETE' if is_network_folder(os.path.dirname(path)) else 'WAL'}")
        # NORMAL: a power cut may cost the newest commits, never the file; lost rows are read again from the logs
        db.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error):
            db.close()
            raise
    return db


def _connect_readonly(path: str) -> sqlite3.Connection:
    from urllib.parse import quote

    for mode in ("mode=ro", "immutable=1"):  # in a folder that we cannot write, WAL's shared memory cannot be made
        db = sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError:
            db.close()
            continue
        return db
    raise sqlite3.OperationalError("it can be neither written nor read here")


def _migrate(db: sqlite3.Connection, now_ms: int) -> None:
    """Bring the schema up to date in one transaction; another process may have done it while we waited."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        for number, (title, sql) in enumerate(STEPS[version:], version + 1):
            for statement in statements(sql):
                db.execute(statement)
            db.execute("INSERT INTO migration VALUES (?, ?, ?)", (number, title, now_ms))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
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


def _private_folder(folder: str) -> None:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.name == "posix":
            status = os.stat(folder)
            if status.st_uid != os.getuid():
                raise LedgerError(
                    f"The data folder {folder} belongs to another user.",
                    "Set TACHOGRAPH_HOME to a folder of your own.",
                )
            if status.st_mode & 0o077:
                os.chmod(folder, 0o700)
    except OSError as error:
        raise LedgerError(
            f"The data folder {folder} cannot be made or used: {error.strerror}.",
            "Set TACHOGRAPH_HOME to a folder that you can write to.",
        ) from error


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn SQLite's errors into ours: the one place where that is done."""
    try:
        yield
    except sqlite3.OperationalError as error:
        word = str(error)
        if "locked" in word or "busy" in word:
            raise LedgerBusy(
                f"Another program has held the ledger {path} for {BUSY_SECONDS:.0f} seconds.",
                "Try again; `tachograph daily --no-ingest` reads without waiting.",
            ) from error
        if "malformed" in word:
            raise LedgerDamaged(f"The ledger {path} is damaged: {word}.") from error
        if "full" in word or "disk I/O" in word:
            raise LedgerError(
                f"The ledger {path} could not be written: {word}.",
                "Nothing that was counted is lost. Make room on the disk and run the command again.",
            ) from error
        raise LedgerError(f"The ledger {path} cannot be used: {word}.", "Run `tachograph doctor`.") from error
    except sqlite3.DatabaseError as error:
        raise LedgerDamaged(f"The ledger {path} is damaged: {error}.", "Run `tachograph doctor`.") from error


# -- backups ---------------------------------------------------------------------------------------------------


def back_up(db: sqlite3.Connection, target: str) -> None:
    """Copy the whole ledger into a file of its own, complete or not at all."""
    os.makedirs(os.path.dirname(target) or ".", mode=0o700, exist_ok=True)
    partial = f"{target}.partial-{os.getpid()}"
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600))
        copy = sqlite3.connect(partial)
        try:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def automatic_backup_path(paths: Paths, why: str, now_ms: int) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_ms / 1000))
    return os.path.join(paths.backups, f"ledger-{stamp}-{why}.sqlite3")


def backups(paths: Paths) -> list[str]:
    """The automatic backups, oldest first."""
    try:
        names = sorted(n for n in os.listdir(paths.backups) if n.startswith("ledger-") and n.endswith(".sqlite3"))
    except OSError:
        return []
    return [os.path.join(paths.backups, name) for name in names]


def newest_backup(paths: Paths) -> str | None:
    found = backups(paths)
    return found[-1] if found else None


def is_network_folder(folder: str, mounts: str = "/proc/self/mounts") -> bool:
    """Whether a folder lies on a network file system, where SQLite's WAL cannot be relied on. Linux only: else False."""
    if sys.platform != "linux":
        return False
    best, kind = "", ""
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

