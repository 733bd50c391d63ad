"""Spend of a team by person, project, model, pull request or day, as one viewer may see it.

Persons whom the viewer may see count exactly and live. All others count with what is published of them together
(`policy/atoms.py`), without the part of the persons who count already. Days are UTC.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from typing import NamedTuple

from tachograph.hub.policy.atoms import OTHERS, Sums, total
from tachograph.hub.policy.visibility import may_show, widened
from tachograph.hub.store import HubStore
from tachograph.hub.store.messages import DAY_MS, NO_DAY
from tachograph.hub.store.releases import Published, ReleaseStore, price_sums
from tachograph.hub.store.totals import DayRow, day_rows, group_totals
from tachograph.hub.store.weeks import monday
from tachograph.hub.team.people import View
from tachograph.model.usage.prices import PriceBook

PERSON, PROJECT, MODEL, PULL, DAY = "person", "project", "model", "pr", "day"
BY = (PERSON, PROJECT, MODEL, PULL, DAY)
_COLUMNS = {PERSON: "member", PROJECT: "project", MODEL: "model", PULL: "pull_request", DAY: "day"}
_PLACES = {PROJECT: 0, PULL: 1, MODEL: 2}


class TeamRow(NamedTuple):
    """A row. `key`: name, address, or day since the epoch; None: none was logged. `is_others`: several, put together.

    `people`: number of persons in it. `days`: number of days with usage.
    """

    key: str | int | None
    sums: Sums
    people: int
    days: int
    is_others: bool = False


class TeamSpend(NamedTuple):
    """`left_out`: persons of whom something is in no number of this answer, since too few people would be in it.

    `hidden`: those and `among_others`. `among_others`: persons whose rows would give away somebody else, so they count with the others. `is_live`: computed
    from current rows; False: from published sums.
    """

    rows: tuple[TeamRow, ...]
    total: TeamRow
    hidden: int
    left_out: int
    among_others: int
    is_live: bool


def team_spend(store: HubStore, book: PriceBook, view: View, by: str, first: int, last: int, now_ms: int) -> TeamSpend:
    """Spend in a range of days since the epoch, both included."""
    releases = ReleaseStore(store.db, book)
    weeks = set(range(monday(first), last + 1, 7))
    with store.transaction() if store.is_writable else nullcontext():
        if store.is_writable and not view.sees_everyone:
            releases.publish(view.least, now_ms)
        atoms = releases.between(monday(first), monday(last) + 6)
        known, new = _known_people(releases, view, atoms, weeks)
        if store.is_writable:
            releases.note_known(view.viewer.id, new)
    names = store.messages.words.texts(name for atom in atoms for name in atom.cell if name != OTHERS)
    # a person whose row would give away another one stays among the others in that week
    held_back = {person for people in known.values() for person in view.rows - people}
    items = list(_live_sums(store, book, view, by, first, last, view.rows - held_back))
    detailed = list(_live(store, book, view, first, last, held_back))
    items += [item for item in detailed if item.people <= known[monday(item.day)]]
    hidden = releases.waiting(first, last)
    for atom in atoms:
        counted = view.rows & known[atom.week]
        if not (first <= atom.day and atom.day + atom.days - 1 <= last):
            is_cut = first < atom.day + atom.days and atom.day <= last
            hidden |= atom.people - counted if is_cut else frozenset()
        elif may_show(atom.people, view.viewer.id, known[atom.week], view.least):
            items += _others(atom, counted, names)
        else:
            hidden |= atom.people - counted
    apart = {person for item in detailed if not item.people <= known[monday(item.day)] for person in item.people}
    left_out = hidden - (view.rows - apart)
    is_live = view.sees_everyone and not left_out and not apart
    return TeamSpend(_rows(items, by), _total(items), len(left_out | apart), len(left_out), len(apart), is_live)


class _Item(NamedTuple):
    """A part of the numbers. `keys`: by dimension."""

    keys: dict[str, str | int | None]
    people: frozenset[int]
    day: int
    sums: Sums
    days: frozenset[int] = frozenset()


_MANY = "\0others"


def _live_sums(
    store: HubStore, book: PriceBook, view: View, by: str, first: int, last: int, members: frozenset[int]
) -> Iterable[_Item]:
    """Exact use of persons, added up in the database: one item for each key of the dimension."""
    changes = [change // DAY_MS for change in book.changes()]
    found = group_totals(store.db, _COLUMNS[by], sorted(members), first, last, changes, counted_only=view.sees_everyone)
    names = store.messages.words.texts({row[1] for row in found.sums} | (set(found.days) if by in _PLACES else set()))
    people = {person.id: person.name for person in view.people}
    sums: dict[int, Sums] = {}
    for key, model, tariff, epoch, values in found.sums:
        day = changes[epoch - 1] if epoch else 0
        sums[key] = sums.get(key, Sums()) + price_sums(book, names.get(model, ""), tariff, day, values)
    for key, total_of in sums.items():
        shown: str | int | None = names.get(key) or None
        if by == PERSON:
            shown = people.get(key)
        elif by == DAY:
            shown = None if key == NO_DAY else key
        yield _Item({by: shown}, frozenset(found.members[key]), first, total_of, frozenset(found.days[key]))


def _live(store: HubStore, book: PriceBook, view: View, first: int, last: int, members: set[int]) -> Iterable[_Item]:
    rows = day_rows(store.db, sorted(members), first, last, counted_only=view.sees_everyone)
    names = store.messages.words.texts(name for row in rows for name in (row.model, row.project, row.pull_request))
    people = {person.id: person.name for person in view.people}
    for row in rows:
        keys: dict[str, str | int | None] = {
            PERSON: people.get(row.member), PROJECT: names.get(row.project) or None, MODEL: names.get(row.model) or None,
            PULL: names.get(row.pull_request) or None, DAY: None if row.day == NO_DAY else row.day,
        }  # fmt: skip
        yield _Item(keys, frozenset({row.member}), row.day, _price(book, row, names))


def _price(book: PriceBook, row: DayRow, names: dict[int, str]) -> Sums:
    return price_sums(book, names.get(row.model, ""), row.tariff, row.day, row.measures)


def _others(atom: Published, counted: frozenset[int], names: dict[int, str]) -> Iterable[_Item]:
    """The part of an atom that is of persons who don't count otherwise."""
    people = atom.people - counted
    if not people:
        return
    sums = atom.sums - total(part for person, part in atom.parts.items() if person in counted)
    keys: dict[str, str | int | None] = {
        dimension: _MANY if atom.cell[place] == OTHERS else names.get(atom.cell[place]) or None
        for dimension, place in _PLACES.items()
    }
    yield _Item({**keys, PERSON: _MANY, DAY: atom.day if atom.days == 1 else _MANY}, people, atom.day, sums)


