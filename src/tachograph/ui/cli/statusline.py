"""`tachograph statusline`: the command that Claude Code runs for its status line, with JSON on standard input.

It must never disturb: it ends with 0 and one line, at once, also where the ledger is missing, held or damaged.
"""

from __future__ import annotations

import os
import sys

from tachograph.errors import TachographError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.connection import set_busy_timeout
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import environment_folders, own_paths
from tachograph.queries.limits.current import Now
from tachograph.queries.limits.current import now as now_question
from tachograph.recorder.statusline import StatusInput, parse_status_input, store
from tachograph.sources.statusline import PromptCache
from tachograph.ui.cli.commands import HIDDEN
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.statusline import limits, line

if TYPE_CHECKING:
    import argparse

_INPUT_SECONDS = 2.0  # Claude Code writes its document at once
_INPUT_BYTES = 1 << 20
_BUSY_MS = 60  # a new redraw cancels this one; waiting longer would only be late


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "what", nargs="?", metavar="install|uninstall", help="install it in Claude Code's settings, or uninstall it"
    )
    parser.add_argument(
        "--limits-only", action="store_true", help="only the limits, not the session's model, cost and context"
    )
    parser.add_argument(
        "--then", metavar="COMMAND", help="run this command too, with the same input, and show it first"
    )
    parser.add_argument("--then64", help=HIDDEN)  # the same where no quoting holds: install writes it
    parser.add_argument("--config-dir", metavar="FOLDER", help="with install: this Claude Code folder only")
    parser.epilog = (
        'In Claude Code\'s settings.json:  "statusLine": {"type": "command", "command": "tachograph statusline"}'
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.what is not None:
        from tachograph.ui.cli.statusline_install import install_or_uninstall

        return install_or_uninstall(arguments, context)
    now_ms = context.clock.now_ms()
    data = b"" if sys.stdin is None or sys.stdin.isatty() else _input(sys.stdin.fileno())
    other = None
    if arguments.then or arguments.then64:
        from tachograph.ui.cli.wrapped_statusline import WrappedCommand

        other = WrappedCommand(arguments.then, arguments.then64, data)
    try:
        made = _line(arguments, data, context, now_ms)
    except Exception:  # noqa: BLE001 - a mistake of ours must not take the status line away
        made = "limits can't be shown: run tachograph doctor"
    if other is not None and (shown := other.output()):
        context.out.write(shown if shown.endswith("\n") else f"{shown}\n")
    print(made or "no limits known yet", file=context.out)
    return 0


def _line(arguments: argparse.Namespace, data: bytes, context: Context, now_ms: int) -> str:
    said = parse_status_input(data, now_ms)
    found, account = _kept(said, context, now_ms)
    if arguments.limits_only:
        return "  ".join(limits(found, account, said.reading))
    return line(
        found, account, said.reading, said.model, said.cost_usd, said.context_percent, _cache_words(said.cache, now_ms)
    )


def _cache_words(cache: PromptCache | None, now_ms: int) -> str:
    """`cache hot 17m` until it expires, `cache cold 61k` with the tokens that the next message writes again."""
    if cache is None:
        return ""
    left = None if cache.expires_at is None else (cache.expires_at - now_ms) // 60_000
    if cache.is_warm and (left is None or left >= 0):
        return (
            "cache hot"
            if left is None
            else f"cache hot {left // 60}h{left % 60:02d}"
            if left >= 60
            else f"cache hot {left}m"
        )
    return f"cache cold {round(cache.rebuild_tokens / 1000)}k" if cache.rebuild_tokens else "cache cold"


def _input(descriptor: int) -> bytes:
    """Bytes of standard input until its end, a limit of size, or a deadline: whatever comes first."""
    if os.name == "nt":
        return _input_by_thread(descriptor)
    import time

    end, data = time.monotonic() + _INPUT_SECONDS, bytearray()
    was_blocking = os.get_blocking(descriptor)
    os.set_blocking(descriptor, False)
    try:
        while len(data) < _INPUT_BYTES and (left := end - time.monotonic()) > 0:
            try:
                part = os.read(descriptor, _INPUT_BYTES - len(data))
            except BlockingIOError:  # nothing is there yet: seldom, since Python takes longer to start
                import select

                if not select.select([descriptor], [], [], left)[0]:
                    break
                continue
            if not part:
                break
            data += part
    finally:
        os.set_blocking(descriptor, was_blocking)
    return bytes(data)


def _input_by_thread(descriptor: int) -> bytes:
    """The same on Windows, which cannot wait for a pipe with a deadline."""
    import threading

    data = bytearray()

    def read() -> None:
        while len(data) < _INPUT_BYTES and (part := os.read(descriptor, _INPUT_BYTES - len(data))):
            data.extend(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(_INPUT_SECONDS)
    return bytes(data)


def _kept(said: StatusInput, context: Context, now_ms: int) -> tuple[Now | None, int | None]:
    """Store the piped reading and load the current limits; None if the ledger can't be used."""
    paths = own_paths(context.env)
    left, folders = False, environment_folders(context.env)
    if os.path.exists(paths.settings):  # else without loading what reads them
        from tachograph.settings import config_folders, shows_left

        left, folders = shows_left(paths.settings), config_folders(context.env)
    folder = said.config_folder or next(iter(folders), "")
    try:
        with open_ledger(paths, now_ms) as ledger:
            set_busy_timeout(ledger.db, _BUSY_MS)
            account = None if ledger.readable_only else store(ledger, said, folder, context.env)
            return now_question(ledger.db, now_ms, left=left), account
    except TachographError:
        return None, None
