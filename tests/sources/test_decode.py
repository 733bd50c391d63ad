"""What a line says is counted by the rules, however it is written; what cannot be read is one bad line and no more.

L-numbers: the catalogue of faults; trap numbers: what other readers of these logs got wrong.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from helpers import NOW, REPORTS, Home, keyed, same_as_oracle, tokens
from tachograph.demo import records
from tachograph.demo.records import MODEL, Record, assistant, iteration, progress, user


def spaced(record: Record) -> bytes:
    """A record as a JSON writer with spaces writes it."""
    return json.dumps(record, separators=(", ", ": ")).encode() + b"\n"


def with_message(record: Record, **keys: Any) -> Record:
    return {**record, "message": {**record["message"], **keys}}


def with_usage(**keys: Any) -> Record:
    return assistant("A", usage=keys)


def raw(record: Record, old: str, new: str) -> bytes:
    """A record's line with some of its text replaced, to write what a JSON encoder would not."""
    line = records.dump([record]).decode()
    assert line.count(old) == 1
    return line.replace(old, new).encode()


def models(home: Home) -> dict[str | None, dict[str, int]]:
    return keyed(home.report("models")["rows"], "model")


def days(home: Home) -> list[str | None]:
    return [row["period"] for row in home.report("daily")["rows"]]


# -- what is a message (rule 1) --------------------------------------------------------------------------------


def test_an_answer_counts_in_all_its_classes(home: Home) -> None:
    spent: dict[str, Any] = {
        "input": 1,
        "output": 2,
        "cache_write_5m": 3,
        "cache_write_1h": 4,
        "cache_read": 5,
        "web_searches": 6,
    }
    home.write("a/s.jsonl", [assistant("A", **spent)])
    assert home.totals() == tokens(**spent)


