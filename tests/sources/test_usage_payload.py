"""What the decoder makes of every shape of a usage answer: those of the past, and what nobody has seen."""

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tachograph.demo import usage_shapes
from tachograph.demo.usage_shapes import SHAPES
from tachograph.model.limits.limits import (
    FIVE_HOUR,
    OAUTH,
    OK,
    SEVEN_DAY,
    SHAPE,
    AccountId,
    ExtraUsage,
    Limit,
    Money,
    Reading,
    Share,
    same_reset,
)
from tachograph.model.parsing import epoch_ms, iso_ms, limit_name
from tachograph.sources.usage_payload import parse_profile, plan_name
from usage_payloads import AT, RESET, WINDOW, of, percents

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RESET_MS = 1_795_443_600_288  # 14:20 UTC of that day


def entry(kind: str = "session", percent: object = 34, **more: object) -> dict[str, object]:
    return {"kind": kind, "percent": percent, "resets_at": RESET, "scope": None, **more}


# -- the shapes of the past ---------------------------------------------------------------------------------------

BASE = {"five_hour": 37.0, "seven_day": 58.0}
EXPECTED: dict[str, dict[str, float | None]] = {
    "before-2025-11": {**BASE, "seven_day_oauth_apps": 0.0, "seven_day_opus": 81.0},
    "2025-11": {**BASE, "seven_day_oauth_apps": 0.0, "seven_day_opus": 81.0},
    "2026-03": {**BASE, "seven_day_sonnet": 81.0},
    "2026-06": {**BASE, "seven_day_sonnet": 81.0, "seven_day_omelette": 4.0},
    "2026-07": {**BASE, "weekly_scoped:fable": 81.0},
    "2026-10": {**BASE, "weekly_scoped:fable": 81.0, "iguana_necktie": 12.0},
    "2026-10-idle": {"five_hour": 0.0, "seven_day": 58.0, "weekly_scoped:fable": 81.0},
    "2026-10-grants": {**BASE, "weekly_scoped:fable": 81.0, "iguana_necktie": 12.0},
    "enterprise": {"nimbus_quill": 0.0, "cinder_cove": 100.0},
}


@pytest.mark.parametrize("shape", EXPECTED)
def test_every_shape_that_there_was_is_read_without_a_problem(shape: str) -> None:
    payload = usage_shapes.payload(shape, NOW)
    assert percents(payload) == EXPECTED[shape]
    assert (of(payload).outcome, of(payload).problems) == (OK, ())


def test_no_shape_is_left_untested() -> None:
    assert {*EXPECTED, "unseen"} == {*SHAPES}


def test_samples_from_outside_are_read_without_a_problem() -> None:
    """Only where TACHOGRAPH_SAMPLES names a folder of samples; refusals are marked by `_http`."""
    root = Path(os.environ.get("TACHOGRAPH_SAMPLES") or "-")
    if not root.is_dir():
        pytest.skip("TACHOGRAPH_SAMPLES names no folder of sample payloads")
    paths = sorted(root.glob("oauth_usage_*.json"))
    assert paths
    for path in paths:
        document = json.loads(path.read_bytes())
        found = of(document)
        if "_http" in document:
            assert found.outcome == SHAPE, path
        else:
            assert (found.outcome, found.problems) == (OK, ()), path
            assert found.limits, path


def test_the_current_shape_is_read_to_the_last_field() -> None:
    found = of(usage_shapes.payload("2026-10", NOW))
    week = iso_ms("2026-11-27T17:00:00.288792+00:00")
    assert found == Reading(
        OAUTH,
        AT,
        limits=(
            Limit(FIVE_HOUR, "5-hour", "session", 37.0, RESET_MS, "normal"),
            Limit(SEVEN_DAY, "7-day", "weekly", 58.0, week, "normal"),
            Limit("weekly_scoped:fable", "Fable week", "weekly", 81.0, week, "warning", "Fable"),
            Limit(
                key="iguana_necktie",
                label="Cloud session credit",
                group="",
                percent=12.0,
                resets_at=week,
                is_grant=True,
                used=Money(3_000, "USD"),
                limit=Money(25_000, "USD"),
            ),
        ),
        extra=ExtraUsage(True, Money(1_050, "USD"), Money(4_000, "USD"), 26.25),
        breakdown=(
            Share("claude_code", "Claude Code", 64.0),
            Share("chat", "Chat", 25.0),
            Share("cowork", "Cowork", 8.0),
            Share("other", "Other", 3.0),
        ),
    )


