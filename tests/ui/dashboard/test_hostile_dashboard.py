"""The hostile pages that are let loose on the bridge, against every route of the dashboard, in a real Chromium whose person
has the dashboard open: nothing is read, nothing is changed."""

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from chromium import LOCAL_CHECKS, Browser, until
from helpers import Home
from served_dashboard import PAGES, SESSION, Served, go_on, serving
from tachograph.ui.dashboard import api

_SUITE = runpy.run_path(
    str(Path(__file__).with_name("test_hostile_pages.py"))
)  # the bridge's: test files are no modules
ATTACK, pages = _SUITE["ATTACK"], _SUITE["pages"]
ROUTES = [*PAGES, f"/sessions/{SESSION}", "/do", "/enter", "/live", "/export/messages.csv", "/static/app.js"]
ROUTES += [f"/api/{name}" for name in api.ROUTES]
BODY = '{"do":"alarms","value":"off","ticket":"guess"}'

# The short way through all routes: every mode of fetch, with the cookies that the browser has.
SWEEP = """async ({ hosts, routes, body }) => {
    const read = []
    const json = { "content-type": "application/json" }
    const ways = [
        {}, { credentials: "include" }, { mode: "no-cors", credentials: "include" },
        { method: "POST", body, mode: "no-cors", credentials: "include", headers: { "content-type": "text/plain" } },
        { method: "POST", body, credentials: "include", headers: { ...json, "x-tachograph-form": "guess" } },
        { method: "PUT", body }, { method: "DELETE", credentials: "include" },
    ]
    await Promise.all(hosts.flatMap((host) => routes.map(async (route) => {
        for (const way of ways) {
            const stop = new AbortController()
            setTimeout(() => stop.abort(), 1500)
            try {
                const answer = await fetch(`http://${host}${route}`, { ...way, signal: stop.signal })
                if (answer.type !== "opaque") read.push(`${route} ${way.method ?? "GET"}: ${answer.status} ${(await answer.text()).slice(0, 80)}`)
            } catch {}
        }
    })))
    return read
}"""
FRAME = """address => {
    const frame = Object.assign(document.createElement("iframe"), { src: address })
    document.body.append(frame)
}"""


@pytest.fixture
def world(home: Home) -> Iterator[Served]:
    home.data.mkdir(mode=0o700, exist_ok=True)
    go_on(home, 2)
    with serving(home) as made:
        yield made


def test_hostile_pages_read_nothing_and_change_nothing_on_any_route(world: Served, tmp_path: Path) -> None:
    port = world.keys.port
    before = world.state()
    with pages() as evil:
        names = {"evil.test": evil, f"rebind.test:{port}": port}
        with Browser(tmp_path / "profile", names, extension=None, without=LOCAL_CHECKS) as browser:
            mine = browser.context.new_page()
            mine.goto(world.link)
            mine.wait_for_selector("html[data-ready]")
            assert "$" in mine.inner_text("#blocks")
            page = browser.context.new_page()
            hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
            for where in (f"http://127.0.0.1:{evil}/", "http://evil.test/", "http://evil.test/public"):
                page.goto(where)
                assert page.evaluate(SWEEP, {"hosts": hosts, "routes": ROUTES, "body": BODY}) == [], where
                assert page.evaluate(ATTACK, {"host": hosts[0], "body": BODY}) == [], where
                assert _framed(page, f"http://127.0.0.1:{port}/usage").startswith("chrome-error://"), where
                assert _framed(page, f"http://127.0.0.1:{evil}/").endswith(f":{evil}/")  # what may be framed is
            _rebound(page, port)
            _posted_by_a_form(page, f"http://127.0.0.1:{evil}/", port)
            page.goto(f"http://127.0.0.1:{evil}/")  # a link from there shows the frame without data
            page.evaluate("address => { location.href = address }", f"http://127.0.0.1:{port}/usage?range=all")
            page.wait_for_url("**/usage?range=all")
            mine.bring_to_front()
            assert world.state() == before
            assert world.do({"do": "alarms", "value": "off"}).status == 200  # its own page still can
    assert world.state() != before


def _framed(page: Page, address: str) -> str:
    """What a frame of a page shows that was to show an address: the same, or the browser's page of an error."""
    known = len(page.frames)
    page.evaluate(FRAME, address)

    def shown() -> str:
        page.wait_for_timeout(20)  # Playwright hears of frames only while it is called
        return "" if len(page.frames) == known else page.frames[-1].url.removeprefix("about:blank")

    return str(until(shown, 60, "the frame shows nothing at all"))


def _rebound(page: Page, port: int) -> None:
    """A page of a name that led elsewhere when it was loaded, and leads to the dashboard now: the same origin to it."""
    page.route("**/rebinding", lambda route: route.fulfill(body="<!doctype html><body>", content_type="text/html"))
    page.goto(f"http://rebind.test:{port}/rebinding")
    read = page.evaluate(SWEEP, {"hosts": [f"rebind.test:{port}"], "routes": ROUTES, "body": BODY})
    assert read and all(": 421 " in one for one in read), read
    page.unroute("**/rebinding")


def _posted_by_a_form(page: Page, where: str, port: int) -> None:
    """Forms in the page's own window, which no browser keeps from going to this machine."""
    script = """([action, body]) => {
        const form = Object.assign(document.createElement("form"), { method: "post", enctype: "text/plain", action })
        form.append(Object.assign(document.createElement("input"), { name: body.slice(0, -1) + ',"x":"', value: '"}' }))
        document.body.append(form)
        form.submit()
    }"""
    for route in ("/do", "/enter", "/usage"):
        page.goto(where)
        with page.expect_navigation() as came:
            page.evaluate(script, [f"http://127.0.0.1:{port}{route}", BODY])
        assert came.value is not None and came.value.status == 403, route
