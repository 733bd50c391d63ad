"""Parser for answers about plan usage, in every shape since 2025: JSON values in, a Reading out.

Two layouts exist side by side in one answer, `limits[]` (since mid 2026) and a window under each top-level key; either
may be missing, empty or null. `limits[]` wins, the top level fills its gaps, and an unknown limit is shown under the
service's own name. A field that holds something and is not read here is a problem of the reading, so that people see
that there is more.

Percentages are 0 to 100 in every field read here, whatever their value: 1 is 1 %, 0.5 is half a percent. An impossible
value is left out and reported; it never becomes 0.
"""

from collections.abc import Iterable, Mapping

from tachograph.model.limits import plans
from tachograph.model.limits.limits import (
    FIVE_HOUR,
    MONEY,
    OK,
    SESSION,
    SEVEN_DAY,
    SHAPE,
    WEEKLY,
    AccountId,
    Limit,
    Reading,
    Share,
)
from tachograph.model.parsing import (
    LIMIT_NAMES,
    LimitName,
    as_object,
    describe,
    distinct_problems,
    epoch_ms,
    humanize,
    iso_ms,
    limit_name,
    money_percent,
    percentage,
    report_unread,
    text,
    unread_problem,
)
from tachograph.sources.usage_grants import parse_banked_resets
from tachograph.sources.usage_money import parse_extra_usage, percent_of, window_dollars

_MOST_LIMITS = 50
_NAMING = ("display_name", "name", "label", "id")
_KINDS = {"session": FIVE_HOUR, "weekly_all": SEVEN_DAY}
_SECTIONS = frozenset(
    ["limits", "extra_usage", "spend", "seven_day_breakdown", "model_scoped", "weekly_scoped_shares", "cedar_ember"]
)
# A flag for administrators, and the error of an answer without limits: see `_shape_problem`.
_IGNORED = frozenset(("member_dashboard_available", "error"))
_WINDOW_KEYS = frozenset(
    ["utilization", "resets_at", "limit_dollars", "used_dollars", "remaining_dollars", "locked_reason", "display_name"]
)
# `is_active` is the service's pick for a headline, not a condition.
_ENTRY_KEYS = frozenset(
    ["kind", "group", "percent", "severity", "resets_at", "scope", "is_active", "display_name", "name", "locked_reason"]
)
_SCOPED_KEYS = frozenset(
    ["display_name", "name", "model", "utilization", "used_percentage", "percent", "resets_at", "severity"]
)
_SHARE_KEYS = frozenset(["allowance_percent_of_weekly", "limit_index", "used_percent_of_weekly"])
_BREAKDOWN_KEYS = frozenset(["as_of", "window_started_at", "rows"])
_ROW_KEYS = frozenset(["key", "display_name", "percent"])


def parse_usage(payload: object, *, source: str, observed_at: int) -> Reading:
    """Parse a decoded answer of the usage endpoint. Never raises; outcome SHAPE if it holds nothing we know."""
    if not isinstance(payload, Mapping):
        return Reading(source, observed_at, SHAPE, problems=(f"the answer is {describe(payload)}, not an object",))
    problems: list[str] = []
    limits = _limits(payload, problems)
    extra, caps = parse_extra_usage(payload, problems)
    breakdown = _breakdown(payload.get("seven_day_breakdown"), problems)
    banked = parse_banked_resets(payload.get("cedar_ember"), problems)
    outcome = OK
    if not (limits or extra or breakdown) and (problems or not payload.keys() & (LIMIT_NAMES.keys() | _SECTIONS)):
        outcome = SHAPE
        problems = [*([] if "error" in payload else problems), _shape_problem(payload)]
    return Reading(
        source,
        observed_at,
        outcome,
        limits=(*limits, *caps),
        extra=extra,
        breakdown=breakdown,
        problems=distinct_problems(problems),
        banked=banked,
    )


