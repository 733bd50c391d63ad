"""Persons who were erased and came back: what published sums contain of them is theirs again, and is not published twice.

An erasure removes the parts of a person, never the published sums. If the person is invited again under the same name, the
new member takes the place of the erased one in those sums. On these days nothing of the person is published again; the
parts are worked out of the usage that the person's machines send again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tachograph.hub.policy.atoms import OTHERS, Cell, Sums
from tachograph.hub.store.database import Database, insert_rows

UsageOf = Callable[[Sequence[int]], Mapping[Cell, Sums]]
"""Usage of one member over some days, by cell."""


def adopt_published(database: Database, member: int, erased: Iterable[int]) -> None:
    """Let a new member replace erased ones in published sums. Inside a transaction of the caller's."""
    for before in sorted(erased, reverse=True):
        sql = (
            "SELECT atom.day, atom.days FROM atom_member JOIN atom ON atom.id = atom_member.atom"
            " WHERE atom_member.member = ?"
        )
        days = {day + number for day, days in database.all(sql, (before,)) for number in range(days)}
        database.run(
            "UPDATE atom_member SET member = ? WHERE member = ? AND atom NOT IN (SELECT atom FROM atom_member WHERE member = ?)",
            (member, before, member),
        )
        insert_rows(
            database, "adopted", [(member, day) for day in sorted(days)], "ON CONFLICT (member, day) DO NOTHING"
        )


def waiting_adopted(database: Database) -> list[tuple[int, int]]:
    """Members who came back, with those days of theirs in published sums that have changed."""
    sql = "SELECT dirty.member, dirty.day FROM dirty JOIN adopted ON adopted.member = dirty.member AND adopted.day = dirty.day"
    return sorted((row[0], row[1]) for row in database.all(sql))


def update_parts(database: Database, member: int, day: int, usage: UsageOf) -> None:
    """Work out the parts of a member in the published sums of a day; no part is larger than what others leave."""
    sql = (
        "SELECT id, atom.day, days, project, pull_request, model, atom.messages, atom.tokens, atom.cost, atom.unpriced"
        " FROM atom JOIN atom_member ON atom_member.atom = atom.id"
        " WHERE atom_member.member = ? AND atom.day <= ? AND atom.day + days > ? ORDER BY id"
    )
    atoms = database.all(sql, (member, day, day))
    left: dict[Cell, Sums] = {}
    days = sorted({start + number for _, start, length, *_ in atoms for number in range(length)})
    left.update(usage(days) if days else {})
    # the most telling sums first: usage that fits none of them is in one of "others"
    for row in sorted(atoms, key=lambda row: sum(value == OTHERS for value in row[3:6])):
        room = Sums(*map(int, row[6:10])) - _parts_of_others(database, row[0], member)
        part = Sums()
        for cell in sorted(cell for cell in left if _fits(cell, Cell(*row[3:6]))):
            taken = Sums(*(max(0, min(a, b)) for a, b in zip(left[cell], room - part, strict=True)))
            part, left[cell] = part + taken, left[cell] - taken
        database.run(
            "UPDATE atom_member SET messages = ?, tokens = ?, cost = ?, unpriced = ? WHERE atom = ? AND member = ?",
            (*part, row[0], member),
        )


def _parts_of_others(database: Database, atom: int, member: int) -> Sums:
    names = ", ".join(f"coalesce(sum({name}), 0)" for name in Sums._fields)
    sql = f"SELECT {names} FROM atom_member WHERE atom = ? AND member <> ?"
    return Sums(*map(int, database.all(sql, (atom, member))[0]))


def _fits(cell: Cell, of: Cell) -> bool:
    return all(theirs in (OTHERS, own) for own, theirs in zip(cell, of, strict=True))
