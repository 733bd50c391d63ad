"""The part of usage that draws on usage credits although it ran at standard speed: work that went on after a limit."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits.metered import MeteredSpan, spans
from tachograph.ledger.usage import messages, sessions
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import BATCH, FAST, PriceBook
from tachograph.queries.usage.pricing import MODEL, price_sums
from tachograph.queries.usage.report_rows import Cells
from tachograph.queries.usage.rows import CREDITS, Spend

Key = tuple[str | int | float | None, ...]


def bill_credits(
    db: sqlite3.Connection,
    book: PriceBook,
    dimensions: Sequence[str],
    asked: Sequence[Span | None],
    filters: Mapping[str, set[int]],
    cells: Cells,
    cell: Callable[[int, tuple[int, ...]], tuple[Key, Key]],
) -> None:
    """Mark what draws on credits in the cells of a report as billed; with `speed` as a dimension, move it to CREDITS.

    A filter by speed, which counted messages by their tariff, lets them through as CREDITS. `cell` gives the keys of a cell
    for a span and the values of the dimensions.
    """
    wanted = filters.get("speed")
    if wanted is None:
        _bill(cells, cell, dimensions, spend_on_credits(db, book, dimensions, asked, filters))
        return
    for tariff in (0, BATCH):
        is_counted, is_wanted = tariff in wanted, CREDITS in wanted
        if is_counted or is_wanted:
            parts = spend_on_credits(db, book, dimensions, asked, {**filters, "speed": {tariff}})
            _bill(cells, cell, dimensions, parts, is_counted=is_counted, is_wanted=is_wanted)


def _bill(
    cells: Cells,
    cell: Callable[[int, tuple[int, ...]], tuple[Key, Key]],
    dimensions: Sequence[str],
    parts: Iterator[tuple[int, tuple[int, ...], Spend]],
    *,
    is_counted: bool = True,
    is_wanted: bool = True,
) -> None:
    """Bill parts that are counted in the cells already, or not; those that are not wanted leave them."""
    for place, values, used in parts:
        if is_counted and ("speed" in dimensions or not is_wanted):
            cells.remove(*cell(place, values), used)
        if not is_wanted:
            continue
        if "speed" in dimensions:
            at = dimensions.index("speed")
            cells.add(*cell(place, (*values[:at], CREDITS, *values[at + 1 :])), used + used.on_credits)
        else:
            cells.add(*cell(place, values), used.on_credits if is_counted else used + used.on_credits)


def spend_on_credits(
    db: sqlite3.Connection,
    book: PriceBook,
    dimensions: Sequence[str],
    asked: Sequence[Span | None],
    filters: Mapping[str, set[int]],
) -> Iterator[tuple[int, tuple[int, ...], Spend]]:
    """Usage on credits in each of the spans, as `price_sums` gives it. Fast mode is left out: its tariff says so already.

    Limits of an account and of one model may be used up at the same time: messages count once.
    """
    by_scope = sorted(spans(db), key=lambda one: (one.account, one.folder, one.scope))
    whole = [one for one in by_scope if not one.scope]
    for one in by_scope:
        narrowed = _narrowed(filters, one)
        if narrowed is None:
            continue
        for place, span in enumerate(asked):
            if span is None:
                continue
            parts = _within(one, span)
            if one.scope:
                covered = [other for other in whole if other[:2] == one[:2]]
                parts = [rest for part in parts for rest in _without(part, covered)]
            rows = [row for _, row in messages.sums(db, dimensions, parts, narrowed, book.changes())]
            models = sessions.names(db, {row[MODEL] for row in rows}) if one.scope else {}
            rows = [
                row
                for row in rows
                if not row[MODEL + 1] & FAST and one.scope.lower() in models.get(row[MODEL], one.scope).lower()
            ]
            yield from price_sums(db, book, ((place, row) for row in rows))


def _narrowed(filters: Mapping[str, set[int]], one: MeteredSpan) -> dict[str, set[int]] | None:
    """Filters for the messages of a span; None where nothing passes both."""
    made = dict(filters)
    own = {"account": {one.account}, **({"folder": {one.folder}} if one.folder else {})}
    for dimension, ids in own.items():
        made[dimension] = made.get(dimension, ids) & ids
        if not made[dimension]:
            return None
    return made


def _within(one: MeteredSpan, span: Span) -> list[Span]:
    start = one.start if span.start is None else max(one.start, span.start)
    end = one.end if span.end is None else min(one.end, span.end)
    return [Span(start, end)] if start < end else []


def _without(part: Span, covered: Sequence[MeteredSpan]) -> list[Span]:
    """The rest of a part beside spans in which all models draw on credits."""
    left = [part]
    for other in covered:
        left = [
            Span(start, end)
            for one in left
            for start, end in ((one.start, min(one.end, other.start)), (max(one.start, other.end), one.end))  # type: ignore[type-var]
            if start < end  # type: ignore[operator]
        ]
    return left
