"""The pages in a real Chromium: fifty live updates that take nothing from the reader, views that stand in their address,
everything by keyboard, nothing that axe objects to, no page wider than its screen."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from chromium import plain, until
from helpers import NOW, Home
from served_dashboard import PAGES, SESSION, Served, go_on, serving
from tachograph.demo import records
from tachograph.paths import own_paths
from tachograph.server import launch_file
from tachograph.ui.dashboard import news, routes

ROOT = Path(__file__).parents[3]
AXE = ROOT / "benchmarks" / "out" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
EVERY = (*PAGES, f"/sessions/{SESSION}")
FIELDLESS = ("/", f"/sessions/{SESSION}")  # pages without a field for words
UPDATES = 50
GONE = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE")  # a server that ended


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with plain() as browser:
        yield browser


Open = Callable[..., Page]


def wait(page: Page, claim: str, arg: Any = None, timeout: float = 10_000) -> None:
    """Wait until something is true of a page. (Playwright's own way needs eval, which these pages forbid.)"""
    until(lambda: page.evaluate(claim, arg), timeout / 1000, claim)


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Open]:
    """Opens pages of a dashboard; whatever a console says of an error fails the test."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def open_(served: Served, path: str = "/", *, width: int = 1440, expects: tuple[str, ...] = ()) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 800}, locale="en-GB", timezone_id="UTC")
        served.let_in(context)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda m: said.append(m.text) if m.type == "error" and not any(w in m.text for w in expects) else None,
        )
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{served.origin}{path}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


# -- fifty updates ---------------------------------------------------------------------------------------------

# Moves, opens, selects, focuses, zooms and types what there is of each on a page; answers what there was.
PREPARE = """async () => {
    const done = {}
    const find = document.querySelector("#find, #blocks input[type=text], #blocks .percent, #copy-resume")  // what can be typed into, else what can have the focus
    const types = find.matches("input")
    find.focus()
    if (types) {
        find.value = "a"
        find.dispatchEvent(new InputEvent("input", { bubbles: true }))
    }
    await new Promise((then) => setTimeout(then, 900))
    for (const details of [...document.querySelectorAll("#blocks details")].slice(0, 2)) details.open = true
    await new Promise((then) => setTimeout(then, 50))
    const chart = document.querySelector("[data-chart]")
    if (chart) {
        chart.focus()
        for (const key of ["+", "+"]) chart.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))
        await new Promise((then) => setTimeout(then, 30))
        done.zoom = JSON.stringify(window.tachographZoom(chart))
        done.chart = chart.id
    }
    const text = [...document.querySelectorAll("#blocks th[scope=row] a, #blocks th[scope=row], #blocks h2")].find((one) => one.checkVisibility() && one.textContent.trim())
    find.focus({ preventScroll: true })
    if (types) find.setSelectionRange(1, 1)
    done.types = types
    getSelection().selectAllChildren(text)
    find.focus({ preventScroll: true })
    for (const box of document.querySelectorAll("#blocks .scroll, #blocks .wide")) box.scrollTop = 40
    scrollTo(0, 120)
    await new Promise((then) => setTimeout(then, 50))
    return done
}"""
LOOK = """() => {
    const chart = document.querySelector("[data-chart]")
    return {
        scroll: scrollY,
        boxes: [...document.querySelectorAll("#blocks .scroll, #blocks .wide")].map((box) => box.scrollTop),
        open: [...document.querySelectorAll("#blocks details[open]")].map((one) => one.id),
        focus: document.activeElement.id || document.activeElement.getAttribute("aria-label")?.split(" ")[0],
        typed: document.querySelector("#find, #blocks input[type=text]")?.value,
        selected: getSelection().toString(),
        zoom: chart && JSON.stringify(window.tachographZoom(chart)),
        picture: chart && chart.querySelector("canvas") && chart.querySelector("canvas").width > 0,
    }
}"""


# Waits, in the page, for one update more than had arrived when it was asked last.
ARRIVED = """async () => {
    const root = document.documentElement.dataset
    const wanted = (window.arrived ??= Number(root.updates)) + 1
    while (Number(root.updates) < wanted) await new Promise((then) => setTimeout(then, 4))
    window.arrived = Number(root.updates)
}"""


def test_fifty_live_updates_take_nothing_from_the_reader(
    served: Served, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On every page at once: scroll moved, rows open, text selected, a field focused, a chart zoomed, a filter typed."""
    monkeypatch.setattr(routes, "LEAST_MS", 0)
    monkeypatch.setattr(news, "CHECK_SECONDS", 0.05)
    pages = {path: opened(served, path, width=900, expects=("ERR_INCOMPLETE",)) for path in EVERY}
    go_on(served.home)  # what is open before and after stands on the page from the beginning
    for page in pages.values():
        wait(page, "Number(document.documentElement.dataset.updates) > 0")
    before: dict[str, Any] = {}
    numbers: dict[str, str] = {}
    for path, page in pages.items():
        done = page.evaluate(PREPARE)
        before[path] = page.evaluate(LOOK)
        numbers[path] = page.inner_text("#blocks")
        page.evaluate("window.arrived = Number(document.documentElement.dataset.updates)")
        is_typed = before[path]["typed"] == "a" if done["types"] else path in FIELDLESS
        assert before[path]["focus"] and is_typed, path
        assert before[path]["focus"] == "find" or path in (*FIELDLESS, "/settings"), path
        assert before[path]["scroll"] > 0 or page.evaluate("document.documentElement.scrollHeight <= innerHeight"), path
        assert before[path]["selected"], path
        assert before[path]["open"], path
        assert '"zoom":true' in done["zoom"], path
    node = pages["/usage"].evaluate_handle("document.querySelector('#t-spend tbody tr')")
    for _ in range(UPDATES):
        go_on(served.home)
        for page in pages.values():
            page.evaluate(ARRIVED)
    for path, page in pages.items():
        assert int(page.evaluate("document.documentElement.dataset.updates")) >= UPDATES
        assert page.evaluate(LOOK) == before[path], path
        assert page.inner_text("#blocks") != numbers[path], path
    assert node.evaluate("row => row.isConnected")  # the rows are the same ones, not new ones that look like them
    slowest = {
        path: page.evaluate("Math.max(...performance.getEntriesByName('tachograph-update').map((one) => one.duration))")
        for path, page in pages.items()
    }
    print("main thread for an update, at most:", {path: round(ms, 1) for path, ms in slowest.items()})


