"""`tachograph limits`: past windows of each limit, and when it was hit."""

from __future__ import annotations

from tachograph.errors import NotFound, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.limits import accounts
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.limits.guard import find_limit_keys
from tachograph.queries.limits.history import History, history
from tachograph.ui.cli.accounts import meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.documents import limits as surface
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--last", type=int, default=30, metavar="N", help="windows of the last N days (default: 30)")
    parser.add_argument(
        "--limit", metavar="NAME", help="this limit only: five_hour, seven_day, opus, or a key of `now`"
    )
    parser.add_argument("--account", metavar="NAME", help="this account only, as `accounts` lists it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--csv", action="store_true", help="for spreadsheets")
    add_question_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if not 1 <= arguments.last <= 36_500:
        raise UsageError(f"--last {arguments.last}: give a number of days from 1.")

    def ask(found: Snapshot) -> tuple[History, Snapshot]:
        account = meant(accounts.accounts(found.db), arguments.account).id if arguments.account else None
        key = None
        if arguments.limit:
            known = {window.key for window in history(found.db, found.calendar, found.now, 0).windows}
            keys = [
                k
                for k in (*find_limit_keys(now_question(found.db, found.now), arguments.limit), arguments.limit)
                if k in known
            ]
            if not keys and known:
                raise NotFound(f"No windows of a limit {arguments.limit!r}.", f"Known: {', '.join(sorted(known))}.")
            key = keys[0] if keys else arguments.limit
        since = found.now - arguments.last * 86_400_000
        return history(found.db, found.calendar, found.now, since, key, account), found

    found, asked = ask_ledger(arguments, context, ask, limits=True)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(surface.document(found, arguments.last, asked.now), context)
    elif arguments.csv:
        from tachograph.ui.cli.reports import print_rows

        print_rows(*surface.table_rows(found.windows), context)
    elif not found.windows:
        print(f"No windows of limits in the last {arguments.last} days.", file=context.out)
        print("  tachograph sources    where readings of limits come from", file=context.out)
    else:
        shown = surface.screen(found, arguments.last, asked.calendar, asked.now, context.columns, context.style)
        for line in shown:
            print(line, file=context.out)
    return 0
