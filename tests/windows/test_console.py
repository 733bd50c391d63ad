"""`watch` in Wine's console window. It carries out no escape codes, so the screen is drawn with the console's functions.

With a folder in TACHOGRAPH_PICTURES the tests leave pictures of the screens there.
"""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tachograph.demo import records
from tachograph.demo.records import assistant, title
from wine import Console, WindowsHome, console, until
from xvfb_screen import Screen

LAYOUTS = {"full": (15, 25), "narrow": (15, 25), "pane": (3, 14), "line": (1, 1)}  # rows with text in a window of 25
FIRST, SECOND = "5ca1ab1e-0000-4000-8000-000000000001", "5ca1ab1e-0000-4000-8000-000000000002"
LIGHT_GROUND = (255, 255, 255)


def picture(screen: Screen, name: str) -> None:
    if folder := os.environ.get("TACHOGRAPH_PICTURES"):
        screen.save(Path(folder) / f"{name}.png")


def status(five: int) -> bytes:
    limits = {"five_hour": {"used_percentage": five, "resets_at": int(time.time()) + 7200}}
    session = {"session_id": FIRST, "model": {"id": "m", "display_name": "M"}}
    return json.dumps({**session, "rate_limits": limits}).encode()


def limit_lines(at: Console) -> str:
    return "\n".join(line for line in at.look().lines if "5-hour" in line)


@pytest.fixture
def live(home: WindowsHome) -> Iterator[WindowsHome]:
    """A home whose clock runs: two sessions that were active in the last minutes, and a reading of the 5-hour limit."""
    del home.env["TACHOGRAPH_NOW"]
    (home.claude / "projects" / "p").mkdir()
    at = datetime.now(UTC) - timedelta(minutes=2)
    for session, words, label in ((FIRST, "Straßenkarte", "one"), (SECOND, "Harbor lights", "two")):
        lines = [title(words, session=session), assistant(label, at=at, session=session)]
        (home.claude / "projects" / "p" / f"{session}.jsonl").write_bytes(records.dump(lines))
    home.run("daily", "--json")
    home.run("statusline", given=status(64))
    yield home


def test_the_live_screen_runs_in_a_console_without_escape_codes(live: WindowsHome, screen: Screen) -> None:
    """Numbers change, keys act, and the console gets its own text and title back."""
    with console(live, "watch", "--title", "--every", "0.5") as at:
        shown = at.shows("Straßenkarte", "Harbor lights", "64 %", "q quit")
        assert "\x1b" not in shown.text and "[0m" not in shown.text
        assert "64" in shown.title
        live.run("statusline", given=status(71))
        until(lambda: "71 %" in limit_lines(at), "changed number")
        until(lambda: "recorder" not in at.look().text, "running recorder")
        at.press("question")
        at.shows("Press any key to close.")
        at.press("space", "Down", "Return")
        at.shows(f"session  {FIRST}")
        at.press("Escape", "slash", "h", "a", "r", "Return")
        listed = at.shows("1 of 2 sessions").text.partition("Last messages")[0]
        assert "Harbor lights" in listed and "Straßenkarte" not in listed
        at.press("Escape", "l")
        at.shows("Layout: full")
        before = screen.count(LIGHT_GROUND, (0, 0, 400, 300))
        at.press("t")
        until(lambda: screen.count(LIGHT_GROUND, (0, 0, 400, 300)) > before + 10_000, "light theme")
        at.press("q")
        ended = until(lambda: found if (found := at.look()).code is not None else None, "end of the screen")
        assert ended.code == 0 and "Harbor" not in ended.text
        assert "71" not in ended.title


def test_control_c_ends_the_live_screen(live: WindowsHome) -> None:
    with console(live, "watch", "--no-recorder") as at:
        at.shows("5-hour")
        at.press("ctrl+c")
        assert until(lambda: found if (found := at.look()).code is not None else None, "end of the screen").code == 0


def filled(lines: list[str]) -> int:
    return sum(bool(line) for line in lines)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_live_screen_has_every_layout(life: Any, screen: Screen, layout: str) -> None:
    least, most = LAYOUTS[layout]
    with console(life.windows, "watch", "--no-recorder", "--layout", layout) as at:
        until(lambda: least <= filled(at.look().lines) <= most, "screen")
        picture(screen, f"watch-{layout}")
        at.press("q")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_frame_is_plain_text_in_the_console(life: Any, screen: Screen, layout: str) -> None:
    with console(life.windows, "watch", "--once", "--no-recorder", "--layout", layout) as at:
        ended = until(lambda: found if (found := at.look()).code is not None else None, "end of the command")
        assert ended.code == 0 and filled(ended.lines) and "[0m" not in ended.text and "\x1b" not in ended.text
        picture(screen, f"watch-once-{layout}")
