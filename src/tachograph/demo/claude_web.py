"""A fake of claude.ai on this machine: what a signed-in browser is answered about its accounts' limits, with every fault.

    with ClaudeWeb({"a session": Person("mary@example.org", [Organization()])}, certificate=files) as web:
        ...

`/login?session=…` gives a browser that session, `/logout` takes it away. It keeps what it was asked, and which of its
sessions came with it. By hand: `python -m tachograph.demo.claude_web --certificate cert.pem key.pem --port 8443`, then a
Chromium with `--host-resolver-rules="MAP claude.ai:443 127.0.0.1:8443"`.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qs

from tachograph.demo import usage_shapes
from tachograph.demo.service import FAULTS, Reply, Service, Step, json_reply, reply

COOKIE = "sessionKey"
PARTS = (
    "account",
    "organizations",
    "usage",
    "overage_spend_limit",
    "subscription_details",
    "prepaid/credits",
    "overage_credit_grant",
)
_PAGE = b"<!DOCTYPE html><html><head><title>Claude</title></head><body><h1>%s</h1></body></html>"
_HTML = {"Content-Type": "text/html; charset=utf-8"}


class Organization(NamedTuple):
    """One organization of a person. `session`, `week`, `scoped` in percent, `spent` in cents; what can be there is in
    `capabilities`: without "chat" it has no limits."""

    uuid: str = "5ca1ab1e-0000-4000-8000-00000000000b"
    name: str = "mary@example.org's Organization"
    capabilities: tuple[str, ...] = ("chat", "claude_max")
    tier: str = "default_claude_max_20x"
    shape: str = "2026-10"
    session: float = 37.0
    week: float = 58.0
    scoped: float = 81.0
    spent: int = 1_050


class Person(NamedTuple):
    """The person signed in, with their organizations."""

    email: str = "mary@example.org"
    organizations: tuple[Organization, ...] = (Organization(),)
    uuid: str = "5ca1ab1e-0000-4000-8000-00000000000a"


class Asked(NamedTuple):
    """A request: the part of the service it was for ("" for a page), of which organization, with which of the known
    sessions (None: with none of them), and how many cookies came along."""

    part: str
    organization: str
    session: str | None
    cookies: int
    agent: str
    headers: Mapping[str, str]


class ClaudeWeb(Service):
    """The fake, from `with` to the end of the block. `people` by session; a session that is taken out is signed out.

    `faults` by part: what is answered there instead, as a step of demo/service.py; under "*" for all parts.
    """

    def __init__(
        self,
        people: Mapping[str, Person] | None = None,
        *,
        port: int = 0,
        certificate: tuple[str, str] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(port=port, certificate=certificate, now=now)
        self.people = dict({"a session": Person()} if people is None else people)
        self.faults: dict[str, Step] = {}
        self.asked: list[Asked] = []

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        place, _, query = path.partition("?")
        session, count = self._session(headers.get("cookie", ""))
        part, organization = _parts(place)
        kept = {name: value for name, value in headers.items() if name not in ("authorization", "cookie")}
        with self._lock:
            self.asked.append(Asked(part, organization, session, count, headers.get("user-agent", ""), kept))
        if not part:
            return _page(place, query)
        fault = self.faults.get(part, self.faults.get("*"))
        if fault is not None:
            return reply(fault, self._now())
        if session is None:
            return FAULTS["401"]
        return self._answer(part, organization, self.people[session])

    def counts(self) -> dict[str, int]:
        """Number of requests for each part."""
        with self._lock:
            made: dict[str, int] = {}
            for one in self.asked:
                if one.part:
                    made[one.part] = made.get(one.part, 0) + 1
            return made

    def _session(self, cookies: str) -> tuple[str | None, int]:
        pairs = [pair.strip().partition("=") for pair in cookies.split(";") if "=" in pair]
        found = next((value for name, _, value in pairs if name == COOKIE and value in self.people), None)
        return found, len(pairs)

    def _answer(self, part: str, organization: str, person: Person) -> Reply:
        if part == "account":
            return json_reply(_account(person))
        if part == "organizations":
            return json_reply([_organization(one) for one in person.organizations])
        own = next((one for one in person.organizations if one.uuid == organization), None)
        if own is None or part not in PARTS:
            return FAULTS["404"] if own is not None else FAULTS["403"]
        now = self._now()
        if part == "usage":
            return json_reply(
                usage_shapes.payload(
                    own.shape, now, session=own.session, week=own.week, scoped=own.scoped, spent=own.spent
                )
            )
        return json_reply(_money(part, own, now))


def _parts(place: str) -> tuple[str, str]:
    """The part of the service and the organization in a path; "" for a page."""
    steps = place.strip("/").split("/")
    if steps[0] != "api":
        return "", ""
    if len(steps) > 3 and steps[1] == "organizations":
        return "/".join(steps[3:]), steps[2]
    return "/".join(steps[1:]), ""


def _page(place: str, query: str) -> Reply:
    if place == "/login":
        session = parse_qs(query).get("session", [""])[0]
        cookie = f"{COOKIE}={session}; Path=/; Domain=claude.ai; Max-Age=2000000; Secure; HttpOnly; SameSite=Lax"
        return Reply(200, _PAGE % b"Signed in", {**_HTML, "Set-Cookie": cookie})
    if place == "/logout":
        cookie = f"{COOKIE}=; Path=/; Domain=claude.ai; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
        return Reply(200, _PAGE % b"Signed out", {**_HTML, "Set-Cookie": cookie})
    return Reply(200, _PAGE % b"Claude", _HTML)


def _account(person: Person) -> dict[str, object]:
    return {
        "uuid": person.uuid,
        "email_address": person.email,
        "full_name": "Mary Example",
        "memberships": [
            {"role": "admin", "seat_tier": None, "organization": _organization(one)} for one in person.organizations
        ],
    }


def _organization(one: Organization) -> dict[str, object]:
    return {
        "id": 1,
        "uuid": one.uuid,
        "name": one.name,
        "capabilities": list(one.capabilities),
        "rate_limit_tier": one.tier,
        "billing_type": "stripe_subscription",
        "raven_type": None,
    }


def _money(part: str, own: Organization, now: datetime) -> dict[str, object]:
    if part == "overage_spend_limit":
        made: dict[str, object] = {"is_enabled": True, "monthly_credit_limit": 4000, "currency": "USD"}
        return made | {
            "used_credits": own.spent,
            "disabled_reason": None,
            "disabled_until": None,
            "out_of_credits": False,
        }
    if part == "subscription_details":
        card = {"brand": "visa", "country": "DE", "last4": "4242", "type": "card"}
        renews = f"{now + timedelta(days=9):%Y-%m-%d}"
        made = {"status": "active", "next_charge_date": renews, "billing_interval": "monthly", "currency": "USD"}
        return made | {"payment_method": card}
    if part == "prepaid/credits":
        return {"amount": 2500, "currency": "USD", "auto_reload_settings": None, "pending_invoice_amount_cents": None}
    return {"remaining_balance": 1500, "total_granted": 5000, "currency": "USD"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tachograph.demo.claude_web", description="A fake of claude.ai on this machine."
    )
    parser.add_argument("--port", type=int, default=0, help="listen here (default: any free port)")
    parser.add_argument("--certificate", nargs=2, metavar=("CHAIN", "KEY"), help="speak TLS with these files")
    parser.add_argument("--session", default="a session", help="the session that is signed in")
    parsed = parser.parse_args(arguments)
    certificate = tuple(parsed.certificate) if parsed.certificate else None
    with ClaudeWeb({parsed.session: Person()}, port=parsed.port, certificate=certificate) as web:
        print(f"{web.base}/api answers. Ctrl-C ends it.", flush=True)
        count = 0
        try:
            while not web.closing.wait(0.2):
                for one in web.asked[count:]:
                    who = "signed in" if one.session is not None else "not signed in"
                    print(f"{datetime.now(UTC):%H:%M:%S} {one.part or 'a page'} {who}", flush=True)
                    count += 1
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
