"""5-hour windows: the service's own where a reading names their reset, else as the logs alone show them.

A window begins with the first message after the last one ended, and lasts five hours (support.claude.com: the
session limit). Of an estimated one it is exact which messages fall into it; where it began may be earlier than this
machine saw, since chat and other machines open windows too.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import windows as history
from tachograph.ledger.usage import messages
from tachograph.model.limits.limits import FIVE_HOUR, SESSION_MS
from tachograph.model.usage.periods import DAY, Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.usage.credits import Key, bill_credits
from tachograph.queries.usage.filters import filter_ids
from tachograph.queries.usage.pricing import price_sums
from tachograph.queries.usage.report_rows import DIMENSIONS, Cells, build_report
from tachograph.queries.usage.rows import SpendQuery, SpendReport


class _Bounds(NamedTuple):
    """In the order of WindowKey."""

    start: int | None
    end: int | None
    estimated: bool | None = None
    peak: float | None = None


def windows(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery) -> SpendReport:
    """Every window that touches the span of the question, with its usage within the span, oldest first.

    Raises NotFound as `spend` does.
    """
    filters = filter_ids(db, question)
    slices = list(_slices(db, calendar, question))
    dimensions = DIMENSIONS.get(question.by or "", ())
    spans = [span for _, _, span in slices]
    sums = messages.sums(db, dimensions, spans, filters, book.changes())
    cells, missing = Cells(), set[str]()

    def cell(place: int, values: tuple[int, ...]) -> tuple[Key, Key]:
        window, day, _ = slices[place]
        return window, (day,) if question.by == DAY else values

    for place, values, used in price_sums(db, book, sums, missing):
        cells.add(*cell(place, values), used)
    bill_credits(db, book, dimensions, spans, filters, cells, cell)
    return build_report(db, "window", question.by, cells, missing)


def _slices(
    db: sqlite3.Connection, calendar: Calendar, question: SpendQuery
) -> Iterator[tuple[_Bounds, str | None, Span | None]]:
    """Each window's bounds, the day and the span: one a window, or where days are asked for one a day that it touches."""
    bounds = list(_bounds(db, question.span, question.last))
    for window in bounds[-question.last :] if question.last else bounds:
        start, end = window.start, window.end
        if start is None or end is None:
            yield window, None, None
            continue
        moment = start if question.span.start is None else max(start, question.span.start)
        until = end if question.span.end is None else min(end, question.span.end)
        while moment < until:
            day, whole = calendar.period(DAY, moment) if question.by == DAY else (None, Span(None, None))
            following = min(until, whole.end or until)
            yield window, day, Span(moment, following)
            moment = following


def _bounds(db: sqlite3.Connection, span: Span, last: int | None) -> Iterator[_Bounds]:
    """The windows over all messages: which of them a filter lets through does not move a window."""
    known = _known(db)
    end: int | None = None
    while (start := messages.next_at(db, end)) is not None:
        while known and (known[0].end or 0) <= start:
            known.pop(0)
        if known and (known[0].start or 0) <= start:
            window = known.pop(0)
        else:  # an estimated one never reaches into one that is known
            until = min([start + SESSION_MS, *(w.start for w in known[:1] if w.start is not None)])
            window = _Bounds(start, until, True)
        end = window.end
        if span.end is not None and start >= span.end:
            return
        if span.start is None or (end or 0) > span.start:
            yield window
    if span.start is None and span.end is None and not last:
        yield _Bounds(None, None)


def _known(db: sqlite3.Connection) -> list[_Bounds]:
    """The windows that the service itself has named, oldest first; where two accounts' overlap, the earlier one."""
    made: list[_Bounds] = []
    for window in history.all_windows(db, FIVE_HOUR):
        if window.resets_at is None:
            continue
        start = window.resets_at - SESSION_MS
        if not made or start >= (made[-1].end or 0):
            reached = 100.0 if window.wall_at is not None else window.peak
            made.append(_Bounds(start, window.resets_at, False, reached))
    return made
