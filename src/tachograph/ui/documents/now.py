"""The limits as they stand now: as a screen, as one line in many forms, as JSON. Formats only; `queries/limits/current` knows.

Colour means pressure and comes with a sign: orange and ▲ from 90, red and ■ from 100, grey and ~ where the number is
old. A number whose reset has passed is a dash.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Mapping, NamedTuple
from tachograph.model.limits.limits import EXTRA_USAGE, MONEY, TRANSCRIPT, Billing, ExtraUsage
from tachograph.model.usage.periods import Calendar
from tachograph.queries.limits.current import FRESH_MS, OVERAGE, RESET, STALE, UNKNOWN, WALL, Now, NowAccount, NowLimit
from tachograph.queries.limits.now_limit import elapsed, whole_percent
from tachograph.text.format import UNKNOWN as DASH
from tachograph.text.format import cut, duration, fold, iso, safe, width
from tachograph.text.limits import (
    SOURCE_WORDS,
    amounts,
    clock,
    countdown,
    level_of,
    limit_bar,
    percent_words,
    short_amount,
    short_name,
    short_percent,
    sign,
    source_words,
)
from tachograph.text.money import money, spend
from tachograph.text.table import Style

if TYPE_CHECKING:
    from typing import Any

TITLES = ("long", "medium", "compact")


# -- one line --------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """A piece of a headline: words between numbers, or a number with the limit that it belongs to."""

    text: str
    limit: NowLimit | None = None


def headline(account: NowAccount, kind: str = "medium") -> list[Part]:
    """`5h 78% · 7d 91%`, `$375 of $400`: the limits that the account has. The weekly number is the most pressing one, and
    named where it is not the all-model week; where metered use goes on, its spend follows the limit that is reached."""
    shown = list(account.leading)
    over = next((limit for limit in shown if limit.state == OVERAGE), None)
    if over is not None:
        shown = [over]
    parts: list[Part] = []
    for limit in shown:
        name = "" if kind == "compact" and limit.group != "" else short_name(limit)
        if parts or name:
            between = ("  ·  " if kind == "long" else " · ") if parts else ""
            parts.append(Part(f"{between}{name}{' ' if name else ''}"))
        parts.append(Part(short_number(limit), limit))
    if kind != "compact" and shown and all(map(_counts_left, shown)):
        parts.append(Part(" left"))
    if over is not None:
        parts += [Part("  ·  " if kind == "long" else " · "), Part(spend(account.extra) or "extra usage")]
    return parts or [Part(DASH)]


def _counts_left(limit: NowLimit) -> bool:
    """True if a headline shows percent left of a limit: not if it is unknown, and not for spend without a cap."""
    is_known = limit.cap is not None if limit.group == MONEY and limit.used is not None else limit.percent is not None
    return limit.shows_left and is_known


def short_number(limit: NowLimit) -> str:
    """`78%`, or for money `$375 of $400`."""
    if limit.group != MONEY:
        return short_percent(limit)
    return f"{'~' if limit.state == STALE else ''}{short_amount(limit)}" if limit.used else short_percent(limit)


def title_parts(now: Now, kind: str) -> list[Part]:
    """The headlines of all accounts; several are told apart by the first letter of their label."""
    made = [Part("Claude  ")] if kind == "long" else []
    if not now.accounts:
        return [*made, Part(DASH)]
    for place, account in enumerate(now.accounts):
        if place:
            made.append(Part({"long": "     ", "medium": "    "}.get(kind, "  ")))
        if len(now.accounts) > 1:
            made.append(Part(f"{safe(account.label or '?')[:1].upper()}: "))
        made += headline(account, kind)
    return made


def title(now: Now, kind: str) -> str:
    """The headlines as plain text."""
    return "".join(part.text for part in title_parts(now, kind))


def pressing(now: Now) -> NowLimit | None:
    """The limit of the leading account that presses most."""
    return now.accounts[0].pressing if now.accounts else None


def level(now: Now) -> str:
    """Level of the pressing limit, which gives the whole its color."""
    return level_of(pressing(now))


# -- JSON ------------------------------------------------------------------------------------------------------


def document(now: Now, problems: list[str]) -> dict[str, Any]:
    """The limits for programs; docs/json.md describes it."""
    from tachograph.ui.documents.reports import FORMAT  # long: the screen does without

    return {
        "format": FORMAT,
        "generated_at": iso(now.at),
        "accounts": [_account_document(account, now.at) for account in now.accounts],
        "headline": title(now, "medium"),
        "problems": problems,
    }


def _account_document(account: NowAccount, at: int) -> dict[str, Any]:
    return {
        "id": f"{account.uuid}:{account.organization}" if account.uuid else account.organization or None,
        "label": account.label or None,
        "plan": account.plan or None,
        "limits": [
            {
                "key": limit.key,
                "label": limit.label,
                "percent": limit.percent,
                "resets_at": iso(limit.resets_at),
                "severity": limit.severity,
                "chance": limit.chance,
                "source": limit.source,
                "browser": limit.browser or None,
                "machine": limit.machine or None,
                "observed_at": iso(limit.observed_at),
                "age_seconds": limit.age_ms(at) // 1000,
                "state": limit.state,
                "near": limit.is_near,
                "overdue": limit.is_overdue,
                "refused_at": iso(limit.refused_at),
                **_money_document(limit),
                "differs": [
                    {"source": one.source, "percent": one.percent, "observed_at": iso(one.at)}
                    for one in limit.conflicts
                ],
            }
            for limit in account.limits
        ],
        "extra_usage": _extra_document(account.extra),
        "breakdown": [share._asdict() for share in account.breakdown] or None,
        "banked_resets": [{"label": one.label, "expires_at": iso(one.expires_at)} for one in account.banked],
        "subscription": _subscription_document(account.billing),
        "browsers": [
            {"browser": one.browser, "reported_at": iso(one.last_at), "gone_at": iso(one.gone_at)}
            for one in account.browsers
        ],
        "problems": problem_words(account),
    }


def _money_document(limit: NowLimit) -> Mapping[str, object]:
    """Amounts in whole units of their currency; the keys are there for every limit, null where unknown."""
    detail = limit.detail
    currency = next((amount.currency for amount in (detail.used, detail.limit, detail.left) if amount), None)
    return {
        "used": detail.used.major if detail.used else None,
        "cap": detail.limit.major if detail.limit else None,
        "left": detail.left.major if detail.left else None,
        "currency": currency,
        "locked": detail.locked,
        "allowance_percent_of_week": detail.allowance,
        "allowance_used_percent_of_week": detail.allowance_used,
    }


def _extra_document(extra: ExtraUsage | None) -> Mapping[str, object] | None:
    if extra is None:
        return None
    amount = extra.used or extra.limit
    return {
        "used": extra.used.major if extra.used else None,
        "limit": extra.limit.major if extra.limit else None,
        "currency": amount.currency if amount else None,
        "percent": extra.percent,
        "blocked": extra.blocked,
    }


def _subscription_document(billing: Billing | None) -> Mapping[str, object] | None:
    if billing is None:
        return None
    return {
        "status": billing.status or None,
        "next_charge_on": billing.renews_on or None,
        "interval": billing.every or None,
        "credits_left": billing.credits.major if billing.credits else None,
        "granted_left": billing.granted.major if billing.granted else None,
        "currency": next((m.currency for m in (billing.credits, billing.granted) if m is not None), None),
        "observed_at": iso(billing.at),
    }


def problem_words(account: NowAccount) -> list[str]:
    """Problems of sources with their remedy; at a limit also the source that knows if metered use goes on."""
    made: list[str] = []
    if account.problems:
        from tachograph.text.outcomes import outcome_words

        made += [f"{SOURCE_WORDS.get(one, one)}: {outcome_words(outcome, one)}." for one, outcome in account.problems]
    if account.unread:
        from tachograph.text.account_notes import unread_words

        made += unread_words(account)
    if not (account.limits or account.problems or account.extra or account.lifted):
        made.append("Nothing was read of this account yet; its first answer brings a reading.")
    made += [_differing_words(limit) for limit in account.limits if limit.conflicts]
    if account.gone_since is not None:
        made.append(f"No browser reports this account any more. Hide it: tachograph accounts forget{_named(account)}")
    if account.extra is None and any(limit.state == WALL for limit in account.limits):
        made.append("No source here knows if extra usage is on; `tachograph sources enable oauth` would.")
    return made


def _differing_words(limit: NowLimit) -> str:
    """Both values of two sources that disagree; neither is known to be right."""
    others = ", ".join(
        f"{SOURCE_WORDS.get(one.source, one.source)} {whole_percent(one.percent)} %" for one in limit.conflicts
    )
    shown = f"{source_words(limit)} {whole_percent(limit.percent or 0)} %"
    return f"The sources disagree on {limit.label}: {shown} (newer, shown), {others}."


def _named(account: NowAccount) -> str:
    return f' "{account.label}"' if account.label else ""


def _billing_words(billing: Billing) -> str:
    parts = []
    if billing.credits is not None:
        parts.append(f"{money(billing.credits)} credits left")
    if billing.granted is not None and billing.granted.minor:
        parts.append(f"{money(billing.granted)} granted credits left")
    if billing.renews_on:
        parts.append(f"next charge {safe(billing.renews_on)}")
    return ", ".join(parts)


# -- the screen ------------------------------------------------------------------------------------------------


def screen(now: Now, calendar: Calendar, room: int | None, style: Style, *, blocks: bool) -> list[str]:
    """Every account with a row for each of its limits."""
    lines: list[str] = []
    for account in now.accounts:
        who = (
            " · ".join(part for part in (safe(account.plan), safe(account.label)) if part)
            or "An account without a name"
        )
        newest = max(account.limits, key=lambda limit: limit.observed_at, default=None)
        aside = ""
        if newest is not None:
            age = newest.age_ms(now.at) / 1000
            when = f"{duration(age)} ago" if age >= 0 else f"{duration(-age)} in the future"
            aside = f"{when}, {safe(source_words(newest))}"
        gap = max(3, (room or 88) - width(who) - width(aside)) if room else 3
        lines.append(f"{style.bold}{who}{style.end}{' ' * gap}{style.dim}{aside}{style.end}")
        names = max([7, *(width(safe(limit.label)) for limit in account.shown)])
        names = min(names, 24)
        longest = max([0, *(width(limit_words(limit, now.at, calendar)) for limit in account.shown)])
        fixed = 20 if any(limit.shows_left for limit in account.shown) else 15  # gaps, percent and sign
        columns = 30 if room is None else max(8, min(30, room - names - longest - fixed))
        for limit in account.shown:
            lines += _rows(limit, now.at, calendar, names, room, blocks, columns)
        if account.extra is not None and account.extra.enabled and account.limit(EXTRA_USAGE) is None:
            lines.append(f"  {'Extra'.ljust(names)}  {extra_words(account.extra)}")
        if account.billing is not None and (words := _billing_words(account.billing)):
            lines.append(f"  {style.dim}{words}{style.end}")
        if account.breakdown:
            shares = ", ".join(f"{safe(share.label)} {round(share.percent)} %" for share in account.breakdown)
            said = fold(f"  Anthropic's breakdown of this week: {shares}", room, "    ")
            lines += [f"{style.dim}{line}{style.end}" for line in said]
        for words in (*_banked_words(account, now.at, calendar), *problem_words(account)):
            lines += fold(f"  {words}", room, "    ")
        lines.append("")
    return lines[:-1]


def _banked_words(account: NowAccount, at: int, calendar: Calendar) -> list[str]:
    if not account.banked:
        return []
    from tachograph.text.account_notes import banked_words

    return banked_words(account, at, calendar)


def _rows(
    limit: NowLimit, at: int, calendar: Calendar, names: int, room: int | None, blocks: bool, columns: int
) -> list[str]:
    """A limit with the chance to reach it: beside it, or below it on a narrow terminal."""
    row = _row(limit, at, calendar, names, blocks, columns)
    if limit.chance is None or limit.resets_at is None:
        return [row]
    from tachograph.text.chances import chance_before, chance_short

    chance = chance_short(limit.chance)
    if not chance:
        return [row]
    if room is None or width(row) + 3 + width(chance) <= room:
        return [f"{row}   {chance}"]
    return [row, f"  {' ' * names}  {chance_before(limit.chance, limit.resets_at, lambda m: clock(m, at, calendar))}"]


def _row(limit: NowLimit, at: int, calendar: Calendar, names: int, blocks: bool, columns: int) -> str:
    label = cut(safe(limit.label), names)
    drawn = limit_bar(limit, columns, blocks, elapsed(limit, at))
    number = f"{percent_words(limit):>{11 if limit.shows_left else 6}}"
    made = f"  {label}{' ' * (names - width(label))}  {drawn}  {number} {sign(limit) or ' '}"
    return f"{made} {limit_words(limit, at, calendar)}".rstrip()


def limit_words(limit: NowLimit, at: int, calendar: Calendar) -> str:
    """The reset and the remarks on a limit's number."""
    if limit.state == RESET:
        return "has reset; no newer reading yet"
    parts = []
    if limit.group == MONEY:
        parts += [amounts(limit), f"BLOCKED: {safe(limit.detail.locked)}" if limit.detail.locked else ""]
    if limit.state == WALL and not limit.detail.locked:
        parts.append(_wall_words(limit, at))
    elif limit.state == OVERAGE:
        parts.append("reached; extra usage goes on")
    elif limit.state == UNKNOWN and limit.source == TRANSCRIPT:
        parts.append(f"refused {duration(limit.age_ms(at) / 1000)} ago; nothing is known since")
    if limit.is_overdue:
        parts.append("its reset has passed, the service still reports it")
    elif limit.resets_at:
        parts.append(f"resets {countdown(limit.resets_at, at, calendar)}")
    if limit.state == STALE:
        parts.append(age_words(limit, at))
    if limit.detail.allowance is not None and limit.detail.allowance_used is not None:
        parts.append(f"{limit.detail.allowance_used:.0f} of its {limit.detail.allowance:.0f} % of the week")
    if limit.group != MONEY and limit.detail.locked:
        parts.append(f"locked: {safe(limit.detail.locked)}")
    return "; ".join(part for part in parts if part)


def _wall_words(limit: NowLimit, at: int) -> str:
    """`at the limit`, with the age of a value that no refusal confirms."""
    old = limit.refused_at is None and limit.age_ms(at) > FRESH_MS
    return f"at the limit, {age_words(limit, at)}" if old else "at the limit"


def age_words(limit: NowLimit, at: int) -> str:
    """`40 min old`; a time in the future is called that."""
    age = limit.age_ms(at) / 1000
    return f"{duration(age)} old" if age >= 0 else f"dated {duration(-age)} in the future"


def extra_words(extra: ExtraUsage) -> str:
    made = money(extra.used) if extra.used else "no number for the usage"
    made += f" of {money(extra.limit)}" if extra.limit else ""
    return f"{made}  BLOCKED: {safe(extra.blocked)}" if extra.blocked else made
