"""5-hour windows as the logs alone show them: an estimate, since other machines and chat open windows too.

A window begins with the first message after the last one ended, and lasts five hours (support.claude.com: the
session limit). Which messages fall into it is exact; where it began may be earlier than this machine saw.
"""

import sqlite3
from collections.abc import Iterator

from tachograph.ledger import messages
from tachograph.model.periods import DAY, Calendar, Span
from tachograph.model.prices import PriceBook
from tachograph.questions.spend import DIMENSIONS, Answer, Cells, Question, chosen, described, priced

LENGTH_MS = 5 * 3_600_000


def windows(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: Question) -> Answer:
    """Every window that touches the span of the question, with what was used of it in the span, oldest first.

    Raises NotFound as `spend` does.
    """
    filters = chosen(db, question)
    slices = list(_slices(db, calendar, question))
    dimensions = DIMENSIONS.get(question.by or "", ())
    sums = messages.sums(db, dimensions, (span for _, _, span in slices), filters, book.changes())
    cells, missing = Cells(), set[str]()
    for place, values, used in priced(db, book, sums, missing):
        window, day, _ = slices[place]
        cells.add(window, (day,) if question.by == DAY else values, used)
    return described(db, "window", question.by, cells, missing)


def _slices(
    db: sqlite3.Connection, calendar: Calendar, question: Question
) -> Iterator[tuple[tuple[int | None, int | None], str | None, Span | None]]:
    """Each window's bounds, the day and the span: one a window, or where days are asked for one a day that it touches."""
    bounds = list(_bounds(db, question.span, question.last))
    for start, end in bounds[-question.last :] if question.last else bounds:
        if start is None or end is None:
            yield (start, end), None, None
            continue
        moment = start if question.span.start is None else max(start, question.span.start)
        until = end if question.span.end is None else min(end, question.span.end)
        while moment < until:
            day, whole = calendar.period(DAY, moment) if question.by == DAY else (None, Span(None, None))
            following = min(until, whole.end or until)
            yield (start, end), day, Span(moment, following)
            moment = following


def _bounds(db: sqlite3.Connection, span: Span, last: int | None) -> Iterator[tuple[int | None, int | None]]:
    """The windows over all messages: which of them a filter lets through does not move a window."""
    end: int | None = None
    while (start := messages.next_at(db, end)) is not None:
        end = start + LENGTH_MS
        if span.end is not None and start >= span.end:
            return
        if span.start is None or end > span.start:
            yield start, end
    if span.start is None and span.end is None and not last:
        yield None, None
