"""Takes in what Claude Code pipes to its status line. It runs at every redraw, so it imports next to nothing."""

from tachograph.ledger import readings
from tachograph.ledger.db import Ledger
from tachograph.ledger.names import Names
from tachograph.sources.statusline import StatusInput, parsed

__all__ = ["StatusInput", "parsed", "push"]


def push(ledger: Ledger, said: StatusInput, folder: str) -> int | None:
    """Keep the reading in what was piped in, if there is one; returns the account it was of. Raises LedgerError."""
    if said.reading is None:
        return None
    with ledger.transaction() as db:
        return readings.append(db, Names(db), said.reading, folder)
