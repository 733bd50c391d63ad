"""Where a ledger may be: network file systems, read-only folders, folders of other users."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import NOW_MS, Home, command
from tachograph.errors import LedgerDamaged, LedgerError
from tachograph.ledger.storage import connection as ledger_db
from tachograph.ledger.storage.connection import is_network_folder
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths

if sys.platform == "win32":
    pytest.skip("not on this platform: limits, mounts and modes are POSIX's", allow_module_level=True)
from disturbed_ledger import STEP, add_step, answers, total, tree

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
