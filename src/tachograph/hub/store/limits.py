"""The newest reading of each limit that a member's machines sent."""

from collections.abc import Iterable

from tachograph.hub.readable import LimitReading
from tachograph.hub.store.database import Database, insert_rows

_FUTURE_MS = 5 * 60_000  # a reading from further ahead is never the newest


_COLUMNS = ", ".join(LimitReading._fields)


class LimitStore:
    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, member: int, machine: str, readings: Iterable[LimitReading], skew_ms: int, now_ms: int) -> None:
        """Keep the newest reading of each limit. A clock that is far off is corrected by what the hub measured."""
        shift = skew_ms if abs(skew_ms) > _FUTURE_MS else 0
        newest: dict[tuple[str, str], LimitReading] = {}
        for one in readings:
            one = one._replace(observed_at=min(one.observed_at + shift, now_ms))
            known = newest.get((one.account, one.key))
            if known is None or known.observed_at <= one.observed_at:
                newest[one.account, one.key] = one
        rows = [
            (member, *one._replace(machine=machine)[:-1])  # the table begins with the member
            for one in newest.values()
        ]
        update = ", ".join(f"{name} = excluded.{name}" for name in LimitReading._fields[2:-1])
        then = f"ON CONFLICT (member, account, key) DO UPDATE SET {update} WHERE limit_now.observed_at <= excluded.observed_at"
        insert_rows(self._db, "limit_now", rows, then)

    def all(self) -> list[LimitReading]:
        """Every limit of every member."""
        return [
            LimitReading._make(row)
            for row in self._db.all(f"SELECT {_COLUMNS} FROM limit_now ORDER BY member, account, key")
        ]
