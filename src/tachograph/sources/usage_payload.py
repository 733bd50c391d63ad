"""Parser for answers about plan usage, in every shape since 2025: JSON values in, a Reading out.

Two layouts stand side by side in one answer, `limits[]` (since mid 2026) and a window to each top-level key; either
may be missing, empty or null. What `limits[]` has is taken from there, what it lacks from the top level, and what
neither names as we know it is shown under the service's own name.

Percentages are 0 to 100 in every field read here, whatever their value: 1 is 1 %, 0.5 is half a percent. A value that
cannot be true is left out and reported; it never becomes 0.
"""

from collections.abc import Mapping

from tachograph.model.limits.limits import (
    FIVE_HOUR,
    OK,
    SEVEN_DAY,
    SHAPE,
    AccountId,
    ExtraUsage,
    Limit,
    Money,
    Reading,
    Share,
)
from tachograph.model.parsing import (
    LIMIT_NAMES,
    LimitName,
    describe,
    distinct_problems,
    dollars,
    epoch_ms,
    humanize,
    iso_ms,
    limit_name,
    money,
    percentage,
    text,
)

_MOST_LIMITS = 50
_NAMING = ("display_name", "name", "id")
_KINDS = {"session": FIVE_HOUR, "weekly_all": SEVEN_DAY}
_SECTIONS = frozenset(("limits", "extra_usage", "spend", "seven_day_breakdown"))
# Known, and nothing in them that a meter shows: banked resets, a reset programme, a flag for administrators. Of an
# error `_strange` speaks.
_IGNORED = frozenset(("cedar_ember", "juniper_tide", "member_dashboard_available", "error"))
_REASONS = {
    "org_level_disabled": "disabled by the organization",
    "user_disabled": "switched off by the user",
    "overage_not_provisioned": "not set up",
}


def parse_usage(payload: object, *, source: str, observed_at: int) -> Reading:
    """The Reading in a decoded answer of the usage endpoint. Never raises; outcome SHAPE where it holds nothing we know."""
    if not isinstance(payload, Mapping):
        return Reading(source, observed_at, SHAPE, problems=(f"the answer is {describe(payload)}, not an object",))
    problems: list[str] = []
    limits = _limits(payload, problems)
    extra = _extra(payload, problems)
    breakdown = _breakdown(payload.get("seven_day_breakdown"), problems)
    outcome = OK
    if not (limits or extra or breakdown) and (problems or not payload.keys() & (LIMIT_NAMES.keys() | _SECTIONS)):
        outcome = SHAPE
        problems.append(_shape_problem(payload))
    return Reading(
        source,
        observed_at,
        outcome,
        limits=limits,
        extra=extra,
        breakdown=breakdown,
        problems=distinct_problems(problems),
    )


def parse_profile(payload: object) -> tuple[AccountId | None, str | None, str]:
    """Account, plan in words and a label for it, from an answer of the profile endpoint."""
    if not isinstance(payload, Mapping):
        return None, None, ""
    account, organization = (_object(payload.get(key)) for key in ("account", "organization"))
    uuid = text(account.get("uuid"))
    labels = (account.get("email"), account.get("display_name"), organization.get("name"))
    label = next(filter(None, (text(value, 200) for value in labels)), "")
    plan = plan_name(organization.get("organization_type"), organization.get("rate_limit_tier"))
    return (AccountId(uuid, text(organization.get("uuid"))) if uuid else None), plan, label


def plan_name(organization_type: object, tier: object) -> str | None:
    """A plan's name: "Max 20x", "Pro", "Team"…; the raw tier if it is unknown to us, None if it is missing.

    The organization's type decides, for the tier that a login carries outlives a change of plan.
    """
    kind, rate = text(organization_type).removeprefix("claude_"), text(tier)
    if kind in ("pro", "team", "enterprise", "free"):
        return kind.capitalize()
    if kind == "max" or (not kind and "_max" in rate):
        return next((f"Max {times}" for times in ("20x", "5x") if rate.endswith(times)), "Max")
    if not kind and rate == "default_raven":
        return "Team"
    return rate or text(organization_type) or None


# -- limits -----------------------------------------------------------------------------------------------------


def _limits(payload: Mapping[str, object], problems: list[str]) -> tuple[Limit, ...]:
    entries = payload.get("limits")
    if entries is not None and not isinstance(entries, list):
        problems.append(f"limits is {describe(entries)}, not a list")
    found: dict[str, Limit] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if limit := _entry(entry, f"limits[{index}]", problems):
            _add(limit, found, problems)
    for key, value in payload.items():
        if key in _SECTIONS or key in _IGNORED:
            continue
        if limit := _window(key, value, problems):
            twin = next((other for other in found.values() if _is_twin(other, limit)), None)
            if twin is None:
                found[limit.key] = limit
            else:
                found[twin.key] = _fill_missing(twin, limit)
    if len(found) > _MOST_LIMITS:
        problems.append(f"{len(found)} limits: only the first {_MOST_LIMITS} are kept")
    return tuple(found.values())[:_MOST_LIMITS]


