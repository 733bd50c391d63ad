"""What may happen to a ledger from outside: full disks, locks, flipped bytes, older and newer versions, other zones."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from helpers import NOW_MS, Home, command, flat
from tachograph.demo import records
from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.ledger.storage import connection as ledger_db
from tachograph.ledger.storage import migrations
from tachograph.ledger.storage import open as ledger_open
from tachograph.ledger.storage.backups import backups
from tachograph.ledger.storage.connection import is_network_folder
from tachograph.ledger.storage.following import damage_detection
from tachograph.ledger.storage.integrity import full_check, rollup_differences
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
from tachograph.recorder import workers

if sys.platform == "win32":
    pytest.skip("not on this platform: limits, mounts and modes are POSIX's", allow_module_level=True)
import resource


def answers(label: str, count: int) -> bytes:
    made = [records.assistant(f"{label}{n}", output=100 + n, session=label, cwd=f"/p/{n % 7}") for n in range(count)]
    return records.dump(made)


def total(home: Home, *flags: str, **env: str) -> int:
    return int(home.run("daily", "--json", *flags, env=env).json["totals"]["messages"])


def is_sound(home: Home) -> bool:
    with home.ledger() as ledger:
        return full_check(ledger.db) == [] and rollup_differences(ledger.db) == 0


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


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


# -- S04: an older ledger ------------------------------------------------------------------------------------------

STEP = ("a note for each session", "ALTER TABLE session ADD COLUMN note TEXT NOT NULL DEFAULT '';")
BROKEN = ("half a step", "ALTER TABLE session ADD COLUMN note TEXT;\nINSERT INTO no_such_table VALUES (1);")


def add_step(monkeypatch: pytest.MonkeyPatch, step: tuple[str, str]) -> int:
    steps = (*migrations.STEPS, step)
    monkeypatch.setattr(migrations, "STEPS", steps)
    for module in (ledger_db, ledger_open):
        monkeypatch.setattr(module, "VERSION", len(steps))
    return len(steps)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    made = {
        table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables if not table.startswith("sqlite")
    }
    db.close()
    return made


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("PRAGMA user_version").fetchone()[0])
    finally:
        db.close()


@pytest.fixture
def old(home: Home) -> Home:
    home.write("p/one.jsonl", answers("one", 40))
    home.ingest()
    return home


def test_s04_an_older_ledger_is_migrated_after_a_backup(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = old.data / "ledger.sqlite3"
    was = version(ledger)
    before = contents(ledger)
    now = add_step(monkeypatch, STEP)
    old.write("p/two.jsonl", answers("two", 2))
    assert old.totals()["messages"] == 42
    assert version(ledger) == now
    (backup,) = backups(own_paths(old.env))
    assert backup.why == f"before-v{now}"
    assert version(Path(backup.path)) == was
    assert contents(Path(backup.path)) == before
    after = contents(ledger)
    assert after["migration"][-1] == (now, STEP[0], NOW_MS)
    assert [row[:-1] for row in after["session"]][: len(before["session"])] == before["session"]
    for table in ("answer", "rollup", "name"):
        assert set(before[table]) <= set(after[table])
    assert is_sound(old)


def test_s04_a_step_that_fails_leaves_the_older_ledger(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = old.data / "ledger.sqlite3"
    was, before = version(ledger), contents(ledger)
    with monkeypatch.context() as patched:
        add_step(patched, BROKEN)
        with pytest.raises(LedgerError):
            open_ledger(own_paths(old.env), NOW_MS)
    assert version(ledger) == was
    assert contents(ledger) == before
    assert old.totals()["messages"] == 40


def test_s04_two_that_migrate_at_once_migrate_once(old: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    now = add_step(monkeypatch, STEP)
    trouble: list[BaseException] = []

    def opens() -> None:
        try:
            open_ledger(own_paths(old.env), NOW_MS).close()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            trouble.append(error)

    threads = [threading.Thread(target=opens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert version(old.data / "ledger.sqlite3") == now
    assert len(contents(old.data / "ledger.sqlite3")["migration"]) == now


def test_s04_a_restored_older_backup_is_migrated_with_the_restore(
    old: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old.run("backup", str(tmp_path / "b"))
    now = add_step(monkeypatch, STEP)
    assert old.totals()["messages"] == 40
    assert version(tmp_path / "b") == now - 1
    assert old.call("restore", str(tmp_path / "b"), "--yes").code == 0
    assert version(old.data / "ledger.sqlite3") == now
    assert version(tmp_path / "b") == now - 1
    assert old.totals()["messages"] == 40


# -- S05: a newer ledger -------------------------------------------------------------------------------------------


def test_s05_a_newer_ledger_is_read_and_never_written(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    with home.db() as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    home.write("p/two.jsonl", answers("two", 3))
    before = tree(home.data)
    for arguments in (("daily",), ("sessions",), ("doctor",)):
        done = home.run(*arguments, code=None)
        assert "a newer version of Tachograph wrote it" in done.stderr + done.stdout
    assert total(home) == 4
    assert tree(home.data) == before


# -- S09: where the ledger lies ------------------------------------------------------------------------------------

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/ada/local ext4 rw 0 0
//nas/share /mnt/with\\040space cifs rw 0 0
ada@host: /mnt/ssh fuse.sshfs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/srv/ada", False),
        ("/home", True),
        ("/home/ada/.local/share/tachograph", True),
        ("/home/ada/local/share", False),
        ("/homestead", False),
        ("/mnt/with space/x", True),
        ("/mnt/ssh/x", True),
    ],
)
def test_s09_network_file_systems_are_told_by_their_mounts(tmp_path: Path, folder: str, expected: bool) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert is_network_folder(folder, str(tmp_path / "mounts")) == (expected and sys.platform == "linux")


def test_s09_without_mounts_nothing_is_a_network_file_system(tmp_path: Path) -> None:
    assert not is_network_folder("/home", str(tmp_path / "none"))


def test_s09_on_a_network_file_system_there_is_no_wal(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_db, "is_network_folder", lambda folder: folder == str(home.data))
    home.write("p/one.jsonl", answers("one", 4))
    assert home.totals()["messages"] == 4
    with home.ledger() as ledger:
        assert ledger.db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert ledger.db.execute("PRAGMA synchronous").fetchone() == (2,)  # NORMAL is safe with a WAL only
    assert sorted(tree(home.data)) == ["ledger.sqlite3"]


@pytest.fixture
def read_only(home: Home) -> Iterator[Home]:
    """A home whose data folder is on a file system that cannot be written; even root obeys that."""
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    if subprocess.run(["mount", "--bind", str(home.data), str(home.data)]).returncode:
        pytest.skip("not on this platform: no leave to mount a file system")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(home.data)], check=True)
        yield home
    finally:
        subprocess.run(["umount", str(home.data)], check=True)


def test_s09_a_ledger_that_cannot_be_written_is_read(read_only: Home) -> None:
    read_only.write("p/two.jsonl", answers("two", 3))
    done = read_only.run("daily", "--json")
    assert done.json["totals"]["messages"] == 4
    assert "read-only" in done.stderr
    assert "read-only here" in done.stderr
    assert "is only read" in read_only.run("doctor", code=1).stdout


def test_s09_without_a_place_to_write_one_sentence_says_so(read_only: Home) -> None:
    done = read_only.run("daily", code=3, env={"TACHOGRAPH_HOME": f"{read_only.data}/deeper"})
    assert "cannot be made or used: Read-only file system." in done.stderr
    assert "Set TACHOGRAPH_HOME" in done.stderr


def test_s09_an_older_ledger_that_cannot_be_written_is_not_taken_for_damaged(
    read_only: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_step(monkeypatch, STEP)
    with pytest.raises(LedgerError, match="of an older version") as raised:
        open_ledger(own_paths(read_only.env), NOW_MS)
    assert not isinstance(raised.value, LedgerDamaged)


def test_s09_a_file_of_mode_0400_in_a_folder_of_mode_0500_is_read(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    home.write("p/two.jsonl", answers("two", 3))
    (home.data / "ledger.sqlite3").chmod(0o400)
    home.data.chmod(0o500)
    try:
        if os.access(home.data, os.W_OK):
            pytest.skip("not on this platform: root may write everything")
        assert total(home) == 4
    finally:
        home.data.chmod(0o700)


def test_s09_a_folder_of_another_user_is_refused(home: Home) -> None:
    home.data.mkdir()
    try:
        os.chown(home.data, 65534, 65534)
    except PermissionError:
        pytest.skip("not on this platform: only root may give a folder away")
    done = home.run("daily", code=3)
    assert f"The data folder {home.data} belongs to another user." in done.stderr
    assert list(home.data.iterdir()) == []


def test_s09_what_others_could_read_is_closed(home: Home) -> None:
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    (home.data / "ledger.sqlite3").chmod(0o644)
    home.data.chmod(0o755)
    assert total(home) == 4
    assert (home.data / "ledger.sqlite3").stat().st_mode & 0o777 == 0o600
    assert home.data.stat().st_mode & 0o777 == 0o700


def test_s09_nothing_of_ours_is_ever_open_to_others(home: Home) -> None:
    """Under any umask: the ledger, its WAL, its backups."""
    home.write("p/one.jsonl", answers("one", 4))
    subprocess.run(
        [command(), "daily"], env=home.env, check=True, capture_output=True, preexec_fn=lambda: os.umask(0) and None
    )
    with home.ledger() as ledger:
        ledger.db.execute("INSERT INTO name (text) VALUES ('x')")
        modes = {path.name: path.stat().st_mode & 0o777 for path in (home.data, *home.data.iterdir())}
    assert modes.pop(home.data.name) == 0o700
    assert set(modes) == {"ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"}
    assert set(modes.values()) == {0o600}


# -- S11: zones ----------------------------------------------------------------------------------------------------

# zone: days on which its clocks changed in 2026, with their length in half hours
CHANGES = {
    "Europe/Berlin": {"2026-03-29": 46, "2026-10-25": 50},
    "America/St_Johns": {"2026-03-08": 46, "2026-11-01": 50},
    "Australia/Lord_Howe": {"2026-04-05": 49, "2026-10-04": 47},
    "Asia/Kathmandu": {},
    "Pacific/Kiritimati": {},
    "UTC": {},
}
STARTS = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 5), (3, 27), (4, 3), (10, 2), (10, 23), (10, 30))]


@pytest.fixture(scope="module")
def half_hours(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A message every half hour over every change of the clocks in 2026, and some days before and after it."""
    home = Home(tmp_path_factory.mktemp("zones") / "home")
    made = []
    for start in STARTS:
        made += [
            records.assistant(f"{start:%m%d}h{n}", at=start + timedelta(minutes=30 * n), session=f"{start:%m%d}")
            for n in range(48 * 5)
        ]
    home.write("p/one.jsonl", made)
    home.ingest()
    return home


