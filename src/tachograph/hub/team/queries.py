"""Questions to a team's hub: spend, limits, members, and what it holds of a person. Each answer is a JSON document.

Whoever sees rows of another person is noted, once a day, for that person to read.
"""

from typing import Any

from tachograph.hub.policy.visibility import LEVELS, LIMITS, OWNER, SELF, SPEND, SUBJECTS, audience, visible
from tachograph.hub.store import HubStore, Machine, Member
from tachograph.hub.store.books import BookStore
from tachograph.hub.store.messages import DAY_MS
from tachograph.hub.team.books import books_document, empty_document
from tachograph.hub.team.documents import Range, day_of, envelope, spend_document
from tachograph.hub.team.people import POLICY, View, view_of
from tachograph.hub.team.spend import team_spend
from tachograph.model.usage.prices import PriceBook
from tachograph.text.format import iso

HEARD_DAYS = 2  # a machine that was not heard for longer is behind


class TeamQueries:
    """Questions of one viewer. Raises LedgerError."""

    def __init__(self, store: HubStore, book: PriceBook, viewer: Member, now_ms: int) -> None:
        self._store, self._book, self._now = store, book, now_ms
        self.view: View = view_of(store, viewer)

    def spend(self, by: str, days: Range) -> dict[str, Any]:
        answer = team_spend(self._store, self._book, self.view, by, *days, self._now)
        before = team_spend(self._store, self._book, self.view, by, *days.before, self._now)
        self._note_views(self.view.rows, "spend")
        document = spend_document(answer, before, by, self.view, self._coverage(), self._now, days)
        return document if self._store.is_writable else {**document, "read_only": True}

    def limits(self) -> dict[str, Any]:
        """Every limit of the accounts that the viewer may see, the nearest first; one row for an account, however many use it."""
        names = {person.id: person.name for person in self.view.people}
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        everyone, forecasts = self._store.limits.all(), self._store.limits.forecasts()
        for one in sorted(everyone, key=lambda one: -one.observed_at):
            if one.member not in self.view.limits or one.member not in names:
                continue
            is_over = one.resets_at is not None and one.resets_at <= self._now
            row = rows.setdefault(
                (one.account or f"of {one.member}", one.key),
                {
                    "account": one.account or None, "people": [], "plan": one.plan or None, "limit": one.key,
                    "label": one.label, "percent": None if is_over else one.percent,
                    "resets_at": None if is_over else iso(one.resets_at), "observed_at": iso(one.observed_at),
                    "age_seconds": max(0, self._now - one.observed_at) // 1000, "source": one.source,
                    "chance": None, "ends_at_percent": None,
                },
            )  # fmt: skip
            forecast = forecasts.get((one.member, one.account, one.key))
            is_newest = row["observed_at"] == iso(one.observed_at)
            if (
                forecast is not None
                and is_newest
                and not is_over
                and row["percent"] is not None
                and row["chance"] is None
            ):
                row["chance"] = forecast.chance
                row["ends_at_percent"] = {"value": forecast.value, "low": forecast.low, "high": forecast.high}
            if names[one.member] not in row["people"]:
                row["people"].append(names[one.member])
        ordered = sorted(rows.values(), key=lambda row: (row["percent"] is None, -(row["percent"] or 0), row["people"]))
        self._note_views(self.view.limits, "limits")
        hidden = len({one.member for one in everyone if one.member in names} - self.view.limits)
        document = envelope("team limits", self._now, None, ordered)
        return {
            **document,
            "hidden": {"people": hidden, "reason": "they do not share limits"} if hidden else None,
        }

    def books(self, by: str, days: Range) -> dict[str, Any]:
        """Anthropic's own reports beside the logs, for owners."""
        is_empty = (
            not self._store.is_writable or BookStore(self._store).is_empty()
        )  # an older schema has no such tables
        if is_empty:
            return empty_document(self._store, by, days, self._now)
        return books_document(self._store, self.view, by, days, self.spend(by, days), self._now)

    def members(self) -> dict[str, Any]:
        """The members. Machines and the day of their last contact: of oneself, and for owners of all."""
        viewer, policy, choices = self.view.viewer, self._policy(), self._store.consents()
        machines: dict[int, list[Machine]] = {}
        for machine in self._store.machines(None if viewer.role == OWNER else viewer.id):
            machines.setdefault(machine.member, []).append(machine)
        rows = []
        for person in self.view.people:
            may_see = viewer.role == OWNER or person.id == viewer.id
            rows.append({
                "person": person.name, "role": person.role, "joined_on": day_of(person.joined_at),
                "left_on": day_of(person.left_at),
                "shows_spend_to": audience(policy, choices.get(SPEND, {}), person.id),
                "shows_limits_to": audience(policy, choices.get(LIMITS, {}), person.id),
                "machines": [
                    {"name": one.name, "share": one.share, "heard_on": day_of(one.seen_at), "revoked": one.revoked_at is not None}
                    for one in machines.get(person.id, ())
                ] if may_see else None,
            })  # fmt: skip
        return {**envelope("team members", self._now, None, rows), "policy": policy, "role": viewer.role}

    def me(self) -> dict[str, Any]:
        """Data that the hub holds of the viewer, who may see it, and who looked."""
        store, viewer = self._store, self.view.viewer
        policy, choices = self._policy(), store.consents()
        names = {person.id: person.name for person in self.view.people}
        others = [person for person in self.view.people if person.id != viewer.id and person.is_present]
        seen_by = {
            what: [
                person.name
                for person in others
                if viewer.id in visible(person, (viewer,), policy, choices.get(what, {}))
            ]
            for what in (SPEND, LIMITS)
        }
        record = [
            {"on": day_of(at), "who": names.get(actor) if actor is not None else None, "action": action}
            for at, actor, action in store.record_of(viewer.id)
        ]
        document = envelope("team me", self._now, None, ())
        del document["rows"]
        return {
            **document, "person": viewer.name, "role": viewer.role, "policy": policy,
            "allows": {what: choices.get(what, {}).get(viewer.id, SELF) for what in SUBJECTS},
            "seen_by": seen_by, "facts": store.counts(viewer.id), "contested": store.messages.contested_count(viewer.id),
            "machines": [
                {"name": one.name, "share": one.share, "seen_at": iso(one.seen_at or None), "revoked": one.revoked_at is not None}
                for one in store.machines(viewer.id)
            ],
            "record": record,
        }  # fmt: skip

    def _policy(self) -> str:
        return self._store.setting(POLICY, SELF)

    def _coverage(self) -> dict[str, Any]:
        """Machines of present members, and those that were heard of late."""
        present = {person.id for person in self.view.people if person.is_present}
        machines = [one for one in self._store.machines() if one.member in present and one.revoked_at is None]
        heard = [one for one in machines if one.seen_at // DAY_MS > self._now // DAY_MS - HEARD_DAYS]
        behind = [self._behind(one) for one in machines if one not in heard and one.member in self.view.rows]
        return {"machines": len(machines), "heard": len(heard), "behind": behind}

    def _behind(self, machine: Machine) -> dict[str, Any]:
        names = {person.id: person.name for person in self.view.people}
        return {"person": names[machine.member], "machine": machine.name, "heard_on": day_of(machine.seen_at)}

    def _note_views(self, seen: frozenset[int], what: str) -> None:
        """Note for others that the viewer may have seen their rows."""
        viewer = self.view.viewer.id
        others = seen - {viewer}
        if others and self._store.is_writable:
            known = self._store.viewed_since(viewer, f"view {what}", self._now // DAY_MS * DAY_MS)
            with self._store.transaction():
                for person in sorted(others - known):
                    self._store.note(person, self._now, f"view {what}", "", viewer)


def allow(store: HubStore, member: Member, what: str, level: str, now_ms: int) -> bool:
    """Change who may see a member's spend or limits; False for an unknown subject or level."""
    if what not in SUBJECTS or level not in LEVELS:
        return False
    with store.transaction():
        store.set_consent(member.id, what, level, now_ms)
        if what == LIMITS and level == SELF:
            store.limits.drop_forecasts(member.id)
        store.note(member.id, now_ms, f"allow {what} {level}", "", member.id)
    return True
