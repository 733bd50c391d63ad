"""The members of a hub, as one viewer may see them."""

from typing import NamedTuple

from tachograph.hub.policy.visibility import LIMITS, SELF, SPEND, least_people, visible
from tachograph.hub.store import HubStore, Member

POLICY = "policy"


class View(NamedTuple):
    """A viewer, and the persons of whom the viewer may see rows and limits."""

    viewer: Member
    people: tuple[Member, ...]  # all who are or were here, without the erased
    rows: frozenset[int]
    limits: frozenset[int]
    least: int

    @property
    def sees_everyone(self) -> bool:
        return all(person.id in self.rows for person in self.people)


def view_of(store: HubStore, viewer: Member) -> View:
    """The present view of a viewer."""
    people = tuple(person for person in store.members() if person.erased_at is None)
    policy = store.setting(POLICY, SELF)
    choices = store.consents()
    rows = visible(viewer, people, policy, choices.get(SPEND, {}))
    limits = visible(viewer, people, policy, choices.get(LIMITS, {}))
    if not store.is_writable:  # what a viewer has seen can't be noted, so nothing new is shown
        rows = frozenset({viewer.id})
    present = sum(person.is_present for person in people)
    return View(viewer, people, rows, limits, least_people(present))
