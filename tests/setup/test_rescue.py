"""S03: a damaged ledger is set aside and restored or rebuilt, and the person is told what that means."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("not on this platform: limits are POSIX's", allow_module_level=True)
import resource

from helpers import NOW_MS, Home, command
from tachograph.demo import records
from tachograph.errors import LedgerError, LedgerNewer
from tachograph.paths import own_paths
from tachograph.setup.recovery import recover

DAY = 86_400_000
LATER = {"TACHOGRAPH_NOW": str(NOW_MS + 8 * DAY)}


def messages(home: Home, **env: str) -> int:
    return int(home.run("daily", "--json", env=env).json["totals"]["messages"])


def answers(label: str, count: int, session: str) -> bytes:
    made = [records.assistant(f"{label}{n}", output=100 + n, session=session) for n in range(count)]
    return records.dump(made)


@pytest.fixture
def life(home: Home) -> Home:
    """Eight days of use: 7 messages before the weekly backup, 5 + 3 after it; the 3's transcript is gone, and one of 4."""
    first = home.write("p/first.jsonl", answers("first", 4, "s1"))
    home.ingest()
    first.unlink()
    home.write("p/second.jsonl", answers("second", 3, "s2"))
    assert messages(home, **LATER) == 7
    assert len(automatic(home)) == 1
    home.write("p/third.jsonl", answers("third", 5, "s3"))
    gone = home.write("p/gone.jsonl", answers("gone", 3, "s4"))
    home.ingest()
    gone.unlink()
    home.ingest()  # noted as gone: from here on there is nothing to write
    return home


RESTORED, REBUILT = 7 + 5, 3 + 5


def automatic(home: Home) -> list[Path]:
    return sorted((home.data / "backups").glob("ledger-*.sqlite3"))


def aside(home: Home) -> list[Path]:
    return sorted(home.data.glob("damaged-*"))


# -- ways to damage a file -----------------------------------------------------------------------------------------


