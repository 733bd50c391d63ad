"""The hub's members, their machines and invitations.

Other parts of the hub keep their statements in files of their own: facts, messages and totals, limits, published sums.
"""

import hashlib
import hmac
import operator
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager
from itertools import groupby
from typing import NamedTuple

from tachograph.hub.readable import LimitReading, TeamMessage, limits_of, message_of
from tachograph.hub.store.database import Database, one
from tachograph.hub.store.facts import Change, FactStore
from tachograph.hub.store.limits import LimitStore
from tachograph.hub.store.messages import MessageStore
from tachograph.hub.store.rows import Invite, Machine, Member
from tachograph.hub.store.unused_words import drop_unused, words_of
from tachograph.hub.wire import Malformed, SharedFact, check_body

# distributed by member on Citus; the others are small
SPREAD = ("fact", "parcel", "message", "totals", "totals_day", "totals_week", "released", "dirty", "limit_now")
_MACHINE = ", ".join(Machine._fields)
_MEMBER = ", ".join(Member._fields)


class Taken(NamedTuple):
    """Outcome of a push: changed facts, refused ones as (place, reason), and the member's newest `seq`."""

    changed: int
    refused: list[tuple[int, str]]
    seq: int


class Size(NamedTuple):
    messages: int
    facts: int
    bytes: int


class _Derived(NamedTuple):
    """Messages and limits that follow from facts that the hub may read."""

    messages: list[TeamMessage]
    limits: list[LimitReading]

    def add(self, fact: SharedFact) -> None:
        """Raises Malformed."""
        if fact.kind == "message" and (message := message_of(fact)) is not None:
            self.messages.append(message)
        elif fact.kind == "reading":
            self.limits.extend(limits_of(fact))


