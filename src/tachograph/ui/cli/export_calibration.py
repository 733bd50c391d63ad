"""`export calibration`: readings and token sums without names, for people who improve the estimates."""

from __future__ import annotations

import gzip
import json
import os

from tachograph.errors import TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates.calibration_export import Contents, calibration
from tachograph.queries.limits.current import now as now_question
from tachograph.text.format import plural, size
from tachograph.ui.cli.account_option import NO_READING, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Write the file, and describe its contents."""
    if arguments.format not in ("csv", "jsonl"):
        raise UsageError("export calibration writes JSON Lines.", "Leave out --format.")

    def ask(found: Snapshot) -> Contents | None:
        account = meant(now_question(found.db, found.now), getattr(arguments, "account", None))
        return None if account is None or not account.id else calibration(found.db, found.book, account, found.now)

    contents = ask_ledger(arguments, context, ask, limits=True)
    if contents is None:
        context.say("\n".join(NO_READING))
        return 0
    text = "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in contents.rows)
    if not arguments.to:
        context.out.write(text)
    else:
        _write(arguments.to, text, is_forced=arguments.force)
        context.say(f"{arguments.to}  {size(os.stat(arguments.to).st_size)}")
    for line in contents_words(contents):
        context.say(line)
    return 0


def contents_words(contents: Contents) -> list[str]:
    """The contents of an export in words."""
    models = ", ".join(contents.models) or "none"
    return [
        f"It holds {plural(contents.readings, 'reading')} of your limits (percent, reset, plan) and"
        f" {plural(contents.quarters, 'token sum')} by quarter hour, session and model.",
        f"Models: {models}.",
        "Account and sessions are hashed with a key that was not stored. No text, no names, no paths, no dollars.",
        "Look through it before you send it: docs/why.md, Evidence from users.",
    ]


def _write(path: str, text: str, *, is_forced: bool) -> None:
    """Write the file, compressed if its name ends in .gz; for its owner alone."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if is_forced else os.O_EXCL)
    data = text.encode()
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(gzip.compress(data) if path.endswith(".gz") else data)
    except FileExistsError:
        raise TachographError(f"{path} already exists.", "Overwrite it with --force.") from None
    except OSError as error:
        raise TachographError(f"{path} can't be written: {error.strerror}.") from error
