"""`tachograph why`: attribute a limit to models, projects, sessions or pull requests."""

from __future__ import annotations

from datetime import date

from tachograph.errors import NotFound, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.usage.periods import Calendar, Span
from tachograph.queries.estimates.attribution import Attribution, Part, attribution
from tachograph.queries.estimates.months import month_attribution
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.limits.guard import find_limit_keys
from tachograph.ui.cli.account_option import NO_READING, add_account_flags, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents import estimates as surface
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse


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
    parser.add_argument("--month", metavar="YYYY-MM", help="the weeks of a month together")
    parser.add_argument("--session", metavar="ID", help="one session: its id, or the beginning of it")
    parser.add_argument("--pr", metavar="NAME", help="one pull request: its number, owner/name#number or address")
    add_account_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if not 0 <= arguments.week <= 520:
        raise UsageError(f"--week {arguments.week}: give 0 for the current one, 1 for the one before it.")
    if arguments.session and arguments.pr:
        raise UsageError("Give --session or --pr, not both.")
    if arguments.month and (arguments.week or arguments.limit != SEVEN_DAY):
        raise UsageError("--month covers whole weeks: leave out --week and --limit.")

    def ask(found: Snapshot) -> tuple[Attribution | None, NowAccount | None, Snapshot]:
        now = now_question(found.db, found.now)
        account = meant(now, arguments.account)
        if account is None:
            return None, None, found
        state = found.learned.get(account.id)
        if arguments.month:
            month = _month(arguments.month, found.calendar)
            return month_attribution(found.db, found.book, account, found.now, month, state), account, found
        keys = find_limit_keys(now, arguments.limit) or (arguments.limit,)
        scoped = account.limit(keys[0])
        if keys[0] not in (FIVE_HOUR, SEVEN_DAY) and (scoped is None or scoped.group != "weekly" or arguments.week):
            raise NotFound(
                f"No limit {arguments.limit!r}.",
                "Choose five_hour, seven_day or the current week of one model (`tachograph now` lists them).",
            )
        return attribution(found.db, found.book, account, found.now, keys[0], arguments.week, state), account, found

    answer, account, asked = ask_ledger(arguments, context, ask, limits=True, learns=True)
    if answer is None or account is None:
        if arguments.json:
            _print({"format": 1, "account": None, "method": "nothing"}, context)
        else:
            print("\n".join(NO_READING), file=context.out)
        return 0
    part, kind = _part(answer, arguments)
    if arguments.json:
        document = surface.why_document(answer, account)
        _print(document if part is None else {**document, "part": surface.part_document(part, kind)}, context)
        return 0
    if part is not None:
        print("\n".join(surface.part_screen(answer, part, kind, context.columns)), file=context.out)
        return 0
    shown = surface.why_screen(
        answer, account, asked.calendar, context.columns, context.style, blocks=context.can_show("█")
    )
    print("\n".join(shown), file=context.out)
    return 0


def _month(text: str, calendar: Calendar) -> Span:
    """The span of a month. Raises UsageError."""
    try:
        year, month = (int(word) for word in text.split("-"))
        first = date(year, month, 1)
        return Span(calendar.start_of(first), calendar.start_of(date(year + month // 12, month % 12 + 1, 1)))
    except (ValueError, OverflowError):
        raise UsageError(f"--month {text!r}: write it as 2026-10.") from None


def _part(answer: Attribution, arguments: argparse.Namespace) -> tuple[Part | None, str]:
    """The session or pull request that was asked for, and its kind. Raises NotFound."""
    if not arguments.session and not arguments.pr:
        return None, ""
    kind, word = ("session", arguments.session) if arguments.session else ("pull request", arguments.pr)
    rows = answer.by_session if arguments.session else answer.by_pull
    wanted = word.lower()
    found = [part for part in rows if part.full and part.full.lower().startswith(wanted)] if kind == "session" else []
    if kind != "session":
        number = wanted.lstrip("#")
        found = [
            part
            for part in rows
            if part.full and (wanted in (part.full.lower(), part.name.lower()) or part.name.endswith(f"#{number}"))
        ]
    if len(found) != 1:
        known = ", ".join(part.name for part in rows[:5] if part.full) or "none"
        problem = "is not in this period" if not found else f"means {len(found)} of them"
        raise NotFound(
            f"{kind.capitalize()} {word!r} {problem}.", f"The largest there: {known}. Other weeks: --week N."
        )
    return found[0], kind


def _print(document: dict[str, object], context: Context) -> None:
    from tachograph.ui.cli.reports import print_json

    print_json(document, context)
