"""A year of days and the hours of the week, as heat maps."""

from datetime import date, timedelta

from tachograph.model.usage.periods import DAY, Span
from tachograph.queries.usage import totals as usage
from tachograph.queries.usage.spend import spend
from tachograph.text.format import DAYS, month_name, usd, weekday
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.figures import CalendarCell, Figure, FigureBlock, HourCell, WeekHours, YearCalendar
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import SPEND_COLUMNS, Cell, Column, Line, Table, spend_cells

_YEAR_DAYS = 365
_LONG_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def _words(day: date) -> str:
    return f"{weekday(day)} {day.day} {month_name(day.month)} {day.year}"


def year_of_days(view: View) -> FigureBlock:
    """The last 365 days, with the filters of the page."""
    snapshot, calendar = view.snapshot, view.calendar
    today = calendar.day(view.now)
    first = today - timedelta(days=_YEAR_DAYS - 1)
    query = view.query.spend_query(calendar, view.now)
    whole = Span(calendar.start_of(first), calendar.start_of(today + timedelta(days=1)))
    report = spend(snapshot.db, snapshot.book, calendar, query._replace(span=whole, along=DAY))
    used = {date.fromisoformat(row.key.period): row.spend for row in report.rows if row.key.period}
    days = charts.calendar({day: one.usd for day, one in used.items()}, first, today, calendar.week_start)
    cells = tuple(
        CalendarCell(
            day,
            f"{_words(day.day)}: {usd(day.value) if day.day in used else 'nothing'}",
            _narrow_to(view, day.day),
        )
        for day in days
    )
    active = [day for day, one in used.items() if one.tokens.messages]
    best = max(active, key=lambda day: used[day].cost or 0, default=None)
    title = "No usage in the last year"
    if best is not None:
        title = f"Active on {len(active)} of the last {_YEAR_DAYS} days, most on {best.day} {month_name(best.month)}"
    lines = tuple(
        Line(
            day.isoformat(),
            (Cell(_words(day), day.isoformat(), href=_narrow_to(view, day)), *spend_cells(used[day])),
        )
        for day in sorted(used, reverse=True)
    )
    drawing = YearCalendar(
        cells,
        max((day.column for day in days), default=0) + 1,
        tuple((day.column, month_name(day.day.month)) for day in days if day.day.day <= 7 and day.row == 0),
        tuple((n, DAYS[(n + calendar.week_start) % 7]) for n in (0, 2, 4)),
    )
    summary = f"{usd(report.totals.usd)} in the last year, with the filters of this page."
    foot = (Cell("All"), *spend_cells(report.totals))
    table = Table("t-calendar", "Each day of the last year", (Column("Day"), *SPEND_COLUMNS), lines, foot)
    return FigureBlock(Figure("calendar", title, summary, drawing, table))


def _narrow_to(view: View, day: date) -> str:
    return view.address(range="", since=day.isoformat(), until=day.isoformat())


def hours_of_week(view: View) -> FigureBlock:
    """The hours of the week, summed over the range."""
    snapshot, start = view.snapshot, view.calendar.week_start
    query = view.query.spend_query(view.calendar, view.now)
    grid = usage.hours_of_week(snapshot.db, snapshot.book, snapshot.calendar, query)
    dark = charts.steps(used.usd for day in grid for used in day)
    names = [DAYS[(n + start) % 7] for n in range(7)]
    cells = tuple(
        HourCell(
            hour,
            day,
            dark[day * 24 + hour],
            f"{names[day]} {hour:02d}:00: {usd(grid[day][hour].usd) if grid[day][hour].tokens.messages else 'nothing'}",
        )
        for day in range(7)
        for hour in range(24)
    )
    days = [usage.sum_spends(row) for row in grid]
    hours = [usage.sum_spends(row[hour] for row in grid) for hour in range(24)]
    whole = usage.sum_spends(days)
    best_day = max(range(7), key=lambda n: days[n].cost or 0)
    best_hour = max(range(24), key=lambda n: hours[n].cost or 0)
    title = "No usage in this range"
    if whole.cost:
        title = f"Most on {_LONG_DAYS[(best_day + start) % 7]}, and between {best_hour}:00 and {best_hour + 1}:00"
    lines = tuple(
        Line(
            f"{names[day]}-{hour}",
            (Cell(f"{names[day]} {hour:02d}:00", f"{names[day]} {hour:02d}"), *spend_cells(grid[day][hour])),
        )
        for day in range(7)
        for hour in range(24)
        if grid[day][hour].tokens.messages
    )
    summary = f"Hours of the week in {view.calendar.zone_name}, {usd(whole.usd)} in all."
    foot = (Cell("All"), *spend_cells(whole))
    table = Table("t-hours", "Each hour of the week", (Column("Hour"), *SPEND_COLUMNS), lines, foot)
    return FigureBlock(Figure("hours", title, summary, WeekHours(cells, tuple(enumerate(names))), table))
