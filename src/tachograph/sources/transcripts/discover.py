"""Finds transcripts: every regular `*.jsonl` under the `projects` folder of each config folder.

Links to folders and files are followed, each target once (by device and inode); pipes, sockets and devices are
never opened. What cannot be listed is reported beside what was found.

A folder whose change time is the one we know holds the same names as before, so only its known transcripts are
looked at, which is three times as fast as listing it. (A time that lay within _RACY_NS of the look is not trusted:
something may have come in the same tick of the file system's clock.)
"""

from __future__ import annotations

import os
import stat

from tachograph.lean_typing import Iterator, Mapping, NamedTuple, Sequence
from tachograph.paths import USAGE_QUESTION, desktop_session_folders
from tachograph.settings import config_folders, ignored_folders
from tachograph.sources.transcripts.file_state import FileState, Signature, names_changed_at, signature

_SEPARATOR = os.fsencode(os.sep)
_OWN_SESSIONS = b"-" + USAGE_QUESTION.encode()  # end of the project folder of our own questions to Claude Code
_RACY_NS = 2_000_000_000
UNTRUSTED = -1  # equal to no change time


class Discovery(NamedTuple):
    """Result of a look at the folders.

    `changed`: transcripts whose signature is not the one we know, newest first. `gone`: known ones that are not there
    any more. `unreadable`: what could not be looked into: path, reason, its config folder. `directories`: folders
    with their change times in nanoseconds, or UNTRUSTED; `paths`: all transcripts.
    """

    changed: list[FileState]
    gone: list[bytes]
    unreadable: list[tuple[bytes, str, str]]
    directories: dict[bytes, int]
    paths: set[bytes]

    @property
    def total(self) -> int:
        """The number of transcripts."""
        return len(self.paths)


def folders(env: Mapping[str, str], counted: Sequence[str] = ()) -> list[str]:
    """The config folders with transcripts: the usual or named ones, those in the settings, those of Claude Desktop's local
    agent sessions, and every folder that was `counted` before and is still there."""
    found = [folder for folder in config_folders(env) if _has_projects(folder)]
    for where, is_config in desktop_tree(env):
        if is_config:
            found.append(os.path.join(where, ".claude"))
    known = {os.path.normpath(folder) for folder in found}
    ignored = ignored_folders(env)
    found += [one for one in counted if os.path.normpath(one) not in known and _has_projects(one)]
    return [folder for folder in dict.fromkeys(found) if folder not in ignored]


