"""Backup, restore, purge and the weekly backup: what a person asks for happens whole, or not at all."""

import os
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("not on this platform: limits and terminals are POSIX's", allow_module_level=True)
import pty
import resource

from helpers import NOW_MS, Home, command
from tachograph.demo import records
from tachograph.errors import LedgerError
from tachograph.ledger.storage import backups
from tachograph.ledger.storage.integrity import Counts, check_file
from tachograph.paths import own_paths

DAY = 86_400_000


def day(days: float) -> dict[str, str]:
    return {"TACHOGRAPH_NOW": str(NOW_MS + round(days * DAY))}


def answers(label: str, count: int) -> bytes:
    return records.dump([records.assistant(f"{label}{n}", output=100 + n, session=label) for n in range(count)])


def messages(home: Home, *flags: str) -> int:
    return int(home.run("daily", "--json", *flags).json["totals"]["messages"])


@pytest.fixture
def used(home: Home) -> Home:
    """Four messages in the ledger."""
    home.write("p/one.jsonl", answers("one", 4))
    home.ingest()
    return home


def files(home: Home) -> list[str]:
    return sorted(str(path.relative_to(home.data)) for path in home.data.rglob("*") if path.is_file())


# -- backup --------------------------------------------------------------------------------------------------------


def test_a_backup_holds_all_there_is_and_is_ours_alone(used: Home, tmp_path: Path) -> None:
    used.write("p/two.jsonl", answers("two", 3))  # not read yet
    target = tmp_path / "with space.sqlite3"
    done = used.run("backup", str(target))
    assert done.stdout.startswith(f"7 messages saved in {target}.\n")
    assert f"tachograph restore '{target}'" in done.stdout
    assert target.stat().st_mode & 0o777 == 0o600
    found = check_file(str(target), at_rest=True)
    assert (found.problem, found.counts.messages) == ("", 7)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [target.name]


