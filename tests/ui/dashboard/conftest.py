"""One invented home with its dashboard for all tests that only look, or let its session go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from helpers import Home
from served_dashboard import Served, invented, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from dashboard_browser import Open
    from paired_browser import World


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(invented(tmp_path_factory.mktemp("dashboard") / "home")) as made:
        yield made


@pytest.fixture
def small(home: Home) -> Iterator[Served]:
    """A home of a test's own, with nothing in it yet."""
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    with serving(home) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from chromium import plain  # Playwright takes long to import

    with plain() as browser:
        yield browser


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


@pytest.fixture
def world(home: Home) -> Iterator[World]:
    """A bridge that listens, and a browser that is paired with it."""
    from paired_browser import World

    made = World(home)
    yield made
    made.bridge.stop()
