"""The four invented workdays say the same percent, source and state on the command line, the page, the tray and `watch`."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

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
