"""The icon: readable whatever panel it stands on."""

import pytest

from tachograph.ui.tray.icon import ORANGE, RED, SIZES, argb, bgra
from tachograph.ui.tray.view import Icon

LIGHT, DARK = (245, 245, 245), (36, 38, 44)
ICONS = [Icon("47", "ok"), Icon("90", "high"), Icon("100", "wall"), Icon("61", "stale"), Icon("–", "unknown")]


def pixels(icon: Icon, size: int) -> list[tuple[int, ...]]:
    data = argb(icon, size)
    assert len(data) == 4 * size * size
    return [tuple(data[n : n + 4]) for n in range(0, len(data), 4)]


def brightness(colour: tuple[int, ...]) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [c / 255 for c in colour]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    low, high = sorted((brightness(a), brightness(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("icon", ICONS, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_digits_stand_out_from_the_badge_and_the_badge_from_the_panel(icon: Icon, size: int) -> None:
    solid = [colour for alpha, *colour in pixels(icon, size) if alpha == 255]
    fill = max({tuple(c) for c in solid}, key=lambda c: solid.count(list(c)))
    ink = max(solid, key=lambda colour: contrast(tuple(colour), fill))
    assert contrast(tuple(ink), fill) >= 4.4
    middle = size // 2
    rim = pixels(icon, size)[middle * size][1:]
    for panel in (LIGHT, DARK):  # either the badge or its rim is seen on it
        assert max(contrast(fill, panel), contrast(rim, panel)) >= 3
    inked = sum(1 for colour in solid if contrast(tuple(colour), fill) > 3)
    assert inked >= (0.02 if icon.text == "–" else 0.08) * size * size


def test_the_colours_are_those_of_the_meter() -> None:
    for icon, colour in ((ICONS[1], ORANGE), (ICONS[2], RED)):
        assert (255, *colour) in pixels(icon, 48)
    assert ORANGE == (219, 118, 32) and RED == (215, 58, 73)


def test_corners_are_transparent() -> None:
    for size in SIZES:
        assert pixels(ICONS[0], size)[0][0] == 0


def test_each_number_looks_different() -> None:
    assert len({argb(Icon(str(n), "ok"), 22) for n in range(101)}) == 101


def test_windows_gets_the_same_upside_down() -> None:
    icon, size = ICONS[1], 32
    ours, theirs = argb(icon, size), bgra(icon, size)
    a, r, g, b = ours[4 * 16 : 4 * 17]  # in the top row
    row = theirs[-4 * size :]
    assert tuple(row[4 * 16 : 4 * 17]) == (b * a // 255, g * a // 255, r * a // 255, a)
