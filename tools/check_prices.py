"""Compares our price book with the package genai-prices and says in plain words where they differ.

A development check (`make prices-check`), never used by Tachograph itself. It reads the data that is inside the
installed package and opens no connection; `pip install --upgrade genai-prices` brings newer data.

Exit code 0: no difference, or only those explained in KNOWN. 1: a difference that nobody has explained yet.
2: genai-prices is not installed.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from tachograph.model.usage import prices

STANDARD, LONG, FAST = "standard price", "long prompts", "fast mode"
ABSENT_THERE, ABSENT_HERE = "absent there", "absent here"
FIRST_DAY = date(2025, 1, 1)  # before Claude Code; no transcript is older
DAYS_AHEAD = 400  # so that a rise they know of already is seen here before it comes
CLASSES = {  # our name of a price to theirs
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_write_5m": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "cache_read": "cache_read_mtok",
}


class Difference(NamedTuple):
    """One thing on which the two books disagree about a model, and the days looked at between which they do."""

    model: str
    topic: str
    text: str
    first: date
    last: date


class Known(NamedTuple):
    """A difference that we looked into, and why ours stays as it is."""

    model: str
    topic: str
    before: date | None
    """Explained only if it is over by this day, so that a new difference in the same place is not hidden."""
    reason: str


_OLD = "older than the first Claude Code that we read (2025)"
_BETA = "they leave out the 1M-token beta of Sonnet 4; like that of Sonnet 4.5 it cost more above 200,000 tokens"
_LIMITED = "they list no models of limited availability before Mythos 5.2; Anthropic prices it like its Fable"
_FAST_THEN = "they list only fast modes that are still offered; this one cost six times the standard price"
_READ_CUT = "they dropped the price before the cut of 2026-10-07; Anthropic's page of September had 0.20"

KNOWN = (
    Known("claude-2", ABSENT_HERE, None, _OLD),
    Known("claude-v1", ABSENT_HERE, None, _OLD),
    Known("claude-mythos-5", ABSENT_THERE, None, _LIMITED),
    Known("claude-mythos-5-1", ABSENT_THERE, None, _LIMITED),
    Known("claude-mythos-preview", ABSENT_THERE, None, "by invitation only; ours is the first-party row of litellm"),
    Known("claude-sonnet-4", LONG, None, _BETA),
    Known("claude-opus-4-6", FAST, date(2026, 6, 29), _FAST_THEN),
    Known("claude-opus-4-7", FAST, None, _FAST_THEN),
    Known("claude-sonnet-5-5", STANDARD, date(2026, 10, 7), _READ_CUT),
)


def main() -> int:
    try:
        import genai_prices
    except ImportError:
        print("The package genai-prices is not installed; run: pip install genai-prices", file=sys.stderr)
        return 2
    book, _ = prices.load()
    print(f"Our book of {book.compiled} against genai-prices {genai_prices.__version__}, {DAYS_AHEAD} days ahead.")
    differences = [*_absent_here(book), *_differences(book)]
    for difference in differences:
        _show(difference)
    used = {_explanation(difference) for difference in differences}
    for known in KNOWN:
        if known not in used:
            print(f"note  {known.model}: {known.topic}: no longer differs; take it off the list in this script")
    print("There is something to look into." if None in used else "Nothing to look into.")
    return 1 if None in used else 0


def _show(difference: Difference) -> None:
    known = _explanation(difference)
    model, topic, text, first, last = difference
    span = "" if topic in (ABSENT_HERE, ABSENT_THERE) else f", {first} to {last}"
    print(f"{'NEW  ' if known is None else 'known'} {model}: {topic}: {text}{span}")
    if known is not None:
        print(f"      because {known.reason}")


def _explanation(difference: Difference) -> Known | None:
    for known in KNOWN:
        is_same = (known.model, known.topic) == (difference.model, difference.topic)
        if is_same and (known.before is None or difference.last < known.before):
            return known
    return None


def _days(book: prices.PriceBook) -> list[date]:
    """The days on which prices are compared: each on which ours change, the day before, and every week."""
    end = datetime.now(UTC).date() + timedelta(days=DAYS_AHEAD)
    days = {FIRST_DAY + timedelta(days=n) for n in range(0, (end - FIRST_DAY).days, 7)}
    changes = {date.fromisoformat(entry.since) for entry in book.entries() if entry.since}
    return sorted(days | changes | {change - timedelta(days=1) for change in changes})


def _differences(book: prices.PriceBook) -> Iterator[Difference]:
    days = _days(book)
    names = {name for entry in book.entries() for name in entry.names}
    # Mythos models share a row with their Fable; every other name of a row is a spelling of the first.
    models = {entry.names[0] for entry in book.entries()} | {name for name in names if "mythos" in name}
    for model in sorted(name for name in models if "." not in name):
        found: dict[tuple[str, str], list[date]] = {}
        for day in days:
            for what in _on_day(book, model, day):
                found.setdefault(what, []).append(day)
        for (topic, text), on in found.items():
            yield Difference(model, topic, text, on[0], on[-1])


def _on_day(book: prices.PriceBook, model: str, day: date) -> Iterator[tuple[str, str]]:
    """The (topic, text) of all that differs for a model on a day.

    Long prompts and fast mode are compared only where either book gives them a price of their own; otherwise a
    difference in the standard price would come up again under each.
    """
    plain = _ours(book, model, day, 0, "standard"), _theirs(model, day, 0, "standard")
    if plain[1] is None:
        yield ABSENT_THERE, "they do not list it"
        return
    yield from _said(STANDARD, "", *plain)
    for tier in prices.TIERS:
        of_long = _ours(book, model, day, tier + 1, "standard"), _theirs(model, day, tier + 1, "standard")
        if of_long != plain:
            yield from _said(LONG, f"above {tier:,} tokens ", *of_long)
    of_fast = _ours(book, model, day, 0, "fast"), _theirs(model, day, 0, "fast")
    if of_fast != plain:
        yield from _said(FAST, "", *of_fast)


def _said(
    topic: str, where: str, ours: dict[str, float], theirs: dict[str, float | None] | None
) -> Iterator[tuple[str, str]]:
    theirs = theirs or {}
    unequal = [f"{key} {ours[key]:g} (there {theirs.get(key)})" for key in ours if theirs.get(key) != ours[key]]
    if unequal:
        yield topic, where + ", ".join(unequal)


def _ours(book: prices.PriceBook, model: str, day: date, prompt: int, speed: str) -> dict[str, float]:
    """USD per million tokens of each class, and per 1000 web searches."""
    rates = book.rates(model, int(_midnight(day).timestamp() * 1000), prices.tariff(speed, "global", prompt))
    if rates is None:
        raise SystemExit(f"our own book has no price for {model}")
    found = {key: getattr(rates, key) / 1_000_000 for key in CLASSES}
    return {**found, "web_search": rates.web_search / 1_000_000_000}


def _theirs(model: str, day: date, prompt: int, speed: str) -> dict[str, float | None] | None:
    import genai_prices

    try:
        row = genai_prices.calc_price(
            genai_prices.Usage(),
            model,
            provider_id="anthropic",
            genai_request_timestamp=_midnight(day),
            price_context={"speed": speed},
        ).model_price
    except LookupError:
        return None
    found = {key: _at_prompt(getattr(row, their_key), prompt) for key, their_key in CLASSES.items()}
    # Models that came before web search list no price for it.
    return {**found, "web_search": float(row.web_searches_kcount or 10)}


def _at_prompt(price: Any, prompt: int) -> float | None:
    """Their price at a prompt size: a number, or one with tiers that apply to the whole request."""
    for tier in reversed(getattr(price, "tiers", ())):
        if prompt > tier.start:
            return float(tier.price)
    price = getattr(price, "base", price)
    return None if price is None else float(price)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _absent_here(book: prices.PriceBook) -> Iterator[Difference]:
    from genai_prices import data_snapshot

    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models if provider.id == "anthropic" else ():
            if book.rates(model.id, None, 0) is None:
                yield Difference(model.id, ABSENT_HERE, "they list it, we do not", *[datetime.now(UTC).date()] * 2)


if __name__ == "__main__":
    raise SystemExit(main())
