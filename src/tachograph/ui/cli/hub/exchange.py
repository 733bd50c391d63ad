"""The membership of this machine, and one exchange, for the commands of a hub."""

from typing import Any

from tachograph.errors import TachographError
from tachograph.hub import membership as memberships
from tachograph.hub.membership import Membership
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths
from tachograph.text.format import count
from tachograph.ui.cli.context import Context


def require_membership(paths: Paths) -> Membership:
    """The membership of this machine. Raises TachographError without one."""
    found = memberships.load(paths)
    if found is None:
        raise TachographError(
            "This machine has not joined a hub.", "tachograph join URL CODE, or tachograph join folder:/path"
        )
    return found


def exchange_now(context: Context, paths: Paths, known: Membership) -> Any:
    """Exchange once, with progress on a terminal. Raises TachographError."""
    from tachograph.hub.client import Exchange

    exchange = Exchange(paths, context.clock, known)

    def progress(sent: int) -> None:
        if context.stderr.isatty():
            context.stderr.write(f"\r\x1b[2KSending  {count(sent)}")
            context.stderr.flush()

    try:
        with open_ledger(paths, context.clock.now_ms()) as ledger:
            _writable(ledger)
            return exchange.run(ledger, progress)
    finally:
        exchange.close()
        if context.stderr.isatty():
            context.stderr.write("\r\x1b[2K")


def _writable(ledger: Ledger) -> None:
    if ledger.readable_only:
        raise TachographError(f"The ledger is read-only: {ledger.readable_only}.", "Nothing can be exchanged now.")
