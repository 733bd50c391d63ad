"""Spend over time, stacked by model, project, branch, session or class of token."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from tachograph.model.usage.periods import DAY, HOUR, MONTH, WEEK
from tachograph.queries.usage import totals as usage
from tachograph.queries.usage.rows import Spend, SpendQuery, SpendReport
from tachograph.queries.usage.shares import measure, share
from tachograph.queries.usage.spend import spend
from tachograph.text.format import MONTHS, count, month_name, percent, plural, tokens, usd, weekday
from tachograph.ui.dashboard.figures import Figure, LegendEntry, Series, StackChart
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.pages.groups import Group, colors_of, group_of
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, money

_MAX_SERIES = 8  # the rest is one series
_UNITS = {"cost": "$", "tokens": "tokens", "messages": ""}
_PERIOD_WORDS = {HOUR: "hour", DAY: "day", WEEK: "week", MONTH: "month"}
_CLASS_NAMES = {
    "input": "Input",
    "output": "Output",
    "cache_write_5m": "Cache write, 5 min",
    "cache_write_1h": "Cache write, 1 h",
    "cache_read": "Cache read",
    "web_searches": "Web search",
    "as_logged": "As logged",
}


class OverTimeBlock(NamedTuple):
    """Values of usage_spend.html."""

    figure: Figure


class Part(NamedTuple):
    """A series of the chart: a group, or the rest (`color` None), with its spend in every period."""

    label: str
    color: int | None
    spends: tuple[Spend, ...]
    href: str = ""
    group: Group | None = None


class Periods(NamedTuple):
    """The periods of the chart; a key of None: messages without a time."""

    kind: str
    keys: tuple[str | None, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        years = {key[:4] for key in self.keys if key}
        return tuple(_label(key, self.kind, len(years) > 1) for key in self.keys)

    @property
    def headings(self) -> tuple[str, ...]:
        """Labels with the weekday, for the tooltip."""
        return tuple(
            f"{weekday(date.fromisoformat(key[:10]))} {label}" if key and self.kind in (HOUR, DAY) else f"Week of {label}" if key and self.kind == WEEK else label
            for key, label in zip(self.keys, self.labels, strict=True)
        )  # fmt: skip

    def links(self, view: View) -> tuple[str, ...]:
        """The page narrowed to the days of each period; an hour leads to its day."""
        return tuple(_narrow_to(view, key, self.kind) for key in self.keys)


def over_time(view: View) -> OverTimeBlock:
    """The chart with its table."""
    snapshot, chosen = view.snapshot, view.query
    query = chosen.spend_query(view.calendar, view.now)
    span = usage.visible_span(snapshot.db, query.span, view.now)
    kind = usage.fitting_period(span, view.now, span.start)
    keys: list[str | None] = list(usage.every_period(view.calendar, kind, span))
    if chosen.stack == "class":
        return OverTimeBlock(_by_class(view, query, kind, keys))
    report = spend(snapshot.db, snapshot.book, snapshot.calendar, query._replace(along=kind, by=chosen.stack))
    keys += [row.key.period for row in report.rows if row.key.period not in keys]
    periods = Periods(kind, tuple(keys))
    return OverTimeBlock(_by_group(view, report, periods))


def _by_group(view: View, report: SpendReport, periods: Periods) -> Figure:
    chosen = view.query
    parts = _parts(report, periods.keys, view)
    whole = {row.key.period: row.spend for row in report.rows}
    spends = [whole.get(key, Spend()) for key in periods.keys]
    series = tuple(
        Series(one.label, one.color, tuple(_height(used, chosen.measure) for used in one.spends)) for one in parts
    )
    lines = tuple(
        Line(
            str(key),
            (
                Cell(label, key or "unknown"),
                *(_cell(one.spends[n], chosen.measure) for one in parts),
                _cell(spends[n], chosen.measure),
            ),
        )
        for n, (key, label) in enumerate(zip(periods.keys, periods.labels, strict=True))
    )
    word = _PERIOD_WORDS[periods.kind]
    columns = (Column(word.capitalize()), *(Column(one.label, "num") for one in parts), Column("All", "num"))
    foot = (
        Cell("All"),
        *(_cell(usage.sum_spends(one.spends), chosen.measure) for one in parts),
        _cell(report.totals, chosen.measure),
    )
    total = _words(report.totals, chosen.measure)
    return Figure(
        "spend",
        _title(view, parts, report.totals),
        f"{total} in {plural(len(periods.keys), word)}, stacked by {chosen.stack}. Click one to narrow the page to it.",
        StackChart(
            periods.labels,
            series,
            _UNITS[chosen.measure],
            whole=periods.headings,
            links=periods.links(view),
        ),
        Table("t-spend", "Usage over time", columns, lines, foot),
        tuple(LegendEntry(one.label, one.color, one.href) for one in parts),
    )


def _parts(report: SpendReport, keys: Sequence[str | None], view: View) -> list[Part]:
    kind, name = view.query.stack, view.query.measure
    cells: dict[tuple[Group, str | None], Spend] = {}
    spends: dict[Group, list[Spend]] = {}
    for row in report.rows:
        for sub in row.by:
            group = group_of(sub, kind)
            cells[(group, row.key.period)] = sub.spend
            spends.setdefault(group, []).append(sub.spend)
    totals = {group: usage.sum_spends(own) for group, own in spends.items()}
    order = sorted(totals, key=lambda group: (-(measure(totals[group], name) or 0), str(group)))
    shown, rest = order[:_MAX_SERIES], order[_MAX_SERIES:]
    if len(rest) == 1:
        shown, rest = order, []
    colors = colors_of(shown, kind)
    parts = [
        Part(
            group.label,
            colors[group],
            tuple(cells.get((group, key), Spend()) for key in keys),
            group.href(view),
            group,
        )
        for group in shown
    ]
    if rest:
        left = [usage.sum_spends(cells[(group, key)] for group in rest if (group, key) in cells) for key in keys]
        parts.append(Part(f"{len(rest)} others", None, tuple(left)))
    return parts


def _title(view: View, parts: list[Part], total: Spend) -> str:
    """The largest part's share. A part that the page is narrowed to is compared with everything beside that filter."""
    chosen = view.query
    if not parts or not measure(total, chosen.measure):
        return "No usage in this range"
    first, whole, is_narrowed = parts[0], total, chosen.is_narrowed
    if getattr(chosen, chosen.stack, ()):
        beside = chosen.with_(**{chosen.stack: ()})
        whole = usage.totals(view.snapshot.db, view.snapshot.book, beside.spend_query(view.calendar, view.now))
        is_narrowed = beside.is_narrowed
    own = usage.sum_spends(first.spends)
    words = {"cost": "what you spent", "tokens": "the tokens", "messages": "the messages"}[chosen.measure]
    part = share(own, whole, chosen.measure)
    amount = "an unknown share" if part is None else percent(part)
    return f"{first.label} took {amount} of {words}{' with the other filters' if is_narrowed else ''}"