def desktop_tree(env: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """The folders of Claude Desktop's local agent sessions, each with True if it holds a config folder."""
    for desktop in desktop_session_folders(env):
        if os.path.isdir(desktop):
            for where, names, _ in os.walk(desktop):
                is_config = ".claude" in names
                if is_config:
                    names.remove(".claude")
                yield where, is_config


def is_desktop_session(folder: str, env: Mapping[str, str]) -> bool:
    """True for the config folder of one local agent session, which comes and goes with that session."""
    return any(folder.startswith(os.path.join(base, "")) for base in desktop_session_folders(env))


def _has_projects(folder: str) -> bool:
    return os.path.isdir(os.path.join(folder, "projects"))


def transcripts(
    config_folders: list[str], known: Mapping[bytes, Signature], directories: Mapping[bytes, int], now_ns: int
) -> Discovery:
    """Every transcript in the folders, held against what we know of those that were read and of their folders."""
    inside: dict[bytes, list[bytes]] = {}
    for path in known:
        inside.setdefault(path.rpartition(_SEPARATOR)[0], []).append(path)
    look = _Look(known, now_ns)
    for folder in config_folders:
        top = os.fsencode(os.path.join(folder, "projects"))
        start = top + _SEPARATOR
        pending = [top]
        for directory, changed in directories.items():
            is_here = directory == top or directory.startswith(start)
            if is_here and not look.at_known(directory, changed, inside.get(directory, ()), folder):
                pending.append(directory)
        look.into(pending, folder)
    gone = [path for path in known.keys() - look.paths if not os.path.lexists(path)]
    if gone and directories:  # it may have had another name, in a folder that did not change: look everywhere
        return transcripts(config_folders, known, {}, now_ns)
    look.changed.sort(key=lambda known: -known.mtime)
    return Discovery(look.changed, gone, look.unreadable, look.directories, look.paths)


class _Look:
    """One look at all folders. Flat loops: they run over every transcript at every command."""

    def __init__(self, known: Mapping[bytes, Signature], now_ns: int) -> None:
        self.known = known
        self.trusted = now_ns - _RACY_NS
        self.seen: set[tuple[int, int]] = set()
        self.paths: set[bytes] = set()
        self.changed: list[FileState] = []
        self.unreadable: list[tuple[bytes, str, str]] = []
        self.directories: dict[bytes, int] = {}

    def at_known(self, directory: bytes, changed: int, inside: Sequence[bytes], folder: str) -> bool:
        """Look at the known transcripts of a folder, if nothing came or went in it; else it has to be listed."""
        try:
            if names_changed_at(os.stat(directory)) != changed:
                return False
        except OSError:
            return False
        self.directories[directory] = changed
        known, seen, paths, look = self.known, self.seen, self.paths, os.stat
        for path in inside:
            try:
                status = look(path)
            except OSError:
                continue
            key = (status.st_dev, status.st_ino)
            if key in seen:
                continue
            if known[path] == signature(status):  # nearly always; what did not change is a regular file still
                seen.add(key)
                paths.add(path)
            elif stat.S_ISREG(status.st_mode):
                seen.add(key)
                self._note(path, folder, status)
        return True

    def into(self, pending: list[bytes], folder: str) -> None:
        """List folders and all below them, but for those that were dealt with already."""
        while pending:
            where = pending.pop()
            if where not in self.directories:
                self._list(where, folder, pending)

    def _list(self, where: bytes, folder: str, pending: list[bytes]) -> None:
        try:
            changed = names_changed_at(os.stat(where))
            self.directories[where] = changed if changed < self.trusted else UNTRUSTED
            entries = os.scandir(where)
        except FileNotFoundError:
            return
        except OSError as error:
            self.directories[where] = UNTRUSTED
            self.unreadable.append((where, error.strerror or "cannot be listed", folder))
            return
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.endswith(_OWN_SESSIONS):
                        pending.append(entry.path)
                    continue
                is_transcript = entry.name.endswith(b".jsonl")
                if not is_transcript and not entry.is_symlink():
                    continue
                path = entry.path
                try:
                    # a Windows directory entry carries neither inode nor device
                    status = entry.stat() if os.name != "nt" else os.stat(path)
                except OSError as error:
                    self.directories[where] = UNTRUSTED  # a link that leads nowhere may lead somewhere next time
                    if is_transcript and not isinstance(error, FileNotFoundError):
                        self.unreadable.append((path, error.strerror or "cannot be read", folder))
                    continue
                key = (status.st_dev, status.st_ino)
                if key in self.seen:
                    continue
                if stat.S_ISREG(status.st_mode):
                    if is_transcript:
                        self.seen.add(key)
                        self._note(path, folder, status)
                elif stat.S_ISDIR(status.st_mode) and not _holds(os.path.realpath(path), path):
                    self.seen.add(key)  # a link to a folder; one to a folder above it would lead round in a circle
                    pending.append(path)

    def _note(self, path: bytes, folder: str, status: os.stat_result) -> None:
        self.paths.add(path)
        marks = signature(status)
        if self.known.get(path) != marks:
            self.changed.append(FileState(path, folder, *marks))


def _holds(folder: bytes, path: bytes) -> bool:
    """True if a path lies inside a folder: a link to it would lead round in a circle."""
    parent = os.path.realpath(os.path.dirname(path))
    return parent == folder or parent.startswith(folder.rstrip(_SEPARATOR) + _SEPARATOR)