def test_numbers_that_came_live_are_those_of_the_reports(served: Served, opened: Open) -> None:
    page = opened(served, "/usage?range=7d")
    go_on(served.home, 2)
    wanted = served.home.report("daily", "--last", "7")["totals"]
    wait(
        page,
        "wanted => document.getElementById('total-messages').dataset.value === wanted",
        arg=str(wanted["messages"]),
    )
    assert float(page.get_attribute("#total-cost", "data-value") or 0) == wanted["cost_usd"]


SHUFFLED = """async (seed) => {
    const { morphInto } = await import("/static/morph.js")
    let state = seed
    const random = (n) => { state = (state * 1103515245 + 12345) % 2147483648; return state % n }
    const box = document.createElement("ul")
    document.getElementById("blocks").append(box)
    let rows = [1, 2, 3, 4, 5, 6, 7, 8]
    const html = () => rows.map((n) => `<li id="r${n}">row ${n} <b>${random(99)}</b>${random(3) ? "" : "<i>more</i>"}</li>`).join("\\n")
    morphInto(box, html())
    const known = new Map()
    for (let turn = 0; turn < 300; turn += 1) {
        for (const row of box.children) known.set(row.id, row)
        const before = new Set(rows)
        rows = rows.filter(() => random(6)).sort(() => random(3) - 1)
        for (let n = 0; n < random(3); n += 1) rows.splice(random(rows.length + 1), 0, 100 + turn * 10 + n)
        rows = [...new Set(rows)]
        const wanted = html()
        const fresh = document.createElement("ul")
        fresh.innerHTML = wanted
        morphInto(box, wanted)
        const shown = [...box.children].map((row) => row.outerHTML).join("")
        if (shown !== [...fresh.children].map((row) => row.outerHTML).join("")) return `turn ${turn}: ${shown}`
        for (const row of box.children) if (before.has(Number(row.id.slice(1))) && known.get(row.id) !== row) return `turn ${turn}: ${row.id} is another`
    }
    box.remove()
    return "ok"
}"""


def test_rows_that_come_go_and_change_places_stay_the_same_elements(served: Served, opened: Open) -> None:
    page = opened(served, "/settings")
    for seed in (1, 7, 42):
        assert page.evaluate(SHUFFLED, seed) == "ok"


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


def test_a_table_that_was_closed_while_news_came_is_current_when_it_is_opened(served: Served, opened: Open) -> None:
    page = opened(served, "/usage?range=7d")
    wait(page, "document.getElementById('live').classList.contains('on')")
    go_on(served.home)
    wanted = served.home.report("daily", "--last", "7")["totals"]["cost_usd"]
    wait(page, "wanted => Number(document.getElementById('total-cost').dataset.value) === wanted", wanted)
    cell = "document.querySelector('#t-models tfoot td:nth-of-type(3)')"
    assert float(page.evaluate(f"{cell}.dataset.value")) < wanted  # it was left as it was
    page.click("#twin-models > summary")
    wait(page, f"wanted => Number({cell}.dataset.value) === wanted", wanted)


# -- carrying away ---------------------------------------------------------------------------------------------


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


# -- what is unknown -------------------------------------------------------------------------------------------

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


