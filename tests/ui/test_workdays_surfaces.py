"""The four invented workdays say the same percent, source and state on the command line, the page, the tray and `watch`."""

import asyncio
import html
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers import command
from linux_desktop import Panel, session_bus, tray, until
from tmux_terminal import terminal
from workday import Day

pytestmark = pytest.mark.slow
MOMENTS = [
    ("tuesday", "10:45"), ("tuesday", "11:05"), ("tuesday-max", "12:15"), ("tuesday-max", "13:45"),
    ("friday", "15:25"), ("sunday", "14:05"),
]  # fmt: skip


def _on_the_page(text: str) -> dict[str, tuple[float, str]]:
    """Percent and source of each limit by its name."""
    found = {}
    for row in re.findall(r'<li class="limit [^"]*" id=.*?</li>', text, flags=re.DOTALL):
        name = html.unescape(re.search(r'class="name">([^<]*)', row)[1])  # type: ignore[index]
        value = re.search(r'data-percent="([^"]*)" data-source="([^"]*)"', row)
        assert value is not None
        found[name] = (float(value[1]), value[2])
    return found


@pytest.mark.parametrize(("name", "clock"), MOMENTS)
def test_every_surface_says_the_same(tmp_path: Path, name: str, clock: str) -> None:
    day = Day(tmp_path, name, clock)
    (account,) = day.json("now")["accounts"]
    limits: list[dict[str, Any]] = [one for one in account["limits"] if one["percent"] is not None]
    assert len(limits) > 1
    watched = day.home.run("watch", "--once").stdout
    menu = day.tray()
    tray = "\n".join(row.text for top in menu.rows for row in (top, *top.children))
    line = day.home.run("statusline").stdout
    with day.page() as served:
        page = served.get("/").text
        assert served.data("/api/now")["accounts"][0]["limits"] == account["limits"]
    shown = _on_the_page(page)
    for limit in limits:
        label, percent = limit["label"], round(limit["percent"])
        assert shown[label] == (limit["percent"], limit["source"]), label
        assert re.search(rf"{re.escape(label)}\s+\S*\s*~?{percent} %", watched), (label, watched)
        assert re.search(rf"{re.escape(label)}\s+~?{percent} %", tray), (label, tray)
        assert re.search(rf"{re.escape(label)}\s+\S+\s+~?{percent} %", day.screen), (label, day.screen)
    five = next(one for one in limits if one["key"] == "five_hour")
    assert f"5h {round(five['percent'])} %" in line
    assert day.json("now")["headline"] == re.sub(" [▲■]", "", menu.plain_title)
    is_refused = five["state"] == "wall"
    assert ("■" in watched) == ("■" in tray) == ("■" in day.screen) == is_refused
    assert (menu.icon.level == "wall") == is_refused


def _known_limits(day: Day) -> list[dict[str, Any]]:
    return [one for one in day.json("now")["accounts"][0]["limits"] if one["percent"] is not None]


@pytest.mark.parametrize(("name", "clock"), MOMENTS)
def test_live_watch_in_a_terminal_says_the_same(tmp_path: Path, name: str, clock: str) -> None:
    day = Day(tmp_path, name, clock)
    limits = _known_limits(day)
    wanted = [rf"{re.escape(one['label'])}\s.*?{round(one['percent'])} ?%" for one in limits]
    with terminal({**day.home.env, "PATH": "/usr/bin:/bin"}, 140, 40) as screen:
        screen.type(f"{command()} watch")
        screen.wait(lambda lines: all(re.search(one, "\n".join(lines)) for one in wanted), str(wanted), 60.0)
        screen.key("q")


@pytest.mark.desktop
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the tray of Linux")
@pytest.mark.parametrize(("name", "clock"), MOMENTS)
def test_the_trays_menu_on_the_bus_says_the_same(tmp_path: Path, name: str, clock: str) -> None:
    day = Day(tmp_path, name, clock)
    limits = _known_limits(day)

    async def run(env: dict[str, str]) -> None:
        panel = await Panel.open(env["DBUS_SESSION_BUS_ADDRESS"])
        with tray(env):
            await until(lambda: panel.item, "the tray's item", 60.0)
            rows = "\n".join(await panel.layout())
            for one in limits:
                assert re.search(rf"{re.escape(one['label'])}\s+~?{round(one['percent'])} %", rows), (
                    one["label"],
                    rows,
                )
        panel.close()

    with session_bus(tmp_path) as (address, _):
        asyncio.run(run({**day.home.env, "DBUS_SESSION_BUS_ADDRESS": address, "XDG_CONFIG_HOME": str(tmp_path / "c")}))
