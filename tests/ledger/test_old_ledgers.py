"""A ledger of schema 8 ends equal to a fresh reading, loses nothing, and outlives a crash at any step on the way."""

import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from helpers import Home
from ledger_rows import Rows, ledger_rows, without_home
from old_ledger import SHARED, transcripts, write_ledger, write_transcripts

REPORTS = ("daily", "sessions", "projects", "branches", "prs", "models")


@pytest.fixture
def old(home: Home) -> Home:
    write_transcripts(home)
    write_ledger(home)
    with closing(home.db()) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (8,)
    return home


def fresh(home: Home) -> tuple[Rows, dict[str, Any]]:
    other = Home(home.root.parent / "fresh")
    write_transcripts(other)
    other.run("daily")
    return without_home(ledger_rows(other), other), reports(other)


def reports(home: Home) -> dict[str, Any]:
    return {name: {key: home.report(name)[key] for key in ("rows", "totals", "problems")} for name in REPORTS}


def test_a_ledger_of_schema_8_ends_equal_to_a_fresh_reading(old: Home) -> None:
    old.run("daily")
    rows, answers = fresh(old)
    assert without_home(ledger_rows(old), old) == rows
    assert reports(old) == answers
    assert old.run("doctor").code == 0
    assert list((old.data / "backups").glob("*-before-v*.sqlite3"))


def test_what_no_transcript_holds_any_more_stays_counted(home: Home) -> None:
    write_ledger(home)
    with closing(home.db()) as db:
        sql = "SELECT identity, at, input, output, cache_write_5m, cache_write_1h, cache_read FROM answer ORDER BY identity"
        before = db.execute(sql).fetchall()
    for _ in range(2):
        home.run("daily")
        with closing(home.db()) as db:
            assert db.execute(sql).fetchall() == before
    assert home.report("daily")["totals"]["messages"] == len(before)
    assert home.run("doctor").code == 0


def test_deleted_sessions_stay_beside_those_that_are_read_again(home: Home) -> None:
    gone = ("-h-shop/original.jsonl", "-h-shop/old.jsonl", "-h-api/streamed.jsonl")
    write_transcripts(home, without=gone)
    write_ledger(home)
    home.run("daily")
    _, expected = fresh(home)
    assert home.report("daily")["totals"]["tokens"] == expected["daily"]["totals"]["tokens"]
    assert home.report("daily")["totals"]["messages"] == expected["daily"]["totals"]["messages"]


def test_one_id_for_five_answers_becomes_five_messages_if_the_transcript_is_there(old: Home) -> None:
    count = "SELECT count(*) FROM answer JOIN origin ON origin.id = origin JOIN name ON name.id = model WHERE text = 'glm-5'"
    with closing(old.db()) as db:
        assert db.execute(count).fetchone() == (1,)
    old.run("daily")
    with closing(old.db()) as db:
        assert db.execute(count).fetchone() == (5,)
    assert sum(SHARED in str(line) for lines in transcripts().values() for line in lines) == 5


CRASHES = {
    "after the messages so far were set aside": "recorder.workers.read_all",
    "after messages were written, before what follows from them": "ledger.usage.batches.settle",
    "while messages that no transcript holds are brought back": "ledger.usage.rereading._bring_back",
    "before pull requests were worked out": "ledger.usage.batches.resettle",
    "after all of it, before the folders are noted": "ledger.usage.files.write_directories",
}


def crash(home: Home, place: str) -> None:
    """Run a command in a process that ends without a word where a function would be called."""
    module, _, name = f"tachograph.{place}".rpartition(".")
    code = (
        f"import os, sys, importlib\nmodule = importlib.import_module({module!r})\n"
        f"setattr(module, {name!r}, lambda *a, **k: os._exit(77))\n"
        "from tachograph.ui.cli import run\nsys.exit(run(['daily']))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=home.env, capture_output=True, timeout=60)
    assert done.returncode == 77, done.stderr.decode()


@pytest.mark.parametrize("place", CRASHES.values(), ids=CRASHES)
def test_a_crash_on_the_way_from_schema_8_is_repaired_by_the_next_reading(old: Home, place: str) -> None:
    if place.endswith("_bring_back"):
        (old.projects / "-h-shop/original.jsonl").unlink()
        crash(old, place)
        write_transcripts(old)
    else:
        crash(old, place)
    old.run("daily")
    rows, answers = fresh(old)
    assert without_home(ledger_rows(old), old) == rows
    assert reports(old)["prs"] == answers["prs"]


@pytest.mark.parametrize("place", [place for place in CRASHES.values() if not place.endswith("_bring_back")])
def test_a_crash_of_a_plain_reading_is_repaired_by_the_next(home: Home, place: str) -> None:
    write_transcripts(home, without=("-h-shop/work.jsonl", "-h-shop/a-fork.jsonl"))
    home.run("daily")
    write_transcripts(home)
    crash(home, place)
    home.run("daily")
    rows, answers = fresh(home)
    assert without_home(ledger_rows(home), home) == rows
    assert reports(home) == answers
