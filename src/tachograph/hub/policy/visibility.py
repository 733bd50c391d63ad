"""The rule that decides who may see rows of which persons.

Two levels decide, and the narrower wins: the policy of the hub and the person's own choice. A person's choice is widened
by that person alone. `self`: the person only. `manager`: managers and owners as well. `team`: every member.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

OWNER, MANAGER, MEMBER = "owner", "manager", "member"
ROLES = (OWNER, MANAGER, MEMBER)
SELF, MANAGERS, TEAM = "self", "manager", "team"
LEVELS = (SELF, MANAGERS, TEAM)
SPEND, LIMITS, BOOKS = "spend", "limits", "books"  # what a person agrees to; books: Anthropic's own reports
SUBJECTS = (SPEND, LIMITS, BOOKS)
CLEAR_TEXT = "clear text"  # what a person agrees to on the hub's own computer: others on a hub that reads everything


class Person(Protocol):
    @property
    def id(self) -> int: ...

    @property
    def role(self) -> str: ...

    @property
    def erased_at(self) -> int | None: ...


def least_people(present: int) -> int:
    """The number of people that a sum over others needs. `present`: members of the team."""
    return 5 if present >= 30 else 3


def narrower(a: str, b: str) -> str:
    """The narrower of two levels."""
    return a if LEVELS.index(a) <= LEVELS.index(b) else b


def audience(policy: str, choices: Mapping[Any, str], person: int) -> str:
    """The level at which a person's rows may be seen. `choices`: by person; without one a person is `self`."""
    return narrower(policy, choices.get(person, SELF))


def visible(viewer: Person, people: Iterable[Person], policy: str, choices: Mapping[Any, str]) -> frozenset[int]:
    """The persons that a viewer may see rows of, the viewer among them."""
    found = {viewer.id}
    for person in people:
        level = audience(policy, choices, person.id)
        may = level == TEAM or (level == MANAGERS and viewer.role in (OWNER, MANAGER))
        if may and person.erased_at is None:
            found.add(person.id)
    return frozenset(found)


def may_show(contributors: frozenset[int], viewer: int, known: frozenset[int], least: int) -> bool:
    """True if a sum over some persons may be shown to a viewer who knows the rows of others.

    It has enough people, and so has the rest without those whom the viewer knows, unless the viewer knows all of them.
    A viewer who knows none but their own rows is one of the people.
    """
    unknown, others = contributors - known, (contributors & known) - {viewer}
    return len(contributors) >= least and (not unknown or not others or len(unknown) >= least)


def widened(known: frozenset[int], rows: frozenset[int], shown: Sequence[frozenset[int]], least: int) -> frozenset[int]:
    """Add persons from `rows` to those a viewer may see separately, unless a sum shown before would then reveal another person.

    Adds all of them if that is safe, else one at a time, as long as no sum has to be hidden.
    """
    everyone = known | rows
    if all(stays_safe(people, everyone, least) for people in shown):
        return everyone
    left = [len(people - known) for people in shown]
    places: dict[int, list[int]] = {person: [] for person in sorted(rows - known)}
    for place, people in enumerate(shown):
        for person in people:
            if person in places:
                places[person].append(place)
    found = set(known)
    for person, of in places.items():
        if all(left[place] == 1 or left[place] > least for place in of):  # these sums stay on show: may_show
            found.add(person)
            for place in of:
                left[place] -= 1
    return frozenset(found)


def stays_safe(contributors: frozenset[int], known: frozenset[int], least: int) -> bool:
    """True if a viewer who has seen a sum, and knows the rows of others, can't get at fewer people than allowed.

    Subtracting the known rows leaves nothing, or a sum of at least `least` - 1 people: the viewer is the one who is missing.
    """
    unknown = len(contributors - known)
    return unknown == 0 or unknown >= least - 1
