"""*What drives it*: the numbers of `drivers`, rows that narrow the page, groups in the chart, and both screens in a browser."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

from chromium import plain, until
from helpers import NOW, Home
from served_dashboard import Served, serving
from tachograph.demo.records import assistant
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import load
from tachograph.queries.usage import drivers as one_by_one
from tachograph.queries.usage.named_drivers import named_drivers
from tachograph.queries.usage.rows import SpendQuery
from tachograph.ui.dashboard.pages import drivers

AXE = Path(__file__).parents[3] / "benchmarks" / "out" / "npm" / "node_modules" / "axe-core" / "axe.min.js"


def _rows(text: str) -> dict[str, list[tuple[str, str]]]:
    """Cells of each row of the section, by its first one: text and exact value."""
    table = re.search(r'<table id="t-drivers[^>]*>.*?</table>', text, flags=re.DOTALL)
    assert table is not None
    found = {}
    for row in re.findall(r"<tr id=.*?</tr>", table[0], flags=re.DOTALL):
        cells = re.findall(r"<(t[hd])([^>]*)>(.*?)</\1>", row, flags=re.DOTALL)
        values = [re.search(r'data-value="([^"]*)"', attributes) for _, attributes, _ in cells]
        plain_cells = [
            (html.unescape(re.sub(r"<[^>]*>", "", words)), value[1] if value else "")
            for (_, _, words), value in zip(cells, values, strict=True)
        ]
        found[plain_cells[0][0]] = plain_cells
    return found


def test_the_section_shows_the_numbers_of_the_command(served: Served) -> None:
    rows = _rows(served.get("/usage?range=7d").text)
    said: Any = served.home.report("drivers", "--last", "7", "--no-ingest")
    by_name = {f"MCP server {row['name']}": row for row in said["rows"] if row["driver"] == "mcp" and row["name"]}
    by_name["context over 150 k"] = next(row for row in said["rows"] if row["driver"] == "long_context")
    shared = rows.keys() & by_name.keys()
    assert len(shared) > 1
    for name in shared:
        cost, advice = rows[name][2], rows[name][-1][0]
        assert float(cost[1]) == pytest.approx(by_name[name]["cost_usd"]), name
        assert advice == (by_name[name]["advice"] or ""), name


def test_a_row_narrows_the_page_to_its_messages(served: Served) -> None:
    text = served.get("/usage?range=7d").text
    link = re.search(r'<a href="(/usage\?[^"]*skill=[^"]*)"', text)
    assert link is not None
    narrowed = served.get(html.unescape(link[1])).text
    name = next(words for words in _rows(text) if words.startswith("skill "))
    assert name in html.unescape(narrowed)
    cost = _rows(text)[name][2]
    assert cost[0] in narrowed
    assert served.data(f"/api/totals?{html.unescape(link[1]).partition('?')[2]}")["totals"][
        "cost_usd"
    ] == pytest.approx(float(cost[1]))


@pytest.mark.parametrize("stack", ["agent", "skill", "plugin", "mcp", "effort", "entrypoint", "speed"])
def test_the_chart_is_stacked_by_every_dimension(served: Served, stack: str) -> None:
    text = served.get(f"/usage?range=7d&stack={stack}").text
    assert f"stacked by {stack}" in text
    assert "unknown page" not in text
    spent = served.data(f"/api/spend?range=7d&along={stack}")
    assert sum(row["messages"] for row in spent["rows"]) == spent["totals"]["messages"]


def test_a_name_from_outside_stays_text(home: Home) -> None:
    name = "<img src=x onerror=alert(1)>"
    home.data.mkdir(mode=0o700, exist_ok=True)
    home.write("p/s.jsonl", [assistant("A", at=NOW, attributionSkill=name, effort=name)])
    home.ingest()
    with serving(home) as served:
        for path in ("/usage", "/usage?stack=skill", f"/usage?skill={name.replace(' ', '%20')}"):
            text = served.get(path).text
            assert "<img" not in text
            assert "skill &lt;img" in text


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_section_fits_the_screen_and_axe_finds_nothing(
    served: Served, width: int, scheme: Any, tmp_path: Path
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not here")
    with plain() as browser:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
        served.let_in(context)
        page = context.new_page()
        page.goto(f"{served.origin}/usage?range=7d")
        page.wait_for_selector("table[id^=t-drivers] tbody tr")
        until(lambda: page.evaluate("document.documentElement.hasAttribute('data-ready')"), 60, "the page is ready")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        box = page.locator("table[id^=t-drivers]").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert page.locator("table[id^=t-drivers] td.words:visible").count() > 0
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {rules: {'target-size': {enabled: true}}})")
        assert [one["id"] for one in found["violations"]] == []
        context.close()


def test_a_range_of_very_many_messages_shows_what_records_name_and_says_what_it_leaves_out(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _rows(served.get("/usage?range=30d").text)
    monkeypatch.setattr(drivers, "_MOST_MESSAGES", 10)
    text = served.get("/usage?range=30d").text
    assert "more than a page reads one by one" in text
    assert "Long context, parallel sessions, cache rebuilds and points need a shorter range" in text
    named = _rows(text)
    assert {"skill", "MCP", "program"} <= {name.split()[0] for name in named}
    assert not any(name.startswith(("context over", "cache rebuilds")) for name in named)
    for name, cells in named.items():
        assert cells[1] == whole[name][2], name  # the cost, to the last digit
    link = re.search(r'<a href="(/usage\?[^"]*skill=[^"]*)"', text)
    assert link is not None and "range=30d" not in link[1]  # the default range is in no address


@pytest.mark.parametrize("flags", [{}, {"models": ("claude-opus-5-5",)}, {"ways": (("agent", ("subagents",)),)}])
def test_sums_of_quarter_hours_and_messages_give_the_same_named_drivers(served: Served, flags: dict[str, Any]) -> None:
    query = SpendQuery("day", Span(None, None), **flags)
    with served.home.ledger() as ledger:
        book = load({})[0]
        exact = one_by_one.drivers(ledger.db, book, query)
        quick = named_drivers(ledger.db, book, query)
    assert quick.total == exact.total
    kept = {(row.kind, row.name): row for row in exact.rows}
    assert {(row.kind, row.name) for row in quick.rows} == {
        kind for kind in kept if kind[0] not in ("long_context", "parallel_sessions", "cache_rebuilds")
    }
    for row in quick.rows:
        other = kept[row.kind, row.name]
        assert (row.spend, row.share, row.model) == (other.spend, other.share, other.model), (row.kind, row.name)


def test_messages_without_a_time_are_a_part_of_everything(home: Home) -> None:
    home.data.mkdir(mode=0o700, exist_ok=True)
    undated = assistant("B", at=NOW, effort="high", output=5_000)
    del undated["timestamp"]
    home.write("p/s.jsonl", [assistant("A", at=NOW, effort="high", output=1_000), undated])
    home.ingest()
    query = SpendQuery("day", Span(None, None))
    with home.ledger() as ledger:
        book = load({})[0]
        for found in (one_by_one.drivers(ledger.db, book, query), named_drivers(ledger.db, book, query)):
            assert found.total.tokens.messages == 2 and found.total.tokens.output == 6_000
            high = found.row("effort", "high")
            assert high is not None and high.spend.tokens.output == 6_000
