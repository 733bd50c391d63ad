"""Which transcripts there are: every regular `*.jsonl` under the `projects` folder of each config folder.

Links to folders and files are followed, each target once (by device and inode); pipes, sockets and devices are
never opened. What cannot be listed is reported beside what was found.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tachograph.paths import config_folders, desktop_session_folder
from tachograph.sources.transcripts.known import Known


class Found(NamedTuple):
    """All transcripts, newest first, and what could not be looked into: path, reason, its config folder."""

    transcripts: list[Known]
    unreadable: list[tuple[bytes, str, str]]


def folders(env: Mapping[str, str]) -> list[str]:
    """The config folders that are there, with those of Claude Desktop's local agent sessions."""
    found = [folder for folder in config_folders(env) if os.path.isdir(os.path.join(folder, "projects"))]
    desktop = desktop_session_folder(env)
    if desktop and os.path.isdir(desktop):
        for where, names, _ in os.walk(desktop):
            if ".claude" in names:
                found.append(os.path.join(where, ".claude"))
                names.remove(".claude")
    return found


def transcripts(config_folders: list[str]) -> Found:
    found = Found([], [])
    seen: set[tuple[int, int]] = set()
    for folder in config_folders:
        for known in _walk(os.fsencode(os.path.join(folder, "projects")), folder, seen, found.unreadable):
            found.transcripts.append(known)
    found.transcripts.sort(key=lambda known: -known.mtime)
    return found


def _walk(
    top: bytes, folder: str, seen: set[tuple[int, int]], unreadable: list[tuple[bytes, str, str]]
) -> Iterator[Known]:
    pending = [top]
    while pending:
        where = pending.pop()
        try:
            entries = os.scandir(where)
        except FileNotFoundError:
            continue
        except OSError as error:
            unreadable.append((where, error.strerror or "cannot be listed", folder))
            continue
        with entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif name.endswith(b".jsonl") or entry.is_symlink():
                    known = _look(entry, folder, seen, unreadable, pending)
                    if known is not None:
                        yield known


def _look(
    entry: os.DirEntry[bytes],
    folder: str,
    seen: set[tuple[int, int]],
    unreadable: list[tuple[bytes, str, str]],
    pending: list[bytes],
) -> Known | None:
    """The transcript behind an entry, or None; a link to a folder that is new goes to `pending`."""
    try:
        status = entry.stat()
        if os.name == "nt":
            status = os.stat(entry.path)  # a Windows directory entry carries neither inode nor device
    except OSError as error:
        if entry.name.endswith(b".jsonl") and not isinstance(error, FileNotFoundError):
            unreadable.append((entry.path, error.strerror or "cannot be read", folder))
        return None
    key = (status.st_dev, status.st_ino)
    if stat.S_ISDIR(status.st_mode):
        target = os.path.realpath(entry.path)
        if key not in seen and not _holds(target, entry.path):
            seen.add(key)
            pending.append(entry.path)
        return None
    if key in seen or not stat.S_ISREG(status.st_mode) or not entry.name.endswith(b".jsonl"):
        return None
    seen.add(key)
    return Known(entry.path, folder, *key, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _holds(folder: bytes, path: bytes) -> bool:
    """Whether a path lies inside a folder: a link to there would lead round in a circle."""
    return os.path.realpath(os.path.dirname(path)).startswith(folder.rstrip(b"/") + b"/") or (
        os.path.realpath(os.path.dirname(path)) == folder
    )
