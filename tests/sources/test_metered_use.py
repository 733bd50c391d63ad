"""Extra usage, spend, credits and grants of a usage payload: amounts, currencies, and what cannot be true."""

import pytest

from tachograph.model.limits.limits import (
    FIVE_HOUR,
    ExtraUsage,
    Money,
    Share,
)
from usage_payloads import WINDOW, of, percents


def extra(**payload: object) -> ExtraUsage | None:
    found = of({"five_hour": WINDOW, **payload})
    assert found.problems == ()
    return found.extra


def amount(minor: int, currency: str = "EUR", exponent: int = 2) -> dict[str, object]:
    return {"amount_minor": minor, "currency": currency, "exponent": exponent}


def test_extra_usage_of_2025_is_in_cents_of_dollars() -> None:
    section = {"is_enabled": True, "monthly_limit": 4250, "used_credits": 85.0, "utilization": None}
    assert extra(extra_usage=section) == ExtraUsage(True, Money(85, "USD"), Money(4250, "USD"), 2.0)


def test_extra_usage_has_its_own_currency_and_decimal_places() -> None:
    section = {"is_enabled": True, "monthly_limit": 5000, "used_credits": 1234, "utilization": 24.68}
    found = extra(extra_usage=section | {"currency": "JPY", "decimal_places": 0})
    assert found == ExtraUsage(True, Money(1234, "JPY", 0), Money(5000, "JPY", 0), 24.68)


def test_spend_goes_before_extra_usage_and_is_filled_from_it() -> None:
    old = {"is_enabled": True, "monthly_limit": 9000, "used_credits": 1.0, "currency": "USD"}
    assert extra(extra_usage=old, spend={"used": amount(500), "limit": amount(2000), "enabled": False}) == ExtraUsage(
        False, Money(500, "EUR"), Money(2000, "EUR"), 25.0
    )
    assert extra(extra_usage=old, spend={"used": amount(500, "USD"), "limit": None}) == ExtraUsage(
        True, Money(500, "USD"), Money(9000, "USD"), 100 * 500 / 9000
    )


def test_without_a_limit_there_is_no_percentage_of_it() -> None:
    found = extra(spend={"used": amount(35), "limit": None, "percent": 0, "enabled": True})
    assert found == ExtraUsage(True, Money(35, "EUR"), None, None)


def test_a_cap_stands_in_for_a_limit() -> None:
    assert extra(
        spend={"used": amount(35), "cap": {"money": amount(70), "credits": None}, "enabled": True}
    ) == ExtraUsage(True, Money(35, "EUR"), Money(70, "EUR"), 50.0)
    in_credits = {"money": None, "credits": {"amount_minor": 70, "exponent": 2}}
    found = extra(spend={"used": amount(35), "cap": in_credits, "enabled": True})
    assert found is not None
    assert found.limit == Money(70, "EUR")


def test_credits_that_were_never_switched_on_are_off_and_nothing_else() -> None:
    section = {"is_enabled": False, "monthly_limit": None, "used_credits": None, "credits_ever_enabled": False}
    assert extra(extra_usage=section, spend={"unsurfaced": True}) == ExtraUsage(False, None, None, None)
    assert extra(extra_usage=None, spend={"unsurfaced": True}) is None
    assert extra() is None


@pytest.mark.parametrize(
    ("section", "blocked"),
    [
        ({"disabled_reason": "out_of_credits"}, "out of credits"),
        ({"disabled_reason": "org_level_disabled"}, "disabled by the organization"),
        ({"disabled_reason": "a_new_reason", "spend_limit_reached": True}, "a new reason"),
        ({"spend_limit_reached": True}, "spend limit reached"),
        ({"user_disabled": True}, "switched off by the user"),
        ({"out_of_credits": True}, "out of credits"),
        ({"disabled_reason": None, "user_disabled": False, "spend_limit_reached": False}, None),
    ],
)
def test_why_credits_cannot_be_used_now(section: dict[str, object], blocked: str | None) -> None:
    found = extra(extra_usage={"is_enabled": True, **section})
    assert found is not None
    assert found.blocked == blocked


@pytest.mark.parametrize(
    "section",
    [
        {"is_enabled": True, "used_credits": -5},
        {"is_enabled": True, "used_credits": "12"},
        {"is_enabled": True, "used_credits": 12, "decimal_places": 44},
        {"is_enabled": True, "used_credits": 12, "decimal_places": "2"},
        {"is_enabled": True, "used_credits": 12, "currency": "dollars"},
        {"is_enabled": True, "utilization": -3},
        {"surprise": 3},
        [],
        "on",
    ],
)
def test_an_amount_that_cannot_be_true_is_unknown_and_reported(section: object) -> None:
    found = of({"five_hour": WINDOW, "extra_usage": section})
    assert percents({"five_hour": WINDOW, "extra_usage": section}) == {FIVE_HOUR: 34.0}
    assert found.extra is None or (found.extra.used, found.extra.percent) == (None, None)
    assert found.problems


def test_dollars_beside_a_plan_window_do_not_make_a_grant_of_it() -> None:
    (limit,) = of({"seven_day": WINDOW | {"limit_dollars": 200, "used_dollars": 68.0}}).limits
    assert (limit.is_grant, limit.used, limit.limit) == (False, Money(6_800, "USD"), Money(20_000, "USD"))


def test_a_grant_without_a_percentage_has_that_of_its_dollars() -> None:
    (limit,) = of({"cinder_cove": {"utilization": None, "limit_dollars": 1000, "used_dollars": 10.5}}).limits
    assert (limit.label, limit.percent, limit.used) == ("Promotional credit", 1.05, Money(1_050, "USD"))


def test_a_grant_of_impossible_dollars_is_reported() -> None:
    found = of({"cinder_cove": {"utilization": 5, "limit_dollars": -4, "used_dollars": "1"}})
    assert (found.limits[0].used, found.limits[0].limit, len(found.problems)) == (None, None, 2)


def test_rows_of_the_breakdown_that_cannot_be_read_are_left_out() -> None:
    rows = [{"key": "chat", "percent": 30}, {"key": "code", "percent": "70"}, {"percent": 4}, "rubbish"]
    found = of({"five_hour": WINDOW, "seven_day_breakdown": {"rows": rows}})
    assert found.breakdown == (Share("chat", "Chat", 30.0),)
    assert len(found.problems) == 3
    assert of({"five_hour": WINDOW, "seven_day_breakdown": {"rows": None}}).problems == (
        "seven_day_breakdown holds no rows",
    )
