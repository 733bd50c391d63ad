"""Money in an answer about plan usage: metered use with its caps and sub-caps, prepaid balance, amounts of windows.

Amounts are minor units with a currency and an exponent (`extra_usage`: cents of `currency`, `decimal_places`); windows
hold whole dollars. An amount that cannot be true is left out and reported.
"""

from collections.abc import Mapping

from tachograph.model.limits.limits import EXTRA_USAGE, MONEY, ExtraUsage, Limit, Money
from tachograph.model.parsing import (
    as_object,
    describe,
    dollars,
    epoch_ms,
    iso_ms,
    money,
    money_percent,
    report_unread,
    text,
)

_REASONS = {
    "org_level_disabled": "disabled by the organization",
    "user_disabled": "switched off by the user",
    "overage_not_provisioned": "not set up",
}
_EXTRA_KEYS = frozenset(
    [
        "is_enabled",
        "monthly_limit",
        "used_credits",
        "utilization",
        "currency",
        "decimal_places",
        "disabled_reason",
        "user_disabled",
        "spend_limit_reached",
        "out_of_credits",
        "credits_ever_enabled",
        "daily",
        "weekly",
        "disabled_until",
    ]
)
# `auto_reload`, `disclaimer` and the two flags at the end concern buying credits, which happens on claude.ai.
_SPEND_KEYS = frozenset(
    [
        "used",
        "limit",
        "cap",
        "percent",
        "severity",
        "enabled",
        "disabled_reason",
        "balance",
        "auto_reload",
        "disclaimer",
        "can_purchase_credits",
        "can_toggle",
        "unsurfaced",
        "spend_limit_reached",
        "out_of_credits",
        "user_disabled",
    ]
)
_SUB_CAP_KEYS = frozenset(
    ["limit", "used", "utilization", "resets_at", "monthly_limit", "used_credits", "currency", "decimal_places"]
)
_KNOWN = {"is_enabled", "enabled", "used_credits", "used", "monthly_limit", "limit"}


def parse_extra_usage(payload: Mapping[str, object], problems: list[str]) -> tuple[ExtraUsage | None, list[Limit]]:
    """Metered use from `spend`, else from `extra_usage`, and its daily and weekly sub-caps."""
    old, new = (_section(payload, key, problems) for key in ("extra_usage", "spend"))
    report_unread(old, _EXTRA_KEYS, "extra_usage", problems)
    report_unread(new, _SPEND_KEYS, "spend", problems)
    if new.get("unsurfaced"):
        new = {}
    if not old and not new:
        return None, []
    if not (old.keys() | new.keys()) & _KNOWN:
        problems.append("extra_usage and spend hold nothing we know")
        return None, []
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
    percent = next((p for p in (percent_of(used, limit), stated, rounded) if p is not None), None)
    enabled = next((v for v in (new.get("enabled"), old.get("is_enabled")) if isinstance(v, bool)), None)
    extra = ExtraUsage(enabled, used, limit, percent, _block_reason(old, new), _amount(new, "balance", problems))
    caps = (_sub_cap(old, period, problems) for period in ("daily", "weekly"))
    return extra, [cap for cap in caps if cap is not None]


def window_dollars(window: Mapping[str, object], key: str, name: str, problems: list[str]) -> Money | None:
    """An amount of whole dollars in a window."""
    amount = dollars(window.get(key))
    if amount is None and window.get(key) is not None:
        problems.append(f"{text(name)}: {key} is {describe(window.get(key))}, not an amount")
    return amount


def percent_of(used: Money | None, limit: Money | None) -> float | None:
    """Percent of a cap that is used, also beyond 100; None for a cap of nothing or another currency."""
    if used is None or limit is None or not limit.minor or used[1:] != limit[1:]:
        return None
    return 100 * used.minor / limit.minor


def _sub_cap(extra: Mapping[str, object], period: str, problems: list[str]) -> Limit | None:
    """The daily or weekly cap of metered use: an amount over an amount, in the currency of the whole."""
    value = extra.get(period)
    if value is None:
        return None
    where = f"extra_usage: {period}"
    cap = as_object(value)
    if not cap.keys() & {"limit", "monthly_limit", "used", "used_credits", "utilization"}:
        problems.append(f"the service sends something new: {where}")
        return None
    report_unread(cap, _SUB_CAP_KEYS, where, problems)
    currency = cap.get("currency") or extra.get("currency")
    places = cap.get("decimal_places", extra.get("decimal_places"))
    used, limit = (
        _minor(next((cap[key] for key in keys if cap.get(key) is not None), None), currency, places, where, problems)
        for keys in (("used", "used_credits"), ("limit", "monthly_limit"))
    )
    share = percent_of(used, limit)
    resets = cap.get("resets_at")
    return Limit(
        f"{EXTRA_USAGE}_{period}",
        f"{period.capitalize()} extra usage",
        MONEY,
        _percent(cap.get("utilization"), f"{where}: utilization", problems) if share is None else share,
        iso_ms(resets) if isinstance(resets, str) else epoch_ms(resets),
        used=used,
        limit=limit,
    )


def _block_reason(old: Mapping[str, object], new: Mapping[str, object]) -> str | None:
    """Why no credits can be used now, in words."""
    for reason in (text(new.get("disabled_reason")), text(old.get("disabled_reason"))):
        if reason:
            return _REASONS.get(reason, reason.replace("_", " "))
    for key, words in (
        ("spend_limit_reached", "spend limit reached"),
        ("out_of_credits", "out of credits"),
        ("user_disabled", _REASONS["user_disabled"]),
    ):
        if old.get(key) is True or new.get(key) is True:
            return words
    return None


def _amount(section: Mapping[str, object], key: str, problems: list[str]) -> Money | None:
    """`{amount_minor, currency, exponent}` under a key of `spend`."""
    value = section.get(key)
    if value is None:
        return None
    amount = as_object(value)
    minor = amount.get("amount_minor", "missing")
    return _minor(minor, amount.get("currency"), amount.get("exponent"), f"spend: {key}", problems)


def _cap(spend: Mapping[str, object], problems: list[str]) -> Money | None:
    cap = as_object(spend.get("cap"))
    currency = as_object(spend.get("used")).get("currency")  # a cap in credits names none
    credits = {"currency": currency, **as_object(cap.get("credits"))} if cap.get("credits") is not None else None
    return _amount(cap, "money", problems) or _amount({"cap": credits}, "cap", problems)


def _minor(minor: object, currency: object, exponent: object, where: str, problems: list[str]) -> Money | None:
    amount = money(minor, currency, exponent)
    if amount is None and minor is not None:
        problems.append(f"{where} is not a valid amount of money")
    return amount


def _percent(value: object, where: str, problems: list[str]) -> float | None:
    percent = money_percent(value)
    if percent is None and value is not None:
        problems.append(f"{where} is {describe(value)}, not a percentage: left out")
    return percent


def _section(payload: Mapping[str, object], key: str, problems: list[str]) -> Mapping[str, object]:
    value = payload.get(key)
    if value is not None and not isinstance(value, Mapping):
        problems.append(f"{key} is {describe(value)}, not an object")
    return as_object(value)