def _known_people(
    releases: ReleaseStore, view: View, atoms: list[Published], weeks: set[int]
) -> tuple[dict[int, frozenset[int]], dict[int, frozenset[int]]]:
    """By week, the persons of whom the viewer has ever seen rows, after this answer; and those weeks that change.

    They are stored before the answer is given.
    """
    by_week: dict[int, list[Published]] = {week: [] for week in weeks}
    for atom in atoms:
        by_week.setdefault(atom.week, []).append(atom)
    before = releases.known_people(view.viewer.id, min(by_week, default=0), max(by_week, default=0))
    known: dict[int, frozenset[int]] = {}
    for week, of_week in by_week.items():
        old = before.get(week, frozenset({view.viewer.id}))
        was_shown = [atom.people for atom in of_week if week in before and len(atom.people) >= view.least]
        known[week] = widened(old, view.rows, was_shown, view.least)
    return known, {week: people for week, people in known.items() if before.get(week) != people}


def _rows(items: Iterable[_Item], by: str) -> tuple[TeamRow, ...]:
    groups: dict[str | int | None, list[_Item]] = {}
    for item in items:
        groups.setdefault(item.keys[by], []).append(item)
    rows = [_row(None if key == _MANY else key, of, key == _MANY) for key, of in groups.items()]
    if by == DAY:
        return tuple(sorted(rows, key=lambda row: (row.is_others, row.key is None, row.key)))
    return tuple(sorted(rows, key=lambda row: (row.is_others, -row.sums.cost, -row.sums.tokens, str(row.key))))


def _row(key: str | int | None, items: list[_Item], is_others: bool = False) -> TeamRow:
    sums, people, days = Sums(), frozenset[int](), set[int]()
    for item in items:
        sums, people = sums + item.sums, people | item.people
        days |= item.days or {item.day}
    return TeamRow(key, sums, len(people), len(days), is_others)


def _total(items: list[_Item]) -> TeamRow:
    return _row(None, items)
