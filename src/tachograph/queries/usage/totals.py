"""Totals for a page: compared with the time before, effect of caching, hours of the week, and cost by class of token. Everything that is a plain report comes from `spend`."""

import math
from operator import add
from typing import NamedTuple

from tachograph.clock import DAY_MS
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Sequence
from tachograph.ledger.usage import rollups, sessions
from tachograph.model.usage.periods import DAY, HOUR, MONTH, WEEK, Calendar, Span
from tachograph.model.usage.prices import PICODOLLARS, PriceBook, Rates
from tachograph.queries.usage.credits import spend_on_credits
from tachograph.queries.usage.filters import filter_ids
from tachograph.queries.usage.pricing import COUNTS, MODEL, cost_of, price_sums
from tachograph.queries.usage.rows import Spend, SpendQuery, total
from tachograph.queries.usage.spend import spend

CLASSES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches", "as_logged")


class Caching(NamedTuple):
    """Effect of the prompt cache. `prompt`: all input tokens, `read`: those from the cache.

    `saved` in picodollars: what the prompts would have cost without a cache, less what they did cost, over what is
    priced; None where nothing is. It may be negative: writing costs more than sending.
    """

    prompt: int
    read: int
    written: int
    fresh: int
    saved: int | None

    @property
    def hit_rate(self) -> float | None:
        """The share of input tokens that came from the cache; None without input."""
        return self.read / self.prompt if self.prompt else None

    @property
    def written_share(self) -> float | None:
        """The share of the prompts that was written to the cache; None without prompts."""
        return self.written / self.prompt if self.prompt else None

    @property
    def fresh_share(self) -> float | None:
        """The share of the prompts that was sent without the cache; None without prompts."""
        return self.fresh / self.prompt if self.prompt else None


class Period(NamedTuple):
    """One period of a series, with its cost by class of token in picodollars, in the order of CLASSES."""

    period: str | None
    spend: Spend
    classes: tuple[int, ...]


def before(span: Span) -> Span | None:
    """The span of the same length just before; None for an open span."""
    if span.start is None or span.end is None:
        return None
    return Span(span.start - (span.end - span.start), span.start)


def so_far(span: Span, now: int) -> Span:
    """A span that reaches into the future, cut at now: what it is compared with is cut at the same point."""
    if span.end is None or span.start is None or not span.start < now < span.end:
        return span
    return Span(span.start, now - now % 900_000 + 900_000)


def change(now: float | None, earlier: float | None) -> float | None:
    """By what share something grew; None where that cannot be said."""
    return None if now is None or not earlier else now / earlier - 1


def average_usd(used: Spend, parts: int) -> float | None:
    """The mean cost of `parts`; None without a price or without parts."""
    return used.usd / parts if used.usd is not None and parts else None


def totals(db: sqlite3.Connection, book: PriceBook, question: SpendQuery, missing: set[str] | None = None) -> Spend:
    """Totals of a question: equal to those of its report."""
    spans: list[Span | None] = [question.span]
    if question.span.start is None and question.span.end is None:
        spans.append(None)
    sums = rollups.sums(db, (), spans, filter_ids(db, question), book.changes())
    used = total(part for _, _, part in price_sums(db, book, sums, missing))
    billed = spend_on_credits(db, book, (), [question.span], filter_ids(db, question))
    return sum((part.on_credits for _, _, part in billed), used)


def caching(db: sqlite3.Connection, book: PriceBook, question: SpendQuery) -> Caching:
    """Effect of the cache on the messages of a question."""
    rows = [row for _, row in rollups.sums(db, (), [question.span], filter_ids(db, question), book.changes())]
    prompt = read = written = fresh = 0
    saved: int | None = None
    for _, rates, row in _rated(db, book, rows):
        new, short, long, cached = row[COUNTS + 1], row[COUNTS + 3], row[COUNTS + 4], row[COUNTS + 5]
        prompt += new + short + long + cached
        read, written, fresh = read + cached, written + short + long, fresh + new
        if rates is not None:
            gained = cached * (rates.input - rates.cache_read)
            gained -= short * (rates.cache_write_5m - rates.input) + long * (rates.cache_write_1h - rates.input)
            saved = (saved or 0) + gained
    return Caching(prompt, read, written, fresh, saved)


def course(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery, period: str
) -> tuple[Period, ...]:
    """Every period of the question's span in which something was used, with what each class of token cost in it."""
    reports = spend(db, book, calendar, question._replace(along=period, by=None))
    spans = [_span_of(calendar, period, row.key.period, question.span) for row in reports.rows]
    made = [[0] * len(CLASSES) for _ in spans]
    sums = list(rollups.sums(db, (), spans, filter_ids(db, question), book.changes()))
    for place, (model, rates, row) in zip(
        (place for place, _ in sums), _rated(db, book, [row for _, row in sums]), strict=True
    ):
        if rates is None:
            logged, _ = cost_of(book, model, None, row[MODEL + 1], row[COUNTS:])
            made[place][6] += logged or 0
            continue
        for n, rate in enumerate(rates):
            made[place][n] += rate * row[COUNTS + 1 + n]
    return tuple(
        Period(row.key.period, row.spend, tuple(classes)) for row, classes in zip(reports.rows, made, strict=True)
    )


