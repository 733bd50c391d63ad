"""A home in which somebody has worked for six weeks, with readings that fit hidden weights."""

from pathlib import Path
from typing import NamedTuple

from helpers import NOW, NOW_MS, Home
from tachograph.demo import limits, transcripts
from tachograph.ledger.storage.connection import Ledger
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.limits.current import NowAccount, now
from tachograph.queries.limits.guard import primary_account
from tachograph.ui.cli.demo import limits as demo_limits

DAYS = 42


class SixWeeks(NamedTuple):
    """The home, and the weights and use that lie behind its readings."""

    home: Home
    hidden: limits.Invented


def make(folder: Path, book: PriceBook) -> SixWeeks:
    """Write the transcripts and readings of six weeks."""
    home = Home(folder)
    transcripts.write(home.claude, end=NOW, days=DAYS, seed=7)
    with home.ledger() as ledger:
        hidden = demo_limits.invent(ledger, book, home.env, str(home.claude), NOW_MS, DAYS)
    return SixWeeks(home, hidden)


def leading_account(ledger: Ledger, at: int = NOW_MS) -> NowAccount:
    """The account that a command is about at a moment."""
    found = primary_account(now(ledger.db, at))
    assert found is not None
    return found
