"""The limits of every account of a session, as claude.ai's own page asks for them. Asked as what we are: tachograph."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from tachograph.model.limits.limits import COOKIES, EXPIRED, FORBIDDEN, OK, SHAPE, AccountId, Reading
from tachograph.model.parsing import text
from tachograph.sources import usage_payload
from tachograph.sources.http import HttpAnswer

SERVICE = "https://claude.ai"
_MOST = 16
_PLANS = {"claude_max": "claude_max", "claude_pro": "claude_pro", "raven": "claude_team"}

Ask = Callable[[str], HttpAnswer]


class WebAccounts(NamedTuple):
    """Readings and labels of the accounts, and the accounts left out on request; or
    an outcome with a problem."""

    outcome: str
    readings: tuple[tuple[Reading, str], ...] = ()
    problem: str = ""
    retry_after_seconds: int | None = None
    left_out: tuple[AccountId, ...] = ()


def fetch_accounts(ask: Ask, now_ms: int, leave_out: Collection[AccountId] = ()) -> WebAccounts:
    """Ask who is signed in, and for the limits of each organization that has chat. Never raises for an answer."""
    who = ask("/api/account")
    if who.outcome != OK:
        outcome = EXPIRED if who.outcome == FORBIDDEN else who.outcome  # of oneself one may always ask
        return WebAccounts(outcome, (), who.problem, who.retry_after_seconds)
    accounts = _parse_accounts(who.payload, now_ms)
    if accounts is None:
        return WebAccounts(SHAPE, (), "the answer names no account that we understand")
    readings = []
    left_out = tuple(account for account, _, _ in accounts if account in leave_out)
    for account, label, plan in accounts:
        if account in left_out:
            continue
        said = ask(f"/api/organizations/{account.organization}/usage")
        if said.outcome not in (OK, FORBIDDEN):
            return WebAccounts(said.outcome, (), said.problem, said.retry_after_seconds)
        if said.outcome == OK:
            made = usage_payload.parse_usage(said.payload, source=COOKIES, observed_at=now_ms)
        else:
            made = Reading(COOKIES, now_ms, FORBIDDEN)
        readings.append((made._replace(account=account, plan=plan), label))
    return WebAccounts(OK, tuple(readings), left_out=left_out)


def _parse_accounts(payload: object, now_ms: int) -> list[tuple[AccountId, str, str | None]] | None:
    if not isinstance(payload, Mapping) or not isinstance(payload.get("memberships"), list):
        return None
    uuid = _uuid(payload.get("uuid"))
    made = []
    for membership in payload["memberships"][:_MOST]:
        organization = membership.get("organization") if isinstance(membership, Mapping) else None
        if not isinstance(organization, Mapping):
            continue
        can = organization.get("capabilities")
        id = _uuid(organization.get("uuid"))
        if not id or (isinstance(can, list) and "chat" not in can):
            continue
        kind = next((plan for word, plan in _PLANS.items() if isinstance(can, list) and word in can), "")
        plan = usage_payload.plan_name(kind, organization.get("rate_limit_tier"), now_ms)
        made.append((AccountId(uuid, id), text(payload.get("email_address"), 200), plan))
    return made if uuid else None


def _uuid(value: object) -> str:
    """A uuid, which becomes part of a path."""
    plain = text(value).lower()
    return plain if len(plain) == 36 and all(character in "0123456789abcdef-" for character in plain) else ""
