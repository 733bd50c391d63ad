"""Prices: every number here was worked out by hand from the published prices, in USD."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from price_sums import BOOK, at, picodollars, usd
from tachograph.model.usage import prices
from tachograph.model.usage.model_names import plain_model_name
from tachograph.model.usage.prices import PICODOLLARS, TIERS, Rates, cost, tariff

RAW: dict[str, Any] = json.loads((Path(prices.__file__).parent / "prices.json").read_text())


# --- worked examples --------------------------------------------------------------------------------------------------


def test_one_usd_per_million_tokens_is_a_million_picodollars_per_token() -> None:
    assert BOOK.rates("claude-haiku-4-5", None, 0) == (
        1_000_000,
        5_000_000,
        1_250_000,
        2_000_000,
        100_000,
        10_000_000_000,
    )


@pytest.mark.parametrize(
    ("model", "counts", "dollars"),
    [
        # 300,000 x 6: the whole request is at the long-context price, not the part above 200,000
        ("claude-sonnet-4-5", (300_000,), 1.80),
        # the prompt is 250,000 with what was read: 0.1 x 6 + 0.15 x 0.60 + 0.01 x 22.50 = 0.6 + 0.09 + 0.225
        ("claude-sonnet-4-5", (100_000, 10_000, 0, 0, 150_000), 0.915),
        ("claude-sonnet-4-5", (200_000,), 0.60),
        ("claude-sonnet-4-5", (199_999, 0, 1, 0, 1), (199_999 * 6 + 7.5 + 0.6) / 1e6),
        ("claude-opus-4-6", (0, 0, 0, 1_000_000), 10.0),
        ("claude-opus-4-6", (0, 0, 1_000_000), 6.25),
        ("claude-haiku-5-5", (100_000, 1_000_000), 0.01 + 0.50),
        # 0.040001 x 0.5 + 1 x 2.5 + 0.02 x 0.625 + 0.02 x 1 + 0.02 x 0.05
        ("claude-haiku-5-5", (40_001, 1_000_000, 20_000, 20_000, 20_000), 0.0200005 + 2.5 + 0.0125 + 0.02 + 0.001),
        ("claude-opus-5-5", (0, 0, 0, 0, 1_000_000), 0.20),
        ("claude-fable-5-1", (0, 0, 0, 0, 1_000_000), 0.25),
        ("claude-fable-5-2", (0, 0, 0, 0, 1_000_000), 0.20),
        ("claude-3-haiku", (1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000), 0.25 + 1.25 + 0.30 + 0.50 + 0.03),
    ],
)
def test_a_message_costs_what_the_published_prices_give(model: str, counts: tuple[int, ...], dollars: float) -> None:
    assert usd(model, *counts) == pytest.approx(dollars, rel=1e-12)


def test_captured_messages_cost_what_the_facts_say() -> None:
    assert usd("claude-opus-5-5", 4, 512, 0, 9_000, 50_000) == 0.092256
    # (6 x 4 + 220 x 20 + 1200 x 5 + 59000 x 0.2) x 2 x 1.1 = 48,892.8 microdollars, and two searches at 0.01
    fast_us = picodollars("claude-opus-5-5", 6, 220, 1_200, 0, 59_000, 2, speed="fast", geo="us")
    assert fast_us == 68_892_800_000
    assert usd("claude-haiku-5-5", 3, 90, 4_000) == 0.0005453


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-haiku-5-5", "claude-3-haiku"])
def test_a_hundred_web_searches_cost_one_dollar_on_every_model_and_tariff(model: str) -> None:
    for under in range(12):
        rates = BOOK.rates(model, None, under)
        assert rates is not None
        assert cost((0, 0, 0, 0, 0, 100), rates) == PICODOLLARS


def test_cost_adds_up_over_messages_of_one_tariff() -> None:
    rates = Rates(3, 5, 7, 11, 13, 17)
    assert cost((1, 1, 1, 1, 1, 1), rates) == 56
    assert cost((1, 2, 3, 4, 5, 6), rates) == 3 + 10 + 21 + 44 + 65 + 102


# --- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "counts", "before", "day", "after"),
    [
        ("claude-sonnet-5-5", (0, 0, 0, 0, 1_000_000), 0.20, "2026-10-07", 0.10),
        ("claude-opus-4-6", (1_000_000,), 10.0, "2026-03-13", 5.0),
        ("claude-opus-4-6", (0, 1_000_000, 200_001), 37.5 + 2.5000125, "2026-03-13", 25 + 1.25000625),
        ("claude-sonnet-4-6", (1_000_000,), 6.0, "2026-03-13", 3.0),
    ],
)
def test_a_price_changes_at_midnight_utc(
    model: str, counts: tuple[int, ...], before: float, day: str, after: float
) -> None:
    midnight = at(day)
    prompt = sum(counts) - (counts[1] if len(counts) > 1 else 0)
    full = (*counts, *(0,) * (6 - len(counts)))
    for at_ms, dollars in ((midnight - 1, before), (midnight, after), (None, after), (0, before), (-(10**15), before)):
        rates = BOOK.rates(model, at_ms, tariff("standard", "global", prompt))
        assert rates is not None
        assert cost(full, rates) / PICODOLLARS == pytest.approx(dollars, rel=1e-12)


def test_the_long_context_tier_of_sonnet_4_5_has_no_end_in_the_book() -> None:
    assert usd("claude-sonnet-4-5", 300_000, day="2025-10-01") == usd("claude-sonnet-4-5", 300_000) == 1.80


@pytest.mark.parametrize("day", ["1970-01-01", "2000-02-29", "2024-02-29", "2024-03-01", "2026-01-01", "2026-12-31"])
def test_our_sum_of_days_agrees_with_datetime(day: str) -> None:
    assert prices._midnight_ms(day) == at(day)


# --- fast mode, inference geo, tariff ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "geo", "prompt", "number"),
    [
        ("standard", "global", 0, 0),
        ("fast", "global", 0, 1),
        ("standard", "us", 0, 2),
        ("fast", "us", 100_000, 3),
        ("standard", "", 100_001, 4),
        ("", "eu", 200_000, 4),
        ("normal", "", 200_001, 8),
        ("fast", "us", 10**12, 11),
    ],
)
def test_a_tariff_says_speed_geo_and_how_many_tiers_the_prompt_exceeds(
    speed: str, geo: str, prompt: int, number: int
) -> None:
    assert tariff(speed, geo, prompt) == number


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-opus-5", "claude-opus-5-5", "claude-fable-5-2"])
def test_fast_mode_doubles_token_prices(model: str) -> None:
    plain, fast = BOOK.rates(model, None, 0), BOOK.rates(model, None, 1)
    assert plain is not None and fast is not None
    assert fast[:5] == tuple(2 * rate for rate in plain[:5])


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-4-5", "claude-fable-5-1"])
def test_a_model_without_fast_mode_costs_the_same_under_it(model: str) -> None:
    assert BOOK.rates(model, None, 1) == BOOK.rates(model, None, 0)


def test_fast_mode_of_opus_4_6_cost_six_times_until_it_ended() -> None:
    for day, dollars in (("2026-03-01", 30.0), ("2026-06-28", 30.0), ("2026-06-29", 5.0)):
        assert usd("claude-opus-4-6", 0, 200_000, day=day, speed="fast") == dollars
    # 6 x 37.50, as published for prompts above 200,000 while that tier lasted
    assert usd("claude-opus-4-6", 200_001, 1_000_000, day="2026-03-01", speed="fast") == pytest.approx(225 + 12.00006)


def test_us_only_inference_costs_a_tenth_more_exactly() -> None:
    seen = 0
    for model in RAW["models"]:
        for period in model["periods"]:
            day = at(period["from"]) if period["from"] else 0
            for under in (0, 1, 4, 8, 9):
                plain = BOOK.rates(model["names"][0], day, under)
                us = BOOK.rates(model["names"][0], day, under | 2)
                assert plain is not None and us is not None
                if "us_geo" in model:
                    assert [10 * rate for rate in us[:5]] == [11 * rate for rate in plain[:5]]
                    seen += 1
                else:
                    assert us == plain
                assert us.web_search == plain.web_search
    assert seen > 50


@pytest.mark.parametrize(
    ("model", "dearer"),
    [
        ("claude-opus-4-5", False),
        ("claude-sonnet-4-5", False),
        ("claude-haiku-4-5", False),
        ("claude-opus-4-1", False),
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-6", True),
        ("claude-opus-4-7", True),
        ("claude-haiku-5-5", True),
        ("claude-mythos-preview", True),
    ],
)
def test_us_only_inference_costs_more_from_the_4_6_models_on(model: str, dearer: bool) -> None:
    assert usd(model, 1_000, geo="us") == pytest.approx((1.1 if dearer else 1.0) * (usd(model, 1_000) or 0))


def test_fast_us_and_long_context_multiply_together() -> None:
    # 0.3 x 10 x 6 x 1.1
    assert usd("claude-opus-4-6", 300_000, day="2026-03-01", speed="fast", geo="us") == pytest.approx(19.8, rel=1e-12)


# --- the shipped book -------------------------------------------------------------------------------------------------


def test_every_name_stands_once_in_the_book_and_is_plain() -> None:
    names = [name for model in RAW["models"] for name in model["names"]]
    assert len(set(names)) == len(names)
    assert [plain_model_name(name) for name in names] == names


def test_periods_begin_with_one_for_all_time_and_then_go_forward() -> None:
    for model in RAW["models"]:
        first, *later = (period["from"] for period in model["periods"])
        assert first is None
        assert later == sorted(set(later))
        assert all(day <= RAW["compiled"] for day in later)


def test_tiers_of_the_book_are_those_that_messages_are_grouped_by() -> None:
    used = {
        period["above"]["prompt_tokens"] for model in RAW["models"] for period in model["periods"] if "above" in period
    }
    assert used == set(TIERS)
    assert list(TIERS) == sorted(TIERS)


def test_the_book_would_pass_the_check_on_a_users_prices() -> None:
    """Complete prices, no unknown key, and no factor that leaves a fraction of a picodollar."""
    for model in RAW["models"]:
        assert set(model) <= {"names", "us_geo", "periods"}
        for period in model["periods"]:
            table = {key: value for key, value in period.items() if key not in ("from", "note")}
            table |= {"us_geo": model["us_geo"]} if "us_geo" in model else {}
            assert list(prices._problems(table)) == []


def test_the_book_says_when_and_from_what_it_was_compiled() -> None:
    assert BOOK.compiled == RAW["compiled"]
    assert datetime.fromisoformat(BOOK.compiled)
    assert len(RAW["sources"]) >= 3


def test_rows_for_people_carry_the_whole_book() -> None:
    rows = BOOK.entries()
    assert len(rows) == sum(len(model["periods"]) for model in RAW["models"])
    opus_4_6 = [row for row in rows if "claude-opus-4-6" in row.names]
    assert [row.since for row in opus_4_6] == [None, "2026-03-13", "2026-06-29"]
    assert opus_4_6[0].prices == (5, 25, 6.25, 10, 0.5)
    assert (opus_4_6[0].above_tokens, opus_4_6[0].above) == (200_000, (10, 37.5, 12.5, 20, 1))
    assert (opus_4_6[2].above_tokens, opus_4_6[2].above) == (None, None)
    assert [row.fast for row in opus_4_6] == [6, 6, None]
    assert {row.us_geo for row in opus_4_6} == {1.1}
    haiku_3 = next(row for row in rows if "claude-3-haiku" in row.names)
    assert (haiku_3.us_geo, haiku_3.fast, haiku_3.is_override) == (None, None, False)


# --- cost of using it -------------------------------------------------------------------------------------------------


def test_rates_are_worked_out_once() -> None:
    assert BOOK.rates("claude-opus-5-5", None, 3) is BOOK.rates("claude-opus-5-5", at("2026-11-01"), 3)


def test_importing_prices_brings_in_no_slow_module() -> None:
    source = str(Path(prices.__file__).parents[3])
    code = "import sys, tachograph.model.usage.prices; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert not {"dataclasses", "json", "datetime", "decimal", "inspect", "pathlib"} & set(ran.stdout.split())