@pytest.mark.parametrize("zone", CHANGES)
def test_s11_days_have_the_length_they_had_and_sum_to_all(half_hours: Home, zone: str) -> None:
    report = half_hours.report("daily", "--timezone", zone)
    days = {row["period"]: row["messages"] for row in report["rows"]}
    assert sum(days.values()) == report["totals"]["messages"] == 6 * 48 * 5
    for day, length in CHANGES[zone].items():
        assert days[day] == length, day
    assert max(number for day, number in days.items() if day not in CHANGES[zone]) == 48
    expected: dict[str, int] = {}
    for start in STARTS:
        for n in range(48 * 5):
            local = (start + timedelta(minutes=30 * n)).astimezone(ZoneInfo(zone)).date().isoformat()
            expected[local] = expected.get(local, 0) + 1
    assert days == expected


@pytest.mark.parametrize("zone", CHANGES)
def test_s11_hours_weeks_and_months_sum_to_all(half_hours: Home, zone: str) -> None:
    for report in ("hourly", "weekly", "monthly"):
        made = half_hours.report(report, "--timezone", zone)
        assert sum(row["messages"] for row in made["rows"]) == 6 * 48 * 5
    hours = half_hours.report("hourly", "--timezone", zone)["rows"]
    assert len({row["period"] for row in hours}) == len(hours)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
def test_s11_the_ledger_is_the_same_whatever_the_zone_of_the_machine(
    half_hours: Home, tmp_path: Path, zone: str
) -> None:
    other = Home(tmp_path / "home")
    other.env |= {"CLAUDE_CONFIG_DIR": str(half_hours.claude), "TZ": zone}
    there = other.run("daily", "--json").json
    here = half_hours.run("daily", "--json", "--timezone", zone).json
    assert there["rows"] == here["rows"]
    assert there["timezone"] == zone
    assert flat(there["totals"]) == flat(here["totals"])
    theirs, ours = contents(other.data / "ledger.sqlite3"), contents(half_hours.data / "ledger.sqlite3")
    for table in ("answer", "rollup", "hour"):
        assert theirs[table] == ours[table]


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

    def meanwhile(*arguments: object) -> "Iterator[workers.Delivery]":
        with monkeypatch.context() as patched:
            patched.setattr(workers, "read_all", read_all)
            home.ingest()
        yield from read_all(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "read_all", meanwhile)
    home.ingest()
    monkeypatch.undo()
    assert home.totals()["messages"] == 4
    assert is_sound(home)


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
