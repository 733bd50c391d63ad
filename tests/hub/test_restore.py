"""Backup, restore, upgrade and the way back of a hub on SQLite, step by step as docs/team.md says."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from hub_server import Hub, hub, only_sqlite, sync
from hub_team import team, work
from tachograph.hub.store import schema

PEOPLE = {"ada": "owner", "bob": "member", "cleo": "member"}


@pytest.fixture(autouse=True)
def _on_sqlite() -> None:
    only_sqlite()


def backup_of(served: Hub, folder: Path) -> str:
    file = str(folder / "hub.backup")
    assert "Saved" in served.home.call("hub", "backup", file).stdout
    return file


def messages(served: Hub) -> int:
    return int(served.rows("SELECT count(*) FROM message")[0][0])


def make_older(served: Hub) -> None:
    """Take the database back to the schema before forecasts and parcels."""
    with sqlite3.connect(served.database) as db:
        for column in ("parcel", "place"):
            db.execute(f"ALTER TABLE fact DROP COLUMN {column}")
        db.execute("DROP TABLE parcel")
        for column in ("forecast_reset", "forecast_of", "chance", "ends_value", "ends_low", "ends_high"):
            db.execute(f"ALTER TABLE limit_now DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 4")
    db.close()


def test_a_killed_hub_is_restored_without_the_log_of_the_database_before(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, PEOPLE)
        file = backup_of(served, tmp_path)
        work(machines["ada"], "ada", days=5, project="later")
        sync(machines["ada"])
        before = messages(served)
        refused = served.home.run("hub", "restore", file, code=3)
        assert "Stop it" in refused.stderr and messages(served) == before
        served.kill()
        served.home.run("hub", "remove", "cleo", "--erase")
        done = served.home.run("hub", "restore", file)
        assert "2 people" in done.stdout and "before-restore" in done.stderr, done
        assert messages(served) == 4  # the later erasure is repeated
        (kept,) = served.database.parent.glob("hub-*-before-restore.sqlite3")
        assert kept.stat().st_mode & 0o777 == 0o600
        served.start()
        for _ in range(2):
            sync(machines["ada"], machines["bob"])
        assert messages(served) == before - 2
        assert machines["cleo"].call("sync").code == 1


def test_a_stale_log_beside_the_database_does_not_reach_the_restored_one(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        team(tmp_path, served, {"ada": "owner"})
        file = backup_of(served, tmp_path)
        served.kill()
        served.database.write_bytes(b"no database" * 500)
        Path(f"{served.database}-wal").write_bytes(b"stale" * 5000)
        assert served.home.call("hub", "restore", file).code == 0
        assert messages(served) == 2 and served.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("fault", ["missing", "text", "ledger", "torn", "newer", "itself"])
def test_a_file_that_is_no_good_backup_changes_nothing(tmp_path: Path, fault: str) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner"})
        file = Path(backup_of(served, tmp_path))
        served.kill()
        if fault == "missing":
            file.unlink()
        elif fault == "text":
            file.write_text("not a database")
        elif fault == "ledger":
            file.unlink()
            machines["ada"].run("backup", str(file))
        elif fault == "torn":
            os.truncate(file, file.stat().st_size // 2)
        elif fault == "newer":
            with sqlite3.connect(file) as db:
                db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
            db.close()
        else:
            file = served.database
        done = served.home.run("hub", "restore", str(file), code=3)
        assert done.stderr.count("\n") >= 2, done
        assert messages(served) == 2 and not list(served.database.parent.glob("*restore*"))
        assert not list(served.database.parent.glob("*.new*"))


def test_an_upgrade_keeps_everything_and_the_older_backup_is_the_way_back(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, PEOPLE)
        served.kill()
        make_older(served)
        older = str(tmp_path / "older.backup")
        shutil.copy(served.database, older)
        served.start()  # the new version: it brings the schema up to date
        assert served.rows("PRAGMA user_version") == [(schema.VERSION,)]
        work(machines["bob"], "bob", days=4, project="after")
        sync(machines["bob"])
        assert messages(served) == 8
        # one that finds a newer schema only reads; machines keep what is new
        served.kill()
        served.set_schema(schema.VERSION + 1)
        served.start()
        work(machines["ada"], "ada", days=3, project="kept")
        assert machines["ada"].call("sync").code == 1
        assert machines["ada"].call("team", "limits", "--json").code == 0
        served.kill()
        assert served.home.call("hub", "restore", older).code == 0
        served.start()
        for _ in range(2):
            sync(machines["bob"], machines["ada"])
        assert messages(served) == 9
