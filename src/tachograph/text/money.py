"""Amounts of metered use as text; the currency is the service's, never converted."""

from tachograph.model.limits.limits import ExtraUsage, Money

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def money(amount: Money) -> str:
    mark = _SIGNS.get(amount.currency)
    number = f"{amount.major:,.{amount.exponent}f}"
    return f"{mark}{number}" if mark else f"{number} {amount.currency}"


def spend(extra: ExtraUsage | None) -> str:
    """$73/$200, whole units as a headline has them; "" where nobody says."""
    if extra is None or extra.used is None:
        return ""
    used = money(extra.used._replace(minor=round(extra.used.major), exponent=0))
    if extra.limit is None:
        return used
    return f"{used}/{money(extra.limit._replace(minor=round(extra.limit.major), exponent=0))}"
