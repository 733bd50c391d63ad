"""Names of models: decorations of clouds and gateways, names for people, and the prices that names find."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from price_sums import BOOK, at
from tachograph.model.usage import prices
from tachograph.model.usage.model_names import display_name, plain_model_name

RAW: dict[str, Any] = json.loads((Path(prices.__file__).parent / "prices.json").read_text())


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
