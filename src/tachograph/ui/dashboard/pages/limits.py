"""*Limits*: every window of every account with its peak and hits, the speed at which it filled, and its usage here."""

from typing import NamedTuple

from tachograph.clock import DAY_MS
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.limits.window_history import Wall, Walls, walls
from tachograph.text.attribution import left_out_words
from tachograph.text.format import UNKNOWN, duration, iso, month_name, plural, safe, tokens
from tachograph.ui.dashboard.charts import limit_color
from tachograph.ui.dashboard.figures import Figure, FigureBlock, LegendEntry, PeakChart, Series, TableBlock
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.pages.forecasts import calibration_table
from tachograph.ui.dashboard.pages.limit_charts import source_words
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, cost_cell, display, moment
from tachograph.ui.documents import limits as words

_OPEN_DAYS = 3 * 365  # of an open range
_MAX_WINDOWS = 300
_HIGH = 90  # percent
_COLUMNS = (
    Column("Limit"),
    Column("From", drop=3),
    Column("Reset"),
    Column("Reached", "num"),
    Column("Hit", drop=4),
    Column("Half full after", "num", 5),
    Column("Tokens here", "num", 2),
    Column("Cost here*", "num", 1),
)


class PatternsBlock(NamedTuple):
    """Values of limits_patterns.html."""

    sentences: tuple[str, ...]


def _since(view: View) -> tuple[int, int]:
    """Start of the range (epoch milliseconds) and its days."""
    span = view.query.span(view.calendar, view.now)
    since = span.start if span.start is not None else view.now - _OPEN_DAYS * DAY_MS
    return since, max(1, round((view.now - since) / DAY_MS))


def _history(view: View) -> Walls:
    snapshot = view.snapshot
    found = walls(snapshot.db, snapshot.book, snapshot.calendar, snapshot.now, _since(view)[0], _MAX_WINDOWS)
    end = view.query.span(view.calendar, view.now).end
    if end is not None and end < snapshot.now:
        found = found._replace(windows=tuple(one for one in found.windows if (one.window.resets_at or 0) <= end))
    return found


def hit_patterns(view: View) -> PatternsBlock | None:
    """Sentences about hits; None without windows."""
    habits = _history(view).habits
    return PatternsBlock(tuple(words.said(one, _since(view)[1]) for one in habits)) if habits else None


def peaks_by_week(view: View) -> FigureBlock | None:
    """A line per limit: its highest value in each week; None without windows."""
    found = _history(view)
    if not found.weeks:
        return None
    names = {habit.key: safe(habit.name) for habit in found.habits}
    weeks = sorted({one.week for one in found.weeks})
    by_place = {(one.key, one.week): one for one in found.weeks}
    labels = tuple(f"{int(week[8:])} {month_name(int(week[5:7]))} {week[:4]}" for week in weeks)
    series = tuple(
        Series(
            name,
            limit_color(key),
            tuple(by_place[key, week].peak if (key, week) in by_place else None for week in weeks),
        )
        for key, name in names.items()
    )
    hit_weeks = len({one.week for one in found.weeks if one.hits})
    lines = tuple(
        Line(
            f"{one.week}-{one.key}",
            (
                Cell(labels[weeks.index(one.week)], one.week),
                Cell(names.get(one.key, safe(one.key))),
                Cell(str(one.windows), one.windows, "num"),
                Cell(UNKNOWN if one.peak is None else f"{one.peak:.0f} %", one.peak, "num"),
                Cell(str(one.hits) if one.hits else "", one.hits, "num"),
            ),
        )
        for one in reversed(found.weeks)
    )
    numbers = (Column(name, "num") for name in ("Windows", "Peak", "Hits"))
    title = f"A limit was hit in {hit_weeks} of {plural(len(weeks), 'week')}" if hit_weeks else "No limit was hit"
    return FigureBlock(
        Figure(
            "weeks",
            title,
            "The highest value of each limit, by the week in which its window began.",
            PeakChart(labels, series),
            Table("t-weeks", "Highest values by week", (Column("Week of"), Column("Limit"), *numbers), lines),
            tuple(LegendEntry(name, limit_color(key)) for key, name in names.items()),
        )
    )


def windows(view: View) -> TableBlock:
    """Every window, the newest first."""
    found = _history(view)
    has_accounts = len({one.window.account for one in found.windows}) > 1
    lines = tuple(_line(one, has_accounts, view) for one in found.windows)
    hits = sum(one.window.hit_at is not None for one in found.windows)
    title = f"{plural(len(lines), 'window')}, {plural(hits, 'hit')}" if lines else "No window in this range"
    summary = (
        "Usage of the account in this machine's logs. Chat and other machines use the same limits."
        f" {left_out_words(found.nobodys)}"
    )
    empty = (
        "The windows of your limits appear with the first reading: `tachograph sources` lists where readings come from."
    )
    return TableBlock(
        title, summary.rstrip(), Table("windows", "Windows, the newest first", _COLUMNS, lines, empty=empty)
    )


def _line(one: Wall, has_accounts: bool, view: View) -> Line:
    window = one.window
    used = one.used if window.key in (FIVE_HOUR, SEVEN_DAY) else None  # counted usage is of all models
    is_hit = window.hit_at is not None
    peak = 100.0 if is_hit and window.peak is None else window.peak
    sign = " ■" if is_hit else " ▲" if peak is not None and peak >= _HIGH else ""
    name = f"{safe(window.name)}{f', {display(window.label)}' if has_accounts else ''}"
    cells = (
        Cell(f"{name}{' (running)' if window.is_running else ''}", window.key),
        moment(one.starts_at, view.calendar, view.now) if one.starts_at is not None else Cell(UNKNOWN, ""),
        moment(window.resets_at, view.calendar, view.now),
        Cell(
            UNKNOWN if peak is None else f"{round(peak)} %{sign}",
            window.peak,
            "num",
            title=f"by {source_words(window.source)}",
        ),
        moment(window.hit_at, view.calendar, view.now) if is_hit else Cell("", ""),
        Cell(UNKNOWN if one.half_ms is None else duration(one.half_ms / 1000), one.half_ms, "num"),
        Cell(tokens(used.tokens.total), used.tokens.total, "num") if used else Cell(UNKNOWN, "", "num"),
        cost_cell(used) if used else Cell(UNKNOWN, "", "num"),
    )
    return Line(f"{window.account}-{window.key}-{iso(window.resets_at)}", cells, kind="hit" if is_hit else "")


def calibration(view: View) -> TableBlock | None:
    """The outcomes of forecasts; None if there is nothing that they could be about."""
    made = calibration_table(view)
    return made if (made.table and made.table.lines) or _history(view).windows else None


PAGE = Page(
    "limits",
    "/limits",
    "Limits",
    (
        Block("habits", "limits_patterns.html", hit_patterns),
        Block("weeks", "figure_block.html", peaks_by_week),
        Block("windows", "table_block.html", windows),
        Block("calibration", "table_block.html", calibration),
    ),
    filters="range",
)
