"""A simulated week of the recorder, for `make soak`: nothing grows but what was read."""

import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from helpers import NOW, Home, MovedClock
from tachograph.demo import usage_shapes
from tachograph.demo.records import assistant
from tachograph.demo.service import Seen, Service, Step
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import CONSENT, set_preference
from tachograph.model.limits.limits import OAUTH
from tachograph.paths import own_paths
from tachograph.recorder.daemon import Recorder
from tachograph.recorder.poller import BASE


def resident() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.soak
def test_a_week_of_minutes_keeps_memory_files_and_threads_flat_and_asks_at_most_twelve_times_an_hour(
    home: Home,
) -> None:
    clock = MovedClock(NOW)
    home.sign_in("sk-ant-oat01-x", "org", NOW + timedelta(days=30))
    home.write("p/s.jsonl", [assistant("first", at=NOW)])

    def usage(seen: Seen) -> Step:
        hours = (clock.at - NOW).total_seconds() / 3600
        return usage_shapes.payload("2026-10", clock.at, session=(hours * 13) % 100, week=hours / 168 * 100)

    said: list[str] = []
    with Service(usage=usage) as service, open_ledger(own_paths(home.env), clock.now_ms()) as ledger:
        with ledger.transaction() as db:
            set_preference(db, CONSENT + OAUTH, "on", clock.now_ms())
        recorder = Recorder(own_paths(home.env), {**home.env, BASE: service.base}, clock, said.append)
        early = 0
        for minute in range(7 * 24 * 60):
            if minute % 10 == 0 and (clock.at.hour - 8) % 24 < 10:
                home.append("p/s.jsonl", [assistant(f"m{minute}", at=clock.at)])
            recorder.step(ledger)
            recorder._poller.wait(60)
            if minute == 24 * 60:
                early = resident()
                descriptors = len(os.listdir("/proc/self/fd")) if early else 0
            clock.at += timedelta(minutes=1)
        assert 7 * 24 * 2 <= sum(seen.path.endswith("usage") for seen in service.seen) <= 7 * 24 * 12
        assert threading.active_count() < 8
        if early:
            assert resident() < early + 8_000_000
            assert len(os.listdir("/proc/self/fd")) <= descriptors + 2
        rows = ledger.db.execute("SELECT count(*) FROM reading").fetchone()[0]
        assert rows <= len(service.seen)
    assert (home.data / "ledger.sqlite3").stat().st_size < 4_000_000
    assert not [line for line in said if not line.startswith("notice:")]
