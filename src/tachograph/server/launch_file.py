"""How a browser is sent to the link that works once, without the link in a command line: those can be read by everybody who
uses this computer. The browser is given the address of a file instead, which is its owner's alone and leads to the link.

The file goes when the link is used, when its minute is over, and when a server starts or ends.
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
<body><p><a href="{link}">Open the dashboard</a></p></body></html>
"""


def made(paths: Paths, address: str, ticket: str) -> str:
    """Write the file; its address, for a browser. Raises OSError."""
    path = _path(paths, ticket)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(_PAGE.format(link=html.escape(f"{address}#t={ticket}")))
    return Path(path).as_uri()


def used(paths: Paths, ticket: str) -> None:
    """Nobody needs a ticket's file any more."""
    with contextlib.suppress(OSError):
        os.unlink(_path(paths, ticket))


def sweep(paths: Paths, clock: Clock | None = None) -> None:
    """Delete files that lead to links which work no longer: those older than a minute, or without a clock all."""
    with contextlib.suppress(OSError), os.scandir(paths.data) as entries:
        for entry in entries:
            if entry.name.startswith(_BEFORE) and entry.name.endswith(_AFTER):
                with contextlib.suppress(OSError):
                    age = clock.now_ms() - entry.stat(follow_symlinks=False).st_mtime * 1000 if clock else TICKET_MS
                    if not -TICKET_MS < age < TICKET_MS:
                        os.unlink(entry.path)


def _path(paths: Paths, ticket: str) -> str:
    """Its name says nothing of the ticket."""
    return os.path.join(paths.data, f"{_BEFORE}{hashlib.sha256(ticket.encode()).hexdigest()[:24]}{_AFTER}")
