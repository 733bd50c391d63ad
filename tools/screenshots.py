"""Take the pictures of the documentation: two pages of the dashboard in Chromium, the tray's menu in a real panel.

Called by tools/pictures.py with the demo's environment. Uses the helpers of the tests, which start the same programs.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "ui" / "tray")]

PAGES = {"now.png": "/", "usage.png": "/usage?range=30d"}
WIDTH, HEIGHT = 1180, 820


def take(env: dict[str, str], folder: Path) -> None:
    take_pages(env, folder)
    take_menu(env, folder / "tray.png")
    take_team(folder)


def take_pages(env: dict[str, str], folder: Path) -> None:
    import chromium
    from served_dashboard import Served

    home: Any = SimpleNamespace(env=env, root=Path(env["HOME"]))
    served = Served(home, int(env["TACHOGRAPH_NOW"]))
    try:
        with chromium.plain() as browser:
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            served.let_in(context)
            page = context.new_page()
            for name, address in PAGES.items():
                page.goto(served.origin + address)
                page.wait_for_timeout(1500)  # charts draw themselves
                page.screenshot(path=str(folder / name))
                print(f"{folder / name}")
    finally:
        served.stop()


def take_team(folder: Path) -> None:
    """The pages *Team* and *Limits* of eight invented people, as their owner sees them."""
    import json
    import re
    import shutil
    import subprocess
    import sys
    import tempfile
    from http.client import HTTPConnection

    from playwright.sync_api import sync_playwright

    command, home = str(Path(sys.executable).with_name("tachograph")), Path(tempfile.gettempdir()) / "tachograph-team"
    shutil.rmtree(home, ignore_errors=True)
    fixed = {**os.environ, "TZ": "UTC", "TACHOGRAPH_NOW": "1795108920000"}
    subprocess.run(
        [command, "demo", "--team", "8", "--keep", str(home), "--no-open"], env=fixed, check=True, capture_output=True
    )
    env = {**fixed, "HOME": str(home / "hub"), "TACHOGRAPH_HOME": str(home / "hub" / "data")}
    hub = subprocess.Popen(
        [command, "hub", "serve", "--listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        found = re.search(r":(\d+)\.", hub.stdout.readline() if hub.stdout else "")
        if found is None:
            raise SystemExit("the hub of the demo did not start")
        port, token = int(found[1]), json.loads((home / "ada" / "data" / "hub.json").read_text())["token"]
        connection = HTTPConnection("127.0.0.1", port)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/team/link", b"{}", headers)
        code = json.loads(connection.getresponse().read())["code"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1100, "height": 820}, color_scheme="light")
            page.goto(f"http://127.0.0.1:{port}/sign-in#{code}")
            page.wait_for_url(f"http://127.0.0.1:{port}/")
            for path, name in (("/", "team.png"), ("/limits", "team-limits.png")):
                page.goto(f"http://127.0.0.1:{port}{path}")
                page.wait_for_selector("html[data-ready]")
                page.screenshot(path=str(folder / name))
            browser.close()
    finally:
        hub.kill()
        shutil.rmtree(home, ignore_errors=True)


def take_menu(env: dict[str, str], path: Path) -> None:
    from test_panel import desktop

    from linux_desktop import tray, until

    with tempfile.TemporaryDirectory() as scratch:
        home: Any = SimpleNamespace(env=env, root=Path(scratch))
        with desktop(home, 0.97, "520x520") as (surroundings, screen):
            fixed = {**surroundings, "TACHOGRAPH_NOW": env["TACHOGRAPH_NOW"]}
            asyncio.run(_save_menu(fixed, screen, tray, until, path))
            print(path)


async def _save_menu(env: dict[str, str], screen: Any, tray: Any, until: Any, path: Path) -> None:
    with tray(env):
        await until(lambda: screen.count((52, 64, 80)) > 120, "the icon is seen")
        for words in (["mousemove", "14", "16", "click", "3"], ["mousemove", "40", "48"]):
            subprocess.run(["xdotool", *words], env=env, check=True, timeout=10)
            await asyncio.sleep(1.0)
        screen.save(path)
