"""*Settings* in a browser: the machines of a person, their last contact and clocks, and what waits to be sent."""

from pathlib import Path
from typing import Any

import pytest

from chromium import plain, until
from helpers import NOW, NOW_MS, Home
from hub_server import join, sync
from served_dashboard import Served, serving
from tachograph.demo import records
from tachograph.ledger.exchange import tracking

AXE = Path(__file__).parents[3] / "benchmarks" / "out" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
NAME = "a-machine-with-a-name-of-exactly-sixty-characters-<b>x</b>-00"[:60]
HOUR = 3_600_000


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The dashboard of a machine that shares a folder with one whose clock is two hours fast, and one that left."""
    root = tmp_path_factory.mktemp("machines")
    shared = root / "shared"
    shared.mkdir()
    own, fast, gone = (Home(root / name) for name in ("own", "fast", "gone"))
    fast.env["TACHOGRAPH_NOW"] = str(NOW_MS + 2 * HOUR)
    own.write("-p/own.jsonl", [records.assistant("own", at=NOW, output=900)])
    join(own, [f"folder:{shared}"], "desk")
    key = own.call("machines", "--key").stdout.strip()
    fast.run("join", f"folder:{shared}", "--key", key, "--as", NAME, "--yes")
    join(gone, [f"folder:{shared}", "--key", key], "attic")
    gone.call("leave", "--yes")
    sync(own)
    with own.ledger() as ledger, ledger.transaction() as db:
        tracking.touch_everything(db)
    with serving(own) as served:
        yield served


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
def test_settings_list_every_machine_with_contact_clock_and_what_waits(
    several: Served, width: int, tmp_path: Path
) -> None:
    with plain() as browser:
        context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
        several.let_in(context)
        page = context.new_page()
        page.goto(f"{several.origin}/settings")
        block = page.locator(".block", has=page.locator("text=tachograph machines --invite"))
        block.wait_for()
        until(lambda: page.evaluate("document.documentElement.hasAttribute('data-ready')"), 60, "the page is ready")
        rows = block.locator("li.row").all_inner_texts()
        assert len(rows) == 3
        by_name = {next(name for name in ("desk", NAME, "attic") if name in row): row for row in rows}
        assert "this one" in by_name["desk"] and "last contact" in by_name["desk"]
        assert "clock 2 h 0 min fast" in by_name[NAME] and "has left" in by_name["attic"]
        assert "facts to send" in block.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for place in range(3):
            box = block.locator("li.row").nth(place).bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
        if AXE.is_file():
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate("axe.run(document, {rules: {'target-size': {enabled: true}}})")
            assert [one["id"] for one in found["violations"]] == []
        context.close()
