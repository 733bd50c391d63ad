"""What is read from the JSON that Claude Code pipes to its status line command."""

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, STATUSLINE, Limit, Money, Reading
from tachograph.sources.statusline import PromptCache, StatusInput, parse_status_input

AT = 1_795_435_200_000
RESET = 1_795_443_600


def piped(**fields: object) -> StatusInput:
    return parse_status_input(json.dumps(fields).encode(), AT)


def limits(**windows: object) -> dict[str, float | None]:
    found = piped(rate_limits=windows).reading
    return {limit.key: limit.percent for limit in found.limits} if found else {}


def test_a_whole_input_is_read() -> None:
    document = {
        "session_id": "3f0c9d1e-0000-4000-8000-00000000000a",
        "transcript_path": "/home/mary/.claude/projects/-home-mary-garden/3f0c9d1e-0000-4000-8000-00000000000a.jsonl",
        "cwd": "/home/mary/garden",
        "model": {"id": "claude-opus-5-5[1m]", "display_name": "Opus 5.5"},
        "cost": {"total_cost_usd": 2.5, "total_duration_ms": 1000, "total_api_duration_ms": 700},
        "context_window": {"used_percentage": 12, "context_window_size": 200_000},
        "rate_limits": {
            "five_hour": {"used_percentage": 23.5, "resets_at": RESET},
            "seven_day": {"used_percentage": 41, "resets_at": RESET + 400_000},
        },
        "version": "2.1.330",
        "prompt_cache": {"warm": True, "expires_at": RESET, "recache_tokens_if_cold": 61_000},
    }
    assert piped(**document) == StatusInput(
        session="3f0c9d1e-0000-4000-8000-00000000000a",
        model="Opus 5.5",
        cost_usd=2.5,
        context_percent=12.0,
        context_window=200_000,
        cwd="/home/mary/garden",
        config_folder="/home/mary/.claude",
        reading=Reading(
            STATUSLINE,
            AT,
            limits=(
                Limit(FIVE_HOUR, "5-hour", "session", 23.5, RESET * 1000),
                Limit(SEVEN_DAY, "7-day", "weekly", 41.0, (RESET + 400_000) * 1000),
            ),
            session="3f0c9d1e-0000-4000-8000-00000000000a",
            api_ms=700,
            model="claude-opus-5-5[1m]",
        ),
        cache=PromptCache(True, RESET * 1000, 61_000),
        transcript="/home/mary/.claude/projects/-home-mary-garden/3f0c9d1e-0000-4000-8000-00000000000a.jsonl",
    )


def test_before_the_first_answer_there_is_a_session_but_no_reading() -> None:
    found = piped(
        session_id="s", cost={"total_cost_usd": 0}, context_window={"used_percentage": None}, rate_limits=None
    )
    assert found == StatusInput(session="s", cost_usd=0.0)
    assert piped() == StatusInput()


@pytest.mark.parametrize("windows", [{}, {"five_hour": None}, {"five_hour": None, "seven_day": None}])
def test_windows_that_are_absent_are_unknown(windows: dict[str, object]) -> None:
    assert piped(rate_limits=windows) == StatusInput()


def test_one_window_without_the_other_is_a_reading() -> None:
    assert limits(seven_day={"used_percentage": 4, "resets_at": RESET}) == {SEVEN_DAY: 4.0}


@pytest.mark.parametrize("value", [0, 0.4, 1, 1.0, 99.6, 100, 101, 112.5])
def test_N02_a_percentage_is_taken_as_it_stands(value: float) -> None:
    assert limits(five_hour={"used_percentage": value, "resets_at": RESET}) == {FIVE_HOUR: value}


@pytest.mark.parametrize("value", [RESET, 1000.1, -1, math.nan, math.inf, "34", True, [], {}])
def test_N02_an_impossible_percentage_drops_its_window_and_is_reported(value: object) -> None:
    """The epoch of the reset has been seen in place of the percentage (claude-code #52326, #60263)."""
    window = {"used_percentage": value, "resets_at": RESET}
    found = piped(rate_limits={"five_hour": window, "seven_day": {"used_percentage": 5}})
    assert found.reading is not None
    assert [limit.key for limit in found.reading.limits] == [SEVEN_DAY]
    assert len(found.problems) == 1
    assert found.reading.problems == found.problems
    assert found.problems[0].startswith("five_hour: used_percentage is ")
    assert piped(rate_limits={"five_hour": window}).reading is None


@pytest.mark.parametrize("value", ["soon", -5, 0, 10**40, True, [], "2026-11-23T14:20:00Z"])
def test_N03_a_reset_that_is_no_epoch_time_is_unknown_and_reported(value: object) -> None:
    found = piped(rate_limits={"five_hour": {"used_percentage": 34, "resets_at": value}})
    assert found.reading is not None
    assert [(limit.percent, limit.resets_at) for limit in found.reading.limits] == [(34.0, None)]
    assert len(found.problems) == 1


def test_a_spend_limit_is_a_limit_of_its_own() -> None:
    window = {"used_percentage": 112.5, "resets_at": RESET, "used_usd": 225.0, "limit_usd": 200.0, "period": "monthly"}
    found = piped(rate_limits={"spend_limit": window}).reading
    assert found is not None
    assert found.limits == (
        Limit(
            key="spend_limit",
            label="Monthly spend limit",
            group="money",
            percent=112.5,
            resets_at=RESET * 1000,
            used=Money(22_500, "USD"),
            limit=Money(20_000, "USD"),
        ),
    )


