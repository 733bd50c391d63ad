"""What the installed command says where logs are uncertain, repeat themselves, or spell one place in several ways."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import Home
from tachograph.demo.records import AT, Record, assistant, pr_link, title, user

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def rows(home: Home, report: str, key: str, *more: str) -> dict[Any, int]:
    """Messages of each row of a report, by a key."""
    return {row[key]: row["messages"] for row in home.run(report, *more, "--json").json["rows"]}


def answers(session: str, count: int, start: datetime = AT, **more: Any) -> list[Record]:
    return [
        assistant(f"{session}{n}", at=start + n * MINUTE, session=session, uuid=f"{session}-{n}", request=None, **more)
        for n in range(count)
    ]


# -- certainty -------------------------------------------------------------------------------------------------


def test_an_answer_with_a_placeholder_on_every_copy_is_unfinished_everywhere(home: Home) -> None:
    home.write("p/s.jsonl", answers("s", 3))
    home.write(
        "p/s/subagents/agent-a1.jsonl",
        [
            assistant("X", at=AT, output=2, stop=None, sidechain=True, agent="a1", uuid="x1", content="ok"),
            assistant("Y", at=AT, output=2, stop=None, sidechain=True, agent="a1", uuid="y1"),
            assistant("Y", at=AT + timedelta(seconds=1), output=900, sidechain=True, agent="a1", uuid="y2"),
        ],
    )
    document = home.run("models", "--json").json
    assert (document["totals"]["unfinished"], document["totals"]["messages"]) == (1, 5)
    assert "1 of 5 messages" in home.run("models").stdout
    assert "1 of 5 messages" in home.run("doctor").stdout
    headings, line = home.run("models", "--csv").stdout.splitlines()[:2]
    assert dict(zip(headings.split(","), line.split(","), strict=True))["unfinished"] == "1"


def test_an_old_answer_is_unfinished_if_much_more_is_visible_than_was_recorded(home: Home) -> None:
    text = [{"type": "text", "text": "x" * 400}]
    call = [{"type": "tool_use", "id": "t1", "name": "Write", "input": {"text": "y" * 392}}]
    old: dict[str, Any] = {"version": "2.1.29", "stop": None, "output": 30, "uuid": None}
    home.write(
        "p/s.jsonl",
        [
            assistant("A", content=text, **old),  # 100 tokens visible, 30 recorded
            assistant("B", content=text, **{**old, "output": 40}),  # 100 are not more than 2 x 40 + 20
            assistant("C", content=text, **old),
            assistant("C", content=call, at=AT + timedelta(seconds=1), **old),  # blocks of one answer add up
            assistant("D", content=text, **{**old, "stop": "end_turn"}),
            assistant("E", content="ok", **{**old, "output": 1}),
        ],
    )
    totals = home.run("daily", "--json").json["totals"]
    assert totals["unfinished"] == 2
    call_tokens = (400 + len(json.dumps(call[0]["input"])) + len("Write")) // 4
    assert totals["missing_output_at_least"] == (100 - 30) + (call_tokens - 30)
    assert totals["tokens"]["output"] == 30 + 40 + 30 + 30 + 1  # nothing is added


def test_a_copy_with_a_stop_reason_finishes_an_answer_in_any_order(home: Home) -> None:
    placeholder = assistant("A", output=1, stop=None, uuid="a1", content=[{"type": "text", "text": "x" * 900}])
    final = assistant("A", output=300, uuid="a2", at=AT + timedelta(seconds=2))
    for order in ([placeholder, final], [final, placeholder]):
        fresh = Home(home.root / str(order[0]["uuid"]))
        for line in order:
            fresh.append("p/s.jsonl", [line])
            fresh.run("daily")
        assert fresh.run("daily", "--json").json["totals"]["unfinished"] == 0


def test_claude_codes_own_sum_is_a_witness_beside_ours(home: Home) -> None:
    state = {
        "type": "cost-state",
        "sessionId": "s",
        "totalCostUSD": 0.5,
        "modelUsage": {"claude-haiku-4-5": {"inputTokens": 60000, "outputTokens": 400, "costUSD": 0.3}},
    }
    home.write("p/s.jsonl", [*answers("s", 1), state, {**state, "totalCostUSD": 0.75}])
    document = home.run("session", "s", "--json").json
    ours = document["totals"]["cost_usd"]
    assert document["claude_code"]["cost_usd"] == 0.75
    assert document["claude_code"]["unseen_usd"] == pytest.approx(0.75 - ours)
    assert "Claude Code itself counted $0.750 in this session" in home.run("session", "s").stdout
    assert "haiku-4-5" in home.run("session", "s").stdout
    assert document["totals"]["messages"] == 1  # never added


def _counted(home: Home, models: dict[str, float], *lines: Record) -> dict[str, Any]:
    state = {
        "type": "cost-state",
        "sessionId": "s",
        "totalCostUSD": sum(models.values()),
        "modelUsage": {name: {"inputTokens": 1, "outputTokens": 1, "costUSD": cost} for name, cost in models.items()},
    }
    home.write("p/s.jsonl", [*lines, state])
    return dict(home.run("session", "s", "--json").json["claude_code"])


def test_side_calls_of_one_model_are_not_hidden_by_messages_of_another(home: Home) -> None:
    lines = [
        assistant(name, session="s", model="claude-opus-5", input=9000, at=AT + n * MINUTE)
        for n, name in enumerate("ABC")
    ]
    seen = _counted(home, {"claude-opus-5": 0.03, "claude-haiku-4-5": 0.062}, *lines)
    assert home.report("session", "s")["totals"]["cost_usd"] > 0.092
    assert (seen["unseen_usd"], seen["unseen_models"]) == (pytest.approx(0.062), ["claude-haiku-4-5"])
    assert "$0.062 of it are side calls of haiku-4-5" in home.run("reconcile").stdout  # also without a limit


@pytest.mark.parametrize(
    ("logged", "counted"), [("claude-opus-5", "claude-opus-5[1m]"), ("weird-gateway", "weird-gateway")]
)
def test_a_model_that_messages_show_made_no_side_calls(home: Home, logged: str, counted: str) -> None:
    line = assistant("A", session="s", model=logged, input=9000)
    seen = _counted(home, {counted: 0.02, "claude-haiku-4-5": 0.062}, line)
    assert (seen["unseen_usd"], seen["unseen_models"]) == (pytest.approx(0.062), ["claude-haiku-4-5"])


def test_a_sum_of_a_session_without_messages_is_told(home: Home) -> None:
    home.write("p/t.jsonl", [assistant("A", session="t")])
    home.append("p/t.jsonl", [{"type": "cost-state", "sessionId": "s9", "totalCostUSD": 0.5, "modelUsage": {}}])
    said = home.run("session", "s9", code=1).stderr
    assert "no messages of its own" in said and "$0.500" in said and "copies" not in said


# -- identity --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relay-x", "msg_1nZdL29xx5MUA1yADyHTEsnR8u"])
def test_one_id_for_all_answers_of_a_gateway_is_as_many_messages(home: Home, name: str) -> None:
    for session in ("s1", "s2"):
        home.write(
            f"p/{session}.jsonl",
            [
                assistant(
                    name, at=AT + n * MINUTE, input=1000 + n, session=session, uuid=f"{session}-{n}", request=None
                )
                for n in range(4)
            ],
        )
    expected = {"s1": 4, "s2": 4}
    if name.startswith("msg_"):  # the same time in two sessions is a copy
        expected = {"s1": 4}
    assert rows(home, "sessions", "session") == expected
    assert home.run("daily", "--json").json["problems"]["shared_ids"] > 0
    assert "one id, 4 answers" in home.run("doctor").stdout
    home.append("p/s1.jsonl", [assistant(name, at=AT + HOUR, session="s1", uuid="later", request=None)])
    assert home.run("daily", "--json").json["totals"]["messages"] == sum(expected.values()) + 1


def test_lines_of_one_answer_of_a_gateway_stay_one_message(home: Home) -> None:
    second = timedelta(seconds=1)
    home.write(
        "p/s.jsonl",
        [
            assistant("relay-y", input=0, output=0, stop=None, uuid="u1", request=None),
            assistant("relay-y", at=AT + second, input=500, output=20, stop=None, uuid="u2", request=None),
            assistant("relay-y", at=AT + 2 * second, input=500, output=90, uuid="u3", request=None),
        ],
    )
    assert home.run("daily", "--json").json["totals"]["messages"] == 1


def test_a_fork_without_a_mark_leaves_the_shared_messages_with_the_session_that_went_on_first(home: Home) -> None:
    shared = [assistant(f"M{n}", at=AT + n * MINUTE, uuid=f"m{n}") for n in range(5)]
    for name, later in (("a-fork", 3), ("z-original", 1)):
        own = assistant(f"own-of-{name}"[:3] + name[0], at=AT + later * HOUR, session=name, uuid=name, request=None)
        home.write(f"p/{name}.jsonl", [*({**line, "sessionId": name} for line in shared), own])
    assert rows(home, "sessions", "session") == {"z-original": 6, "a-fork": 1}
    assert home.run("daily", "--json").json["problems"]["unmarked_forks"] == 1


def test_a_declined_attempt_without_a_model_is_one_message_without_a_price(home: Home) -> None:
    parts: list[Record] = [
        {"type": "message", "model": None, "input_tokens": 500, "output_tokens": 10},
        {"type": "fallback_message", "model": "claude-opus-5-5", "input_tokens": 3, "output_tokens": 9},
    ]
    home.write("p/s.jsonl", [assistant("A", iterations=parts)])
    totals = home.run("models", "--json").json["totals"]
    assert (totals["messages"], totals["unpriced_messages"]) == (2, 1)


# -- billed or not ---------------------------------------------------------------------------------------------


def test_fast_mode_is_told_apart_and_said_to_be_billed(home: Home) -> None:
    home.write(
        "p/s.jsonl", [assistant("A", model="claude-opus-5", speed="fast"), assistant("B", model="claude-opus-5")]
    )
    document = home.run("models", "--by", "speed", "--json").json
    speeds = {sub["speed"]: sub["cost_usd"] for sub in document["rows"][0]["by"]}
    assert document["totals"]["billed_usd"] == speeds["fast"] == 2 * speeds["standard"]
    said = home.run("models").stdout
    assert "draws on usage credits" in said
    assert "a subscription does not bill it" not in said


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-8",
        "bedrock/us.anthropic.claude-opus-4-8",
        "vertex_ai/claude-opus-4-8@20260901",
        "openrouter/anthropic/claude-opus-4.8",
        "publishers/anthropic/models/claude-opus-4-8",
        "relay/claude-opus-4-8",
        "openrouter/anthropic/claude-opus-4.8:beta",
        "sap/anthropic--claude-4.8-opus",
        "bedrock:us.anthropic.claude-opus-4-8-v1:0",
        "bedrock-claude-opus-4-8",
        "arn:aws-us-gov:bedrock:us-gov-west-1:1:inference-profile/us-gov.anthropic.claude-opus-4-8-v1:0",
        "bedrock/arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-8-v1:0",
        "global.anthropic.claude-opus-4-8-v1:0[1m]",
        "vertex_ai/claude-opus-4-8@latest",
        "anthropic/claude-opus-4.8:thinking",
        "claude-opus-4-8-thinking-16k",
        "claude-opus-4-8-latest[1m]",
    ],
)
def test_a_name_that_spells_a_known_model_is_priced_as_it(home: Home, name: str) -> None:
    home.write("p/s.jsonl", [assistant("A", model=name), assistant("B", model="claude-opus-4-8")])
    costs = {row["model"]: row["cost_usd"] for row in home.run("models", "--json").json["rows"]}
    assert costs[name] == costs["claude-opus-4-8"]


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claude-abc",
        "opus",
        "opusplan",
        "claude-opus",
        "CLAUDE-OPUS-4-8",  # no service spells it so
        "claude-opus-4-8-fast",  # its price is not that of the model
        "claude-opus-4-81",
        "claude-opus-4-8x",
        "my-claude-opus-4-8",
        "anthropic/claude-opus-4.8:free",
        "gpt-5",
    ],
)
def test_a_name_that_spells_no_known_model_has_no_price(home: Home, name: str) -> None:
    home.write("p/s.jsonl", [assistant("A", model=name)])
    assert home.run("models", "--json").json["totals"]["cost_usd"] is None


# -- time and names --------------------------------------------------------------------------------------------


def test_the_hour_that_comes_twice_is_in_order_of_time(home: Home) -> None:
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    home.write("p/s.jsonl", answers("s", 1, night) + answers("t", 1, night + HOUR))
    for more in ((), ("--sort", "time"), ("--by", "model")):
        document = home.run("hourly", "--timezone", "Europe/Berlin", "--json", *more).json
        assert [row["period"][11:] for row in document["rows"]] == ["02:00+02:00", "02:00+01:00"]


def test_the_range_of_the_last_hours_is_their_hours(home: Home) -> None:
    home.write("p/s.jsonl", answers("s", 1))
    assert home.run("hourly", "--last", "3", "--json").json["range"] == {
        "since": "2026-11-23T10:00+00:00",
        "until": "2026-11-23T12:00+00:00",
    }


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("<command-name>/review</command-name>\n<command-args>42</command-args>", "/review 42"),
        ("<command-message>go</command-message>\n<command-name>/go</command-name>", "/go"),
        ('<teammate-message teammate_id="lead">do the thing</teammate-message>', "do the thing"),
        ("<local-command-stdout>ok</local-command-stdout>", None),
        ("<ide_opened_file>The user opened a.py</ide_opened_file>fix this bug", "fix this bug"),
        ("<system-reminder>be brief</system-reminder>\nreal work", "real work"),
        ("<ide_selection>x</ide_selection>", None),
    ],
)
def test_a_session_is_named_by_a_command_or_a_teammate(home: Home, prompt: str, name: str | None) -> None:
    home.write("p/s.jsonl", [user(prompt, session="s"), *answers("s", 1)])
    assert [row["title"] for row in home.run("sessions", "--json").json["rows"]] == [name]


def test_a_session_is_named_by_the_first_text_of_a_person_behind_notes_of_the_editor(home: Home) -> None:
    blocks: list[Record] = [
        {"type": "text", "text": "<ide_opened_file>The user opened a.py</ide_opened_file>"},
        {"type": "image", "source": {}},
        {"type": "text", "text": "what is wrong here?"},
    ]
    home.write("p/s.jsonl", [user(blocks, session="s"), *answers("s", 1)])
    assert [row["title"] for row in home.run("sessions", "--json").json["rows"]] == ["what is wrong here?"]


def test_a_session_that_begins_with_the_summary_of_another_has_a_name(home: Home) -> None:
    home.write(
        "p/s.jsonl", [{**user("Continued from before.", session="s"), "isCompactSummary": True}, *answers("s", 1)]
    )
    assert [row["title"] for row in home.run("sessions", "--json").json["rows"]] == ["Continued from before."]
    home.append("p/s.jsonl", [title("Mine", "custom", session="s")])
    assert [row["title"] for row in home.run("sessions", "--json").json["rows"]] == ["Mine"]


def test_a_name_of_decomposed_letters_that_fits_is_not_cut(home: Home) -> None:
    name = "cafe\u0301-karten-und-mehr"
    home.write("p/s.jsonl", answers("s", 1, cwd=f"/x/{name}"))
    assert name in home.run("projects", env={"COLUMNS": "60"}).stdout


def test_a_pull_request_link_is_written_once(home: Home, tmp_path: Path) -> None:
    home.write("p/s.jsonl", [*answers("s", 2, branch="x"), pr_link(3, at=AT + HOUR, session="s")])
    assert rows(home, "prs", "linked_at") == {"2026-11-02T10:00:00.000Z": 2}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_lines_merged_before_an_id_is_known_as_shared_are_told_apart_afterwards(
    home: Home, order: tuple[int, ...]
) -> None:
    """Two sessions have a line of the id a second apart: copies of one answer, until a line of another hour shows more."""
    lines = [
        assistant("S", at=AT, session="s1", uuid="u1", request=None, output=7),
        assistant("S", at=AT + 3 * HOUR, session="s1", uuid="u2", request=None, output=5, stop=None),
        assistant("S", at=AT + 3 * HOUR + timedelta(seconds=1), session="s3", uuid="u3", request=None, output=6),
    ]
    for number in order:
        home.append(f"p/{lines[number]['sessionId']}.jsonl", [lines[number]])
        home.run("daily")
    assert rows(home, "sessions", "session") == {"s1": 2, "s3": 1}
    assert home.run("daily", "--json").json["totals"]["tokens"]["output"] == 18
    assert "3 answers" in home.run("doctor").stdout


def test_lines_merged_into_one_answer_stay_so_where_their_transcript_is_gone(home: Home) -> None:
    first = home.append("p/s1.jsonl", [assistant("S", at=AT, session="s1", uuid="u1", request=None, stop=None)])
    home.append("q/s2.jsonl", [assistant("S", at=AT + MINUTE, session="s2", uuid="u2", request=None, output=900)])
    home.run("daily")
    first.unlink()
    home.append("p/s3.jsonl", [assistant("S", at=AT + 3 * HOUR, session="s3", uuid="u3", request=None, output=5)])
    totals = home.run("daily", "--json").json["totals"]
    assert (totals["tokens"]["output"], totals["messages"]) == (905, 2)
