"""Values of other programs' formats: percentages, moments, amounts of money, and names of limits.

A value that cannot be true is None, never a guess. A status line imports this: nothing heavy at the top.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Callable, Collection, Mapping, NamedTuple
from tachograph.model.limits.limits import FIVE_HOUR, MONEY, MOST_PERCENT, SEVEN_DAY, SPEND_LIMIT, Money

if TYPE_CHECKING:
    from typing import Any, TypeGuard

# Epoch milliseconds of 2017 and 2100: within them seconds and milliseconds cannot be confused.
_EARLIEST, _LATEST = 1_500_000_000_000, 4_102_444_800_000
_MOST_MINOR = 10**14
_MOST_PROBLEMS = 20
_MOST_BUDGET_PERCENT = 1_000_000.0  # below any epoch, which has been seen in the place of a percentage


class LimitName(NamedTuple):
    label: str
    group: str
    scope: str | None = None


LIMIT_NAMES = {
    FIVE_HOUR: LimitName("5-hour", "session"),
    SEVEN_DAY: LimitName("7-day", "weekly"),
    "seven_day_opus": LimitName("Opus week", "weekly", "Opus"),
    "seven_day_sonnet": LimitName("Sonnet week", "weekly", "Sonnet"),
    "seven_day_cowork": LimitName("Cowork week", "weekly", "Cowork"),
    "seven_day_omelette": LimitName("Design week", "weekly", "Design"),
    "seven_day_oauth_apps": LimitName("OAuth apps week", "weekly", "OAuth apps"),
    SPEND_LIMIT: LimitName("Spend limit", MONEY),
    "monthly_spend": LimitName("Monthly spend", MONEY),
    "iguana_necktie": LimitName("Cloud session credit", ""),
    "cinder_cove": LimitName("Promotional credit", ""),
}


def percentage(value: object) -> float | None:
    """A percentage from 0 to 1000 as it stands; None for anything else. The field fixes the scale, never the value."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_PERCENT:
        return None
    return float(value) + 0.0  # -0.0 is 0


def money_percent(value: object) -> float | None:
    """A percentage of a budget, which may pass 1000; None for anything that is not a number from 0 up."""
    return float(value) + 0.0 if is_number(value) and 0 <= value <= _MOST_BUDGET_PERCENT else None


def epoch_ms(value: object) -> int | None:
    """A number of seconds or milliseconds since 1970 as milliseconds; None for anything outside 2017 to 2100."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for scale in (1000, 1):
        if _EARLIEST <= value * scale < _LATEST:
            return int(value * scale)
    return None


def iso_ms(value: object) -> int | None:
    """An ISO 8601 time, any offset (none is UTC), as epoch milliseconds, finer parts cut off; None for anything else."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    from tachograph.lean_datetime import UTC, datetime, timedelta  # 2 ms that a status line does not need

    try:
        at = datetime.fromisoformat(value.strip())
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        ms = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    return ms if _EARLIEST <= ms < _LATEST else None


def money(minor: object, currency: object = None, exponent: object = None) -> Money | None:
    """An amount in minor units; US dollars and two decimals by default. None if any part is invalid."""
    exponent, currency = 2 if exponent is None else exponent, "USD" if currency is None else currency
    if not is_number(minor) or not 0 <= minor <= _MOST_MINOR:
        return None
    if isinstance(exponent, bool) or not isinstance(exponent, int) or not 0 <= exponent <= 6:
        return None
    if not isinstance(currency, str) or not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        return None
    return Money(round(minor), currency.upper(), exponent)


def dollars(value: object) -> Money | None:
    """An amount in whole dollars as Money of cents."""
    return money(value * 100) if is_number(value) else None


def text(value: object, longest: int = 60) -> str:
    """Foreign text on one printable line, cut to `longest` characters; "" for anything else."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[: 4 * longest].split())[:longest]
    return line if line.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in line)


def humanize(name: str) -> str:
    """A machine's name in readable words: `amber_ladder` is "Amber ladder"."""
    plain = text(name.replace("_", " ").replace("-", " "))
    return plain[:1].upper() + plain[1:]


def describe(value: object) -> str:
    """A value in a problem's words. Text from outside is not repeated."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.12g}" if -1e15 < value < 1e15 or isinstance(value, float) else "a huge number"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list | tuple) else "an object"


def distinct_problems(problems: list[str]) -> tuple[str, ...]:
    """Each problem once, and a readable number of them."""
    found = tuple(dict.fromkeys(problems))
    return found if len(found) <= _MOST_PROBLEMS else (*found[:_MOST_PROBLEMS], "and more of the kind")


def take_rows(table: str, rows: object, take: Callable[[Any], str]) -> tuple[str, ...]:
    """Hand each row of a data file's table to `take`, which returns a problem or "". Returns the problems."""
    if not isinstance(rows, list | tuple):
        return (f"{table} was left out: it is not a list.",)
    return tuple(problem for row in rows if (problem := take(row)))


def as_object(value: object) -> Mapping[str, object]:
    """A decoded JSON object; empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def unread_problem(name: str, sender: str = "the service") -> str:
    """The problem of a field that this version does not read."""
    return f"{sender} sends something new: {text(name)}"


def report_unread(
    section: Mapping[str, object], known: Collection[str], where: str, problems: list[str], sender: str = "the service"
) -> None:
    """Add a problem for each field of a section that holds something and is not known."""
    for key, value in section.items():
        if key not in known and value is not None and value is not False and value not in ("", [], {}):
            problems.append(unread_problem(f"{where}: {key}" if where else key, sender))


def limit_name(key: str) -> LimitName:
    """Label, group and scope of a limit's key, also of a new one."""
    if known := LIMIT_NAMES.get(key):
        return known
    kind, _, scope = key.partition(":")
    for start, label, group in (("seven_day_", "week", "weekly"), ("five_hour_", "5-hour", "session")):
        if key.startswith(start):
            scope = humanize(key.removeprefix(start))
            return LimitName(f"{scope} {label}", group, scope)
    scope = humanize(scope) if scope.islower() else text(scope)
    if kind == "weekly_scoped":
        return LimitName(f"{scope or 'Scoped'} week", "weekly", scope or None)
    base = LIMIT_NAMES.get(kind) or LimitName(humanize(kind), "")
    if not scope:
        return base
    return LimitName(f"{scope} {base.label}" if kind in LIMIT_NAMES else scope, base.group, scope)


def is_number(value: object) -> TypeGuard[float]:
    """A finite number; the comparison is false for NaN and no trouble for an integer of any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
