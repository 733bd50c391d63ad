"""Money is a limit: budgets, extra usage, prepaid balances, on every surface by the installed command."""

from typing import Any

import pytest

from helpers import Home
from meter_world import ADA, DAY, HOUR, MINUTE, MeterWorld, window


@pytest.fixture
def world(home: Home) -> MeterWorld:
    found = MeterWorld(home)
    found.login(ADA, "claude_enterprise", "default_claude_ai")
    return found


def extra(used: float, cap: float | None, **more: Any) -> dict[str, Any]:
    """The section of the usage endpoint on metered use; amounts in cents."""
    return {
        "is_enabled": True,
        "monthly_limit": cap,
        "used_credits": used,
        "currency": "USD",
        "decimal_places": 2,
        **more,
    }


def seat(used: float, cap: float, **more: Any) -> dict[str, Any]:
    """A seat with a budget and no windows."""
    return {"five_hour": None, "seven_day": None, "limits": [], "extra_usage": extra(used, cap, **more)}


def plan(five: float, week: float, world: MeterWorld, section: dict[str, Any]) -> dict[str, Any]:
    return {
        "five_hour": window(five, world.at + HOUR),
        "seven_day": window(week, world.at + 2 * DAY),
        "extra_usage": section,
        "limits": [],
    }


@pytest.mark.parametrize(
    ("used", "blocked", "code", "sign"), [(10_000, False, 0, ""), (37_519, False, 10, "▲"), (40_000, True, 11, "■")]
)
def test_a_seat_with_only_a_budget_has_it_on_every_surface(
    world: MeterWorld, used: int, blocked: bool, code: int, sign: str
) -> None:
    world.cache(seat(used, 40_000, spend_limit_reached=blocked))
    amount = f"${used / 100:.0f} of $400"
    assert world.headline() == amount
    assert (world.guard(), world.guard("--limit", "spend"), world.guard("--limit", "extra")) == (code, code, code)
    rows = world.run("now").stdout
    assert f"${used / 100:.2f} of $400.00" in rows and sign in rows and "Claude Code's cache" in rows
    assert amount in world.run("watch", "--once", "--layout", "line").stdout
    waybar = world.run("now", "--format", "waybar").json
    assert (waybar["text"], waybar["class"]) == (amount, {0: "ok", 10: "high", 11: "wall"}[code])
    assert f"M  {amount}{f' {sign}' if sign else ''}" == world.draw()


