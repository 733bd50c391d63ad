"""The pages in a real Chromium: views and their addresses, the keyboard, nothing that axe objects to, no page wider than
its screen, names from elsewhere as plain text."""

import json
from pathlib import Path
from typing import Any

import pytest

from dashboard_browser import EVERY, GONE, Open, wait
from helpers import NOW, Home
from served_dashboard import PAGES, SESSION, Served, serving
from tachograph.demo import records

ROOT = Path(__file__).parents[3]
AXE = ROOT / "benchmarks" / "out" / "npm" / "node_modules" / "axe-core" / "axe.min.js"


# -- addresses, filters ----------------------------------------------------------------------------------------


def test_reload_back_and_a_shared_link_give_the_same_view(served: Served, opened: Open) -> None:
    page = opened(served, "/usage")
    page.click("a:text-is('90 days')")
    page.wait_for_url("**/usage?range=90d")
    wait(page, "document.querySelector('#question').textContent.startsWith('Last 90 days')")
    page.select_option("#f-project", "/home/ada/code/shop")
    wait(page, "document.querySelector('#question').textContent.includes('shop')")
    page.click("a:text-is('token class')")
    wait(page, "document.querySelector('[aria-label=\"Stacked by\"] a[aria-current]').textContent === 'token class'")
    shown, address = page.inner_text("#blocks"), page.url
    assert "range=90d" in address and "project=" in address and "stack=class" in address
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#blocks") == shown
    other = opened(served, address.removeprefix(served.origin))
    assert other.inner_text("#blocks") == shown
    page.go_back()
    page.go_back()
    wait(page, "document.querySelector('#question').textContent.startsWith('Last 90 days · all projects')")
    page.click(".treemap a >> nth=0")
    wait(page, "document.querySelectorAll('.chips li').length === 2")
    page.click(".chips .clear")
    wait(page, "!document.querySelector('.chips')")


def test_a_day_of_the_calendar_and_custom_days_narrow_the_page(served: Served, opened: Open) -> None:
    page = opened(served, "/usage")
    page.click("#custom-range > summary")
    page.fill("#since", "2026-11-03")
    page.fill("#until", "2026-11-09")
    page.click("button[name=go]")
    wait(page, "document.querySelector('#question').textContent.startsWith('3 Nov to 9 Nov')")
    wanted = served.home.report("daily", "--since", "2026-11-03", "--until", "2026-11-09")["totals"]
    assert float(page.get_attribute("#total-cost", "data-value") or 0) == wanted["cost_usd"]


def test_words_that_are_typed_find_sessions_and_hide_rows(served: Served, opened: Open) -> None:
    page = opened(served, "/sessions")
    page.fill("#find", SESSION[:8])
    wait(page, "document.querySelectorAll('#sessions tbody tr').length === 1")
    assert f"find={SESSION[:8]}" in page.url
    page = opened(served, "/limits")
    rows = page.locator("#windows tbody tr:visible")
    whole = rows.count()
    page.fill("#find", "7-day")
    assert 0 < rows.count() < whole


def test_a_long_list_holds_what_is_looked_at(home: Home, opened: Open) -> None:
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    lines: list[Any] = []
    for n in range(3000):
        id = f"{n:08d}-0000-4000-8000-000000000000"
        lines += [
            records.title(f"Session {n:04d}", session=id),
            records.assistant(f"m{n}", at=NOW, session=id, output=100),
        ]
    home.write("p/many.jsonl", lines)
    home.ingest()
    with serving(home) as served:
        page = opened(served, "/sessions?sort=name", expects=GONE)
        assert "3,000 sessions" in page.inner_text("#b-list h2")
        count = "document.querySelectorAll('#sessions tbody tr[id]').length"
        assert page.evaluate(count) <= 300
        page.evaluate("document.getElementById('sessions-scroll').scrollTop = 1e9")
        wait(page, "document.querySelector('#sessions').textContent.includes('Session 2999')")
        assert page.evaluate(count) <= 420
        page.evaluate("document.getElementById('sessions-scroll').scrollTop = 50000")
        wait(
            page,
            "[...document.querySelectorAll('#sessions tbody tr[id]')].some((row) => { const box = row.getBoundingClientRect(); return box.top > 300 && box.top < 700 })",
        )
        assert page.evaluate(count) <= 420