# -- N01: what is unknown, missing, null, renamed, new ------------------------------------------------------------


def test_N01_what_nobody_has_seen_is_shown_under_the_service_s_own_name() -> None:
    found = of(usage_shapes.payload("unseen", NOW))
    shown = {limit.key: (limit.label, limit.group, limit.percent, limit.is_grant) for limit in found.limits}
    assert shown == {
        FIVE_HOUR: ("5-hour", "session", 37.0, False),
        SEVEN_DAY: ("7-day", "weekly", 58.0, False),
        "monthly_spend": ("Monthly spend", "money", 12.0, False),
        "weekly_scoped:slack": ("Slack week", "weekly", 44.0, False),
        "daily_agents": ("Daily agents", "", 101.5, False),
        "iguana_necktie": ("Cloud session credit", "", 12.0, True),
        "seven_day_myth": ("Myth week", "weekly", 9.0, False),
        "quartz_finch": ("Quartz finch", "", 3.0, False),
        "velvet_anchor": ("Velvet anchor", "", 50.0, True),
    }
    news = ("schema_version", "opal_lighthouse")
    assert set(found.problems) == {f"the service sends something new: {name}" for name in news}


def test_N01_a_null_or_missing_window_is_unknown_and_does_not_appear() -> None:
    assert percents({"five_hour": None, "seven_day": WINDOW}) == {SEVEN_DAY: 34.0}
    found = of({"five_hour": None, "seven_day": None})
    assert (found.limits, found.outcome, found.problems) == ((), OK, ())


def test_N01_a_null_percentage_stays_unknown() -> None:
    found = of({"five_hour": {"utilization": None, "resets_at": None}, "limits": [entry("weekly_all", None)]})
    assert [(limit.key, limit.percent) for limit in found.limits] == [(SEVEN_DAY, None), (FIVE_HOUR, None)]
    assert found.problems == ()


@pytest.mark.parametrize("limits", [None, [], "later", {}])
def test_N01_without_usable_entries_the_top_level_stands_in(limits: object) -> None:
    assert percents({"five_hour": WINDOW, "limits": limits}) == {FIVE_HOUR: 34.0}


def test_N01_an_entry_that_cannot_be_read_does_not_erase_the_others_or_the_top_level() -> None:
    payload = {
        "five_hour": WINDOW,
        "limits": [entry("session", "34"), "rubbish", {"percent": 3}, entry("weekly_all", 5)],
    }
    found = of(payload)
    assert percents(payload) == {FIVE_HOUR: 34.0, SEVEN_DAY: 5.0}
    assert found.outcome == OK
    assert found.problems == (
        "limits[0] (session): percent is text, not a percentage: left out",
        "limits[1] is text, not an object",
        "limits[2] does not say what kind of limit it is",
    )


def test_N01_entries_come_first_and_the_top_level_fills_what_they_leave_open() -> None:
    payload = {"five_hour": WINDOW, "limits": [entry("session", 35, resets_at=None)]}
    (limit,) = of(payload).limits
    assert (limit.percent, limit.resets_at) == (35.0, RESET_MS)


def test_N01_a_window_in_both_layouts_is_shown_once() -> None:
    scope = {"model": {"id": None, "display_name": "Opus"}, "surface": None}
    payload = {"seven_day_opus": WINDOW, "limits": [entry("weekly_scoped", 34, scope=scope)]}
    assert percents(payload) == {"weekly_scoped:opus": 34.0}


