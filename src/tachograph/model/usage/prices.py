"""Cost of a message at API prices (accounting rule 9).

Money is an integer number of picodollars (1e-12 USD): one USD per million tokens is 1_000_000 of them per token, so
every price, factor and sum here is exact. A model that the book does not name has no price: `None`, never 0.

The book is `prices.json` beside this file; it explains its own fields. This module runs whenever anything is shown,
so it imports neither dataclasses nor datetime, and json only when it loads.
"""

from __future__ import annotations

import os

from tachograph.lean_json import loads
from tachograph.lean_typing import TYPE_CHECKING, Iterator, Mapping, NamedTuple, Sequence
from tachograph.model.usage.model_names import plain_model_name, spelled_model

if TYPE_CHECKING:
    from typing import Any

TIERS = (100_000, 200_000)
"""The prompt sizes above which some model's price changes. Messages are grouped by them, so no price may use others."""

PICODOLLARS = 1_000_000_000_000  # in one USD

_MILLION = 1_000_000  # picodollars per token in one USD per million tokens
_FACTOR = 1_000  # factors are kept in thousandths: 1.1 is 1100
_BATCH = 500  # thousandths: half the price of a token
FAST, BATCH = 1, 16  # bits of a tariff
_PRICES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
_OPTIONAL = ("fast", "us_geo", "above")
_MOST_USD = 1_000_000  # per million tokens, and
_MOST_FACTOR = 100  # for a factor: no such price exists, so beyond them something else was meant


class Rates(NamedTuple):
    """Picodollars per token of each class and per web search, in the order of a message's counts."""

    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int
    web_search: int


class Prices(NamedTuple):
    """USD per million tokens of each class, for people to read."""

    input: float
    output: float
    cache_write_5m: float
    cache_write_1h: float
    cache_read: float


class Entry(NamedTuple):
    """One row of the book: what some names cost from a date on."""

    names: tuple[str, ...]
    since: str | None
    """ISO date, 00:00 UTC; None for the first period, which holds for all time before."""
    prices: Prices
    above_tokens: int | None
    """A prompt longer than this puts the whole request at `above`."""
    above: Prices | None
    fast: float | None
    us_geo: float | None
    is_override: bool


class _Period(NamedTuple):
    since: str | None
    since_ms: int
    base: Rates
    above_tokens: int | None
    above: Rates | None
    fast: int  # thousandths; 1000 where the model has no fast mode


class _Model(NamedTuple):
    names: tuple[str, ...]
    periods: tuple[_Period, ...]  # oldest first
    us_geo: int  # thousandths; 1000 where the model cannot be kept in the US
    is_override: bool


def tariff(speed: str, geo: str, prompt_tokens: int) -> int:
    """The attributes of a request that decide its price beside model and date, as a small number to group by.

    Bit 0: fast mode. Bit 1: US-only inference. Bits 2 and 3: how many of TIERS the prompt exceeds, where the prompt is
    input, cache writes and cache reads together. Bit 4: a batch, at half the price.
    """
    exceeded = 0 if prompt_tokens <= TIERS[0] else sum(prompt_tokens > tier for tier in TIERS)
    return (speed == "fast") | (geo == "us") << 1 | exceeded << 2 | (speed == "batch") << 4


def cost(counts: Sequence[int], rates: Rates) -> int:
    """Picodollars for (input, output, cache_write_5m, cache_write_1h, cache_read, web_searches)."""
    a, b, c, d, e, f = counts
    return a * rates[0] + b * rates[1] + c * rates[2] + d * rates[3] + e * rates[4] + f * rates[5]