# -- by keyboard, for everybody --------------------------------------------------------------------------------


def test_everything_goes_by_keyboard(served: Served, opened: Open) -> None:
    page = opened(served, "/usage")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("2")
    page.wait_for_url("**/usage?range=7d")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.keyboard.press("Control+k")
    page.keyboard.type(SESSION[:8])
    wait(page, "document.querySelectorAll('#palette-list li').length === 1")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sessions/{SESSION}")
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/limits")
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "TR"


@pytest.mark.parametrize("path", EVERY)
def test_axe_objects_to_nothing_and_nothing_is_wider_than_its_screen(served: Served, opened: Open, path: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not here: tools/test_needs.sh gets it from npm")
    page = opened(served, path)
    page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (1440, 768, 390, 360):
            page.set_viewport_size({"width": width, "height": 800})
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, f"{scheme} {width}"
            if width == 768:
                continue
            found = page.evaluate(
                "axe.run({ resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } })"
            )["violations"]
            assert not found, (scheme, width, [(v["id"], [n["html"][:160] for n in v["nodes"][:3]]) for v in found])


# -- settings, foreign names, small screens -----------------------------------------------------------------------


def test_what_is_switched_on_the_settings_page_is_switched(served: Served, opened: Open) -> None:
    page = opened(served, "/settings")
    page.click("[data-do=alarms]")
    wait(page, "document.querySelector('[data-do=alarms]').textContent === 'Switch on'")
    assert json.loads(served.home.run("status", "--json", code=None).stdout)["alarms"] is False
    page.click("[data-do=alarms]")
    wait(page, "document.querySelector('[data-do=alarms]').textContent === 'Switch off'")


def test_names_from_elsewhere_make_no_element_and_break_no_rule(home: Home, opened: Open) -> None:
    home.data.mkdir(mode=0o700, exist_ok=True)
    names = (
        "<img src=x onerror=document.title='owned'>",
        '"><svg onload=document.title="owned">',
        "</script><script>document.title='owned'</script>",
    )
    for n, name in enumerate(names):
        id = f"{n:08d}-0000-4000-8000-000000000000"
        where: dict[str, Any] = {"session": id, "cwd": f"/home/{name}", "branch": name}
        home.write(
            f"p/{n}.jsonl",
            [records.title(name, session=id), records.assistant(f"m{n}", at=NOW, model=f"claude-{name}", **where)],
        )
    home.ingest()
    with serving(home) as served:
        for path in (*PAGES, "/usage?stack=branch", "/sessions/00000000-0000-4000-8000-000000000000"):
            page = opened(served, path, expects=GONE)  # a rule of the page that is broken is said on the console
            assert (
                page.evaluate("document.querySelectorAll('#blocks img, #blocks script, [onerror], [onload]').length")
                == 0
            )
            page.keyboard.press("Control+k")
            wait(page, "document.querySelectorAll('#palette-list li').length > 6")
            assert page.evaluate("document.querySelectorAll('#palette img, #palette svg').length") == 0
            assert page.title() != "owned"  # a refresh writes the session's own title there, as text
            if page.locator("[data-chart]").count():
                page.hover("[data-chart] >> nth=0", force=True)


def test_a_small_screen_shows_every_page_and_every_column(served: Served, opened: Open) -> None:
    for path in PAGES:
        page = opened(served, path, width=360)
        nav = page.locator(".rail nav")
        assert nav.evaluate("(one) => one.scrollWidth <= one.clientWidth"), path
        for place in nav.locator("a").all():
            box = place.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
        assert page.evaluate("document.querySelector('.rail').offsetHeight") < 160, path
    page = opened(served, "/limits", width=360)
    assert page.evaluate("(one => one.scrollWidth <= one.clientWidth)(document.getElementById('box-windows'))")
    page = opened(served, "/sessions", width=360)
    scrolls = "(one => one.scrollHeight > one.clientHeight && getComputedStyle(one).overflowY !== 'visible')"
    assert not page.evaluate(f"{scrolls}(document.getElementById('sessions-scroll'))")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    wait(page, "!document.querySelector('#sessions tbody.gap')")


def test_words_are_found_where_there_is_a_table(served: Served, opened: Open, home: Home) -> None:
    for path in ("/", "/settings"):
        assert not opened(served, path).locator("#find").count(), path
    assert opened(served, "/usage").locator("#find").is_visible()
    home.data.mkdir(mode=0o700, exist_ok=True)
    with serving(home) as empty:
        for path in ("/usage", "/limits"):
            assert not opened(empty, path, expects=GONE).locator("#find").is_visible(), path


@pytest.mark.parametrize("width", [390, 1440])
def test_the_card_says_what_used_the_week_steps_back_and_is_shared_without_names(
    served: Served, opened: Open, tmp_path: Path, width: int
) -> None:
    page = opened(served, "/usage?week=1", width=width)
    assert page.locator("#blocks > .block").first.get_attribute("id") == "b-card"
    why = json.loads(served.home.run("why", "--week", "1", "--json").stdout)
    top = why["by_model"][0]["model"].removeprefix("claude-") if "by_model" in why else ""
    sentence = page.inner_text(".card-sentence")
    assert top in sentence and "%" in sentence
    title = page.inner_text("#card h2")
    assert title.startswith("Last limit week (")
    names = ("ada", "shop", "thesis", "infra", "api-gateway", "café-karte", "notes")
    shared = page.get_attribute("[data-share]", "data-share") or ""
    copied = page.get_attribute("#card [data-copy]", "data-copy") or ""
    assert sentence in shared and sentence in copied
    for name in names:
        assert name not in shared.lower() and name not in copied.lower()
    with page.expect_download() as download:
        page.click("#card [data-share]")
    picture = tmp_path / "card.png"
    download.value.save_as(picture)
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5_000
    page.click("#card a:has-text('previous')")
    wait(page, "document.querySelector('#card h2').textContent.startsWith('2 limit weeks ago')")
    assert "week=2" in page.url
    page.click("#card a:has-text('next')")
    wait(page, "title => document.querySelector('#card h2').textContent === title", arg=title)


def test_a_filter_that_matches_nothing_says_so_and_leads_back(served: Served, opened: Open) -> None:
    page = opened(served, "/usage?range=today&model=claude-haiku-4-5-20251001&branch=nowhere")
    assert "No usage matches this range and these filters" in page.inner_text("#b-totals")
    assert page.locator("#chart-spend").count() == 0
    page.click("#b-totals a:has-text('Clear the filters')")
    wait(page, "!location.search.includes('model')")


def test_unknown_ranges_and_pages_are_named_with_a_way_on(served: Served, opened: Open) -> None:
    page = opened(served, "/usage?range=never")
    assert "There is no range “never”" in page.inner_text("#top")
    for query, words in (("7", "Last 7 days"), ("year", "Last 365 days"), ("limitweek", "This limit week")):
        assert words in served.get(f"/usage?range={query}").text
    missing = served.ask("/nowhere", headers={"Accept": "text/html"})
    assert missing.status == 404 and "There is no such page" in missing.text and 'href="/usage"' in missing.text


def test_the_palette_says_when_nothing_matches(served: Served, opened: Open) -> None:
    page = opened(served, "/usage")
    page.keyboard.press("p")
    page.fill("#palette-input", "zzzzzz")
    page.locator("#palette-nothing").wait_for(state="visible")
    page.fill("#palette-input", "last week")
    wait(page, "document.getElementById('palette-list').textContent.includes('Last week')")
