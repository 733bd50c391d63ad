"""Answers of a hub to its machines: join, push, pull, and the data it holds of a member. No HTTP in here.

Member and machine come from the token alone. Every answer is a status and a JSON document.
"""

import base64
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from tachograph import __version__
from tachograph.clock import HOUR_MS, Clock
from tachograph.errors import TachographError
from tachograph.hub import metrics, telemetry, wire
from tachograph.hub.columns import from_columns, to_columns
from tachograph.hub.forecasts import shared_forecasts
from tachograph.hub.names import clean_name
from tachograph.hub.policy.visibility import CLEAR_TEXT, LIMITS, SELF, TEAM, audience
from tachograph.hub.readable import identity_of
from tachograph.hub.sharing import LEVELS, MINE
from tachograph.hub.store import HubStore, Invite, Machine, Member
from tachograph.hub.store.adoption import adopt_published
from tachograph.hub.store.database import repeat
from tachograph.hub.store.rows import SEAT
from tachograph.hub.tombstones import Tombstones
from tachograph.hub.wire import Malformed, SharedFact

T = TypeVar("T")
INVITE_MS = 24 * HOUR_MS
MAX_TRIES, MAX_TRIES_OF_ADDRESS = 10, 60  # wrong codes in an hour: for one invitation, in all
NEWER_MACHINES = "Your other machines run a newer Tachograph: update it on this one to get what they send."
ERASED = "Everything of this member was erased."
CLEAR_TEXT_STAYS = (
    "This hub stores folder names, branches and titles of another person in the clear. That person must share less first:"
    " tachograph join --share names."
)
MAX_SKEW_MS = 100 * 366 * 24 * HOUR_MS  # a clock that is off further tells nothing
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Response(NamedTuple):
    status: int
    body: dict[str, Any]


