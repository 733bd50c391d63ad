"""When the requests of answers began, as a transcript shows it."""

import json
from pathlib import Path

import pytest

from tachograph.sources.transcripts.request_times import request_times

SINCE = 1_795_435_200_000  # 2026-11-23 12:00:00 UTC


def line(kind: str, second: int, uuid: str, parent: str = "", **more: object) -> str:
    record = {"type": kind, "uuid": uuid, "timestamp": f"2026-11-23T12:00:{second:02}.000Z", "sessionId": "s", **more}
    if parent:
        record["parentUuid"] = parent
    if kind == "assistant":
        usage = {"input_tokens": 1, "output_tokens": 2}
        record["message"] = {"id": f"msg_{'0' * 20}{uuid}", "model": "claude-opus-5-5", "usage": usage}
    return json.dumps(record)


def begun(tmp_path: Path, *lines: str, offset: int = 0) -> list[int]:
    """Seconds after SINCE at which the requests of the answers began."""
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return [(at - SINCE) // 1000 for _, at in request_times(bytes(path), offset, SINCE)]


def prompt(second: int, uuid: str, parent: str = "", content: object = "go on", **more: object) -> str:
    return line("user", second, uuid, parent, message={"role": "user", "content": content}, **more)


def test_a_request_begins_with_the_prompt_that_its_answer_follows(tmp_path: Path) -> None:
    lines = (prompt(3, "a"), line("assistant", 9, "b", "a"))
    assert begun(tmp_path, *lines) == [3]


def test_a_tool_result_begins_the_next_request(tmp_path: Path) -> None:
    result = [{"type": "tool_result", "tool_use_id": "x", "content": "ok"}]
    lines = (
        prompt(1, "a"), line("assistant", 5, "b", "a"), prompt(6, "c", "b", result), line("assistant", 9, "d", "c"),
    )  # fmt: skip
    assert begun(tmp_path, *lines) == [1, 6]


def test_attachments_and_notes_of_the_client_lie_between(tmp_path: Path) -> None:
    lines = (
        prompt(1, "a"),
        line("attachment", 2, "b", "a"),
        prompt(3, "c", "b", "note", isMeta=True),
        line("assistant", 9, "d", "c"),
        prompt(10, "e", "d", "<local-command-stdout>40 %</local-command-stdout>"),
        line("assistant", 12, "f", "e"),
    )
    assert begun(tmp_path, *lines) == [1, 1]


def test_without_links_the_last_request_of_the_same_chain_counts(tmp_path: Path) -> None:
    lines = (
        prompt(1, "a"),
        prompt(5, "b", isSidechain=True, agentId="x"),
        line("assistant", 9, "c"),
        line("assistant", 9, "d", isSidechain=True, agentId="x"),
    )
    assert begun(tmp_path, *lines) == [1, 5]


@pytest.mark.parametrize(
    "lines",
    [
        (line("assistant", 9, "b", "gone"),),
        (line("assistant", 9, "b"),),
        (prompt(20, "a"), line("assistant", 9, "b", "a")),  # a clock that was set back
        (prompt(3, "a"), line("assistant", 9, "b", "a", isApiErrorMessage=True).replace("claude-opus-5-5", "<synthetic>")),
        ("{", "[]", '"timestamp":"2026-11-23T12:00:09', "null"),
        (),
    ],
)  # fmt: skip
def test_where_it_does_not_show_nothing_is_said(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert begun(tmp_path, *lines) == []


def test_only_what_is_new_is_read_with_some_lines_before_it(tmp_path: Path) -> None:
    filler = [prompt(1, f"x{n}", content="y" * 900) for n in range(600)]
    lines = [prompt(1, "a"), line("assistant", 2, "b", "a"), *filler, prompt(5, "c"), line("assistant", 9, "d", "c")]
    whole = sum(len(one) + 1 for one in lines)
    assert begun(tmp_path, *lines, offset=whole) == [5]
    assert begun(tmp_path, *lines) == [1, 5]


def test_a_file_that_is_gone_has_none(tmp_path: Path) -> None:
    assert request_times(bytes(tmp_path / "gone"), 0, SINCE) == []