class ClassSeries(NamedTuple):
    """A class of token over some periods: `place` in CLASSES, values in dollars or tokens, and their sum."""

    place: int
    values: tuple[float, ...]
    total: float


class ClassTotals(NamedTuple):
    """Classes of token that are not zero everywhere, with the sum of each period and of all."""

    series: tuple[ClassSeries, ...]
    periods: tuple[float, ...]
    total: float


def class_totals(found: Sequence[Period], keys: Sequence[str | None], *, is_cost: bool) -> ClassTotals:
    """Cost (or tokens) of each class of token in each of the periods `keys`; a period without usage is 0."""
    by_key = {one.period: one for one in found}
    series = []
    for place, name in enumerate(CLASSES if is_cost else CLASSES[:5]):
        known = [by_key.get(key) for key in keys]
        if is_cost:
            values = [one.classes[place] / PICODOLLARS if one else 0.0 for one in known]
        else:
            values = [float(getattr(one.spend.tokens, name)) if one else 0.0 for one in known]
        if any(values):
            series.append(ClassSeries(place, tuple(values), math.fsum(values)))
    periods = tuple(math.fsum(one.values[n] for one in series) for n in range(len(keys)))
    return ClassTotals(tuple(series), periods, math.fsum(one.total for one in series))


def _rated(
    db: sqlite3.Connection, book: PriceBook, rows: Sequence[tuple[int, ...]]
) -> Iterable[tuple[str, Rates | None, tuple[int, ...]]]:
    """Rows of `rollups.sums` with their model and its rates."""
    models, changes = sessions.names(db, {row[MODEL] for row in rows}), book.changes()
    for row in rows:
        model, epoch = models[row[MODEL]], row[MODEL + 2]
        yield model, book.rates(model, changes[epoch - 1] if epoch else -1, row[MODEL + 1]), row


def _span_of(calendar: Calendar, period: str, key: str | None, whole: Span) -> Span | None:
    """The part of a span that is a period, by its key; None for messages without a time."""
    if key is None:
        return None
    from datetime import date, datetime

    if period == HOUR:
        start = round(datetime.fromisoformat(key).timestamp() * 1000)
        return Span(start, start + 3_600_000)
    first = date.fromisoformat(key if len(key) == 10 else f"{key}-01")
    span = calendar.period(period, calendar.start_of(first))[1]
    start_ms, end_ms = span.start or 0, span.end or 0
    return Span(
        start_ms if whole.start is None else max(start_ms, whole.start),
        end_ms if whole.end is None else min(end_ms, whole.end),
    )


def hours_of_week(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery
) -> tuple[tuple[Spend, ...], ...]:
    """Seven days, the first day of the calendar's week first, of 24 hours each: usage in local time."""
    quarters = calendar.quarters(question.span)
    sums: dict[tuple[int, ...], list[int]] = {}  # hour of the week, model, tariff, epoch: five years are as few as one
    places: dict[int, int] = {}
    for at, row in rollups.by_bucket(db, question.span, filter_ids(db, question), book.changes(), quarters):
        place = places.get(at)
        if place is None:
            local = calendar.local(at)
            place = places[at] = (local.weekday() - calendar.week_start) % 7 * 24 + local.hour
        key = (place, *row[:3])
        known = sums.get(key)
        sums[key] = list(row[3:]) if known is None else list(map(add, known, row[3:]))
    found = [Spend()] * 168
    for place_, _, used in price_sums(db, book, ((key[0], (*key[1:], *used)) for key, used in sums.items())):
        found[place_] = found[place_] + used
    return tuple(tuple(found[day * 24 : day * 24 + 24]) for day in range(7))


def fitting_period(span: Span, now: int, first: int | None) -> str:
    """The periods in which a course over a span is best seen: hours to three days, days to three months, then weeks."""
    start = span.start if span.start is not None else (first if first is not None else now)
    days = ((min(span.end, now) if span.end is not None else now) - start) / DAY_MS
    return HOUR if days <= 2.1 else DAY if days <= 100 else WEEK if days <= 800 else MONTH


def first_moment(db: sqlite3.Connection) -> int | None:
    """Time of the first message, to a quarter hour; None without one."""
    return rollups.next_moment(db, Span(None, None))


def sum_spends(parts: Iterable[Spend]) -> Spend:
    """Several of them as one, as where a chart has room for a few and calls the rest other."""
    return total(parts) if (parts := list(parts)) else Spend()


def every_period(calendar: Calendar, kind: str, span: Span) -> list[str]:
    """The keys of all periods of a closed span, used or not: a chart shows the empty ones as well."""
    keys: list[str] = []
    at, end = span.start or 0, span.end or 0
    while at < end and len(keys) < 5_000:
        key, whole = calendar.period(kind, at)
        keys.append(key)
        at = whole.end or end
    return keys


def visible_span(db: sqlite3.Connection, span: Span, now: int) -> Span:
    """The part of a span of which anything can be known: from the first message to now, whatever days were asked for."""
    first = first_moment(db)
    start, end = now if first is None else first, now + 1
    return Span(
        start if span.start is None else max(start, span.start), end if span.end is None else min(end, span.end)
    )
