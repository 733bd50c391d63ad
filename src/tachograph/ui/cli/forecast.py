"""`tachograph forecast`: the chance to reach a limit before it resets; `tachograph next`: will a next session fit."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates.forecast import LimitForecast, forecast
from tachograph.queries.estimates.learning import load
from tachograph.queries.estimates.next_session import NextSession, next_session
from tachograph.queries.estimates.scoring import Calibration, calibration
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as now_question
from tachograph.text.format import iso
from tachograph.ui.cli.account_option import NO_READING, add_account_flags, meant
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents import forecasts as surface
from tachograph.ui.documents.reports import FORMAT
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse
    from typing import Any


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    if name == "forecast":
        parser.description = (
            "Probability of reaching each limit before it resets, and the likely time. Starts from a prior that ships with the"
            " program, and adapts to the outcome of your own windows."
        )
        parser.add_argument(
            "--score", action="store_true", help="compare past forecasts on this machine with their outcome"
        )
    else:
        parser.description = "Compares the rest of the 5-hour window with the points your last sessions used."
    add_account_flags(parser)


class _Found:
    """The question of `forecast` or `next` about an account."""

    def __init__(self, account: NowAccount | None, asked: Snapshot) -> None:
        self.account, self.asked = account, asked
        self.limits: tuple[LimitForecast, ...] = ()
        self.next: NextSession | None = None
        self.score: Calibration | None = None


def run(arguments: argparse.Namespace, context: Context) -> int:
    wants_score = getattr(arguments, "score", False)

    def ask(asked: Snapshot) -> _Found:
        found = _Found(meant(now_question(asked.db, asked.now), arguments.account), asked)
        if wants_score:
            found.score = calibration(asked.db, found.account.id if arguments.account and found.account else None)
        elif found.account is not None:
            what = asked.learned.get(found.account.id) or load(asked.db, asked.book, found.account.id, asked.now)
            found.next = next_session(asked.db, asked.book, found.account, asked.now, what)
            if arguments.command == "forecast":
                found.limits = forecast(asked.db, asked.book, found.account, asked.now, what)
        return found

    found = ask_ledger(arguments, context, ask, limits=True, learns=True)
    at = found.asked.now
    if found.score is not None:
        _show(arguments, context, surface.score_document(found.score, at), surface.score_screen(found.score))
    elif found.account is None or found.next is None:
        document: dict[str, Any] = {
            "format": FORMAT,
            "generated_at": iso(at),
            "account": None,
            "limits": [],
            "next_session": None,
        }
        _show(arguments, context, document, list(NO_READING))
    elif arguments.command == "forecast":
        document = surface.forecast_document(found.limits, found.next, found.account, at)
        _show(arguments, context, document, surface.forecast_screen(found.limits, found.next, found.asked.calendar, at, context.columns))  # fmt: skip
    else:
        document = {"format": FORMAT, "generated_at": iso(at), "account": found.account.label or None, "next_session": surface.next_document(found.next)}  # fmt: skip
        _show(arguments, context, document, surface.next_screen(found.next, context.columns))
    return 0


def _show(arguments: argparse.Namespace, context: Context, document: dict[str, Any], lines: list[str]) -> None:
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(document, context)
    else:
        print("\n".join(lines), file=context.out)
