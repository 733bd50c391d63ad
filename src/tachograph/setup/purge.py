"""Purge: list and delete everything of ours in the data folder, at a person's request. Nothing else deletes data."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from tachograph.errors import LedgerError
from tachograph.ledger.storage.backups import backups, partial_backups
from tachograph.ledger.storage.integrity import SIDE_FILES, Counts, read_counts
from tachograph.paths import USAGE_QUESTION, Paths
from tachograph.setup.ledger_files import Outcome, damaged_copies, leftovers, message_count

# our own files in the data folder and its backups, beside those that hold usage
_OTHERS = (
    (re.compile(r"(recorder|tray)\.log(\.1)?"), "log"),
    (re.compile(r"(recorder|tray)\.lock"), "lock"),
    (re.compile(r"prepared(\.\d+\.new)?"), "prepared reports"),
    (re.compile(r"open-[0-9a-f]+\.html"), "dashboard link"),
    (re.compile(r"dashboard[a-z-]*\.json(\.new)?"), "dashboard keys"),
    (re.compile(r"statusline\.json(\.new)?"), "status line before ours"),
    (re.compile(r"hub\.json(\.\d+\.new)?"), "membership of a hub"),
    (re.compile(r"hub\.sqlite3(-wal|-shm|-journal)?"), "usage that machines sent to this hub"),
)
_SETTINGS_COPY = re.compile(r"claude-settings-[0-9TZ]+(-\d+)?\.json")
_FOLDERS = (("extension", "browser extension"), (USAGE_QUESTION, "folder for questions to Claude Code"))


class Holding(NamedTuple):
    """A file of ours: its bytes, and its kind in a few words: ledger, backup, damaged copy, log …"""

    path: str
    bytes: int
    what: str


class Holdings(NamedTuple):
    """Everything that a purge deletes, in that order. `counts` None: the ledger can't be read. `foreign`: names in the
    data folder that stay, because they are not ours."""

    files: tuple[Holding, ...]
    folders: tuple[str, ...]
    counts: Counts | None
    foreign: tuple[str, ...] = ()


def holdings(paths: Paths) -> Holdings:
    """Everything of ours in the data folder, except the settings, which are the person's own."""
    counts = read_counts(paths.ledger) if os.path.exists(paths.ledger) else Counts()
    aside = damaged_copies(paths)
    files = [_holding(path, "left over") for path in (*leftovers(paths), *partial_backups(paths))]
    for folder in aside:
        files += [_holding(os.path.join(folder, name), "damaged copy") for name in _names(folder)]
    inner: list[str] = []
    for name, what in _FOLDERS:
        folder = os.path.join(paths.data, name)
        found = list(_tree(folder))
        files += [_holding(path, what) for path, is_folder in found if not is_folder]
        inner += [*(path for path, is_folder in found if is_folder), folder]
    update = (paths.data_update, f"{paths.data_update}.new")
    files += [_holding(path, "installed data update") for path in update if os.path.lexists(path)]
    files += [
        _holding(os.path.join(paths.backups, name), "copy of Claude Code's settings")
        for name in _names(paths.backups)
        if _SETTINGS_COPY.fullmatch(name)
    ]
    for name in _names(paths.data):
        files += [_holding(os.path.join(paths.data, name), what) for kind, what in _OTHERS if kind.fullmatch(name)]
    files += [_holding(backup.path, "backup") for backup in backups(paths)]
    # the ledger is last: cut off before that, what is there is still whole; without it, a backup would be restored
    own = [paths.ledger + suffix for suffix in (*SIDE_FILES, "")]
    files += [_holding(path, "ledger") for path in own if os.path.lexists(path)]
    folders = [*aside, *inner, paths.backups]
    known = {file.path for file in files} | set(folders) | {paths.settings}
    foreign = [name for name in _names(paths.data) if os.path.join(paths.data, name) not in known]
    return Holdings(tuple(files), tuple(filter(os.path.isdir, folders)), counts, tuple(foreign))


def purge(paths: Paths) -> Outcome:
    """Delete the files that `holdings` lists, nothing else. Raises LedgerError if one could not be deleted."""
    held = holdings(paths)
    problem = ""
    for file in held.files:
        try:
            os.unlink(file.path)
        except FileNotFoundError:  # another command tidied up after itself
            continue
        except OSError as error:
            problem = problem or f"{file.path} could not be deleted: {error.strerror}."
    for folder in (*held.folders, paths.data):
        with suppress(OSError):  # a foreign file lies in it: then it stays
            os.rmdir(folder)
    if problem:
        raise LedgerError(problem, "Change its permissions, and run the command again.")
    files = f"{len(held.files):,} {'file' if len(held.files) == 1 else 'files'}"
    did = [f"{files} deleted, {message_count(held.counts)}." if held.counts else f"{files} deleted."]
    if held.foreign:
        did.append(f"Not ours, and still in {paths.data}: {', '.join(held.foreign[:10])}.")
    did.append("The next command builds a new ledger from the transcripts that are still there.")
    undo = "This cannot be undone but from a backup that you saved elsewhere: `tachograph restore FILE`."
    return Outcome(tuple(did), undo)


def _holding(path: str, what: str) -> Holding:
    size = 0
    with suppress(OSError):
        size = os.lstat(path).st_size
    return Holding(path, size, what)


def _names(folder: str) -> list[str]:
    """Names in a folder; none if it is a link or can't be read."""
    try:
        return [] if os.path.islink(folder) else sorted(os.listdir(folder))
    except OSError:
        return []


def _tree(folder: str) -> Iterator[tuple[str, bool]]:
    """Everything below a folder, the deepest first, and whether each is a folder; links are not followed."""
    for name in _names(folder):
        path = os.path.join(folder, name)
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        if is_folder:
            yield from _tree(path)
        yield path, is_folder
