"""Windows' own Python beside Linux in one hub, and `mcp` over Windows' pipes."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers import Home, piped_key
from hub_server import hub, invite_next
from tachograph.demo import records
from tachograph.demo.records import assistant
from wine import NOW_MS, WindowsHome

REPORTS = ("daily", "projects", "models", "sessions")


def report(text: str) -> Any:
    document = json.loads(text)
    return [document["rows"], document["totals"]]


@pytest.fixture
def linux(tmp_path: Path) -> Home:
    machine = Home(tmp_path / "linux")
    machine.env["TACHOGRAPH_NOW"] = str(NOW_MS)
    machine.write("-p/a.jsonl", [assistant("one", output=11), assistant("two", output=13)])
    return machine


def write(home: WindowsHome, name: str, lines: list[records.Record]) -> None:
    path = home.claude / "projects" / "p" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(records.dump(lines))


def test_windows_and_linux_in_one_hub_give_the_same_reports(home: WindowsHome, linux: Home, tmp_path: Path) -> None:
    """Both push and pull; a message that both have counts once; what Windows adds later arrives too."""
    write(home, "b.jsonl", [assistant("two", output=13), assistant("three", output=17, cwd=r"C:\Users\ada\code\shop")])
    with hub(tmp_path / "hub") as served:
        linux.call("join", *served.invite(), "--as", "desk", "--share", "mine", "--yes")
        words, key = piped_key(["join", *invite_next(linux), "--as", "laptop", "--share", "mine", "--yes"])
        home.run(*words, given=key.encode())
        write(home, "late.jsonl", [assistant("four", output=19)])
        for _ in range(2):
            home.run("daily", "--json")
            home.run("sync", "--json")
            linux.call("sync", "--json")
        for name in REPORTS:
            windows = report(home.quick(name, "--json", "--no-ingest").stdout)
            assert windows == report(linux.call(name, "--json", "--no-ingest").stdout), name
        assert windows[1]["messages"] == 4
        names = {one["name"] for one in home.quick("machines", "--json").json["machines"]}
        assert names == {"desk", "laptop"}
        home.run("leave", "--drop", "--yes")
        assert home.quick("daily", "--json", "--no-ingest").json["totals"]["messages"] == 3


def test_mcp_answers_over_pipes_of_windows(home: WindowsHome) -> None:
    write(home, "a.jsonl", [assistant("one")])
    home.run("daily", "--json")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    requests: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": hello},
        {"id": 2, "method": "tools/list", "params": {}},
        {"id": 3, "method": "tools/call", "params": {"name": "usage", "arguments": {}}},
    ]
    given = b"".join(json.dumps({"jsonrpc": "2.0", **one}).encode() + b"\r\n" for one in requests)
    answers = [json.loads(line) for line in home.run("mcp", given=given).stdout.splitlines()]
    assert [one["id"] for one in answers] == [1, 2, 3] and not any("error" in one for one in answers)
    assert {"limits", "usage"} <= {tool["name"] for tool in answers[1]["result"]["tools"]}
    assert answers[2]["result"]["structuredContent"]
