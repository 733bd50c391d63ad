"""No combination of answers, over ranges, dimensions, moments and departures, reveals one person to another."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tachograph.hub.policy.atoms import OTHERS, Cell, Sums, cut
from tachograph.hub.policy.visibility import (
    LEVELS,
    LIMITS,
    SPEND,
    least_people,
    may_show,
    narrower,
    stays_safe,
    visible,
    widened,
)
from tachograph.hub.readable import TeamMessage
from tachograph.hub.store import HubStore, Member, open_store
from tachograph.hub.store.adoption import adopt_published
from tachograph.hub.store.messages import DAY_MS
from tachograph.hub.team.people import POLICY, view_of
from tachograph.hub.team.spend import BY, team_spend
from tachograph.model.usage import prices

FIRST = 20_600 * DAY_MS
BOOK = prices.load(None)[0]


def rank(rows: Iterable[Sequence[int]]) -> int:
    """Rank of a matrix, exact."""
    left = [[Fraction(value) for value in row] for row in rows]
    found = 0
    width = len(left[0]) if left else 0
    for column in range(width):
        pivot = next((row for row in left[found:] if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        left.insert(found, pivot)
        for place in range(found + 1, len(left)):
            if left[place][column]:
                factor = left[place][column] / pivot[column]
                left[place] = [a - factor * b for a, b in zip(left[place], pivot, strict=True)]
        found += 1
    return found


def revealed(
    numbers: Sequence[frozenset[int]], owner: dict[int, int], known: set[int], few: int
) -> set[frozenset[int]]:
    """Groups of at most `few` persons whose usage alone is in some combination of numbers, beside what is known.

    A number is a set of messages, whose unknown sizes it adds up. A combination that is not zero and has only messages
    of one group exists exactly if leaving the columns of that group out lowers the rank.
    """
    columns = sorted({one for number in numbers for one in number} - known)
    rows = [[int(name in number) for name in columns] for number in numbers]
    whole = rank(rows)
    people = sorted({owner[name] for name in columns})
    return {
        frozenset(group)
        for size in range(1, few + 1)
        for group in combinations(people, size)
        if rank([[v for v, name in zip(row, columns, strict=True) if owner[name] not in group] for row in rows]) < whole
    }


def test_the_check_finds_what_is_revealed() -> None:
    owner = {1: 1, 2: 2, 3: 3}
    assert revealed([frozenset({1, 2, 3})], owner, set(), 1) == set()
    assert revealed([frozenset({1, 2, 3}), frozenset({1, 2})], owner, set(), 1) == {frozenset({3})}
    assert revealed([frozenset({1, 2, 3})], owner, {1, 2}, 1) == {frozenset({3})}
    assert revealed([frozenset({1, 2, 3})], owner, {1}, 2) == {frozenset({2, 3})}


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
        st.dictionaries(st.integers(1, 7), st.integers(1, 50), min_size=1, max_size=5),
        max_size=12,
    ),
    st.sampled_from([3, 5]),
    st.booleans(),
)
def test_atoms_have_enough_people_and_lose_nothing(cells: Any, least: int, is_whole: bool) -> None:
    given_cells = {Cell(*cell): {who: Sums(n, n, n, 0) for who, n in people.items()} for cell, people in cells.items()}
    atoms = cut(given_cells, least, is_whole)
    assert all(len(atom.parts) >= least for atom in atoms)
    everyone = {who for people in cells.values() for who in people}
    if is_whole and len(everyone) >= least:
        assert sum(atom.sums.cost for atom in atoms) == sum(n for people in cells.values() for n in people.values())
    if not is_whole:
        assert all(OTHERS not in atom.cell for atom in atoms)


class World:
    """A hub in which message n has 2^n tokens: every number shows which messages are in it."""

    def __init__(self, folder: str, people: int, least: int) -> None:
        self.store: HubStore = open_store(f"{folder}/hub.sqlite3", 1)
        self.least = least
        self.owner: dict[int, int] = {}
        self.numbers: dict[int, list[frozenset[int]]] = {}  # by viewer, the numbers they were given
        self.known: dict[int, set[int]] = {}  # by viewer, messages in a row of a person
        self.now = FIRST + 4 * DAY_MS
        self.member: dict[int, int] = {}  # by person: a person who comes back is another member
        self.messages: dict[int, list[TeamMessage]] = {}
        for number in range(people):
            self.member[number + 1] = self.store.add_member(f"p{number + 1}", "owner" if not number else "member", 1)

    def push(self, person: int, day: int, project: int, model: int) -> None:
        number = len(self.owner)
        if number >= 44 or self.store.member(self.member[person]).erased_at is not None:
            return
        message = TeamMessage(
            number + 1, FIRST + day * DAY_MS, None, 0, f"claude-m{model}", 0, f"project{project}", "", "",
            (1 << number, 0, 0, 0, 0, 0), -1, True,
        )  # fmt: skip
        self.owner[number] = person
        self.messages.setdefault(person, []).append(message)
        with self.store.transaction():
            self.store.messages.put(self.member[person], [message])

    def look(self, viewer: int, by: str, first: int, last: int) -> None:
        member = self.store.member(self.member[viewer])
        if member.erased_at is not None:
            return
        view = view_of(self.store, member)._replace(least=self.least)
        start = FIRST // DAY_MS
        for along in ("person", by):
            answer = team_spend(self.store, BOOK, view, along, start + first, start + last, self.now)
            for row in (*answer.rows, answer.total):
                messages = frozenset(bit for bit in range(44) if row.sums.tokens >> bit & 1)
                self.numbers.setdefault(viewer, []).append(messages)
                if along == "person" and row in answer.rows and not row.is_others:
                    self.known.setdefault(viewer, set()).update(messages)

    def change(self, what: str, person: int, level: str) -> None:
        store, member = self.store, self.store.member(self.member[person])
        with store.transaction():
            if what == "consent":
                store.set_consent(member.id, SPEND, level, self.now)
            elif what == "policy":
                store.set_setting(POLICY, level, self.now)
            elif what == "role":
                store.update_member(member._replace(role="manager" if level == "team" else "member"))
            elif what == "leave":
                store.update_member(member._replace(left_at=self.now))
            elif what == "erase" and member.erased_at is None:
                store.erase_member(member.id, self.now)
            elif what == "rejoin" and member.erased_at is not None:
                self.member[person] = new = store.add_member(member.name, "member", self.now)
                adopt_published(
                    store.db, new, [one.id for one in store.members() if one.erased_at and one.name == member.name]
                )
                store.messages.put(new, self.messages.get(person, []))  # its machines send everything again
            elif what == "wait":
                self.now += DAY_MS

    def check(self) -> None:
        for viewer, numbers in self.numbers.items():
            own = {number for number, person in self.owner.items() if person == viewer}
            known = own | self.known.get(viewer, set())
            assert revealed(numbers, self.owner, known, self.least - 2) == set(), viewer


PEOPLE = 6
person, day = st.integers(1, PEOPLE), st.integers(0, 9)
pushes = st.tuples(st.just("push"), person, day, st.integers(1, 2), st.integers(1, 2))
looks = st.tuples(st.just("look"), person, st.sampled_from(BY), day, day)
changes = st.tuples(
    st.just("change"), st.sampled_from(["consent", "policy", "role", "leave", "erase", "rejoin", "wait", "wait"]), person,
    st.sampled_from(LEVELS),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("least", [3, 5])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.one_of(pushes, pushes, looks, changes), min_size=5, max_size=60))
def test_no_combination_of_answers_reveals_fewer_people_than_allowed(least: int, steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        world = World(folder, PEOPLE, least)
        for what, *values in steps:
            getattr(world, what)(*values)
        world.look(1, "model", 0, 9)
        world.check()
        world.store.close()


def test_levels_are_narrowed_and_widened_only_by_the_person() -> None:
    assert narrower("team", "self") == narrower("self", "team") == "self"
    people = [
        Member(n, "", role, 0, "", 0, None, None) for n, role in enumerate(("owner", "manager", "member", "member"))
    ]
    choices = {0: "self", 2: "manager", 3: "team"}
    expected = {
        "self": [{0}, {1}, {2}, {3}],
        "manager": [{0, 2, 3}, {1, 2, 3}, {2}, {3}],
        "team": [{0, 2, 3}, {1, 2, 3}, {2, 3}, {3}],
    }
    for policy, sees in expected.items():
        assert [set(visible(viewer, people, policy, choices)) for viewer in people] == sees
    assert SPEND != LIMITS and least_people(29) == 3 and least_people(30) == 5


def test_a_sum_is_shown_only_if_subtracting_what_is_known_leaves_enough_people() -> None:
    team = frozenset({1, 2, 3, 4})
    assert may_show(team, 1, frozenset({1}), 3) and may_show(frozenset({1, 2, 3}), 1, frozenset({1}), 3)
    assert not may_show(frozenset({1, 2}), 1, frozenset({1}), 3) and may_show(team, 1, team, 3)
    assert not may_show(team, 1, frozenset({1, 2}), 3) and may_show(team | {5}, 1, frozenset({1, 2}), 3)
    assert not may_show(frozenset({2, 3, 4}), 1, frozenset({1, 2}), 3)
    assert stays_safe(team, frozenset({1, 2}), 3) and not stays_safe(team, frozenset({1, 2, 3}), 3)


def test_rows_appear_one_after_another_if_not_all_of_them_can() -> None:
    viewer = frozenset({1})
    wide, narrow = frozenset(range(1, 9)), frozenset({1, 2, 3})
    assert widened(viewer, viewer | {2, 3}, [wide], 3) == {1, 2, 3}
    assert widened(viewer, viewer | {2, 3}, [wide, narrow], 3) == {1, 2, 3}  # all three of the narrow one are known
    assert widened(viewer, viewer | {2, 4}, [wide, narrow], 3) == {1, 4}  # 2 would leave 3 alone
    assert widened(viewer, viewer | {2, 4}, [frozenset({2, 3, 5}), wide], 3) == {1, 2, 4}
    assert widened(viewer, viewer | {4, 5, 6, 7, 8}, [wide], 3) == {1, 4, 5, 6, 7, 8}
    assert widened(viewer, viewer | {3, 4, 5, 6, 7, 8}, [wide], 3) == {1, 3, 4, 5, 6}  # two have to stay beside 2
    assert widened(viewer, frozenset(range(1, 9)), [wide, narrow], 3) == wide


@settings(deadline=None)
@given(
    st.frozensets(st.integers(1, 9), min_size=1),
    st.frozensets(st.integers(1, 9)),
    st.lists(st.frozensets(st.integers(1, 9), min_size=3), max_size=6),
    st.sampled_from([3, 5]),
)
def test_rows_that_appear_keep_every_sum_safe(
    known: frozenset[int], rows: frozenset[int], shown: list[frozenset[int]], least: int
) -> None:
    safe = [people for people in shown if len(people) >= least and stays_safe(people, known, least)]
    found = widened(known, rows, safe, least)
    assert known <= found <= known | rows
    assert all(stays_safe(people, found, least) for people in safe)


def test_a_member_who_leaves_or_is_erased_changes_no_published_sum(tmp_path: Path) -> None:
    world = World(str(tmp_path), 5, 3)
    for number in range(1, 6):
        world.push(number, 0, 1, 1)
    world.look(1, "model", 0, 0)
    before = world.numbers[1][-1]
    assert before == frozenset(range(5))
    world.change("leave", 4, "self")
    world.change("erase", 5, "self")
    world.look(1, "model", 0, 0)
    assert world.numbers[1][-1] == before
    world.store.close()


def test_an_erased_person_who_comes_back_is_in_published_sums_once(tmp_path: Path) -> None:
    world = World(str(tmp_path), 5, 3)
    for number in range(1, 6):
        world.push(number, 0, 1, number % 2)
        world.push(number, 1, number % 2, 1)
    world.look(1, "model", 0, 1)
    before = world.numbers[1][-1]
    assert before == frozenset(range(10))
    world.change("erase", 5, "self")
    world.change("rejoin", 5, "self")
    world.look(1, "model", 0, 1)
    assert world.numbers[1][-1] == before
    world.change("policy", 1, "team")
    for level in ("team", "self"):  # exact and live for those who may see them, and for themselves
        world.change("consent", 5, level)
        for viewer in (1, 5):
            for by in BY:
                world.look(viewer, by, 0, 1)
                assert world.numbers[viewer][-1] == before, (viewer, by)
    world.check()
    world.push(5, 2, 1, 1)  # new usage counts as ever
    world.push(4, 2, 1, 1)
    world.push(3, 2, 1, 1)
    world.look(2, "day", 0, 2)
    assert world.numbers[2][-1] == frozenset(range(13))
    world.store.close()


def test_usage_of_too_few_people_waits_and_is_called_hidden(tmp_path: Path) -> None:
    world = World(str(tmp_path), 4, 3)
    world.push(1, 0, 1, 1)
    world.push(2, 0, 1, 1)
    view = view_of(world.store, world.store.member(1))
    start = FIRST // DAY_MS
    answer = team_spend(world.store, BOOK, view, "model", start, start, world.now)
    assert (answer.total.people, answer.left_out, answer.total.sums.tokens) == (1, 1, 1)
    world.push(3, 0, 2, 2)
    answer = team_spend(world.store, BOOK, view, "model", start, start, world.now)
    assert (answer.total.people, answer.left_out, answer.total.sums.tokens) == (3, 0, 7)
    world.store.close()
