"""Changes to a team: invitations, roles, departures, erasure, policy. Every change is in the record."""

from tachograph.clock import Clock
from tachograph.hub.api import HubApi, Response
from tachograph.hub.names import clean_name
from tachograph.hub.policy.visibility import LEVELS, MEMBER, OWNER, ROLES
from tachograph.hub.store import HubStore, Member
from tachograph.hub.team.people import POLICY


class Administration:
    """Changes on one store, by one actor (None: on the hub's own computer)."""

    def __init__(self, store: HubStore, clock: Clock, machines: HubApi) -> None:
        self._store, self._clock, self._machines = store, clock, machines

    def answer(self, name: str, actor: Member, fields: dict[str, str]) -> Response:
        """The answer to an owner."""
        if name == "policy":
            return self.set_policy(fields.get("level", ""), actor)
        if name == "invite":
            return self.invite(fields.get("name", ""), fields.get("role", MEMBER), actor)
        if name == "revoke":
            return self.revoke(fields.get("machine", ""), actor)
        found = self.find(fields.get("name", ""))
        if found is None:
            return Response(404, {"error": "There is no such member."})
        if name == "role":
            return self.set_role(found, fields.get("role", ""), actor)
        return self.remove(found, fields.get("erase") == "True", actor)

    def find(self, name: str) -> Member | None:
        """A member by name who was not erased."""
        return self._machines.member_named(name)

    def invite(self, name: str, role: str, actor: Member | None) -> Response:
        name = clean_name(name)
        if not name or role not in ROLES:
            return Response(400, {"error": f"An invitation has a name and a role ({', '.join(ROLES)})."})
        holder = self._machines.clear_text_holder(name)
        if holder:
            return Response(
                409,
                {
                    "error": f"This hub stores folder names, branches and titles of {holder} in the clear. They must share less first."
                },
            )
        code = self._machines.invite(name, role, actor=actor.id if actor else None)
        return Response(200, {"code": code, "name": name, "role": role})

    def set_policy(self, level: str, actor: Member | None) -> Response:
        """Change the policy. Rows of a person become visible only after that person's own yes."""
        if level not in LEVELS:
            return Response(400, {"error": f"A policy is one of {', '.join(LEVELS)}."})
        with self._store.transaction():
            self._store.set_setting(POLICY, level, self._clock.now_ms())
            self._note(None, f"policy {level}", actor)
        return Response(200, {"policy": level})

    def set_role(self, member: Member, role: str, actor: Member | None) -> Response:
        if role not in ROLES:
            return Response(400, {"error": f"A role is one of {', '.join(ROLES)}."})
        if member.role == OWNER and role != OWNER and self._is_last_owner(member):
            return Response(409, {"error": "A team needs an owner. Make another member an owner first."})
        with self._store.transaction():
            self._store.update_member(member._replace(role=role))
            self._note(member.id, f"role {role}", actor)
        return Response(200, {"name": member.name, "role": role})

    def rename(self, member: Member, name: str, actor: Member | None) -> Response:
        """Rename a member; two present members never have the same name."""
        name = clean_name(name)
        if not name:
            return Response(400, {"error": "That is no name."})
        if (self.find(name) or member).id != member.id:
            return Response(409, {"error": "Another member has that name."})
        with self._store.transaction():
            self._store.update_member(member._replace(name=name))
            self._store.rename_invites(member.name, name)
            self._note(member.id, f"rename to {name}", actor)
        return Response(200, {"name": name})

    def remove(self, member: Member, erase: bool, actor: Member | None) -> Response:
        """End a member's access; with `erase`, delete everything of the member. Published sums stay."""
        if member.role == OWNER and member.is_present and self._is_last_owner(member):
            return Response(409, {"error": "A team needs an owner. Make another member an owner first."})
        now = self._clock.now_ms()
        with self._store.transaction():
            for machine in self._store.machines(member.id):
                if machine.revoked_at is None and not erase:  # the tokens of an erased member answer 410
                    self._store.revoke(machine.id, now)
            self._end_access(member)
            self._store.update_member(member._replace(left_at=member.left_at or now))
            if not erase:
                self._store.note(member.id, now, "remove", "", actor.id if actor else None)
        if erase:
            return self.erase(member, actor)
        return Response(200, {"removed": member.name, "erased": False})

    def erase(self, member: Member, actor: Member | None) -> Response:
        """Delete everything of a member for good."""
        self._machines.erase_member(member, actor.id if actor else None)
        return Response(200, {"removed": member.name, "erased": True})

    def revoke(self, machine: str, actor: Member | None) -> Response:
        """End the access of one machine, by its id or its name if no other has it.

        It may be in other hands, so pages that its person has open and invitations that it may have made end as well.
        """
        found = [
            one
            for one in self._store.machines()
            if machine and machine in (one.id, one.name) and one.revoked_at is None
        ]
        if len(found) != 1:
            return Response(404, {"error": "No machine, or more than one, has that name."})
        with self._store.transaction():
            self._store.revoke(found[0].id, self._clock.now_ms())
            if not found[0].is_seat:
                self._end_access(self._store.member(found[0].member))
            self._note(found[0].member, f"revoke {found[0].name}", actor)
        return Response(200, {"revoked": found[0].name})

    def _is_last_owner(self, member: Member) -> bool:
        return not any(one.role == OWNER and one.is_present and one.id != member.id for one in self._store.members())

    def _end_access(self, member: Member) -> None:
        """End open pages and unused invitations of a member."""
        self._store.end_sessions_of(member.id)
        self._store.cancel_invites(member.name)

    def _note(self, member: int | None, action: str, actor: Member | None) -> None:
        self._store.note(member, self._clock.now_ms(), action, "", actor.id if actor else None)