def test_N01_a_scope_is_a_model_a_surface_both_or_something_else() -> None:
    def shown(scope: object, kind: str = "weekly_scoped", **more: object) -> tuple[str, str, str | None]:
        (limit,) = of({"limits": [entry(kind, 5, scope=scope, **more)]}).limits
        return limit.key, limit.label, limit.scope

    assert shown({"model": {"display_name": "Fable"}}) == ("weekly_scoped:fable", "Fable week", "Fable")
    assert shown({"model": {"id": "claude-x"}}) == ("weekly_scoped:claude-x", "Claude x week", "Claude x")
    assert shown({"model": None, "surface": {"name": "Cowork"}})[:2] == ("weekly_scoped:cowork", "Cowork week")
    both = {"model": {"display_name": "Fable"}, "surface": {"display_name": "Chat"}}
    assert shown(both)[:2] == ("weekly_scoped:fable / chat", "Fable / Chat week")
    assert shown({"region": {"name": "EU"}})[1] == "EU week"
    assert shown("Fable")[1] == "Fable week"
    assert shown(None) == ("weekly_scoped", "Scoped week", None)
    assert shown(None, display_name="Fable")[:2] == ("weekly_scoped:fable", "Fable week")
    assert shown({"model": {"display_name": "Fable"}}, "session")[:2] == ("five_hour:fable", "Fable 5-hour")
    assert shown({"model": {"display_name": "Fable"}}, "yearly")[:2] == ("yearly:fable", "Fable")
    assert shown(None, "yearly", display_name="Year of grace")[:2] == ("yearly", "Year of grace")


def test_N01_of_two_limits_under_one_name_the_one_that_presses_more_is_kept() -> None:
    found = of({"limits": [entry("session", 10), entry("session", 90), entry("session", 20)]})
    assert [limit.percent for limit in found.limits] == [90.0]
    assert found.problems == ("two limits are called five_hour",)


def test_N01_is_active_is_not_a_condition() -> None:
    payload = {"limits": [entry("session", 10, is_active=False), entry("weekly_all", 20, is_active=False)]}
    assert percents(payload) == {FIVE_HOUR: 10.0, SEVEN_DAY: 20.0}


def test_N01_known_fields_without_a_value_to_show_are_silent_and_new_ones_are_reported() -> None:
    payload = {"five_hour": WINDOW, "cedar_ember": {"grants": [{"id": 1}]}, "tangelo": None, "empty": {}, "off": False}
    assert of(payload | {"member_dashboard_available": True}).problems == ()
    found = of(payload | {"note": "hi", "n": 3, "juniper_tide": {"x": 1}, "five_hour": {**WINDOW, "mood": "good"}})
    assert set(found.problems) == {
        f"the service sends something new: {name}" for name in ("note", "n", "juniper_tide", "five_hour: mood")
    }


@pytest.mark.parametrize(
    "payload", [None, [], "text", 3, True, {}, {"usage": 3}, {"five_hour": "34"}, {"five_hour": {}}]
)
def test_N01_an_answer_that_holds_nothing_known_is_a_changed_shape_and_says_so(payload: object) -> None:
    found = of(payload)
    assert (found.outcome, found.limits, found.extra) == (SHAPE, (), None)
    assert found.problems


def test_N01_a_renamed_field_is_reported_not_read_as_zero() -> None:
    found = of({"five_hour": {"used": 34.0, "resets_at": RESET}, "seven_day": WINDOW})
    assert [limit.key for limit in found.limits] == [SEVEN_DAY]
    assert found.problems == ("five_hour holds no utilization",)


def test_an_error_in_the_place_of_an_answer_is_named_without_repeating_its_message() -> None:
    found = of(usage_shapes.error("rate_limit_error", "CANARY"))
    assert (found.outcome, found.problems) == (SHAPE, ("the answer is an error: rate_limit_error",))


# -- N02: percentages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 0.4, 0.5, 1, 1.0, 34, 99.6, 100, 100.4, 101, 140, 1000])
def test_N02_a_percentage_is_taken_as_it_stands(value: float) -> None:
    assert percents({"five_hour": {"utilization": value, "resets_at": None}}) == {FIVE_HOUR: value}
    assert percents({"limits": [entry("session", value)]}) == {FIVE_HOUR: value}


