"""Account option of the commands that show estimates."""

from __future__ import annotations

from tachograph.errors import NotFound
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.limits.current import Now, NowAccount
from tachograph.queries.limits.guard import find_accounts, primary_account
from tachograph.text.format import safe
from tachograph.ui.cli.question import add_question_flags

if TYPE_CHECKING:
    import argparse

NO_READING = (
    "No reading of your limits yet.",
    "  tachograph setup      detect what is here and choose sources",
    "  tachograph sources    list the sources of limits",
)


def add_account_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", metavar="NAME", help="this account: its label, or the beginning of it")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_question_flags(parser)


def meant(now: Now, word: str | None) -> NowAccount | None:
    """The account to show; None if no account is known. Raises NotFound for a name without an account."""
    if word is None:
        return primary_account(now)
    found = find_accounts(now, word)
    if len(found) != 1:
        known = ", ".join(safe(a.label or a.uuid) for a in now.accounts) or "none yet"
        raise NotFound(f"{word!r} {'is not known' if not found else 'means several accounts'}.", f"Known: {known}.")
    return found[0]
