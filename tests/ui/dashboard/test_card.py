"""The card, the tables of what drives usage and of other models, and *Share*: on small and large screens, light and dark, with the
numbers that programs get."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from chromium import until
from helpers import Home
from served_dashboard import Served

pytestmark = pytest.mark.slow
ROWS = """id => [...document.querySelectorAll(`#${id} tbody tr`)].map((row) =>
    [...row.cells].map((cell) => [cell.textContent.trim(), cell.dataset.value ?? ""]))"""
DRAWN = """
window.drawn = []
const plain = CanvasRenderingContext2D.prototype.fillText
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
    window.drawn.push(String(text))
    return plain.call(this, text, ...rest)
}
"""


@pytest.fixture(scope="module")
def friday(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of the demo's Friday, 15:25."""
    root = tmp_path_factory.mktemp("friday")
    home = Home(root)
    said = home.run("demo", "--scenario", "friday", "--at", "15:25", "--keep", str(root / "kept"), "now").stderr
    line = next(line for line in said.splitlines() if "TACHOGRAPH_NOW=" in line)
    home.env |= dict(word.split("=", 1) for word in line.split() if "=" in word)
    served = Served(home, int(home.env["TACHOGRAPH_NOW"]))
    yield served
    served.stop()


@pytest.fixture(params=[(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")], ids=str)
def usage(request: pytest.FixtureRequest, friday: Served, chromium: Browser) -> Iterator[Page]:
    """*Usage* on a screen."""
    width, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB")
    friday.let_in(context)
    context.add_init_script(DRAWN)
    page = context.new_page()
    page.goto(f"{friday.origin}/usage?range=7d")
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()


def _json(served: Served, *command: str) -> Any:
    return served.home.run(*command, "--json", "--no-ingest").json


def test_card_and_tables_fit_the_screen_and_show_the_numbers_of_the_commands(friday: Served, usage: Page) -> None:
    assert usage.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for selector in ("#card", "table#what-if", "table[id^=t-drivers]"):
        box = usage.locator(selector).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= usage.evaluate("innerWidth"), selector
    why = _json(friday, "why")
    bars = dict(re.findall(r"(\S+)\n+(\d+) points?", usage.inner_text("#card .bars")))
    largest = {one["name"]: round(one["points"]["value"]) for one in why["models"] if one["points"]["value"] >= 1}
    assert {name: int(points) for name, points in bars.items() if name in largest} == largest
    top = why["models"][0]
    assert f"{top['name']} burned {round(100 * top['share']['value'])} %" in usage.inner_text(".card-sentence")

    mixes = {row["name"]: row for row in _json(friday, "what-if")["mixes"]}
    shown = {cells[0][0]: cells for cells in usage.evaluate(ROWS, "what-if")}
    assert shown.keys() == mixes.keys()
    for name, cells in shown.items():
        for cell, key in ((cells[1], "ends_at_percent"), (cells[3], "next_week_percent")):
            assert float(cell[1]) == pytest.approx(mixes[name][key]["value"], abs=0.01), (name, key)

    drivers = _json(friday, "drivers", "--last", "7")["rows"]
    costs = {round(row["cost_usd"], 6) for row in drivers if row["cost_usd"] is not None}
    rows = usage.evaluate(ROWS, usage.locator("table[id^=t-drivers]").get_attribute("id"))
    assert len(rows) > 5
    for cells in rows:
        assert round(float(cells[2][1]), 6) in costs, cells[0]


def test_what_is_shared_names_no_project_session_branch_or_person(friday: Served, usage: Page, tmp_path: Path) -> None:
    shared = usage.get_attribute("[data-share]", "data-share") or ""
    copied = usage.get_attribute("#card [data-copy]", "data-copy") or ""
    usage.evaluate("window.drawn.length = 0")
    with usage.expect_download() as download:
        usage.click("#card [data-share]")
    picture = tmp_path / "card.png"
    download.value.save_as(picture)
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5_000
    until(lambda: usage.evaluate("window.drawn.length > 3"), 60, "the picture has words")
    drawn = " ".join(usage.evaluate("window.drawn"))
    assert "opus-5-5" in drawn and "opus-5-5" in copied and "opus-5-5" in shared
    sessions = _json(friday, "sessions", "--last", "400")["rows"]
    names = {row[key] for row in sessions for key in ("title", "branch", "session") if row[key]}
    names |= {row["project"] for row in _json(friday, "projects", "--last", "400")["rows"] if row["project"]}
    assert len(names) > 50
    for name in {*names, "ada", "example.org", "/home/"}:
        for text in (shared, copied, drawn, picture.read_bytes().decode("latin-1")):
            assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text), name
