"""`tachograph drivers`: subagents, skills, MCP servers, long context and others, ranked by what they cost."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import DAY
from tachograph.queries.estimates.driver_points import drivers_with_points
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.usage.rows import SpendQuery
from tachograph.ui.cli.account_option import add_account_flags, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.cli.reports import add_name_filters, asked_range, asked_ways, positive_number, print_json, print_rows
from tachograph.ui.documents.drivers import DriversReport, drivers_document, drivers_screen, drivers_table
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

_DAYS = 7  # without a range


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Ranks what drives usage, in dollars and in points of the weekly limit once those are learned, with one sentence on"
        f" what to do where the numbers support it. Without a range it covers the last {_DAYS} days."
    )
    parser.add_argument("--since", metavar="DAY", help="from this day on: 2026-11-21, today, yesterday, 7d")
    parser.add_argument("--until", metavar="DAY", help="up to and including this day")
    parser.add_argument("--last", metavar="N", type=positive_number, help="the last N days, including today")
    add_name_filters(parser)
    parser.add_argument("--csv", action="store_true", help="for spreadsheets")
    add_account_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if not (arguments.since or arguments.until or arguments.last):
        arguments.last = _DAYS

    def ask(now: Snapshot) -> DriversReport:
        asked = asked_range(arguments, now.calendar, now.now, DAY)
        account = meant(now_question(now.db, now.now), arguments.account)
        question = SpendQuery(
            "day",
            asked.span,
            None,
            tuple(arguments.project),
            tuple(arguments.model),
            machines=tuple(arguments.machine),
            ways=asked_ways(arguments),
        )
        found = drivers_with_points(now.db, now.book, question, account.id if account else None, now.now)
        label = account.label if account is not None and found.is_learned else None
        return DriversReport(found, now.calendar, now.now, asked.since, asked.until, now.problems, label)

    report = ask_ledger(arguments, context, ask, limits=True, learns=True)
    if arguments.json:
        print_json(drivers_document(report), context)
    elif arguments.csv:
        print_rows(*drivers_table(report), context)
    else:
        print("\n".join(drivers_screen(report, context.columns, context.style)), file=context.out)
    return 0
