"""The tray's icon, drawn without any library: a filled badge with the pressing percent, readable on light and dark.

Digits are strokes in a unit box; a pixel is covered by how near it is to the nearest one.
"""

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache

from tachograph.ui.tray.view import Icon

ORANGE, RED = (219, 118, 32), (215, 58, 73)
BACKGROUNDS = {"high": ORANGE, "wall": RED}  # the levels that have a color

Color = tuple[int, int, int]
Point = tuple[float, float]

SIZES = (22, 32, 48)  # pixels; a panel takes what fits it
_INK, _WHITE = (28, 28, 30), (255, 255, 255)
_SLATE, _GREY = (52, 64, 80), (112, 120, 130)
_RIM = {"high": (150, 72, 8), "wall": (255, 190, 196)}
_PALE = (176, 190, 206)


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Points of an ellipse from one angle to another, degrees, 0 to the right and 90 upwards."""
    steps = max(4, int(abs(end - start) / 30))
    angles = (math.radians(start + (end - start) * n / steps) for n in range(steps + 1))
    return [(x + rx * math.cos(a), y - ry * math.sin(a)) for a in angles]


# In a box of 0 to 1 both ways, y downwards.
_STROKES: dict[str, list[list[Point]]] = {
    "0": [_arc(0.5, 0.5, 0.5, 0.5, 0, 360)],
    "1": [[(0.12, 0.2), (0.55, 0.0), (0.55, 1.0)]],
    "2": [[*_arc(0.5, 0.28, 0.47, 0.28, 170, -35), (0.0, 1.0), (1.0, 1.0)]],
    "3": [_arc(0.45, 0.26, 0.45, 0.26, 160, -90), _arc(0.45, 0.74, 0.52, 0.26, 90, -165)],
    "4": [[(0.74, 1.0), (0.74, 0.0), (0.0, 0.7), (1.0, 0.7)]],
    "5": [[(0.92, 0.0), (0.14, 0.0), (0.08, 0.45), *_arc(0.46, 0.68, 0.5, 0.32, 125, -160)]],
    "6": [_arc(0.5, 0.68, 0.47, 0.32, 0, 360), _arc(0.78, 0.62, 0.75, 0.62, 180, 92)],
    "7": [[(0.0, 0.0), (1.0, 0.0), (0.36, 1.0)]],
    "8": [_arc(0.5, 0.25, 0.4, 0.25, 0, 360), _arc(0.5, 0.75, 0.5, 0.25, 0, 360)],
    "9": [_arc(0.5, 0.32, 0.47, 0.32, 0, 360), _arc(0.22, 0.38, 0.75, 0.62, 0, -88)],
    "–": [[(0.05, 0.5), (0.95, 0.5)]],
    "$": [[*_arc(0.5, 0.32, 0.42, 0.2, 40, 270), *_arc(0.5, 0.68, 0.42, 0.2, 90, -140)], [(0.5, -0.04), (0.5, 1.04)]],
}


def argb(icon: Icon, size: int) -> bytes:
    """The icon as size × size pixels of four bytes: alpha, red, green, blue (StatusNotifierItem's order)."""
    fill, ink, rim = _colors(icon.level)
    made = bytearray()
    for badge, edge, digit in zip(
        _badge(size), _rim(size), _digits(icon.text, size, icon.level == "stale"), strict=True
    ):
        r, g, b = _blend(_blend(fill, rim, edge), ink, digit)
        made += bytes((round(255 * badge), r, g, b))
    return bytes(made)


def bgra(icon: Icon, size: int) -> bytes:
    """The same for CreateBitmap of Windows: top row first (a DIB would begin with the bottom row), blue, green, red,
    alpha, multiplied by alpha."""
    data, made = argb(icon, size), bytearray()
    for start in range(0, len(data), 4):
        a, r, g, b = data[start : start + 4]
        made += bytes((b * a // 255, g * a // 255, r * a // 255, a))
    return bytes(made)


def _colors(level: str) -> tuple[Color, Color, Color]:
    """Fill, digits and rim. Dark digits on orange: white ones would have a contrast of 3 only."""
    if level in BACKGROUNDS:
        return BACKGROUNDS[level], _INK if level == "high" else _WHITE, _RIM[level]
    return (_GREY if level in ("stale", "unknown") else _SLATE), _WHITE, _PALE


def _blend(under: Color, over: Color, share: float) -> Color:
    if share <= 0:
        return under
    r, g, b = (round(u + (o - u) * share) for u, o in zip(under, over, strict=True))
    return r, g, b


@lru_cache(maxsize=len(SIZES))
def _badge(size: int) -> list[float]:
    """Coverage of each pixel by a rounded square over the whole icon, 0 to 1."""
    return [_coverage(-_depth(x, y, size)) for y, x in _pixels(size)]


@lru_cache(maxsize=len(SIZES))
def _rim(size: int) -> list[float]:
    """Coverage of each pixel by the badge's edge, a light line that stands out on a dark panel."""
    line = max(1.0, size / 24)
    return [_coverage(_depth(x, y, size) - line) for y, x in _pixels(size)]


def _depth(x: float, y: float, size: int) -> float:
    """Distance of a point from the rounded square's edge, in pixels; negative outside."""
    radius = size * 0.24
    dx = max(0.0, radius - x, x - (size - radius))
    dy = max(0.0, radius - y, y - (size - radius))
    if dx and dy:
        return radius - math.hypot(dx, dy)
    return min(x, y, size - x, size - y)


@lru_cache(maxsize=4 * len(SIZES))
def _digits(text: str, size: int, is_old: bool) -> list[float]:
    """Coverage of each pixel by ink. An old number is underlined, as `~` marks it in text."""
    wide, tall, gap = (0.2, 0.42, 0.09) if len(text) > 2 else (0.27, 0.5, 0.13)
    half = size * (0.05 if len(text) > 2 else 0.06)
    left = (1 - len(text) * wide - (len(text) - 1) * gap) / 2
    top = (1 - tall) / 2 - (0.06 if is_old else 0)
    lines: list[tuple[Point, Point]] = []
    for place, char in enumerate(text):
        x = left + place * (wide + gap)
        for stroke in _STROKES.get(char, ()):
            points = [((x + wide * px) * size, (top + tall * py) * size) for px, py in stroke]
            lines += itertools.pairwise(points)
    if is_old:
        lines.append(((0.3 * size, 0.84 * size), (0.7 * size, 0.84 * size)))
    made = [0.0] * (size * size)
    for a, b in lines:  # each only where it may reach
        columns = _reach(a[0], b[0], half, size)
        for y in _reach(a[1], b[1], half, size):
            for x in columns:
                made[y * size + x] = max(made[y * size + x], _coverage(_distance(x + 0.5, y + 0.5, a, b) - half))
    return made


def _reach(a: float, b: float, half: float, size: int) -> range:
    return range(max(0, int(min(a, b) - half - 1)), min(size, int(max(a, b) + half + 2)))


def _distance(x: float, y: float, a: Point, b: Point) -> float:
    """Distance of a point from the line between two others."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    long = dx * dx + dy * dy
    t = 0.0 if not long else max(0.0, min(1.0, ((x - a[0]) * dx + (y - a[1]) * dy) / long))
    return math.hypot(x - a[0] - t * dx, y - a[1] - t * dy)


def _coverage(distance: float) -> float:
    """Coverage of a pixel from the distance of its center outside an edge, 0 to 1."""
    return max(0.0, min(1.0, 0.5 - distance))


def _pixels(size: int) -> Iterator[Point]:
    """The middles of all pixels as (y, x), row by row."""
    return ((y + 0.5, x + 0.5) for y in range(size) for x in range(size))
