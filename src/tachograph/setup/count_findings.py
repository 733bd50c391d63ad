"""Findings of doctor about the certainty of counts."""

from collections.abc import Iterator

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import files
from tachograph.setup.findings import NOTE, Finding


def certainty(db: sqlite3.Connection) -> Iterator[Finding]:
    """Counts that are less certain than others: outputs that were never completed, ids and sessions that repeat."""
    unfinished = files.unfinished(db)
    if unfinished.messages:
        yield Finding(NOTE, "files", "unfinished", unfinished._asdict())
    for shared in files.shared_ids(db):
        facts = {"answers": shared.answers, "path": files.printable_path(shared.path) if shared.path else ""}
        yield Finding(NOTE, "files", "shared_id", facts)
    forks = files.problem_counts(db)["unmarked_forks"]
    if forks:
        yield Finding(NOTE, "files", "unmarked_forks", {"sessions": forks})
