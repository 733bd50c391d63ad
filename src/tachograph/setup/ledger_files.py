"""Backup and restore: the ledger as a file, at a person's request."""

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError, LedgerNewer, NotFound, TachographError
from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.storage.backups import (
    automatic_backup_path,
    back_up,
    overwrite_ledger,
    stamp,
)
from tachograph.ledger.storage.connection import connect_readonly, set_journal_mode, translate_errors
from tachograph.ledger.storage.integrity import SIDE_FILES, Counts, check_file, read_counts
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths, private_folder

_ASIDE = re.compile(r"damaged-\d{8}-\d{6}(\.\d+)?")
_LEFTOVER = ".restoring-"
_LOGS, _INDEX = ("-wal", "-journal"), "-shm"  # of SQLite, beside a database
_TRIES = 20  # of replacing a ledger while other programs make new ones in its place
_EXCLUSIVE_SECONDS = 60.0  # for another recovery of a large ledger


class Outcome(NamedTuple):
    """Sentences about an action, and one about undoing it."""

    did: tuple[str, ...]
    undo: str


# -- backup ------------------------------------------------------------------------------------------------------


def backup(paths: Paths, target: str, now_ms: int, *, force: bool = False) -> Outcome:
    """Save the ledger into one file of its own, 0600, whole or not at all. Raises TachographError, LedgerError."""
    target = os.path.abspath(target)
    _must_be_free(paths, target, force)
    with open_ledger(paths, now_ms) as ledger:
        back_up(ledger.db, target)
        counts = read_counts(target) or Counts()
    return Outcome(
        (f"{message_count(counts)} saved in {target}.",), f"`tachograph restore {_shell_quote(target)}` puts them back."
    )


def _must_be_free(paths: Paths, target: str, force: bool) -> None:
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise TachographError(f"There is no folder {folder}.", "Make it first, or name another one.")
    own = [os.path.realpath(paths.ledger + suffix) for suffix in ("", *SIDE_FILES)]
    if os.path.realpath(target) in own:
        raise TachographError(f"{target} is the ledger itself.", "Name another file.")
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise TachographError(f"{target} is there and no plain file.", "Name another file.")
    if not force:
        raise TachographError(f"{target} is there already and was left as it is.", "--force replaces it.")


# -- restore -----------------------------------------------------------------------------------------------------


class Offer(NamedTuple):
    """A backup and the ledger that it would replace. `present_problem`: why the present one can't be used, or ""."""

    source: str
    version: int
    counts: Counts
    present: Counts
    present_problem: str


def restorable(paths: Paths, source: str) -> Offer:
    """Check that a file can be restored. Raises NotFound, LedgerDamaged or LedgerNewer if not."""
    source = os.path.abspath(source)
    if not os.path.isfile(source):
        raise NotFound(f"There is no file {source}.")
    if os.path.exists(paths.ledger) and os.path.samefile(source, paths.ledger):
        raise TachographError(f"{source} is the ledger itself.", "Name a backup.")
    found = check_file(source, at_rest=True)
    if found.problem:
        raise LedgerDamaged(f"{source} cannot be restored: {found.problem}.", "The ledger was left as it is.")
    if found.is_newer:
        raise LedgerNewer(
            f"{source} was written by a newer version of Tachograph.", "Update Tachograph, then restore it."
        )
    present = check_file(paths.ledger)
    counts = Counts() if present.problem else read_counts(paths.ledger) or Counts()  # also a newer version's
    return Offer(source, found.version, found.counts, counts, present.problem)


def restore(paths: Paths, source: str, now_ms: int) -> Outcome:
    """Replace the ledger by a backup; the present one is kept, as an automatic backup or set aside.

    The next command migrates it to the present schema and reads newer messages from the transcripts.
    """
    offer = restorable(paths, source)
    private_folder(paths.data)
    with exclusive(paths):
        present = check_file(paths.ledger)
        copy = prepare_copy(paths, offer.source)
        try:
            kept = "" if present.problem else _keep(paths, now_ms)
            if present.problem or not overwrite_ledger(copy, paths.ledger):
                aside = replace_ledger(paths, copy, now_ms)
                kept = kept or aside
        finally:
            remove_copies(paths)
    did = [f"{message_count(offer.counts)} restored from {offer.source}."]
    did.append("What it lacks is read from the transcripts that are still there, at the next command.")
    if present.problem:
        undo = (
            f"What was in its place ({present.problem}) is kept in {kept}." if kept else "There was no ledger before."
        )
    else:
        did.append(f"The ledger as it was is kept in {kept}.")
        undo = f"`tachograph restore {_shell_quote(kept)}` undoes this."
    return Outcome(tuple(did), undo)


def _keep(paths: Paths, now_ms: int) -> str:
    kept = automatic_backup_path(paths, "before-restore", now_ms)
    with translate_errors(paths.ledger), closing(connect_readonly(paths.ledger)) as db:
        back_up(db, kept)
    return kept


def prepare_copy(paths: Paths, source: str) -> str:
    """A copy of a sound ledger beside the present one, ready to be moved to its place."""
    remove_copies(paths)
    copy = f"{paths.ledger}{_LEFTOVER}{os.getpid()}"
    with translate_errors(source, "file"), closing(connect_readonly(source, at_rest=True)) as db:
        back_up(db, copy)
    with translate_errors(copy, "file"), closing(sqlite3.connect(copy, isolation_level=None)) as db:
        set_journal_mode(db, paths.ledger)
    return copy


