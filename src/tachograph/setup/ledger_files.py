"""Backup, restore and purge: actions on the ledger as a file, at a person's request. Nothing else deletes data."""

import os
import re
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from tachograph.errors import LedgerDamaged, LedgerError, LedgerNewer, NotFound, TachographError
from tachograph.ledger.storage.backups import (
    automatic_backup_path,
    back_up,
    backups,
    overwrite_ledger,
    partial_backups,
    stamp,
)
from tachograph.ledger.storage.connection import connect_readonly, set_journal_mode, translate_errors
from tachograph.ledger.storage.integrity import SIDE_FILES, Counts, check_file, read_counts
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths, private_folder

_ASIDE = re.compile(r"damaged-\d{8}-\d{6}(\.\d+)?")
_LEFTOVER = ".restoring-"


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
        (f"{_messages(counts)} saved in {target}.",), f"`tachograph restore {_shell_quote(target)}` puts them back."
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
    did = [f"{_messages(offer.counts)} restored from {offer.source}."]
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


def remove_copies(paths: Paths) -> None:
    """Remove unused copies of restores, also of one that was cut off."""
    for path in _leftovers(paths):
        with suppress(OSError):
            os.unlink(path)


def replace_ledger(paths: Paths, copy: str | None, now_ms: int) -> str:
    """Set the ledger aside and move a prepared copy to its place (None: leave the place empty).

    Returns the folder that holds what was there, "" where there was nothing. With a copy the place is never empty in
    between: whoever comes at that moment, or after a power cut, finds the one or the other. Raises LedgerError.
    """
    aside = ""
    try:
        if any(os.path.lexists(paths.ledger + suffix) for suffix in ("", *SIDE_FILES)):
            aside = _new_folder(os.path.join(paths.data, f"damaged-{stamp(now_ms)}"))
        for suffix in SIDE_FILES:  # first: what belongs to the old ledger must never meet the new one
            if os.path.lexists(paths.ledger + suffix):
                os.rename(paths.ledger + suffix, os.path.join(aside, os.path.basename(paths.ledger) + suffix))
        if os.path.lexists(paths.ledger):
            kept = os.path.join(aside, os.path.basename(paths.ledger))
            if copy is None or not _add_name(paths.ledger, kept):
                os.rename(paths.ledger, kept)
        if copy is not None:
            os.replace(copy, paths.ledger)
    except OSError as error:
        raise LedgerError(
            f"The ledger {paths.ledger} could not be set aside: {error.strerror}.",
            "Nothing was deleted. End other programs that may have it open, and run the command again.",
        ) from error
    return aside


def _add_name(path: str, other: str) -> bool:
    """Give a file a second name; False if the file system has no hard links."""
    try:
        os.link(path, other, follow_symlinks=False)
    except (OSError, NotImplementedError):
        return False
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

    folder = os.open(paths.data, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no such locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


# -- purge -------------------------------------------------------------------------------------------------------


class Holding(NamedTuple):
    """A file of ours: its bytes, and its kind: ledger, backup, damaged copy, or left over from a cut-off copy."""

    path: str
    bytes: int
    what: str


class Holdings(NamedTuple):
    """Everything that a purge deletes, in that order. `counts` None: the ledger can't be read."""

    files: tuple[Holding, ...]
    folders: tuple[str, ...]
    counts: Counts | None


def holdings(paths: Paths) -> Holdings:
    """Files that hold a person's data: the ledger, its backups, damaged copies; not the settings, which are theirs."""
    counts = read_counts(paths.ledger) if os.path.exists(paths.ledger) else Counts()
    aside = damaged_copies(paths)
    files = [_holding(path, "left over") for path in (*_leftovers(paths), *partial_backups(paths))]
    for folder in aside:
        names = sorted(os.listdir(folder)) if not os.path.islink(folder) else []
        files += [_holding(os.path.join(folder, name), "damaged copy") for name in names]
    files += [_holding(backup.path, "backup") for backup in backups(paths)]
    # the ledger is last: cut off before that, what is there is still whole; without it, a backup would be restored
    own = [paths.ledger + suffix for suffix in (*SIDE_FILES, "")]
    files += [_holding(path, "ledger") for path in own if os.path.lexists(path)]
    folders = [folder for folder in (*aside, paths.backups) if os.path.isdir(folder)]
    return Holdings(tuple(files), tuple(folders), counts)


def purge(paths: Paths) -> Outcome:
    """Delete what `holdings` lists, nothing else. Raises LedgerError if a file could not be deleted."""
    held = holdings(paths)
    trouble = ""
    for file in held.files:
        try:
            os.unlink(file.path)
        except FileNotFoundError:  # another command tidied up after itself
            continue
        except OSError as error:
            trouble = trouble or f"{file.path} could not be deleted: {error.strerror}."
    for folder in held.folders:
        with suppress(OSError):  # somebody's own file lies in it: then it stays
            os.rmdir(folder)
    if trouble:
        raise LedgerError(trouble, "See who may write there, and run the command again.")
    files = f"{len(held.files):,} {'file' if len(held.files) == 1 else 'files'}"
    did = (
        f"{files} deleted, {_messages(held.counts)}." if held.counts else f"{files} deleted.",
        "The next command builds a new ledger from the transcripts that are still there.",
    )
    return Outcome(did, "This cannot be undone but from a backup that you saved elsewhere: `tachograph restore FILE`.")


def damaged_copies(paths: Paths) -> list[str]:
    """Folders with damaged ledgers that were set aside, oldest first."""
    try:
        names = sorted(name for name in os.listdir(paths.data) if _ASIDE.fullmatch(name))
    except OSError:
        return []
    return [os.path.join(paths.data, name) for name in names]


def _leftovers(paths: Paths) -> list[str]:
    start = os.path.basename(paths.ledger) + _LEFTOVER
    try:
        return sorted(os.path.join(paths.data, name) for name in os.listdir(paths.data) if name.startswith(start))
    except OSError:
        return []


def _holding(path: str, what: str) -> Holding:
    return Holding(path, _bytes(path), what)


def _bytes(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _shell_quote(path: str) -> str:
    """A path quoted for a command line."""
    if os.name == "nt":
        return f'"{path}"' if " " in path else path
    from shlex import quote

    return quote(path)


def _messages(counts: Counts) -> str:
    return f"{counts.messages:,} {'message' if counts.messages == 1 else 'messages'}"
