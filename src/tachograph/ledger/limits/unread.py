"""Problems of the newest answers: fields that this version did not read."""

import json

from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import OK


def idle_limits(db: sqlite3.Connection) -> list[tuple[str, tuple[str, ...]]]:
    """Limits under code names of the service that have not begun, in the newest good answers: source, names."""
    sql = "SELECT source, id, max(confirmed_at) FROM reading WHERE outcome = ? GROUP BY account, source ORDER BY source"
    idle = (
        "SELECT key FROM level WHERE reading = ? AND part = '' AND coalesce(percent, 0) = 0 AND resets_at IS NULL"
        " AND used IS NULL AND cap IS NULL AND detail IS NULL ORDER BY place"
    )
    found = [(source, tuple(key for (key,) in db.execute(idle, (id,)))) for source, id, _ in db.execute(sql, (OK,))]
    return [(source, names) for source, names in found if names]


def unread_fields(db: sqlite3.Connection) -> list[tuple[str, tuple[str, ...]]]:
    """Sources with problems in the newest good answer for an account: source, problems."""
    sql = "SELECT source, problems, max(confirmed_at) FROM reading WHERE outcome = ? GROUP BY account, source ORDER BY source"
    return [(source, tuple(json.loads(problems))) for source, problems, _ in db.execute(sql, (OK,)) if problems]
