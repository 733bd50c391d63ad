"""Which transcripts there are: every regular `*.jsonl` under the `projects` folder of each config folder.

Links to folders and files are followed, each target once (by device and inode); pipes, sockets and devices are
never opened. What cannot be listed is reported beside what was found.
"""

import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

from tachograph.paths import config_folders, desktop_session_folder
from tachograph.sources.transcripts.known import Known


Signature = tuple[int, int, int, int, int]  # device, inode, size, mtime, ctime


class Found(NamedTuple):
    """What a look at the folders gave.

    `changed`: transcripts whose signature is not the one we know, newest first. `paths`: all transcripts.
    `unreadable`: what could not be looked into: path, reason, its config folder.
    """

    changed: list[Known]
    paths: set[bytes]
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


def transcripts(config_folders: list[str], known: Mapping[bytes, Signature]) -> Found:
    """Every transcript in the folders, held against the signatures of those that we have read."""
    found = Found([], set(), [])
    seen: set[tuple[int, int]] = set()
    for folder in config_folders:
        _walk(os.fsencode(os.path.join(folder, "projects")), folder, known, seen, found)
    found.changed.sort(key=lambda known: -known.mtime)
    return found


def _walk(
    top: bytes, folder: str, known: Mapping[bytes, Signature], seen: set[tuple[int, int]], found: Found
) -> None:
    """Look into a folder and all below it. One flat loop: it runs over every transcript at every command."""
    pending = [top]
    changed, paths = found.changed, found.paths
    while pending:
        where = pending.pop()
        try:
            entries = os.scandir(where)
        except FileNotFoundError:
            continue
        except OSError as error:
            found.unreadable.append((where, error.strerror or "cannot be listed", folder))
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
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
                    if is_transcript and not isinstance(error, FileNotFoundError):
                        found.unreadable.append((path, error.strerror or "cannot be read", folder))
                    continue
                key = (status.st_dev, status.st_ino)
                if key in seen:
                    continue
                if stat.S_ISREG(status.st_mode):
                    if is_transcript:
                        seen.add(key)
                        paths.add(path)
                        signature = (*key, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                        if known.get(path) != signature:
                            changed.append(Known(path, folder, *signature))
                elif stat.S_ISDIR(status.st_mode) and not _holds(os.path.realpath(path), path):
                    seen.add(key)  # a link to a folder; one to a folder above it would lead round in a circle
                    pending.append(path)


def _holds(folder: bytes, path: bytes) -> bool:
    """Whether a path lies inside a folder: a link to there would lead round in a circle."""
    return os.path.realpath(os.path.dirname(path)).startswith(folder.rstrip(b"/") + b"/") or (
        os.path.realpath(os.path.dirname(path)) == folder
    )