BAD = [-1, -0.1, 1000.1, 1_795_443_600, 10**400, math.nan, math.inf, "34", "", True, False, [34], {"value": 34}]


@pytest.mark.parametrize("value", BAD)
def test_N02_what_cannot_be_a_percentage_is_left_out_and_reported(value: object) -> None:
    for payload in ({"five_hour": {"utilization": value}}, {"limits": [entry("session", value)]}):
        found = of({"seven_day": WINDOW, **payload})
        assert [limit.key for limit in found.limits] == [SEVEN_DAY]
        assert len(found.problems) == 1
        assert "not a percentage: left out" in found.problems[0]


def test_N02_nan_as_json_can_carry_it_is_left_out() -> None:
    assert percents(json.loads('{"five_hour": {"utilization": NaN}, "seven_day": {"utilization": 1}}')) == {
        SEVEN_DAY: 1.0
    }


# -- N03: resets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23T14:20:00.288792+00:00", RESET_MS),
        ("2026-11-23T14:20:00.288Z", RESET_MS),
        ("2026-11-23T09:20:00.288792-05:00", RESET_MS),
        ("2026-11-23T19:50:00.288792+05:30", RESET_MS),
        ("2026-11-23T14:20:00Z", RESET_MS - 288),
        ("2026-11-23T14:20:00", RESET_MS - 288),
        ("2025-01-01T00:00:00+00:00", 1_735_689_600_000),  # long past: whoever shows it sees that it is due
        (None, None),
    ],
)
def test_N03_a_reset_is_read_with_any_offset_and_null_is_unknown(value: object, expected: int | None) -> None:
    found = of({"five_hour": {"utilization": 1, "resets_at": value}})
    assert (found.limits[0].resets_at, found.problems) == (expected, ())


@pytest.mark.parametrize(
    "value", ["soon", "", "2026-13-45T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31", 7, True, [], {}]
)
def test_N03_a_reset_that_is_no_time_is_unknown_and_reported_and_the_percentage_stays(value: object) -> None:
    found = of({"five_hour": {"utilization": 12, "resets_at": value}})
    assert (found.limits[0].percent, found.limits[0].resets_at) == (12.0, None)
    assert len(found.problems) == 1


@pytest.mark.parametrize("value", [1_795_443_600, 1_795_443_600_000, 1_795_443_600.0])
def test_N03_an_epoch_time_is_taken_and_reported(value: float) -> None:
    found = of({"five_hour": {"utilization": 12, "resets_at": value}})
    assert found.limits[0].resets_at == 1_795_443_600_000
    assert found.problems == ("five_hour: resets_at is a number, read as an epoch time",)


def test_N03_resets_that_jitter_are_the_same_one() -> None:
    assert same_reset(iso_ms("2026-11-28T10:59:59.657051+00:00"), iso_ms("2026-11-28T11:00:00.306Z"))
    assert same_reset(RESET_MS, RESET_MS + 300_000)
    assert not same_reset(RESET_MS, RESET_MS + 300_001)
    assert not same_reset(None, None)
    assert not same_reset(None, RESET_MS)


def test_seconds_and_milliseconds_are_never_confused() -> None:
    assert epoch_ms(1_500_000_000) == 1_500_000_000_000
    assert epoch_ms(4_102_444_799) == 4_102_444_799_000
    assert epoch_ms(1_795_443_600_288) == RESET_MS
    assert [epoch_ms(value) for value in (0, -1, 4_102_444_800, 10**30, math.nan, math.inf, "1795443600", True)] == [
        None
    ] * 8


# -- what always holds --------------------------------------------------------------------------------------------

