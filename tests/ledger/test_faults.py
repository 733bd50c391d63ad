"""What may happen to a ledger from outside: full disks, locks, flipped bytes."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import NOW_MS, Home, command
from tachograph.clock import FixedClock
from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.ledger.storage import connection as ledger_db
from tachograph.ledger.storage.following import damage_detection
from tachograph.recorder import workers
from tachograph.workspace.session import Needs, Surroundings, ask
from tachograph.workspace.snapshot import Snapshot

if sys.platform == "win32":
    pytest.skip("not on this platform: limits, mounts and modes are POSIX's", allow_module_level=True)
import resource

from disturbed_ledger import answers, is_sound, total, tree

# -- S01: a full disk ----------------------------------------------------------------------------------------------


def limited(home: Home, most: int) -> subprocess.CompletedProcess[str]:
    """A report that cannot write files beyond so many bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then the write fails, as it does on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return subprocess.run(
        [command(), "daily", "--json"],
        env=home.env,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limit,
    )


def shown(done: subprocess.CompletedProcess[str], home: Home) -> int | None:
    """The messages that a report on a full disk shows; None where it only says why it cannot."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 3), done
    if done.returncode == 3:
        assert "tachograph: The " in done.stderr
        return None
    import json

    return int(json.loads(done.stdout)["totals"]["messages"])


def test_s01_a_full_disk_keeps_what_was_counted_and_the_next_run_recovers(home: Home, tmp_path: Path) -> None:
    home.write("p/one.jsonl", answers("one", 20))
    home.ingest()
    home.write("p/two.jsonl", answers("two", 900))
    kept = tmp_path / "kept"
    shutil.copytree(home.data, kept)
    size = (home.data / "ledger.sqlite3").stat().st_size
    said = set()
    for most in (size // 2, 33_000, size - 1, size + 3000, size + 20_000, size + 70_000, 2 * size, 50_000_000):
        shutil.rmtree(home.data)
        shutil.copytree(kept, home.data)
        done = limited(home, most)
        seen = shown(done, home)
        assert seen in (None, 20, 920), done
        if seen == 20:
            assert "could not be read or written" in done.stderr
            assert "What follows is what the ledger held before" in done.stderr
        if seen == 920:
            assert done.stderr == ""
        said.add(seen)
        assert total(home, "--no-ingest") in (20, 920)
        assert total(home) == 920
        assert is_sound(home)
    assert {20, 920} <= said


def test_s01_a_first_run_on_a_full_disk_leaves_nothing_that_hinders_the_next(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 300))
    for most in (0, 1, 4096, 20_000, 40_000, 100_000, 160_000):
        shutil.rmtree(home.data, ignore_errors=True)
        assert shown(limited(home, most), home) in (None, 0, 300)
        assert total(home) == 300
        assert is_sound(home)
        assert sorted(tree(home.data)) == ["ledger.sqlite3"]


@pytest.fixture
def small_disk(home: Home) -> Iterator[Home]:
    """A home whose data folder lies on a file system of 480 kB."""
    home.data.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=480k,mode=700", "tmpfs", str(home.data)])
    if mounted.returncode:
        pytest.skip("not on this platform: no leave to mount a file system")
    yield home
    subprocess.run(["umount", str(home.data)], check=True)


def test_s01_on_a_small_file_system_that_fills_up(small_disk: Home) -> None:
    home = small_disk
    home.write("p/one.jsonl", answers("one", 20))
    assert total(home) == 20
    home.write("p/two.jsonl", answers("two", 3000))
    done = home.run("daily", "--json")
    assert done.json["totals"]["messages"] == 20
    assert "could not be read or written: database or disk is full" in done.stderr
    assert "See that the disk has room" in done.stderr
    (home.data / "ballast").write_bytes(b"\0" * (400 * 1024 - used_bytes(home.data)))
    assert total(home) == 20
    (home.data / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(home.data)], check=True)
    assert total(home) == 3020
    assert is_sound(home)


def used_bytes(folder: Path) -> int:
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.iterdir())


# -- S02: somebody else holds it -----------------------------------------------------------------------------------


def test_s02_a_ledger_that_is_being_written_is_shown_as_it_was(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    home.write("p/two.jsonl", answers("two", 3))
    holder = sqlite3.connect(home.data / "ledger.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    done = home.run("daily", "--json", env={"TACHOGRAPH_BUSY_SECONDS": "0.2"})
    assert done.json["totals"]["messages"] == 4
    assert "held by another program for 0.2 seconds" in done.stderr
    assert "it is being written" in done.stderr
    holder.execute("ROLLBACK")
    holder.close()
    assert total(home) == 7


def test_s02_with_nothing_new_nobody_waits(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    holder = sqlite3.connect(home.data / "ledger.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    done = home.run("daily", "--json")
    assert (done.json["totals"]["messages"], done.stderr) == (4, "")
    holder.close()


def test_s02_a_first_run_waits_for_another_first_run(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 4))
    home.data.mkdir(mode=0o700)
    other = home.db()
    other.isolation_level = None
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    done = home.run("daily", code=3, env={"TACHOGRAPH_BUSY_SECONDS": "0.1"})
    assert "held by another program" in done.stderr
    other.execute("ROLLBACK")
    other.close()
    assert total(home) == 4


def test_s02_two_first_readings_at_once_come_to_the_same_ledger(home: Home) -> None:
    for n in range(6):
        home.write(f"p/{n}.jsonl", answers(f"s{n}", 300))
    running = [home.start("daily", "--json") for _ in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    assert home.totals() == home.oracle().total
    assert is_sound(home)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_s02_the_wait_ends(home: Home, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("TACHOGRAPH_BUSY_SECONDS", "0.1")
    with home.ledger() as ledger:
        ledger.db.execute(f"PRAGMA journal_mode = {mode}")
        holder = sqlite3.connect(ledger.path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerBusy), ledger.transaction():
            pytest.fail("it must not come to this")
        holder.close()
        with ledger.transaction() as db:
            assert db.in_transaction


def test_a_busy_wait_that_is_no_number_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHOGRAPH_BUSY_SECONDS", "soon")
    assert ledger_db.busy_seconds() == ledger_db.BUSY_SECONDS


# -- S03: flipped bytes (whole pages, cut and foreign files: tests/setup/test_rescue.py) ----------------------------


def test_s03_a_flipped_byte_is_mended_found_by_doctor_or_harmless(home: Home, tmp_path: Path) -> None:
    """Wherever it is: no command fails, and totals that are wrong are found to be."""
    home.write("p/one.jsonl", answers("one", 150))
    home.ingest()
    right = home.totals()
    kept = tmp_path / "kept"
    shutil.copytree(home.data, kept)
    sound = (kept / "ledger.sqlite3").read_bytes()
    chance = random.Random(3)
    offsets = [28, 44, 100, *(chance.randrange(100, len(sound)) for _ in range(45))]
    mended = found = 0
    for offset in offsets:
        shutil.rmtree(home.data)
        shutil.copytree(kept, home.data)
        data = bytearray(sound)
        data[offset] ^= 0xFF
        (home.data / "ledger.sqlite3").write_bytes(data)
        assert home.call("daily").code == 0, offset
        totals = home.totals()
        mended += bool(list(home.data.glob("damaged-*")))
        if home.call("doctor").code:
            found += 1
            assert home.call("doctor", "--repair").code == 0, offset
        else:
            assert totals == right, offset
        assert is_sound(home)
        assert home.totals()["messages"] == 150, offset
    assert mended > 0
    assert found > 0


# -- what else came up ---------------------------------------------------------------------------------------------


def test_a_bug_of_ours_is_not_taken_for_damage(home: Home) -> None:
    """A constraint that fails or a statement that cannot be parsed says nothing about the file."""
    with home.ledger() as ledger:
        with pytest.raises(LedgerError) as raised, ledger.transaction() as db:
            db.execute("INSERT INTO name VALUES (0, 'taken')")
        assert not isinstance(raised.value, LedgerDamaged)
        with pytest.raises(LedgerError) as raised, ledger.transaction() as db:
            db.execute("SELECTED nothing")
        assert not isinstance(raised.value, LedgerDamaged)
        assert not ledger.db.in_transaction


def test_a_pass_that_is_cut_off_before_its_first_batch_loses_no_transcript(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders as they were listed may only be remembered together with what was read in them."""
    path = home.write("p/one.jsonl", answers("one", 4))
    long_ago = NOW_MS / 1000 - 500 * 86_400
    for place in (path, path.parent, home.projects):
        os.utime(place, (long_ago, long_ago))

    def cut_off(*_: object) -> "Iterator[workers.Delivery]":
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(workers, "read_all", cut_off)
        home.ingest()
    assert home.totals()["messages"] == 4


