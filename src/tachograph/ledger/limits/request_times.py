"""Start times of requests with an answer after a refusal: a later start proves that the refusal is over.

Every pass calls this, so other modules about limits are imported only after a refusal.
"""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable

_KEPT_MS = 9 * 86_400_000  # longer than any refusal with a reset holds


def open_since(db: sqlite3.Connection, at: int) -> int | None:
    """Time of the earliest refusal that may still hold at a moment; None without one."""
    if db.execute("SELECT 1 FROM refusal LIMIT 1").fetchone() is None:
        return None
    from tachograph.model.limits.refusals import FORGOTTEN_MS  # seldom
    from tachograph.model.limits.window_state import HELD_MS

    sql = (
        "SELECT min(at) FROM refusal WHERE at <= ?1 AND (resets_at > ?1 OR (resets_at IS NULL AND at > ?2)"
        " OR (resets_at <= at AND at > ?3))"
    )
    found = db.execute(sql, (at, at - FORGOTTEN_MS, at - HELD_MS)).fetchone()[0]
    return None if found is None else int(found)


def note_request_times(db: sqlite3.Connection, times: Iterable[tuple[int, int]], at: int) -> None:
    """Store when requests of answers (by identity) began; those of refusals that are over go. Inside a transaction of the
    caller's."""
    db.execute("DELETE FROM request_time WHERE at < ?", (at - _KEPT_MS,))
    db.executemany("INSERT OR IGNORE INTO request_time VALUES (?, ?)", times)
