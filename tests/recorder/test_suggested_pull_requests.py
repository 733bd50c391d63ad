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
        at += chance.choice(
            (timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(hours=13), timedelta(days=9))
        )
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


def make_work(chance: random.Random) -> dict[str, list[Record]]:
    """Files of sessions, some of them forked."""
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
    return files


@pytest.mark.parametrize("seed", range(40))
def test_a_first_pass_ends_as_if_all_were_worked_out_at_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Files are read in any order; in the third reading, each in a pass of its own."""
    chance = random.Random(seed)
    files = make_work(chance)
    for path, records in files.items():
        moment = AT.timestamp() + chance.randrange(10_000)
        os.utime(home.write(path, records), (moment, moment))
    home.ingest()
    found = ledger_rows(home)
    (home.data / "ledger.sqlite3").unlink()
    with monkeypatch.context() as changed:
        changed.setattr(c_scanner, "KEPT_ROWS", None)
        home.ingest()
    assert ledger_rows(home) == found
    (home.data / "ledger.sqlite3").unlink()
    for path in files:
        (home.projects / path).unlink()
    for path in chance.sample(sorted(files), len(files)):
        home.write(path, files[path])
        home.ingest()
    assert ledger_rows(home) == found


def test_a_clear_that_was_read_before_counts(home: Home) -> None:
    """A pass is a first one as long as the ledger holds no message."""
    home.write("p/late.jsonl", [user(CLEAR, at=BETWEEN, session="a")])
    home.ingest()
    home.write("p/a.jsonl", [*two_messages(), pr_link(1, at=AT + HOUR, session="a")])
    home.ingest()
    assert pulls(home) == ["", "https://github.com/ada/shop/pull/1"]


def test_a_link_without_a_folder_claims_the_branch_of_its_messages_project_whenever_they_come(home: Home) -> None:
    """Until then no project is known for it."""
    home.write(
        "p/b-rest.jsonl", [user("go", at=AT, session="b", cwd=None, branch="one"), pr_link(1, at=AT, session="b")]
    )
    home.write("p/d.jsonl", [assistant("x", at=BETWEEN, session="d", uuid="x", branch="one")])
    home.ingest()
    assert pulls(home) == [""]
    home.write("p/b.jsonl", [assistant("y", at=AT - HOUR, session="b", uuid="y", branch="two")])
    home.ingest()
    assert pulls(home) == ["https://github.com/ada/shop/pull/1"] * 2


@pytest.mark.parametrize("kept", [True, False])
def test_messages_of_one_moment_are_in_one_order_however_they_are_read(
    home: Home, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Two answers of the main chain in two places, and one of a subagent, which follows the second."""
    if not kept:
        monkeypatch.setattr(c_scanner, "KEPT_ROWS", None)
    files = {
        f"p/{branch}.jsonl": [
            assistant(branch, at=AT, session="a", uuid=branch, branch=branch),
            assistant(f"{branch}-b", at=AT, session="b", uuid=f"{branch}-b", branch=branch),
            pr_link(number, at=AT + HOUR, session="b"),
        ]
        for number, branch in ((1, "one"), (2, "two"))
    }
    files["p/a/subagents/agent-a1.jsonl"] = [
        assistant("z", at=AT, session="a", uuid="z", branch="one", sidechain=True, agent="a1")
    ]
    found = []
    for order in (list(files), list(files)[::-1]):
        for n, path in enumerate(order):
            moment = AT.timestamp() + n
            os.utime(home.write(path, files[path]), (moment, moment))
        home.ingest()
        found.append(ledger_rows(home))
        (home.data / "ledger.sqlite3").unlink()
    assert found[0] == found[1]
    assert {row[15][-6:] for row in found[0]["message"]} == {"pull/1", "pull/2"}


def two_messages() -> list[Record]:
    return [assistant(name, at=AT + n * HOUR, session="a", uuid=name, branch="main") for n, name in enumerate("xy")]


def pulls(home: Home) -> list[str]:
    """The pull request of each message, in order of time."""
    return [row[15] for row in sorted(ledger_rows(home)["message"], key=lambda row: row[1])]


@pytest.mark.parametrize(
    "late",
    [
        [user("and a link", at=BETWEEN, session="a"), pr_link(2, at=BETWEEN, session="a")],
        [user(CLEAR, at=BETWEEN, session="a")],
    ],
)
def test_a_link_or_clear_in_a_later_file_counts(home: Home, late: list[Record]) -> None:
    first = [*two_messages(), pr_link(1, at=AT + HOUR, session="a")]
    for n, (path, records) in enumerate({"a": first, "late": late}.items()):
        os.utime(home.write(f"p/{path}.jsonl", records), (AT.timestamp() + n, AT.timestamp() + n))
    home.ingest()
    said = pulls(home)
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
