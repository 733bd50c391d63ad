"""Figures of a page: a chart with its title, legend and the table beside it. Frozen values; templates draw them."""

from typing import Any, NamedTuple

from tachograph.ui.dashboard.charts import Box, Day
from tachograph.ui.dashboard.tables import Table, as_json


class LegendEntry(NamedTuple):
    """A series in the legend. `color` None is the color of everything else; `href` narrows the page to it."""

    name: str
    color: int | None
    href: str = ""


class Series(NamedTuple):
    """A series of a chart over time. An unknown value is None; "" means that the line has no point there."""

    label: str
    color: int | None
    values: tuple[float | int | str | None, ...]
    scale: str = ""

    def payload(self) -> dict[str, Any]:
        named = {"label": self.label, "color": self.color, "values": self.values}
        return {**named, "scale": self.scale} if self.scale else named


class StackChart(NamedTuple):
    """Stacked bars over periods. `whole`: the tooltip's heading of each; `links`: addresses that narrow the page to it."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str
    is_small: bool = False
    whole: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "chart"

    @property
    def payload(self) -> str:
        """The chart as static/charts/format.js reads it."""
        made: dict[str, Any] = {"kind": "stack", "labels": self.labels, "unit": self.unit}
        made["series"] = [one.payload() for one in self.series]
        made |= {"small": True} if self.is_small else {}
        made |= {"whole": self.whole} if self.whole else {}
        return as_json(made | ({"links": self.links} if self.links else {}))


class PeakChart(NamedTuple):
    """A line per limit over weeks, in percent."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def kind(self) -> str:
        return "chart"

    @property
    def payload(self) -> str:
        """The chart as static/charts/format.js reads it."""
        series = [one.payload() for one in self.series]
        return as_json({"kind": "weeks", "labels": self.labels, "series": series, "unit": "%", "max": 100})


class Mark(NamedTuple):
    """A vertical line at a moment (epoch seconds): "reset" or "wall" (the limit was hit)."""

    at: int
    kind: str


class Fan(NamedTuple):
    """A forecast ahead of now. `to`: moments (epoch seconds) at which 100 % is reached; `ends`: percent at the reset (low,
    middle, high), None if unknown."""

    percent: float
    to: tuple[int, ...]
    reset: int
    chance: float
    ends: tuple[float, float, float] | None


class LimitChart(NamedTuple):
    """Limits over time, in percent, with resets, hits and a forecast. `times` and `now` in epoch seconds."""

    times: tuple[int, ...]
    series: tuple[Series, ...]
    marks: tuple[Mark, ...]
    now: int
    fan: Fan | None
    zone: str

    @property
    def kind(self) -> str:
        return "chart"

    @property
    def payload(self) -> str:
        """The chart as static/charts/format.js reads it."""
        return as_json(
            {
                "kind": "line",
                "x": self.times,
                "series": [one.payload() for one in self.series],
                "marks": [one._asdict() for one in self.marks],
                "unit": "%",
                "max": 105,
                "now": self.now,
                "fan": None if self.fan is None else self.fan._asdict(),
                "zone": self.zone,
            }
        )


class TimelineChart(NamedTuple):
    """Messages of a session: cost as bars, context as a line. `times` in epoch seconds."""

    times: tuple[float, ...]
    series: tuple[Series, ...]
    zone: str

    @property
    def kind(self) -> str:
        return "chart"

    @property
    def payload(self) -> str:
        """The chart as static/charts/format.js reads it."""
        series = [one.payload() for one in self.series]
        return as_json({"kind": "timeline", "x": self.times, "series": series, "unit": "$", "zone": self.zone})


class Tile(NamedTuple):
    """A part of a treemap."""

    box: Box
    name: str
    title: str
    amount: str
    share: str
    href: str


class Treemap(NamedTuple):
    """Parts of a whole as rectangles."""

    tiles: tuple[Tile, ...]

    @property
    def kind(self) -> str:
        return "treemap"


class Bar(NamedTuple):
    """A horizontal bar; `width` in percent."""

    name: str
    width: float
    text: str
    share: str
    color: int
    href: str


class Bars(NamedTuple):
    """Parts of a whole as horizontal bars."""

    bars: tuple[Bar, ...]

    @property
    def kind(self) -> str:
        return "bars"


class CalendarCell(NamedTuple):
    """A day with the address that narrows the page to it."""

    day: Day
    title: str
    href: str


class YearCalendar(NamedTuple):
    """A year of days. `months` and `weekdays`: column or row and name."""

    cells: tuple[CalendarCell, ...]
    columns: int
    months: tuple[tuple[int, str], ...]
    weekdays: tuple[tuple[int, str], ...]

    @property
    def kind(self) -> str:
        return "calendar"


class HourCell(NamedTuple):
    """An hour of the week."""

    column: int
    row: int
    step: int
    title: str


class WeekHours(NamedTuple):
    """The hours of a week."""

    cells: tuple[HourCell, ...]
    weekdays: tuple[tuple[int, str], ...]

    @property
    def kind(self) -> str:
        return "hours"


class StripPart(NamedTuple):
    """A part of a strip; `x` and `width` in percent."""

    name: str
    x: float
    width: float
    color: int
    text: str
    share: str


class Strip(NamedTuple):
    """Parts of a whole side by side."""

    parts: tuple[StripPart, ...]

    @property
    def kind(self) -> str:
        return "strip"


Drawing = (
    StackChart | PeakChart | LimitChart | TimelineChart | Treemap | Bars | YearCalendar | WeekHours | Strip
)  # fmt: skip


class Figure(NamedTuple):
    """A drawing with its title (the sentence that it shows), a summary, a legend, and the same numbers as a table."""

    key: str
    title: str
    summary: str
    drawing: Drawing
    table: Table
    legend: tuple[LegendEntry, ...] = ()


class FigureBlock(NamedTuple):
    """Values of figure_block.html."""

    figure: Figure


class FiguresBlock(NamedTuple):
    """Values of figures_block.html and pair_block.html."""

    figures: tuple[Figure, ...]


class TableBlock(NamedTuple):
    """Values of table_block.html. `table` None shows only the title and the summary."""

    title: str
    summary: str
    table: Table | None