def test_a_spend_limit_of_the_status_line_may_pass_100_percent(world: MeterWorld) -> None:
    more = {"spend_limit": {"used_percentage": 112.5, "resets_at": (world.at + 5 * DAY) // 1000, "used_usd": 225.0, "limit_usd": 200.0, "period": "monthly"}}  # fmt: skip
    assert world.draw(more=more) == "M  $225 of $200 ■"
    assert (world.headline(), world.guard(), world.guard("--limit", "spend_limit")) == ("$225 of $200", 11, 11)
    said = world.run("guard", code=11).stdout
    assert "the Monthly spend limit of" in said and "limit limit" not in said


def test_a_budget_has_a_forecast_until_it_is_reached(world: MeterWorld) -> None:
    reset = world.at + 5 * DAY
    for percent in (80.0, 88.0, 96.0):
        world.at += DAY
        budget = {"used_percentage": percent, "resets_at": reset // 1000, "used_usd": 2 * percent, "limit_usd": 200.0, "period": "monthly"}  # fmt: skip
        world.draw(more={"spend_limit": budget})
    limit = world.run("forecast", "--json").json["limits"][0]
    assert (limit["limit"], limit["of"], limit["percent"]) == ("spend_limit", "budget", 96.0)
    assert 0.3 < limit["chance"] < 1  # 4 points left for two days, of which each took 8
    assert "chance to reach the Monthly spend limit before" in world.run("forecast").stdout
    assert world.guard("--forecast", "30", "--threshold", "99") == 10
    world.draw(more={"spend_limit": {**budget, "used_percentage": 100.0, "used_usd": 200.0}})
    assert world.run("forecast").stdout.startswith("The Monthly spend limit is reached; it resets")


def test_a_spending_cap_that_is_used_up_has_no_chance_left(world: MeterWorld) -> None:
    world.cache(seat(40_000, 40_000, spend_limit_reached=True))
    shown = world.run("forecast")
    assert shown.stdout.startswith("The spending cap is reached; it resets")
    assert [one["chance"] for one in world.run("forecast", "--json").json["limits"]] == [None]


@pytest.mark.parametrize(
    "section",
    [
        extra(0, 0),  # a cap of nothing
        extra(2_856, 100),  # spend far over the cap
        extra(0, 10_000, spend_limit_reached=True),
        {"is_enabled": True, "monthly_limit": 10_000, "used_credits": None, "currency": "USD", "decimal_places": 2},
        {"is_enabled": None, "monthly_limit": None, "used_credits": None},
    ],
)
def test_what_is_not_known_to_have_room_has_none(world: MeterWorld, section: dict[str, Any]) -> None:
    world.cache(plan(100, 56, world, section))
    assert world.limits()["five_hour"]["state"] == "wall"
    assert (world.guard(), world.guard("--allow-overage")) == (11, 11)


def test_a_used_up_balance_is_no_room(world: MeterWorld) -> None:
    payload = plan(100, 56, world, extra(500, None))
    payload["spend"] = {
        "used": {"amount_minor": 500, "currency": "USD", "exponent": 2},
        "limit": None,
        "enabled": True,
        "balance": {"amount_minor": 0, "currency": "USD", "exponent": 2},
    }
    world.cache(payload)
    assert world.guard() == 11


def test_a_used_up_daily_cap_is_no_room(world: MeterWorld) -> None:
    daily = {"limit": 1_000, "used": 1_000, "utilization": 100.0, "resets_at": None}
    world.cache(plan(100, 56, world, extra(2_000, 20_000, daily=daily)))
    assert (world.guard(), world.guard("--allow-overage")) == (11, 11)


def test_uncapped_metered_use_goes_on_and_shows_its_spend(world: MeterWorld) -> None:
    world.cache(plan(100, 56, world, extra(10_631, None)))
    assert world.headline() == "5h 100% · $106"
    assert (world.guard(), world.guard("--allow-overage")) == (12, 0)


def test_a_nearly_reached_cap_is_never_rounded_to_it(world: MeterWorld) -> None:
    world.cache(plan(30, 60, world, extra(2_382, 2_400)))
    assert world.run("now", "--format", "{spend}").stdout.strip() == "$23.82/$24.00"
    assert world.run("now", "--format", "{budget_amount}|{extra_usage_left}").stdout.strip() == "–|1"
    assert world.guard() == 0  # the plan has room


def test_a_plan_with_only_a_week_has_no_dash_for_a_session(world: MeterWorld) -> None:
    week = world.at + 2 * DAY
    world.cache({"five_hour": None, "seven_day": window(91, week), "limits": []})
    assert (world.headline(), world.guard()) == ("7d 91%", 10)
    assert world.draw(week=(92, week)) == "M  7d 92 % ▲"
    assert world.run("now", "--format", "{five_hour}|{seven_day_left}|{seven_day_reset_epoch}").stdout.strip() == f"–|8|{week // 1000}"  # fmt: skip


def test_a_limit_of_a_kind_never_seen_is_the_headline_where_there_is_no_other(world: MeterWorld) -> None:
    world.cache(
        {"five_hour": None, "seven_day": None, "limits": [{"kind": "monthly_all", "percent": 97, "resets_at": None}]}
    )
    assert "97%" in world.headline()
    assert world.guard() == 10
    world.wait(MINUTE)
    assert "97 %" in world.run("watch", "--once", "--layout", "line").stdout.replace("97%", "97 %")
