"""`tachograph reconcile`: the three numbers that are taken for each other, side by side, and why they differ."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates.reconcile import Reconciled, reconcile
from tachograph.queries.limits.current import now as now_question
from tachograph.ui.cli.account_option import add_account_flags, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents import reconcile as surface
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.epilog = "A budget a month is set in settings.toml: `budget = 200` (US dollars, API-equivalent)."
    add_account_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    def ask(asked: Snapshot) -> tuple[Reconciled, Snapshot]:
        account = meant(now_question(asked.db, asked.now), arguments.account)
        state = None if account is None else asked.learned.get(account.id)
        return reconcile(asked.db, asked.book, asked.calendar, account, asked.now, asked.settings.budget, state), asked

    found, asked = ask_ledger(arguments, context, ask, limits=True, learns=True)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(surface.reconcile_document(found), context)
    else:
        shown = surface.reconcile_screen(found, asked.calendar, context.columns, context.style)
        print("\n".join(shown), file=context.out)
    return 0
