"""State of a transcript between two passes."""

from __future__ import annotations

import os

from tachograph.lean_typing import NamedTuple

PROMPT_LOOKUPS = 40  # user records at the start of a transcript that may hold the first prompt


Signature = tuple[int, int, int, int, int]  # device, inode, size, mtime, ctime


def signature(status: os.stat_result) -> Signature:
    """Marks of a file that stay the same while it is unchanged. `status` comes from `os.stat` or `os.fstat`.

    ctime is 0 on Windows: from CPython 3.12 on `os.stat` reports the time of creation there, `os.fstat` the time of change.
    """
    ctime = 0 if os.name == "nt" else status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, ctime


def names_changed_at(status: os.stat_result) -> int:
    """Time of the last change of names in a folder. A tool may set its modification time back, but not this one."""
    return status.st_mtime_ns if os.name == "nt" else status.st_ctime_ns  # on Windows that is when it was made


class FileState(NamedTuple):
    """State of a transcript: enough to read on, and to see that nothing changed.

    Times are nanoseconds; `offset` is where the first line that is not read for good begins; `head` and `tail`
    hash the bytes at the start and before the offset; `stamp` is the last time named before it; `looks` is how many more
    user records are worth a look for the session's first prompt. `branch` and `cwd` are empty: older versions kept the last.
    """

    path: bytes
    folder: str
    device: int
    inode: int
    size: int
    mtime: int
    ctime: int
    offset: int = 0
    head: int = 0
    tail: int = 0
    branch: str = ""
    stamp: str = ""
    looks: int = PROMPT_LOOKUPS
    cwd: str = ""
