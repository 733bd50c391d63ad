"""`tachograph reconcile`: the three numbers that are taken for each other, side by side, and why they differ."""

import argparse

from tachograph.queries.estimates.reconcile import Reconciled, reconcile
from tachograph.queries.limits.current import now as now_question
from tachograph.ui.cli.account_option import add_account_flags, meant
from tachograph.ui.documents import estimates as surface
from tachograph.workspace.session import Reading, reading
from tachograph.workspace.terminal_io import Context


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.epilog = "A budget a month is set in settings.toml: `budget = 200` (US dollars, API-equivalent)."
    add_account_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    def ask(asked: Reading) -> tuple[Reconciled, Reading]:
        account = meant(now_question(asked.db, asked.now), arguments.account)
        return reconcile(asked.db, asked.book, asked.calendar, account, asked.now, asked.settings.budget), asked

    found, asked = reading(arguments, context, ask, limits=True, learns=True)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(surface.reconcile_document(found), context)
    else:
        shown = surface.reconcile_screen(found, asked.calendar, context.room, context.style)
        print("\n".join(shown), file=context.out)
    return 0
