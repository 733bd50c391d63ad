"""Files that were touched: other times, the same content.

Backup and sync programs, and people, set the times of files. To read such a transcript again costs as much as its first
reading. That its size is the same proves little: a program may have written over its middle. But writing and touching
leave different times: whoever writes moves the modification time and leaves the access time behind, whoever touches
sets both to one moment. Only if they are equal, and parts of the content agree with the sum taken when the file was
read, nothing was written. In doubt the answer is no, and the file is read again.

A write leaves equal times too if something reads the file within the same tick of the file system's clock (4 ms on
Linux), which the content tells for all but the middle of long files. Where a command touches a whole tree, the content
of a few is compared and the times speak for the others: to open 2,500 files takes longer than all of a report.
"""

from __future__ import annotations

import os
from binascii import crc32

from tachograph.sources.transcripts.file_state import Signature, signature

_WHOLE = 64 << 10  # a file up to this long is compared as a whole
_PART, _PARTS = 4096, 4  # of a longer one, this many bytes at this many places, its beginning and end among them
COMPARED = 64  # files with all times equal, as the kernel's clock sets them, of which the content is compared


def content_sum(path: bytes, expected: Signature) -> int | None:
    """A sum over parts of a file; None if it is not the expected file any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if signature(status) != expected:
            return None
        size, found = status.st_size, 0
        if size <= _WHOLE:
            return crc32(os.read(descriptor, _WHOLE))
        for place in range(_PARTS):
            found = crc32(_part(descriptor, (size - _PART) * place // (_PARTS - 1)), found)
        return found
    except OSError:
        return None
    finally:
        os.close(descriptor)


def is_touched(path: bytes, status: os.stat_result, before: Signature, content: int, compared: int = 0) -> bool:
    """True if a file with other times than `before` still has the content of the sum taken then.

    `compared`: how many files were compared already in this look.
    """
    device, inode, size, mtime, _ = before
    if (status.st_dev, status.st_ino, status.st_size) != (device, inode, size):
        return False
    if status.st_mtime_ns == mtime or status.st_mtime_ns != status.st_atime_ns:
        return False
    if compared >= COMPARED and status.st_mtime_ns == status.st_ctime_ns:
        return True
    return content_sum(path, signature(status)) == content


def _part(descriptor: int, offset: int) -> bytes:
    if os.name == "nt":  # no pread
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, _PART)
    return os.pread(descriptor, _PART, offset)
