"""Copies of the whole ledger: making them, names of the automatic ones, and how many of those stay."""

from __future__ import annotations

import os
import time

from tachograph.clock import DAY_MS
from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.lean_re import late_pattern
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Callable, NamedTuple
from tachograph.ledger.storage.connection import busy_seconds, connect_readonly, translate_errors
from tachograph.paths import Paths

FIRST_AFTER_MS = DAY_MS  # so that a first reading is not held up; until then the transcripts themselves are there
EVERY_MS = 7 * DAY_MS
WEEKLY_COUNT = 3  # weekly ones; all others stay until somebody deletes them
WEEKLY = "weekly"

_NAME = late_pattern(r"ledger-(\d{8}-\d{6})-([a-z0-9-]+?)(?:\.(\d+))?\.sqlite3")
_PARTIAL = late_pattern(r".*\.partial-[0-9a-f]+(-journal|-wal|-shm)?")


class Backup(NamedTuple):
    """An automatic backup; `at` in epoch milliseconds, `why` such as weekly, before-v2, before-restore."""

    path: str
    at: int
    why: str


def backups(paths: Paths) -> list[Backup]:
    """The automatic backups, oldest first."""
    try:
        names = os.listdir(paths.backups)
    except OSError:
        return []
    found = [(match, name) for name in names if (match := _NAME.fullmatch(name)) is not None]
    found.sort(key=lambda pair: (pair[0][1], int(pair[0][3] or 0), pair[1]))
    return [Backup(os.path.join(paths.backups, name), _moment(match[1]), match[2]) for match, name in found]


def newest_backup(paths: Paths) -> Backup | None:
    found = backups(paths)
    return found[-1] if found else None


def partial_backups(paths: Paths) -> list[str]:
    """Remains of backups that were cut off while they were made."""
    try:
        return sorted(os.path.join(paths.backups, n) for n in os.listdir(paths.backups) if _PARTIAL.fullmatch(n))
    except OSError:
        return []


def automatic_backup_path(paths: Paths, why: str, now_ms: int) -> str:
    """A name for a new backup, never one that is taken: two may be made in one second."""
    stem = os.path.join(paths.backups, f"ledger-{stamp(now_ms)}-{why}")
    path, number = f"{stem}.sqlite3", 1
    while os.path.lexists(path):
        number += 1
        path = f"{stem}.{number}.sqlite3"
    return path


def stamp(now_ms: int) -> str:
    """A moment in the name of a file, UTC."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_ms / 1000))


def _moment(text: str) -> int:
    from calendar import timegm  # 1 ms, and mostly there is no backup

    try:
        return timegm(time.strptime(text, "%Y%m%d-%H%M%S")) * 1000
    except ValueError:  # digits, but no date
        return 0


def back_up(db: sqlite3.Connection, target: str) -> None:
    """Copy the whole ledger into a file of its own, 0600; complete and sound, or not at all.

    Raises LedgerDamaged if the copy does not pass SQLite's check, LedgerBusy, or LedgerError without room for it.
    """
    from tachograph.ledger.storage.integrity import quick_check

    partial = f"{target}.partial-{os.urandom(4).hex()}"
    try:
        os.makedirs(os.path.dirname(target) or ".", mode=0o700, exist_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600))
        copy = sqlite3.connect(partial, isolation_level=None)
        try:
            with translate_errors(target, "backup"):
                db.backup(copy, progress=_patience())
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, that can be copied and carried away
            problems = quick_check(copy)
        finally:
            copy.close()
        if problems:
            raise LedgerDamaged(f"The ledger is damaged: {problems[0]}.", "Run `tachograph doctor`.")
        os.replace(partial, target)
    except OSError as error:
        raise LedgerError(
            f"The backup {target} could not be written: {error.strerror}.",
            "The ledger itself is as it was. Make room, or see who may write there.",
        ) from error
    finally:
        _unlink(partial)
        _unlink(f"{partial}-journal")


def overwrite_ledger(source: str, target: str) -> bool:
    """Put the content of one ledger into another, in one transaction that others who have it open see as a whole.

    False if SQLite can't do it in place (another page size); then nothing was changed.
    """
    with translate_errors(target):
        new = connect_readonly(source, at_rest=True)
        try:
            db = sqlite3.connect(target, timeout=busy_seconds(), isolation_level=None)
            try:
                if db.execute("PRAGMA page_size").fetchone() != new.execute("PRAGMA page_size").fetchone():
                    return False
                new.backup(db, progress=_patience())
            finally:
                db.close()
        finally:
            new.close()
    return True


def weekly_backup(db: sqlite3.Connection, paths: Paths, now_ms: int) -> str | None:
    """Make the automatic backup if one is due, and delete the oldest; returns its path, None if none was due.

    Raises what `back_up` raises. A backup dated in the future (the clock was wrong once) does not put off the next.
    """
    weekly = [backup for backup in backups(paths) if backup.why == WEEKLY]
    if any(0 <= now_ms - backup.at < EVERY_MS for backup in weekly):
        return None
    if not weekly:
        made = db.execute("SELECT at FROM migration ORDER BY version LIMIT 1").fetchone()
        if made and 0 <= now_ms - made[0] < FIRST_AFTER_MS:
            return None
    target = automatic_backup_path(paths, WEEKLY, now_ms)
    back_up(db, target)
    weekly.sort(key=lambda backup: (backup.at <= now_ms, backup.at))  # what claims to be of the future goes first
    for backup in weekly[: max(0, len(weekly) + 1 - WEEKLY_COUNT)]:
        _unlink(backup.path)
    for path in partial_backups(paths):
        if _is_old(path, now_ms):
            _unlink(path)
    return target


def _is_old(path: str, now_ms: int) -> bool:
    try:
        return now_ms - os.stat(path).st_mtime * 1000 > DAY_MS
    except OSError:
        return False


def _patience() -> Callable[[int, int, int], None]:
    """A callback that ends a copy which waits too long: otherwise sqlite3.backup retries forever."""
    waits = 0

    def progress(status: int, _remaining: int, _total: int) -> None:
        nonlocal waits
        waits += status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        if waits * 0.25 > busy_seconds():
            raise LedgerBusy("Another program holds the ledger.", "Try again when it has ended.")

    return progress


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:  # gone already, or not ours to delete: what stays is listed by doctor and purge
        pass
