"""A bare `tachograph`: one screen."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.limits.limits import SEVEN_DAY
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
from tachograph.ui.documents.report_footer import wrapped
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

_PIPED_COLUMNS = 100  # sentences fold in a pipe too; tables never do
NO_LIMITS = "No reading of your limits yet: tachograph setup shows how to get one."


def run(arguments: argparse.Namespace, context: Context) -> int:
    def ask(found: Snapshot) -> tuple[Overview, Problems, Now, Calendar, list[str]]:
        seen = overview(found.db, found.book, found.calendar, found.now)
        limits = now_question(found.db, found.now, left=found.settings.shows_left)
        return seen, found.problems, limits, found.calendar, _card(found, limits)

    seen, wrong, limits, calendar, card = ask_ledger(arguments, context, ask, limits=True)
    blocks = context.can_show("█")
    lines = [line for sentence in card for line in wrapped([sentence], context.columns or _PIPED_COLUMNS)]
    lines += [""] if card else []
    lines += limits_screen(limits, calendar, context.columns, context.style, blocks=blocks) if limits.accounts else []
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


def _card(found: Snapshot, limits: Now) -> list[str]:
    """The week in sentences, from what the recorder or an earlier `why` has learned; empty while there is nothing."""
    if not limits.accounts or not any(account.limit(SEVEN_DAY) for account in limits.accounts):
        return []
    from tachograph.queries.estimates.attribution import attribution
    from tachograph.queries.estimates.card_week import card_week
    from tachograph.queries.estimates.what_if_table import what_if_table
    from tachograph.text.card_week import card_words

    week = card_week(
        limits, lambda account, back: attribution(found.db, found.book, account, found.now, SEVEN_DAY, back)
    )
    if week is None:
        return []
    return card_words(week, None if week.back else what_if_table(found.db, found.book, week.account, found.now))
