"""A simulated sixteen-hour day of the tray, for `make soak`: nothing grows."""

import asyncio
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus

from conftest import NOT_HERE
from helpers import NOW, Home, MovedClock
from linux_desktop import Panel, is_linux, limits, lived, session_bus
from tachograph import background
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
from tachograph.recorder.statusline import parse_status_input, store
from tachograph.ui.tray import linux, platform
from tachograph.ui.tray.controller import TrayController
from tachograph.ui.tray.view import Menu

pytestmark = pytest.mark.skipif(not is_linux(), reason=NOT_HERE)
SECONDS = 16 * 3600


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.soak
def test_a_day_of_seconds_keeps_memory_files_and_threads_flat(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    clock = MovedClock(NOW)
    monkeypatch.setattr(linux, "LOOK_SECONDS", 0.0)
    with session_bus(home.root) as (address, _):
        env = lived(home, address)
        lock = background.acquire(own_paths(env), clock, background.TRAY)
        assert lock is not None
        engine = TrayController(env, clock, lock)
        seen: list[tuple[int, int, int]] = []
        said: list[str] = []
        looks = 0

        def look() -> Menu:
            nonlocal looks
            looks += 1
            clock.at += timedelta(seconds=1)
            if looks % 60 == 0:
                at = clock.now_ms()
                told = {"rate_limits": limits((looks / 180) % 101, looks / SECONDS * 100, at // 1000 + 7200)}
                with open_ledger(own_paths(env), at) as ledger:
                    store(ledger, parse_status_input(json.dumps(told).encode(), at), env["CLAUDE_CONFIG_DIR"])
            if looks in (3600, SECONDS):
                seen.append((resident(), len(os.listdir("/proc/self/fd")), threading.active_count()))
            return engine.look()

        async def run() -> int:
            panel = await Panel.open(address)
            bus = await MessageBus(address).connect()
            made = linux._Tray(platform.TrayCallbacks(look, engine.act, said.append, said.append), bus)
            serving = asyncio.ensure_future(made.serve())
            while looks < SECONDS:
                await asyncio.sleep(0.05)
                if looks % 7 == 0 and panel.item:
                    await panel.happens(0, "opened" if looks % 2 else "closed")
            made._over.set()
            await serving
            sent = len(panel.sent)
            bus.disconnect()
            panel.close()
            return sent

        sent = asyncio.run(run())
        lock.release()
    (early, files, threads), (late, files_later, threads_later) = seen
    assert late < early + 8_000_000
    assert files_later <= files + 2 and threads_later <= threads
    assert sent <= 16 * 60 * 8
