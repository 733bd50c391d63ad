"""The JSON document that a paired browser posts, validated and turned into readings.

    {"version": 1, "sent_at": ms, "browser": "Chromium 156", "outcome": "ok",
     "accounts": [{"account": uuid, "organization": uuid, "label": text, "plan": {"type": text, "tier": text},
                   "observed_at": ms, "outcome": "ok", "usage": {…}, "overage": {…}, "subscription": {…},
                   "credits": {…}, "grant": {…}}]}

A moment more than five minutes from ours, more accounts than anybody has, names of odd length and numbers that are none
make the whole document wrong: it is refused, and nothing of it is kept. `outcome` beside `accounts` is what came of
asking for the signed-in accounts; "expired" means signed out.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tachograph.model.limits.limits import (
    BLOCKED,
    BROWSER,
    EXPIRED,
    FORBIDDEN,
    LIMITED,
    OFFLINE,
    OK,
    SERVER,
    SHAPE,
    TIMEOUT,
    AccountId,
    Billing,
    ExtraUsage,
    Reading,
)
from tachograph.model.parsing import money, text
from tachograph.sources import usage_payload
from tachograph.sources.usage_money import percent_of

VERSION = 1
MOST_ACCOUNTS = 16
SLACK_MS = 5 * 60_000
LONGEST = 64 * 1024
_MOST_KEYS, _LONGEST_TEXT, _DEEPEST = 2000, 200, 8
_OUTCOMES = (OK, EXPIRED, FORBIDDEN, BLOCKED, LIMITED, SERVER, TIMEOUT, OFFLINE, SHAPE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATE = re.compile(r"20\d\d-\d\d-\d\d")


class AccountReport(NamedTuple):
    """One account as a browser sees it."""

    reading: Reading
    label: str
    billing: Billing | None


class BrowserPost(NamedTuple):
    """A document that holds. `outcome`: of asking who is signed in; `reports` are all accounts of that browser."""

    outcome: str
    browser: str
    reports: tuple[AccountReport, ...]


class RejectedPost(NamedTuple):
    """A document that does not: an HTTP status, and a sentence that repeats nothing of it."""

    status: int
    sentence: str


def decode_object(body: bytes) -> Mapping[str, Any] | RejectedPost:
    """The JSON object in a body."""
    try:
        found = json.loads(body, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return RejectedPost(400, "The body is no JSON.")
    if not isinstance(found, dict):
        return RejectedPost(422, "The body is not one object.")
    return found


def parse_post(body: bytes, now_ms: int) -> BrowserPost | RejectedPost:
    """Validate and parse a browser's post. Never raises."""
    found = decode_object(body)
    if isinstance(found, RejectedPost):
        return found
    try:
        _check_bounds(found)
        return _parse_document(found, now_ms)
    except _Malformed as odd:
        return RejectedPost(422, f"The document is not as agreed: {odd}.")


class _Malformed(Exception):
    """Something in a document that cannot be meant."""


def _reject_constant(constant: str) -> None:
    raise ValueError(constant)


def _check_bounds(document: object) -> None:
    """Sane sizes everywhere, so that nothing further in has to look."""
    count, stack = 0, [(document, 0)]
    while stack:
        value, depth = stack.pop()
        count += 1
        if count > _MOST_KEYS or depth > _DEEPEST:
            raise _Malformed("too many values, or too deep")
        if isinstance(value, Mapping):
            stack += [(key, depth + 1) for key in value]
            stack += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            stack += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            if len(value) > _LONGEST_TEXT:
                raise _Malformed("a text is too long")
        elif isinstance(value, int | float) and not isinstance(value, bool) and not -1e15 < value < 1e15:
            raise _Malformed("a number is too large")


def _parse_document(found: Mapping[str, Any], now: int) -> BrowserPost:
    if found.get("version") != VERSION:
        raise _Malformed(f"its version is not {VERSION}")
    _moment(found.get("sent_at"), now)
    accounts = found.get("accounts")
    if not isinstance(accounts, list) or len(accounts) > MOST_ACCOUNTS:
        raise _Malformed(f"accounts is no list of at most {MOST_ACCOUNTS}")
    reports = tuple(_parse_report(_object(account, "an account"), now) for account in accounts)
    if len({report.reading.account for report in reports}) < len(reports):
        raise _Malformed("an account comes twice")
    return BrowserPost(_outcome(found.get("outcome")), text(found.get("browser")), reports)


def _parse_report(said: Mapping[str, Any], now: int) -> AccountReport:
    at = _moment(said.get("observed_at"), now)
    account = AccountId(_uuid(said.get("account")), _uuid(said.get("organization")))
    outcome = _outcome(said.get("outcome"))
    plan = _object(said.get("plan", {}), "plan")
    if outcome == OK:
        made = usage_payload.parse_usage(_object(said.get("usage"), "usage"), source=BROWSER, observed_at=at)
        made = made._replace(plan=usage_payload.plan_name(plan.get("type"), plan.get("tier"), now))
        overage = _overage(_object(said.get("overage", {}), "overage"))
        if made.outcome == OK and overage is not None:
            made = made._replace(extra=_merge_extra(made.extra, overage))
    else:
        made = Reading(BROWSER, at, outcome)
    return AccountReport(made._replace(account=account), text(said.get("label"), 200), _billing(said, at))


def _billing(said: Mapping[str, Any], at: int) -> Billing | None:
    subscription, credits, grant = (_object(said.get(key, {}), key) for key in ("subscription", "credits", "grant"))
    renews = text(subscription.get("next_charge_date"))[:10]
    made = Billing(
        at,
        text(subscription.get("status"), 40),
        renews if _DATE.fullmatch(renews) else "",
        text(subscription.get("billing_interval"), 40),
        money(credits.get("amount"), credits.get("currency")),
        money(grant.get("remaining_balance"), grant.get("currency")),
    )
    return made if any(made[1:]) else None


def _overage(said: Mapping[str, Any]) -> ExtraUsage | None:
    """`overage_spend_limit`, which also says why nothing can be spent."""
    if not isinstance(said.get("is_enabled"), bool):
        return None
    used, limit = (money(said.get(key), said.get("currency")) for key in ("used_credits", "monthly_credit_limit"))
    reason = text(said.get("disabled_reason")).replace("_", " ")
    blocked = reason or ("out of credits" if said.get("out_of_credits") is True else None)
    return ExtraUsage(said["is_enabled"], used, limit, percent_of(used, limit), blocked)


def _merge_extra(usage: ExtraUsage | None, overage: ExtraUsage) -> ExtraUsage:
    """The usage answer's values, which are newer; the overage endpoint fills the gaps."""
    if usage is None:
        return overage
    return overage._replace(**{name: value for name, value in usage._asdict().items() if value is not None})


def _outcome(value: object) -> str:
    if value not in _OUTCOMES:
        raise _Malformed("an outcome is unknown")
    return str(value)


def _moment(value: object, now: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value - now) > SLACK_MS:
        raise _Malformed("a moment is more than five minutes from this computer's time")
    return min(value, now)


def _uuid(value: object) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise _Malformed("an account or an organization is no uuid")
    return value


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _Malformed(f"{name} is no object")
    return value