class PriceBook:
    """The dated prices of all models that we know, and of those that the user gave prices for."""

    __slots__ = ("_by_name", "_found", "_models", "_rates", "compiled")

    def __init__(self, models: Sequence[_Model], compiled: str) -> None:
        self.compiled = compiled
        """ISO date on which the shipped book was last checked."""
        self._models = tuple(models)
        self._by_name = _index(self._models)
        self._found: dict[str, _Model | None] = {}
        self._rates: dict[tuple[str, int, int], Rates] = {}

    def rates(self, model: str, at_ms: int | None, tariff: int) -> Rates | None:
        """Rates of `model` (as logged) at `at_ms` (UTC epoch milliseconds; None: now), or None without a price.

        `tariff` comes from the function of that name.
        """
        try:
            found = self._found[model]
        except KeyError:
            found = self._found[model] = self._find(model)
        if found is None:
            return None
        periods = found.periods
        place = len(periods) - 1
        while at_ms is not None and place and at_ms < periods[place].since_ms:
            place -= 1
        key = (model, place, tariff)
        rates = self._rates.get(key)
        if rates is None:
            rates = self._rates[key] = _rates_under(tariff, periods[place], found.us_geo)
        return rates

    def changes(self) -> tuple[int, ...]:
        """The moments at which some price changes, epoch milliseconds, oldest first."""
        return tuple(sorted({period.since_ms for model in self._models for period in model.periods if period.since}))

    def entries(self) -> tuple[Entry, ...]:
        """The book as rows: the user's own prices first, then ours without the names that those replace."""
        return tuple(
            _entry(names, model, period)
            for model in self._models
            if (names := tuple(name for name in model.names if self._by_name[name] is model))
            for period in model.periods
        )

    def digest(self) -> str:
        """All prices of tokens in a few letters, to tell by whether any has changed since."""
        from zlib import crc32  # enough for a change, and 3 ms less than hashlib

        rows = sorted(repr(entry._replace(is_override=False)) for entry in self.entries())
        return f"{crc32(chr(10).join(rows).encode()):08x}"

    def _find(self, model: str) -> _Model | None:
        for spelling in (str, plain_model_name, spelled_model):  # the last one costs the most
            if (found := self._by_name.get(spelling(model))) is not None:
                return found
        return None


def load(
    overrides: Mapping[str, object] | None = None, updates: Mapping[str, object] | None = None
) -> tuple[PriceBook, tuple[str, ...]]:
    """The shipped book with a user's own prices, and their problems in plain words.

    `overrides` is the table `[prices]` of the configuration: for each model name a table with the five prices in USD
    per million tokens, and optionally `fast`, `us_geo` and `above`. One that is not right is left out and reported.
    A cache price that is missing is not guessed: the usual factors are wrong for several models.
    `updates`: newer prices in the same shape, from a signed data file; a user's own prices win over them.
    """
    with open(os.path.join(os.path.dirname(__file__), "prices.json"), encoding="utf-8") as file:
        book: dict[str, Any] = loads(file.read())
    web_search = round(book["web_search_usd_per_1000"] * PICODOLLARS) // 1000
    models: list[_Model] = []
    problems: list[str] = []
    for tables, is_override in ((overrides, True), (updates, False)):
        for name, table in (tables or {}).items():
            wrong = list(_problems(table))
            if wrong:
                problems.append(f'prices."{name}" was left out: {"; ".join(wrong)}')
            elif isinstance(table, Mapping):
                own = {"names": [name], "us_geo": table.get("us_geo", 1), "periods": [table]}
                models.append(_model(own, web_search, is_override=is_override))
    models += [_model(model, web_search, is_override=False) for model in book["models"]]
    return PriceBook(models, book["compiled"]), tuple(problems)


def _index(models: Sequence[_Model]) -> dict[str, _Model]:
    """Every name to its model. The user's prices beat ours, and a name as written beats the same name made plain."""
    by_name = {name: model for model in models if not model.is_override for name in model.names}
    own = [model for model in models if model.is_override]
    by_name |= {plain_model_name(model.names[0]): model for model in own}
    by_name |= {model.names[0]: model for model in own}
    return by_name


# --- from the book to rates -------------------------------------------------------------------------------------------