def _add(limit: Limit, found: dict[str, Limit], problems: list[str]) -> None:
    """Keep a limit of `limits[]`; of two that nothing tells apart the one that presses more."""
    other = found.get(limit.key)
    if other is not None:
        problems.append(f"two limits are called {limit.key}")
        if (limit.percent or 0) <= (other.percent or 0):
            return
    found[limit.key] = limit


def _entry(entry: object, where: str, problems: list[str]) -> Limit | None:
    """One entry of `limits[]`. `is_active` is the service's pick for a headline, not a condition: it is not read."""
    if not isinstance(entry, Mapping):
        problems.append(f"{where} is {describe(entry)}, not an object")
        return None
    kind = text(entry.get("kind"))
    if not kind:
        problems.append(f"{where} does not say what kind of limit it is")
        return None
    raw = entry.get("percent")
    percent = percentage(raw)
    if percent is None and raw is not None:
        problems.append(_percent_problem(f"{where} ({kind}): percent", raw))
        return None
    own_name = text(entry.get("display_name")) or text(entry.get("name"))
    key, name = _key_and_name(kind, _scope(entry.get("scope")), own_name)
    group = entry.get("group")
    return Limit(
        key=key,
        label=name.label,
        group=group if group in ("session", "weekly") else name.group,
        percent=percent,
        resets_at=_moment(entry.get("resets_at"), f"{where} ({kind}): resets_at", problems),
        severity=text(entry.get("severity")) or None,
        scope=name.scope,
    )


def _key_and_name(kind: str, scope: str, own_name: str) -> tuple[str, LimitName]:
    """Key and words of an entry; one that is narrowed down has what it is narrowed to in its key."""
    key = _KINDS.get(kind, kind)
    if key == "weekly_scoped":
        scope = scope or own_name
    name = limit_name(f"{key}:{scope}" if scope else key)
    if own_name and key not in LIMIT_NAMES and key != "weekly_scoped":
        name = name._replace(label=own_name)
    return (f"{key}:{scope.lower()}" if scope else key), name


def _scope(value: object) -> str:
    """The names of the model, surface or other thing that a limit is restricted to."""
    if not isinstance(value, Mapping):
        return text(value)
    parts = [value, *(value.get(key) for key in ("model", "surface")), *value.values()]
    names = (next(filter(None, (text(part.get(key)) for key in _NAMING)), "") for part in map(_object, parts))
    return text(" / ".join(dict.fromkeys(filter(None, names))))


def _window(key: str, value: object, problems: list[str]) -> Limit | None:
    """The window or grant of credits under a top-level key of the answer."""
    known = key in LIMIT_NAMES
    if value is None or not (known or isinstance(value, Mapping | list)) or not (known or value):
        return None
    if not isinstance(value, Mapping):
        problems.append(f"{text(key)} is {describe(value)}, not an object" if known else _unread_problem(key))
        return None
    if "utilization" not in value and value.get("limit_dollars") is None:
        problems.append(f"{text(key)} holds no utilization" if known else _unread_problem(key))
        return None
    raw = value.get("utilization")
    percent = percentage(raw)
    if percent is None and raw is not None:
        problems.append(_percent_problem(f"{text(key)}: utilization", raw))
        return None
    used, most = _dollars(value, "used_dollars", key, problems), _dollars(value, "limit_dollars", key, problems)
    name = limit_name(key)
    is_grant = most is not None and name.group == ""
    return Limit(
        key=text(key),
        label=name.label,
        group=name.group,
        percent=_percent_of(used, most) if percent is None and is_grant else percent,
        resets_at=_moment(value.get("resets_at"), f"{text(key)}: resets_at", problems),
        scope=name.scope,
        is_grant=is_grant,
        used=used,
        limit=most,
    )


def _is_twin(a: Limit, b: Limit) -> bool:
    """Are they one limit in the two layouts: `seven_day_opus` and a `weekly_scoped` one named Opus?"""
    if a.key == b.key:
        return True
    return a.group == b.group == "weekly" and (a.scope or "").lower() == (b.scope or "-").lower()


def _fill_missing(limit: Limit, other: Limit) -> Limit:
    """Fill the gaps of one layout from the other."""
    missing = {
        field: getattr(other, field)
        for field in ("percent", "resets_at", "used", "limit")
        if getattr(limit, field) is None
    }
    return limit._replace(**missing)


# -- metered use and breakdown ----------------------------------------------------------------------------------


