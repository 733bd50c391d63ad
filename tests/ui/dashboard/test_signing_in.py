"""Signing in with a real Chromium: the link of a command, the file that leads to it, a filtered link."""

from playwright.sync_api import Browser

from dashboard_browser import wait
from served_dashboard import Served
from tachograph.paths import own_paths
from tachograph.server import launch_file


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
