"""The tray in Wine's notification area: its icon as it looks there, its menu, its end; a balloon."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wine
from tachograph.ui.tray import icon
from tachograph.ui.tray.view import Icon
from wine import WindowsHome
from xvfb_screen import Box, Colour, Screen

ORANGE, RED = (219, 118, 32), (215, 58, 73)
AREA: Box = (300, 478, 700, 500)  # the right of the task bar (tools/windows/prepare.py sets the desktop's size)
ABOVE: Box = (0, 0, 700, 478)  # where menus and balloons open
QUIT, START_AT_LOGIN, OPEN_DASHBOARD = 1, 2, 3  # rows of the menu, from its lower end
MENU_ROWS = 9  # at least


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


class Desk:
    """A home whose tray runs, and the screen that shows it."""

    def __init__(self, home: WindowsHome, screen: Screen) -> None:
        self.home, self.screen = home, screen

    def until(self, check: Callable[[], Any], what: str) -> Any:
        return wine.until(check, what, details=self.details)

    def details(self) -> str:
        """State and log of the tray, and the colors in the notification area."""
        log = self.home.data / "tray.log"
        colors = {pixel for row in self.screen.rows(AREA)[2] for pixel in row}
        return "\n".join(
            (
                self.home.run("tray", "status", "--json", code=None).stdout,
                log.read_text() if log.exists() else "no tray.log",
                f"{len(colors)} colors in the area: {sorted(colors)[:40]}",
                f"windows: {wine.x_windows(self.screen.display)!r}",
            )
        )

    def start(self, five: int) -> None:
        """Start the tray, and wait until its icon is there."""
        assert not self.badge(), self.details()
        self.home.run("statusline", given=status(five, 12))
        self.home.run("tray")
        self.until(lambda: self.note() == "It is shown.", "tray that says it is shown")
        self.until(self.badge, "icon")

    def note(self) -> str:
        return str(self.home.run("tray", "status", "--json", code=None).json["note"])

    def is_running(self) -> bool:
        return self.home.run("tray", "status", code=None).code == 0

    def badge(self, *colors: Colour) -> Box | None:
        """Where an icon of this fill (default: orange or red) is: the box around pixels near the color."""
        left, top, *_ = AREA
        near = [
            (left + x, top + y)
            for y, row in enumerate(self.screen.rows(AREA)[2])
            for x, pixel in enumerate(row)
            if any(all(abs(a - b) < 12 for a, b in zip(pixel, color, strict=True)) for color in colors or (ORANGE, RED))
        ]
        if len(near) < 30:
            return None
        xs, ys = [x for x, _ in near], [y for _, y in near]
        return min(xs), min(ys), max(xs) + 1, max(ys) + 1

    def choose(self, row: int) -> None:
        """Open the menu of the icon, and choose a row, counted from the lower end."""
        box = self.until(self.badge, "icon")
        self.pointer("mousemove", (box[0] + box[2]) // 2, (box[1] + box[3]) // 2)
        time.sleep(0.5)
        before = self.screen.rows(ABOVE)[2]
        self.pointer("click", 3)
        x, lines = self.until(lambda: menu_lines(before, self.screen.rows(ABOVE)[2]), "menu")
        self.pointer("mousemove", x, lines[-row])
        time.sleep(0.5)
        self.pointer("click", 1)
        self.pointer("mousemove", 20, 20)
        self.until(lambda: not menu_lines(before, self.screen.rows(ABOVE)[2]), "end of the menu")

    def pointer(self, *what: object) -> None:
        env = {"DISPLAY": self.screen.display, "PATH": os.environ["PATH"]}
        subprocess.run(["xdotool", *map(str, what)], env=env, check=True)


@pytest.fixture(scope="module")
def desk(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A tray that is shown: 91 % and 12 %. The tests below use it one after another."""
    home = WindowsHome(tmp_path_factory.mktemp("tray"), screen.display)
    del home.env["TACHOGRAPH_NOW"]
    made = Desk(home, screen)
    home.run("notifications", "off")  # a balloon of the recorder would cover the menu
    made.start(91)
    yield made
    home.run("tray", "stop")
    home.run("stop")


