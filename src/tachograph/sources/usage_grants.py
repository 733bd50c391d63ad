"""Banked resets in an answer about plan usage (`cedar_ember`): resets of a limit that an account holds and may redeem."""

from collections.abc import Mapping

from tachograph.model.limits.limits import BankedReset
from tachograph.model.parsing import as_object, describe, iso_ms, report_unread, text

_MOST = 10
# Conditions of redeeming a reset, which happens in Claude Code.
_GRANTS_KEYS = frozenset(
    ["eligible", "ineligible_reason", "at_limit", "exhausted", "grants", "next_grant_id", "cooldown_until"]
)
_GRANT_KEYS = frozenset(
    [
        "id",
        "label",
        "resets_total",
        "resets_left",
        "starts_at",
        "ends_at",
        "clears",
        "paused",
        "usable_now",
        "use_requires_limit",
        "blocking",
        "arm",
    ]
)


def parse_banked_resets(value: object, problems: list[str]) -> tuple[BankedReset, ...]:
    """Resets that the account holds: one for each `resets_left` of each grant."""
    if value is None:
        return ()
    section = as_object(value)
    grants = section.get("grants")
    if not isinstance(value, Mapping) or (grants is not None and not isinstance(grants, list)):
        problems.append("cedar_ember holds no list of grants")
        return ()
    report_unread(section, _GRANTS_KEYS, "cedar_ember", problems)
    found: list[BankedReset] = []
    for index, item in enumerate(grants or ()):
        grant, where = as_object(item), f"cedar_ember: grants[{index}]"
        left = grant.get("resets_left")
        if left is None:
            continue
        if isinstance(left, bool) or not isinstance(left, int) or left < 0:
            problems.append(f"{where}: resets_left is {describe(left)}, not a number")
            continue
        report_unread(grant, _GRANT_KEYS, where, problems)
        ends = grant.get("ends_at")
        expires_at = iso_ms(ends)
        if expires_at is None and ends is not None:
            problems.append(f"{where}: ends_at is {describe(ends)}, not a time")
        one = BankedReset(text(grant.get("id")), text(grant.get("label")) or "Limit reset", expires_at)
        found += [one] * min(left, _MOST)
    return tuple(found[:_MOST])
