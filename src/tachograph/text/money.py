"""Amounts of metered use as text; the currency is the service's, never converted."""

from tachograph.model.limits.limits import ExtraUsage, Money

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def money(amount: Money) -> str:
    mark = _SIGNS.get(amount.currency)
    number = f"{amount.major:,.{amount.exponent}f}"
    return f"{mark}{number}" if mark else f"{number} {amount.currency}"


def spend(extra: ExtraUsage | None) -> str:
    """`$73/$200`, as a template has it; "" where the amount is unknown."""
    return "" if extra is None else spend_of(extra.used, extra.limit, "/")


def spend_of(used: Money | None, cap: Money | None, between: str = " of ") -> str:
    """`$73 of $200` in whole units; with decimals where rounding would turn an amount below the cap into the cap."""
    if used is None:
        return ""
    if cap is None:
        return money(_whole(used))
    is_hidden = used.major < cap.major and round(used.major) >= round(cap.major)
    if is_hidden or 0 < used.major < 0.5 or round(cap.major) != cap.major:
        return f"{money(used)}{between}{money(cap)}"
    return f"{money(_whole(used))}{between}{money(_whole(cap))}"


def _whole(amount: Money) -> Money:
    return amount._replace(minor=round(amount.major), exponent=0)
