"""The builders write the layout of Claude Code, and what a test asks for beyond it."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tachograph.demo import records

ENVELOPE = ["parentUuid", "isSidechain", "userType", "cwd", "sessionId", "version", "gitBranch", "type", "message"]


def test_an_answer_has_the_keys_of_claude_code_in_its_order() -> None:
    assert list(records.assistant()) == [*ENVELOPE, "requestId", "uuid", "timestamp"]
    assert list(records.user()) == [*ENVELOPE, "uuid", "timestamp"]


def test_counts_land_in_usage() -> None:
    usage = records.assistant(
        input=1, output=2, cache_write_5m=3, cache_write_1h=4, cache_read=5, web_searches=6, speed="fast", geo="us"
    )["message"]["usage"]
    assert usage["input_tokens"] == 1
    assert usage["output_tokens"] == 2
    assert usage["cache_creation_input_tokens"] == 7
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}
    assert usage["cache_read_input_tokens"] == 5
    assert usage["server_tool_use"]["web_search_requests"] == 6
    assert (usage["speed"], usage["inference_geo"]) == ("fast", "us")


def test_usage_can_be_made_odd() -> None:
    usage = records.assistant(usage={"output_tokens": "many", "cache_creation": None})["message"]["usage"]
    assert (usage["output_tokens"], usage["cache_creation"]) == ("many", None)


@pytest.mark.parametrize(
    ("given", "issued"),
    [
        ("A", "msg_01Axxxxxxxxxxxxxxxxxxxxx"),
        ("msg_old", "msg_old"),
        ("66c56f1c-0000", "66c56f1c-0000"),
    ],
)
def test_a_label_becomes_an_issued_id(given: str, issued: str) -> None:
    assert records.assistant(given)["message"]["id"] == issued


@pytest.mark.parametrize(
    ("keyword", "key"),
    [("session", "sessionId"), ("cwd", "cwd"), ("branch", "gitBranch"), ("request", "requestId"), ("at", "timestamp")],
)
def test_none_leaves_a_key_out(keyword: str, key: str) -> None:
    nothing: dict[str, Any] = {keyword: None}
    assert key in records.assistant()
    assert key not in records.assistant(**nothing)


def test_other_keywords_become_keys() -> None:
    assert records.assistant(effort="high")["effort"] == "high"
    assert records.assistant(cost_usd=0.02)["costUSD"] == 0.02


def test_a_copy_in_another_session_keeps_its_uuid_and_names_its_origin() -> None:
    first = records.assistant("A", session="one")
    copy = records.assistant("A", session="two", forked_from="one")
    assert copy["uuid"] == first["uuid"]
    assert copy["forkedFrom"] == {"sessionId": "one", "messageUuid": first["uuid"]}


def test_lines_that_differ_have_their_own_uuid() -> None:
    assert records.assistant("A", output=1)["uuid"] != records.assistant("A", output=9)["uuid"]


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert records.timestamp(datetime(2026, 11, 2, 9)) == "2026-11-02T09:00:00.000Z"
    assert records.timestamp(datetime(2026, 11, 2, 9, tzinfo=ZoneInfo("Europe/Berlin"))) == "2026-11-02T08:00:00.000Z"
    assert records.user(at="yesterday")["timestamp"] == "yesterday"


def test_an_iteration_has_its_own_counts_and_model() -> None:
    part = records.iteration("advisor_message", model="claude-fable-5-1", output=640)
    assert (part["type"], part["model"], part["output_tokens"]) == ("advisor_message", "claude-fable-5-1", 640)
    assert records.assistant(iterations=[part])["message"]["usage"]["iterations"] == [part]
    assert "model" not in records.iteration()


def test_progress_holds_a_whole_answer() -> None:
    answer = records.assistant("A", session="one", sidechain=True)
    wrapped = records.progress(answer)
    assert wrapped["type"] == "progress"
    assert wrapped["sessionId"] == "one"
    assert wrapped["data"]["message"]["message"] == answer["message"]
    assert wrapped["timestamp"] == answer["timestamp"]


def test_a_limit_bills_nothing_and_says_when_it_resets() -> None:
    notice = records.limit(resets_at=datetime(2026, 11, 2, 14, tzinfo=UTC))
    assert notice["message"]["model"] == "<synthetic>"
    assert notice["message"]["usage"]["output_tokens"] == 0
    assert notice["quotaLimits"]["resetsAt"] == 1793628000


def test_the_three_kinds_of_title() -> None:
    assert records.title("a", session="s") == {"type": "ai-title", "aiTitle": "a", "sessionId": "s"}
    assert records.title("b", "custom", session="s") == {"type": "custom-title", "customTitle": "b", "sessionId": "s"}
    assert records.title("c", "summary", leaf="u") == {"type": "summary", "summary": "c", "leafUuid": "u"}


def test_a_pull_request_link() -> None:
    link = records.pr_link(7, repository="ada/café")
    assert (link["prNumber"], link["prUrl"]) == (7, "https://github.com/ada/café/pull/7")
    assert "gitBranch" not in link


def test_a_note_of_the_client() -> None:
    note = records.system("compact_boundary", compactMetadata={"trigger": "auto"})
    assert (note["type"], note["subtype"], note["compactMetadata"]) == (
        "system",
        "compact_boundary",
        {"trigger": "auto"},
    )


def test_dump_writes_one_object_a_line_and_bytes_as_they_are() -> None:
    written = records.dump([records.user("grüße"), b'{"type":"assis'])
    first, torn = written.split(b"\n")
    assert json.loads(first)["message"]["content"] == "grüße"
    assert "grüße".encode() in first
    assert torn == b'{"type":"assis'


def test_a_folder_is_named_after_its_path() -> None:
    assert records.folder_name("/home/ada/code/café-karte") == "-home-ada-code-caf--karte"
