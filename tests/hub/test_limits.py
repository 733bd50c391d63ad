"""Limits of an account are one picture on all machines of a person."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, NOW_MS, Home
from hub_server import hub, identity, invite_next, join, rows, sync
from hub_team import pipe
from tachograph.demo import records
from tachograph.queries.machines import machine_states
from tachograph.text.limits import source_words
from tachograph.text.machines import machine_words

MINUTE = 60_000


def limits(machine: Home) -> Any:
    document = machine.run("now", "--json", "--no-ingest").json
    return [
        {
            "account": account["account"]["uuid"] if isinstance(account.get("account"), dict) else account.get("uuid"),
            "limits": [
                {key: limit[key] for key in ("key", "percent", "resets_at", "state")} for limit in account["limits"]
            ],
        }
        for account in document["accounts"]
    ]


def test_status_lines_of_three_machines_make_the_windows_of_one_ledger(tmp_path: Path) -> None:
    rng = random.Random(5)
    machines = [Home(tmp_path / f"machine{number}") for number in range(3)]
    union = Home(tmp_path / "union")
    folders = [str(machine.claude) for machine in machines]
    union.env["CLAUDE_CONFIG_DIR"] = ",".join(folders)
    for machine in machines:
        (machine.claude / ".claude.json").write_text(identity(0))
    for home in (*machines, union):
        home.run("now", "--json")  # the login is seen
    with hub(tmp_path / "hub") as served:
        join(machines[0], served.invite(), "machine0")
        for number, machine in enumerate(machines[1:], 1):
            join(machine, invite_next(machines[0]), f"machine{number}")
        percent, at = 10.0, NOW_MS - 90 * MINUTE
        stale = dict.fromkeys(range(3), 10.0)
        api = dict.fromkeys(range(3), 1000)
        for _ in range(12):
            at += rng.randrange(1, 8) * MINUTE
            number = rng.randrange(3)
            if rng.random() < 0.7:  # news: else an idle session repeats its last values
                percent += rng.randrange(1, 6)
                stale[number], api[number] = percent, api[number] + 500
            session = f"5e55101a-0000-4000-8000-00000000000{number}"
            for home in (machines[number], union):
                pipe(home, session, at, stale[number], api[number], folders[number])
            if rng.random() < 0.4:
                sync(machines[number])
        sync(*machines)
        sync(*machines)
    expected = limits(union)
    assert expected and expected[0]["limits"][0]["percent"] is not None
    sql = "SELECT key, resets_at, percent, peak, at FROM window ORDER BY key, resets_at"
    for machine in machines:
        assert limits(machine) == expected
        assert rows(machine, sql) == rows(union, sql)


def test_another_machine_that_asked_spares_the_question(tmp_path: Path) -> None:
    from tachograph.ledger.limits import accounts, poll_state, readings
    from tachograph.ledger.usage.strings import Strings
    from tachograph.model.limits.limits import OAUTH, OK, AccountId, Limit, Reading

    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    for machine in (first, second):
        (machine.claude / ".claude.json").write_text(identity(0))
        machine.call("now")
    who = AccountId("acc00000-0000-4000-8000-000000000000", "org00000-0000-4000-8000-000000000000")
    limit = Limit("five_hour", "5-hour", "session", 40.0, NOW_MS + 3_600_000)
    with first.ledger() as ledger, ledger.transaction() as db:
        reading = Reading(OAUTH, NOW_MS - MINUTE, OK, who, (limit,))
        readings.append(db, Strings(db), reading, str(first.claude))
    with hub(tmp_path / "hub") as served:
        join(first, served.invite(), "first")
        join(second, invite_next(first), "second")
    with second.ledger() as ledger:
        (account,) = [one.id for one in accounts.accounts(ledger.db) if one.uuid == who.uuid]
        assert poll_state.last_remote(ledger.db, account, OAUTH) == NOW_MS - MINUTE


def test_every_surface_says_which_machine_a_limit_was_read_on(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    for machine in (first, second):
        (machine.claude / ".claude.json").write_text(identity(0))
        machine.run("now")
    pipe(second, "5e55101a-0000-4000-8000-000000000001", NOW_MS - 12_000, 41, 1000, str(second.claude))
    with hub(tmp_path / "hub") as served:
        join(first, served.invite(), "desk")
        join(second, invite_next(first), "laptop")
        sync(first)
        for machine in (first, second):
            shown = machine.run("now", "--no-ingest").stdout
            assert "12 s ago, status line on laptop" in shown
            limit = machine.run("now", "--json", "--no-ingest").json["accounts"][0]["limits"][0]
            assert limit["source"] == "statusline" and limit["machine"] == "laptop"
        wide = first.run("watch", "--once", "--no-recorder", env={"COLUMNS": "150", "LINES": "45"}).stdout
        assert "status line on laptop 12 s" in wide
        with first.ledger() as ledger:
            from tachograph.queries.limits.current import now as now_question

            (account,) = now_question(ledger.db, NOW_MS).accounts
            assert source_words(account.limits[0]) == "status line on laptop"  # the tray and the page use these words


def test_machines_are_on_the_settings_page_and_why_speaks_of_all_of_them(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    for machine in (first, second):
        (machine.claude / ".claude.json").write_text(identity(0))
        machine.write(
            f"-p/{machine.root.name}.jsonl",
            [records.assistant(machine.root.name, at=NOW - timedelta(hours=1), output=900)],
        )
        machine.run("now")
    pipe(second, "5e55101a-0000-4000-8000-000000000001", NOW_MS - 12_000, 41, 1000, str(second.claude))
    with hub(tmp_path / "hub") as served:
        join(first, served.invite(), "desk")
        second.env["TACHOGRAPH_NOW"] = str(NOW_MS + 2 * 60 * MINUTE)
        second.run("join", *invite_next(first), "--as", "laptop", "--yes")
        second.run("sync")
        sync(first)
    with first.ledger() as ledger:
        states = machine_states(ledger.db)
        assert states is not None and states.waiting == 0
        told = {one.name: machine_words(one, NOW_MS) for one in states.machines}
        assert told["laptop"].endswith("clock 2 h 0 min fast") and "last contact" in told["desk"]
    assert "your 2 machines' " in first.run("why", "--no-ingest").stdout
    why = first.run("why", "--limit", "five_hour", "--json", "--no-ingest").json
    assert {one["machine"]: one["name"] for one in why["machines"]} == {"desk": "desk", "laptop": "laptop"}
    assert sum(one["list_price_share"] for one in why["machines"]) == pytest.approx(1)
    assert {one["machine"] for one in why["sessions"]} <= {"desk", "laptop", "desk, laptop"}
    assert "2 h 0 min fast" in first.run("machines").stdout
