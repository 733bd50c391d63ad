"""`export`: all that is kept, as CSV, JSON Lines or Parquet."""

from __future__ import annotations

import os
import sys

from tachograph.errors import TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.export import EVERYTHING
from tachograph.text.format import size
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.documents import export
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "what",
        choices=[*EVERYTHING, "all", "calibration"],
        help="what to write; all: one file for each; calibration: readings and token sums without names",
    )
    parser.add_argument("--format", choices=export.FORMATS, default="csv", help="default: csv")
    parser.add_argument("--to", metavar="PATH", help="a file; for all: a folder. Default: standard output")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument(
        "--machine", metavar="NAME", action="append", default=[], help="only this machine of yours (may be repeated)"
    )
    parser.add_argument("--account", metavar="NAME", help="for calibration: this account (default: the first)")
    add_question_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.machine and (arguments.what == "calibration" or not _has_machine(arguments.what)):
        raise UsageError(
            f"export {arguments.what} is of an account, not of a machine.", "Leave out --machine, or export readings."
        )
    if arguments.what == "calibration":
        from tachograph.ui.cli.export_calibration import run as run_calibration

        return run_calibration(arguments, context)
    if arguments.what == "all" and not arguments.to:
        raise UsageError("export all writes several files.", "Give a folder: --to FOLDER")
    if arguments.format == "parquet" and not arguments.to and context.is_terminal:
        raise UsageError("Parquet is not for a terminal.", "Give a file: --to FILE")
    ask_ledger(arguments, context, lambda now: _write(arguments, context, now))
    return 0


def _has_machine(what: str) -> bool:
    return what not in EVERYTHING or EVERYTHING[what].has_machine


def _write(arguments: argparse.Namespace, context: Context, now: Snapshot) -> None:
    for what in EVERYTHING if arguments.what == "all" else (arguments.what,):
        if arguments.machine and not _has_machine(what):
            context.say(f"Left out {what}, which are of an account, not of a machine.")
            continue
        one = EVERYTHING[what]
        rows = one.rows(now.db, now.book, now.calendar, arguments.machine)
        if not arguments.to:
            context.out.flush()
            export.write(arguments.format, one.fields, rows, getattr(context.out, "buffer", sys.stdout.buffer))
            continue
        path = arguments.to
        if arguments.what == "all":
            os.makedirs(path, mode=0o700, exist_ok=True)
            path = os.path.join(path, f"{what}.{arguments.format}")
        made = export.chunks(arguments.format, one.fields, rows)  # what it needs is looked for before a file is made
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if arguments.force else os.O_EXCL)
        try:
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                for chunk in made:
                    file.write(chunk)
        except FileExistsError:
            raise TachographError(f"{path} already exists.", "Overwrite it with --force.") from None
        except OSError as error:
            raise TachographError(f"{path} can't be written: {error.strerror}.") from error
        context.say(f"{path}  {size(os.stat(path).st_size)}")