class HubStore(FactStore):
    """An open hub database; used by one thread at a time. Raises LedgerError if it can't be used.

    `is_writable` False: a newer version of Tachograph wrote it, or it is a replica; it can be read only.
    """

    def __init__(self, database: Database, is_writable: bool = True) -> None:
        super().__init__(database)
        self.is_writable = is_writable
        self.messages, self.limits = MessageStore(database), LimitStore(database, is_writable)
        found = one(database, "SELECT id, salt FROM hub")
        self.id, self.salt = str(found[0]), str(found[1])

    @property
    def path(self) -> str:
        """File or address, for people: without a password."""
        return self.db.url

    def close(self) -> None:
        self.db.close()

    def back_up(self, path: str) -> None:
        """Copy the database into a new file, readable by this user alone. Raises LedgerError."""
        self.db.back_up(path)

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing. Raises LedgerError."""
        return self.db.transaction()

    # -- members and machines

    def members(self) -> list[Member]:
        return [Member._make(row) for row in self.db.all(f"SELECT {_MEMBER} FROM member ORDER BY id")]

    def member(self, id: int) -> Member:
        return Member._make(one(self.db, f"SELECT {_MEMBER} FROM member WHERE id = ?", (id,)))

    def machines(self, member: int | None = None) -> list[Machine]:
        """Machines of a member, or all; revoked ones too."""
        narrowed, values = ("", ()) if member is None else (" WHERE member = ?", (member,))
        sql = f"SELECT {_MACHINE} FROM machine{narrowed} ORDER BY joined_at, id"
        return [Machine._make(row) for row in self.db.all(sql, values)]

    def machine_of_token(self, digest: bytes) -> Machine | None:
        """The machine with this token; revoked ones have none."""
        row = one(self.db, f"SELECT {_MACHINE} FROM machine WHERE token = ? AND revoked_at IS NULL", (digest,))
        return None if row is None else Machine._make(row)

    def active_machine(self, id: str) -> Machine | None:
        """A machine by its id; None once it is revoked."""
        row = one(self.db, f"SELECT {_MACHINE} FROM machine WHERE id = ? AND revoked_at IS NULL", (id,))
        return None if row is None else Machine._make(row)

    def set_share(self, machine: str, share: str) -> None:
        self.db.run("UPDATE machine SET share = ? WHERE id = ?", (share, machine))

    def revoke(self, machine: str, now_ms: int) -> None:
        sql = "UPDATE machine SET revoked_at = ?, token = ? WHERE id = ?"
        self.db.run(sql, (now_ms, secrets.token_bytes(32), machine))
        self.note(None, now_ms, "revoke", machine)

    def add_machine(self, member: int, name: str, token: bytes, share: str, now_ms: int) -> str:
        id = secrets.token_hex(6)
        names = {known.name for known in self.machines(member)}
        chosen, number = name, 2
        while chosen in names:
            chosen, number = f"{name}-{number}", number + 1
        self.db.run(
            "INSERT INTO machine (id, member, name, token, share, joined_at) VALUES (?, ?, ?, ?, ?, ?)",
            (id, member, chosen, token, share, now_ms),
        )
        return id

    def add_member(self, name: str, role: str, now_ms: int) -> int:
        id = int(one(self.db, "SELECT coalesce(max(id), 0) + 1 FROM member")[0])
        self.db.run("INSERT INTO member (id, name, role, joined_at) VALUES (?, ?, ?, ?)", (id, name, role, now_ms))
        return id

    def update_member(self, member: Member) -> None:
        """Store name, role, departure and erasure of a member."""
        sql = "UPDATE member SET name = ?, role = ?, left_at = ?, erased_at = ? WHERE id = ?"
        self.db.run(sql, (member.name, member.role, member.left_at, member.erased_at, member.id))

    def set_key_check(self, member: int, check: str) -> None:
        self.db.run("UPDATE member SET key_check = ? WHERE id = ?", (check, member))

    def note_contact(self, machine: str, now_ms: int, skew_ms: int | None, version: str) -> None:
        """Note that a machine was here, and how far its clock is off (None: unknown)."""
        self.db.run(
            "UPDATE machine SET seen_at = ?, skew_ms = coalesce(?, skew_ms), version = ? WHERE id = ?",
            (now_ms, skew_ms, version[:40], machine),
        )

    # -- invitations

    def add_invite(self, invite: Invite, now_ms: int) -> None:
        self.db.run(
            "INSERT INTO invite (id, digest, name, role, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
            (invite.id, invite.digest, invite.name, invite.role, now_ms, invite.expires_at),
        )

    def invite(self, id: str) -> Invite | None:
        """An invitation, locked until the end of the transaction."""
        sql = f"SELECT id, digest, name, role, expires_at, used_at FROM invite WHERE id = ?{self.db.lock}"
        row = one(self.db, sql, (id,))
        return None if row is None else Invite._make(row)

    def cancel_invites(self, name: str) -> None:
        """Delete the unused invitations of a person."""
        self.db.run("DELETE FROM invite WHERE name = ? AND used_at IS NULL", (name,))

    def rename_invites(self, name: str, new: str) -> None:
        self.db.run("UPDATE invite SET name = ? WHERE name = ?", (new, name))
        self.db.run("UPDATE audit SET action = ? WHERE action = ?", (f"invite {new}", f"invite {name}"))

    def use_invite(self, id: str, now_ms: int) -> None:
        self.db.run("UPDATE invite SET used_at = ? WHERE id = ?", (now_ms, id))

    def attempts(self, invite: str, address: str, hour: int) -> tuple[int, int]:
        """Wrong tries of an address in an hour: of one invitation, and of all."""
        sql = "SELECT count FROM attempt WHERE invite = ? AND address = ? AND hour = ?"
        of_invite = one(self.db, sql, (invite, address, hour))
        every = one(self.db, "SELECT sum(count) FROM attempt WHERE address = ? AND hour = ?", (address, hour))
        return (0 if of_invite is None else int(of_invite[0])), int(every[0] or 0)

    def note_attempt(self, invite: str, address: str, hour: int) -> None:
        self.db.run("DELETE FROM attempt WHERE hour < ?", (hour - 1,))
        self.db.run(
            "INSERT INTO attempt (invite, address, hour, count) VALUES (?, ?, ?, 1)"
            " ON CONFLICT (invite, address, hour) DO UPDATE SET count = attempt.count + 1",
            (invite, address, hour),
        )

    # -- what machines send

    def take(
        self, machine: Machine, ledger: str, facts: Iterable[tuple[int, SharedFact]], now_ms: int, sealed: bytes = b""
    ) -> Taken:
        """Store facts of a machine, with the messages, totals and limits that follow from them, and what seals their rest.

        Only new facts are checked here: stored ones were checked when they arrived.
        """
        seq = self.lock_member(machine.member)
        good, refused = list[Change](), list[tuple[int, str]]()
        derived = _Derived([], [])
        for change in self.changes(machine, ledger, facts):
            try:
                check_body(change.fact)
                derived.add(change.fact)
                good.append(change)
            except Malformed as error:
                refused.append((change.place, str(error)))
        seq = self.write(machine, ledger, good, seq, sealed)
        self._put(machine, derived, now_ms)
        return Taken(len(good), refused, seq)

    def _put(self, machine: Machine, derived: "_Derived", now_ms: int) -> None:
        self.limits.put(machine.member, machine.id, derived.limits, machine.skew_ms, now_ms)
        self.messages.put(machine.member, derived.messages)

    def resolve_claims(self, identities: Iterable[int]) -> int:
        """Let each message count once for the team if several members sent it; returns the number of such messages.

        Runs in a transaction of its own after a push, so that of two pushes at the same time the later one sees both.
        """
        contested = self.messages.claims(identities)
        members = {row.member for rows in contested.values() for row in rows}
        while contested:
            with self.transaction():
                self._lock_members(members)
                contested = self.messages.claims(contested)
                present = {row.member for rows in contested.values() for row in rows}
                if present <= members:  # only rows of locked members can't change meanwhile
                    for rows in contested.values():
                        counted = [row.member for row in rows if row.counted]
                        winner = counted[0] if len(counted) == 1 else min(row.member for row in rows)
                        for row in rows:
                            self.messages.set_counted(row, int(row.member == winner))
                    return len(contested)
                members |= present
        return 0

    def _lock_members(self, members: Iterable[int]) -> None:
        """Let pushes of several members wait, always locked in one order."""
        for member in sorted(members):
            self.lock_member(member)

    def settle(self, member: int) -> int:
        """Count every message that several members sent for this member; returns how many moved."""
        moved = 0
        for identity, found in self.messages.contested_messages():
            if not any(row.member == member for row in found):
                continue
            members = {row.member for row in found}
            with self.transaction():
                self._lock_members(members)
                rows = [row for row in self.messages.claims([identity]).get(identity, []) if row.member in members]
                for row in rows:
                    moved += row.member == member and not row.counted
                    self.messages.set_counted(row, int(row.member == member))
        return moved

    def check_totals(self) -> int:
        """Work the totals of every member out of the messages; returns the number of rows that were wrong."""
        wrong = 0
        for member in self.members():
            with self.transaction():
                self.lock_member(member.id)
                wrong += self.messages.rebuild(member.id)
        return wrong

    def size(self) -> Size:
        """Rows and bytes of the database."""
        messages, facts = (int(self.db.all(f"SELECT count(*) FROM {one}")[0][0]) for one in ("message", "fact"))
        return Size(messages, facts, self.db.size())

    def spread(self) -> list[str]:
        """Distribute the large tables by member on Citus; returns those that were not yet. Raises LedgerError."""
        return self.db.spread(SPREAD)

    # -- erasing, and the record of who did what

    def erase_machine(self, machine: Machine, now_ms: int) -> None:
        """Delete the facts of one machine, so that they can be sent again at another level."""
        self._lock_members(one.id for one in self.members())
        words = words_of(self.db, machine.member)
        self.erase_facts(machine.member, machine.id)
        self.messages.forget(machine.member)
        machines = {one.id: one for one in self.machines(machine.member)}
        for id, facts in groupby(self.bodies(machine.member, ("message", "reading")), operator.itemgetter(0)):
            derived = _Derived([], [])
            for _, fact in facts:
                derived.add(fact)
            self._put(machines[id], derived, now_ms)
        drop_unused(self.db, words)
        self.note(machine.member, now_ms, "erase machine", machine.id, machine.member)

    def erase_member(self, member: int, now_ms: int, actor: int | None = None) -> None:
        """Delete all facts, messages, totals, limits and tokens of a member, and refuse its machines from now on."""
        self._lock_members(one.id for one in self.members())
        contested = [
            identity
            for identity, rows in self.messages.contested_messages()
            if any(row.member == member for row in rows)
        ]
        words, name = words_of(self.db, member), self.member(member).name
        self.erase_facts(member)
        self.messages.erase(member)
        for table in ("consent", "viewed"):
            self.db.run(f"DELETE FROM {table} WHERE {'viewer' if table == 'viewed' else 'member'} = ?", (member,))
        for table in ("page_session", "book_email", "book_sum", "adopted"):
            self.db.run(f"DELETE FROM {table} WHERE member = ?", (member,))
        sql = "UPDATE member SET name = ?, erased_at = ?, key_check = '' WHERE id = ?"
        self.db.run(sql, (self._mark_of(name), now_ms, member))
        self.db.run("UPDATE machine SET name = id, version = '', seen_at = 0, skew_ms = 0 WHERE member = ?", (member,))
        self.db.run("DELETE FROM invite WHERE name = ?", (name,))
        self.db.run("UPDATE audit SET action = 'invite' WHERE action = ?", (f"invite {name}",))
        self.db.run("DELETE FROM audit WHERE member = ?", (member,))
        for identity in contested:
            self.messages.count_one(identity)
        drop_unused(self.db, words)
        self.note(member, now_ms, "erase", "", actor)

    def _mark_of(self, name: str) -> str:
        """Mark in the place of the name of an erased person: it recognizes the name and can't be read back."""
        return f"erased-{hmac.new(self.salt.encode(), name.encode(), hashlib.sha256).hexdigest()[:16]}"

    def erased_named(self, name: str) -> list[int]:
        """Erased members who had a name."""
        return [one.id for one in self.members() if one.erased_at and one.name in (name, self._mark_of(name))]

    def note(self, member: int | None, now_ms: int, action: str, details: str, actor: int | None = None) -> None:
        """Add a line to the record; `member`: the person it concerns, `actor`: the person who did it."""
        sql = "INSERT INTO audit (member, at, action, details, actor) VALUES (?, ?, ?, ?, ?)"
        self.db.run(sql, (member, now_ms, action, details, actor))

    def record_of(self, member: int, most: int = 200) -> list[tuple[int, int | None, str]]:
        """Newest lines of the record that concern a member, changes of the policy among them: time, actor, action."""
        concerns = "member = ? OR (member IS NULL AND action LIKE ?)"
        sql = f"SELECT at, actor, action FROM audit WHERE {concerns} ORDER BY at DESC LIMIT ?"
        return [(int(at), actor, action) for at, actor, action in self.db.all(sql, (member, "policy %", most))]

    def viewed_since(self, actor: int, action: str, since_ms: int) -> set[int]:
        """Members whom an actor has looked at since a time."""
        sql = "SELECT DISTINCT member FROM audit WHERE actor = ? AND action = ? AND at >= ?"
        return {row[0] for row in self.db.all(sql, (actor, action, since_ms))}

    # -- settings

    def setting(self, name: str, default: str = "") -> str:
        row = one(self.db, "SELECT value FROM setting WHERE name = ?", (name,))
        return default if row is None else str(row[0])

    def set_setting(self, name: str, value: str, now_ms: int) -> None:
        self.db.run(
            "INSERT INTO setting (name, value, at) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at",
            (name, value, now_ms),
        )

    # -- what members agree to

    def consents(self) -> dict[str, dict[int, str]]:
        """Levels that members agreed to, by subject and member."""
        found: dict[str, dict[int, str]] = {}
        for member, what, level in self.db.all("SELECT member, what, level FROM consent"):
            found.setdefault(what, {})[member] = level
        return found

    def consent(self, member: int, what: str) -> str | None:
        """The choice of one member; None without one."""
        row = one(self.db, "SELECT level FROM consent WHERE member = ? AND what = ?", (member, what))
        return None if row is None else str(row[0])

    def set_consent(self, member: int, what: str, level: str, now_ms: int) -> None:
        self.db.run(
            "INSERT INTO consent (member, what, level, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (member, what) DO UPDATE SET level = excluded.level, at = excluded.at",
            (member, what, level, now_ms),
        )

    # -- sessions of browsers, and the codes that open them

    def add_session(self, digest: bytes, member: int, kind: str, expires_at: int) -> None:
        sql = "INSERT INTO page_session (digest, member, kind, expires_at) VALUES (?, ?, ?, ?)"
        self.db.run(sql, (digest, member, kind, expires_at))

    def session(self, digest: bytes, kind: str, now_ms: int) -> int | None:
        """The member of a session or code that has not expired."""
        sql = "SELECT member FROM page_session WHERE digest = ? AND kind = ? AND expires_at > ?"
        row = one(self.db, sql, (digest, kind, now_ms))
        return None if row is None else int(row[0])

    def end_session(self, digest: bytes) -> None:
        self.db.run("DELETE FROM page_session WHERE digest = ?", (digest,))

    def end_sessions_of(self, member: int) -> None:
        self.db.run("DELETE FROM page_session WHERE member = ?", (member,))

    def drop_sessions(self, now_ms: int) -> None:
        """Remove those that have expired."""
        self.db.run("DELETE FROM page_session WHERE expires_at <= ?", (now_ms,))
