"""`tachograph what-if`: where the week would end if the rest of it ran on another model."""

import argparse

from tachograph.errors import UsageError
from tachograph.queries.estimates.what_if import WhatIf, what_if
from tachograph.queries.limits.current import now as now_question
from tachograph.text.format import iso
from tachograph.ui.cli.account_option import NO_READING, add_account_flags, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents import reconcile as surface
from tachograph.ui.documents.reports import FORMAT
from tachograph.workspace.snapshot import Snapshot


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "--model", metavar="NAME", required=True, help="the model for the rest of the week, such as sonnet"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, metavar="N", help="share of the rest on it, 0 to 1 (default: 1)"
    )
    add_account_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if not 0 < arguments.share <= 1:
        raise UsageError(f"--share {arguments.share:g}: give a share such as 0.8.")

    def ask(asked: Snapshot) -> tuple[WhatIf | None, Snapshot]:
        account = meant(now_question(asked.db, asked.now), arguments.account)
        if account is None:
            return None, asked
        return what_if(asked.db, asked.book, account, asked.now, arguments.model, arguments.share), asked

    found, asked = ask_ledger(arguments, context, ask, limits=True, learns=True)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        empty = {"format": FORMAT, "generated_at": iso(asked.now), "model": None}
        print_json(empty if found is None else surface.what_if_document(found, asked.now), context)
    else:
        print(
            "\n".join(NO_READING if found is None else surface.what_if_screen(found, context.columns)), file=context.out
        )
    return 0
