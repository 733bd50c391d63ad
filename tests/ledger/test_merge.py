"""In the ledger copies of a message are one, in whatever order and however often they come; rows and rollups agree."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpers import REPORTS, Home, flat, keyed, same_as_oracle, tokens
from tachograph.demo.records import AT, SESSION, Record, assistant, pr_link

FORK = "f0f0f0f0-0000-4000-8000-000000000002"
HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return datetime(2026, 11, 2, tzinfo=UTC) + timedelta(hours=hour)


def in_passes(home: Home, files: Sequence[tuple[str, list[Record]]]) -> None:
    """Append to files one after the other, with a pass after each."""
    for name, lines in files:
        home.append(name, lines)
        home.ingest()


def sessions(home: Home) -> dict[str | None, int]:
    return {row["session"]: row["messages"] for row in home.report("sessions")["rows"]}


def pulls(home: Home) -> dict[int | None, int]:
    return {row["pr"] and row["pr"]["number"]: row["messages"] for row in home.report("prs")["rows"]}


def rollups_agree(home: Home) -> None:
    """The rollups are at every commit what the messages add up to; no empty ones are left behind."""
    measures = ["input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches", "unfinished"]
    by = "ifnull(at / 900000, -1000000000), session, model, cwd, branch, account, pull, by_branch"
    sums = ", ".join(f"sum({m})" for m in measures)
    with home.db() as db:
        rolled = db.execute(
            f"SELECT bucket, session, model, place, branch, account, pull, by_branch, sum(messages), {sums}, sum(logged_messages),"
            " sum(logged_cost) FROM rollup GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
        ).fetchall()
        added = db.execute(
            f"SELECT {by}, count(*), {sums}, count(logged_cost), ifnull(sum(logged_cost), 0) FROM message WHERE billed"
            " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
        ).fetchall()
        assert rolled == added
        assert db.execute("SELECT count(*) FROM rollup WHERE messages <= 0").fetchone() == (0,)
        hours = f"SELECT {{}}, model, tariff, sum(messages), {sums} FROM {{}} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        by_quarter = db.execute(hours.format("floor(bucket / 4.0)", "rollup")).fetchall()
        assert db.execute(hours.format("hour", "hour")).fetchall() == by_quarter
        assert db.execute("SELECT count(*) FROM hour WHERE messages <= 0").fetchone() == (0,)


# -- counts, time, and what only one copy says -----------------------------------------------------------------


@pytest.mark.parametrize("outputs", sorted(set(itertools.permutations((5, 5, 900)))))
def test_L08_streamed_copies_over_several_passes_in_any_order(home: Home, outputs: Sequence[int]) -> None:
    in_passes(home, [("a/s.jsonl", [assistant("A", output=n)]) for n in outputs])
    assert home.totals() == tokens(input=10, output=900)
    rollups_agree(home)


def test_trap_2_each_count_is_the_largest_over_several_passes(home: Home) -> None:
    one, two = assistant("A", output=10, cache_read=1000), assistant("A", output=500, cache_read=0, input=3)
    in_passes(home, [("a/s.jsonl", [one]), ("a/s.jsonl", [two])])
    assert home.totals() == tokens(input=10, output=500, cache_read=1000)


SECOND = timedelta(seconds=1)
MIDNIGHT = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize("swapped", [False, True])
def test_trap_3_a_larger_copy_of_later_does_not_move_the_message(home: Home, swapped: bool) -> None:
    early = ("a/s.jsonl", [assistant("A", at=MIDNIGHT - SECOND, output=100, stop=None)])
    late = ("a/t.jsonl", [assistant("A", at=MIDNIGHT + SECOND, output=101, session=FORK)])
    in_passes(home, [late, early] if swapped else [early, late])
    assert [(row["period"], flat(row)) for row in home.report("daily")["rows"]] == [
        ("2026-11-02", tokens(input=10, output=101))
    ]
    assert sessions(home) == {SESSION: 1}
    rollups_agree(home)


def test_trap_4_a_copy_on_another_day_is_not_counted_on_that_day(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", at=MIDNIGHT - SECOND, stop=None)])
    home.write("a/t.jsonl", [assistant("A", at=MIDNIGHT + SECOND, session=FORK, forked_from=SESSION)])
    for report in REPORTS:
        assert home.report(report, "--since", "2026-11-03")["totals"]["messages"] == 0, report
        assert home.report(report, "--until", "2026-11-02")["totals"]["messages"] == 1, report


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_one_copy_says_comes_from_the_one_with_the_most_output(home: Home, order: Sequence[int]) -> None:
    copies = [
        assistant("A", at=at(9), output=1, model="claude-haiku-4-5", branch="one", cwd="/x/one", stop=None),
        assistant("A", at=at(9) + SECOND, output=50, model="claude-opus-5-5", branch="two", cwd="/x/two"),
        assistant("A", at=at(9) + 2 * SECOND, output=50, model="claude-opus-5", branch="three", cwd="/x/three"),
    ]
    in_passes(home, [("a/s.jsonl", [copies[n]]) for n in order])
    assert [row["model"] for row in home.report("models")["rows"]] == ["claude-opus-5-5"]
    assert [(row["branch"], row["project"]) for row in home.report("branches")["rows"]] == [("two", "two")]
    assert [row["period"] for row in home.report("hourly")["rows"]] == ["2026-11-02T09:00+00:00"]
    rollups_agree(home)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_tier_a_speed_and_a_place_are_priced_as_the_best_copy_says(home: Home, order: Sequence[int]) -> None:
    """300,000 tokens in at 6 USD, 10 out at 22.50: in whatever order the copies come, the tariff follows the counts."""
    long = {"model": "claude-sonnet-4-5", "input": 300_000}
    copies = [assistant("A", output=n, **{**long, "input": m}) for n, m in ((1, 5), (5, 300_000), (10, 7))]  # type: ignore[arg-type]
    in_passes(home, [("a/s.jsonl", [copies[n]]) for n in order])
    assert home.report("daily")["totals"]["cost_usd"] == pytest.approx(0.3 * 6 + 10 * 22.5e-6, abs=1e-12)


def test_a_refusal_that_turns_out_to_be_billed_joins_the_rollups(home: Home) -> None:
    refusal, answer = assistant("A", stop="refusal", output=0), assistant("A", stop="end_turn", output=9)
    in_passes(home, [("a/s.jsonl", [refusal])])
    assert home.totals() == tokens(messages=0)
    in_passes(home, [("a/s.jsonl", [answer])])
    assert home.totals() == tokens(input=10, output=9)
    rollups_agree(home)


def test_a_time_that_is_known_later_moves_the_message_out_of_unknown(home: Home) -> None:
    in_passes(home, [("a/s.jsonl", [assistant("A", at=None)]), ("a/s.jsonl", [assistant("A")])])
    assert [row["period"] for row in home.report("daily")["rows"]] == ["2026-11-02"]
    rollups_agree(home)


# -- which session (L07) ---------------------------------------------------------------------------------------

Claim = dict[str, Any]
OWNERS: dict[str, tuple[list[Claim], str]] = {
    "the one that is no fork, though it goes on later": (
        [{"session": "b", "forked_from": "a"}, {"session": "b", "message": "B", "at": AT + HOUR}, {"session": "a"}],
        "a",
    ),
    "the one with the earlier message at the first difference": (
        [
            {"session": "z"},
            {"session": "z", "message": "Z", "at": AT + HOUR},
            {"session": "a"},
            {"session": "a", "message": "B", "at": AT + 2 * HOUR},
        ],
        "z",
    ),
    "the one that the other goes on from": (
        [{"session": "z"}, {"session": "a"}, {"session": "a", "message": "B", "at": AT + HOUR}],
        "z",
    ),
    "the smaller id where nothing else tells": ([{"session": "b"}, {"session": "a"}], "a"),
    "the main chain before a side chain": ([{"session": "a", "sidechain": True}, {"session": "b"}], "b"),
    "the main chain of a fork before a side chain": (
        [{"session": "a", "sidechain": True}, {"session": "b", "forked_from": "a"}],
        "b",
    ),
    "the smaller id where one time is unknown": ([{"session": "a"}, {"session": "b", "at": None}], "a"),
}


@pytest.mark.parametrize("case", OWNERS)
@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("swapped", [False, True])
def test_L07_a_shared_message_belongs_to(home: Home, case: str, passes: int, swapped: bool) -> None:
    claims, owner = OWNERS[case]
    for claim in reversed(claims) if swapped else claims:
        home.append(f"a/{claim['session']}.jsonl", [assistant(**{"message": "A", **claim})])
        if passes == 2:
            home.ingest()
    own = sum(claim["session"] == owner for claim in claims)
    assert sessions(home)[owner] == own
    assert sum(sessions(home).values()) == len(claims) - 1
    rollups_agree(home)
    same_as_oracle(home)


def test_trap_7_a_side_chains_replay_counts_once_in_every_report(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", at=at(9))])
    replay = assistant("A", at=at(9), request="req_other", sidechain=True, agent="a1")
    home.write(f"a/{SESSION}/subagents/agent-a1.jsonl", [replay])
    home.write("b/t.jsonl", [{**replay, "sessionId": FORK}])
    for report in REPORTS:
        assert flat(home.report(report)["totals"]) == tokens(input=10, output=100), report
    assert sessions(home) == {SESSION: 1}


def test_trap_8_a_side_chains_copy_with_more_output_is_the_count(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", output=5)])
    home.write("a/t.jsonl", [assistant("A", output=500, sidechain=True, session=FORK)])
    assert home.totals() == tokens(input=10, output=500)
    assert sessions(home) == {SESSION: 1}


def test_L07_an_owner_changes_when_its_session_turns_out_to_be_the_later_one(home: Home) -> None:
    """`A` stands in both; only a later pass shows that `b` had begun before."""
    in_passes(home, [("p/a.jsonl", [assistant("A", session="a")]), ("p/b.jsonl", [assistant("A", session="b")])])
    assert sessions(home) == {"a": 1}
    in_passes(home, [("p/b.jsonl", [assistant("B", session="b", at=AT - HOUR)])])
    assert sessions(home) == {"b": 2}
    rollups_agree(home)
    same_as_oracle(home)


def test_L07_a_copy_without_the_mark_of_a_fork_makes_a_session_the_owner(home: Home) -> None:
    """A flag stands only if every copy there has it."""
    in_passes(
        home,
        [
            ("p/a.jsonl", [assistant("A", session="a", forked_from="b")]),
            ("p/b.jsonl", [assistant("A", session="b", forked_from="c")]),
            ("p/b.jsonl", [assistant("A", session="b")]),
        ],
    )
    assert sessions(home) == {"b": 1}
    rollups_agree(home)


def test_L07_a_resumed_session_is_counted_once(home: Home) -> None:
    old = [assistant(f"M{n}", at=AT + n * HOUR, output=n) for n in range(4)]
    copied = [{**line, "sessionId": FORK, "forkedFrom": {"sessionId": SESSION}} for line in old]
    home.write("a/old.jsonl", old)
    home.write("a/new.jsonl", [*copied, assistant("N", session=FORK, at=AT + 9 * HOUR)])
    assert home.totals() == tokens(messages=5, input=50, output=106)
    assert sessions(home) == {SESSION: 4, FORK: 1}


# -- which pull request (rule 8) -------------------------------------------------------------------------------


def test_a_message_belongs_to_the_next_link_on_its_branch_else_to_the_last_on_it(home: Home) -> None:
    home.write(
        "a/s.jsonl",
        [
            assistant("A", at=at(1), branch="one"),
            pr_link(1, at=at(2)),  # on one
            assistant("B", at=at(3), branch="two"),
            pr_link(2, at=at(4)),  # on two
            assistant("C", at=at(5), branch="one"),  # no link at or after it on one: the last on it
            assistant("D", at=at(6), branch="three"),  # after the last link, on another branch: none
            assistant("E", at=at(0), branch="two"),  # before both: the first on two
        ],
    )
    assert pulls(home) == {1: 2, 2: 2, None: 1}
    same_as_oracle(home)


def test_a_link_at_the_very_time_of_a_message_is_its_link(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", at=at(1)), pr_link(1, at=at(1)), pr_link(2, at=at(2))])
    assert pulls(home) == {1: 1}


def test_a_message_without_a_branch_takes_the_next_link_of_any(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", at=at(1), branch="x"), pr_link(1, at=at(2)), pr_link(2, at=at(9))])
    home.write("a/t.jsonl", [assistant("B", at=at(1), branch=None), assistant("C", at=at(3), branch=None)])
    assert pulls(home) == {1: 2, 2: 1}


def test_a_link_that_is_written_again_stays_at_its_first_time(home: Home) -> None:
    home.write("a/s.jsonl", [pr_link(1, at=at(1)), pr_link(2, at=at(3)), pr_link(1, at=at(5))])
    home.append("a/s.jsonl", [assistant("A", at=at(2)), assistant("B", at=at(4))])
    assert pulls(home) == {2: 1, None: 1}  # on a default branch nothing after the last link is claimed
    assert {row["linked_at"] for row in home.report("prs")["rows"]} == {"2026-11-02T03:00:00.000Z", None}


def test_without_a_link_there_is_no_pull_request(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A")])
    home.write("a/t.jsonl", [pr_link(1, session="other"), assistant("B", session="other")])
    assert pulls(home) == {None: 1, 1: 1}


def test_a_message_leaves_its_pull_request_with_its_session(home: Home) -> None:
    """`A` first belongs to a session with a link, then to one without: its pull request goes with that."""
    in_passes(home, [("p/b.jsonl", [assistant("A", session="b"), pr_link(1, session="b", at=at(10))])])
    assert pulls(home) == {1: 1}
    in_passes(home, [("p/a.jsonl", [assistant("A", session="a")])])
    assert pulls(home) == {None: 1}
    rollups_agree(home)


def test_a_link_read_later_takes_the_messages_that_are_its(home: Home) -> None:
    in_passes(home, [("a/s.jsonl", [assistant("A", at=at(1)), assistant("B", at=at(5))])])
    in_passes(home, [("a/s.jsonl", [pr_link(7, at=at(6))]), ("a/s.jsonl", [pr_link(3, at=at(2))])])
    assert pulls(home) == {3: 1, 7: 1}
    rollups_agree(home)
    same_as_oracle(home)


@pytest.mark.parametrize("time", [at(10), None])
def test_links_of_the_same_time_give_the_same_rows_in_any_order(home: Home, time: datetime | None) -> None:
    """Which of them is arbitrary, but it must not hang on which was read first."""
    links = [pr_link(n, at=time) for n in (1, 2, 3)]
    found: list[dict[int | None, int]] = []
    for order in itertools.permutations(links):
        fresh = Home(home.root / str(len(found)))
        fresh.write("a/s.jsonl", [assistant("A"), *order])
        found.append(pulls(fresh))
    assert found == [found[0]] * 6


def test_pull_request_rows_add_up_with_every_other_dimension(home: Home) -> None:
    lines = [assistant(f"M{n}", at=at(n / 2), branch=f"b{n % 3}", output=n) for n in range(20)]
    home.write("a/s.jsonl", [*lines, *(pr_link(n, at=at(n)) for n in range(1, 9, 3))])
    for by in ("model", "project", "session", "branch", "day"):
        document = home.report("prs", "--by", by)
        assert sum(sub["messages"] for row in document["rows"] for sub in row["by"]) == 20
    same_as_oracle(home)


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cwd",
    [
        "/x/shop/.claude/worktrees/feature",
        "/x/shop/.claude/worktrees/feature/deep/er",
        "/x/shop/.worktrees/feature",
        "/x/shop/.git/worktrees/feature",
        "/x/shop",
        "/x/shop/",
    ],
)
def test_a_worktree_belongs_to_its_repository(home: Home, cwd: str) -> None:
    home.write("a/s.jsonl", [assistant("A", cwd=cwd)])
    assert [row["project"] for row in home.report("projects")["rows"]] == ["shop"]


def test_projects_that_look_alike_are_told_apart(home: Home) -> None:
    for n, cwd in enumerate(("/a/shop", "/b/shop", "/b/notes", "C:\\code\\shop")):
        home.write(f"p{n}/s.jsonl", [assistant(f"M{n}", cwd=cwd)])
    rows = keyed(home.report("projects")["rows"], "project")
    assert set(rows) == {"a/shop", "b/shop", "notes", "code/shop"}


def test_a_title_is_the_persons_then_the_machines_then_the_first_prompt(home: Home) -> None:
    from tachograph.demo.records import title, user

    def shown() -> list[str]:
        return [row["title"] for row in home.report("sessions")["rows"]]

    home.write("a/s.jsonl", [user("fix  the\ncheckout"), assistant("A", uuid="leaf-1")])
    assert shown() == ["fix the checkout"]
    home.append("a/s.jsonl", [title("Summed up", "summary", leaf="leaf-1")])
    assert shown() == ["Summed up"]
    home.append("a/s.jsonl", [title("Fix checkout"), title("Repair checkout")])
    assert shown() == ["Repair checkout"]
    home.append("a/s.jsonl", [title("Mine", "custom"), title("Later")])
    assert shown() == ["Mine"]


@pytest.mark.parametrize("odd", [False, True])
def test_the_last_record_of_a_session_is_the_same_in_any_order(home: Home, odd: bool) -> None:
    """A summary names the record that it sums up; of two at the same moment it must not hang on which was read last."""
    cost = 0.5 if odd else None  # read the patient way, or the typed one
    copies = [assistant("A", uuid=uuid, cost_usd=cost) for uuid in ("u1", "u2")]
    found: list[object] = []
    for order in (copies, copies[::-1]):
        fresh = Home(home.root / str(len(found)))
        fresh.write("a/s.jsonl", order)
        fresh.ingest()
        found.append(fresh.db().execute("SELECT leaf FROM session WHERE uuid = ?", (SESSION,)).fetchone())
    assert found[0] == found[1]
