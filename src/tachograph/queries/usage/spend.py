"""Usage reports: messages, tokens and API-equivalent cost by period, project, model, session, branch or pull request.

Every report is the same query along other dimensions; rows always add up to the totals, because each message has
exactly one value on each dimension (0, the unknown, included).
"""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Callable, Iterator, Sequence
from tachograph.ledger.limits import metered
from tachograph.ledger.usage import messages, rollups
from tachograph.ledger.usage.messages import QUARTER_MS
from tachograph.model.usage.periods import Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.usage.filters import filter_ids
from tachograph.queries.usage.pricing import price_sums
from tachograph.queries.usage.report_rows import DIMENSIONS, Cells, build_report
from tachograph.queries.usage.rows import PERIODS, Spend, SpendQuery, SpendReport

if TYPE_CHECKING:
    from tachograph.queries.usage.credits import Key


def spend(db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery) -> SpendReport:
    """Answer a question. Raises NotFound where a project or model it names is not in the ledger."""
    return spend_by_each(db, book, calendar, question, (question.by,))[0]


def spend_by_each(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, question: SpendQuery, bys: Sequence[str | None]
) -> tuple[SpendReport, ...]:
    """The same report with other sub-rows each time, from one reading of the ledger."""
    filters = filter_ids(db, question)
    asked = [p for p in (question.along, *bys) if p in PERIODS]
    finest = min(asked, key=PERIODS.index) if asked else None
    parts = [DIMENSIONS.get(one or "", ()) for one in (question.along, *bys)]
    dimensions = tuple(one for part in parts for one in part)
    ends = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]
    keys: list[dict[str, str | None]] = []  # of each span: the period of each kind that it lies in

    def spans() -> Iterator[Span | None]:
        for key, span in _slices(db, calendar, finest, question.span):
            start = None if span is None else span.start
            others = {kind: calendar.period(kind, start)[0] for kind in asked if kind != finest and start is not None}
            keys.append({**dict.fromkeys(asked, key), **others})
            yield span

    missing = set[str]()
    by_folder = "folder" in dimensions or "folder" in filters  # the totals are not kept by config folder
    table = messages if by_folder else rollups
    sliced = list(spans())
    sums = table.sums(db, dimensions, sliced, filters, book.changes())

    def cell_of(n: int) -> Callable[[int, tuple[int, ...]], tuple[Key, Key]]:
        by, width, since, until = bys[n], ends[0], ends[n], ends[n + 1]

        def cell(place: int, values: tuple[int, ...]) -> tuple[Key, Key]:
            main: Key = (keys[place][question.along],) if question.along in asked else values[:width]
            return main, (keys[place][by],) if by in asked else values[since:until]

        return cell

    made = [(Cells(), cell_of(n)) for n in range(len(bys))]
    for place, values, used in price_sums(db, book, sums, missing):
        for cells, cell in made:
            cells.add(*cell(place, values), used)
    if metered.is_any(db):
        from tachograph.queries.usage.credits import bill_credits  # most people never draw on credits

        for cells, cell in made:
            bill_credits(db, book, dimensions, sliced, filters, cells, cell)
    return tuple(build_report(db, question.along, by, cells, missing) for by, (cells, _) in zip(bys, made, strict=True))


def _slices(
    db: sqlite3.Connection, calendar: Calendar, period: str | None, span: Span
) -> Iterator[tuple[str | None, Span | None]]:
    """Spans to ask for one by one: all periods with usage, rarely one without, and messages without a time."""
    if period is None:
        yield None, span
    else:
        start = span.start
        quarters = (
            4 if period == "hour" else 96
        )  # a period without usage costs little, a step from one to the next more
        for moment in rollups.used_stretches(db, span, quarters):
            at = moment if start is None else max(moment, start)
            until = moment + quarters * QUARTER_MS
            while at < until and (span.end is None or at < span.end):
                key, whole = calendar.period(period, at)
                assert whole.end is not None  # noqa: S101 - periods are closed
                # a slice begins with its period, for which there are sums in whole hours, but never before the last one ended
                first = whole.start if start is None else max(whole.start or 0, start)
                at = start = max(whole.end, at + QUARTER_MS)
                yield key, Span(first, start if span.end is None else min(start, span.end))
    if span.start is None and span.end is None:
        yield None, None


def spend_in_spans(
    db: sqlite3.Connection,
    book: PriceBook,
    spans: Sequence[Span | None],
    missing: set[str] | None = None,
    account: int | None = None,
) -> list[Spend]:
    """Usage in each of the spans, of all accounts or of one."""
    found = [Spend()] * len(spans)
    filters = {} if account is None else {"account": {account}}
    for place, _, used in price_sums(db, book, rollups.sums(db, (), spans, filters, book.changes()), missing):
        found[place] = found[place] + used
    if metered.is_any(db):
        from tachograph.queries.usage.credits import spend_on_credits

        for place, _, used in spend_on_credits(db, book, (), spans, filters):
            found[place] = found[place] + used.on_credits
    return found


def exact_spend_in_spans(
    db: sqlite3.Connection, book: PriceBook, spans: Sequence[Span], account: int | None = None
) -> list[Spend]:
    """As `spend_in_spans`, to the millisecond, for closed spans that do not begin on the quarter hour, as windows of limits do:
    whole quarters from the totals, what lies beside them from the messages."""
    found = [Spend()] * len(spans)
    filters = {} if account is None else {"account": {account}}
    whole: list[tuple[int, Span]] = []
    beside: list[tuple[int, Span]] = []
    for place, span in enumerate(spans):
        assert span.start is not None and span.end is not None  # noqa: S101 - closed, as the docstring says
        first, last = -(-span.start // QUARTER_MS) * QUARTER_MS, span.end // QUARTER_MS * QUARTER_MS
        if first < last:
            whole.append((place, Span(first, last)))
            edges = [Span(span.start, first), Span(last, span.end)]
        else:
            edges = [span]
        beside += [(place, edge) for edge in edges if (edge.start or 0) < (edge.end or 0)]
    for parts, sums in ((whole, rollups.sums), (beside, messages.sums)):
        rows = sums(db, (), [span for _, span in parts], filters, book.changes())
        for n, _, used in price_sums(db, book, rows, set()):
            place = parts[n][0]
            found[place] = found[place] + used
    return found
