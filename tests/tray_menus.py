"""Menus for tests: a meter by hand, and what the view makes of it."""

from helpers import NOW_MS
from tachograph.model.limits.limits import ExtraUsage, Money
from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.queries.limits.current import FRESH, Now, NowAccount, NowLimit
from tachograph.queries.tray_state import TrayState
from tachograph.queries.usage.rows import Spend
from tachograph.ui.tray.view import Environment, Menu, Row, view

UTC = Calendar(*parsed_zone("UTC"))
T, HOUR = NOW_MS, 3_600_000


def limit(key: str, percent: float | None, state: str = FRESH, age: int = 14_000, **more: int | None) -> NowLimit:
    label, group, scope = {
        "five_hour": ("5-hour", "session", None),
        "seven_day": ("7-day", "weekly", None),
        "weekly_scoped:opus": ("Opus week", "weekly", "Opus"),
    }[key]
    ends = T + (2 if group == "session" else 60) * HOUR
    resets_at = more.get("resets_at", ends)
    return NowLimit(key, label, group, scope, percent, resets_at, None, "statusline", T - age, state)


def account(*limits: NowLimit, label: str = "ada@example.org", id: int = 1, extra: ExtraUsage | None = None, problems: tuple[tuple[str, str], ...] = ()) -> NowAccount:  # fmt: skip
    return NowAccount(id, f"u{id}", "o", label, "Max", limits, extra, (), problems, T)


def usual(five: float = 78, week: float = 91) -> NowAccount:
    return account(limit("five_hour", five), limit("seven_day", week))


def meter(*accounts: NowAccount, style: str = "medium", leads: str = "", alarms: bool = True, standing: int = 0, at: int = T) -> TrayState:  # fmt: skip
    used = Spend(Tokens(messages=3), 41_200_000_000_000)
    return TrayState(Now(at, accounts), used, style, leads, alarms, standing)


def menu(*accounts: NowAccount, around: Environment | None = None, **more: object) -> Menu:
    return view(meter(*accounts, **more), around or Environment(), UTC)  # type: ignore[arg-type]


def under(menu: Menu) -> tuple[Row, ...]:
    """The rows of the first account: its submenu, or the rows after its headline where it is the only one."""
    first = menu.rows[0]
    return first.children or tuple(row for row in menu.rows[1:] if row.key.startswith(f"{first.key}:"))


def texts(rows: tuple[Row, ...]) -> list[str]:
    return [row.text for row in rows]


def spent(used: int, cap: int | None = 20_000, blocked: str | None = None) -> ExtraUsage:
    most = None if cap is None else Money(cap, "USD")
    return ExtraUsage(True, Money(used, "USD"), most, None, blocked)
