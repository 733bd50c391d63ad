"""A file that leads a browser to the link that works once. Other users can read command lines, so the browser is given
the address of this file, which only its owner can read.

The file is deleted when the link is used, when its minute is over, and when a server starts or ends.
"""

import contextlib
import hashlib
import html
import os
from pathlib import Path

from tachograph.clock import Clock
from tachograph.paths import Paths
from tachograph.server.access_keys import TICKET_MS

_BEFORE, _AFTER = "open-", ".html"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">
<title>Tachograph</title><meta http-equiv="refresh" content="0;url={link}"></head>
<body><p><a href="{link}">Open the page</a></p></body></html>
"""


def write(paths: Paths, link: str, ticket: str) -> str:
    """Write the file that leads to a link with a ticket in it. Returns its address, for a browser. Raises OSError."""
    path = _path(paths, ticket)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(_PAGE.format(link=html.escape(link)))
    return Path(path).as_uri()


def remove(paths: Paths, ticket: str) -> None:
    """Delete the file of a ticket."""
    with contextlib.suppress(OSError):
        os.unlink(_path(paths, ticket))


def sweep(paths: Paths, clock: Clock | None = None) -> None:
    """Delete files of expired links: those older than a minute; without a clock all of them."""
    with contextlib.suppress(OSError), os.scandir(paths.data) as entries:
        for entry in entries:
            if entry.name.startswith(_BEFORE) and entry.name.endswith(_AFTER):
                with contextlib.suppress(OSError):
                    age = clock.now_ms() - entry.stat(follow_symlinks=False).st_mtime * 1000 if clock else TICKET_MS
                    if not -TICKET_MS < age < TICKET_MS:
                        os.unlink(entry.path)


def _path(paths: Paths, ticket: str) -> str:
    """The path of a ticket's file. Its name does not reveal the ticket."""
    return os.path.join(paths.data, f"{_BEFORE}{hashlib.sha256(ticket.encode()).hexdigest()[:24]}{_AFTER}")
