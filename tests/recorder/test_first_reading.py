"""A first reading derives the totals at its end; reading the same in two parts adds them up change by change."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, Home
from tachograph.demo.transcripts import write as write_life

_NAMES = ("model", "place", "branch", "cwd", "project", "begun_in", "folder")
_TABLES = ("answer", "rollup", "hour", "session", "link", "copy", "answer_folder", "place", "summary", "rereading")


def content(home: Home) -> dict[str, list[str]]:
    """Rows of the tables, with texts in place of the ids, which follow from the order of reading."""
    db = sqlite3.connect(home.data / "ledger.sqlite3")
    texts = dict(db.execute("SELECT id, text FROM name"))
    named = {id: [texts[one] for one in rest] for id, *rest in db.execute("SELECT * FROM way")}
    origins = {
        id: [texts[one] for one in rest]
        for id, *rest in db.execute("SELECT id, model, speed, geo, stop, branch, cwd, agent, owner, folder FROM origin")
    }
    ids: dict[str, Any] = dict.fromkeys(_NAMES, texts) | {
        "session": dict(db.execute("SELECT id, uuid FROM session")),
        "pull": dict(db.execute("SELECT id, url FROM pull")),
        "message": dict(db.execute("SELECT id, identity FROM answer")),
        "way": named,
        "own_way": named,
        "origin": origins,
    }
    found = {}
    for table in _TABLES:
        rows = db.execute(f"SELECT * FROM {table}")
        columns = [column[0] for column in rows.description]
        found[table] = sorted(
            repr([ids[c][value] if c in ids else value for c, value in zip(columns, row, strict=True) if c != "id"])
            for row in rows
        )
    db.close()
    return found


@pytest.mark.slow
def test_a_first_reading_ends_as_two_readings_do(home: Home) -> None:
    write_life(home.projects.parent, end=NOW)
    home.run("daily")
    whole = content(home)
    assert len(whole["answer"]) > 3000
    assert whole["rereading"] == []
    (home.data / "ledger.sqlite3").unlink()
    paths = sorted(home.projects.rglob("*.jsonl"))
    for path in paths[1:]:
        path.rename(path.with_suffix(".later"))
    home.run("daily")
    for path in paths[1:]:
        path.with_suffix(".later").rename(path)
    home.run("daily")
    assert content(home) == whole


@pytest.mark.slow
def test_a_first_reading_of_real_transcripts_ends_as_two_readings_do(home: Home, transcripts_root: Path) -> None:
    folders = sorted(map(str, transcripts_root.glob("*/config")))
    home.env["CLAUDE_CONFIG_DIR"] = ",".join(folders)
    home.run("daily")
    whole = content(home)
    (home.data / "ledger.sqlite3").unlink()
    home.env["CLAUDE_CONFIG_DIR"] = folders[0]
    home.run("daily")
    home.env["CLAUDE_CONFIG_DIR"] = ",".join(folders)
    home.run("daily")
    assert content(home) == whole
