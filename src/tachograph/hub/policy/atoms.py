"""Sums over several people that are published once and never change.

What is new since the last publication is cut into atoms: sums over a project, a pull request and a model on one day (or in
one week), each with at least k people. An atom is never changed or taken back. Every number that the team sees of persons
it may not see is a sum of whole atoms. So whatever is added or subtracted, over ranges, filters, departures or two moments,
is again a combination of atoms, and a combination that is not empty covers at least k people.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

OTHERS = -1  # in the place of a project, pull request or model: several, put together

# project, pull request, model: which of them an atom keeps, the most telling first
_KEEP = (
    (True, True, True),
    (True, True, False),
    (True, False, True),
    (True, False, False),
    (False, False, True),
    (False, False, False),
)


class Sums(NamedTuple):
    """`cost` in nanodollars; `unpriced`: messages without a price."""

    messages: int = 0
    tokens: int = 0
    cost: int = 0
    unpriced: int = 0

    def __add__(self, other: "Sums") -> "Sums":  # type: ignore[override]  # a sum, not a longer tuple
        return Sums(self[0] + other[0], self[1] + other[1], self[2] + other[2], self[3] + other[3])

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(self[0] - other[0], self[1] - other[1], self[2] - other[2], self[3] - other[3])


class Cell(NamedTuple):
    project: int
    pull_request: int
    model: int


class Atom(NamedTuple):
    """`parts`: the sums by person. They are published only together."""

    cell: Cell
    parts: Mapping[int, Sums]

    @property
    def sums(self) -> Sums:
        return total(self.parts.values())


Cells = Mapping[Cell, Mapping[int, Sums]]  # by person


def cut(cells: Cells, least: int, is_whole: bool = True) -> list[Atom]:
    """Cut new usage into atoms of at least `least` people; empty if there are fewer.

    `is_whole`: nothing is left over. Otherwise only what needs no putting together is cut out, and the rest waits for more.
    """
    if len({person for people in cells.values() for person in people}) < least:
        return []
    left: dict[Cell, Mapping[int, Sums]] = dict(cells)
    atoms: list[Atom] = []
    for keep in _KEEP if is_whole else _KEEP[:1]:
        groups: dict[Cell, list[Cell]] = {}
        for cell in left:
            groups.setdefault(
                Cell(*(value if kept else OTHERS for value, kept in zip(cell, keep, strict=True))), []
            ).append(cell)
        for name, members in sorted(groups.items()):
            parts = _join(left[cell] for cell in members)
            if len(parts) >= least:
                atoms.append(Atom(name, parts))
                for cell in members:
                    del left[cell]
    if left and is_whole:
        atoms = _absorb(atoms, left)
    return atoms


def _absorb(atoms: list[Atom], left: Cells) -> list[Atom]:
    """Add the rest, of too few people, to the smallest atom."""
    smallest = min(atoms, key=lambda atom: (len(atom.parts), atom.sums.cost, atom.cell))
    together = Atom(Cell(OTHERS, OTHERS, OTHERS), _join([smallest.parts, *left.values()]))
    return [*(atom for atom in atoms if atom is not smallest), together]


def _join(parts: Iterable[Mapping[int, Sums]]) -> dict[int, Sums]:
    joined: dict[int, Sums] = {}
    for part in parts:
        for person, sums in part.items():
            joined[person] = joined.get(person, Sums()) + sums
    return joined


def total(parts: Iterable[Sums]) -> Sums:
    found = Sums()
    for sums in parts:
        found += sums
    return found