def prepare_empty(paths: Paths, now_ms: int) -> str:
    """An empty ledger beside the present one, ready to be moved to its place."""
    import shutil

    remove_copies(paths)
    copy = f"{paths.ledger}{_LEFTOVER}{os.getpid()}"
    folder = f"{copy}.folder"
    try:
        open_ledger(Paths(folder, paths.settings), now_ms, new=True).close()
        os.rename(Paths(folder, paths.settings).ledger, copy)
    except OSError as error:
        raise LedgerError(f"A new ledger can't be made: {error.strerror}.", "Make room, then run the command again.") from error  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return copy


def remove_copies(paths: Paths) -> None:
    """Remove unused copies of restores, also of one that was cut off."""
    for path in leftovers(paths):
        if os.path.isdir(path) and not os.path.islink(path):
            import shutil

            shutil.rmtree(path, ignore_errors=True)
            continue
        with suppress(OSError):
            os.unlink(path)


def replace_ledger(paths: Paths, copy: str, now_ms: int) -> str:
    """Set the ledger aside and move a prepared copy to its place; returns the folder with the old one, "" without one.

    The old ledger leaves its name before its write-ahead log does, and the copy takes the name only while it is free:
    at no moment can a program that opens the ledger combine one file with the log of another. A program that opens it
    in between finds none, and what it makes is set aside as well. Raises LedgerError.
    """
    aside = ""
    for _ in range(_TRIES):
        try:
            folder = _set_aside(paths, now_ms)
            aside = aside or folder
            if _place(copy, paths.ledger):
                return aside
        except OSError as error:
            raise LedgerError(
                f"The ledger {paths.ledger} could not be set aside: {error.strerror}.",
                "Nothing was deleted. End other programs that may have it open, and run the command again.",
            ) from error
    raise LedgerBusy(f"Other programs keep making a ledger at {paths.ledger}.", "End them, then run the command again.")


def _set_aside(paths: Paths, now_ms: int) -> str:
    """Move the ledger with its side files into a new folder; its path, "" without a ledger. Raises OSError."""
    if not any(os.path.lexists(paths.ledger + suffix) for suffix in ("", *SIDE_FILES)):
        return ""
    folder = _new_folder(os.path.join(paths.data, f"damaged-{stamp(now_ms)}"))
    kept = os.path.join(folder, os.path.basename(paths.ledger))
    for suffix in _LOGS:  # SQLite deletes them when it makes a ledger where there is none
        with suppress(FileNotFoundError):
            _add_name(paths.ledger + suffix, kept + suffix)
    for suffix in (_INDEX, ""):  # the index of the log first: a ledger that is made in between would share it
        with suppress(FileNotFoundError):
            os.rename(paths.ledger + suffix, kept + suffix)
    for suffix in SIDE_FILES:
        if not os.path.lexists(paths.ledger):
            with suppress(FileNotFoundError):
                os.unlink(paths.ledger + suffix)
    return folder


def _add_name(path: str, other: str) -> None:
    """Give a file a second name; a copy of it on a file system without hard links. Raises OSError."""
    try:
        os.link(path, other, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except (OSError, NotImplementedError):
        import shutil

        shutil.copy2(path, other, follow_symlinks=False)


def _place(copy: str, target: str) -> bool:
    """Give a copy the name of the ledger; False if another program took the name. Raises OSError."""
    try:
        os.link(copy, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError):  # no hard links here
        if os.path.lexists(target):
            return False
        os.rename(copy, target)
    else:
        os.unlink(copy)
    return True


def _new_folder(path: str) -> str:
    made, number = path, 1
    while True:
        try:
            os.mkdir(made, 0o700)
        except FileExistsError:
            number += 1
            made = f"{path}.{number}"
        else:
            return made


@contextmanager
def exclusive(paths: Paths) -> Iterator[None]:
    """Exclude another recovery or restore in the data folder; the second one waits, then checks again."""
    if sys.platform == "win32":  # there a file that somebody has open cannot be moved at all
        yield
        return
    import fcntl
    import time

    try:
        folder = os.open(paths.data, os.O_RDONLY)
    except OSError as error:
        raise LedgerError(
            f"The data folder {paths.data} is gone or cannot be opened: {error.strerror}.",
            "It was moved or deleted while this command ran. Try again.",
        ) from error
    end = time.monotonic() + _EXCLUSIVE_SECONDS
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise LedgerBusy(
                        "Another program has been restoring the ledger for a while.", "Try again when it has ended."
                    ) from None
                time.sleep(0.05)
                continue
            except OSError:  # some network file systems have no such locks
                pass
            break
        yield
    finally:
        os.close(folder)


# -- leftovers ---------------------------------------------------------------------------------------------------


def damaged_copies(paths: Paths) -> list[str]:
    """Folders with damaged ledgers that were set aside, oldest first."""
    try:
        names = sorted(name for name in os.listdir(paths.data) if _ASIDE.fullmatch(name))
    except OSError:
        return []
    return [os.path.join(paths.data, name) for name in names]


def leftovers(paths: Paths) -> list[str]:
    """Copies of restores that were cut off."""
    start = os.path.basename(paths.ledger) + _LEFTOVER
    try:
        return sorted(os.path.join(paths.data, name) for name in os.listdir(paths.data) if name.startswith(start))
    except OSError:
        return []


def _shell_quote(path: str) -> str:
    """A path quoted for a command line."""
    if os.name == "nt":
        return f'"{path}"' if " " in path else path
    from shlex import quote

    return quote(path)


def message_count(counts: Counts) -> str:
    """Number of messages, in words."""
    return f"{counts.messages:,} {'message' if counts.messages == 1 else 'messages'}"
