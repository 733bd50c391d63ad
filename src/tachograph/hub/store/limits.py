"""The newest reading of each limit that a member's machines sent, and its forecast where the member shares one."""

from collections.abc import Iterable

from tachograph.hub.forecasts import SharedForecast, is_of
from tachograph.hub.readable import LimitReading
from tachograph.hub.store.database import Database, insert_rows

_FUTURE_MS = 5 * 60_000  # a reading from further ahead is never the newest


_COLUMNS = ", ".join(LimitReading._fields)
_INSERTED = f"limit_now (member, {', '.join(LimitReading._fields[:-1])})"
_FORECAST = "forecast_reset, forecast_of, chance, ends_value, ends_low, ends_high"


class LimitStore:
    def __init__(self, database: Database, is_writable: bool = True) -> None:
        self._db, self._is_writable = database, is_writable

    def put(self, member: int, machine: str, readings: Iterable[LimitReading], skew_ms: int, now_ms: int) -> None:
        """Keep the newest reading of each limit. A clock that is far off is corrected by what the hub measured."""
        shift = _shift(skew_ms)
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
        insert_rows(self._db, _INSERTED, rows, then)

    def all(self) -> list[LimitReading]:
        """Every limit of every member."""
        return [
            LimitReading._make(row)
            for row in self._db.all(f"SELECT {_COLUMNS} FROM limit_now ORDER BY member, account, key")
        ]

    def put_forecasts(self, member: int, forecasts: Iterable[SharedForecast], skew_ms: int, now_ms: int) -> None:
        """Keep the forecasts of readings that are here; those of other limits are dropped."""
        for one in forecasts:
            observed_at = min(one.observed_at + _shift(skew_ms), now_ms)
            changes = ", ".join(f"{name} = ?" for name in _FORECAST.split(", "))
            self._db.run(
                f"UPDATE limit_now SET {changes} WHERE member = ? AND account = ? AND key = ?"
                " AND (forecast_of IS NULL OR forecast_of <= ?)",
                (one.resets_at, observed_at, *one[4:], member, one.account, one.key, observed_at),
            )

    def forecast_count(self, member: int) -> int:
        """The number of a member's limits with a forecast."""
        if not self._is_writable:
            return 0
        sql = "SELECT count(*) FROM limit_now WHERE member = ? AND chance IS NOT NULL"
        return int(self._db.all(sql, (member,))[0][0])

    def drop_forecasts(self, member: int) -> None:
        """Delete the forecasts of a member who shares limits no more."""
        nothing = ", ".join(f"{name} = NULL" for name in _FORECAST.split(", "))
        self._db.run(f"UPDATE limit_now SET {nothing} WHERE member = ?", (member,))

    def forecasts(self) -> dict[tuple[int, str, str], SharedForecast]:
        """The forecasts of the newest readings, by member, account and limit."""
        if not self._is_writable:
            return {}  # another schema may not have them
        rows = self._db.all(
            f"SELECT member, account, key, observed_at, resets_at, {_FORECAST} FROM limit_now WHERE chance IS NOT NULL"
        )
        found = {}
        for member, account, key, observed_at, resets_at, *values in rows:
            one = SharedForecast(account, key, *values)
            if is_of(one, observed_at, resets_at):
                found[member, account, key] = one
        return found


def _shift(skew_ms: int) -> int:
    """The correction of the times of a clock; none for one that is nearly right."""
    return skew_ms if abs(skew_ms) > _FUTURE_MS else 0
