"""A shared folder carries the exchange whatever a synchronizing program does to its files."""

import shutil
from pathlib import Path

import pytest

from helpers import Home
from hub_server import answers, join, sync
from tachograph.clock import FixedClock
from tachograph.demo import records
from tachograph.errors import TachographError
from tachograph.hub.folder import FolderTransport


def pair(tmp_path: Path) -> tuple[Home, Home, Path]:
    shared = tmp_path / "shared"
    shared.mkdir()
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    first.write("-p/a.jsonl", [records.assistant("A", output=5), records.assistant("B", output=7)])
    join(first, [f"folder:{shared}"], "first", "--share", "names")
    key = first.call("machines", "--key").stdout.strip()
    second.write("-p/c.jsonl", [records.assistant("C", output=9)])
    join(second, [f"folder:{shared}", "--key", key], "second", "--share", "names")
    sync(first)
    return first, second, shared


def test_what_is_in_the_folder_is_sealed(tmp_path: Path) -> None:
    first, second, shared = pair(tmp_path)
    assert answers(first) == answers(second)
    content = b"".join(path.read_bytes() for path in shared.rglob("*.facts"))
    assert content and b"code/shop" not in content


def test_a_torn_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    first, second, shared = pair(tmp_path)
    own = next(
        path for path in shared.rglob("*.facts") if b"" in path.read_bytes() and path.parent.name == machine(first)
    )
    first.append("-p/a.jsonl", [records.assistant("D", output=3)])
    before = own.read_bytes()
    sync(first)
    whole = own.read_bytes()
    own.write_bytes(whole[: len(before) + 40])  # the rest is still on its way
    sync(second)
    assert answers(first) != answers(second)
    own.write_bytes(whole)
    sync(second)
    assert answers(first) == answers(second)


def machine(home: Home) -> str:
    return str(home.call("machines", "--json").json["machine"])


def test_copies_in_conflict_and_damaged_lines_change_nothing(tmp_path: Path) -> None:
    first, second, shared = pair(tmp_path)
    for path in list(shared.rglob("*.facts")):
        shutil.copy(path, path.with_name("000001.sync-conflict-20261123-101112.facts"))
        with path.open("ab") as file:
            file.write(b"0123456789abcdef bm90aGluZw==\nnot a line\n\xff\xfe\n")
    first.append("-p/a.jsonl", [records.assistant("E", output=2)])
    sync(first, second, first)
    assert answers(first) == answers(second)
    assert second.call("daily", "--json").json["totals"]["messages"] == 4


def test_a_folder_that_is_gone_is_said_and_what_waits_is_sent_later(tmp_path: Path) -> None:
    first, second, shared = pair(tmp_path)
    away = shared.rename(tmp_path / "away")
    first.append("-p/a.jsonl", [records.assistant("F", output=2)])
    done = first.run("sync", code=1)
    assert "There is no folder" in done.stderr
    away.rename(shared)
    sync(first, second)
    assert answers(first) == answers(second)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TachographError, match="There is no folder"):
        FolderTransport(str(tmp_path / "none"), "m", FixedClock(0)).check()