SECTIONS = ("five_hour", "limits", "spend", "extra_usage", "seven_day_breakdown", "new_key", "error", "cap", "model")
FIELDS = (
    "percent",
    "utilization",
    "kind",
    "scope",
    "resets_at",
    "used",
    "limit_dollars",
    "amount_minor",
    "display_name",
)
KEYS = st.sampled_from((*SECTIONS, *FIELDS, "rows", "credits"))
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["session", RESET]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_nothing_makes_it_raise_and_no_impossible_percentage_gets_through(payload: Any) -> None:
    found = of(payload)
    for limit in found.limits:
        assert limit.percent is None or 0 <= limit.percent <= 1000
        assert limit.label.isprintable()
        assert limit.key
    assert found.outcome == OK or found.problems
    assert all(problem.isprintable() for problem in found.problems)


def test_a_flood_of_windows_and_names_is_bounded() -> None:
    found = of({f"window_{index}": WINDOW for index in range(500)} | {f"new_{index}": {"x": 1} for index in range(500)})
    assert (len(found.limits), len(found.problems)) == (50, 21)
    (limit,) = of({"a\x1b[31m\ud800" + "b" * 500: WINDOW}).limits
    assert len(limit.label) == 60
    assert "\x1b" not in limit.key + limit.label
    (limit.key + limit.label).encode()


# -- profile and plan ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "tier", "words"),
    [
        ("claude_max", "default_claude_max_20x", "Max 20x"),
        ("claude_max", "default_claude_max_5x", "Max 5x"),
        ("claude_max", None, "Max"),
        ("claude_pro", "default_claude_ai", "Pro"),
        ("claude_pro", "default_claude_max_20x", "Pro"),  # the tier outlives a change of plan
        ("claude_team", "default_raven", "Team"),
        ("claude_enterprise", "whatever", "Enterprise"),
        ("claude_free", "default_claude_ai", "Free"),
        ("max", "default_claude_max_5x", "Max 5x"),
        (None, "default_claude_max_20x", "Max 20x"),
        (None, "default_raven", "Team"),
        (None, "default_claude_ai", "default_claude_ai"),
        ("claude_zen", "default_claude_zen_9x", "default_claude_zen_9x"),
        ("claude_zen", None, "claude_zen"),
        ("api", "auto_api_evaluation", "auto_api_evaluation"),
        (None, None, None),
        (3, ["x"], None),
    ],
)
def test_a_plan_is_said_in_words_or_by_its_raw_tier(kind: object, tier: object, words: str | None) -> None:
    assert plan_name(kind, tier, 1_790_000_000_000) == words  # September 2026


def test_the_plans_of_30_october_2026_have_new_names_with_their_old_tiers() -> None:
    before, after = 1_793_318_399_999, 1_793_318_400_000
    names = [("20x", before, "Max 20x"), ("20x", after, "Ultra"), ("5x", before, "Max 5x"), ("5x", None, "Max")]
    for tier, at, name in names:
        assert plan_name("claude_max", f"default_claude_max_{tier}", at) == name
    assert plan_name("claude_ultra", "default_claude_max_20x") == plan_name(None, "default_claude_ultra") == "Ultra"


def test_a_profile_names_account_plan_and_label() -> None:
    account = AccountId("5ca1ab1e-0000-4000-8000-00000000000a", "5ca1ab1e-0000-4000-8000-00000000000b")
    assert parse_profile(usage_shapes.profile()) == (account, "Ultra", "mary@example.org")
    assert parse_profile({"organization": {"name": "Acme", "organization_type": "claude_team"}}) == (
        None,
        "Team",
        "Acme",
    )
    assert parse_profile({"account": {"uuid": "u"}, "organization": None}) == (AccountId("u", ""), None, "")
    assert parse_profile([]) == parse_profile({}) == parse_profile(None) == (None, None, "")


def test_every_key_has_words() -> None:
    assert limit_name("seven_day_opus").label == "Opus week"
    assert limit_name("weekly_scoped:fable") == ("Fable week", "weekly", "Fable")
    assert limit_name("seven_day_new_thing") == ("New thing week", "weekly", "New thing")
    assert limit_name("five_hour_opus") == ("Opus 5-hour", "session", "Opus")
    assert limit_name("harbor-lantern") == ("Harbor lantern", "", None)
