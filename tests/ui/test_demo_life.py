"""The plain demo: the same life whenever it is shown, told by limits, refusals, breakdown and messages alike."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from helpers import Home, Result
from tachograph import background
from tachograph.clock import FixedClock
from tachograph.paths import own_paths
from tachograph.ui.tray.controller import TrayController
from tachograph.ui.tray.view import DASHBOARD

pytestmark = pytest.mark.slow
THURSDAY = datetime(2026, 11, 26, 12, 39, tzinfo=UTC)


def shown(home: Home, at: datetime, folder: Path, *command: str) -> Result:
    return home.run("demo", "--keep", str(folder), *command, env={"TACHOGRAPH_NOW": str(int(at.timestamp() * 1000))})


def kept(home: Home, made: Result, folder: Path, *command: str) -> Any:
    """The JSON of another command in a home that was kept, in the environment that the demo printed."""
    line = next(line for line in made.stderr.splitlines() if "Try more: env" in line)
    words = line.split("Try more: env ")[1].split(" tachograph ")[0].split()
    return home.run(*command, "--json", env=dict(word.split("=", 1) for word in words)).json


def percents(document: Any) -> list[tuple[str, float | None]]:
    return [(one["key"], one["percent"]) for one in document["accounts"][0]["limits"]]


def test_the_life_is_the_same_at_every_minute_and_on_every_weekday(home: Home, tmp_path: Path) -> None:
    moments = (
        THURSDAY,
        THURSDAY + timedelta(minutes=3),
        THURSDAY + timedelta(days=4, hours=7),
        THURSDAY + timedelta(days=61),
    )
    lives = []
    for number, at in enumerate(moments):
        made = shown(home, at, tmp_path / str(number), "daily", "--json")
        totals = json.loads(made.stdout)["totals"]
        lives.append((totals, percents(kept(home, made, tmp_path, "now"))))
    assert all(life == lives[0] for life in lives)
    assert dict(lives[0][1])["five_hour"] is not None


def test_windows_refusals_and_breakdown_do_not_contradict_each_other(home: Home, tmp_path: Path) -> None:
    made = shown(home, THURSDAY, tmp_path / "life", "now", "--json")
    now = made.json["accounts"][0]
    limits = kept(home, made, tmp_path, "limits")
    sessions = sorted(
        (one for one in limits["windows"] if one["limit"] == "five_hour"), key=lambda one: one["resets_at"]
    )
    assert len(sessions) > 40
    spans = [datetime.fromisoformat(one["resets_at"]) for one in sessions]
    assert all(later - earlier >= timedelta(hours=5) - timedelta(minutes=1) for earlier, later in pairwise(spans))
    week = kept(home, made, tmp_path, "why")
    elsewhere = 100 - next(one["percent"] for one in now["breakdown"] if one["key"] == "claude_code")
    unexplained = week["unexplained"]
    assert 100 * unexplained["low"] - 5 <= elsewhere <= 100 * unexplained["high"] + 5


def test_the_bare_screen_and_the_tray_begin_with_the_week_in_a_sentence(home: Home, tmp_path: Path) -> None:
    made = shown(home, THURSDAY, tmp_path / "life", "why")
    sentence = next(line for line in made.stdout.splitlines() if "burned" in line)
    line = next(line for line in made.stderr.splitlines() if "Try more: env" in line)
    env = dict(word.split("=", 1) for word in line.split("Try more: env ")[1].split(" tachograph ")[0].split())
    screen = home.run(env={**env, "COLUMNS": "100"}).stdout.splitlines()
    assert screen[0] == sentence
    assert screen[1].startswith("Largest session") and "the weekly limit would end at" in screen[2]
    known, clock = {**home.env, **env}, FixedClock(int(env["TACHOGRAPH_NOW"]))
    lock = background.acquire(own_paths(known), clock, background.TRAY)
    assert lock is not None
    row = next(row for row in TrayController(known, clock, lock).look().rows if row.key == "week")
    lock.release()
    assert (row.text, row.action) == (sentence, DASHBOARD)
