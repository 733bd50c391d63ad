"""Limits over time, with resets, hits and the forecast of the running window."""

from typing import NamedTuple

from tachograph.clock import HOUR_MS
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.estimates.forecast import LimitForecast
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as current_limits
from tachograph.queries.limits.curves import Curve, curves
from tachograph.text import limits as limit_text
from tachograph.text.format import UNKNOWN, day_and_time, iso, plural, safe
from tachograph.ui.dashboard.charts import limit_color
from tachograph.ui.dashboard.figures import Figure, FiguresBlock, LegendEntry, LimitChart, Mark, Series
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.pages.forecasts import fan_of, forecasts, words_of
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table

_SESSION_HOURS, _WEEK_HOURS = 24, 14 * 24  # shown before now
_MAX_READINGS = 120  # of a limit in the table
_NO_POINT = -1.0


class _Chart(NamedTuple):
    """A chart to draw: its curves, and the hours before now."""

    key: str
    curves: tuple[Curve, ...]
    hours: int
    ahead: LimitForecast | None
    has_account: bool


def source_words(source: str) -> str:
    """The name of a source."""
    return limit_text.SOURCE_WORDS.get(source, source)


def limit_charts(view: View) -> FiguresBlock:
    """The 5-hour limit of each account, and its weekly limits."""
    snapshot = view.snapshot
    figures = []
    accounts = current_limits(snapshot.db, snapshot.now, left=snapshot.settings.shows_left).accounts
    since = snapshot.now - _WEEK_HOURS * HOUR_MS
    for account in accounts:
        keys = [FIVE_HOUR, SEVEN_DAY, *(one.key for one in account.shown if one.key not in (FIVE_HOUR, SEVEN_DAY))]
        found = {one.key: one for one in curves(snapshot.db, account.id, since, snapshot.now, keys)}
        ahead = {one.key: _with_stored_chance(one, account) for one in forecasts(view, account)}
        for name, hours, own in (("five", _SESSION_HOURS, keys[:1]), ("week", _WEEK_HOURS, keys[1:])):
            shown = tuple(found[key] for key in own if key in found and found[key].points)
            if shown:
                labels = {limit.key: limit.label for limit in account.limits}
                shown = tuple(one._replace(label=labels.get(one.key, one.label)) for one in shown)
                key = f"curve-{name}-{account.id}"
                chart = _Chart(key, shown, hours, ahead.get(shown[0].key), len(accounts) > 1)
                figures.append(_figure(chart, account, view))
    return FiguresBlock(tuple(figures))


def _with_stored_chance(made: LimitForecast, account: NowAccount) -> LimitForecast:
    """A forecast with the chance that the limit's row shows, so that a page has one; computed minutes apart they differ."""
    limit = account.limit(made.key)
    return made if limit is None or limit.chance is None or made.chance is None else made._replace(chance=limit.chance)


def _figure(chart: _Chart, account: NowAccount, view: View) -> Figure:
    names = [safe(one.label) for one in chart.curves]
    resets = {mark.at for mark in _marks(chart, view) if mark.kind == "reset"}
    hits = sum(mark.kind == "wall" for mark in _marks(chart, view))
    by_key = {limit.key: limit for limit in account.limits}
    latest = [
        f"{safe(one.label)} {limit_text.percent_words(by_key[one.key])}" for one in chart.curves if one.key in by_key
    ]
    forecast = f" {words_of(view, chart.ahead)}" if chart.ahead is not None else ""
    legend = tuple(LegendEntry(name, limit_color(one.key)) for name, one in zip(names, chart.curves, strict=True))
    return Figure(
        chart.key,
        _title(chart, names, hits, account),
        f"{plural(len(resets), 'reset')}, {plural(hits, 'hit')}. Now {', '.join(latest) or 'unknown'}.{forecast}",
        _drawing(chart, view),
        _table(chart, names, view),
        legend if len(names) > 1 else (),
    )


def _title(chart: _Chart, names: list[str], hits: int, account: NowAccount) -> str:
    name = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    owner = f" of {safe(account.label)}" if chart.has_account and account.label else ""
    length = f"{chart.hours} hours" if chart.hours <= 48 else f"{chart.hours // 24} days"
    noun = "limit" if len(names) == 1 else "limits"
    if not hits:
        return f"{name} {noun}{owner}, last {length}: no hit"
    return f"{name} {noun}{owner}, last {length}: hit {'once' if hits == 1 else f'{hits} times'}"


def _marks(chart: _Chart, view: View) -> list[Mark]:
    since = view.now - chart.hours * HOUR_MS
    marks = []
    for one in chart.curves:
        marks += [Mark(at // 1000, "reset") for at in one.resets if at >= since]
        marks += [Mark(at // 1000, "wall") for at in one.walls if at >= since]
    return marks


def _drawing(chart: _Chart, view: View) -> LimitChart:
    since, fan = view.now - chart.hours * HOUR_MS, fan_of(chart.ahead)
    until = view.now
    if fan is not None and chart.ahead is not None and chart.ahead.resets_at is not None:
        until = chart.ahead.resets_at
    points = {one.key: {p.at: p.percent for p in one.points if p.at >= since} for one in chart.curves}
    times = sorted({at for own in points.values() for at in own} | {since, view.now, until})
    series = tuple(
        Series(
            safe(one.label),
            limit_color(one.key),
            tuple(_on_times([points[one.key].get(at, _NO_POINT) for at in times])),
        )
        for one in chart.curves
    )
    zone = view.calendar.zone_name
    seconds = tuple(at // 1000 for at in times)
    return LimitChart(seconds, series, tuple(_marks(chart, view)), view.now // 1000, fan, zone)


def _on_times(values: list[float | None]) -> list[float | str | None]:
    """A curve on shared times: "" without a point of its own (the line goes on), None at a break."""
    return ["" if value == _NO_POINT else value for value in values]


def _table(chart: _Chart, names: list[str], view: View) -> Table:
    since = view.now - chart.hours * HOUR_MS
    lines = [
        Line(
            f"{point.at}-{one.key}",
            (
                Cell(day_and_time(view.calendar.local(point.at), view.calendar.local(view.now)), iso(point.at)),
                Cell(safe(one.label)),
                Cell(UNKNOWN if point.percent is None else f"{point.percent:.0f} %", point.percent, "num"),
                Cell(source_words(point.source) if point.source else "reset"),
            ),
        )
        for one in chart.curves
        for point in [p for p in one.points if p.at >= since][-_MAX_READINGS:]
    ]
    columns = (Column("When"), Column("Limit"), Column("Used", "num"), Column("Source"))
    return Table(f"t-{chart.key}", f"Newest readings of {', '.join(names)}", columns, tuple(reversed(lines)))
