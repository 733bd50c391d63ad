"""What stays open while others write: the ledger is that of its file, and the settings are as they were saved last."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from helpers import NOW, NOW_MS, Home, MovedClock
from live_states import prepare
from tachograph import background
from tachograph.ledger.storage.preferences import set_preference
from tachograph.paths import own_paths
from tachograph.ui.terminal import controller as live_controller
from tachograph.ui.tray import controller as tray_controller
from tachograph.workspace.follow import WorkspaceFollower


def save(home: Home, text: str) -> None:
    """Settings of another size, saved within one tick of the file system's clock."""
    path = Path(own_paths(home.env).settings)
    path.write_text(text)
    os.utime(path, ns=(NOW_MS * 1_000_000, NOW_MS * 1_000_000))


def test_two_saves_in_one_moment_are_two(home: Home) -> None:
    followed = WorkspaceFollower(own_paths(home.env))
    home.data.mkdir(parents=True, exist_ok=True)
    save(home, 'timezone = "UTC"\n')
    followed.refresh_settings()
    before, book = followed.calendar, followed.book
    followed.refresh_settings()
    assert followed.calendar is before and followed.book is book  # nothing was read for nothing
    save(home, 'timezone = "Asia/Tokyo"\nweek_start = "sunday"\n')
    followed.refresh_settings()
    assert followed.calendar != before


@pytest.mark.parametrize("kind", ["watch", "tray"])
def test_what_runs_in_the_background_follows_the_settings(home: Home, kind: str) -> None:
    prepare(home, "one")
    clock = MovedClock(NOW)
    save(home, 'timezone = "UTC"\n')
    engine: live_controller.Engine | tray_controller.TrayController
    if kind == "watch":
        engine = live_controller.Engine(home.env, clock, None)
    else:
        lock = background.acquire(own_paths(home.env), clock, background.TRAY)
        assert lock is not None
        engine = tray_controller.TrayController(home.env, clock, lock)
    engine.look()
    before = engine._followed.calendar
    save(home, 'timezone = "Asia/Tokyo"\n')
    clock.at += timedelta(seconds=60)
    engine.look()
    assert engine._followed.calendar != before
    engine._followed.close()
    if isinstance(engine, tray_controller.TrayController):
        engine._lock.release()


def test_news_are_what_others_wrote_and_another_file_is_another_ledger(home: Home) -> None:
    prepare(home, "one")
    followed = WorkspaceFollower(own_paths(home.env))
    first, has_news = followed.current(NOW_MS)
    assert has_news and followed.is_there
    assert followed.current(NOW_MS) == (first, False)
    with home.ledger() as other, other.transaction() as db:
        set_preference(db, "a choice", "on", NOW_MS)
    assert followed.current(NOW_MS) == (first, True)
    assert followed.current(NOW_MS) == (first, False)
    path = Path(own_paths(home.env).ledger)
    copy = home.root / "copy"
    home.run("backup", str(copy))
    os.replace(copy, path)
    for left in path.parent.glob("ledger.sqlite3-*"):
        left.unlink()
    second, has_news = followed.current(NOW_MS)
    assert second is not first and has_news
    followed.close()
    path.unlink()
    assert not followed.is_there and followed.ledger is None
