"""The status line: what this session costs, how full its context is, and the limits. One line, whatever happens."""

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, Reading
from tachograph.queries.limits.current import OVERAGE, STALE, Now, NowAccount, NowLimit
from tachograph.text.chances import status_chance
from tachograph.text.format import UNKNOWN, safe, usd
from tachograph.text.limits import short_left, sign_of
from tachograph.text.money import spend


def line(
    now: Now | None,
    account: int | None,
    reading: Reading | None,
    model: str | None,
    cost_usd: float | None,
    context_percent: float | None,
) -> str:
    """`Opus 4.8  $3.41  ctx 38 %  5h 78 % 1h52  7d 91 % ▲`; without a ledger, from the piped document."""
    parts = [safe(model)] if model else []
    if cost_usd is not None:
        parts.append(usd(cost_usd))
    if context_percent is not None:
        parts.append(f"ctx {round(context_percent)} %")
    return "  ".join(parts + limits(now, account, reading))


def limits(now: Now | None, account: int | None, reading: Reading | None) -> list[str]:
    """The 5-hour limit and the most pressing weekly one, from the ledger, else from the piped document."""
    of = next((a for a in now.accounts if account is None or a.id == account), None) if now is not None else None
    if now is not None and of is not None:
        five, week = _five(of, now.at), _week(of)
        over = next((limit for limit in of.limits if limit.state == OVERAGE), None)
        if over is not None:  # as the headline: the limit that is reached, and the money that goes on
            five, week = (five if over.group == "session" else week), spend(of.extra) or "extra usage"
        return [part for part in (five, week) if part]
    found = {limit.key: limit for limit in reading.limits} if reading is not None else {}
    made = []
    for key, name in ((FIVE_HOUR, "5h"), (SEVEN_DAY, "7d")):
        if key in found and found[key].percent is not None:
            made.append(f"{name} {round(found[key].percent or 0)} %{_sign(found[key].percent)}")
    return made


def _five(account: NowAccount, at: int) -> str:
    limit = account.limit(FIVE_HOUR)
    if limit is None:
        return ""
    left, chance = short_left(limit, at), status_chance(limit.chance)
    return f"5h {_percent(limit)}{' ' + left if left else ''}{' ' + chance if chance else ''}"


def _week(account: NowAccount) -> str:
    limit = account.weekly
    if limit is None:
        return ""
    chance = status_chance(limit.chance)
    name = "7d" if limit.key == SEVEN_DAY else safe(limit.scope or limit.label)
    return f"{name} {_percent(limit)}{' ' + chance if chance else ''}"


def _percent(limit: NowLimit) -> str:
    if limit.percent is None:
        return UNKNOWN
    old = "~" if limit.state == STALE else ""
    return f"{old}{round(limit.percent)} %{'' if limit.state == OVERAGE else _sign(limit.percent)}"


def _sign(percent: float | None) -> str:
    return f" {mark}" if (mark := sign_of(percent)) else ""
