"""Live updates in a real Chromium: fifty that take nothing from the reader, and pages that outlive their server."""

from typing import Any

import pytest

from dashboard_browser import EVERY, GONE, Open, wait
from helpers import Home
from served_dashboard import SESSION, Served, go_on, serving
from tachograph.ui.dashboard import news, routes

FIELDLESS = ("/", f"/sessions/{SESSION}")  # pages without a field for words
UPDATES = 50


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


SHUFFLED = """async ([seed, parent, tag, cell, end]) => {
    const { morphInto } = await import("/static/morph.js")
    let state = seed
    const random = (n) => { state = (state * 1103515245 + 12345) % 2147483648; return state % n }
    const box = document.createElement(parent)
    document.getElementById("blocks").append(box)
    let rows = [1, 2, 3, 4, 5, 6, 7, 8]
    const html = () => rows.map((n) => `<${tag} id="r${n}"><${cell}>row ${n} <b>${random(3)}</b>${random(3) ? "" : "<i>more</i>"}</${cell}></${tag}>${end}`).join("\\n")
    morphInto(box, html())
    const known = new Map()
    for (let turn = 0; turn < 300; turn += 1) {
        for (const row of box.children) known.set(row.id, row)
        const before = new Set(rows)
        rows = rows.filter(() => random(6)).sort(() => random(3) - 1)
        for (let n = 0; n < random(3); n += 1) rows.splice(random(rows.length + 1), 0, 100 + turn * 10 + n)
        rows = [...new Set(rows)]
        const wanted = html()
        const fresh = document.createElement(parent)
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
        assert page.evaluate(SHUFFLED, [seed, "ul", "li", "span", ""]) == "ok"
        assert (
            page.evaluate(SHUFFLED, [seed, "tbody", "tr", "td", "<!--/part-->"]) == "ok"
        )  # the same ones are not parsed


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
        wait(page, "document.getElementById('live-text').textContent.startsWith('Signed out: run')", timeout=60_000)
        assert page.get_attribute("#total-messages", "data-value") == "1"  # what was there stays
        other = page.context.new_page()
        other.goto(served.link)
        other.wait_for_selector("html[data-ready]")
        wait(page, "document.getElementById('total-messages').dataset.value === '5'", timeout=60_000)
        wait(page, "document.getElementById('live-text').textContent.startsWith('Live,')")


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
