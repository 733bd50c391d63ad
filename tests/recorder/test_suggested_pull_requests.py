"""A first pass assigns pull requests batch by batch, and at its end works out again only what has changed since."""

import os
import random
from datetime import datetime, timedelta

import pytest

from helpers import Home
from ledger_rows import ledger_rows
from tachograph.demo.records import AT, Record, assistant, pr_link, user
from tachograph.ledger.usage.pull_request_links import PullRequestAssigner, Suggestions
from tachograph.recorder import workers
from tachograph.sources.transcripts import c_scanner

FOLDERS = ("/home/ada/code/shop", "/home/ada/code/shop/api", "/home/ada/code/web")
BRANCHES = ("one", "one", "two", "main", "HEAD")
HOUR = timedelta(hours=1)
BETWEEN = AT + HOUR / 2
CLEAR = "<command-name>/clear</command-name>"


@pytest.fixture(autouse=True)
def single_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_BATCH_MESSAGES", 1)


def session_of(name: str, chance: random.Random, since: datetime) -> tuple[list[Record], list[Record]]:
    """The main transcript of a session, and that of its subagent."""
    main, side, at = list[Record](), list[Record](), since
    folder, branch = chance.choice(FOLDERS[::2]), chance.choice(BRANCHES)  # a subfolder is entered only
    for n in range(chance.randrange(3, 9)):
        at += chance.choice((timedelta(minutes=1), timedelta(hours=1), timedelta(hours=13), timedelta(days=9)))
        if chance.random() < 0.2:
            folder, branch = chance.choice(FOLDERS), chance.choice(BRANCHES)
        agent = "a1" if chance.random() < 0.2 else None
        record = assistant(
            f"{name}{n}", at=at, session=name, uuid=f"{name}{n}", branch=branch, cwd=folder, sidechain=agent is not None, agent=agent
        )  # fmt: skip
        (main if agent is None else side).append(record)
        if chance.random() < 0.2:
            main.append(pr_link(chance.randrange(4), at=at, session=name, repository=folder.split("/")[4]))
        if chance.random() < 0.25:
            main.append(user(CLEAR, at=at, session=name, cwd=folder, branch=branch))
    return main, side


def write_work(home: Home, chance: random.Random) -> None:
    """Sessions, some forked, in files that are read in any order."""
    files: dict[str, list[Record]] = {}
    for number, name in enumerate("abcdefg"):
        main, side = session_of(name, chance, AT + timedelta(days=chance.randrange(40), hours=number))
        files[f"p/{name}.jsonl"] = main
        if side:
            files[f"p/{name}/subagents/agent-a1.jsonl"] = side
        if chance.random() < 0.3:  # links and commands apart from messages
            files[f"p/{name}-rest.jsonl"] = [record for record in main if record["type"] != "assistant"]
            main = files[f"p/{name}.jsonl"] = [record for record in main if record["type"] == "assistant"]
        if main and chance.random() < 0.4:
            copied = [{**record, "sessionId": f"{name}-again"} for record in main[: chance.randrange(1, len(main) + 1)]]
            files[f"p/{name}-again.jsonl"] = copied
    for path, records in files.items():
        moment = AT.timestamp() + chance.randrange(10_000)
        os.utime(home.write(path, records), (moment, moment))


@pytest.mark.parametrize("seed", range(40))
def test_a_first_pass_ends_as_if_all_were_worked_out_at_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    write_work(home, random.Random(seed))
    home.ingest()
    found = ledger_rows(home)
    (home.data / "ledger.sqlite3").unlink()
    monkeypatch.setattr(c_scanner, "KEPT_ROWS", None)
    home.ingest()
    assert ledger_rows(home) == found


@pytest.mark.parametrize(
    "late",
    [
        [user("and a link", at=BETWEEN, session="a"), pr_link(2, at=BETWEEN, session="a")],
        [user(CLEAR, at=BETWEEN, session="a")],
    ],
)
def test_a_link_or_clear_in_a_later_file_counts(home: Home, late: list[Record]) -> None:
    work = [assistant(name, at=AT + n * HOUR, session="a", uuid=name, branch="main") for n, name in enumerate("xy")]
    for n, (path, records) in enumerate({"a": [*work, pr_link(1, at=AT + HOUR, session="a")], "late": late}.items()):
        os.utime(home.write(f"p/{path}.jsonl", records), (AT.timestamp() + n, AT.timestamp() + n))
    home.ingest()
    said = [row[15] for row in sorted(ledger_rows(home)["message"], key=lambda row: row[1])]
    assert len(said) == 2 and said[0] != said[1] == "https://github.com/ada/shop/pull/1"


def test_what_lasts_is_not_worked_out_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two sessions on one branch the second links a pull request, so the first is worked out twice."""
    asked = list[tuple[str, int]]()
    shares = PullRequestAssigner._shares

    def counted(self: PullRequestAssigner, session: int, *rest: object) -> object:
        asked.append(("early" if isinstance(self, Suggestions) else "late", session))
        return shares(self, session, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PullRequestAssigner, "_shares", counted)
    for number, (name, branch) in enumerate((("a", "one"), ("b", "one"), ("c", "two"))):
        at = AT + timedelta(hours=number)
        link = [pr_link(number, at=at, session=name)] if name != "a" else []
        path = home.write(f"p/{name}.jsonl", [assistant(name, at=at, session=name, uuid=name, branch=branch), *link])
        os.utime(path, (at.timestamp(), at.timestamp()))
    home.ingest()
    ids = {uuid: id for id, uuid in home.db().execute("SELECT id, uuid FROM session")}
    assert [session for when, session in asked if when == "late"] == [ids["a"]]
    assert [session for when, session in asked if when == "early"] == [ids["b"], ids["c"]]
