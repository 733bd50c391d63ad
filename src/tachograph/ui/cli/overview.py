"""A bare `tachograph`: one screen."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import Calendar
from tachograph.queries.limits.current import Now
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.usage.overview import Overview, overview
from tachograph.queries.usage.problems import Problems
from tachograph.settings import config_folders
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents.now import screen as limits_screen
from tachograph.ui.documents.overview import empty, screen
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

NO_LIMITS = "No reading of your limits yet: tachograph setup shows how to get one."


def run(arguments: argparse.Namespace, context: Context) -> int:
    def ask(found: Snapshot) -> tuple[Overview, Problems, Now, Calendar]:
        seen = overview(found.db, found.book, found.calendar, found.now)
        limits = now_question(found.db, found.now, left=found.settings.shows_left)
        return seen, found.problems, limits, found.calendar

    seen, wrong, limits, calendar = ask_ledger(arguments, context, ask, limits=True)
    blocks = context.can_show("█")
    lines = limits_screen(limits, calendar, context.columns, context.style, blocks=blocks) if limits.accounts else []
    if not lines and not seen.is_empty:
        lines = [NO_LIMITS]
    lines += [""] if lines else []
    if seen.is_empty:
        from tachograph.setup.doctor import has_transcripts

        folders, are_logs = config_folders(context.env), has_transcripts(context.env)
        lines += empty(folders, wrong, context.columns, are_logs=are_logs, are_limits=bool(limits.accounts))
    else:
        lines += screen(seen, wrong, context.columns, context.style, blocks=blocks)
    for line in lines:
        print(line, file=context.out)
    return 0