def parse_profile(payload: object, at: int | None = None) -> tuple[AccountId | None, str | None, str]:
    """Account, plan in words and a label for it, from an answer of the profile endpoint at a moment."""
    if not isinstance(payload, Mapping):
        return None, None, ""
    account, organization = (as_object(payload.get(key)) for key in ("account", "organization"))
    uuid = text(account.get("uuid"))
    labels = (account.get("email"), account.get("display_name"), organization.get("name"))
    label = next(filter(None, (text(value, 200) for value in labels)), "")
    plan = plan_name(organization.get("organization_type"), organization.get("rate_limit_tier"), at)
    return (AccountId(uuid, text(organization.get("uuid"))) if uuid else None), plan, label


def plan_name(organization_type: object, tier: object, at: int | None = None) -> str | None:
    """Name of a plan from foreign values, at a moment (epoch ms; None: today's name)."""
    return plans.plan_name(text(organization_type), text(tier), at)


# -- limits -----------------------------------------------------------------------------------------------------


def _limits(payload: Mapping[str, object], problems: list[str]) -> tuple[Limit, ...]:
    entries = payload.get("limits")
    if entries is not None and not isinstance(entries, list):
        problems.append(f"limits is {describe(entries)}, not a list")
    found: dict[str, Limit] = {}
    keys: dict[int, str] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if limit := _entry(entry, f"limits[{index}]", problems):
            keys[index] = limit.key
            _add(limit, found, problems)
    scopes = {scope: limit.key for limit in reversed(found.values()) if (scope := _weekly_scope(limit))}
    for limit in parse_model_scoped(payload.get("model_scoped"), problems):
        _merge(limit, found, scopes)
    for key, value in payload.items():
        if key not in _SECTIONS and key not in _IGNORED and (limit := _window(key, value, problems)):
            _merge(limit, found, scopes)
    _add_allowances(payload.get("weekly_scoped_shares"), found, keys, problems)
    if len(found) > _MOST_LIMITS:
        problems.append(f"{len(found)} limits: only the first {_MOST_LIMITS} are kept")
    return tuple(found.values())[:_MOST_LIMITS]


def parse_model_scoped(value: object, problems: list[str], sender: str = "the service") -> Iterable[Limit]:
    """Weekly limits of single models: `[{display_name, utilization, resets_at}]`, reset as ISO 8601 or epoch."""
    if value is not None and not isinstance(value, list):
        problems.append(unread_problem("model_scoped", sender))
    for index, item in enumerate(value[:_MOST_LIMITS] if isinstance(value, list) else ()):
        entry, where = as_object(item), f"model_scoped[{index}]"
        scope = _names(entry) or _names(entry.get("model"))
        raw = next((entry[key] for key in ("utilization", "used_percentage", "percent") if key in entry), None)
        percent = percentage(raw)
        if not scope or (percent is None and raw is not None):
            problems.append(_percent_problem(where, raw) if scope else unread_problem(where, sender))
            continue
        report_unread(entry, _SCOPED_KEYS, where, problems, sender)
        name = limit_name(f"weekly_scoped:{scope}")
        resets = entry.get("resets_at")
        yield Limit(
            f"weekly_scoped:{scope.lower()}",
            name.label,
            name.group,
            percent,
            epoch_ms(resets) or _moment(resets, f"{where}: resets_at", problems),
            text(entry.get("severity")) or None,
            name.scope,
        )


def _add(limit: Limit, found: dict[str, Limit], problems: list[str]) -> None:
    """Keep a limit of `limits[]`; of two with one key the one with the higher percentage."""
    other = found.get(limit.key)
    if other is not None:
        problems.append(f"two limits are called {limit.key}")
        if (limit.percent or 0) <= (other.percent or 0):
            return
    found[limit.key] = limit