def test_N01_a_window_that_nobody_has_seen_is_shown_and_anything_else_is_reported() -> None:
    found = piped(
        rate_limits={"seven_day_fable": {"used_percentage": 7}, "model_scoped": [], "five_hour": {"percent": 4}, "x": 3}
    )
    assert found.reading is not None
    assert [(limit.key, limit.label) for limit in found.reading.limits] == [("seven_day_fable", "Fable week")]
    assert found.problems == tuple(f"the status line sends something new: {key}" for key in ("five_hour", "x"))


def test_the_week_of_a_single_model_is_a_limit() -> None:
    entry = {"display_name": "Fable", "utilization": 95, "resets_at": "2026-11-26T12:00:00Z"}
    found = piped(session_id="a", rate_limits={"model_scoped": [entry, {"utilization": 3}, "text"]})
    assert found.reading is not None
    assert [(one.key, one.label, one.group, one.percent, one.scope) for one in found.reading.limits] == [
        ("weekly_scoped:fable", "Fable week", "weekly", 95.0, "Fable")
    ]
    assert len(found.problems) == 2


@pytest.mark.parametrize(
    ("value", "cache"),
    [
        ({"warm": False, "expires_at": None}, PromptCache(False)),
        ({"warm": True, "caching_observed": False}, None),
        (None, None),
        ([True], None),
        ({"warm": "yes"}, None),
    ],
)
def test_the_prompt_cache_is_hot_cold_or_unknown(value: object, cache: PromptCache | None) -> None:
    assert piped(prompt_cache=value).cache == cache


def test_new_fields_are_reported_wherever_they_are() -> None:
    window = {"used_percentage": 4, "mood": 1}
    found = piped(rate_limits={"five_hour": window}, prompt_cache={"warm": True, "rot": 3}, weather={"rain": True})
    assert set(found.problems) == {
        f"the status line sends something new: {name}" for name in ("weather", "five_hour: mood", "prompt_cache: rot")
    }


def test_a_list_with_one_window_is_that_window_and_a_budget_may_pass_1000_percent() -> None:
    found = piped(rate_limits={"five_hour": [{"used_percentage": 4}], "spend_limit": {"used_percentage": 2856}})
    assert found.reading is not None
    assert [(one.key, one.percent) for one in found.reading.limits] == [("five_hour", 4.0), ("spend_limit", 2856.0)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "nothing was piped in"),
        (b"  \n", "nothing was piped in"),
        (b'{"session_id": "a', "what was piped in is no JSON"),
        (b"\x00\xff\xfe", "what was piped in is no JSON"),
        (b"[" * 100_000, "what was piped in is no JSON"),
        (b"[1]", "what was piped in is a list, not an object"),
        (b'{"rate_limits": 3}', "rate_limits is 3, not an object"),
        (
            b'{"context_window": {"used_percentage": -4}}',
            "context_window: used_percentage is -4, not a percentage: left out",
        ),
    ],
)
def test_garbage_is_empty_with_a_problem(data: bytes, problem: str) -> None:
    assert parse_status_input(data, AT) == StatusInput(problems=(problem,))


def test_what_cannot_be_true_of_a_session_is_unknown() -> None:
    strange = {"session_id": 3, "model": "x", "cost": {"total_cost_usd": -1}, "cwd": "", "transcript_path": []}
    assert piped(**strange) == StatusInput()
    assert parse_status_input(b'{"cost": {"total_cost_usd": NaN}}', AT).cost_usd is None


def test_text_that_is_no_utf8_spoils_nothing_else() -> None:
    found = parse_status_input(b'\xef\xbb\xbf{"cwd": "/home/\xff", "session_id": "s"}', AT)
    assert (found.cwd, found.session, found.problems) == ("/home/\ufffd", "s", ())


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/home/mary/.claude/projects/-home-mary/s.jsonl", "/home/mary/.claude"),
        ("/srv/projects/mine/projects/-a/s.jsonl", "/srv/projects/mine"),
        ("C:\\Users\\mary\\.claude\\projects\\C--Users-mary\\s.jsonl", "C:\\Users\\mary\\.claude"),
        ("/home/mary/elsewhere/s.jsonl", None),
        ("projects/-a/s.jsonl", None),
        ("/projects/-a/s.jsonl", None),
        ("", None),
    ],
)
def test_the_transcript_s_path_tells_the_config_folder(path: str, folder: str | None) -> None:
    assert piped(transcript_path=path).config_folder == folder


KEYS = st.sampled_from(
    ["rate_limits", "five_hour", "used_percentage", "resets_at", "cost", "model", "transcript_path", "x"]
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(ANY | st.binary(max_size=40))
def test_nothing_makes_it_raise(value: Any) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    found = parse_status_input(data, AT)
    assert found.reading is None or found.reading.limits
    assert found.context_percent is None or 0 <= found.context_percent <= 1000


def test_reading_the_status_line_loads_no_heavy_module() -> None:
    """The whole process has 35 ms."""
    code = (
        "import sys; from tachograph.sources.statusline import parse_status_input;"
        'parse_status_input(b\'{"rate_limits": {"five_hour": {"used_percentage": 3, "resets_at": 1795443600}}}\', 1);'
        "print(*sys.modules)"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {
        "datetime",
        "zoneinfo",
        "ssl",
        "http.client",
        "urllib.parse",
        "msgspec",
        "subprocess",
        "hashlib",
        "sqlite3",
    }
    assert not loaded & (heavy | {"tachograph.sources.usage_payload", "tachograph.sources.oauth"})
