"""A pass may run beside a writer, beside another pass, in several processes: the ledger is what the oracle counts."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from helpers import Home, command, same_as_oracle, tokens
from tachograph.demo import records
from tachograph.demo.records import AT, Record, assistant, limit, pr_link, title, user
from tachograph.recorder import ingest, workers
from tachograph.sources.transcripts.file_state import FileState
from tachograph.sources.transcripts.tail import Reader


def conversation(name: str, count: int, *, start: int = 0) -> list[Record]:
    """A session's lines: prompts, answers streamed in two lines, now and then a link or a title."""
    lines: list[Record] = []
    for n in range(start, start + count):
        at = AT + n * timedelta(minutes=17)
        where = {"session": name, "branch": f"b{n % 3}"}
        lines.append(user(f"do {n}", at=at, **where))  # type: ignore[arg-type]
        lines.append(assistant(f"{name}{n}", at=at, output=1, stop=None, **where))  # type: ignore[arg-type]
        lines.append(assistant(f"{name}{n}", at=at, output=n, cache_read=n * 10, **where))  # type: ignore[arg-type]
        if n % 7 == 3:
            lines.append(pr_link(n, at=at, session=name))
        if n % 11 == 4:
            lines.append(title(f"title {n}", session=name))
    return lines


def read_in(home: Home) -> list[FileState]:
    """The files of a home as discovery describes them, from their bytes alone."""
    known = []
    for path in sorted(home.projects.rglob("*.jsonl")):
        at = path.stat()
        name = os.fsencode(path)
        folder = str(home.claude)
        known.append(FileState(name, folder, at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns))
    return known


# -- one pass after the other ----------------------------------------------------------------------------------


def test_passes_over_a_growing_set_always_equal_the_oracle(home: Home) -> None:
    for n in range(6):
        for name in "xyz"[: 1 + n % 3]:
            home.append(f"p/{name}.jsonl", conversation(name, 5, start=5 * n))
        same_as_oracle(home)


def test_a_pass_over_nothing_new_writes_nothing(home: Home) -> None:
    home.write("p/x.jsonl", conversation("x", 3))
    home.ingest()
    before = (home.data / "ledger.sqlite3").read_bytes()
    assert home.ingest()[:2] == (1, 0)
    assert (home.data / "ledger.sqlite3").read_bytes() == before


def test_L06_what_was_deleted_stays_in_every_report(home: Home) -> None:
    path = home.write("p/x.jsonl", conversation("x", 30))
    home.write("p/y.jsonl", conversation("y", 30))
    reports = ("daily", "sessions", "projects", "models", "branches", "prs", "windows")
    before = [home.report(report)["rows"] for report in reports]
    path.unlink()
    assert [home.report(report)["rows"] for report in reports] == before


def test_progress_ends_at_the_whole(home: Home) -> None:
    paths = [home.write(f"p/{name}.jsonl", conversation(name, 5)) for name in "xyz"]
    told: list[tuple[int, int]] = []
    home.ingest(lambda done, total: told.append((done, total)))
    size = sum(path.stat().st_size for path in paths)
    assert told[-1] == (size, size)


@pytest.mark.parametrize("settled", [False, True])
def test_a_pass_that_fails_midway_leaves_whole_batches_and_the_next_ends_it(
    home: Home, small_batches: int, settled: bool
) -> None:
    """What is remembered of folders must not hide files that were found in them and not read."""
    os.utime(home.write("p/long.jsonl", [assistant(f"M{n}x") for n in range(small_batches)]), (1, 1))
    home.write("p/late.jsonl", conversation("x", 5))

    if settled:
        home.settle()

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.ingest(stop)
    with home.db() as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (small_batches,)
        assert db.execute("SELECT count(*) FROM file").fetchone() == (1,)
    same_as_oracle(home)


# -- beside a writer (L20) -------------------------------------------------------------------------------------


def test_L20_a_writer_at_full_speed_beside_repeated_passes(home: Home) -> None:
    """Torn lines, half blocks and streamed copies arrive at any point of a pass."""
    data = records.dump(conversation("x", 1500))
    path = home.write("p/x.jsonl", b"")
    done = threading.Event()

    def append() -> None:
        with open(path, "ab", buffering=0) as file:
            for start in range(0, len(data), 1777):
                file.write(data[start : start + 1777])
        done.set()

    writer = threading.Thread(target=append)
    writer.start()
    seen = []
    while not done.is_set():
        seen.append(home.totals())
    writer.join()
    assert home.totals() == home.oracle().total
    for earlier, later in pairwise(seen):
        assert all(earlier[name] <= later[name] for name in earlier)
    same_as_oracle(home)
    assert home.problems() == {}


