"""Machines that exchange what they know answer like one ledger that has read everything."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, Home
from hub_server import answers, hub, identity, invite_next, join, rows, sync
from tachograph.demo import records, transcripts

MACHINES = 3


def deal(root: Path, rng: random.Random) -> tuple[list[Home], Home]:
    """Deal the transcripts of an invented life to three machines: some to several, some cut off; and a home with all."""
    life = Home(root / "life")
    transcripts.write(life.claude, end=NOW, days=12, seed=rng.randrange(1000))
    machines = [Home(root / f"machine{number}") for number in range(MACHINES)]
    for path in sorted(life.projects.rglob("*.jsonl")):
        where = path.relative_to(life.projects)
        content = path.read_bytes()
        holders = rng.sample(machines, rng.choice((1, 1, 2, 3)))
        for place, machine in enumerate(holders):
            cut = rng.randrange(len(content)) if place and rng.random() < 0.5 else len(content)
            machine.write(where, content[:cut])
    for number, machine in enumerate(machines):
        (machine.claude / ".claude.json").write_text(identity(number % 2))
    union = Home(root / "union")
    union.env["CLAUDE_CONFIG_DIR"] = ",".join(str(machine.claude) for machine in machines)
    return machines, union


def join_folder(machines: list[Home], root: Path) -> None:
    shared = root / "shared"
    shared.mkdir()
    join(machines[0], [f"folder:{shared}"], "machine0")
    key = machines[0].call("machines", "--key").stdout.strip()
    for number, machine in enumerate(machines[1:], 1):
        join(machine, [f"folder:{shared}", "--key", key], f"machine{number}")


@pytest.mark.parametrize("seed", [1, 2])
def test_machines_on_a_shared_folder_answer_like_one_ledger(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    machines, union = deal(tmp_path, rng)
    join_folder(machines, tmp_path)
    exchange_at_random(machines, rng, lambda: None)
    compare(machines, union)


@pytest.mark.parametrize("level", ["mine", "names", "counts"])
def test_machines_in_a_hub_answer_like_one_ledger_at_every_level(tmp_path: Path, level: str) -> None:
    rng = random.Random(level)
    machines, union = deal(tmp_path, rng)
    with hub(tmp_path / "hub") as served:
        join(machines[0], served.invite(), "machine0", "--share", level)
        for number, machine in enumerate(machines[1:], 1):
            join(machine, invite_next(machines[0]), f"machine{number}", "--share", level)

        def disturb() -> None:
            if rng.random() < 0.3:
                served.kill()
                served.start()

        exchange_at_random(machines, rng, disturb)
    compare(machines, union)


def exchange_at_random(machines: list[Home], rng: random.Random, disturb: Callable[[], None]) -> None:
    for _ in range(4):
        machine = rng.choice(machines)
        at = NOW - timedelta(minutes=rng.randrange(60))
        machine.append(
            Path("-home-ada-code-late") / f"{rng.randrange(10**6)}.jsonl",
            [
                records.user("one more", at=at, session=f"5e55101a-0000-4000-8000-{rng.randrange(10**12):012d}"),
                records.assistant(f"L{rng.randrange(10**9)}", at=at, output=rng.randrange(1, 900)),
            ],
        )
        sync(machine)
        disturb()
    for _ in range(2):
        order = list(machines)
        rng.shuffle(order)
        sync(*order)


def compare(machines: list[Home], union: Home) -> None:
    union.call("now")  # reads transcripts and limits
    expected = answers(union)
    accounts = account_totals(union)
    assert expected["daily"]["totals"]["messages"] > 50 and len(accounts) > 1
    for machine in machines:
        found = answers(machine)
        for report, document in expected.items():
            assert found[report] == document, report
        assert account_totals(machine) == accounts


def account_totals(machine: Home) -> list[tuple[str, int, int]]:
    sql = "SELECT uuid, sum(messages), sum(output) FROM rollup JOIN account ON account.id = account GROUP BY uuid ORDER BY uuid"
    return rows(machine, sql)


def test_reports_split_and_filter_by_machine(tmp_path: Path) -> None:
    rng = random.Random(3)
    machines, _ = deal(tmp_path, rng)
    join_folder(machines, tmp_path)
    sync(*machines, *machines)
    split = machines[0].call("monthly", "--by", "machine", "--json", "--no-ingest").json
    whole = split["totals"]["messages"]
    parts: dict[str, int] = {}
    for row in split["rows"]:
        for sub in row["by"]:
            parts[sub["machine"]] = parts.get(sub["machine"], 0) + sub["messages"]
    assert set(parts) == {"machine0", "machine1", "machine2"} and sum(parts.values()) == whole
    for name, messages in parts.items():
        only = machines[0].call("daily", "--machine", name, "--json", "--no-ingest").json
        assert only["totals"]["messages"] == messages
    wrong = machines[0].run("daily", "--machine", "nowhere", "--no-ingest", code=1)
    assert "machine0" in wrong.stderr


def test_exports_name_the_machine_of_a_row_and_narrow_to_one(tmp_path: Path) -> None:
    machines, _ = deal(tmp_path, random.Random(3))
    machines[0].call("daily")
    assert {row["machine"] for row in exported(machines[0], "messages")} == {None}
    join_folder(machines, tmp_path)
    sync(*machines, *machines)
    every = exported(machines[0], "messages")
    assert {row["machine"] for row in every} == {"machine0", "machine1", "machine2"}
    for name in ("machine0", "machine1", "machine2"):
        only = exported(machines[0], "messages", "--machine", name)
        assert only == [row for row in every if row["machine"] == name]
        sessions = exported(machines[0], "sessions", "--machine", name)
        assert {row["machine"] for row in sessions} == {name}
        assert sum(row["messages"] for row in sessions) == len(only)
    wrong = machines[0].run("export", "windows", "--machine", "machine1", "--no-ingest", code=2)
    assert "of an account" in wrong.stderr


def exported(machine: Home, what: str, *more: str) -> list[dict[str, Any]]:
    out = machine.run("export", what, "--format", "jsonl", "--no-ingest", *more).stdout
    return [json.loads(line) for line in out.splitlines()]
