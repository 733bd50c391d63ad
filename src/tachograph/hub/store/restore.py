"""Replace a hub's SQLite file by a backup.

A copy by hand would leave the log (`-wal`) of the database before beside the new file, and SQLite would mix the two.
"""

import os
from contextlib import closing, contextmanager, suppress

from tachograph.errors import LedgerError
from tachograph.hub.store import schema
from tachograph.hub.store.sqlite import APPLICATION_ID
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterator
from tachograph.ledger.storage.integrity import SIDE_FILES


def restore(backup: str, path: str, now_ms: int) -> str:
    """Replace a database that no hub has open; return the name that the database before is kept under, "" without one.

    Raises LedgerError; then nothing has changed."""
    if os.path.exists(path) and os.path.exists(backup) and os.path.samefile(backup, path):
        raise LedgerError(f"{backup} is the hub's database itself.", "Name a backup.")
    new = f"{path}.new"
    _discard(new)
    try:
        _copy(backup, new)
        kept = _set_aside(path, now_ms)
        with _errors(path):
            os.replace(new, path)
    finally:
        _discard(new)
    return kept


def _copy(backup: str, new: str) -> None:
    """Copy a sound backup into a new file, readable by this user alone."""
    if not os.path.isfile(backup):
        raise LedgerError(f"There is no file {backup}.", "Name a backup: tachograph hub restore FILE")
    with _errors(new):
        os.makedirs(os.path.dirname(new) or ".", mode=0o700, exist_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    alone = "" if os.path.exists(f"{backup}-wal") else "&immutable=1"  # then its folder may be read-only
    try:
        with closing(sqlite3.connect(f"file:{_quoted(backup)}?mode=ro{alone}", uri=True)) as source:
            mark = source.execute("PRAGMA application_id").fetchone()[0]
            version = source.execute("PRAGMA user_version").fetchone()[0]
            sound = mark == APPLICATION_ID and source.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            if sound and version <= schema.VERSION:
                with _errors(new), closing(sqlite3.connect(new)) as copy:
                    source.backup(copy)
    except sqlite3.DatabaseError as error:
        raise LedgerError(f"{backup} can't be read: {error}.", "Try an older backup.") from error
    if mark != APPLICATION_ID:
        raise LedgerError(f"{backup} is not the database of a hub.", "Name a file of: tachograph hub backup FILE")
    if not sound:
        raise LedgerError(f"{backup} is damaged.", "Try an older backup.")
    if version > schema.VERSION:
        raise LedgerError(f"A newer version of Tachograph wrote {backup}.", "Upgrade Tachograph, then restore it.")


def _set_aside(path: str, now_ms: int) -> str:
    """Rename the database in use, once nothing has it open; returns its new name, "" without a database."""
    if not os.path.exists(path):
        _discard(path)
        return ""
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as current:
            current.execute("PRAGMA journal_mode = DELETE")  # needs the file for itself, and empties its log into it
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise LedgerError(f"A hub has {path} open.", "Stop it, restore, then start it again.") from error
    stem, ending = os.path.splitext(path)
    kept = f"{stem}-{now_ms // 1000}-before-restore{ending}"
    with _errors(path):
        os.replace(path, kept)
        for log in SIDE_FILES:  # of a damaged database
            if os.path.exists(path + log):
                os.replace(path + log, kept + log)
    return kept


def _discard(path: str) -> None:
    """Delete a file, if it is there, and its logs."""
    for name in (path, *(path + log for log in SIDE_FILES)):
        with suppress(FileNotFoundError):
            os.unlink(name)


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(os.path.abspath(path))


@contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path} can't be written: {error}.", "Check the folder and the disk.") from error
