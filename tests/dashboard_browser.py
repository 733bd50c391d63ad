"""What tests of the dashboard in a browser share: its pages, a wait for something on a page, errors of a server that ended."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from chromium import until
from served_dashboard import PAGES, SESSION

EVERY = (*PAGES, f"/sessions/{SESSION}")
GONE = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE")  # a server that ended
Open = Callable[..., Page]


def wait(page: Page, claim: str, arg: Any = None, timeout: float = 60_000) -> None:
    """Wait until something is true of a page. (Playwright's own way needs eval, which these pages forbid.)"""
    until(lambda: page.evaluate(claim, arg), timeout / 1000, claim)
