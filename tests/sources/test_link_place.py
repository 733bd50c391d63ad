"""A link to a pull request belongs to the last record before it that names a branch in its repository (rule 8)."""

from contextlib import closing
from typing import Any

import pytest

from helpers import Home
from tachograph.demo.records import Record, assistant, dump, pr_link, user

SHOP = "/r/shop"


def link_after(home: Home, *lines: Record | bytes, cuts: tuple[int, ...] = ()) -> tuple[str, str]:
    """Branch and folder of a link behind some lines, read in several passes if they are cut."""
    whole = [*lines, pr_link(1, repository="ada/shop")]
    for start, end in zip((0, *cuts), (*cuts, len(whole)), strict=True):
        home.append("a/s.jsonl", whole[start:end])
        home.ingest()
    with closing(home.db()) as db:
        sql = "SELECT b.text, c.text FROM link JOIN name b ON b.id = branch JOIN name c ON c.id = cwd"
        ((branch, folder),) = db.execute(sql)
    return branch, folder


def at(branch: str | None, folder: str = SHOP, **more: Any) -> Record:
    return {**user("go on", branch=branch, cwd=folder), **more}


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2, 3)])
def test_an_unknown_branch_is_none(home: Home, cuts: tuple[int, ...]) -> None:
    assert link_after(home, at("f"), at("HEAD"), at(""), cuts=cuts) == ("f", SHOP)


def test_an_unknown_branch_stays_where_none_is_known(home: Home) -> None:
    assert link_after(home, at("HEAD")) == ("HEAD", SHOP)


def test_the_repository_decides_before_the_branch(home: Home) -> None:
    assert link_after(home, at("HEAD"), at("g", "/r/api")) == ("HEAD", SHOP)


@pytest.mark.parametrize(
    "folder", ["/r/shop-worktrees/x", "/r/shop.worktrees/x", "/r/shop/.claude/worktrees/x", "C:\\r\\Shop"]
)
def test_a_worktree_is_of_its_repository(home: Home, folder: str) -> None:
    assert link_after(home, at("main"), at("x", folder), at("g", "/r/api")) == ("x", folder)


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (3,)])
def test_only_what_a_record_says_itself_counts(home: Home, cuts: tuple[int, ...]) -> None:
    nested = {"gitBranch": "evil", "cwd": "/evil/shop"}
    lines = (
        {"toolUseResult": nested, **at("f")},
        at("f", toolUseResult=nested),
        {"type": "ai-title", "aiTitle": "shop"},
    )
    assert link_after(home, *lines, cuts=cuts) == ("f", SHOP)


def test_a_torn_record_says_nothing(home: Home) -> None:
    assert link_after(home, at("f"), dump([at("g")])[:-20] + b"\n") == ("f", SHOP)


def test_a_repository_is_found_far_back(home: Home) -> None:
    assert link_after(home, at("f"), *[at("g", "/r/api")] * 3000) == ("f", SHOP)


def test_work_elsewhere_decides_where_nothing_shows_the_repository(home: Home) -> None:
    assert link_after(home, at("f", "/r/mine"), assistant("A", branch="g", cwd="/r/yours"), at("HEAD", "/r/x")) == (
        "g",
        "/r/yours",
    )


@pytest.mark.parametrize(
    ("content", "is_clear"),
    [
        ("<command-name>/clear</command-name>\n<command-args></command-args>", True),
        ("<command-message>clear</command-message>\n<command-name>/clear</command-name>", True),
        ([{"type": "text", "text": "<command-name>/clear</command-name>"}], True),
        ("how does <command-name>/clear</command-name> work?", False),
        ([{"type": "tool_result", "content": "<command-name>/clear</command-name>"}], False),
    ],
)
def test_only_the_command_itself_clears(home: Home, content: Any, is_clear: bool) -> None:
    home.write("a/s.jsonl", [user(content), assistant("A")])
    home.ingest()
    with closing(home.db()) as db:
        assert db.execute("SELECT count(*) FROM clearing").fetchone() == (int(is_clear),)