class HubApi:
    """The requests of machines, on one store; used by one thread at a time."""

    def __init__(self, store: HubStore, clock: Clock, tombstones: Tombstones | None = None) -> None:
        self._store, self._clock, self._tombstones = store, clock, tombstones

    @property
    def is_writable(self) -> bool:
        return self._store.is_writable

    def repeat(self, work: Callable[[], T]) -> T:
        """Answer a request; again where other work or a lost connection made it fail. Raises LedgerError."""
        return repeat(self._store.db, work)

    # -- joining

    def invite(self, name: str, role: str = "member", lasting_ms: int = INVITE_MS, actor: int | None = None) -> str:
        """Make an invitation; returns its code. The first member of a hub is its owner."""
        now, store, name = self._clock.now_ms(), self._store, clean_name(name)
        code = "".join(secrets.choice(_ALPHABET) for _ in range(20))
        if not store.members():
            role = "owner"
        with store.transaction():
            store.add_invite(Invite(code[:4], digest(code), name, role, now + lasting_ms, None), now)
            store.note(None, now, f"invite {name}", "", actor)
        return "-".join(code[i : i + 4] for i in range(0, 20, 4))

    def join(self, document: Any, address: str) -> Response:
        """Exchange a code for a token, once."""
        code = _text(document, "code").replace("-", "").upper()
        share, check = _text(document, "share"), _text(document, "key_check")
        name = clean_name(_field(document, "name")) or "machine"
        if share not in LEVELS:
            return Response(400, {"error": "Unknown level of sharing."})
        now, store, address = self._clock.now_ms(), self._store, _network(address)
        with store.transaction():
            wrong, every = store.attempts(code[:4], address, now // HOUR_MS)
            if wrong >= MAX_TRIES or every >= MAX_TRIES_OF_ADDRESS:
                return Response(429, {"error": "Too many wrong codes from this address. Wait an hour."})
            invite = store.invite(code[:4])
            is_right = invite is not None and hmac.compare_digest(invite.digest, digest(code))
            if invite is None or not is_right:
                store.note_attempt(code[:4], address, now // HOUR_MS)
                return Response(403, {"error": "That code is not valid."})
            if invite.used_at is not None or now >= invite.expires_at:
                return Response(403, {"error": "That code was used or has expired. Ask for another one."})
            member = self.member_named(invite.name)
            # from here on the code stays good: the person can try again
            if (member is None or member.left_at is not None) and self.clear_text_holder(invite.name):
                return Response(403, {"error": CLEAR_TEXT_STAYS})
            if member is not None and member.key_check and check != member.key_check:
                return Response(409, {"error": "key", "member": member.name})
            if member is not None and member.left_at is not None:
                store.update_member(member._replace(left_at=None, role=invite.role))
            id = member.id if member is not None else store.add_member(invite.name, invite.role, now)
            if member is None:
                adopt_published(store.db, id, store.erased_named(invite.name))
            if check:
                store.set_key_check(id, check)
            token = secrets.token_urlsafe(32)
            machine = store.add_machine(id, name, digest(token), share, now)
            store.use_invite(invite.id, now)
            policy = store.setting("policy", "self")
            if member is None and policy != "self":  # told by the answer below
                store.set_consent(id, "spend", policy, now)
            store.note(id, now, "join", machine)
            names = {one.id: one.name for one in store.machines(id)}
        body = {"token": token, "hub": store.id, "machine": machine, "name": names[machine], "member": invite.name}
        present = sum(one.erased_at is None for one in store.members())
        return Response(200, {**body, "machines": len(names), "members": present, "policy": policy})

    # -- for machines that joined

    def machine_of(self, token: str) -> Machine | None:
        return self._store.machine_of_token(digest(token)) if token else None

    def is_erased(self, machine: Machine) -> bool:
        return self._store.member(machine.member).erased_at is not None

    def member_of_token(self, token: str) -> Member | None:
        """The member of the machine with a token; None for a token that may only send telemetry."""
        machine = self.machine_of(token)
        return None if machine is None or machine.is_seat else self._store.member(machine.member)

    def push(self, machine: Machine, document: Any) -> Response:
        """Store facts. Those that can't be understood are refused by number; the rest counts."""
        now, store = self._clock.now_ms(), self._store
        sent, sealed = wire.parcel_of(document) if isinstance(document, dict) else (None, b"")
        if not isinstance(sent, (list, dict)):
            return Response(400, {"error": "A push has facts."})
        facts = from_columns(sent) if isinstance(sent, dict) else sent
        if len(facts) > wire.MAX_FACTS:
            return Response(413, {"error": f"At most {wire.MAX_FACTS} facts at once."})
        ledger = _text(document, "ledger")[:64]
        if not ledger:
            return Response(400, {"error": "A push names its ledger."})
        good, refused = list[tuple[int, SharedFact]](), list[tuple[int, str]]()
        for place, value in enumerate(facts):
            try:
                fact = wire.parse_envelope(value)
                if sealed:
                    wire.check_mark(fact)
                good.append((place, fact))
            except Malformed as error:
                refused.append((place, str(error)))
        with store.transaction():
            if store.member(machine.member).erased_at is not None:
                return Response(410, {"error": ERASED})
            current = store.active_machine(machine.id)
            if current is None:
                return Response(401, {"error": "This machine was revoked."})
            if store.is_retired(machine.id, ledger):
                return Response(409, {"error": "That ledger was replaced by a newer one."})
            if current.ledger != ledger:
                store.switch_ledger(current, ledger)
            sent_at = document.get("sent_at")
            skew = now - sent_at if isinstance(sent_at, int) and not isinstance(sent_at, bool) else None
            skew = skew if skew is not None and abs(skew) < MAX_SKEW_MS else None
            done = store.take(current._replace(skew_ms=skew or 0), ledger, good, now, sealed)
            forecasts, bad = shared_forecasts(document.get("forecasts"))
            if forecasts and self._shows_limits(machine.member):
                store.limits.put_forecasts(machine.member, forecasts, skew or 0, now)
            measured = skew if done.changed else None  # what arrives again was packed long ago
            store.note_contact(machine.id, now, measured, _text(document, "version"))
        store.resolve_claims(identity for _, fact in good if (identity := identity_of(fact)) is not None)
        refused = sorted(refused + done.refused)
        taken = len(facts) - len(refused)
        body = {"hub": store.id, "seq": done.seq, "taken": taken, "changed": done.changed, "refused": refused}
        if bad:
            body["forecasts_refused"] = bad
        return Response(200, {**body, "skew_ms": skew, "version": __version__})

    def take_logs(self, machine: Machine, body: bytes, kind: str) -> Response:
        """Take the requests in an export of OpenTelemetry logs; everything else in it is dropped."""
        try:
            messages, bad = telemetry.messages_of(body, kind)
        except Malformed as error:
            return Response(400, {"error": f"Not understood: {error}."})
        except TachographError as error:
            return Response(415, {"error": f"{error.message} {error.hint}"})
        now, store = self._clock.now_ms(), self._store
        with store.transaction():
            store.lock_member(machine.member)
            if store.member(machine.member).erased_at is not None:
                return Response(410, {"error": ERASED})
            store.note_contact(machine.id, now, None, "OpenTelemetry")
            store.messages.put_telemetry(machine.member, messages)
        store.resolve_claims([message.identity for message in messages])
        return Response(200, {"partialSuccess": {"rejectedLogRecords": bad}} if bad else {})

    def add_seat(self, name: str) -> str:
        """A token for a seat without Tachograph, which sends OpenTelemetry logs; the person is added if need be."""
        now, store, token = self._clock.now_ms(), self._store, secrets.token_urlsafe(32)
        name = clean_name(name)
        with store.transaction():
            member = self.member_named(name)
            if member is not None and member.left_at is not None:
                store.update_member(member._replace(left_at=None))
            id = member.id if member is not None else store.add_member(name, "member", now)
            store.add_machine(id, "telemetry", digest(token), SEAT, now)
            store.note(id, now, "add telemetry", "")
        return token

    def metrics(self) -> str:
        """Totals of the hub for Prometheus."""
        return metrics.exposition(self._store, self._clock.now_ms())

    def mine(self, machine: Machine, after: int, most: int = wire.MAX_FACTS, format: int = wire.FORMAT) -> Response:
        """Facts of the member's other machines after a number, and those machines. `format`: what the machine can read."""
        store = self._store
        member = store.member(machine.member)
        if member.erased_at is not None:
            return Response(410, {"error": ERASED})
        most = max(1, min(most, wire.MAX_FACTS))
        page = store.after(machine, after, most)
        if page.sealed and format < wire.FORMAT:
            return Response(426, {"error": NEWER_MACHINES})
        rows = page.rows
        names = {one.id: one for one in store.machines(machine.member)}
        machines = [
            {
                "id": one.id, "name": one.name, "share": one.share, "seen_at": one.seen_at, "skew_ms": one.skew_ms,
                "version": one.version, "revoked": one.revoked_at is not None,
            }
            for one in names.values()
        ]  # fmt: skip
        if store.is_writable:
            with store.transaction():
                store.note_contact(machine.id, self._clock.now_ms(), None, names[machine.id].version)
        facts = to_columns([fact for _, _, fact in rows])
        origins = [origin for _, origin, _ in rows]
        until = rows[-1][0] if page.is_cut else max(member.seq, after)
        return Response(
            200,
            {
                "hub": store.id,
                "seq": member.seq,
                "until": until,
                "facts": facts,
                "origins": origins,
                "places": page.places,
                "parcels": {str(id): base64.b64encode(data).decode() for id, data in page.sealed.items()},
                "machines": machines,
                "shows_limits": self._shows_limits(member.id),
                "forecasts": store.limits.forecast_count(member.id),
            },
        )

    def _shows_limits(self, member: int) -> bool:
        """True if somebody else may see the limits of a member: only then a machine shares forecasts of them."""
        level = self._store.consent(member, LIMITS)
        return level is not None and audience(self._store.setting("policy", SELF), {member: level}, member) != SELF

    def me(self, machine: Machine) -> Response:
        """Description of the data that the hub holds of a member."""
        store = self._store
        member = store.member(machine.member)
        machines = [{"name": one.name, "share": one.share, "seen_at": one.seen_at} for one in store.machines(member.id)]
        held = {"member": member.name, "role": member.role, "facts": store.counts(member.id), "machines": machines}
        return Response(200, {"hub": store.id, **held, "clear_text": store.holds_clear_text(member.id)})

    def share(self, machine: Machine, document: Any) -> Response:
        """Change the level of a machine; what it sent before is deleted where the new level is narrower."""
        level = _text(document, "share")
        if level not in LEVELS:
            return Response(400, {"error": "Unknown level of sharing."})
        now = self._clock.now_ms()
        with self._store.transaction():
            self._store.set_share(machine.id, level)
            self._store.erase_machine(machine, now)
        return Response(200, {"share": level})

    def invite_own(self, machine: Machine) -> Response:
        """An invitation for another machine of the same member."""
        member = self._store.member(machine.member)
        return Response(200, {"code": self.invite(member.name, member.role, actor=member.id), "member": member.name})

    def leave(self, machine: Machine, document: Any) -> Response:
        """Revoke the token of this machine; with `erase`, delete what it sent."""
        now = self._clock.now_ms()
        with self._store.transaction():
            if isinstance(document, dict) and document.get("erase") is True:
                self._store.erase_machine(machine, now)
            self._store.revoke(machine.id, now)
        return Response(200, {"left": machine.name})

    def erase(self, machine: Machine) -> Response:
        """Delete everything of a member for good."""
        self.erase_member(self._store.member(machine.member), machine.member)
        return Response(200, {"erased": True})

    def erase_member(self, member: Member, actor: int | None) -> None:
        """Delete everything of a member, after noting it outside the database. Raises LedgerError."""
        if self._tombstones is not None:
            self._tombstones.add(self._store.id, member)
        with self._store.transaction():
            self._store.erase_member(member.id, self._clock.now_ms(), actor)
        self._store.db.purge()

    def member_named(self, name: str) -> Member | None:
        """A member by name, who may have left but was not erased."""
        name = clean_name(name)
        return next((one for one in self._store.members() if one.name == name and one.erased_at is None), None)

    def clear_text_holder(self, name: str) -> str:
        """A person other than `name` of whom the hub can read everything and who has not agreed to others; "" for none.

        With a second person, nothing stays that the hub can read in full.
        """
        name = clean_name(name)
        return next((one.name for one in self._clear_text_holders() if one.name != name), "")

    def agree_for_holders(self) -> None:
        """Note that those of whom the hub can read everything agree to others on it."""
        with self._store.transaction():
            for one in self._clear_text_holders():
                self._store.set_consent(one.id, CLEAR_TEXT, TEAM, self._clock.now_ms())
                self._store.note(one.id, self._clock.now_ms(), "agree to others", "")

    def _clear_text_holders(self) -> list[Member]:
        return [
            one
            for one in self._store.members()
            if one.erased_at is None
            and self._store.consent(one.id, CLEAR_TEXT) is None
            and (self._store.holds_clear_text(one.id) or self._sends_clear_text(one.id))
        ]

    def _sends_clear_text(self, member: int) -> bool:
        return any(one.share == MINE and one.revoked_at is None for one in self._store.machines(member))


def _network(address: str) -> str:
    """The address that tries are counted for: an IPv4 address, or the network that an IPv6 address is chosen from at will."""
    try:
        return str(ipaddress.ip_network(f"{address}/64", strict=False)) if ":" in address else address
    except ValueError:
        return address


def digest(secret: str) -> bytes:
    """SHA-256 of a code or token; it opens nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _field(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, dict) else None


def _text(document: Any, name: str) -> str:
    value = _field(document, name)
    return value if isinstance(value, str) and len(value) <= 200 and value.isprintable() else ""
