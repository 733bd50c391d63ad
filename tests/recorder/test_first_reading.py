"""A first reading derives the totals at its end; reading the same in two parts adds them up change by change."""

import contextlib
import json
import os
import random
import sqlite3
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, Home
from ledger_rows import ledger_rows
from tachograph.demo.records import AT, Record, assistant, pr_link
from tachograph.demo.transcripts import write as write_life
from tachograph.ledger.usage import pull_request_links
from tachograph.recorder import ingest, workers
from tachograph.sources.transcripts import c_scanner

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

MINUTE = timedelta(minutes=1)

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


@pytest.mark.slow
@pytest.mark.parametrize("is_forked", [False, True])
def test_a_first_reading_of_a_generated_corpus_ends_as_many_small_passes_do(home: Home, is_forked: bool) -> None:
    """The corpus of `make bench`, smaller: files appear in any order, half of them with half of their lines first."""
    import_module("gen_corpus").generate(str(home.projects.parent), 12.0, 30, 20)
    if is_forked:
        home.env["TACHOGRAPH_FORK_BYTES"] = "0"
    home.run("daily")
    whole = content(home)
    assert len(whole["answer"]) > 500 and whole["link"] and whole["copy"]
    (home.data / "ledger.sqlite3").unlink()
    paths = sorted(home.projects.rglob("*.jsonl"))
    random.Random(5).shuffle(paths)
    held = {path: path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    for number, path in enumerate(paths):
        lines = held[path].splitlines(keepends=True)
        if number % 2:
            path.write_bytes(b"".join(lines[: len(lines) // 2]))
            home.ingest()
        path.write_bytes(held[path])
        if number % 3 == 0:
            home.ingest()
    home.run("daily")
    assert content(home) == whole


# -- rows that are kept in memory meanwhile (ledger/usage/kept_rows.py) ------------------------------------------


def write_linked_work(home: Home, **odd: int) -> None:
    """Sessions on one branch, of which later files link pull requests that claim messages of earlier ones."""
    for number, name in enumerate("abcdef"):
        at = AT + timedelta(hours=3 * number)
        work = [
            assistant(
                f"{name}{n}",
                at=at + n * MINUTE,
                session=name,
                branch="one",
                uuid=f"{name}{n}",
                agent="a1" if n == 2 else None,
            )
            for n in range(4)
        ]
        work[1]["message"]["usage"].update(odd)
        link = [pr_link(number, at=at + 2 * MINUTE, session=name)] if number % 2 else []
        copies = [{**record, "sessionId": f"{name}-again"} for record in work[:2]]
        home.write(f"p/{name}.jsonl", [*work[:3], *link, *work[3:]])
        home.write(f"p/{name}-again.jsonl", copies)
    refused = assistant("R", at=AT + timedelta(hours=1), session="r", branch="one", uuid="r", stop="refusal", output=0)
    path = home.write("p/r.jsonl", [refused])  # not billed, so no pull request is worked out for its session
    later = path.stat().st_mtime + 60
    os.utime(path, (later, later))  # read last, when links are known


def rows_after(home: Home, monkeypatch: pytest.MonkeyPatch, *, kept: bool = True) -> dict[str, list[tuple[Any, ...]]]:
    with monkeypatch.context() as changed:
        if not kept:
            changed.setattr(c_scanner, "KEPT_ROWS", None)
        home.ingest()
    return ledger_rows(home)


@pytest.fixture
def single_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_BATCH_MESSAGES", 1)


@pytest.mark.usefixtures("single_messages")
@pytest.mark.parametrize("odd", [{}, {"input_tokens": 1 << 33}, {"cache_read_input_tokens": 150_000}])
def test_kept_rows_end_as_those_that_are_read_back(
    home: Home, monkeypatch: pytest.MonkeyPatch, odd: dict[str, int]
) -> None:
    write_linked_work(home, **odd)
    kept = rows_after(home, monkeypatch)
    assert {row[15] for row in kept["message"]} >= {f"https://github.com/ada/shop/pull/{n}" for n in (1, 3, 5)}
    (home.data / "ledger.sqlite3").unlink()
    assert rows_after(home, monkeypatch, kept=False) == kept


@pytest.mark.parametrize("few", [-1, 20])
def test_messages_on_a_claimed_branch_that_come_later_end_as_in_a_first_pass(
    home: Home, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Their sessions link nothing: they are looked for one by one, or among all if they are many."""
    write_linked_work(home)
    late = [
        home.write(
            f"p/late-{branch}.jsonl",
            [assistant(branch, at=AT + timedelta(hours=4), session=branch, branch=branch, uuid=branch)],
        )
        for branch in ("one", "two")
    ]
    whole = rows_after(home, monkeypatch)
    (home.data / "ledger.sqlite3").unlink()
    monkeypatch.setattr(pull_request_links, "_FEW", few)
    held = [path.read_bytes() for path in late]
    for path in late:
        path.unlink()
    home.ingest()
    for path, data in zip(late, held, strict=True):
        path.write_bytes(data)
    home.ingest()
    assert ledger_rows(home) == whole
    claimed = {row[11]: row[15] for row in whole["message"]}
    assert claimed["one"] and not claimed["two"]


def test_accounts_and_ways_of_kept_rows_are_those_of_others(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after the login was first seen, of subagents, named owners, gateways, and answers that never ended."""
    login = {"accountUuid": "u-1", "organizationUuid": "o-1", "emailAddress": "ada@example.org"}
    (home.claude / ".claude.json").write_text(json.dumps({"oauthAccount": login}))
    lines = []
    for n in range(60):
        owner: dict[str, Any] = {"ownerAccountUuid": "u-2"} if n % 12 in (8, 9) else {}
        said = assistant(
            f"M{n}",
            at=NOW + timedelta(hours=n - 30),
            session=f"s{n // 12}",
            agent="a1" if n % 12 in (3, 4, 5) else None,
            uuid=f"u{n}",
            stop=None if n % 7 == 0 else "end_turn",
            **owner,
        )
        if n % 5 == 0:
            said["message"]["id"] = f"msg_bdrk_01{n:020}"
        if n % 6 == 0:
            said["attributionSkill"] = "review"
        lines.append(said)
    home.write("p/s.jsonl", lines)
    kept = rows_after(home, monkeypatch)
    assert len({(row[14], row[22]) for row in kept["message"]}) > 2, "accounts, presumed or not"
    (home.data / "ledger.sqlite3").unlink()
    assert rows_after(home, monkeypatch, kept=False) == kept
    (home.data / "ledger.sqlite3").unlink()
    monkeypatch.setattr(c_scanner, "SCAN", None)
    assert rows_after(home, monkeypatch, kept=False) == kept


@pytest.mark.parametrize("order", ["ab", "ba", "together"])
def test_mentions_of_a_pull_request_at_one_time_join_alike_in_any_order(home: Home, order: str) -> None:
    """A copy of a transcript may begin at the link, so that its folder is not known there."""
    link = pr_link(3, at=AT, session="s")
    lines = {"a": [assistant("A", session="s", branch="one", cwd="/x/shop", uuid="u"), link], "b": [link]}
    for name in sorted(lines) if order == "together" else order:
        home.write(f"p/{name}.jsonl", lines[name])
        if order != "together":
            home.ingest()
    home.ingest()
    (found,) = ledger_rows(home)["link"]
    assert found[-2:] == ("one", "/x/shop")


@pytest.mark.usefixtures("single_messages")
@pytest.mark.parametrize("is_held", [False, True])
def test_a_checkpoint_beside_the_end_of_a_pass_changes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, is_held: bool
) -> None:
    """Also while another program reads the ledger as it was before."""
    write_linked_work(home)
    whole = rows_after(home, monkeypatch)
    (home.data / "ledger.sqlite3").unlink()
    monkeypatch.setattr(ingest, "_WORTH_A_CHECKPOINT", 0)
    readers: list[sqlite3.Connection] = []
    with contextlib.ExitStack() as held:

        def read_as_well(done: int, total: int) -> None:
            if is_held and not readers:
                readers.append(held.enter_context(contextlib.closing(home.db())))
                readers[0].execute("BEGIN")
                readers[0].execute("SELECT * FROM answer").fetchone()

        home.ingest(read_as_well)
        assert ledger_rows(home) == whole
    assert not (home.data / "ledger.sqlite3-wal").exists()


def test_a_checkpoint_makes_no_ledger_where_none_is(home: Home) -> None:
    with home.ledger() as ledger:
        for path in home.data.iterdir():
            path.rename(home.root / path.name)
        ledger.begin_checkpoint()
    assert list(home.data.iterdir()) == []


@pytest.mark.usefixtures("single_messages")
@pytest.mark.parametrize("is_cut_off", [False, True])
def test_another_program_that_reads_meanwhile_changes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, is_cut_off: bool
) -> None:
    """It reads a transcript that we have not seen: to the end, or it is cut off after that."""
    write_linked_work(home)
    calls: list[int] = []

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    def read_as_well(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 3:
            late = home.write("p/late.jsonl", [assistant("late", session="a", branch="one", uuid="late")])
            os.utime(late, (1, 1))  # read first
            with pytest.raises(KeyboardInterrupt) if is_cut_off else contextlib.nullcontext():
                home.ingest(stop if is_cut_off else None)

    home.ingest(read_as_well)
    found = ledger_rows(home)
    assert len(calls) > 3 and len(found["message"]) == 6 * 4 + 2
    (home.data / "ledger.sqlite3").unlink()
    assert rows_after(home, monkeypatch, kept=False) == found


@pytest.mark.usefixtures("single_messages")
@pytest.mark.parametrize("after", [1, 4, 9, 13])
def test_a_first_pass_that_is_cut_off_ends_as_a_whole_one(
    home: Home, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    write_linked_work(home)
    whole = rows_after(home, monkeypatch, kept=False)
    (home.data / "ledger.sqlite3").unlink()
    calls: list[int] = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.ingest(stop)
    assert rows_after(home, monkeypatch) == whole


def test_messages_without_a_transcript_are_in_the_totals_after_all_are_read_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_linked_work(home)
    before = rows_after(home, monkeypatch)
    with contextlib.closing(home.db()) as db:
        db.execute("INSERT INTO rereading VALUES ('due')")
        db.execute("DELETE FROM file")
        db.commit()
    (home.projects / "p/b.jsonl").unlink()
    after = rows_after(home, monkeypatch)
    assert sum(row[-11] for row in after["hour"]) == sum(row[-11] for row in before["hour"]) == 6 * 4
    assert after["rollup"] == before["rollup"]


@pytest.mark.parametrize("seed", range(6))
def test_sessions_that_grow_end_as_in_a_first_pass(home: Home, seed: int) -> None:
    """New rows are written with the pull request of their session's latest message, which often is not theirs; a link
    belongs to a folder of its repository, of which the record before it may have been read long ago."""
    chance = random.Random(seed)
    sessions: dict[str, list[Record]] = {}
    for name in "abcd":
        lines, at = list[Record](), AT + timedelta(hours=chance.randrange(12))
        for n in range(14):
            at += chance.choice((MINUTE, timedelta(hours=1), timedelta(hours=13)))
            record = assistant(
                f"{name}{n}",
                at=at,
                session=name,
                uuid=f"{name}{n}",
                branch=chance.choice(("one", "two", "main")),
                cwd=chance.choice(("/home/ada/shop", "/srv/web")),
            )
            if chance.random() < 0.4:  # not billed
                record["message"]["stop_reason"] = "refusal"
                record["message"]["usage"]["output_tokens"] = 0
            lines.append(record)
            if chance.random() < 0.2:
                lines.append(pr_link(chance.randrange(5), at=at, session=name))
        sessions[f"p/{name}.jsonl"] = lines
    for path, lines in sessions.items():
        home.write(path, lines)
    home.ingest()
    whole = ledger_rows(home)
    assert len({row[15] for row in whole["message"]}) > 2
    (home.data / "ledger.sqlite3").unlink()
    known = dict.fromkeys(sessions, 0)
    while any(known[path] < len(lines) for path, lines in sessions.items()):
        for path, lines in sessions.items():
            known[path] += chance.choice((0, 1, 3))
            home.write(path, lines[: known[path]])
        home.ingest()
    assert ledger_rows(home) == whole