def _extra(payload: Mapping[str, object], problems: list[str]) -> ExtraUsage | None:
    """Metered use, from `spend` where it says something, else from `extra_usage`; None where neither is surfaced."""
    old, new = (_section(payload, key, problems) for key in ("extra_usage", "spend"))
    if new.get("unsurfaced"):
        new = {}
    if not old and not new:
        return None
    if not (old.keys() | new.keys()) & {"is_enabled", "enabled", "used_credits", "used", "monthly_limit", "limit"}:
        problems.append("extra_usage and spend hold nothing we know")
        return None
    used = _amount(new, "used", problems)
    limit = _amount(new, "limit", problems) or _cap(new, problems)
    units = old.get("currency"), old.get("decimal_places")
    if used is None:
        used = _minor(old.get("used_credits"), *units, "extra_usage: used_credits", problems)
    if limit is None:
        limit = _minor(old.get("monthly_limit"), *units, "extra_usage: monthly_limit", problems)
    stated = _percent(old.get("utilization"), "extra_usage: utilization", problems)
    rounded = _percent(new.get("percent"), "spend: percent", problems)
    if limit is None:
        rounded = None  # it is 0 then, of nothing
    percent = next((p for p in (_percent_of(used, limit), stated, rounded) if p is not None), None)
    enabled = next((v for v in (new.get("enabled"), old.get("is_enabled")) if isinstance(v, bool)), None)
    return ExtraUsage(enabled, used, limit, percent, _block_reason(old, new))


def _block_reason(old: Mapping[str, object], new: Mapping[str, object]) -> str | None:
    """Why no credits can be used now, in words."""
    for reason in (text(new.get("disabled_reason")), text(old.get("disabled_reason"))):
        if reason:
            return _REASONS.get(reason, reason.replace("_", " "))
    for key, said in (
        ("spend_limit_reached", "spend limit reached"),
        ("out_of_credits", "out of credits"),
        ("user_disabled", _REASONS["user_disabled"]),
    ):
        if old.get(key) is True or new.get(key) is True:
            return said
    return None


def _amount(section: Mapping[str, object], key: str, problems: list[str]) -> Money | None:
    """`{amount_minor, currency, exponent}` under a key of `spend`."""
    value = section.get(key)
    if value is None:
        return None
    amount = _object(value)
    minor = amount.get("amount_minor", "missing")
    return _minor(minor, amount.get("currency"), amount.get("exponent"), f"spend: {key}", problems)


def _cap(spend: Mapping[str, object], problems: list[str]) -> Money | None:
    cap = _object(spend.get("cap"))
    currency = _object(spend.get("used")).get("currency")  # a cap in credits names none
    credits = {"currency": currency, **_object(cap.get("credits"))} if cap.get("credits") is not None else None
    return _amount(cap, "money", problems) or _amount({"cap": credits}, "cap", problems)


def _minor(minor: object, currency: object, exponent: object, where: str, problems: list[str]) -> Money | None:
    amount = money(minor, currency, exponent)
    if amount is None and minor is not None:
        problems.append(f"{where} is no amount of money that can be true")
    return amount


def _dollars(window: Mapping[str, object], key: str, name: str, problems: list[str]) -> Money | None:
    amount = dollars(window.get(key))
    if amount is None and window.get(key) is not None:
        problems.append(f"{text(name)}: {key} is {describe(window.get(key))}, not an amount")
    return amount


def _percent(value: object, where: str, problems: list[str]) -> float | None:
    percent = percentage(value)
    if percent is None and value is not None:
        problems.append(_percent_problem(where, value))
    return percent


def _percent_of(used: Money | None, limit: Money | None) -> float | None:
    if used is None or limit is None or not limit.minor or used[1:] != limit[1:]:
        return None
    return percentage(100 * used.minor / limit.minor)


def _breakdown(value: object, problems: list[str]) -> tuple[Share, ...]:
    if value is None:
        return ()
    rows = _object(value).get("rows")
    if not isinstance(rows, list):
        problems.append("seven_day_breakdown holds no rows")
        return ()
    shares: dict[str, Share] = {}
    for index, row in enumerate(map(_object, rows)):
        key, percent = text(row.get("key")), percentage(row.get("percent"))
        if not key or percent is None:
            problems.append(_percent_problem(f"seven_day_breakdown: row {index}: percent", row.get("percent")))
        else:
            shares[key] = Share(key, text(row.get("display_name")) or humanize(key), percent)
    return tuple(shares.values())


# -- small things -----------------------------------------------------------------------------------------------


def _moment(value: object, where: str, problems: list[str]) -> int | None:
    """A reset. The field is ISO; a number is taken where it can only be an epoch time, and reported all the same."""
    if value is None:
        return None
    at = iso_ms(value)
    if at is None and (at := epoch_ms(value)) is not None:
        problems.append(f"{where} is a number, read as an epoch time")
    elif at is None:
        problems.append(f"{where} is {describe(value)}, not a time")
    return at


def _section(payload: Mapping[str, object], key: str, problems: list[str]) -> Mapping[str, object]:
    value = payload.get(key)
    if value is not None and not isinstance(value, Mapping):
        problems.append(f"{key} is {describe(value)}, not an object")
    return _object(value)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _percent_problem(where: str, value: object) -> str:
    return f"{where} is {describe(value)}, not a percentage: left out"


def _unread_problem(key: str) -> str:
    return f"the service sends something new: {text(key)}"


def _shape_problem(payload: Mapping[str, object]) -> str:
    """The problem of an answer without known content. An error is named by its type; its message is not repeated."""
    if "error" in payload:
        return f"the answer is an error: {text(_object(payload['error']).get('type')) or 'of no known type'}"
    return "the answer holds no limit that we know: its shape may have changed"
