"""*Usage*: totals with their change, then spend over time, by project and model, by day and hour, and caching."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tachograph.model.usage.model_names import display_name
from tachograph.model.usage.periods import DAY, Span
from tachograph.queries.usage import totals as usage
from tachograph.queries.usage.rows import Spend
from tachograph.queries.usage.spend import spend
from tachograph.text.certainty import billed_words
from tachograph.text.format import UNKNOWN, count, day_month, percent, plural, safe, tokens, usd
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.page_query import NO_FILTERS
from tachograph.ui.dashboard.pages.breakdown import breakdown
from tachograph.ui.dashboard.pages.caching import caching
from tachograph.ui.dashboard.pages.calendar import hours_of_week, year_of_days
from tachograph.ui.dashboard.pages.drivers import usage_drivers
from tachograph.ui.dashboard.pages.limit_week import card
from tachograph.ui.dashboard.pages.over_time import over_time
from tachograph.ui.dashboard.pages.top_sessions import top_sessions
from tachograph.ui.dashboard.pages.what_if import week_what_if
from tachograph.ui.dashboard.pages.why import why
from tachograph.ui.dashboard.tables import change_words
from tachograph.ui.documents.report_footer import problem_lines


class TotalCard(NamedTuple):
    """A total. `value` is exact, None if unknown; `change` and `before` compare it with the time before, "" without one."""

    key: str
    label: str
    text: str
    value: float | None
    change: str = ""
    before: str = ""


class TotalsBlock(NamedTuple):
    """Values of usage_totals.html. `is_new`: the ledger holds no message yet; `all_time`: the address of everything."""

    cards: tuple[TotalCard, ...]
    notes: tuple[str, ...]
    is_empty: bool
    is_new: bool
    clear: str
    all_time: str


def totals(view: View) -> TotalsBlock:
    """The totals of the range, compared with the time before."""
    snapshot, query = view.snapshot, view.query.spend_query(view.calendar, view.now)
    missing: set[str] = set()
    used = usage.totals(snapshot.db, snapshot.book, query, missing)
    cached = usage.caching(snapshot.db, snapshot.book, query)
    before_span = _comparable_span(view, query.span)
    before, hit_before = Spend(), None
    if before_span is not None:
        before = usage.totals(snapshot.db, snapshot.book, query._replace(span=before_span))
        hit_before = usage.caching(snapshot.db, snapshot.book, query._replace(span=before_span)).hit_rate
    compares = before_span is not None and bool(used.tokens.messages or before.tokens.messages)

    def card(key: str, label: str, text: str, value: float | None, earlier: float | None, words: str) -> TotalCard:
        if not compares:
            return TotalCard(key, label, text, value)
        return TotalCard(key, label, text, value, change_words(usage.change(value, earlier)), words)

    hit = UNKNOWN if cached.hit_rate is None else percent(cached.hit_rate)
    hit_words = UNKNOWN if hit_before is None else percent(hit_before)
    cards = (
        card("cost", "Cost*", usd(used.usd), used.usd, before.usd, usd(before.usd)),
        card("tokens", "Tokens", tokens(used.tokens.total), used.tokens.total, before.tokens.total, tokens(before.tokens.total)),
        card("messages", "Messages", count(used.tokens.messages), used.tokens.messages, before.tokens.messages, count(before.tokens.messages)),
        card("cache", "Cache hit rate", hit, cached.hit_rate, None, hit_words),
        *(_averages(view, used) if used.tokens.messages else ()),
    )  # fmt: skip
    return TotalsBlock(
        cards,
        (*_money_notes(used, missing), *(_with_command(line) for line in problem_lines(snapshot.problems, None))),
        not used.tokens.messages,
        usage.first_moment(snapshot.db) is None,
        view.address(**NO_FILTERS) if view.query.is_narrowed else "",
        view.address(range="all", since="", until=""),
    )


def _comparable_span(view: View, span: Span) -> Span | None:
    """The time before, cut at the same point as a range that has not ended; None if nothing is to be compared."""
    earlier = usage.before(span) if view.query.compare else None
    if earlier is None or earlier.end is None or span.end is None:
        return None
    end = usage.so_far(span, view.now).end or 0
    return Span(earlier.start, earlier.end - (span.end - end))


def _averages(view: View, used: Spend) -> tuple[TotalCard, ...]:
    """Sessions, and averages per active day and session, with the most expensive day."""
    snapshot = view.snapshot
    query = view.query.spend_query(view.calendar, view.now)
    sessions = spend(snapshot.db, snapshot.book, snapshot.calendar, query._replace(along="session")).rows
    days = [
        row
        for row in spend(snapshot.db, snapshot.book, snapshot.calendar, query._replace(along=DAY)).rows
        if row.key.period and row.spend.tokens.messages
    ]
    peak = max(days, key=lambda row: row.spend.cost or 0, default=None)
    number = sum(1 for row in sessions if row.key.session)
    per_day, per_session = usage.average_usd(used, len(days)), usage.average_usd(used, number)
    made = [
        TotalCard("sessions", "Sessions", count(number), number),
        TotalCard("per-day", "Per active day*", usd(per_day), per_day, "", plural(len(days), "day")),
        TotalCard("per-session", "Per session*", usd(per_session), per_session),
    ]
    if peak is not None and peak.key.period is not None:
        label = day_month(view.calendar.local(_start_of(view, peak.key.period)))
        made.append(TotalCard("peak", "Peak day*", usd(peak.spend.usd), peak.spend.usd, "", label))
    return tuple(made)


def _start_of(view: View, day: str) -> int:
    from datetime import date

    return view.calendar.start_of(date.fromisoformat(day))


def _money_notes(used: Spend, missing: set[str]) -> tuple[str, ...]:
    """Billed cost, and models without a price."""
    notes = (billed_words(used),) if used.billed else ()
    if not used.unpriced:
        return notes
    models = ", ".join(safe(display_name(model)) for model in sorted(missing)[:3])
    verb = "has" if used.unpriced == 1 else "have"
    return (*notes, f"{plural(used.unpriced, 'message')} of {models} {verb} no price.")


def _with_command(line: str) -> str:
    return line.replace("tachograph doctor", "`tachograph doctor`")


def _if_used(answer: Callable[[View], Any]) -> Callable[[View], Any]:
    """A block that is left out without usage: the totals then say why, and what to do."""

    def block(view: View) -> Any:
        query = view.query.spend_query(view.calendar, view.now)
        used = view.snapshot.cache.answer(
            ("used", view.snapshot.version, query),
            5.0,
            lambda: usage.totals(view.snapshot.db, view.snapshot.book, query),
        )
        return answer(view) if used.tokens.messages else None

    return block


def _if_any(answer: Callable[[View], Any]) -> Callable[[View], Any]:
    """A block that is left out of an empty ledger."""
    return lambda view: None if usage.first_moment(view.snapshot.db) is None else answer(view)


PAGE = Page(
    "usage",
    "/usage",
    "Usage",
    (
        Block("card", "limit_week.html", card),
        Block("totals", "usage_totals.html", totals),
        Block("spend", "usage_spend.html", _if_used(over_time)),
        Block("where", "pair_block.html", _if_used(breakdown)),
        Block("drivers", "table_block.html", _if_used(usage_drivers)),
        Block("why", "usage_why.html", why),
        Block("what-if", "table_block.html", week_what_if),
        Block("calendar", "figure_block.html", _if_any(year_of_days)),
        Block("hours", "figure_block.html", _if_used(hours_of_week)),
        Block("caching", "figure_block.html", _if_used(caching)),
        Block("sessions", "top_sessions.html", _if_used(top_sessions)),
    ),
    filters="full",
    compares=True,
)
