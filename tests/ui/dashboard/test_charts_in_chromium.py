"""Charts in a real Chromium: pictures and tables of what is shown, tooltips, zoom, and what has no price."""

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard_browser import GONE, Open, wait
from helpers import NOW, Home
from served_dashboard import Served, serving
from tachograph.demo import records


def test_csv_and_png_are_exactly_what_is_shown(served: Served, opened: Open, tmp_path: Path) -> None:
    page = opened(served, "/usage?range=7d")
    for key in ("spend", "where", "models", "calendar", "hours", "caching"):
        with page.expect_download() as came:
            page.click(f"[data-png='{key}']")
        picture = came.value.path().read_bytes()
        assert picture.startswith(b"\x89PNG") and len(picture) > 4_000, key
    with page.expect_download() as came:
        page.click("[data-csv='models']")
    rows = list(csv.DictReader(io.StringIO(came.value.path().read_bytes().decode(), newline="")))
    report = served.home.report("models", "--last", "7")["rows"]
    assert [row["Model"] for row in rows] == [row["model"] for row in report]
    assert [float(row["Cost"]) for row in rows if row["Cost"]] == [
        row["cost_usd"] for row in report if row["cost_usd"] is not None
    ]
    chart = page.locator("#chart-spend")
    chart.focus()
    chart.press("+")
    with page.expect_download() as came:
        page.click("[data-csv='spend']")
    zoomed = list(csv.reader(io.StringIO(came.value.path().read_bytes().decode(), newline="")))
    assert 1 < len(zoomed) - 1 < 7  # the days that are in the picture


COLUMNS = """id => {
    const chart = document.getElementById(id)
    const over = chart.querySelector(".u-over")
    const pen = chart.querySelector("canvas").getContext("2d")
    const { labels } = JSON.parse(chart.dataset.chart)
    const slot = over.clientWidth / labels.length
    return labels.map((_, n) => {
        const x = over.offsetLeft + Math.round((n + 0.5) * slot) - 5
        const { data } = pen.getImageData(x, over.offsetTop + over.clientHeight - 12, 10, 10) // above the line of nothing
        return data.filter((part, place) => place % 4 === 3 && part > 0).length
    })
}"""


@pytest.mark.parametrize("path", ["/usage?range=7d", "/sessions?range=7d"])
def test_what_has_no_price_is_drawn_otherwise_than_nothing(home: Home, opened: Open, path: str) -> None:
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    models = {5: "claude-opus-5-5", 3: "nobody-knows-1", 1: "claude-opus-5-5"}
    for ago, model in models.items():
        line = records.assistant(f"m{ago}", at=NOW - timedelta(days=ago), model=model, session=f"s{ago}", output=9_000)
        home.write(f"p/s{ago}.jsonl", [line])
    home.ingest()
    id = "chart-spend" if path.startswith("/usage") else "chart-session-costs"
    with serving(home) as served:
        page = opened(served, path, expects=GONE)
        columns = page.evaluate(COLUMNS, id)
        places = (0, 2, 4) if id == "chart-spend" else (0, 1, 2)
        known, unknown, known_too = (columns[place] for place in places)
        assert known == known_too == 100 and 10 < unknown < 90  # full, and hatched
        if id == "chart-spend":
            assert columns[1] == columns[3] == 0  # days on which nothing was used
        box = page.locator(f"#{id} .u-over").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * (places[1] + 0.5) / len(columns), box["y"] + 40)
        wait(page, f"document.querySelector('#{id} .u-tip').textContent.includes('no price')")


def test_labels_stay_in_their_cells_and_can_be_read(served: Served, opened: Open) -> None:
    page = opened(served, "/usage")
    for theme in ("light", "dark"):
        page.select_option("#theme", theme)
        found = page.evaluate("""() => [...document.querySelectorAll(".treemap a")].flatMap((part) => {
            const cell = part.querySelector("rect")
            const rgb = (node) => getComputedStyle(node).fill.match(/\\d+/g).map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            const light = (node) => rgb(node).reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0)
            return [...part.querySelectorAll("text")].map((text) => {
                const [a, b] = [light(text), light(cell)].sort((a, b) => b - a)
                return { over: text.getBBox().x + text.getBBox().width - cell.getBBox().x - cell.getBBox().width, contrast: (a + 0.05) / (b + 0.05) }
            })
        })""")
        assert found
        assert max(one["over"] for one in found) <= 0
        assert min(one["contrast"] for one in found) >= 4.2


def test_a_bar_of_a_chart_narrows_the_page_and_a_zoom_shows_the_way_back(served: Served, opened: Open) -> None:
    page = opened(served, "/usage?range=7d")
    page.locator("#chart-spend").scroll_into_view_if_needed()
    box = page.locator("#chart-spend .u-over").bounding_box()
    assert box is not None
    assert not page.locator("#fig-spend [data-unzoom]").is_visible()
    page.mouse.move(box["x"] + 10, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40, steps=4)
    page.mouse.up()
    page.locator("#fig-spend [data-unzoom]").wait_for(state="visible")
    page.click("#fig-spend [data-unzoom]")
    page.locator("#fig-spend [data-unzoom]").wait_for(state="hidden")
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 60)
    page.wait_for_url(re.compile("since=.*until="))


def test_tooltips_have_colors_a_weekday_and_a_total(served: Served, opened: Open) -> None:
    page = opened(served, "/usage?range=7d")
    page.locator("#chart-spend").scroll_into_view_if_needed()
    box = page.locator("#chart-spend .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    wait(page, "document.querySelector('#chart-spend .u-tip .total')?.textContent.startsWith('All')")
    assert re.match(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d", page.inner_text("#chart-spend .u-tip b"))
    assert page.locator("#chart-spend .u-tip .swatch").count() >= 1


def test_titles_say_the_share_of_everything_and_not_of_their_own_filter(served: Served) -> None:
    whole = re.search(r"opus-5-5</a></th>.*?(\d+) %", served.get("/usage?stack=model").text, flags=re.DOTALL)
    text = served.get("/usage?model=claude-opus-5-5").text
    title = re.search(r'id="cap-spend"><h2>opus-5-5 took (\d+) % of what you spent</h2>', text)
    assert whole and title and 0 < int(title[1]) < 100
    both = served.get("/usage?model=claude-opus-5-5&project=/home/ada/code/shop").text
    assert "of what you spent with the other filters" in both


def test_heat_maps_of_a_small_screen_show_the_newest_days(served: Served, opened: Open) -> None:
    page = opened(served, "/usage", width=390)
    box = "document.getElementById('wide-calendar')"
    assert page.evaluate(f"{box}.scrollLeft + {box}.clientWidth >= {box}.scrollWidth - 2")
    assert page.evaluate(
        "document.getElementById('wide-hours').scrollWidth <= document.getElementById('wide-hours').clientWidth + 1"
    )