def _by_class(view: View, query: SpendQuery, kind: str, keys: list[str | None]) -> Figure:
    snapshot, is_cost = view.snapshot, view.query.measure == "cost"
    found = usage.course(snapshot.db, snapshot.book, snapshot.calendar, query, kind)
    periods = Periods(kind, tuple(keys + [one.period for one in found if one.period not in keys]))
    sums = usage.class_totals(found, periods.keys, is_cost=is_cost)
    series = tuple(Series(_CLASS_NAMES[usage.CLASSES[one.place]], one.place, one.values) for one in sums.series)

    def cell(number: float) -> Cell:
        return money(number) if is_cost else Cell(tokens(int(number)), int(number), "num")

    lines = tuple(
        Line(
            str(key),
            (Cell(label, key or "unknown"), *(cell(one.values[n]) for one in sums.series), cell(sums.periods[n])),
        )
        for n, (key, label) in enumerate(zip(periods.keys, periods.labels, strict=True))
    )
    word = _PERIOD_WORDS[kind]
    columns = (Column(word.capitalize()), *(Column(one.label, "num") for one in series), Column("All", "num"))
    title = "No usage in this range"
    if sums.total:
        most = max(sums.series, key=lambda one: one.total)
        of = "what you spent" if is_cost else "the tokens"
        title = f"{_CLASS_NAMES[usage.CLASSES[most.place]]} took {percent(most.total / sums.total)} of {of}"
    return Figure(
        "spend",
        title,
        f"{plural(len(periods.keys), word)}, stacked by class of token. Click one to narrow the page to it.",
        StackChart(
            periods.labels,
            series,
            "$" if is_cost else "tokens",
            whole=periods.headings,
            links=periods.links(view),
        ),
        Table(
            "t-spend",
            "Usage over time",
            columns,
            lines,
            (Cell("All"), *(cell(one.total) for one in sums.series), cell(sums.total)),
        ),
        tuple(LegendEntry(one.label, one.color) for one in series),
    )


def _height(used: Spend, name: str) -> float | None:
    """The height of a bar: 0 without usage, None for usage without a price."""
    return measure(used, name) if used.tokens.messages else 0


def _cell(used: Spend, name: str) -> Cell:
    if name == "cost":
        return money(used.usd) if used.tokens.messages else Cell("", 0, "num")
    value = used.tokens.total if name == "tokens" else used.tokens.messages
    return Cell((tokens(value) if name == "tokens" else count(value)) if value else "", value, "num")


def _words(used: Spend, name: str) -> str:
    if name == "cost":
        return usd(used.usd)
    return f"{tokens(used.tokens.total)} tokens" if name == "tokens" else plural(used.tokens.messages, "message")


def _label(key: str | None, kind: str, has_years: bool) -> str:
    if key is None:
        return "unknown"
    if kind == HOUR:
        return f"{int(key[8:10])} {MONTHS[int(key[5:7]) - 1]} {key[11:16]}"
    if kind == MONTH:
        return f"{month_name(int(key[5:7]))} {key[:4]}"
    return f"{int(key[8:10])} {month_name(int(key[5:7]))}{f' {key[:4]}' if has_years else ''}"


def _narrow_to(view: View, key: str | None, kind: str) -> str:
    if key is None:
        return ""
    first = date.fromisoformat(key[:10] if len(key) >= 10 else f"{key}-01")
    last = first
    if kind in (WEEK, MONTH):
        end = view.calendar.period(kind, view.calendar.start_of(first))[1].end or 0
        last = view.calendar.day(end - 1)
    return view.address(range="", since=first.isoformat(), until=last.isoformat())
