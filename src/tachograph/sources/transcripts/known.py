"""What we remember of a transcript between two passes."""

from typing import NamedTuple


class Known(NamedTuple):
    """What we remember of a transcript: all that is needed to read on, and to see that nothing changed.

    Times are nanoseconds; `offset` is where the first line that is not read for good begins; `head` and `tail`
    hash the bytes at the start and before the offset; `branch` and `stamp` are the last ones named before it.
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
