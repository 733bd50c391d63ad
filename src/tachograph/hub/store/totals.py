"""Reads daily totals of members."""

from collections.abc import Sequence
from typing import NamedTuple

from tachograph.hub.store.database import Database, chunks, marks
from tachograph.hub.store.schema import MEASURES


class DayRow(NamedTuple):
    """Use of a member on a day (days since the epoch) with one model, tariff, project and pull request."""

    member: int
    day: int
    model: int
    tariff: int
    project: int
    pull_request: int
    measures: tuple[int, ...]


def day_rows(database: Database, members: Sequence[int], first: int, last: int, *, counted_only: bool) -> list[DayRow]:
    """Daily totals of some members. `counted_only`: without messages that another member counts."""
    columns = "member, day, model, tariff, project, pull_request"
    sums = ", ".join(f"sum({measure})" for measure in MEASURES)
    narrowed = " AND counted = 1" if counted_only else ""
    rows: list[DayRow] = []
    for part in chunks(members):
        sql = (
            f"SELECT {columns}, {sums} FROM totals_day WHERE day >= ? AND day <= ? AND member IN ({marks(len(part))}){narrowed}"
            f" GROUP BY {columns} ORDER BY day, member"
        )
        rows += [DayRow._make((*row[:6], tuple(map(int, row[6:])))) for row in database.all(sql, (first, last, *part))]
    return rows
