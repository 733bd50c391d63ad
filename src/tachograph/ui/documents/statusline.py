"""The status line: what this session costs, how full its context is, and the limits. One line, whatever happens."""

from tachograph.model.limits.limits import FIVE_HOUR, MONEY, SESSION, SEVEN_DAY, Limit, Reading
from tachograph.queries.limits.current import OVERAGE, STALE, Now, NowLimit
from tachograph.queries.limits.now_limit import whole_percent
from tachograph.text.format import safe, usd
from tachograph.text.limits import percent_words, short_amount, short_left, short_name, sign, sign_of
from tachograph.text.money import spend, spend_of


def line(
    now: Now | None,
    account: int | None,
    reading: Reading | None,
    model: str | None,
    cost_usd: float | None,
    context_percent: float | None,
    cache: str = "",
) -> str:
    """`Opus 4.8  $3.41  ctx 38 %  cache hot 17m  5h 78 % 1h52  7d 91 % ▲`; without a ledger, from the piped document."""
    parts = [safe(model)] if model else []
    if cost_usd is not None:
        parts.append(usd(cost_usd))
    if context_percent is not None:
        parts.append(f"ctx {round(context_percent)} %")
    if cache:
        parts.append(cache)
    return "  ".join(parts + limits(now, account, reading))


def limits(now: Now | None, account: int | None, reading: Reading | None) -> list[str]:
    """The limits of the headline, from the ledger, else from the piped document."""
    of = next((a for a in now.accounts if account is None or a.id == account), None) if now is not None else None
    if now is not None and of is not None:
        over = next((limit for limit in of.leading if limit.state == OVERAGE), None)
        if over is not None:  # as the headline: the limit that is reached, and the money that goes on
            return [_shown(over, now.at), spend(of.extra) or "extra usage"]
        return [shown for limit in of.leading if (shown := _shown(limit, now.at))]
    found = reading.limits if reading is not None else ()
    known = [limit for limit in found if limit.percent is not None and limit.group]
    known.sort(key=lambda limit: (limit.key != FIVE_HOUR, limit.key != SEVEN_DAY))
    return [_piped(limit) for limit in known[:2]]


def _shown(limit: NowLimit, at: int) -> str:
    """`5h 78 % 1h52`, `7d 91 % ▲`, `$225 of $200 ■`."""
    chance = ""
    if limit.chance is not None:
        from tachograph.text.chances import status_chance

        chance = status_chance(limit.chance)
    left = short_left(limit, at) if limit.group == SESSION else ""
    number = percent_words(limit)
    if limit.group == MONEY and limit.used is not None:
        left = " left" if limit.shows_left and limit.cap is not None else ""
        number = f"{'~' if limit.state == STALE else ''}{short_amount(limit)}{left}"
    return " ".join(part for part in (short_name(limit), number, sign(limit), left, chance) if part)


def _piped(limit: Limit) -> str:
    name = {FIVE_HOUR: "5h", SEVEN_DAY: "7d"}.get(limit.key) or safe(limit.scope or limit.label)
    if limit.used is not None:
        name = spend_of(limit.used, limit.limit)
        return f"{name}{_sign(limit.percent)}"
    return f"{name} {whole_percent(limit.percent or 0)} %{_sign(limit.percent)}"


def _sign(percent: float | None) -> str:
    return f" {mark}" if (mark := sign_of(percent)) else ""
