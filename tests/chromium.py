"""Real browsers for tests: Debian's Chromium with our extension in it, and a claude.ai that leads to the fake."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, Worker, sync_playwright

from helpers import Home

CHROMIUM = "/usr/bin/chromium"
EXTENSION_ID = "hloffgminaeghcmbaoghkmijjofodccp"
ORIGIN = f"chrome-extension://{EXTENSION_ID}"
SHIPPED = Path(__file__).parent.parent / "extension"
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
)
_LIKE_PLAYWRIGHT = ("--password-store=basic", "--use-mock-keychain")  # so that it can read the cookies of before
_WITHOUT = ("DisableLoadExtensionCommandLineSwitch",)
# The browser's own defence of this machine against pages: where it is not there, or a person allowed it, ours must do.
LOCAL_CHECKS = ("LocalNetworkAccessChecks", "LocalNetworkAccessChecksWebSockets", "LocalNetworkAccessForNavigations")


def free_port() -> int:
    """A port that is free now, outside those that the system hands out for connections: nobody takes it by chance."""
    while True:
        port = secrets.randbelow(12_000) + 20_000
        with socket.socket() as plug, contextlib.suppress(OSError):
            plug.bind(("127.0.0.1", port))
            return port


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate of claude.ai that nobody signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here to make a certificate")
    chain, key = folder / "chain.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "3650", "-subj", "/CN=claude.ai", "-addext", "subjectAltName=DNS:claude.ai"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    return str(chain), str(key)


def until(claim: Callable[[], Any], seconds: float = 90.0, what: str = "it did not come to pass") -> Any:
    """Wait for something to be true, and return it."""
    end = time.monotonic() + seconds
    while True:
        if found := claim():
            return found
        assert time.monotonic() < end, what
        time.sleep(0.05)


@contextlib.contextmanager
def plain() -> Iterator[Chromium]:
    """Chromium without an extension, whose contexts forget everything."""
    if not os.path.exists(CHROMIUM):
        pytest.skip("chromium is not here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


class Browser:
    """Chromium from `with` to the end of the block. `names`: hosts (with a port or not) and the ports here that they lead to.
    `without`: features of the browser that are switched off."""

    def __init__(
        self, profile: Path, names: Mapping[str, int], extension: Path | None = SHIPPED, without: tuple[str, ...] = ()
    ) -> None:
        if not os.path.exists(CHROMIUM):
            pytest.skip("chromium is not here (Debian: apt-get install chromium)")
        rules = ",".join(f"MAP {name} 127.0.0.1:{port}" for name, port in names.items())
        self._flags = [*_FLAGS, f"--disable-features={','.join((*_WITHOUT, *without))}"]
        self._flags += [f"--host-resolver-rules={rules}"] if rules else []
        if extension is not None:
            self._flags += [f"--load-extension={extension}", f"--disable-extensions-except={extension}"]
        self._profile = profile

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        try:
            self.context: BrowserContext = self._playwright.chromium.launch_persistent_context(
                str(self._profile),
                executable_path=CHROMIUM,
                headless=False,  # --headless=new is among the flags; the other headless has no extensions
                args=self._flags,
                ignore_default_args=["--disable-extensions"],
                ignore_https_errors=True,
            )
        except BaseException:
            self._playwright.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self.context.close()
        self._playwright.stop()

    def command(self) -> list[str]:
        """What starts the same browser with nobody at its controls."""
        return [CHROMIUM, *self._flags, f"--user-data-dir={self._profile}", *_LIKE_PLAYWRIGHT, "about:blank"]

    # -- the extension

    @property
    def worker(self) -> Worker:
        """Its service worker, awake."""
        found = [one for one in self.context.service_workers if EXTENSION_ID in one.url]
        return found[0] if found else self.context.wait_for_event("serviceworker", timeout=60_000)

    def stored(self, name: str) -> Any:
        return self.worker.evaluate("name => chrome.storage.local.get(name).then(all => all[name] ?? null)", name)

    def badge(self) -> tuple[str, str]:
        """Text and title of the toolbar's icon."""
        script = "() => Promise.all([chrome.action.getBadgeText({}), chrome.action.getTitle({})])"
        text, title = self.worker.evaluate(script)
        return text, title

    def tick(self) -> None:
        """A minute's alarm, now; back when it is done."""
        self.worker.evaluate("() => { globalThis.ticked = chrome.alarms.onAlarm.dispatch({ name: 'tick' }) }")

    def popup(self, scheme: str = "light") -> Page:
        page = self.context.new_page()
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": 344, "height": 560})
        page.goto(f"{ORIGIN}/popup.html")
        return page

    def pair(self, code: str, page: Page | None = None) -> str:
        """Type a code into the popup; what it says of it, "" where it was taken."""
        popup = page or self.popup()
        if not popup.locator("#pairing").is_visible():
            popup.locator("#pair").click()
        popup.locator("#code").fill(code)
        popup.locator("#pairing button").click()
        popup.wait_for_function("() => !document.querySelector('#pairing button').disabled", timeout=60_000)
        said = popup.locator("#problem").inner_text()
        if page is None:
            popup.close()
        return said

    # -- claude.ai

    def sign_in(self, session: str) -> None:
        page = self.context.new_page()
        page.goto(f"https://claude.ai/login?session={session}")
        page.close()

    def sign_out(self) -> None:
        page = self.context.new_page()
        page.goto("https://claude.ai/logout")
        page.close()


def set_port(home: Home, port: int) -> None:
    """Let the bridge of a home listen there, so that tests do not meet each other's, nor a real one."""
    home.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home.data / "settings.toml").write_text(f"bridge_port = {port}\n")


@contextlib.contextmanager
def recorder(home: Home) -> Iterator[None]:
    """The installed recorder, at work."""
    home.run("start")
    try:
        yield
    finally:
        home.run("stop")


def code_of(home: Home) -> str:
    """A code, as `tachograph pair` shows it."""
    said = home.run("pair", "--no-wait").stdout
    return next(line.split()[1] for line in said.splitlines() if line.startswith("Code"))


def limits_of(home: Home) -> list[dict[str, Any]]:
    """The accounts of `tachograph now --json`."""
    return list(json.loads(home.run("now", "--json").stdout)["accounts"])
