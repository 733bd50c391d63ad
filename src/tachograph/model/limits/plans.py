"""Names of plans over time: a small dated table, because the service keeps tier strings when it renames a plan.

Since 30 October 2026 the plan that was "Max 20x" is called Ultra and the one that was "Max 5x" is called Max; the tiers
`default_claude_max_20x` and `…_5x` stayed (release notes of several tools, November 2026).
"""

from __future__ import annotations

from tachograph.lean_typing import NamedTuple
from tachograph.model.parsing import take_rows

_RENAMED_AT = 1_793_318_400_000  # 2026-10-30 00:00 UTC


class _PlanName(NamedTuple):
    """A name of a tier from a moment on (epoch ms)."""

    tier: str  # end of the tier string
    since: int
    name: str


_MAX_NAMES = (
    _PlanName("20x", 0, "Max 20x"),
    _PlanName("20x", _RENAMED_AT, "Ultra"),
    _PlanName("5x", 0, "Max 5x"),
    _PlanName("5x", _RENAMED_AT, "Max"),
)
_PLAIN = ("pro", "team", "enterprise", "free", "ultra")
# Names of an installed data file: tiers by their end, and organization types without "claude_".
_updated_tiers: list[_PlanName] = []
_updated_types: dict[str, str] = {}


def use_update(rows: object) -> tuple[str, ...]:
    """Use the plan names of a data file from now on, in place of those used before; () takes them back.

    Rows are `{"tier": "40x", "since": "2027-01-31", "name": "Ultra 40x"}` or `{"type": "nova", "name": "Nova"}`.
    Returns a sentence for each row that cannot be used.
    """
    _updated_tiers.clear()
    _updated_types.clear()
    problems = take_rows("plans", rows, _take)
    _updated_tiers.sort(key=lambda row: row.since)
    return problems


def _take(row: object) -> str:
    """Keep a plan name of a data file; its problem if it cannot be used."""
    name, tier, kind = (row.get(key) for key in ("name", "tier", "type")) if isinstance(row, dict) else (None,) * 3
    since = _day(row.get("since")) if isinstance(row, dict) else None
    if isinstance(name, str) and name and isinstance(kind, str) and kind:
        _updated_types[kind] = name
    elif isinstance(name, str) and name and isinstance(tier, str) and tier and since is not None:
        _updated_tiers.append(_PlanName(tier, since, name))
    else:
        return f"A plan was left out: {str(row)[:80]} has no name with a tier and a day, or with a type."
    return ""


def _day(text: object) -> int | None:
    """Epoch milliseconds of the beginning of a day (UTC); None for anything but a date."""
    from tachograph.lean_datetime import UTC, datetime

    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        return None


def plan_name(organization_type: str, tier: str, at: int | None = None) -> str | None:
    """Name of a plan at a moment (epoch ms; None: today's name): "Ultra", "Pro", "Team"…

    The raw tier if it is unknown to us, None if both are empty. The organization's type decides: the tier in a login
    outlives a change of plan.
    """
    kind = organization_type.removeprefix("claude_")
    if kind in _updated_types:
        return _updated_types[kind]
    if kind in _PLAIN:
        return kind.capitalize()
    if kind == "max" or (not kind and "_max" in tier):
        names = [
            row.name
            for row in (*_MAX_NAMES, *_updated_tiers)
            if tier.endswith(row.tier) and (at is None or at >= row.since)
        ]
        return names[-1] if names else "Max"
    if not kind and "_ultra" in tier:
        return "Ultra"
    if not kind and tier == "default_raven":
        return "Team"
    return tier or organization_type or None


def plan_title(plan: str, at: int) -> str:
    """The name at a moment (epoch ms) of a plan that may be stored under its older name."""
    tier = next((row.tier for row in _MAX_NAMES if row.name == plan and row.since == 0), None)
    names = [row.name for row in (*_MAX_NAMES, *_updated_tiers) if row.tier == tier and at >= row.since]
    return names[-1] if names else plan