def page(path: Path) -> None:
    with sqlite3.connect(path) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'rollup'").fetchone()[0]
    db.close()
    with open(path, "r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)


def every_page_but_the_first(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def stump(path: Path) -> None:
    os.truncate(path, 100)


def text(path: Path) -> None:
    path.write_bytes(b"Dear diary, this is no database.\n" * 300)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def other_table(path: Path) -> None:
    """A byte of the schema: `rollup` becomes `rollvp`, which every check of SQLite's passes."""
    data = path.read_bytes()
    path.write_bytes(
        data.replace(b"CREATE TABLE rollup (", b"CREATE TABLE rollvp (").replace(b"rolluprollup", b"rollvprollvp")
    )


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE recipe (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute("PRAGMA user_version = 1")
    db.close()


def removed(path: Path) -> None:
    path.unlink()


DAMAGES = [page, every_page_but_the_first, half, stump, text, emptied, other_table, foreign]


@pytest.mark.parametrize("damage", [*DAMAGES, removed], ids=lambda damage: damage.__name__)
def test_the_newest_backup_takes_the_place_of_a_damaged_ledger(life: Home, damage: Callable[[Path], None]) -> None:
    ledger = life.data / "ledger.sqlite3"
    damage(ledger)
    before = ledger.read_bytes() if ledger.exists() else None
    done = life.run("daily", "--json", env=LATER)
    assert done.json["totals"]["messages"] == RESTORED
    assert "with 7 messages" in done.stderr
    assert "transcripts that Claude Code has deleted since is lost" in done.stderr
    assert len(automatic(life)) == 1
    if before is None:
        assert not aside(life)
        assert "gone though there are backups" in done.stderr
    else:
        (folder,) = aside(life)
        assert (folder / "ledger.sqlite3").read_bytes() == before
        assert str(folder) in done.stderr
        assert folder.stat().st_mode & 0o777 == 0o700
    assert ledger.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(ledger) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    again = life.run("daily", "--json", env=LATER)
    assert (again.json["totals"]["messages"], again.stderr) == (RESTORED, "")
    assert sorted(p.name for p in life.data.iterdir() if not p.is_dir()) == ["ledger.sqlite3"]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_without_a_backup_a_new_ledger_is_built_from_what_is_there(life: Home, damage: Callable[[Path], None]) -> None:
    automatic(life)[0].unlink()
    damage(life.data / "ledger.sqlite3")
    done = life.run("daily", "--json", env=LATER)
    assert done.json["totals"]["messages"] == REBUILT
    if damage is emptied:  # an empty file is what a new ledger looks like
        assert not aside(life)
    else:
        assert "There is no backup" in done.stderr
        assert len(aside(life)) == 1
    assert life.run("daily", "--json", env=LATER).stderr == ""


def test_a_garbage_wal_costs_nothing(life: Home) -> None:
    for garbage in (os.urandom(9000), b"\x37\x7f\x06\x82" + os.urandom(9000), b"\0" * 9000):
        (life.data / "ledger.sqlite3-wal").write_bytes(garbage)
        (life.data / "ledger.sqlite3-shm").write_bytes(os.urandom(32768))
        done = life.run("daily", "--json", env=LATER)
        assert (done.json["totals"]["messages"], done.stderr) == (15, "")
    assert not aside(life)


def test_a_wal_of_another_ledger_is_not_played_into_a_restored_one(life: Home) -> None:
    """The damaged ledger's own WAL goes aside with it: replayed into the backup it would damage that too."""
    ledger = life.data / "ledger.sqlite3"
    holder = sqlite3.connect(ledger, isolation_level=None)
    holder.execute("PRAGMA wal_autocheckpoint = 0")
    holder.execute("UPDATE session SET leaf_at = leaf_at + 1")
    wal = (life.data / "ledger.sqlite3-wal").read_bytes()
    holder.close()
    assert len(wal) > 4096
    page(ledger)
    (life.data / "ledger.sqlite3-wal").write_bytes(wal[:32] + os.urandom(len(wal) - 32))
    assert messages(life, **LATER) == RESTORED
    (folder,) = aside(life)
    assert (folder / "ledger.sqlite3-wal").exists()


def test_a_damaged_backup_is_passed_over_for_an_older_one(life: Home) -> None:
    sound = automatic(life)[0]
    newer = sound.with_name("ledger-20261202-120000-weekly.sqlite3")
    newer.write_bytes(sound.read_bytes()[:9000])
    text(life.data / "ledger.sqlite3")
    done = life.run("daily", "--json", env=LATER)
    assert done.json["totals"]["messages"] == RESTORED
    assert f"A backup cannot be used either: {newer}" in done.stderr
    assert newer.exists()


def test_where_all_backups_are_damaged_a_new_ledger_is_built_once(life: Home) -> None:
    automatic(life)[0].write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    text(life.data / "ledger.sqlite3")
    assert messages(life, **LATER) == REBUILT
    assert life.run("daily", env=LATER).stderr == ""
    emptied(life.data / "ledger.sqlite3")
    assert messages(life, **LATER) == REBUILT
    assert len(aside(life)) == 2


def test_two_rescues_in_one_second_keep_both_damaged_files(life: Home) -> None:
    for content in (b"one" * 999, b"two" * 999):
        (life.data / "ledger.sqlite3").write_bytes(content)
        assert messages(life, **LATER) == RESTORED
    assert [(folder / "ledger.sqlite3").read_bytes()[:3] for folder in aside(life)] == [b"one", b"two"]


def test_commands_that_find_the_damage_together_rescue_it_once(life: Home) -> None:
    every_page_but_the_first(life.data / "ledger.sqlite3")
    env = {**life.env, **LATER}
    running = [
        subprocess.Popen([command(), "daily", "--json"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    outcomes = [(*process.communicate(), process.returncode) for process in running]
    assert [code for _, _, code in outcomes] == [0] * 4, outcomes
    assert messages(life, **LATER) == RESTORED
    assert len(aside(life)) == 1


def test_a_sound_ledger_is_left_where_it_is(life: Home) -> None:
    ledger = life.data / "ledger.sqlite3"
    before = ledger.read_bytes()
    sentences = recover(own_paths(life.env), NOW_MS, "somebody thought so")
    assert sentences[0] == "somebody thought so"
    assert "nothing wrong" in sentences[1]
    assert ledger.read_bytes() == before
    assert not aside(life)


def test_a_newer_versions_ledger_is_never_rescued(life: Home) -> None:
    ledger = life.data / "ledger.sqlite3"
    with sqlite3.connect(ledger) as db:
        db.execute("DROP TABLE rollup")
        db.execute("DROP TABLE hour")
        db.execute("PRAGMA user_version = 999")
    db.close()
    before = ledger.read_bytes()
    with pytest.raises(LedgerNewer):
        recover(own_paths(life.env), NOW_MS, "no such table")
    done = life.run("daily", code=3, env=LATER)
    assert "newer version" in done.stderr
    assert ledger.read_bytes() == before
    assert not aside(life)


def test_without_room_for_the_copy_everything_stays_as_it_is(life: Home) -> None:
    ledger = life.data / "ledger.sqlite3"
    every_page_but_the_first(ledger)
    before = ledger.read_bytes()
    done = subprocess.run(
        [command(), "daily"],
        env={**life.env, **LATER},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
    )
    assert done.returncode == 3, done
    assert "Traceback" not in done.stderr
    assert ledger.read_bytes() == before
    assert not aside(life)
    assert messages(life, **LATER) == RESTORED


def test_a_rescue_that_is_killed_is_finished_by_the_next_command(life: Home) -> None:
    for delay in (0.04, 0.06, 0.08, 0.1, 0.12):
        every_page_but_the_first(life.data / "ledger.sqlite3")
        process = life.start("daily")
        time.sleep(delay)
        process.kill()
        process.wait()
        assert messages(life, **LATER) == RESTORED
    assert not list(life.data.glob("*restoring*"))


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be moved there")
def test_a_data_folder_that_was_moved_away_is_said_in_a_sentence(home: Home) -> None:
    with pytest.raises(LedgerError, match="is gone or cannot be opened"):
        recover(own_paths(home.env), NOW_MS, "it is damaged")


# -- every table and index, one at a time --------------------------------------------------------------------------


def roots(path: Path) -> dict[str, int]:
    """The first page of every table and index, by name."""
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 1"))


def test_damage_of_any_table_or_index_ends_in_an_answer(home: Home) -> None:
    """Which table a command happens to read first must not matter: none shows a traceback, and the count is right."""
    home.write("p/first.jsonl", answers("first", 2, "s1"))
    home.ingest()
    ledger = home.data / "ledger.sqlite3"
    with home.db() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = ledger.read_bytes()
    commands = (("now", "--json"), ("why",), ("sessions",))
    for number, (name, root) in enumerate(roots(ledger).items()):
        for beside in ("-wal", "-shm"):
            Path(f"{ledger}{beside}").unlink(missing_ok=True)
        ledger.write_bytes(sound[: (root - 1) * 4096] + b"\xa5" * 4096 + sound[root * 4096 :])
        done = home.run(*commands[number % 3], code=None)
        assert (name, done.code, "mistake in Tachograph" in done.stderr) == (name, 0, False), done.stderr[-2000:]
        assert home.totals()["messages"] == 2, name
