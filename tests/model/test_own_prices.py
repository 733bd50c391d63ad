"""A user's own prices, in the settings."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from price_sums import CLASSES, usd
from tachograph.model.usage.prices import PriceBook, load

OWN: dict[str, object] = {
    "input": 1.0,
    "output": 2,
    "cache_write_5m": 3.0,
    "cache_write_1h": 4.0,
    "cache_read": 0.5,
}


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
