"""Limits for other programs' lines: the fields of a template, and gauges for Prometheus."""

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.usage.periods import Calendar
from tachograph.queries.limits.current import UNKNOWN, Now, NowLimit
from tachograph.queries.limits.now_limit import whole_percent
from tachograph.text.format import UNKNOWN as DASH
from tachograph.text.format import safe
from tachograph.text.limits import amounts, countdown
from tachograph.text.money import spend
from tachograph.ui.documents.now import level, title


def fields(now: Now, calendar: Calendar) -> dict[str, str]:
    """Fields of a template, such as `{five_hour}% {five_hour_reset}`, of the leading account."""
    account = now.accounts[0] if now.accounts else None
    made = {"headline": title(now, "medium"), "label": safe(account.label) if account else DASH, "level": level(now)}
    made["spend"] = (spend(account.extra) if account else "") or DASH
    named = {
        "five_hour": account.limit(FIVE_HOUR) if account else None,
        "seven_day": account.limit(SEVEN_DAY) if account else None,
        "weekly": account.weekly if account else None,
        "budget": account.budget if account else None,
    }
    for limit in account.limits if account else ():
        named.setdefault(_field(limit.key), limit)
        if limit.scope:
            named.setdefault(_field(limit.scope), limit)
    for name, found in named.items():
        made |= _limit_fields(name, found, now.at, calendar)
    return made


def _field(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def _limit_fields(name: str, limit: NowLimit | None, at: int, calendar: Calendar) -> dict[str, str]:
    """The fields of one limit: percent used and left, reset in words and in epoch seconds, state, chance, amounts."""
    limit = None if limit is None else limit._replace(shows_left=False)  # fields say by their name what they count
    percent = None if limit is None else limit.percent
    resets_at = None if limit is None else limit.resets_at
    chance = None if limit is None else limit.chance
    return {
        name: DASH if percent is None else f"{whole_percent(percent)}",
        f"{name}_left": DASH if percent is None else f"{max(0, 100 - whole_percent(percent))}",
        f"{name}_reset": countdown(resets_at, at, calendar) if resets_at else DASH,
        f"{name}_reset_epoch": DASH if resets_at is None else f"{resets_at // 1000}",
        f"{name}_state": limit.state if limit else UNKNOWN,
        f"{name}_chance": DASH if chance is None else f"{round(chance * 100)}",
        f"{name}_amount": (amounts(limit) if limit else "") or DASH,
    }


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