def _merge(limit: Limit, found: dict[str, Limit], scopes: dict[str, str]) -> None:
    """Add a limit of another layout, or fill the gaps of its twin: the one with its key, or for a week of one model the
    one with its scope (`seven_day_opus` and a `weekly_scoped` one named Opus). `scopes`: keys of `found` by scope."""
    scope = _weekly_scope(limit)
    key = limit.key if limit.key in found else scopes.get(scope, "")
    if key:
        found[key] = _fill_missing(found[key], limit)
        return
    found[limit.key] = limit
    if scope:
        scopes.setdefault(scope, limit.key)


def _entry(entry: object, where: str, problems: list[str]) -> Limit | None:
    """One entry of `limits[]`."""
    if not isinstance(entry, Mapping):
        problems.append(f"{where} is {describe(entry)}, not an object")
        return None
    kind = text(entry.get("kind"))
    if not kind:
        problems.append(f"{where} does not say what kind of limit it is")
        return None
    own_name = text(entry.get("display_name")) or text(entry.get("name"))
    key, name = _key_and_name(kind, _scope(entry.get("scope")), own_name)
    raw = entry.get("percent")
    percent = money_percent(raw) if name.group == MONEY else percentage(raw)
    if percent is None and raw is not None:
        problems.append(_percent_problem(f"{where} ({kind}): percent", raw))
        return None
    report_unread(entry, _ENTRY_KEYS, where, problems)
    group = entry.get("group")
    return Limit(
        key=key,
        label=name.label,
        group=group if group in (SESSION, WEEKLY) else name.group,
        percent=percent,
        resets_at=_moment(entry.get("resets_at"), f"{where} ({kind}): resets_at", problems),
        severity=text(entry.get("severity")) or None,
        scope=name.scope,
        locked=_lock_reason(entry),
    )


def _key_and_name(kind: str, scope: str, own_name: str) -> tuple[str, LimitName]:
    """Key and name of an entry; the key of a scoped one holds its scope."""
    key = _KINDS.get(kind, kind)
    if key == "weekly_scoped":
        scope = scope or own_name
    name = limit_name(f"{key}:{scope}" if scope else key)
    if own_name and key not in LIMIT_NAMES and key != "weekly_scoped":
        name = name._replace(label=own_name)
    return (f"{key}:{scope.lower()}" if scope else key), name


def _scope(value: object) -> str:
    """The names of the model, surface or other thing that a limit is restricted to."""
    if isinstance(value, list):
        return text(" / ".join(dict.fromkeys(filter(None, map(_scope, value)))))
    if not isinstance(value, Mapping):
        return text(value)
    parts = [value, *(value.get(key) for key in ("model", "surface"))]
    parts += [part for key, part in value.items() if key not in _NAMING]
    return text(" / ".join(dict.fromkeys(filter(None, map(_names, parts)))))


def _names(part: object) -> str:
    """The name of a model or surface: a text, or an object with one."""
    if not isinstance(part, Mapping):
        return text(part)
    return next(filter(None, (text(part.get(key)) for key in _NAMING)), "")


def _window(key: str, value: object, problems: list[str]) -> Limit | None:
    """The window or grant of credits under a top-level key of the answer."""
    known = key in LIMIT_NAMES
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        value = value[0]
    if not isinstance(value, Mapping):
        if known and value is not None:
            problems.append(f"{text(key)} is {describe(value)}, not an object")
        else:
            report_unread({key: value}, (), "", problems)
        return None
    if "utilization" not in value and value.get("limit_dollars") is None:
        if known or value:
            problems.append(f"{text(key)} holds no utilization" if known else unread_problem(key))
        return None
    raw = value.get("utilization")
    percent = percentage(raw)
    if percent is None and raw is not None:
        problems.append(_percent_problem(f"{text(key)}: utilization", raw))
        return None
    report_unread(value, _WINDOW_KEYS, text(key), problems)
    used, most = (window_dollars(value, name, key, problems) for name in ("used_dollars", "limit_dollars"))
    name = limit_name(key)
    is_grant = most is not None and name.group == ""
    return Limit(
        key=text(key),
        label=name.label,
        group=name.group,
        percent=percent_of(used, most) if percent is None and is_grant else percent,
        resets_at=_moment(value.get("resets_at"), f"{text(key)}: resets_at", problems),
        scope=name.scope,
        is_grant=is_grant,
        used=used,
        limit=most,
        locked=_lock_reason(value),
    )


