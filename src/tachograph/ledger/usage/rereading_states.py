"""Work that a pass over the transcripts left to do, in the table `rereading`."""

from tachograph.lean_sqlite import sqlite3

DUE = "due"  # all transcripts have to be read again
BEGUN = "begun"  # and the messages so far are set aside
LINES = "lines"  # an id turned out to be shared, and its lines before were merged
TOTALS = "totals"  # messages were written to an empty ledger, and their totals are not derived yet
UNSETTLED = "unsettled"  # messages were written, and what follows from them is not worked out yet


def states(db: sqlite3.Connection) -> set[str]:
    """Remaining work; nearly always empty."""
    return {state for (state,) in db.execute("SELECT state FROM rereading")}
