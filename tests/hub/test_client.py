"""The recorder's exchange: at once when something is new, and nothing at all when nothing is."""

import time
from datetime import timedelta
from pathlib import Path

from helpers import NOW, Home, MovedClock
from hub_server import answers, hub, invite_next, join, sync
from tachograph.demo import records
from tachograph.paths import own_paths
from tachograph.recorder.services import FAILED, OFF, RUNNING
from tachograph.ui.cli.hub.service import PULL_SECONDS, PUSH_SECONDS, HubClient


def settle(client: HubClient) -> None:
    if client._thread is not None:
        client._thread.join(60)


def test_it_is_off_and_imports_nothing_before_a_machine_joins(home: Home) -> None:
    client = HubClient(own_paths(home.env), MovedClock(NOW))
    with home.ledger() as ledger:
        assert client.tick(ledger).state == OFF
    assert client._thread is None


def test_it_sends_what_is_new_within_a_minute_and_rests_when_nothing_is(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
        first.write("-p/a.jsonl", [records.assistant("A", output=5)])
        join(first, served.invite(), "first")
        join(second, invite_next(first), "second")
        clock = MovedClock(NOW)
        client = HubClient(own_paths(first.env), clock)
        with first.ledger() as ledger:
            client.tick(ledger)
            settle(client)
            assert client.tick(ledger).state == RUNNING
            first.append("-p/a.jsonl", [records.assistant("B", output=6)])
            first.call("daily")
            clock.at += timedelta(seconds=PUSH_SECONDS + 1)
            client.tick(ledger)
            settle(client)
            assert client.tick(ledger).state == RUNNING
            clock.at += timedelta(seconds=PUSH_SECONDS + 1)
            client.tick(ledger)
            assert client._thread is None  # nothing waits, and it is too early to ask
            clock.at += timedelta(seconds=PULL_SECONDS)
            client.tick(ledger)
            assert client._thread is not None
            settle(client)
        sync(second)
        assert answers(first) == answers(second)


def test_a_hub_that_is_down_is_said_and_asked_less_and_less(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first = Home(tmp_path / "first")
        first.write("-p/a.jsonl", [records.assistant("A", output=5)])
        join(first, served.invite(), "first")
        served.kill()
        clock = MovedClock(NOW)
        client = HubClient(own_paths(first.env), clock)
        with first.ledger() as ledger:
            client.tick(ledger)
            settle(client)
            status = client.tick(ledger)
            assert status.state == FAILED and "can't be reached" in status.text
            asked = 0
            for _ in range(60):
                clock.at += timedelta(seconds=30)
                client.tick(ledger)
                asked += client._thread is not None
                settle(client)
            assert asked <= 12


def test_the_recorder_exchanges_by_itself(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
        first.write("-p/a.jsonl", [records.assistant("A", output=5)])
        second.write("-p/b.jsonl", [records.assistant("B", output=6)])
        join(first, served.invite(), "first")
        join(second, invite_next(first), "second")
        first.env.pop("TACHOGRAPH_NOW", None)
        first.run("start")
        try:
            end = time.monotonic() + 30
            while time.monotonic() < end:
                told = first.run("status", code=0).stdout
                counted = first.call("daily", "--json", "--no-ingest").json["totals"]["messages"]
                if counted == 2 and "exchanges with" in told:
                    break
                time.sleep(0.3)
            assert counted == 2 and "exchanges with" in told
        finally:
            first.run("stop")
