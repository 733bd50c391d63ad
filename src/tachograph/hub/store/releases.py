"""Publish sums over several people, and keep them (`policy/atoms.py`).

`released` holds what of a person is in published atoms, so that only what is new is cut into the next ones. `viewed` holds,
for a viewer and a week, the persons of whom the viewer has ever seen rows.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tachograph.hub.policy.atoms import Atom, Cell, Sums, cut
from tachograph.hub.store.adoption import UsageOf, update_parts, waiting_adopted
from tachograph.hub.store.database import Database, chunks, insert_rows, marks, one
from tachograph.hub.store.messages import DAY_MS, NO_DAY, Words, mark_days
from tachograph.hub.store.schema import MEASURES
from tachograph.hub.store.weeks import monday
from tachograph.model.usage.prices import PriceBook, cost

REST_EVERY_MS = 3_600_000  # what has to be put together on an unfinished day is published at most this often
_WEEK = 7
_MOST = 1 << 53
_GROUP = ("model", "tariff", "project", "pull_request")
_Counts = dict[tuple[int, int, int, int], tuple[int, ...]]


class Published(NamedTuple):
    """An atom as it is stored. `day`: days since the epoch; `days`: 1, or 7 for a week that begins on that day.

    `parts`: by person; of an erased person it is empty, and still in `sums`.
    """

    id: int
    day: int
    days: int
    cell: Cell
    sums: Sums
    parts: Mapping[int, Sums]

    @property
    def people(self) -> frozenset[int]:
        return frozenset(self.parts)

    @property
    def week(self) -> int:
        return monday(self.day)


class ReleaseStore:
    def __init__(self, database: Database, book: PriceBook) -> None:
        self._db, self._book = database, book

    def publish(self, least: int, now_ms: int) -> int:
        """Publish what can be published; returns the number of new atoms. Inside a transaction of the caller's."""
        self._db.run("INSERT INTO setting (name, value, at) VALUES ('release', '', 0) ON CONFLICT (name) DO NOTHING")
        self._db.all(f"SELECT value FROM setting WHERE name = 'release'{self._db.lock}")  # one at a time
        waiting: dict[int, list[int]] = {}
        self._settle_adopted()
        for member, day in self._db.all("SELECT member, day FROM dirty ORDER BY day, member"):
            if day != NO_DAY:
                waiting.setdefault(day, []).append(member)
        today, made, few = now_ms // DAY_MS, 0, dict[int, dict[int, dict[int, _Counts]]]()
        for day, members in waiting.items():
            if len(members) < least and monday(day) + _WEEK > today:
                continue
            self._take_marks(day, members)
            new = self._new(day, members)
            if len(new) >= least:
                made += self._publish(day, 1, {day: new}, least, self._may_pool(day, today, now_ms), now_ms)
            elif new and monday(day) + _WEEK <= today:
                few.setdefault(monday(day), {})[day] = new
            else:
                self._mark(day, new)
        for week, days in few.items():
            made += self._publish(week, _WEEK, days, least, True, now_ms)
        return made

    def _settle_adopted(self) -> None:
        """Take usage of persons who came back out of what waits, on days on which published sums contain it already."""
        for member, day in waiting_adopted(self._db):
            self._take_marks(day, [member])
            new = self._new(day, [member])
            self._note_released({day: new}, None)
            update_parts(self._db, member, day, self._usage(member))

    def _usage(self, member: int) -> UsageOf:
        """Reads sums by cell of a member over some days."""

        def usage(days: Sequence[int]) -> dict[Cell, Sums]:
            found: dict[Cell, Sums] = {}
            group, columns = ", ".join(_GROUP), ", ".join(f"sum({measure})" for measure in MEASURES)
            for part in chunks(days):
                sql = (
                    f"SELECT day, {group}, {columns} FROM totals_day WHERE member = ? AND day IN ({marks(len(part))})"
                    f" AND counted = 1 GROUP BY day, {group}"
                )
                rows = self._db.all(sql, (member, *part))
                names = Words(self._db).texts({row[1] for row in rows})
                for row in rows:
                    cell = Cell(row[3], row[4], row[1])
                    sums = self._sums(names.get(row[1], ""), row[2], row[0], tuple(map(int, row[5:])))
                    found[cell] = found.get(cell, Sums()) + sums
            return found

        return usage

    def _may_pool(self, day: int, today: int, now_ms: int) -> bool:
        if day < today:
            return True
        last = one(self._db, "SELECT max(made_at) FROM atom WHERE day = ? AND days = 1", (day,))[0]
        return last is None or last <= now_ms - REST_EVERY_MS

    def _publish(
        self, day: int, days: int, new: Mapping[int, Mapping[int, _Counts]], least: int, is_whole: bool, now_ms: int
    ) -> int:
        cells: dict[Cell, dict[int, Sums]] = {}
        names = self._models(counts for of in new.values() for counts in of.values())
        for of_day, of in new.items():
            for member, counts in of.items():
                for (model, tariff, project, pull), values in counts.items():
                    people = cells.setdefault(Cell(project, pull, model), {})
                    sums = self._sums(names.get(model, ""), tariff, of_day, values)
                    people[member] = people.get(member, Sums()) + sums
        atoms = cut(cells, least, is_whole)
        if atoms:
            self._store(day, days, atoms, now_ms)
            self._note_released(new, None if is_whole else {atom.cell for atom in atoms})
        if not atoms or not is_whole:
            for of_day, of in new.items():
                self._mark(of_day, of)
        return len(atoms)

    def _models(self, counts: Iterable[_Counts]) -> dict[int, str]:
        return Words(self._db).texts({group[0] for one_of in counts for group in one_of})

    def _sums(self, model: str, tariff: int, day: int, values: tuple[int, ...]) -> Sums:
        return price_sums(self._book, model, tariff, day, values)

    def _new(self, day: int, members: Sequence[int]) -> dict[int, _Counts]:
        """New usage on a day since the last publication, by person; persons without any are left out."""
        group, columns = ", ".join(_GROUP), ", ".join(f"sum({measure})" for measure in MEASURES)
        found: dict[int, _Counts] = {}
        for part in chunks(sorted(members)):
            for sign, table, where in ((1, "totals_day", " AND counted = 1"), (-1, "released", "")):
                sql = (
                    f"SELECT member, {group}, {columns} FROM {table} WHERE day = ? AND member IN ({marks(len(part))}){where}"
                    f" GROUP BY member, {group}"
                )
                for row in self._db.all(sql, (day, *part)):
                    counts, key = found.setdefault(row[0], {}), (row[1], row[2], row[3], row[4])
                    before = counts.get(key, (0,) * len(MEASURES))
                    counts[key] = tuple(a + sign * int(b) for a, b in zip(before, row[5:], strict=True))
        new = {
            member: {key: values for key, values in counts.items() if any(values)} for member, counts in found.items()
        }
        return {member: counts for member, counts in new.items() if counts}

    def _store(self, day: int, days: int, atoms: list[Atom], now_ms: int) -> None:
        rows, people = [], []
        for atom in atoms:
            id = secrets.randbits(62)
            project, pull, model = atom.cell
            rows.append((id, day, days, model, project, pull, len(atom.parts), *_storable(atom.sums), now_ms))
            people += [(id, member, day, *_storable(part)) for member, part in sorted(atom.parts.items())]
        insert_rows(self._db, "atom", rows)
        insert_rows(self._db, "atom_member", people)

    def _note_released(self, new: Mapping[int, Mapping[int, _Counts]], cells: set[Cell] | None) -> None:
        key = ", ".join(("member", "day", *_GROUP))
        update = ", ".join(f"{name} = released.{name} + excluded.{name}" for name in MEASURES)
        for day, of in new.items():
            for member, counts in of.items():
                rows = [
                    (member, day, *group, *values)
                    for group, values in counts.items()
                    if cells is None or Cell(group[2], group[3], group[0]) in cells
                ]
                insert_rows(self._db, "released", rows, f"ON CONFLICT ({key}) DO UPDATE SET {update}")

    def _take_marks(self, day: int, members: Iterable[int]) -> None:
        """Remove the marks of changed days before reading them: this waits for pushes that are about to change them."""
        for part in chunks(sorted(members)):
            self._db.run(f"DELETE FROM dirty WHERE day = ? AND member IN ({marks(len(part))})", (day, *part))

    def _mark(self, day: int, members: Iterable[int]) -> None:
        mark_days(self._db, [(member, day) for member in sorted(members)])

    # -- reading

    def between(self, first: int, last: int) -> list[Published]:
        """Atoms that lie wholly in a range of days."""
        rows = self._db.all(
            "SELECT id, day, days, project, pull_request, model, messages, tokens, cost, unpriced FROM atom"
            " WHERE day >= ? AND day + days - 1 <= ? ORDER BY day, id",
            (first, last),
        )
        parts: dict[int, dict[int, Sums]] = {}
        sql = "SELECT atom, member, messages, tokens, cost, unpriced FROM atom_member WHERE day >= ? AND day <= ?"
        for id, member, *sums in self._db.all(sql, (first, last)):
            parts.setdefault(id, {})[member] = Sums(*map(int, sums))
        return [
            Published(row[0], row[1], row[2], Cell(*row[3:6]), Sums(*map(int, row[6:10])), parts.get(row[0], {}))
            for row in rows
        ]

    def waiting(self, first: int, last: int) -> set[int]:
        """Persons with usage in a range that is not published yet."""
        return {
            row[0]
            for row in self._db.all("SELECT DISTINCT member FROM dirty WHERE day >= ? AND day <= ?", (first, last))
        }

    def known_people(self, viewer: int, first: int, last: int) -> dict[int, frozenset[int]]:
        """By week, the persons of whom a viewer has ever seen rows."""
        sql = "SELECT week, known FROM viewed WHERE viewer = ? AND week >= ? AND week <= ?"
        return {week: frozenset(json.loads(text)) for week, text in self._db.all(sql, (viewer, first, last))}

    def note_known(self, viewer: int, known: Mapping[int, frozenset[int]]) -> None:
        rows = [(viewer, week, json.dumps(sorted(people))) for week, people in known.items()]
        insert_rows(self._db, "viewed", rows, "ON CONFLICT (viewer, week) DO UPDATE SET known = excluded.known")


def _storable(sums: Sums) -> Sums:
    """Sums that a column can hold, and a thousand of them too: invented messages of one member must not stop the others."""
    return Sums(*(min(value, _MOST) for value in sums))


def published_sums(database: Database) -> Sums:
    """Everything that was ever published, in one sum."""
    columns = ", ".join(f"coalesce(sum({name}), 0)" for name in Sums._fields)
    return Sums(*map(int, one(database, f"SELECT {columns} FROM atom")))


def price_sums(book: PriceBook, model: str, tariff: int, day: int, values: tuple[int, ...]) -> Sums:
    """Sums of some measures (`schema.MEASURES`) of one model on one day."""
    rates = book.rates(model, day * DAY_MS if day != NO_DAY else -1, tariff)
    messages, tokens = values[0], sum(values[1:6])
    if rates is not None:
        return Sums(messages, tokens, cost(values[1:7], rates) // 1000, 0)
    return Sums(messages, tokens, values[8], messages - values[7])