def test_only_answers_count(home: Home) -> None:
    usage = {"input_tokens": 99, "output_tokens": 99}
    others: list[Record | bytes] = [
        user("hello", toolUseResult={"usage": usage, "totalTokens": 198}),
        user([{"type": "tool_result", "content": json.dumps(assistant("B"))}]),
        records.system(usage=usage),
        {"type": "attachment", "message": {"usage": usage, "id": "msg_" + "a" * 24, "model": MODEL}},
        {"type": "assistant", "usage": usage},
        {"type": "assistant", "message": {"model": MODEL, "id": "msg_" + "a" * 24, "usage": None}},
        {"type": "progress", "data": {"type": "hook_progress", "usage": usage}},
    ]
    home.write("a/s.jsonl", [*others, assistant("A")])
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_trap_9_a_subagent_in_a_progress_record_is_in_every_report(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A"), progress(assistant("B", output=500))])
    for report in REPORTS:
        assert home.report(report)["totals"]["tokens"]["output"] == 600, report
    same_as_oracle(home)


def test_trap_9_a_subagent_that_also_has_a_file_of_its_own_counts_once(home: Home) -> None:
    answer = assistant("B", output=500, agent="a1b2c3d4", sidechain=True)
    home.write("a/s.jsonl", [assistant("A"), progress(answer)])
    home.write(f"a/{records.SESSION}/subagents/agent-a1b2c3d4.jsonl", [answer])
    assert home.totals() == tokens(messages=2, input=20, output=600)
    assert [row["session"] for row in home.report("sessions")["rows"]] == [records.SESSION]


@pytest.mark.parametrize("spaces", [True, False])
def test_a_progress_record_whose_times_are_outside_only(home: Home, spaces: bool) -> None:
    record = progress(assistant("B", at=None), at="2026-11-03T10:00:00.000Z")
    home.write("a/s.jsonl", spaced(record) if spaces else [record])
    assert days(home) == ["2026-11-03"]


def test_trap_12_a_space_after_the_colon_loses_nothing(home: Home) -> None:
    home.write("a/s.jsonl", spaced(assistant("A")) + spaced(progress(assistant("B"))))
    assert home.totals() == tokens(messages=2, input=20, output=200)


@pytest.mark.parametrize("stamp", ["09:00:00.123456Z", "09:00:00.1Z", "09:00:00Z", "09:00:00.123+00:00", "09:00Z"])
def test_trap_12_a_timestamp_with_other_fractions_loses_nothing(home: Home, stamp: str) -> None:
    home.write("a/s.jsonl", [assistant("A", at=f"2026-11-02T{stamp}")])
    assert home.totals() == tokens(input=10, output=100)
    assert days(home) == ["2026-11-02"]


def test_trap_12_an_odd_version_or_speed_and_float_counts_lose_nothing(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", version="dev", speed="turbo", usage={"output_tokens": 250.0})])
    assert home.totals() == tokens(input=10, output=250)
    assert home.problems() == {}


@pytest.mark.parametrize("key", ["version", "cwd", "gitBranch", "requestId", "uuid", "parentUuid", "agentId", "slug"])
def test_trap_11_a_null_beside_the_counts_loses_nothing(home: Home, key: str) -> None:
    home.write("a/s.jsonl", [{**assistant("A"), key: None}])
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_trap_11_a_null_in_a_tools_input_loses_nothing(home: Home) -> None:
    tool = {"type": "tool_use", "id": "toolu_1", "name": "x", "input": {"id": None, "model": None, "usage": None}}
    home.write("a/s.jsonl", [assistant("A", content=[tool])])
    assert home.totals() == tokens(input=10, output=100)


@pytest.mark.parametrize("key", ["server_tool_use", "cache_creation", "iterations", "speed", "inference_geo"])
def test_trap_11_a_null_part_of_the_usage_is_no_problem(home: Home, key: str) -> None:
    home.write("a/s.jsonl", [with_usage(**{key: None})])
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_trap_19_what_the_client_says_itself_is_nowhere(home: Home) -> None:
    notice = assistant("B", model="<synthetic>", input=7, output=7)
    home.write("a/s.jsonl", [assistant("A"), notice, spaced(notice), progress(notice)])
    assert models(home) == {MODEL: tokens(input=10, output=100)}
    assert home.totals() == tokens(input=10, output=100)


@pytest.mark.parametrize(
    "text",
    [
        "You've hit your session limit · resets 3pm (Europe/Berlin)",
        "Claude AI usage limit reached|1793610000",
        "5-hour limit reached ∙ resets 10pm",
    ],
)
def test_trap_23_a_notice_of_a_limit_is_no_message(home: Home, text: str) -> None:
    home.write("a/s.jsonl", [records.limit(text=text), assistant("A"), spaced(records.limit(text=text))])
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


# -- which message (rule 2) ------------------------------------------------------------------------------------


def test_trap_1_streamed_lines_are_one_message_with_the_last_count(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", output=n, stop=None) for n in (1, 1, 159)])
    assert home.totals() == tokens(input=10, output=159)


@pytest.mark.parametrize("outputs", [(5, 5, 900), (900, 5, 5), (5, 900, 5)])
def test_L08_streamed_copies_in_any_order(home: Home, outputs: Sequence[int]) -> None:
    home.write("a/s.jsonl", [assistant("A", output=n) for n in outputs])
    assert home.totals() == tokens(input=10, output=900)


def test_trap_2_each_count_is_the_largest_of_its_own(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", output=10, cache_read=1000), assistant("A", output=500, cache_read=0)])
    assert home.totals() == tokens(input=10, output=500, cache_read=1000)


def test_trap_5_an_issued_id_is_one_message_under_any_request(home: Home) -> None:
    """Anthropic issues an id once: another request id beside it is another client's word on the same answer."""
    requests = ("req_1", "req_2", None)
    home.write("a/s.jsonl", [assistant("A", request=request) for request in requests])
    assert home.totals() == tokens(input=10, output=100)


@pytest.mark.parametrize("outputs", [(100, 100), (1, 100)])
def test_trap_6_without_a_request_id_the_same_id_is_one_message_everywhere(home: Home, outputs: Sequence[int]) -> None:
    stamps = ("2026-11-02T09:00:00.000Z", "2026-11-02T09:00:02.000Z")
    stops = (None if outputs[0] < outputs[1] else "end_turn", "end_turn")
    lines = [
        assistant("A", at=at, output=n, stop=stop, request=None)
        for at, n, stop in zip(stamps, outputs, stops, strict=True)
    ]
    home.write("a/s.jsonl", lines)
    for report in REPORTS:
        assert home.report(report)["totals"]["tokens"]["output"] == 100, report


def test_a_gateway_may_use_an_id_again_in_another_session_or_request(home: Home) -> None:
    own = {"message": "chatcmpl-1", "request": "r1"}
    other_session, other_request = own | {"session": "other"}, own | {"request": "r2"}
    lines = [assistant(**keys) for keys in (own, own, other_session, other_request)]  # type: ignore[arg-type]
    home.write("a/s.jsonl", lines)
    assert home.totals() == tokens(messages=3, input=30, output=300)
    same_as_oracle(home)


def test_an_id_that_is_too_short_to_be_issued_is_a_gateways(home: Home) -> None:
    home.write("a/s.jsonl", [with_message(assistant(session=session), id="msg_1") for session in ("s1", "s2")])
    assert home.totals()["messages"] == 2


def test_L09_messages_without_an_id_are_told_apart_by_their_uuid(home: Home) -> None:
    lines = [assistant(None, uuid=uuid) for uuid in ("u1", "u2", "u1")]
    home.write("a/s.jsonl", lines)
    assert home.totals() == tokens(messages=2, input=20, output=200)


def test_L09_messages_with_neither_id_nor_uuid_are_told_apart_by_their_bytes(home: Home) -> None:
    one, other = ({**assistant(None, output=n)} for n in (1, 2))
    del one["uuid"], other["uuid"]
    home.write("a/s.jsonl", [one, other, one])
    home.write("b/s.jsonl", [one])
    assert home.totals() == tokens(messages=2, input=20, output=3)


def test_L09_nothing_collapses_or_doubles_when_its_file_moves(home: Home) -> None:
    one = assistant(None)
    del one["uuid"]
    path = home.write("a/s.jsonl", [one])
    assert home.totals()["messages"] == 1
    path.rename(path.with_name("t.jsonl"))
    assert home.totals()["messages"] == 1


@pytest.mark.parametrize("id", [None, "", 7, ["x"]])
def test_L09_an_id_that_is_no_text_is_none(home: Home, id: object) -> None:
    home.write("a/s.jsonl", [with_message(assistant(uuid=uuid), id=id) for uuid in ("u1", "u2")])
    assert home.totals()["messages"] == 2


# -- bytes (L10, L12) ------------------------------------------------------------------------------------------


def test_L10_a_byte_order_mark_and_carriage_returns_lose_nothing(home: Home) -> None:
    lines = records.dump([assistant("A"), assistant("B")]).replace(b"\n", b"\r\n")
    home.write("a/s.jsonl", b"\xef\xbb\xbf" + lines)
    assert home.totals()["messages"] == 2
    assert home.problems() == {}


def test_L10_invalid_utf8_in_text_keeps_the_record(home: Home) -> None:
    line = records.dump([assistant("A", content="HERE")]).replace(b"HERE", b"\xff\xfe")
    home.write("a/s.jsonl", line)
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_L10_invalid_utf8_in_a_branch_is_replaced(home: Home) -> None:
    home.write("a/s.jsonl", records.dump([assistant("A", branch="HERE")]).replace(b"HERE", b"caf\xe9"))
    assert [row["branch"] for row in home.report("branches")["rows"]] == ["caf\ufffd"]


def test_L10_a_run_of_nul_bytes_costs_no_record(home: Home) -> None:
    line = records.dump([assistant("A")])
    home.write("a/s.jsonl", b"\0" * 4096 + line + b"\0" * 10 + b"\n" + records.dump([assistant("B")]))
    assert home.totals()["messages"] == 2
    assert home.problems() == {}


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_L10_only_a_newline_ends_a_line(home: Home, char: str) -> None:
    home.write("a/s.jsonl", [assistant("A", content=f"one{char}two", branch=f"a{char}b")])
    assert home.totals() == tokens(input=10, output=100)
    assert [row["branch"] for row in home.report("branches")["rows"]] == [f"a{char}b"]


def test_L10_a_lone_surrogate_is_replaced(home: Home) -> None:
    home.write("a/s.jsonl", [raw(assistant("A", content="HERE", branch="BRANCH"), "BRANCH", "a\\ud800b")])
    assert home.totals() == tokens(input=10, output=100)
    assert [row["branch"] for row in home.report("branches")["rows"]] == ["a?b"]
    assert home.problems() == {}


def test_L10_a_bad_line_is_counted_once_and_stops_nothing(home: Home) -> None:
    bad = records.dump([assistant("B")])[:-9] + b"\n"
    home.write("a/s.jsonl", [assistant("A"), bad, bad, assistant("C")])
    assert home.totals()["messages"] == 2
    assert home.problems() == {"bad_lines": 2}
    home.append("a/s.jsonl", [assistant("D")])
    assert home.problems() == {"bad_lines": 2}


@pytest.mark.parametrize("line", [b"[1]", b'"usage"', b"null", b"7", b'["usage", "assistant"]', b"{", b"}"])
def test_L10_a_line_that_is_no_object_stops_nothing(home: Home, line: bytes) -> None:
    home.write("a/s.jsonl", [line + b"\n", assistant("A"), line + b"\n"])
    assert home.totals()["messages"] == 1


def test_L12_deep_nesting_is_one_bad_line(home: Home) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    bad = raw(assistant("B", content="DEEP"), '[{"type":"text","text":"DEEP"}]', deep)
    home.write("a/s.jsonl", [assistant("A"), bad, assistant("C")])
    assert home.totals()["messages"] == 2
    assert home.problems() == {"bad_lines": 1}


def test_L12_deep_nesting_in_a_last_line_without_a_newline(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A"), b'{"usage":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
    assert home.totals()["messages"] == 1


# -- counts (rule 4) -------------------------------------------------------------------------------------------


WHOLE = {'"100"': 100, "1.0": 1, "1e3": 1000, "0": 0, "0.0": 0, str(10**12): 10**12}


@pytest.mark.parametrize(("written", "expected"), WHOLE.items())
def test_L13_a_whole_number_in_any_form_counts(home: Home, written: str, expected: int) -> None:
    home.write("a/s.jsonl", [raw(assistant("A", output=77), '"output_tokens":77', f'"output_tokens":{written}')])
    assert home.totals() == tokens(input=10, output=expected)
    assert home.problems() == {}


@pytest.mark.parametrize(
    "written",
    [
        *("NaN", "Infinity", "-Infinity", "-5", "1.5", "true", "null", "[]"),
        *('"ten"', '"-1"', '"1.0"', '""', '"٣"'),
        *(str(10**30), str(10**12 + 1), "1e30", "1e999"),
    ],
)
def test_L13_what_is_no_whole_number_is_nothing_and_reported(home: Home, written: str) -> None:
    home.write("a/s.jsonl", [raw(assistant("A", output=77), '"output_tokens":77', f'"output_tokens":{written}')])
    assert home.totals() == tokens(input=10)
    assert home.problems() == {"bad_counts": 1}
    document = home.report("daily", "--by", "model")
    assert document["rows"][0]["cost_usd"] == pytest.approx(10 * 4e-6)


@pytest.mark.parametrize("key", ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"])
def test_L13_every_class_is_looked_at(home: Home, key: str) -> None:
    home.write("a/s.jsonl", [with_usage(**{key: -1})])
    assert home.problems() == {"bad_counts": 1}


def test_L13_several_bad_counts_are_one_problem_of_their_line(home: Home) -> None:
    home.write("a/s.jsonl", [with_usage(input_tokens=-1, output_tokens="x", cache_read_input_tokens=True)])
    assert home.totals() == tokens()
    assert home.problems() == {"bad_counts": 1}


@pytest.mark.parametrize(
    ("split", "flat", "five", "hour"),
    [
        ({"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}, 1000, 1000, 0),
        ({"ephemeral_1h_input_tokens": 400}, 1000, 600, 400),
        ({"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 700}, 1000, 300, 700),
        ({"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 700}, 0, 300, 700),
        ({}, 1000, 1000, 0),
        (None, 1000, 1000, 0),
    ],
)
def test_trap_13_what_the_split_does_not_explain_is_a_5_minute_write(
    home: Home, split: Record | None, flat: int, five: int, hour: int
) -> None:
    home.write("a/s.jsonl", [with_usage(cache_creation=split, cache_creation_input_tokens=flat)])
    assert home.totals() == tokens(input=10, output=100, cache_write_5m=five, cache_write_1h=hour)
    same_as_oracle(home)


# -- iterations and refusals (rule 5) --------------------------------------------------------------------------


def test_trap_21_plain_iterations_add_nothing(home: Home) -> None:
    parts = [iteration("message", output=100), {**iteration("message", output=100), "model": None}]
    home.write("a/s.jsonl", [assistant("A", iterations=parts)])
    assert home.totals() == tokens(input=10, output=100)


def test_trap_21_an_advisor_is_a_message_at_its_own_model(home: Home) -> None:
    parts = [iteration("message"), iteration("advisor_message", model="claude-sonnet-5", input=7, output=70)]
    home.write("a/s.jsonl", [assistant("A", output=5, iterations=parts[:1]), assistant("A", iterations=parts)])
    assert models(home) == {MODEL: tokens(input=10, output=100), "claude-sonnet-5": tokens(input=7, output=70)}


def test_a_compaction_adds_at_the_answers_model(home: Home) -> None:
    parts = [iteration("compaction", input=1000, output=20), iteration("message")]
    home.write("a/s.jsonl", [assistant("A", iterations=parts), assistant("A", iterations=parts)])
    assert models(home) == {MODEL: tokens(messages=2, input=1010, output=120)}


@pytest.mark.parametrize(("output", "added"), [(0, False), (30, True)])
def test_a_declined_attempt_counts_where_it_wrote_something(home: Home, output: int, added: bool) -> None:
    declined = iteration("message", model="claude-fable-5", input=9, output=output)
    home.write("a/s.jsonl", [assistant("A", iterations=[declined, iteration("fallback_message", model=MODEL)])])
    other = {"claude-fable-5": tokens(input=9, output=30)} if added else {}
    assert models(home) == {MODEL: tokens(input=10, output=100)} | other


def test_another_model_without_a_fallback_adds_nothing(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", iterations=[iteration("message", model="claude-fable-5", output=30)])])
    assert home.totals() == tokens(input=10, output=100)


def test_a_refusal_without_output_is_not_billed(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", stop="refusal", output=0), assistant("B", stop="refusal", output=3)])
    assert home.totals() == tokens(input=10, output=3)


def test_a_refusal_is_what_the_copy_with_the_most_output_says(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", stop="refusal", output=0), assistant("A", stop="end_turn", output=4)])
    assert home.totals() == tokens(input=10, output=4)


# -- what nobody told us of (L14) ------------------------------------------------------------------------------


def test_L14_unknown_types_and_fields_are_passed_over(home: Home) -> None:
    lines = [{"type": "new-thing", "usage": {"x": 1}}, assistant("A", novel={"deep": [1, {"a": None}]}), {"a": 1}]
    home.write("a/s.jsonl", lines)
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_L14_trap_20_an_unknown_model_is_counted_and_has_no_price(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", model="claude-novel-9"), assistant("B", output=500)])
    rows = {row["model"]: row for row in home.report("models")["rows"]}
    assert (rows["claude-novel-9"]["cost_usd"], rows["claude-novel-9"]["unpriced_messages"]) == (None, 1)
    assert rows[MODEL]["unpriced_messages"] == 0
    totals = home.report("models")["totals"]
    assert totals["unpriced_messages"] == 1
    assert totals["cost_usd"] == rows[MODEL]["cost_usd"]
    assert "1 message of novel-9 has no price" in home.call("models").stdout


@pytest.mark.parametrize("model", [None, "", 5])
def test_L14_a_model_that_is_not_named_is_unknown(home: Home, model: object) -> None:
    home.write("a/s.jsonl", [with_message(assistant("A"), model=model)])
    assert models(home) == {"unknown": tokens(input=10, output=100)}


# -- times (rule 6) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stamp", [None, "", "yesterday", "2026-13-01T00:00:00Z", "2026-11-02T09:00:60Z", "0"])
def test_L15_without_a_readable_time_a_message_counts_as_unknown(home: Home, stamp: str | None) -> None:
    home.write("a/s.jsonl", [assistant("A", at=stamp)])
    assert days(home) == [None]
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {"unknown_times": 1}
    for report in REPORTS:
        assert home.report(report)["totals"]["messages"] == 1, report


@pytest.mark.parametrize("stamp", [5, 1793610000000, ["x"], {}, True])
def test_L15_a_time_that_is_no_text_is_unknown(home: Home, stamp: object) -> None:
    home.write("a/s.jsonl", [{**assistant("A"), "timestamp": stamp}])
    assert days(home) == [None]
    assert home.problems() == {"unknown_times": 1}


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("1970-01-01T00:00:00.000Z", "1970-01-01"),
        ("2026-11-02T01:00:00+02:00", "2026-11-01"),
        ("2026-11-02T23:30:00-05:00", "2026-11-03"),
        ("2026-11-02T09:00:00", "2026-11-02"),
        ("2026-11-02 09:00:00Z", "2026-11-02"),
        ("2026-11-02T23:59:59.9999999Z", "2026-11-02"),
    ],
)
def test_L15_offsets_and_odd_forms_fall_on_their_day(home: Home, stamp: str, day: str) -> None:
    home.write("a/s.jsonl", [assistant("A", at=stamp)])
    assert days(home) == [day]
    assert home.problems() == {}


@pytest.mark.parametrize("stamp", ["2026-11-02T09:00:00.9999999Z", "2026-11-02t09:00:00z", "2026-11-02T09:00:00.0005Z"])
def test_L15_both_ways_of_reading_agree_on_the_time(home: Home, stamp: str) -> None:
    """A record with `costUSD` is read the patient way, one without it the typed way."""
    home.write("a/s.jsonl", [assistant("A", at=stamp), assistant("B", at=stamp, cost_usd=0.5)])
    home.ingest()
    times = {at for (at,) in home.db().execute("SELECT at FROM message")}
    assert len(times) == 1


@pytest.mark.parametrize(("minutes", "flagged"), [(4, 0), (6, 1), (365 * 1440, 1), (1440, 1), (-1440, 0)])
def test_L15_a_time_in_the_future_is_counted_and_flagged(home: Home, minutes: int, flagged: int) -> None:
    ahead = timedelta(minutes=minutes)
    home.write("a/s.jsonl", [assistant("A", at=NOW + ahead)])
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == ({"future_times": 1} if flagged else {})
    assert days(home) == [(NOW + ahead).strftime("%Y-%m-%d")]


@pytest.mark.parametrize(
    "stamp",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-15T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        pytest.param("UTC", marks=pytest.mark.slow),
        pytest.param("Pacific/Kiritimati", marks=pytest.mark.slow),
    ],
)
def test_L15_no_time_is_so_far_away_that_a_report_fails(home: Home, stamp: str, zone: str) -> None:
    """One damaged line must not take every report away for good."""
    home.write("a/s.jsonl", [assistant("A", at=stamp), assistant("B")])
    for report in REPORTS:
        assert home.report(report, "--timezone", zone)["totals"]["messages"] == 2, report
        assert home.call(report, "--timezone", zone).code == 0
        assert home.call(report, "--timezone", zone, "--week-start", "sunday", "--csv").code == 0


# -- old records (rule 9) --------------------------------------------------------------------------------------


def test_a_logged_cost_is_used_only_where_there_is_no_price(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", cost_usd=9.0), assistant("B", model="old-model", cost_usd=0.25)])
    rows = {row["model"]: row for row in home.report("models")["rows"]}
    assert rows[MODEL]["cost_usd"] == pytest.approx(10 * 4e-6 + 100 * 20e-6)
    assert (rows["old-model"]["cost_usd"], rows["old-model"]["unpriced_messages"]) == (0.25, 0)


@pytest.mark.parametrize("logged", ["NaN", "-1", '"2"', "true", "1e300"])
def test_a_logged_cost_that_is_no_amount_is_none(home: Home, logged: str) -> None:
    line = raw(assistant("A", model="old-model", cost_usd=0.125), '"costUSD":0.125', f'"costUSD":{logged}')
    home.write("a/s.jsonl", line)
    document = home.report("models")
    assert (document["totals"]["cost_usd"], document["totals"]["unpriced_messages"]) == (None, 1)
