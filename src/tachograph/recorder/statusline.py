"""Store Claude Code's status line input. Runs at every redraw, so it imports as little as possible."""

from tachograph.ledger.limits import readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage import context_windows
from tachograph.ledger.usage.strings import Strings
from tachograph.sources.statusline import StatusInput, parse_status_input

__all__ = ["StatusInput", "parse_status_input", "store"]


def store(ledger: Ledger, said: StatusInput, folder: str) -> int | None:
    """Store the reading of a status line input, if it has one, and the session's context window if it changed;
    returns the account the reading was of. Raises LedgerError."""
    session, size = said.session, said.context_window
    is_news = session is not None and size is not None and context_windows.window(ledger.db, session) != size
    if said.reading is None and not is_news:
        return None
    with ledger.transaction() as db:
        if is_news and session is not None and size is not None:
            context_windows.note(db, session, size)
        if said.reading is None:
            return None
        return readings.append(db, Strings(db), said.reading, folder)
