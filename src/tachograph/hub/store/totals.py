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


class Grouped(NamedTuple):
    """Sums of some members by one dimension (a number of `word`, a member or a day).

    `sums`: dimension, model, tariff, price epoch (how many changes of prices lie before), measures. `members` and `days`:
    by dimension.
    """

    sums: list[tuple[int, int, int, int, tuple[int, ...]]]
    members: dict[int, frozenset[int]]
    days: dict[int, frozenset[int]]


def group_totals(
    database: Database,
    along: str,
    members: Sequence[int],
    first: int,
    last: int,
    changes: Sequence[int],
    *,
    counted_only: bool,
) -> Grouped:
    """Daily totals added up in the database. `along`: a column; `changes`: days on which prices change."""
    epoch = " + ".join(f"(CASE WHEN day >= {int(change)} THEN 1 ELSE 0 END)" for change in changes) or "0"
    sums = ", ".join(f"sum({measure})" for measure in MEASURES)
    narrowed = " AND counted = 1" if counted_only else ""
    found = Grouped([], {}, {})
    for part in chunks(members):
        where = f"FROM totals_day WHERE day >= ? AND day <= ? AND member IN ({marks(len(part))}){narrowed}"
        sql = f"SELECT {along}, model, tariff, {epoch}, {sums} {where} GROUP BY 1, 2, 3, 4"
        found.sums.extend(
            (row[0], row[1], row[2], int(row[3]), tuple(map(int, row[4:])))
            for row in database.all(sql, (first, last, *part))
        )
        for column, into in (("member", found.members), ("day", found.days)):
            sets: dict[int, set[int]] = {}
            for key, value in database.all(
                f"SELECT DISTINCT {along} AS a, {column} AS b {where}", (first, last, *part)
            ):
                sets.setdefault(key, set()).add(value)
            for key, values in sets.items():
                into[key] = into.get(key, frozenset()) | values
    return found
