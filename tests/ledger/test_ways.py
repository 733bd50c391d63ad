"""Ways that messages were asked for: who says them, in which order they may come, and that old ledgers learn them."""

import itertools
from pathlib import Path

import pytest

from helpers import Home
from tachograph.demo import records
from tachograph.demo.records import assistant, progress, user
from tachograph.ledger.storage import integrity, migrations
from tachograph.ledger.usage import totals

PROMPT = "Find every place that reads the setting"
CALL = assistant(
    "A",
    content=[
        {"type": "tool_use", "id": "t", "name": "Task", "input": {"subagent_type": "Explore", "prompt": PROMPT + "\n"}}
    ],
    stop="tool_use",
)
FIRST = user(PROMPT, sidechain=True, agent="a1")
FOUND = assistant("B", sidechain=True, agent="a1", request="r2")


def agents(home: Home) -> dict[str | None, int]:
    (row,) = home.report("monthly", "--by", "agent")["rows"]
    return {sub["agent"]: sub["messages"] for sub in row["by"]}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_subagent_has_the_type_of_its_call_in_whatever_order_they_are_read(
    home: Home, order: tuple[int, ...]
) -> None:
    lines = (
        ("p/s.jsonl", [CALL]),
        ("p/s/subagents/agent-a1.jsonl", [FIRST]),
        ("p/s/subagents/agent-a1.jsonl", [FOUND]),
    )
    for place in sorted(order, key=lambda n: (n == 2 and order.index(2) < order.index(1), order.index(n))):
        name, some = lines[place]
        home.append(name, records.dump(some))
        home.ingest()
    assert agents(home) == {"main": 1, "Explore": 1}
    with home.ledger() as ledger:
        assert integrity.rollup_differences(ledger.db) == 0


def test_progress_records_name_their_subagents_prompt(home: Home) -> None:
    inside = progress(assistant("B", request="r2"), agent="a1")
    inside["data"]["prompt"] = PROMPT
    home.write("p/s.jsonl", records.dump([inside, CALL]))
    assert agents(home) == {"main": 1, "Explore": 1}


def test_a_file_beside_the_transcript_names_the_type(home: Home) -> None:
    path = home.write("p/s/subagents/agent-a1.jsonl", records.dump([FIRST, FOUND]))
    path.with_suffix(".meta.json").write_text('{"agentType": "code-reviewer", "toolUseId": "t"}')
    assert agents(home) == {"code-reviewer": 1}


def test_without_a_call_the_type_is_unknown_and_not_guessed(home: Home) -> None:
    compact = assistant("C", sidechain=True, agent="acompact-efec99", request="r3")
    home.write("p/s.jsonl", records.dump([FIRST, FOUND, compact]))
    assert agents(home) == {None: 1, "compact": 1}


def test_the_record_names_skill_server_effort_and_program(home: Home) -> None:
    named = assistant(
        "A",
        attributionSkill="review",
        attributionPlugin="codex",
        attributionMcpServer="filesystem",
        effort="high",
        entrypoint="claude-vscode",
    )
    old = assistant(
        "B",
        request="r2",
        content=[{"type": "tool_use", "id": "t", "name": "mcp__linear__get_issue", "input": {}}],
        stop="tool_use",
    )
    home.write("p/s.jsonl", records.dump([named, old]))
    for by, expected in {
        "skill": {"review": 1, None: 1},
        "plugin": {"codex": 1, None: 1},
        "mcp": {"filesystem": 1, "linear": 1},
        "effort": {"high": 1, None: 1},
        "entrypoint": {"claude-vscode": 1, None: 1},
    }.items():
        (row,) = home.report("monthly", "--by", by)["rows"]
        assert {sub[by]: sub["messages"] for sub in row["by"]} == expected
    for flags, messages in (
        (("--skill", "Review"), 1),
        (("--skill", "none"), 1),
        (("--mcp", "lin"), 1),
        (("--entrypoint", "VS Code"), 1),
        (("--effort", "unknown"), 1),
        (("--agent", "main", "--speed", "standard"), 2),
        (("--agent", "subagents"), 0),
    ):
        assert home.report("monthly", *flags)["totals"]["messages"] == messages, flags
    refused = home.run("monthly", "--skill", "deploy", code=None)
    assert refused.code and "review" in refused.stderr, "an unknown name is refused, with those that there are"


def test_a_cowork_session_is_known_by_its_folder(tmp_path: Path, home: Home) -> None:
    folder = home.root / ".config" / "Claude" / "local-agent-mode-sessions" / "a" / "b" / ".claude" / "projects" / "p"
    folder.mkdir(parents=True)
    (folder / "s.jsonl").write_bytes(records.dump([assistant("A", entrypoint="cli")]))
    (row,) = home.report("monthly", "--by", "entrypoint")["rows"]
    assert [sub["entrypoint"] for sub in row["by"]] == ["cowork"]


def test_a_ledger_of_before_learns_the_ways_of_transcripts_that_still_exist(home: Home) -> None:
    """The step of the schema marks transcripts as unread; what is gone stays counted, its way unknown."""
    gone = home.write("p/gone.jsonl", records.dump([assistant("G", request="r9", session="s9", effort="high")]))
    home.write("p/s.jsonl", records.dump([CALL | {"effort": "high"}]))
    home.write("p/s/subagents/agent-a1.jsonl", records.dump([FIRST, FOUND]))
    before = home.report("monthly")["totals"]
    _, sql = next(step for step in migrations.STEPS if step[0] == "ways that messages were asked for")
    with home.ledger() as ledger, ledger.transaction() as db:  # as an earlier version left it
        db.execute("UPDATE answer SET way = 0, own_way = 0")
        db.execute("UPDATE file SET looks = 0")
        for table in ("spawn", "subagent", "way WHERE id <> 0"):
            db.execute(f"DELETE FROM {table}")
        totals.derive(db)
        db.execute(sql[sql.index("UPDATE file SET") :])
    gone.unlink()
    (row,) = home.report("monthly", "--by", "effort")["rows"]
    assert {sub["effort"]: sub["messages"] for sub in row["by"]} == {"high": 1, None: 2}
    assert agents(home) == {"main": 2, "Explore": 1}
    assert home.report("monthly")["totals"] == before
