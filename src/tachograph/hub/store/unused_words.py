"""Texts (`word`) that nothing refers to any more, after an erasure.

Both functions run in a transaction that has locked every member, so no push adds a reference meanwhile.
"""

from collections.abc import Iterable

from tachograph.hub.store.database import Database, chunks, marks

_COLUMNS = ("project", "pull_request", "account")  # names of models belong to no one


def words_of(database: Database, member: int) -> set[int]:
    """Numbers of the texts in a member's messages."""
    rows = database.all(f"SELECT DISTINCT {', '.join(_COLUMNS)} FROM message WHERE member = ?", (member,))
    return {number for row in rows for number in row if number}


def drop_unused(database: Database, numbers: Iterable[int]) -> int:
    """Delete those texts that no message and no published sum refers to; returns their number."""
    dropped = 0
    for part in chunks(sorted(numbers)):
        used = set[int]()
        for table, columns in (("message", _COLUMNS), ("released", _COLUMNS[:2]), ("atom", _COLUMNS[:2])):
            for column in columns:
                sql = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IN ({marks(len(part))})"
                used.update(int(row[0]) for row in database.all(sql, part))
        left = [number for number in part if number not in used]
        if left:
            dropped += database.run(f"DELETE FROM word WHERE id IN ({marks(len(left))})", left)
    return dropped
