"""The tray in Wine's notification area: its icon as it looks there, its menu, its end; a balloon."""

import json
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tachograph.ui.tray import icon
from tachograph.ui.tray.view import Icon
from wine import WindowsHome, until
from xvfb_screen import Colour, Screen

ORANGE, RED = (219, 118, 32), (215, 58, 73)
Box = tuple[int, int, int, int]  # left, top, right, bottom


def status(five: int, week: int) -> bytes:
    now = int(time.time())
    limits = {
        "five_hour": {"used_percentage": five, "resets_at": now + 7200},
        "seven_day": {"used_percentage": week, "resets_at": now + 200_000},
    }
    session = "5ca1ab1e-0000-4000-8000-000000000001"
    return json.dumps(
        {"session_id": session, "model": {"id": "m", "display_name": "M"}, "rate_limits": limits}
    ).encode()


@pytest.fixture(scope="module")
def shown(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowsHome]:
    """A home whose tray is shown: 91 % and 12 %. The tests below use it one after another."""
    home = WindowsHome(tmp_path_factory.mktemp("tray"), screen.display)
    del home.env["TACHOGRAPH_NOW"]
    home.run("statusline", given=status(91, 12))
    home.run("tray")
    until(lambda: badge(screen, ORANGE), "orange icon")
    assert home.run("tray", "status", "--json").json["note"] == "It is shown."
    yield home
    home.run("tray", "stop")
    home.run("stop")


def badge(screen: Screen, color: Colour) -> Box | None:
    """Where an icon of this fill is: the box around pixels near the color."""
    near = [
        (x, y)
        for y, row in enumerate(screen.rows()[2])
        for x, pixel in enumerate(row)
        if all(abs(a - b) < 12 for a, b in zip(pixel, color, strict=True))
    ]
    if len(near) < 30:
        return None
    xs, ys = [x for x, _ in near], [y for _, y in near]
    return min(xs), min(ys), max(xs) + 1, max(ys) + 1


def brightness(pixels: list[list[Colour]]) -> list[float]:
    return [sum(pixel) / 3 for row in pixels for pixel in row]


def correlation(a: list[float], b: list[float]) -> float:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    top = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    return float(top / (sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)) ** 0.5)


def drawn(text: str, level: str, size: int) -> list[list[Colour]]:
    data = icon.argb(Icon(text, level), size)
    pixels = [(data[n + 1], data[n + 2], data[n + 3]) for n in range(0, len(data), 4)]
    return [pixels[y * size : (y + 1) * size] for y in range(size)]


def test_the_icon_is_upright(shown: WindowsHome, screen: Screen) -> None:
    """Its pixels are nearer to the drawing than to the drawing upside down."""
    box = badge(screen, ORANGE)
    assert box
    size = max(box[2] - box[0], box[3] - box[1])
    left, top = box[0], box[1]
    seen = brightness([row[left : left + size] for row in screen.rows()[2][top : top + size]])
    want = drawn("91", "high", size)
    upright, turned = correlation(seen, brightness(want)), correlation(seen, brightness(want[::-1]))
    assert upright > 0.5 and upright > turned + 0.1, (upright, turned)


def test_a_second_tray_says_that_one_is_enough(shown: WindowsHome) -> None:
    assert "already running" in shown.run("tray").stdout


def test_a_notification_is_a_balloon_of_the_tray(shown: WindowsHome, screen: Screen) -> None:
    before = screen.rows()[2]
    assert "sent" in shown.run("alarms", "test").stdout
    until(lambda: changed(before, screen.rows()[2]) > 3000, "balloon")


def test_an_action_of_the_menu_is_carried_out(shown: WindowsHome, screen: Screen) -> None:
    choose(screen, ORANGE, "Up", "Up")  # the last row but one: Start at login
    try:
        until(lambda: shown.run("autostart", "--json").json["is_on"], "autostart")
    finally:
        shown.run("autostart", "off")
    choose(screen, ORANGE, "Up", "Up", "Up")  # Open dashboard
    until((shown.data / "dashboard.json").exists, "dashboard")


def test_a_changed_number_changes_the_icon_and_quit_removes_it(shown: WindowsHome, screen: Screen) -> None:
    shown.run("statusline", given=status(100, 12))
    until(lambda: badge(screen, RED), "red icon")
    choose(screen, RED, "Up")  # the last row: Quit
    until(lambda: shown.run("tray", "status", code=None).code == 1, "end of the tray")
    until(lambda: badge(screen, RED) is None, "area without the icon")
    assert "Traceback" not in (shown.data / "tray.log").read_text()


def test_tray_stop_removes_the_icon(shown: WindowsHome, screen: Screen) -> None:
    shown.run("statusline", given=status(92, 12))
    shown.run("tray")
    until(lambda: badge(screen, RED) or badge(screen, ORANGE), "icon")
    shown.run("tray", "stop")
    until(lambda: not (badge(screen, RED) or badge(screen, ORANGE)), "area without the icon")
    shown.run("tray", "status", code=1)
    shown.run("status")  # the recorder runs on


def changed(before: list[list[Colour]], after: list[list[Colour]]) -> int:
    """Number of pixels that differ."""
    return sum(a != b for one, other in zip(before, after, strict=True) for a, b in zip(one, other, strict=True))


def choose(screen: Screen, color: Colour, *keys: str) -> None:
    """Open the menu of the icon, and choose a row by keys."""
    box = until(lambda: badge(screen, color), "icon")
    before = screen.rows()[2]
    pointer(screen, (box[0] + box[2]) // 2, (box[1] + box[3]) // 2, "3")
    until(lambda: changed(before, screen.rows()[2]) > 5000, "menu")
    pointer(screen, 0, 0, None, *keys, "Return")


def pointer(screen: Screen, x: int, y: int, button: str | None, *keys: str) -> None:
    """Click at a place, or press keys."""
    env = {"DISPLAY": screen.display, "PATH": os.environ["PATH"]}
    if button is not None:
        subprocess.run(["xdotool", "mousemove", str(x), str(y), "click", button], env=env, check=True)
    for key in keys:
        subprocess.run(["xdotool", "key", key], env=env, check=True)
        time.sleep(0.3)