# -- live, and when it is not ----------------------------------------------------------------------------------


def test_a_page_outlives_its_server_and_goes_on_after_the_next_sign_in(home: Home, opened: Open) -> None:
    home.data.mkdir(mode=0o700, exist_ok=True)
    go_on(home)
    with serving(home) as served:
        page = opened(served, "/usage", expects=(*GONE, "401"))
        wait(page, "document.getElementById('live').classList.contains('on')")
        served.stop()
        wait(page, "document.getElementById('live-text').textContent.startsWith('Not connected. Current as of')")
        go_on(home, 4)
        served.start()
        wait(page, "document.getElementById('live-text').textContent.startsWith('Signed out: run')", timeout=15_000)
        assert page.get_attribute("#total-messages", "data-value") == "1"  # what was there stays
        other = page.context.new_page()
        other.goto(served.link)
        other.wait_for_selector("html[data-ready]")
        wait(page, "document.getElementById('total-messages').dataset.value === '5'", timeout=15_000)
        wait(page, "document.getElementById('live-text').textContent.startsWith('Live,')")


def test_a_filtered_link_is_followed_after_the_sign_in(served: Served, chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{served.origin}/usage?range=7d&model=claude-opus-5-5")
    page.wait_for_selector("#sign-in:not([hidden])")
    assert "$" not in page.inner_text("main")
    page.goto("about:blank")
    page.goto(served.link)
    page.wait_for_selector("html[data-ready]")
    assert page.url == f"{served.origin}/usage?range=7d&model=claude-opus-5-5"
    assert "Last 7 days" in page.inner_text("#question")
    context.close()


def test_a_hidden_page_asks_nothing_and_catches_up_when_it_is_seen(served: Served, opened: Open) -> None:
    page = opened(served, "/usage")
    wait(page, "document.getElementById('live').classList.contains('on')")
    script = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(script, True)
    page.wait_for_timeout(200)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    go_on(served.home)
    page.wait_for_timeout(1800)
    assert asked == []
    wanted = str(served.home.report("daily", "--last", "30")["totals"]["messages"])
    page.evaluate(script, False)
    wait(page, "wanted => document.getElementById('total-messages').dataset.value === wanted", arg=wanted)


def test_the_link_of_a_command_opens_the_page_and_leaves_no_trace(served: Served, chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    link = served.link
    page.goto(link)
    page.wait_for_selector("html[data-ready]")
    assert page.url == f"{served.origin}/"
    assert page.evaluate("document.cookie") == ""
    other = chromium.new_context().new_page()
    other.goto(link)
    wait(other, "document.getElementById('sign-in-message').textContent.includes('used already')")
    other.context.close()
    context.close()


def test_the_file_that_leads_to_the_link_opens_the_page(served: Served, chromium: Browser) -> None:
    """A navigation from a file comes from another site to a browser: the frame without data opens, and lets itself in."""
    context = chromium.new_context()
    page = context.new_page()
    ticket = served.keys.ticket(served.clock.now_ms())
    page.goto(launch_file.write(own_paths(served.home.env), f"{served.origin}/#t={ticket}", ticket))
    page.wait_for_url(f"{served.origin}/")
    page.wait_for_selector("html[data-ready]")
    assert not list(served.home.data.glob("open-*"))
    context.close()


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


def test_titles_say_the_share_of_everything_and_not_of_their_own_filter(served: Served) -> None:
    whole = re.search(r"opus-5-5</a></th>.*?(\d+) %", served.get("/usage?stack=model").text, flags=re.DOTALL)
    text = served.get("/usage?model=claude-opus-5-5").text
    title = re.search(r'id="cap-spend"><h2>opus-5-5 took (\d+) % of what you spent</h2>', text)
    assert whole and title and 0 < int(title[1]) < 100
    both = served.get("/usage?model=claude-opus-5-5&project=/home/ada/code/shop").text
    assert "of what you spent with the other filters" in both


def test_the_palette_says_when_nothing_matches(served: Served, opened: Open) -> None:
    page = opened(served, "/usage")
    page.keyboard.press("p")
    page.fill("#palette-input", "zzzzzz")
    page.locator("#palette-nothing").wait_for(state="visible")
    page.fill("#palette-input", "last week")
    wait(page, "document.getElementById('palette-list').textContent.includes('Last week')")


def test_heat_maps_of_a_small_screen_show_the_newest_days(served: Served, opened: Open) -> None:
    page = opened(served, "/usage", width=390)
    box = "document.getElementById('wide-calendar')"
    assert page.evaluate(f"{box}.scrollLeft + {box}.clientWidth >= {box}.scrollWidth - 2")
    assert page.evaluate(
        "document.getElementById('wide-hours').scrollWidth <= document.getElementById('wide-hours').clientWidth + 1"
    )
