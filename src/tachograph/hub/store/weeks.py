"""Totals by week (Monday, UTC), for questions over many days: a seventh of the rows of `totals_day`.

`days` is a bit for each day of the week with usage, Monday first, so that days can be counted without reading them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from tachograph.hub.store.database import Database, chunks, insert_rows, marks
from tachograph.hub.store.schema import GROUP, MEASURES, WEEK_OF_DAYS

_KEY = ", ".join(("member", "week", *GROUP))
_UPDATE = ", ".join(f"{one} = totals_week.{one} + excluded.{one}" for one in MEASURES)
_UPSERT = f"ON CONFLICT ({_KEY}) DO UPDATE SET {_UPDATE}, days = totals_week.days | excluded.days"
_MESSAGES = 2 + len(GROUP)  # place of the number of messages in a row of `totals_day`


def monday(day: int) -> int:
    """The Monday of a day's week."""
    return day - (day + 3) % 7


def add_to_weeks(database: Database, member: int, rows: Sequence[Sequence[Any]]) -> None:
    """Add differences of `totals_day`, after they were applied there. Where usage left a day, the week is added up again."""
    shrunk = {monday(row[1]) for row in rows if row[1] >= 0 and min(row[_MESSAGES:]) < 0}
    sums: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        week = monday(row[1])
        if row[1] < 0 or week in shrunk:
            continue
        found = sums.setdefault((week, *row[2:_MESSAGES]), [0] * (len(MEASURES) + 1))
        for place, value in enumerate(row[_MESSAGES:]):
            found[place] += value
        found[-1] |= 1 << (row[1] - week)
    insert_rows(database, "totals_week", [(member, *key, *values) for key, values in sorted(sums.items())], _UPSERT)
    rebuild_weeks(database, member, shrunk)


def rebuild_weeks(database: Database, member: int, weeks: Iterable[int]) -> None:
    """Add weeks of a member up from `totals_day`."""
    for part in chunks(sorted(weeks)):
        database.run(f"DELETE FROM totals_week WHERE member = ? AND week IN ({marks(len(part))})", (member, *part))
        days = [week + number for week in part for number in range(7)]
        for of in chunks(days, 392):  # whole weeks
            database.run(f"{WEEK_OF_DAYS} AND member = ? AND day IN ({marks(len(of))}) {_GROUPED}", (member, *of))


_GROUPED = f"GROUP BY member, day - (day + 3) % 7, {', '.join(GROUP)}"
