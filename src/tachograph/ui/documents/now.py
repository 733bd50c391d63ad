"""The limits as they stand now: as a screen, as one line in many forms, as JSON. Formats only; `queries/limits/current` knows.

Colour means pressure and comes with a sign: orange and ▲ from 90, red and ■ from 100, grey and ~ where the number is
old. A number whose reset has passed is a dash.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, Billing, ExtraUsage
from tachograph.model.usage.periods import Calendar
from tachograph.queries.limits.current import OVERAGE, RESET, STALE, UNKNOWN, WALL, Now, NowAccount, NowLimit
from tachograph.text.chances import chance_before, chance_short
from tachograph.text.format import UNKNOWN as DASH
from tachograph.text.format import cut, duration, folded, iso, safe, width
from tachograph.text.limits import (
    SOURCE_WORDS,
    bar,
    clock,
    countdown,
    level_of,
    percent,
    short_percent,
    sign,
    source_words,
)
from tachograph.text.money import money, spend
from tachograph.text.outcomes import outcome_words
from tachograph.text.table import Style
from tachograph.ui.documents.reports import FORMAT

TITLES = ("long", "medium", "compact")


# -- one line --------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """A piece of a headline: words between numbers, or a number with the limit that it belongs to."""

    text: str
    limit: NowLimit | None = None


def headline(account: NowAccount, kind: str = "medium") -> list[Part]:
    """`5h 78% · 7d 91%`; the weekly number is the most pressing one, named unless it is the all-model week."""
    five, week = account.limit(FIVE_HOUR), account.weekly
    over = next((limit for limit in account.limits if limit.state == OVERAGE), None)
    name = "7d" if week is None or week.key == SEVEN_DAY else safe(week.scope or week.label)
    names = ("", "") if kind == "compact" else ("5h ", f"{name} ")
    numbers = [(names[0], Part(short_percent(five), five)), (names[1], Part(short_percent(week), week))]
    if over is not None:
        shown = numbers[0] if over.group == "session" else numbers[1]
        numbers = [shown, ("", Part(spend(account.extra) or "extra usage"))]
    between = "  ·  " if kind == "long" else " · "
    (first, a), (second, b) = numbers
    return [*([Part(first)] if first else []), a, Part(f"{between}{second}"), b]


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
    limits = [limit for account in now.accounts[:1] for limit in (account.limit(FIVE_HOUR), account.weekly) if limit]
    return max(limits, key=lambda limit: -1.0 if limit.percent is None else limit.percent, default=None)


def level(now: Now) -> str:
    """Level of the pressing limit, which gives the whole its color."""
    return level_of(pressing(now))


def fields(now: Now, calendar: Calendar) -> dict[str, str]:
    """Fields of a template, such as `{five_hour}% {five_hour_reset}`, of the leading account."""
    account = now.accounts[0] if now.accounts else None
    made = {"headline": title(now, "medium"), "label": safe(account.label) if account else DASH, "level": level(now)}
    made["spend"] = (spend(account.extra) if account else "") or DASH
    for name, limit in (
        ("five_hour", account.limit(FIVE_HOUR) if account else None),
        ("seven_day", account.limit(SEVEN_DAY) if account else None),
        ("weekly", account.weekly if account else None),
    ):
        known = limit is not None and limit.percent is not None
        made[name] = f"{round(limit.percent or 0)}" if known and limit else DASH
        made[f"{name}_reset"] = countdown(limit.resets_at, now.at, calendar) if limit and limit.resets_at else DASH
        made[f"{name}_state"] = limit.state if limit else UNKNOWN
        made[f"{name}_chance"] = DASH if limit is None or limit.chance is None else f"{round(limit.chance * 100)}"
    return made


def prometheus(now: Now) -> str:
    """Gauges in the text format of Prometheus; an unknown value has no sample."""
    made = ["# HELP claude_limit_percent How much of a limit is used, in percent.", "# TYPE claude_limit_percent gauge"]
    ages = ["# HELP claude_limit_age_seconds How old that number is.", "# TYPE claude_limit_age_seconds gauge"]
    for account in now.accounts:
        for limit in account.limits:
            labels = f'{{account="{_label(account.label)}",limit="{_label(limit.key)}",source="{limit.source}"}}'
            if limit.percent is not None:
                made.append(f"claude_limit_percent{labels} {limit.percent:g}")
                ages.append(f"claude_limit_age_seconds{labels} {limit.age_ms(now.at) // 1000}")
    return "\n".join(made + ages)


def _label(text: str) -> str:
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')


# -- JSON ------------------------------------------------------------------------------------------------------


def document(now: Now, problems: list[str]) -> dict[str, Any]:
    """The limits for programs; docs/json.md describes it."""
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
                "observed_at": iso(limit.observed_at),
                "age_seconds": limit.age_ms(at) // 1000,
                "state": limit.state,
                "differs": [
                    {"source": one.source, "percent": one.percent, "observed_at": iso(one.at)}
                    for one in limit.conflicts
                ],
            }
            for limit in account.limits
        ],
        "extra_usage": _extra_document(account.extra),
        "breakdown": [share._asdict() for share in account.breakdown] or None,
        "subscription": _subscription_document(account.billing),
        "browsers": [
            {"browser": one.browser, "reported_at": iso(one.last_at), "gone_at": iso(one.gone_at)}
            for one in account.browsers
        ],
        "problems": problem_words(account),
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
    made = [
        f"{SOURCE_WORDS.get(source, source)}: {outcome_words(outcome, source)}." for source, outcome in account.problems
    ]
    made += [_differing_words(limit) for limit in account.limits if limit.conflicts]
    if account.gone_since is not None:
        made.append(f"No browser reports this account any more. Hide it: tachograph accounts forget{_named(account)}")
    if account.extra is None and any(limit.state == WALL for limit in account.limits):
        made.append("No source here knows if extra usage is on; `tachograph sources enable oauth` would.")
    return made


def _differing_words(limit: NowLimit) -> str:
    """Both values of two sources that disagree; neither is known to be right."""
    others = ", ".join(f"{SOURCE_WORDS.get(one.source, one.source)} {round(one.percent)} %" for one in limit.conflicts)
    shown = f"{source_words(limit)} {round(limit.percent or 0)} %"
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
            age = duration(newest.age_ms(now.at) / 1000)
            aside = f"{age} ago, {safe(source_words(newest))}"
        gap = max(3, (room or 88) - width(who) - width(aside)) if room else 3
        lines.append(f"{style.bold}{who}{style.end}{' ' * gap}{style.dim}{aside}{style.end}")
        names = max([7, *(width(safe(limit.label)) for limit in account.limits)])
        names = min(names, 24)
        longest = max([0, *(width(limit_words(limit, now.at, calendar)) for limit in account.limits)])
        columns = 30 if room is None else max(8, min(30, room - names - longest - 15))  # 15: gaps, percent and sign
        for limit in account.limits:
            lines += _rows(limit, now.at, calendar, names, room, blocks, columns)
        if account.extra is not None and account.extra.enabled:
            lines.append(f"  {'Extra'.ljust(names)}  {extra_words(account.extra)}")
        if account.billing is not None and (words := _billing_words(account.billing)):
            lines.append(f"  {style.dim}{words}{style.end}")
        if account.breakdown:
            shares = ", ".join(f"{safe(share.label)} {round(share.percent)} %" for share in account.breakdown)
            said = folded(f"  Anthropic's breakdown of this week: {shares}", room, "    ")
            lines += [f"{style.dim}{line}{style.end}" for line in said]
        for words in problem_words(account):
            lines += folded(f"  {words}", room, "    ")
        lines.append("")
    return lines[:-1]


def _rows(
    limit: NowLimit, at: int, calendar: Calendar, names: int, room: int | None, blocks: bool, columns: int
) -> list[str]:
    """A limit with the chance to reach it: beside it, or below it on a narrow terminal."""
    row = _row(limit, at, calendar, names, blocks, columns)
    chance = chance_short(limit.chance) if limit.chance is not None else ""
    if not chance or limit.chance is None or limit.resets_at is None:
        return [row]
    if room is None or width(row) + 3 + width(chance) <= room:
        return [f"{row}   {chance}"]
    return [row, f"  {' ' * names}  {chance_before(limit.chance, limit.resets_at, lambda m: clock(m, at, calendar))}"]


def _row(limit: NowLimit, at: int, calendar: Calendar, names: int, blocks: bool, columns: int) -> str:
    label = cut(safe(limit.label), names)
    drawn = bar(limit.percent, columns, blocks)
    made = f"  {label}{' ' * (names - width(label))}  {drawn}  {percent(limit):>6} {sign(limit) or ' '}"
    return f"{made} {limit_words(limit, at, calendar)}".rstrip()


def limit_words(limit: NowLimit, at: int, calendar: Calendar) -> str:
    """The reset and the remarks on a limit's number."""
    if limit.state == RESET:
        return "has reset; no newer reading yet"
    resets = f"resets {countdown(limit.resets_at, at, calendar)}" if limit.resets_at else ""
    if limit.state == STALE:
        resets += f"; {duration(limit.age_ms(at) / 1000)} old"
    if limit.state == WALL:
        resets = f"at the limit; {resets}"
    if limit.state == OVERAGE:
        resets = f"reached; extra usage goes on; {resets}"
    return resets.strip("; ")


def extra_words(extra: ExtraUsage) -> str:
    made = money(extra.used) if extra.used else "no number for the usage"
    made += f" of {money(extra.limit)}" if extra.limit else ""
    return f"{made}  BLOCKED: {safe(extra.blocked)}" if extra.blocked else made
