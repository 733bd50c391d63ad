"""Reads daily totals of members."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tachograph.hub.store.database import Database, chunks, marks
from tachograph.hub.store.schema import MEASURES
from tachograph.hub.store.weeks import monday


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
    members: dict[int, set[int]]
    days: dict[int, set[int]]


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
    """Totals added up in the database. `along`: a column; `changes`: days on which prices change.

    Whole weeks come from `totals_week`; days at the ends, and weeks in which a price changes, from `totals_day`.
    """
    span = _Span.of(first, last, changes)
    found = Grouped([], {}, {})
    narrowed = " AND counted = 1" if counted_only else ""
    for part in chunks(members):
        who = f"member IN ({marks(len(part))}){narrowed}"
        if span.weeks is not None:
            _add_weeks(database, along, f"({span.week_condition}) AND {who}", part, changes, found)
        condition = "day >= ? AND day <= ?" if along == "day" else f"day >= ? AND day <= ?{span.day_condition}"
        _add_days(database, along, f"{condition} AND {who}", (first, last, *part), changes, span, found)
    return found


class _Span(NamedTuple):
    """A range of days: `weeks` first and last Monday of the whole weeks in it; `split`: those in which a price changes."""

    weeks: tuple[int, int] | None
    split: tuple[int, ...]

    @classmethod
    def of(cls, first: int, last: int, changes: Sequence[int]) -> "_Span":
        begin, end = monday(first + 6), monday(last + 1) - 7
        if begin > end:
            return cls(None, ())
        split = {monday(change) for change in changes if monday(change) < change}
        return cls((begin, end), tuple(sorted(week for week in split if begin <= week <= end)))

    @property
    def week_condition(self) -> str:
        begin, end = self.weeks or (0, -1)
        without = f" AND week NOT IN ({', '.join(map(str, self.split))})" if self.split else ""
        return f"week >= {begin} AND week <= {end}{without}"

    @property
    def day_condition(self) -> str:
        if self.weeks is None:
            return ""
        begin, end = self.weeks
        split = "".join(f" OR (day >= {week} AND day <= {week + 6})" for week in self.split)
        return f" AND (day < {begin} OR day > {end + 6}{split})"


def _epoch(unit: str, changes: Sequence[int]) -> str:
    return " + ".join(f"(CASE WHEN {unit} >= {int(change)} THEN 1 ELSE 0 END)" for change in changes) or "0"


_SUMS = ", ".join(f"sum({measure})" for measure in MEASURES)


def _add_weeks(
    database: Database, along: str, where: str, members: Sequence[int], changes: Sequence[int], found: Grouped
) -> None:
    if along == "day":  # only the persons of each day: its sums need the days themselves
        for member, week, days in database.all(
            f"SELECT DISTINCT member, week, days FROM totals_week WHERE {where}", members
        ):
            for day in _days(week, days):
                found.members.setdefault(day, set()).add(member)
        return
    sql = f"SELECT {along}, model, tariff, {_epoch('week', changes)}, {_SUMS} FROM totals_week WHERE {where} GROUP BY 1, 2, 3, 4"
    found.sums.extend(_sums_row(row) for row in database.all(sql, members))
    for key, week, days in database.all(
        f"SELECT DISTINCT {along} AS a, week, days FROM totals_week WHERE {where}", members
    ):
        found.days.setdefault(key, set()).update(_days(week, days))
    if along != "member":
        for key, member in database.all(
            f"SELECT DISTINCT {along} AS a, member FROM totals_week WHERE {where}", members
        ):
            found.members.setdefault(key, set()).add(member)


def _add_days(
    database: Database,
    along: str,
    where: str,
    values: Sequence[int],
    changes: Sequence[int],
    span: _Span,
    found: Grouped,
) -> None:
    sql = f"SELECT {along}, model, tariff, {_epoch('day', changes)}, {_SUMS} FROM totals_day WHERE {where} GROUP BY 1, 2, 3, 4"
    rows = [_sums_row(row) for row in database.all(sql, values)]
    found.sums.extend(rows)
    if along == "day":
        found.days.update((row[0], {row[0]}) for row in rows)
        where += span.day_condition
    else:
        for key, day in database.all(f"SELECT DISTINCT {along} AS a, day FROM totals_day WHERE {where}", values):
            found.days.setdefault(key, set()).add(day)
    if along == "member":
        found.members.update((row[0], {row[0]}) for row in found.sums)
        return
    for key, member in database.all(f"SELECT DISTINCT {along} AS a, member FROM totals_day WHERE {where}", values):
        found.members.setdefault(key, set()).add(member)


def _sums_row(row: Sequence[Any]) -> tuple[int, int, int, int, tuple[int, ...]]:
    return row[0], row[1], row[2], int(row[3]), tuple(map(int, row[4:]))


def _days(week: int, bits: int) -> list[int]:
    return [week + number for number in range(7) if bits >> number & 1]
