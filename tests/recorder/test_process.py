"""The recorder as a process, for real: started, found, one only, stopped, killed; what it takes in while it runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import NOT_HERE
from helpers import NOW, Home, command
from tachograph import background
from tachograph.demo.records import assistant
from tachograph.demo.service import Service
from tachograph.paths import own_paths
from tachograph.recorder.poller import BASE

CANARY = "sk-ant-oat01-CANARY-in-the-recorder"


@pytest.fixture
def living(home: Home) -> Iterator[Home]:
    """A home whose clock runs, and whose recorder ends with the test."""
    del home.env["TACHOGRAPH_NOW"]
    yield home
    background.stop(own_paths(home.env))


def until(claim: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def test_start_status_stop(living: Home) -> None:
    assert living.run("status", code=1).stdout.startswith("The recorder isn't running.")
    assert "The recorder runs (process" in living.run("start").stdout
    said = living.run("status", "--json").json
    assert said["running"] and said["process"]["pid"] == background.running(own_paths(living.env)).pid  # type: ignore[union-attr]
    assert "is already running" in living.run("start").stdout
    assert living.run("stop").stdout == "The recorder has ended.\n"
    assert living.run("status", "--json", code=1).json["running"] is False
    assert living.run("stop").stdout == "The recorder isn't running.\n"


def test_S08_of_two_recorders_the_second_ends_with_0_and_names_the_first(living: Home) -> None:
    living.run("start")
    pid = background.running(own_paths(living.env)).pid  # type: ignore[union-attr]
    second = living.run("start", "--foreground")
    assert f"process {pid}" in second.stderr


def test_S08_the_lock_of_a_killed_recorder_is_free(living: Home) -> None:
    living.run("start")
    pid = background.running(own_paths(living.env)).pid  # type: ignore[union-attr]
    os.kill(pid, signal.SIGKILL)
    until(lambda: background.running(own_paths(living.env)) is None)
    assert "The recorder runs" in living.run("start").stdout


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_ctrl_c_and_sigterm_end_it_at_once_and_cleanly(living: Home) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        child = subprocess.Popen(
            [command(), "start", "--foreground"], env=living.env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        until(lambda: background.running(own_paths(living.env)) is not None)
        time.sleep(0.3)
        child.send_signal(number)
        _, said = child.communicate(timeout=60)
        assert child.returncode == 0
        assert b"has ended" in said and b"Traceback" not in said


def test_what_is_written_while_it_runs_is_counted_within_seconds(living: Home) -> None:
    living.write("p/one.jsonl", [assistant("A")])
    living.run("start")

    def messages() -> int:
        return int(living.run("daily", "--no-ingest", "--json").json["totals"]["messages"])

    until(lambda: messages() == 1)
    living.append("p/one.jsonl", [assistant("B")])
    until(lambda: messages() == 2)


def test_it_asks_where_it_may_and_now_and_the_status_line_only_read(living: Home) -> None:
    living.sign_in(CANARY, "org", NOW.replace(year=2090))
    with Service() as service:
        living.env[BASE] = service.base
        living.run("sources", "enable", "oauth", "--yes")
        living.run("start")
        until(lambda: len(service.seen) >= 2)
        until(lambda: bool(living.run("now", "--json").json["accounts"]))
        said = living.run("now", "--json").json["accounts"][0]
        assert {limit["source"] for limit in said["limits"]} == {"oauth"}
        assert len(service.seen) == 2  # the profile and the usage, once
        status = living.run("status", "--json").json["polls"][0]
        assert status["outcome"] == "ok"
        for path in living.data.rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.skipif(sys.platform != "linux", reason=NOT_HERE)
def test_T03_no_core_file_and_no_look_inside(living: Home) -> None:
    living.run("start")
    pid = background.running(own_paths(living.env)).pid  # type: ignore[union-attr]
    limits = Path(f"/proc/{pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    mode = os.stat(own_paths(living.env).lock("recorder")).st_mode & 0o777
    assert mode == 0o600


def test_O05_a_damaged_ledger_is_said_and_does_not_end_it(living: Home) -> None:
    living.run("daily")
    (living.data / "ledger.sqlite3").write_bytes(b"SQLite format 3\0" + b"\x07" * 5000)
    living.run("start")
    log = living.data / "recorder.log"
    until(lambda: "damaged" in log.read_text())
    assert background.running(own_paths(living.env)) is not None
    living.run("daily")  # rescues it


def test_a_recorder_that_cannot_start_says_why(living: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = living.run("start", code=3, env={"TACHOGRAPH_HOME": str(tmp_path / "file" / "below")})
    assert "cannot be made or used" in result.stderr


def test_purge_stops_it_and_restore_lets_it_go_on_with_the_new_ledger(living: Home) -> None:
    living.write("p/one.jsonl", [assistant("A")])
    living.run("daily")
    backup = living.root / "b.sqlite3"
    living.run("backup", str(backup))
    living.append("p/one.jsonl", [assistant("B")])
    living.run("start")
    until(lambda: living.run("daily", "--no-ingest", "--json").json["totals"]["messages"] == 2)
    result = living.run("restore", str(backup), "--yes")
    assert "The recorder was stopped" in result.stderr and "runs again" in result.stderr
    until(lambda: living.run("daily", "--no-ingest", "--json").json["totals"]["messages"] == 2)
    assert "The recorder was stopped" in living.run("purge", "--yes").stderr
    assert background.running(own_paths(living.env)) is None
    assert not (living.data / "ledger.sqlite3").exists()


def test_a_ledger_that_is_replaced_under_it_is_opened_anew(living: Home) -> None:
    living.write("p/one.jsonl", [assistant("A")])
    living.run("start")
    until(lambda: living.run("daily", "--no-ingest", "--json").json["totals"]["messages"] == 1)
    other = living.root / "other.sqlite3"
    living.run("backup", str(other))
    for name in ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (living.data / name).unlink(missing_ok=True)
    os.replace(other, living.data / "ledger.sqlite3")
    living.append("p/one.jsonl", [assistant("B")])
    until(lambda: living.run("daily", "--no-ingest", "--json").json["totals"]["messages"] == 2, 20)


def test_a_restored_backup_brings_no_consent_back(home: Home) -> None:
    home.run("sources", "enable", "oauth", "--yes")
    backup = home.root / "b.sqlite3"
    home.run("backup", str(backup))
    home.run("sources", "disable", "oauth")
    assert "it is off now" in home.run("restore", str(backup), "--yes").stdout
    assert home.call("sources", "--json").json["sources"][4]["on"] is False
    home.run("sources", "enable", "oauth", "--yes")
    assert "it is off now" not in home.run("restore", str(backup), "--yes").stdout


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_data_folder_that_is_moved_ends_the_recorder_with_a_word(living: Home, is_replaced: bool) -> None:
    living.write("p/one.jsonl", [assistant("A")])
    living.run("start")
    pid = background.running(own_paths(living.env)).pid  # type: ignore[union-attr]
    moved = living.root / "moved"
    living.data.rename(moved)
    if is_replaced:
        living.data.mkdir(mode=0o700)
    until(lambda: background.start_mark(pid) is None)
    assert "was moved, deleted or replaced" in (moved / "recorder.log").read_text()
    made = {path.name for path in living.data.iterdir()} if is_replaced else set()
    assert "ledger.sqlite3" not in made  # no new ledger at the old place
    assert living.data.exists() == is_replaced
    there = {"TACHOGRAPH_HOME": str(moved)}
    assert "The recorder runs" in living.run("start", env=there).stdout
    living.run("stop", env=there)
    assert background.running(own_paths({**living.env, **there})) is None


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_a_recorder_of_a_moved_folder_is_replaced_at_once_by_one_that_works_there(living: Home) -> None:
    living.run("start")
    first = background.running(own_paths(living.env)).pid  # type: ignore[union-attr]
    moved = living.root / "moved"
    living.data.rename(moved)
    there = {"TACHOGRAPH_HOME": str(moved)}
    paths = own_paths({**living.env, **there})
    try:
        living.run("start", env=there)
        second = background.running(paths)
        assert second is not None and second.pid != first and second.folder == str(moved)
        assert background.start_mark(first) is None
        assert living.run("status", env=there).code == 0
    finally:
        background.stop(paths)