_WRITER = """
import sys, time
path, source = sys.argv[1:]
lines = open(source, "rb").read().splitlines(keepends=True)
with open(path, "ab", buffering=0) as file:
    for line in lines:
        file.write(line[: len(line) // 2])
        file.write(line[len(line) // 2 :])
        time.sleep(0.001)
"""


def test_L20_a_writer_in_another_process_at_a_thousand_lines_a_second(home: Home) -> None:
    source = home.write(home.root / "source", conversation("x", 200))
    path = home.write("p/x.jsonl", b"")
    passes = 0
    with subprocess.Popen([sys.executable, "-c", _WRITER, path, source]) as writer:
        while writer.poll() is None:
            home.ingest()
            passes += 1
    assert passes > 3
    same_as_oracle(home)
    assert home.problems() == {}


# -- beside another pass ---------------------------------------------------------------------------------------


def test_two_first_passes_at_once_in_one_ledger(home: Home, small_batches: int) -> None:
    """While one waits between its batches, another reads everything: both end well, and all is counted once."""
    os.utime(home.write("p/long.jsonl", [assistant(f"M{n}x") for n in range(small_batches)]), (1, 1))
    home.write("p/late.jsonl", [*conversation("x", 5), b'{"usage":\n'])
    others: list[int] = []

    def progress(done: int, total: int) -> None:
        if not others:
            others.append(1)
            home.ingest()

    home.ingest(progress)
    assert others
    same_as_oracle(home)
    assert home.problems() == {"bad_lines": 1}


def test_several_installed_commands_at_once_on_a_new_ledger(home: Home) -> None:
    for n in range(12):
        home.write(f"p{n}/s.jsonl", conversation(f"s{n}", 400))
    started = [
        subprocess.Popen(
            [command(), "daily", "--json"], env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[1] for process in started]
    assert [(process.returncode, words) for process, words in zip(started, said, strict=True)] == [(0, "")] * 4
    same_as_oracle(home)
    assert sorted(path.name for path in home.data.iterdir() if not path.name.endswith(("-wal", "-shm"))) == [
        "ledger.sqlite3"
    ]


# -- in several processes --------------------------------------------------------------------------------------

forking = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="not on this platform: reading is never forked there"
)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork however little there is to read, as for a first reading of gigabytes."""
    monkeypatch.setattr(workers, "WORTH_FORKING", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


def write_six(home: Home) -> None:
    for n in range(6):
        home.write(f"p/s{n}.jsonl", conversation(f"s{n}", 20))


@forking
def test_reading_in_several_processes_gives_the_same_ledger(home: Home, forked: None) -> None:
    for n in range(9):
        home.write(f"p{n % 2}/s{n}.jsonl", [*conversation(f"s{n % 4}", 20, start=n), b'{"usage":\n'])
    same_as_oracle(home)
    assert home.problems() == {"bad_lines": 9}


@forking
def test_several_processes_deliver_each_file_once(home: Home, forked: None) -> None:
    for n in range(9):
        home.write(f"p/s{n}.jsonl", conversation(f"s{n}", n))
    jobs = read_in(home)
    groups = workers.groups(workers.read_all(jobs, 0))
    delivered = [read.known.path for group in groups for _, reads in group for read in reads]
    assert sorted(delivered) == sorted(job.path for job in jobs)


@forking
def test_the_files_of_a_process_that_dies_are_read_by_the_others(
    home: Home, forked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One child is killed when it comes to a certain file, as the kernel does where memory runs out."""
    write_six(home)
    parent, taken = os.getpid(), workers._taken

    def dying(*arguments: Any) -> Iterator[FileState]:
        for job in taken(*arguments):
            if os.getpid() != parent and job.path.endswith(b"s3.jsonl"):
                os.kill(os.getpid(), signal.SIGKILL)
            yield job

    monkeypatch.setattr(workers, "_taken", dying)
    monkeypatch.setattr(workers, "_MOST_GROUPS", 2)  # so that a child has taken others as well
    same_as_oracle(home)


