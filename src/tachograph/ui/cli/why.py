"""`tachograph why`: attribute a limit to models, projects, sessions or pull requests."""

import argparse

from tachograph.errors import NotFound, UsageError
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.estimates.attribution import Attribution, attribution
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.limits.guard import find_limit_keys
from tachograph.ui.cli.account_option import NO_READING, add_account_flags, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents import estimates as surface
from tachograph.workspace.snapshot import Snapshot


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Attributes a used limit to your work in shares with 80 % intervals, learned from your own readings and logs, and"
        " shows how much is not explained by this machine's logs."
    )
    parser.add_argument(
        "--limit",
        metavar="NAME",
        default=SEVEN_DAY,
        help="seven_day (the default), five_hour, or a model's own week: opus",
    )
    parser.add_argument("--week", "--back", dest="week", type=int, default=0, metavar="N", help="number of windows before this one (default: 0)")  # fmt: skip
    add_account_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if not 0 <= arguments.week <= 520:
        raise UsageError(f"--week {arguments.week}: give 0 for the current one, 1 for the one before it.")

    def ask(found: Snapshot) -> tuple[Attribution | None, NowAccount | None, Snapshot]:
        now = now_question(found.db, found.now)
        account = meant(now, arguments.account)
        if account is None:
            return None, None, found
        keys = find_limit_keys(now, arguments.limit) or (arguments.limit,)
        scoped = account.limit(keys[0])
        if keys[0] not in (FIVE_HOUR, SEVEN_DAY) and (scoped is None or scoped.group != "weekly" or arguments.week):
            raise NotFound(
                f"No limit {arguments.limit!r}.",
                "Choose five_hour, seven_day or the current week of one model (`tachograph now` lists them).",
            )
        return attribution(found.db, found.book, account, found.now, keys[0], arguments.week), account, found

    answer, account, asked = ask_ledger(arguments, context, ask, limits=True, learns=True)
    if answer is None or account is None:
        if arguments.json:
            _print({"format": 1, "account": None, "method": "nothing"}, context)
        else:
            print("\n".join(NO_READING), file=context.out)
        return 0
    if arguments.json:
        _print(surface.why_document(answer, account), context)
        return 0
    shown = surface.why_screen(
        answer, account, asked.calendar, context.columns, context.style, blocks=context.can_show("█")
    )
    print("\n".join(shown), file=context.out)
    return 0


def _print(document: dict[str, object], context: Context) -> None:
    from tachograph.ui.cli.reports import print_json

    print_json(document, context)