def test_a_first_reading_beside_another_writes_each_message_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one must not believe for the length of its pass that the ledger is empty."""
    home.write("p/one.jsonl", answers("one", 4))
    read_all = workers.read_all

    def meanwhile(*arguments: object) -> "Iterator[workers.Delivery | None]":
        deliveries = read_all(*arguments)  # type: ignore[arg-type]
        yield next(deliveries)  # reading has begun
        with monkeypatch.context() as patched:
            patched.setattr(workers, "read_all", read_all)
            home.ingest()
        yield from deliveries

    monkeypatch.setattr(workers, "read_all", meanwhile)
    home.ingest()
    monkeypatch.undo()
    assert home.totals()["messages"] == 4
    assert is_sound(home)


@pytest.mark.parametrize("failures", [1, 2])
def test_a_question_is_asked_once_more_where_the_ledger_is_sound_again(home: Home, failures: int) -> None:
    """Another process may have repaired the damaged page before the check. An error that persists is raised."""
    home.write("p/one.jsonl", answers("one", 4))
    left = [KeyError(43)] * failures

    def question(found: Snapshot) -> int:
        if left:
            raise left.pop()
        return int(found.db.execute("SELECT count(*) FROM answer").fetchone()[0])

    around = Surroundings(home.env, FixedClock(NOW_MS), print, contextlib.nullcontext)
    if failures == 1:
        assert ask(around, Needs(), question) == 4
    else:
        with pytest.raises(KeyError):
            ask(around, Needs(), question)


def test_a_damaged_ledger_that_another_process_set_aside_meanwhile_is_asked_again(home: Home) -> None:
    """Its rows no longer fit together for the connection that holds it, and the file in its place is sound."""
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    path = home.data / "ledger.sqlite3"
    with home.ledger() as ledger:
        aside = path.with_name("aside")
        path.rename(aside)
        path.write_bytes(aside.read_bytes())
        with pytest.raises(LedgerDamaged, match="replaced while it was read"), damage_detection(ledger):
            raise KeyError(1)
    with home.ledger() as ledger, pytest.raises(KeyError), damage_detection(ledger):
        raise KeyError(1)