def _rates_under(tariff: int, period: _Period, us_geo: int) -> Rates:
    rates = period.base
    exceeded = TIERS[: tariff >> 2 & 3]
    if period.above is not None and period.above_tokens in exceeded:
        rates = period.above
    speed = period.fast if tariff & FAST else _BATCH if tariff & BATCH else _FACTOR
    factor = speed * (us_geo if tariff & 2 else _FACTOR)
    if factor == _FACTOR * _FACTOR:
        return rates
    # Whole by what is let into the book; the factors are on tokens, a search costs the same everywhere.
    tokens = (rate * factor // (_FACTOR * _FACTOR) for rate in rates[:5])
    return Rates._make((*tokens, rates.web_search))


def _model(table: Mapping[str, Any], web_search: int, *, is_override: bool) -> _Model:
    return _Model(
        tuple(table["names"]),
        tuple(_period(period, web_search) for period in table["periods"]),
        _thousandths(table.get("us_geo", 1)),
        is_override,
    )


def _period(table: Mapping[str, Any], web_search: int) -> _Period:
    since: str | None = table.get("from")
    above: Mapping[str, Any] | None = table.get("above")
    return _Period(
        since,
        _midnight_ms(since) if since else 0,
        _rates(table, web_search),
        above["prompt_tokens"] if above else None,
        _rates(above, web_search) if above else None,
        _thousandths(table.get("fast", 1)),
    )


def _rates(table: Mapping[str, Any], web_search: int) -> Rates:
    return Rates._make((*(_per_token(table[key]) for key in _PRICES), web_search))


def _per_token(usd_per_million: float) -> int:
    return round(usd_per_million * _MILLION)


def _thousandths(factor: float) -> int:
    return round(factor * _FACTOR)


def _midnight_ms(day: str) -> int:
    """Epoch milliseconds of the beginning of an ISO date in UTC; our own sum because importing datetime costs 1 ms.

    Years begin in March, so that the leap day is the last: Howard Hinnant's days_from_civil.
    """
    year, month, date = map(int, day.split("-"))
    if month < 3:
        year, month = year - 1, month + 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + date - 719_469
    return days * 86_400_000


def _entry(names: tuple[str, ...], model: _Model, period: _Period) -> Entry:
    return Entry(
        names=names,
        since=period.since,
        prices=_per_million(period.base),
        above_tokens=period.above_tokens,
        above=_per_million(period.above) if period.above is not None else None,
        fast=None if period.fast == _FACTOR else period.fast / _FACTOR,
        us_geo=None if model.us_geo == _FACTOR else model.us_geo / _FACTOR,
        is_override=model.is_override,
    )


def _per_million(rates: Rates) -> Prices:
    return Prices(*(rate / _MILLION for rate in rates[:5]))


# --- what can be wrong with a user's prices ---------------------------------------------------------------------------


def _problems(table: object) -> Iterator[str]:
    if not isinstance(table, Mapping):
        yield f"it needs a table with {', '.join(_PRICES)}, in USD per million tokens"
        return
    wrong = [*_price_problems(table), *_factor_problems(table), *_above_problems(table), *_unknown(table, _OPTIONAL)]
    # Only a table that is right so far can be multiplied out.
    yield from wrong or _fraction_problems(table)


def _price_problems(table: Mapping[str, object]) -> Iterator[str]:
    for key in _PRICES:
        if key not in table:
            yield f"{key} is missing; all five prices are needed, 0 where nothing is charged"
        elif wrong := _number_problem(table[key], _MOST_USD, decimals=6):
            yield f"{key} {wrong}"


def _factor_problems(table: Mapping[str, object]) -> Iterator[str]:
    for key in ("fast", "us_geo"):
        if key in table and (wrong := _number_problem(table[key], _MOST_FACTOR, decimals=3)):
            yield f"{key} {wrong}"
        elif table.get(key) == 0:
            yield f"{key} is a factor on the prices; leave it out or give more than 0"


def _above_problems(table: Mapping[str, object]) -> Iterator[str]:
    if "above" not in table:
        return
    above = table["above"]
    if not isinstance(above, Mapping):
        yield "above needs a table with prompt_tokens and the five prices"
        return
    tokens = above.get("prompt_tokens")
    if type(tokens) is not int or tokens not in TIERS:
        yield f"above.prompt_tokens must be {' or '.join(map(str, TIERS))}"
    yield from (f"above.{wrong}" for wrong in (*_price_problems(above), *_unknown(above, ("prompt_tokens",))))


def _unknown(table: Mapping[str, object], optional: Sequence[str]) -> Iterator[str]:
    known = (*_PRICES, *optional)
    for key in table:
        if key not in known:
            yield f"{key} is not known here; known are {', '.join(known)}"


def _number_problem(value: object, most: int, *, decimals: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {value!r}"
    if not 0 <= value <= most:  # not-a-number and infinity end here too
        return f"must be from 0 to {most:,}, not {value!r}"
    if round(value, decimals) != value:
        return f"may have {decimals} decimals at most, not {value!r}"
    return None


def _fraction_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """A price that a factor turns into a fraction of a picodollar would not be exact."""
    fast, us_geo = _thousandths(table.get("fast", 1)), _thousandths(table.get("us_geo", 1))
    for prices in (table, table.get("above", table)):
        for key in _PRICES:
            times = [_per_token(prices[key]) * factor for factor in (fast * _FACTOR, us_geo * _FACTOR, fast * us_geo)]
            if any(product % (_FACTOR * _FACTOR) for product in times):
                yield f"{key} has too many decimals to be multiplied by fast and us_geo"