@pytest.fixture
def shown(desk: Desk) -> Desk:
    """The same, also after a test that ended the tray or failed."""
    if not desk.is_running():
        desk.until(lambda: not desk.badge(), "area without the icon")
        desk.start(91)
    return desk


def menu_lines(before: list[list[Colour]], after: list[list[Colour]]) -> tuple[int, list[int]] | None:
    """Where rows of a menu lie that has opened: a column for clicks, and the middle of each line of text."""
    rows = [
        [x for x, (a, b) in enumerate(zip(*pair, strict=True)) if a != b] for pair in zip(before, after, strict=True)
    ]
    wide = [row for row in rows if len(row) > 200]
    if len(wide) < 100:
        return None
    left = sorted(row[0] for row in wide)[len(wide) // 2]
    lines = list[list[int]]()  # first and last row of pixels
    for y, row in enumerate(after):
        text = [sum(pixel) for pixel in row[left + 20 : left + 80]]
        if len(rows[y]) <= 200 or min(text) > 600 or max(text) < 700:  # a separator is dark all along
            continue
        if lines and y - lines[-1][1] < 4:
            lines[-1][1] = y
        else:
            lines.append([y, y])
    return (left + 40, [(top + bottom) // 2 for top, bottom in lines]) if len(lines) >= MENU_ROWS else None


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


def test_the_icon_is_upright(shown: Desk) -> None:
    """Its pixels are nearer to the drawing than to the drawing upside down."""
    box = shown.badge(ORANGE)
    assert box, shown.details()
    left, top = box[:2]
    size = max(box[2] - left, box[3] - top)
    seen = brightness(shown.screen.rows((left, top, left + size, top + size))[2])
    want = drawn("91", "high", size)
    upright, turned = correlation(seen, brightness(want)), correlation(seen, brightness(want[::-1]))
    assert upright > 0.5 and upright > turned + 0.1, (upright, turned)


def test_a_second_tray_says_that_one_is_enough(shown: Desk) -> None:
    assert "already running" in shown.home.run("tray").stdout


def test_a_notification_is_a_balloon_of_the_tray(shown: Desk) -> None:
    before = shown.screen.rows(ABOVE)[2]
    assert "sent" in shown.home.run("alarms", "test").stdout
    shown.until(lambda: changed(before, shown.screen.rows(ABOVE)[2]) > 3000, "balloon")
    shown.until(lambda: changed(before, shown.screen.rows(ABOVE)[2]) < 300, "end of the balloon")


def test_an_action_of_the_menu_is_carried_out(shown: Desk) -> None:
    shown.choose(START_AT_LOGIN)
    try:
        shown.until(lambda: shown.home.run("autostart", "--json").json["is_on"], "autostart")
    finally:
        shown.home.run("autostart", "off")
    assert not (shown.home.data / "dashboard.json").exists()
    shown.choose(OPEN_DASHBOARD)
    shown.until((shown.home.data / "dashboard.json").exists, "dashboard")


def test_a_changed_number_changes_the_icon_and_quit_removes_it(shown: Desk) -> None:
    shown.home.run("statusline", given=status(100, 12))
    shown.until(lambda: shown.badge(RED), "red icon")
    shown.choose(QUIT)
    shown.until(lambda: not shown.is_running(), "end of the tray")
    shown.until(lambda: not shown.badge(), "area without the icon")
    assert "Traceback" not in (shown.home.data / "tray.log").read_text()


def test_tray_stop_removes_the_icon(shown: Desk) -> None:
    shown.home.run("tray", "stop")
    shown.until(lambda: not shown.badge(), "area without the icon")
    shown.home.run("tray", "status", code=1)
    shown.home.run("status")  # the recorder runs on


def test_tray_stop_ends_the_tray_of_its_own_data_folder_only(shown: Desk, home: WindowsHome) -> None:
    del home.env["TACHOGRAPH_NOW"]
    home.run("tray")
    home.run("tray", "stop")
    home.run("tray", "status", code=1)
    home.run("stop")
    assert shown.is_running() and shown.badge(), shown.details()


def changed(before: list[list[Colour]], after: list[list[Colour]]) -> int:
    """Number of pixels that differ."""
    return sum(a != b for one, other in zip(before, after, strict=True) for a, b in zip(one, other, strict=True))
