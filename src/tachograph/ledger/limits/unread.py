"""Problems of the newest answers: fields that this version did not read."""

import json
import sqlite3

from tachograph.model.limits.limits import OK


def unread_fields(db: sqlite3.Connection) -> list[tuple[str, tuple[str, ...]]]:
    """Sources with problems in the newest good answer for an account: source, problems."""
    sql = "SELECT source, problems, max(confirmed_at) FROM reading WHERE outcome = ? GROUP BY account, source ORDER BY source"
    return [(source, tuple(json.loads(problems))) for source, problems, _ in db.execute(sql, (OK,)) if problems]
