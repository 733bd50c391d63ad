"""Prices: every number here was worked out by hand from the published prices, in USD."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.model.usage import prices
from tachograph.model.usage.model_names import display_name, plain_model_name
from tachograph.model.usage.prices import PICODOLLARS, TIERS, PriceBook, Rates, cost, load, tariff

BOOK, _ = load()
RAW: dict[str, Any] = json.loads((Path(prices.__file__).parent / "prices.json").read_text())
CLASSES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
OWN: dict[str, object] = {
    "input": 1.0,
    "output": 2,
    "cache_write_5m": 3.0,
    "cache_write_1h": 4.0,
    "cache_read": 0.5,
}


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def picodollars(
    model: str,
    *counts: int,
    day: str | None = None,
    speed: str = "standard",
    geo: str = "global",
    book: PriceBook = BOOK,
) -> int | None:
    """The cost of one message with counts in the ledger's order; missing ones are 0."""
    full = (*counts, *(0,) * (6 - len(counts)))
    prompt = full[0] + full[2] + full[3] + full[4]
    rates = book.rates(model, at(day) if day else None, tariff(speed, geo, prompt))
    return None if rates is None else cost(full, rates)


def usd(*args: Any, **options: Any) -> float | None:
    found = picodollars(*args, **options)
    return None if found is None else found / PICODOLLARS


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


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logged", "name"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-opus-5-5[1M]", "claude-opus-5-5"),
        ("anthropic/claude-opus-5", "claude-opus-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude-opus-4-6@default", "claude-opus-4-6"),
        ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
        ("anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0[1m]", "claude-sonnet-4"),
        ("eu.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
        ("apac.anthropic.claude-opus-4-8", "claude-opus-4-8"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("jp.anthropic.claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        # others' names stay as they are
        ("<synthetic>", "<synthetic>"),
        ("", ""),
        ("[1m]", "[1m]"),
        ("anthropic/", "anthropic/"),
        ("gpt-6.1-sol", "gpt-6.1-sol"),
        ("deepseek-v3", "deepseek-v3"),
        ("deepseek.r1-v1:0", "deepseek.r1-v1:0"),
        ("anthropic.claude-v2:1", "claude-v2:1"),
        ("my anthropic.thing", "my anthropic.thing"),
        ("claude-opus-5-12345678", "claude-opus-5-12345678"),
        ("claude-opus-5-20261301", "claude-opus-5-20261301"),
        ("mail@example", "mail@example"),
        # unknown, but decorated
        ("us.anthropic.claude-nova-9-20270101-v1:0", "claude-nova-9"),
    ],
)
def test_a_name_loses_its_decorations_and_nothing_else(logged: str, name: str) -> None:
    assert plain_model_name(logged) == name


@given(st.text(alphabet="ab1290-v:@.[]m/<>", max_size=24), st.sampled_from(["", "claude-", "us.anthropic.claude-"]))
def test_a_plain_name_is_plain_already(text: str, start: str) -> None:
    once = plain_model_name(start + text)
    assert plain_model_name(once) == once
    assert once or not start + text


def test_people_see_a_name_without_claude() -> None:
    assert display_name("us.anthropic.claude-sonnet-4-5-20250929-v1:0") == "sonnet-4-5"
    assert display_name("claude-3-5-haiku-20241022") == "3-5-haiku"
    assert display_name("<synthetic>") == "<synthetic>"
    assert display_name("gpt-6.1-sol") == "gpt-6.1-sol"


@pytest.mark.parametrize(
    ("logged", "input_usd"),
    [
        ("claude-opus-4", 15),
        ("claude-opus-4-20250514", 15),
        ("claude-opus-4-0", 15),
        ("claude-4-opus", 15),
        ("claude-4-opus-20250514", 15),
        ("claude-opus-4-1-20250805", 15),
        ("claude-opus-4-5-20251101", 5),
        ("claude-opus-5", 5),
        ("claude-opus-5@20260724", 5),
        ("claude-opus-5-5-20260922", 4),
        ("claude-sonnet-4-20250514", 3),
        ("claude-4-sonnet", 3),
        ("claude-sonnet-5", 2),
        ("claude-3.5-haiku", 0.8),
        ("claude-3-5-haiku-20241022", 0.8),
        ("claude-3-5-sonnet-20241022", 3),
        ("claude-3-7-sonnet-20250219", 3),
        ("anthropic/claude-3.7-sonnet", 3),
        ("anthropic/claude-opus-4.5", 5),
        ("claude-4.5-haiku", 1),
        ("claude-haiku-4-5-20251001", 1),
        ("claude-haiku-5-5", 0.1),
        ("claude-fable-5", 10),
        ("claude-mythos-5-1", 10),
        ("claude-fable-5.2", 8),
        ("claude-3-opus-20240229", 15),
        ("global.anthropic.claude-opus-4-8", 5),
    ],
)
def test_a_model_is_found_under_every_form_of_its_name(logged: str, input_usd: float) -> None:
    rates = BOOK.rates(logged, None, 0)
    assert rates is not None
    assert rates.input == input_usd * 1_000_000


@pytest.mark.parametrize(
    "logged",
    [
        "<synthetic>",
        "",
        "claude",
        "claude-",
        "opus",
        "claude-opus",
        "claude-opus-5-6",
        "claude-opus-5-5-5",
        "claude-opus-5-fast",
        "claude-opus-55",
        "claude-opus-4-9",
        "claude-opus-4-10",
        "claude-sonnet-6",
        "claude-haiku-5",
        "claude-fable-5-3",
        "xclaude-opus-5",
        "Claude-Opus-5",
        "gpt-6.1-sol",
    ],
)
def test_a_model_that_the_book_does_not_name_has_no_price(logged: str) -> None:
    assert BOOK.rates(logged, None, 0) is None
    assert BOOK.rates(logged, at("2026-01-01"), 3) is None  # and again, now that it was looked for


def test_no_name_swallows_a_longer_one() -> None:
    rows = {name: model for model in RAW["models"] for name in model["names"]}
    for name in rows:
        for suffix in ("-9", ".9", "-preview", "x"):
            assert name + suffix in rows or BOOK.rates(name + suffix, None, 0) is None, name + suffix


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


# --- a user's own prices ----------------------------------------------------------------------------------------------


def own(**changes: object) -> dict[str, object]:
    return {**OWN, **changes}


def loaded(overrides: Mapping[str, object]) -> PriceBook:
    book, problems = load(overrides)
    assert problems == ()
    return book


def test_without_prices_of_the_users_there_are_no_problems() -> None:
    assert load()[1] == load({})[1] == ()


def test_a_users_price_is_found_for_a_model_that_the_book_does_not_name() -> None:
    book = loaded({"gpt-6.1-sol": own()})
    assert book.rates("gpt-6.1-sol", None, 0) == (
        1_000_000,
        2_000_000,
        3_000_000,
        4_000_000,
        500_000,
        10_000_000_000,
    )
    assert book.rates("gpt-6.1-sol", 0, 11) == book.rates("gpt-6.1-sol", None, 0)


@pytest.mark.parametrize("written", ["claude-opus-4-6", "us.anthropic.claude-opus-4-6-v1", "claude-opus-4-6@default"])
def test_a_users_price_beats_the_book_under_every_form_of_the_name_and_date(written: str) -> None:
    book = loaded({written: own()})
    for logged in ("claude-opus-4-6", "claude-opus-4-6[1m]", "anthropic/claude-opus-4-6", written):
        assert usd(logged, 100_000, day="2026-01-01", book=book) == 0.1
        assert usd(logged, 300_000, speed="fast", geo="us", book=book) == 0.3
    assert usd("claude-opus-4-7", 1_000_000, book=book) == 5.0


def test_a_users_price_for_one_name_leaves_the_models_other_names_alone() -> None:
    book = loaded({"claude-opus-4-6": own()})
    assert usd("claude-opus-4-6", 1_000_000, book=book) == 1.0
    assert usd("claude-opus-4.6", 1_000_000, book=book) == 5.0
    assert usd("claude-opus-4-6", 1_000_000, book=book) == 1.0


def test_a_name_as_written_beats_the_plain_name() -> None:
    both: dict[str, object] = {"claude-opus-5": own(input=7), "us.anthropic.claude-opus-5": own(input=8)}
    for overrides in (both, dict(reversed(both.items()))):
        book = loaded(overrides)
        assert usd("us.anthropic.claude-opus-5", 1_000_000, book=book) == 8.0
        assert usd("claude-opus-5", 1_000_000, book=book) == 7.0
        assert usd("anthropic/claude-opus-5", 1_000_000, book=book) == 7.0


def test_a_users_factors_and_tier_are_used() -> None:
    above = own(prompt_tokens=100_000, input=10)
    book = loaded({"mine": own(fast=1.5, us_geo=1.25, above=above)})
    assert usd("mine", 100_000, book=book) == 0.1
    assert usd("mine", 100_000, speed="fast", geo="us", book=book) == 0.1875
    assert usd("mine", 200_000, book=book) == usd("mine", 0, 1_000_000, book=book) == 2.0
    assert usd("mine", 200_000, speed="fast", book=book) == 3.0


def test_a_free_model_costs_nothing_rather_than_being_unknown() -> None:
    book = loaded({"local": dict.fromkeys(CLASSES, 0)})
    assert usd("local", 5, 5, 5, 5, 5, book=book) == 0


def test_a_users_price_stands_first_in_the_rows_and_its_name_leaves_ours() -> None:
    rows = loaded({"claude-mythos-preview": own(), "claude-opus-5": own(fast=2)}).entries()
    assert [(row.names, row.is_override, row.fast) for row in rows[:2]] == [
        (("claude-mythos-preview",), True, None),
        (("claude-opus-5",), True, 2),
    ]
    ours = [name for row in rows[2:] for name in row.names]
    assert "claude-mythos-preview" not in ours
    assert "claude-opus-5" not in ours
    assert "claude-opus-5.0" in ours


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (3.0, "needs a table"),
        (["input"], "needs a table"),
        ({}, "input is missing"),
        ({key: 1 for key in CLASSES if key != "cache_read"}, "cache_read is missing"),
        (own(input=-1), "input must be from 0 to 1,000,000, not -1"),
        (own(input="3"), "input must be a number, not '3'"),
        (own(input=True), "input must be a number, not True"),
        (own(input=None), "input must be a number"),
        (own(output=math.nan), "output must be from 0"),
        (own(output=math.inf), "output must be from 0"),
        (own(output=10**9), "output must be from 0"),
        (own(output=10**400), "output must be from 0"),
        (own(cache_read=0.0000001), "cache_read may have 6 decimals at most"),
        (own(cache_reads=1), "cache_reads is not known"),
        (own(fast="yes"), "fast must be a number"),
        (own(fast=0), "fast is a factor"),
        (own(us_geo=-1.1), "us_geo must be from 0 to 100"),
        (own(us_geo=1.10001), "us_geo may have 3 decimals at most"),
        (own(us_geo=1.001, cache_read=0.000001), "cache_read has too many decimals"),
        (own(fast=1.5, above=own(prompt_tokens=200_000, input=0.000001)), "input has too many decimals"),
        (own(above=200_000), "above needs a table"),
        (own(above=own()), "above.prompt_tokens must be 100000 or 200000"),
        (own(above=own(prompt_tokens=150_000)), "above.prompt_tokens must be 100000 or 200000"),
        (own(above=own(prompt_tokens=200_000.0)), "above.prompt_tokens must be"),
        (own(above=own(prompt_tokens=True)), "above.prompt_tokens must be"),
        (own(above={"prompt_tokens": 200_000, "input": 3}), "above.output is missing"),
        (own(above=own(prompt_tokens=200_000, input=-3)), "above.input must be from 0"),
        (own(above=own(prompt_tokens=200_000, fast=2)), "above.fast is not known"),
    ],
)
def test_a_bad_price_is_reported_and_left_out(table: object, said: str) -> None:
    book, problems = load({"bad": table, "claude-opus-5": table, "good": own()})
    assert any(said in problem for problem in problems), problems
    assert all(
        problem.startswith(('prices."bad" was left out: ', 'prices."claude-opus-5" was left out: '))
        for problem in problems
    )
    assert book.rates("bad", None, 0) is None
    assert usd("claude-opus-5", 1_000_000, book=book) == 5.0  # ours still stands
    assert usd("good", 1_000_000, book=book) == 1.0


def test_all_that_is_wrong_with_a_price_is_said_at_once() -> None:
    _, problems = load({"bad": {"input": -1, "output": "x", "fats": 2}})
    assert len(problems) == 1
    assert all(word in problems[0] for word in ("input", "output", "cache_write_5m", "cache_read", "fats"))


_ANYTHING: st.SearchStrategy[object] = st.one_of(
    st.sampled_from([None, True, "3", [], {}, 0, 1.1, 200_000]), st.integers(), st.floats()
)


@given(st.dictionaries(st.sampled_from([*CLASSES, "fast", "us_geo", "above", "prompt_tokens", "x"]), _ANYTHING))
def test_no_price_of_a_users_raises_and_a_good_one_stays_exact(changes: dict[str, object]) -> None:
    book, problems = load({"mine": own(**changes), "other": own(above=own(**changes)), "short": changes})
    for name in ("mine", "other", "short"):
        wrong = any(problem.startswith(f'prices."{name}"') for problem in problems)
        for under in range(12):
            rates = book.rates(name, None, under)
            assert (rates is None) == wrong
            assert rates is None or all(type(rate) is int and rate >= 0 for rate in rates)


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