def test_nothing_to_read_is_read_in_several_processes_as_well(home: Home, forked: None) -> None:
    assert [delivery for delivery in workers.read_all([], 0) if delivery is not None] == []


@forking
def test_nothing_is_read_here_while_the_caller_holds_the_ledger(
    home: Home, forked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`read_all` yields None first, which lets the caller commit."""
    write_six(home)
    parent, read, happened = os.getpid(), Reader.read, list[str]()

    def noted(reader: Reader, known: FileState) -> Any:
        if os.getpid() == parent:
            happened.append("read")
        return read(reader, known)

    monkeypatch.setattr(Reader, "read", noted)
    monkeypatch.setattr(workers, "_work", lambda *_: time.sleep(0.3))  # so that all is read here
    monkeypatch.setattr(workers, "_BATCH_MESSAGES", 1)
    for delivery in workers.read_all(read_in(home), 0):
        happened.append("nothing" if delivery is None else "delivery")
    before = {one for one, other in pairwise(happened) if other == "read"}
    assert before == {"nothing"} and happened.count("read") == 6


def test_no_child_is_left_behind(home: Home, forked: None) -> None:
    write_six(home)
    home.ingest()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_child_is_left_behind_by_a_pass_that_fails_before_it_writes(
    home: Home, forked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_six(home)

    def failing(*_: object) -> dict[bytes, object]:
        raise OSError("no more")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no more"):
        patched.setattr(ingest, "_jobs", failing)
        home.ingest()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    same_as_oracle(home)


# -- accounts (rule 12) ----------------------------------------------------------------------------------------


def test_messages_from_before_the_first_login_of_a_folder_are_presumed_that_login_s(home: Home) -> None:
    identity = '{"oauthAccount": {"accountUuid": "u1", "organizationUuid": "o1", "emailAddress": "ada@example.org"}}'
    (home.claude / ".claude.json").write_text(identity)
    home.write("p/s.jsonl", [assistant("A"), assistant("B", at="2026-11-23T12:00:01.000Z")])
    home.ingest()
    sql = "SELECT account.uuid, presumed FROM message JOIN account ON account.id = account ORDER BY at"
    assert home.db().execute(sql).fetchall() == [("u1", 1), ("u1", 0)]


def test_the_account_that_a_record_names_is_its_account(home: Home) -> None:
    identity = '{"oauthAccount": {"accountUuid": "u1", "organizationUuid": "o1"}}'
    (home.claude / ".claude.json").write_text(identity)
    home.write("p/s.jsonl", [assistant("A", ownerAccountUuid="u1"), assistant("B", ownerAccountUuid="stranger")])
    home.ingest()
    rows = home.db().execute("SELECT account.uuid FROM message JOIN account ON account.id = account ORDER BY identity")
    assert sorted(rows.fetchall()) == [("stranger",), ("u1",)]


def test_a_torn_identity_stops_nothing(home: Home) -> None:
    (home.claude / ".claude.json").write_text('{"oauthAccount": {"accountU')
    home.write("p/s.jsonl", [assistant("A")])
    assert home.totals() == tokens(input=10, output=100)


def test_nothing_of_claude_codes_is_written_to(home: Home) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in home.claude.rglob("*")}

    (home.claude / ".claude.json").write_text('{"oauthAccount": {"accountUuid": "u1"}}')
    home.write("p/s.jsonl", conversation("x", 5))
    before = state()
    same_as_oracle(home)
    assert state() == before


def test_an_old_notice_names_a_time_of_this_computers_zone(home: Home) -> None:
    """`resets 2pm` without a zone, from a computer in Berlin: 13:00 UTC in winter."""
    home.env["TZ"] = "Europe/Berlin"
    text = "5-hour limit reached \u2219 resets 2pm"
    record = limit(at="2026-11-23T11:40:00.000Z", text=text)
    del record["quotaLimits"]
    home.write("p/s.jsonl", [record])
    home.ingest()
    with home.db() as db:
        (resets_at,) = db.execute("SELECT resets_at FROM window").fetchone()
    assert resets_at == int(datetime(2026, 11, 23, 13, tzinfo=UTC).timestamp() * 1000)