def _lock_reason(value: Mapping[str, object]) -> str | None:
    """The service's reason why a limit lets nothing through, in words."""
    return text(value.get("locked_reason")).replace("_", " ") or None


def _weekly_scope(limit: Limit) -> str:
    """The model or surface of a scoped week, in lower case; "" for any other limit."""
    return (limit.scope or "").lower() if limit.group == WEEKLY else ""


def _fill_missing(limit: Limit, other: Limit) -> Limit:
    """Fill the gaps of one layout from the other."""
    missing = {
        field: getattr(other, field)
        for field in ("percent", "resets_at", "used", "limit", "locked")
        if getattr(limit, field) is None
    }
    return limit._replace(**missing)


# -- allowances and breakdown -----------------------------------------------------------------------


def _add_allowances(value: object, found: dict[str, Limit], keys: Mapping[int, str], problems: list[str]) -> None:
    """`weekly_scoped_shares`: percent of the whole week that a scoped limit may take and took, by place in `limits[]`."""
    if value is not None and not isinstance(value, list):
        problems.append(f"weekly_scoped_shares is {describe(value)}, not a list")
    for index, item in enumerate(value if isinstance(value, list) else ()):
        share, where = as_object(item), f"weekly_scoped_shares[{index}]"
        place = share.get("limit_index")
        key = keys.get(place) if isinstance(place, int) and not isinstance(place, bool) else None
        allowance, used = (percentage(share.get(f"{name}_percent_of_weekly")) for name in ("allowance", "used"))
        if key is None or allowance is None:
            problems.append(f"{where} names no limit of the answer" if key is None else f"{where} holds no allowance")
            continue
        report_unread(share, _SHARE_KEYS, where, problems)
        found[key] = found[key]._replace(allowance=allowance, allowance_used=used)


def _breakdown(value: object, problems: list[str]) -> tuple[Share, ...]:
    """The split of the used week by product."""
    if value is None:
        return ()
    report_unread(as_object(value), _BREAKDOWN_KEYS, "seven_day_breakdown", problems)
    rows = value if isinstance(value, list) else as_object(value).get("rows")
    if not isinstance(rows, list):
        problems.append("seven_day_breakdown holds no rows")
        return ()
    shares: dict[str, Share] = {}
    for index, row in enumerate(map(as_object, rows)):
        key, percent = text(row.get("key")), percentage(row.get("percent"))
        where = f"seven_day_breakdown: row {index}"
        if not key or percent is None:
            problems.append(_percent_problem(f"{where}: percent", row.get("percent")))
            continue
        report_unread(row, _ROW_KEYS, where, problems)
        shares[key] = Share(key, text(row.get("display_name")) or humanize(key), percent)
    return tuple(shares.values())


# -- helpers ----------------------------------------------------------------------------------------------------


def _moment(value: object, where: str, problems: list[str]) -> int | None:
    """A reset as epoch ms. The field is ISO 8601; an unmistakable epoch time is accepted and reported."""
    if value is None:
        return None
    at = iso_ms(value)
    if at is None and (at := epoch_ms(value)) is not None:
        problems.append(f"{where} is a number, read as an epoch time")
    elif at is None:
        problems.append(f"{where} is {describe(value)}, not a time")
    return at


def _percent_problem(where: str, value: object) -> str:
    return f"{where} is {describe(value)}, not a percentage: left out"


def _shape_problem(payload: Mapping[str, object]) -> str:
    """The problem of an answer without known content. An error is named by its type; its message is not repeated."""
    if "error" in payload:
        return f"the answer is an error: {text(as_object(payload['error']).get('type')) or 'of no known type'}"
    return "the answer holds no limit that we know: its shape may have changed"