def test_a_backup_never_overwrites_unless_told_to(used: Home, tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("mine")
    done = used.run("backup", str(target), code=1)
    assert "--force replaces it" in done.stderr
    assert target.read_text() == "mine"
    used.run("backup", "--force", str(target))
    assert check_file(str(target), at_rest=True).counts.messages == 4


def test_a_backup_goes_nowhere_it_would_do_harm(used: Home, tmp_path: Path) -> None:
    ledger = used.data / "ledger.sqlite3"
    before = ledger.read_bytes()
    (tmp_path / "fifo").touch()
    (tmp_path / "fifo").unlink()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(ledger)
    for target in (ledger, used.data / "ledger.sqlite3-wal", tmp_path, tmp_path / "fifo", tmp_path / "link"):
        assert used.run("backup", "--force", str(target), code=1).stderr
    assert "There is no folder" in used.run("backup", str(tmp_path / "no" / "where"), code=1).stderr
    assert ledger.read_bytes() == before
    assert messages(used) == 4


def test_a_backup_without_room_leaves_nothing_behind(used: Home, tmp_path: Path) -> None:
    target = tmp_path / "b"
    target.write_text("mine")
    done = limited(used, 50_000, "backup", "--force", str(target))
    assert done.returncode == 3, done
    assert "could not be" in done.stderr
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["b"]


def limited(home: Home, most: int, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command that cannot write files beyond so many bytes: a disk that is full, as far as SQLite can tell."""
    return subprocess.run(
        [command(), *arguments],
        env={**home.env, **env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )


# -- restore -------------------------------------------------------------------------------------------------------


def test_a_restore_brings_back_what_was_and_can_be_undone(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    (used.projects / "p/one.jsonl").unlink()
    two = used.write("p/two.jsonl", answers("two", 3))
    assert messages(used) == 7
    two.unlink()
    done = used.run("restore", str(tmp_path / "b"), "--yes")
    assert messages(used, "--no-ingest") == 4
    (kept,) = (used.data / "backups").iterdir()
    assert str(kept) in done.stdout
    used.run("restore", str(kept), "--yes")
    assert messages(used) == 7
    assert len(list((used.data / "backups").iterdir())) == 2


def test_what_a_restored_ledger_lacks_is_read_again(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    used.write("p/one.jsonl", answers("more", 2), append=True)
    used.write("p/two.jsonl", answers("two", 3))
    assert messages(used) == 9
    used.run("restore", str(tmp_path / "b"), "--yes")
    assert messages(used) == 9


def test_a_restore_into_nothing_is_how_one_moves_to_another_machine(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    elsewhere = Home(tmp_path / "elsewhere")
    elsewhere.run("restore", str(tmp_path / "b"), "--yes")
    assert messages(elsewhere) == 4
    assert (elsewhere.data / "ledger.sqlite3").stat().st_mode & 0o777 == 0o600
    assert elsewhere.data.stat().st_mode & 0o777 == 0o700
    assert files(elsewhere) == ["ledger.sqlite3"]
    with elsewhere.ledger() as ledger:
        assert ledger.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_restore_is_seen_as_a_whole_by_those_who_have_the_ledger_open(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    used.write("p/two.jsonl", answers("two", 3))
    used.ingest()
    with used.ledger() as open_meanwhile:
        count = "SELECT sum(messages) FROM rollup"
        assert open_meanwhile.db.execute(count).fetchone() == (7,)
        used.run("restore", str(tmp_path / "b"), "--yes")
        assert open_meanwhile.db.execute(count).fetchone() == (4,)
    assert messages(used, "--no-ingest") == 4


def test_a_restore_takes_the_place_of_a_damaged_ledger(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    (used.data / "ledger.sqlite3").write_bytes(b"broken" * 100)
    done = used.run("restore", str(tmp_path / "b"), "--yes")
    (folder,) = used.data.glob("damaged-*")
    assert (folder / "ledger.sqlite3").read_bytes() == b"broken" * 100
    assert str(folder) in done.stdout
    assert messages(used, "--no-ingest") == 4


def test_a_restore_that_is_killed_leaves_the_one_or_the_other(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    used.write("p/two.jsonl", answers("two", 3))
    used.ingest()
    seen = []
    for delay in (0.05, 0.07, 0.08, 0.09, 0.1, 0.11, 0.13):
        process = used.start("restore", str(tmp_path / "b"), "--yes")
        time.sleep(delay)
        process.kill()
        process.wait()
        seen.append(messages(used, "--no-ingest"))
        assert check_file(str(used.data / "ledger.sqlite3")).problem == ""
        assert messages(used) == 7
    assert set(seen) <= {4, 7}
    assert not list(used.data.glob("damaged-*"))
    for backup in backups.backups(own_paths(used.env)):
        assert check_file(backup.path, at_rest=True).problem == ""


def not_a_ledger(path: Path) -> None:
    path.write_text("notes")


def another_programs(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE recipe (name TEXT)")
    db.close()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 8192)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [not_a_ledger, another_programs, cut, newer, nothing, missing])
def test_only_a_sound_ledger_is_restored(used: Home, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    source = tmp_path / "b"
    used.run("backup", str(source))
    spoil(source)
    content = source.read_bytes() if source.exists() else b""
    before = (used.data / "ledger.sqlite3").read_bytes()
    done = used.run("restore", str(source), "--yes", code=None)
    assert done.code in (1, 3)
    assert str(source) in done.stderr
    assert (used.data / "ledger.sqlite3").read_bytes() == before
    assert files(used) == ["ledger.sqlite3"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == (["b"] if source.exists() else [])
    assert content == (source.read_bytes() if source.exists() else b"")


def test_a_plain_copy_of_the_ledger_is_restored_and_nothing_is_put_beside_it(used: Home, tmp_path: Path) -> None:
    source = tmp_path / "copied"
    source.write_bytes((used.data / "ledger.sqlite3").read_bytes())
    used.run("restore", str(source), "--yes")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copied"]
    assert messages(used) == 4


def test_a_restore_without_room_changes_nothing(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    used.write("p/two.jsonl", answers("two", 3))
    used.ingest()
    size = (used.data / "ledger.sqlite3").stat().st_size
    for most in (30_000, size - 4096, size + 100):  # the copy does not fit; the kept one; the journal does not
        done = limited(used, most, "restore", str(tmp_path / "b"), "--yes")
        assert "Traceback" not in done.stderr
        if done.returncode:
            assert done.returncode == 3, done
            assert messages(used) == 7
        assert not list(used.data.glob("*restoring*"))


# -- purge ---------------------------------------------------------------------------------------------------------


def test_a_purge_deletes_what_it_lists_and_nothing_else(used: Home, tmp_path: Path) -> None:
    used.run("backup", str(tmp_path / "b"))
    used.run("restore", str(tmp_path / "b"), "--yes")
    (used.data / "ledger.sqlite3").write_bytes(b"broken")
    assert messages(used) == 4
    (used.data / "settings.toml").write_text("")
    (used.data / "backups" / "ledger-20261123-120000-weekly.sqlite3.partial-17").write_text("left over")
    (used.data / "ledger.sqlite3.restoring-17").write_text("left over")
    (used.data / "damaged").mkdir()
    (used.data / "damaged" / "by me").write_text("not yours")
    mine = used.data / "backups" / "ledger-of-mine.sqlite3"
    mine.write_text("not yours")
    listed = used.run("purge", code=2).stderr
    assert "--yes" in listed
    assert "4 messages" in listed
    assert "Transcripts are not touched" in listed
    assert "can't be counted again" in listed
    going = [name for name in files(used) if name.startswith(("backups/ledger-2026", "damaged-", "ledger.sqlite3"))]
    assert len(going) == 5
    for name in going:
        assert str(used.data / name) in listed
    for name in ("settings.toml", "by me", str(mine), str(tmp_path / "b")):
        assert name not in listed
    used.run("purge", "--yes")
    assert files(used) == ["backups/ledger-of-mine.sqlite3", "damaged/by me", "settings.toml"]
    assert messages(used) == 4  # the transcript is still there


def test_a_purge_leaves_nothing_of_ours(used: Home) -> None:
    """After everything that writes into the data folder has run: recorder, dashboard, status line, extension."""
    del used.env["TACHOGRAPH_NOW"]
    (used.claude / "settings.json").write_text('{"statusLine": {"type": "command", "command": "echo hi"}}')
    used.run("statusline", "install")
    used.run("dashboard", "--no-open")
    used.run("stop")
    (used.data / "recorder.log.1").write_text("older\n")
    (used.data / "recorder.log").write_text("line\n")
    folders = used.data / "extension" / "chromium" / "lib"
    folders.mkdir(parents=True)
    (folders / "some.js").write_text("//")
    (used.data / "tachograph-usage-question").mkdir()
    for name in ("dashboard.json.new", "hub.json.17.new", "hub.sqlite3", "hub.sqlite3-wal", "data_update.json"):
        (used.data / name).write_text("{}")
    listed = used.run("purge", code=2).stderr
    there = files(used)
    assert {"recorder.log", "recorder.log.1", "recorder.lock", "dashboard.json", "statusline.json"} <= set(there)
    for name in there:
        assert str(used.data / name) in listed, name
    used.run("purge", "--yes")
    assert not used.data.exists()


def test_a_purge_names_what_is_not_ours_and_leaves_it(used: Home) -> None:
    (used.data / "holiday.jpg").write_text("mine")
    (used.data / "extension").mkdir()
    (used.data / "extension" / "elsewhere").symlink_to(used.projects)
    assert "holiday.jpg" in used.run("purge", code=2).stderr
    assert "holiday.jpg" in used.run("purge", "--yes").stdout
    assert files(used) == ["holiday.jpg"]
    assert list(used.projects.rglob("*.jsonl"))


def test_a_purge_says_how_many_transcripts_are_gone(used: Home) -> None:
    (used.projects / "p/one.jsonl").unlink()
    assert messages(used) == 4
    assert "1 transcript that is counted is gone" in used.run("purge", code=2).stderr
    used.run("purge", "--yes")
    assert messages(used) == 0


def test_there_may_be_nothing_to_purge(home: Home) -> None:
    assert "nothing to delete" in home.run("purge").stdout


@pytest.mark.parametrize("name", ["purge", "restore"])
@pytest.mark.parametrize(("typed", "agreed"), [("WORD\n", True), ("yes\n", False), ("\n", False), ("\x04", False)])
def test_on_a_terminal_one_has_to_type_the_word(
    used: Home, tmp_path: Path, name: str, typed: str, agreed: bool
) -> None:
    used.run("backup", str(tmp_path / "b"))
    used.write("p/two.jsonl", answers("two", 3))
    used.ingest()
    arguments = ("restore", str(tmp_path / "b")) if name == "restore" else ("purge",)
    code, shown = on_terminal(used, arguments, typed.replace("WORD", name))
    assert f"Type {name} to " in shown
    assert code == (0 if agreed else 1), shown
    assert ("Nothing was changed." in shown) == (not agreed)
    if name == "purge":
        assert (used.data / "ledger.sqlite3").exists() == (not agreed)
    else:
        assert "7 messages" in shown
        assert "4 messages" in shown
        assert messages(used, "--no-ingest") == (4 if agreed else 7)


def on_terminal(home: Home, arguments: tuple[str, ...], typed: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, where somebody types."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([command(), *arguments], env=home.env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(), shown.decode()


# -- the weekly backup ---------------------------------------------------------------------------------------------


def weekly(home: Home) -> list[str]:
    return [backup.path for backup in backups.backups(own_paths(home.env)) if backup.why == backups.WEEKLY]


def test_a_backup_is_made_every_week_and_three_are_kept(used: Home) -> None:
    made: list[str] = []
    other = used.data / "backups" / "ledger-20200101-000000-before-v2.sqlite3"
    for number, days in enumerate((0.5, 1.5, 2, 8, 9, 16, 23, 30)):
        used.write(f"p/more{number}.jsonl", answers(f"more{number}", 1))
        used.run("daily", env=day(days))
        made += [path for path in weekly(used) if path not in made]
        if days == 1.5:
            other.write_text("a backup of another kind")
    assert [Path(path).name[7:15] for path in made] == ["20261125", "20261202", "20261209", "20261216", "20261223"][
        : len(made)
    ]
    assert len(made) == 5
    assert weekly(used) == made[-3:]
    assert other.exists()
    assert check_file(made[-1], at_rest=True).counts.messages == 12


def test_a_run_that_reads_nothing_makes_no_backup(used: Home) -> None:
    used.run("daily", env=day(10))
    assert weekly(used) == []
    used.write("p/two.jsonl", answers("two", 1))
    used.run("daily", "--no-ingest", env=day(10))
    assert weekly(used) == []
    used.run("daily", env=day(10))
    assert len(weekly(used)) == 1


def test_a_clock_that_was_wrong_once_does_not_stop_the_backups(used: Home) -> None:
    for number, days in enumerate((3650, 2, 10, 18, 26)):
        used.write(f"p/more{number}.jsonl", answers(f"more{number}", 1))
        used.run("daily", env=day(days))
    assert [Path(path).name[7:15] for path in weekly(used)] == ["20261203", "20261211", "20261219"]


def test_a_backup_that_fails_is_one_sentence_and_no_more(used: Home) -> None:
    used.write("p/two.jsonl", answers("two", 300))
    used.ingest()
    used.write("p/three.jsonl", answers("three", 1))
    size = (used.data / "ledger.sqlite3").stat().st_size
    (used.data / "backups").write_text("a file where the folder should be")
    done = used.run("daily", "--json", env=day(10))
    assert done.json["totals"]["messages"] == 305
    assert len(done.stderr.splitlines()) == 1
    assert "could not be written" in done.stderr
    assert size > 40_000


def test_a_ledger_that_turns_out_damaged_is_not_backed_up_over_sound_ones(used: Home) -> None:
    """The weekly copy is checked: else three weeks of copying a damaged ledger would leave no sound backup."""
    used.write("p/two.jsonl", answers("two", 1))
    used.run("daily", env=day(2))
    (sound,) = weekly(used)
    used.write("p/big.jsonl", answers("big", 200))
    used.ingest()
    with used.db() as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'summary'").fetchone()[0]
    db.close()
    with open(used.data / "ledger.sqlite3", "r+b") as file:  # a table that this report never looks at
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    used.write("p/three.jsonl", answers("three", 1))
    done = used.run("daily", "--json", env=day(10))
    assert done.json["totals"]["messages"] == 206
    assert "damaged" in done.stderr
    assert sound in weekly(used)
    assert all(check_file(path, at_rest=True).problem == "" for path in weekly(used))


def test_what_a_cut_off_backup_left_is_tidied_up(used: Home) -> None:
    folder = used.data / "backups"
    folder.mkdir()
    old, new = folder / "ledger-x.sqlite3.partial-1", folder / "ledger-x.sqlite3.partial-2"
    old.write_text("")
    new.write_text("")
    os.utime(old, (NOW_MS / 1000, NOW_MS / 1000))
    os.utime(new, (NOW_MS / 1000 + 10 * 86400, NOW_MS / 1000 + 10 * 86400))
    used.write("p/two.jsonl", answers("two", 1))
    used.run("daily", env=day(10))
    assert not old.exists()
    assert new.exists()
    assert len(weekly(used)) == 1


def test_counts_of_an_empty_ledger_are_nothing(home: Home) -> None:
    with home.ledger() as ledger:
        path = ledger.path
    assert check_file(path).counts == Counts()


def test_a_pass_that_was_under_way_does_not_write_into_a_restored_ledger(used: Home, tmp_path: Path) -> None:
    """It holds ids of names and offsets of files that mean something else there."""
    used.run("backup", str(tmp_path / "b"))
    with used.ledger() as ledger:
        with ledger.transaction() as db:
            db.execute("INSERT INTO name (text) VALUES ('meanwhile')")
        used.run("restore", str(tmp_path / "b"), "--yes")
        with pytest.raises(LedgerError, match="replaced while it was open"), ledger.transaction():
            pytest.fail("it must not come to this")
        assert ledger.db.execute("SELECT count(*) FROM name WHERE text = 'meanwhile'").fetchone() == (0,)
    assert messages(used) == 4
