"""Geometry of SVG charts (treemap, calendar, hours of a week), and colors that stay with a name.

Pure: numbers in, rectangles out. The title of a rectangle and the table beside the chart say what it means.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.usage.model_names import plain_model_name

COLORS = 10  # of series, s0 to s9 in palette.css; s-rest is for everything else
_HUES = 5
STEPS = 5  # of a heat map, 0 is nothing
_FAMILIES = {"opus": 0, "sonnet": 1, "haiku": 2, "fable": 3, "mythos": 4}
_LIMITS = {FIVE_HOUR: 2, SEVEN_DAY: 4}


class Box(NamedTuple):
    """A rectangle in percent of a picture. `place`: index of its value."""

    x: float
    y: float
    width: float
    height: float
    place: int


class Day(NamedTuple):
    """A day of a calendar: column (week), row (weekday), darkness (0 to STEPS - 1)."""

    day: date
    column: int
    row: int
    step: int
    value: float | None


def limit_color(key: str) -> int:
    """The color of a limit, the same on every page: its model family's; limits of all models take hues of families without
    a limit of their own."""
    if key in _LIMITS:
        return _LIMITS[key]
    family = next((place for word, place in _FAMILIES.items() if word in key), None)
    return zlib.crc32(key.encode()) % COLORS if family is None else family


def model_color(model: str) -> int:
    """The color of a model, the same on every page: its family's, with newer and older models apart."""
    name = plain_model_name(model)
    family = next((place for word, place in _FAMILIES.items() if word in name), None)
    if family is None:
        return zlib.crc32(name.encode()) % COLORS
    digits = [int(part) for part in name.replace("-", " ").split() if part.isdecimal() and len(part) < 3]
    return family + 5 * (bool(digits) and digits[0] < 5)


def colors(names: Sequence[str], own: Mapping[str, int] | None = None) -> dict[str, int]:
    """A color for each name: its own if it is given or free, else the next free one."""
    made: dict[str, int] = {}
    for name in names:
        wanted = own[name] if own and name in own else zlib.crc32(name.encode()) % _HUES
        # the five hues first, then their paler halves: neighbors stay distinct
        order = [
            wanted,
            *((wanted + n) % _HUES for n in range(1, _HUES)),
            *(_HUES + (wanted + n) % _HUES for n in range(_HUES)),
        ]
        made[name] = next((one for one in order if one not in made.values()), wanted)
    return made


def model_colors(models: Sequence[str]) -> dict[str, int]:
    return colors(models, {model: model_color(model) for model in models})


def treemap(values: Sequence[float], width: float = 100.0, height: float = 100.0) -> list[Box]:
    """Rectangles close to squares with areas in proportion to the values, the largest first (Bruls, Huizing, van Wijk:
    Squarified Treemaps, 2000). Only values above 0 get one."""
    order = [place for place in sorted(range(len(values)), key=lambda n: -values[n]) if values[place] > 0]
    whole = sum(values[place] for place in order)
    made: list[Box] = []
    x = y = 0.0
    left, top = width, height
    row: list[int] = []
    scale = width * height / whole if whole else 0.0

    def worst(places: Sequence[int], side: float) -> float:
        areas = [values[place] * scale for place in places]
        total = sum(areas)
        return max(max(side * side * area / total**2, total**2 / (side * side * area)) for area in areas)

    def lay(places: Sequence[int]) -> None:
        nonlocal x, y, left, top
        area = sum(values[place] * scale for place in places)
        if left >= top:
            thick = area / top if top else 0.0
            at = y
            for place in places:
                size = values[place] * scale / thick if thick else 0.0
                made.append(Box(x, at, thick, size, place))
                at += size
            x, left = x + thick, left - thick
        else:
            thick = area / left if left else 0.0
            at = x
            for place in places:
                size = values[place] * scale / thick if thick else 0.0
                made.append(Box(at, y, size, thick, place))
                at += size
            y, top = y + thick, top - thick

    for place in order:
        side = min(left, top)
        if row and worst([*row, place], side) > worst(row, side):
            lay(row)
            row = []
        row.append(place)
    if row:
        lay(row)
    return made


def steps(values: Iterable[float | None]) -> list[int]:
    """The darkness of each value in a heat map, by quantiles of those above 0: one huge day does not pale the others."""
    given = list(values)
    known = sorted(value for value in given if value)
    if not known:
        return [0] * len(given)
    cuts = [known[min(len(known) - 1, len(known) * n // (STEPS - 1))] for n in range(1, STEPS - 1)]
    return [0 if not value else 1 + sum(value > cut for cut in cuts) for value in given]


def calendar(values: Mapping[date, float | None], first: date, last: date, week_start: int) -> list[Day]:
    """The days from `first` to `last`, a column for each week."""
    start = first - timedelta(days=(first.weekday() - week_start) % 7)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    dark = steps(values.get(day) for day in days)
    return [
        Day(day, (day - start).days // 7, (day.weekday() - week_start) % 7, step, values.get(day))
        for day, step in zip(days, dark, strict=True)
    ]
