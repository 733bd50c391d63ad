"""Money as limits: budgets, metered use beyond the plan, prepaid balances, with used, cap and state.

A share is used over cap. Where it is undefined (no cap, a cap of nothing, an unknown amount) the percentage is None or
full, and never room.
"""

from tachograph.model.limits.limits import (
    EXTRA_USAGE,
    MONEY,
    OK,
    PREPAID,
    ExtraUsage,
    Limit,
    Money,
    Reading,
    same_reset,
)

NO_CAP, CAPPED, USED_UP, UNKNOWN_ROOM = "no_cap", "capped", "used_up", "unknown"


def money_limits(reading: Reading) -> tuple[Limit, ...]:
    """The limits in a reading's section on metered use; none if it is off and nothing was used."""
    extra = reading.extra
    if extra is None or any(limit.key == EXTRA_USAGE for limit in reading.limits):
        return ()
    found = []
    if extra.enabled or (extra.used is not None and extra.used.minor > 0):
        locked = extra.blocked if extra.enabled or extra.blocked else "switched off"
        found.append(
            Limit(
                EXTRA_USAGE,
                "Extra usage",
                MONEY,
                share_of(extra.used, extra.limit, extra.percent),
                None,
                used=extra.used,
                limit=extra.limit,
                locked=locked,
            )
        )
    if extra.balance is not None and not any(limit.key == PREPAID for limit in reading.limits):
        found.append(Limit(PREPAID, "Prepaid balance", MONEY, None, None, left=extra.balance))
    return tuple(found)


def share_of(used: Money | None, cap: Money | None, stated: float | None = None) -> float | None:
    """Percent of a cap that is used, also beyond 100; of a cap of nothing 100; the stated one where amounts are missing."""
    if used is not None and cap is not None and used[1:] == cap[1:]:
        return 100.0 * used.minor / cap.minor if cap.minor > 0 else 100.0
    if cap is not None and cap.minor <= 0:
        return 100.0
    return stated


def exceeded_limits(before: Reading, after: Reading) -> tuple[Limit, ...]:
    """Limits beyond which work went on between two readings of one account: at 100 % in both, in the same window, while the
    amount of metered use rose or the prepaid balance fell."""
    x, y = before.extra, after.extra
    if x is None or y is None or before.outcome != OK or after.outcome != OK:
        return ()
    if not (_is_less(x.used, y.used) or _is_less(y.balance, x.balance)):
        return ()
    full = {limit.key: limit for limit in before.limits if _is_full(limit)}
    return tuple(
        limit
        for limit in after.limits
        if _is_full(limit) and limit.key in full and same_reset(full[limit.key].resets_at, limit.resets_at)
    )


def _is_full(limit: Limit) -> bool:
    return limit.group != MONEY and limit.percent is not None and limit.percent >= 100


def _is_less(a: Money | None, b: Money | None) -> bool:
    """Compare two amounts of one currency; False if one is unknown."""
    return a is not None and b is not None and a[1:] == b[1:] and a.minor < b.minor


def room(extra: ExtraUsage | None) -> str:
    """Room of metered use: NO_CAP, CAPPED (below its cap), USED_UP, or UNKNOWN_ROOM."""
    if extra is None or extra.enabled is None:
        return UNKNOWN_ROOM
    if not extra.enabled or extra.blocked is not None or (extra.balance is not None and extra.balance.minor <= 0):
        return USED_UP
    share = share_of(extra.used, extra.limit, extra.percent)
    if share is not None:
        return USED_UP if share >= 100 else CAPPED
    return NO_CAP if extra.limit is None and extra.used is not None else UNKNOWN_ROOM
