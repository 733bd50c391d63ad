"""`tachograph what-if`: the end of this week and of the next one on other models."""

from __future__ import annotations

from tachograph.errors import UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates.what_if import WhatIf, what_if
from tachograph.queries.estimates.what_if_table import WhatIfTable, session_table, what_if_table
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.usage.session import find_session
from tachograph.text.format import iso
from tachograph.ui.cli.account_option import NO_READING, add_account_flags, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents import what_if as surface
from tachograph.ui.documents.reports import FORMAT
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse
    from typing import Any


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Shows where this week and the next one would end on every model and on common mixes, and what the largest sessions"
        " would have used. With --model it answers for one model, with --session for one session."
    )
    parser.add_argument("--model", metavar="NAME", help="one model for the rest of the week, such as sonnet")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        metavar="N",
        help="with --model: share of the work on it, 0 to 1 (default: 1)",
    )
    parser.add_argument("--session", metavar="ID", help="one session on every model: its id, or the beginning of it")
    add_account_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if not 0 < arguments.share <= 1:
        raise UsageError(f"--share {arguments.share:g}: give a share such as 0.8.")
    if arguments.share != 1 and not arguments.model:
        raise UsageError("--share goes with --model.")
    if arguments.session and arguments.model:
        raise UsageError("--session shows every model: leave out --model.")

    def ask(asked: Snapshot) -> tuple[WhatIf | WhatIfTable | None, Snapshot]:
        account = meant(now_question(asked.db, asked.now), arguments.account)
        if account is None:
            return None, asked
        state = asked.learned.get(account.id)
        if arguments.session:
            uuid = find_session(asked.db, arguments.session)[1]
            return session_table(asked.db, asked.book, account, asked.now, uuid, state), asked
        if arguments.model:
            return what_if(asked.db, asked.book, account, asked.now, arguments.model, arguments.share, state), asked
        return what_if_table(asked.db, asked.book, account, asked.now, state), asked

    found, asked = ask_ledger(arguments, context, ask, limits=True, learns=True)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        document: dict[str, Any] = {"format": FORMAT, "generated_at": iso(asked.now), "model": None}
        if isinstance(found, WhatIf):
            document = surface.what_if_document(found, asked.now)
        elif found is not None:
            document = surface.table_document(found)
        print_json(document, context)
        return 0
    shown = list(NO_READING)
    if isinstance(found, WhatIf):
        shown = surface.what_if_screen(found, context.columns)
    elif found is not None:
        shown = surface.table_screen(found, context.columns, context.style)
    print("\n".join(shown), file=context.out)
    return 0
