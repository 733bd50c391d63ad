"""The meter tells the truth when the world does not follow a plan: refusals, resets, moved weeks, clocks, sign-ins."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from helpers import Home
from meter_world import ADA, BOB, DAY, HOUR, MINUTE, MeterWorld, iso, window
from tachograph.demo.service import Reply, Service
from tachograph.recorder.poller import BASE

OTHER = "bbbbbbbb-0000-4000-8000-000000000002"


@pytest.fixture
def world(home: Home) -> MeterWorld:
    found = MeterWorld(home)
    found.login(ADA)
    found.run("now")
    found.wait(2_000)
    return found


# -- refusals


def test_a_model_that_needs_credits_stops_that_model_only(world: MeterWorld) -> None:
    world.refuse("Fable 5 requires usage credits · run /usage-credits to turn them on, or /model to switch models.")
    world.wait(2_000)
    week = world.at + 38 * HOUR
    world.answer()
    world.draw((30, world.at + 3 * HOUR), (40, week))
    assert world.guard() == 0
    assert world.headline() == "5h 30% · 7d 40%"
    assert world.limits()["usage_credits:fable"]["state"] == "wall"
    assert world.guard("--limit", "credits") == 11
    assert world.guard("--model", "claude-fable-5-1") == 11
    world.wait(2 * DAY)
    world.draw((30, world.at + 2 * HOUR), (40, world.at + 2 * DAY))
    assert world.guard() == 0
    assert world.limits()["usage_credits:fable"]["state"] == "unknown"
    world.wait(9 * DAY)
    world.draw((12, world.at + 2 * HOUR), (13, world.at + 2 * DAY))
    assert "usage_credits:fable" not in world.limits()


def test_an_answer_of_the_refused_model_ends_its_refusal(world: MeterWorld) -> None:
    world.refuse("Fable 5 requires usage credits · run /usage-credits to turn them on")
    world.wait(MINUTE)
    world.answer("claude-opus-5-5")
    assert "usage_credits:fable" in world.limits()
    world.wait(MINUTE)
    world.answer("claude-fable-5-1")
    assert "usage_credits:fable" not in world.limits()


@pytest.mark.parametrize("text", ["You've hit your org's monthly spend limit · ask your admin to raise it", "You're out of usage credits"])  # fmt: skip
def test_a_spend_limit_that_was_raised_is_over_with_the_next_answer(world: MeterWorld, text: str) -> None:
    world.refuse(text)
    assert world.guard() == 11
    world.wait(3 * HOUR)
    assert world.guard() == 11
    world.answer()
    world.wait(MINUTE)
    assert world.guard() == 0
    assert world.guard("--limit", "spend" if "spend" in text else "credits") == 0
    assert "let an answer through" in world.run("guard").stdout
    assert world.limits() == {}
    world.wait(2 * HOUR)
    assert world.guard() == 20  # nothing recent is known


def test_a_refusal_with_a_reset_holds_until_it(world: MeterWorld) -> None:
    week = world.at + 3 * DAY
    world.refuse_week(week)
    world.wait(2 * DAY)
    assert world.guard() == 11
    world.wait(DAY + MINUTE)
    assert world.guard() == 0


def test_an_answer_to_a_request_from_before_the_refusal_proves_nothing(world: MeterWorld) -> None:
    week = world.at + 3 * DAY
    world.refuse_week(week)
    world.wait(30_000)
    world.answer(session=OTHER)  # began before
    assert world.guard() == 11
    world.wait(30_000)
    world.answer(session=OTHER)  # began after the one before
    assert world.guard() != 11


@pytest.mark.parametrize(("seconds", "result", "lifts"), [(-20, False, False), (20, False, True), (20, True, True)])
def test_the_prompt_of_an_answer_tells_if_it_proves_that_a_refusal_is_over(
    world: MeterWorld, seconds: int, result: bool, lifts: bool
) -> None:
    world.refuse_week(world.at + 3 * DAY)
    world.prompt(OTHER, world.at + seconds * 1000, result=result)
    world.wait(30_000)
    world.answer(session=OTHER)
    world.wait(2_000)
    assert (world.guard() != 11) == lifts
    assert (world.limits().get("seven_day", {}).get("state") == "wall") != lifts


def test_a_long_request_from_before_a_refusal_proves_nothing_however_many_answers_its_session_has(
    world: MeterWorld,
) -> None:
    world.prompt(OTHER)
    world.wait(MINUTE)
    world.refuse_week(world.at + 3 * DAY)
    world.wait(11 * MINUTE)
    world.answer(session=OTHER)
    assert world.guard() == 11


def test_a_model_of_which_only_a_refusal_was_known_is_clear_after_an_answer(world: MeterWorld) -> None:
    week = {"status": "rejected", "resetsAt": (world.at + 3 * DAY) // 1000, "rateLimitType": "seven_day_opus"}
    world.refuse("You've reached your Opus weekly limit", week)
    assert world.guard() == 11
    world.wait(MINUTE)
    world.answer()
    assert world.guard() == 0
    assert world.guard("--limit", "opus") == 0
    world.draw((10, world.at + HOUR), (20, world.at + 2 * DAY))
    world.wait(40 * MINUTE)
    world.draw((11, world.at + HOUR), (20, world.at + 2 * DAY))
    assert world.guard() == 0  # the old refusal makes nothing unknown


def test_a_late_99_of_another_session_does_not_end_a_refusal(world: MeterWorld) -> None:
    week = world.at + 3 * DAY
    world.draw((50, world.at + HOUR), (98, week), session=OTHER)
    world.wait(MINUTE)
    world.refuse_week(week)
    world.wait(2_000)
    world.draw((51, world.at + HOUR), (99, week), session=OTHER)
    assert world.guard() == 11


def test_on_metered_use_an_answer_does_not_end_a_refusal(world: MeterWorld) -> None:
    week = world.at + 3 * DAY
    extra = {"is_enabled": True, "monthly_limit": None, "used_credits": 130.0, "currency": "USD", "decimal_places": 2}
    world.cache({"five_hour": window(50, world.at + HOUR), "seven_day": window(100, week), "extra_usage": extra})
    world.refuse_week(week)
    world.wait(20 * MINUTE)
    world.answer()
    world.wait(MINUTE)
    assert world.limits()["seven_day"]["state"] == "overage"
    assert world.guard() == 12


# -- falls


def test_the_own_numbers_of_a_busy_session_lower_a_full_week(world: MeterWorld) -> None:
    week = world.at + 3 * DAY
    world.draw((50, world.at + 2 * HOUR), (100, week))
    world.refuse_week(week)
    assert world.guard() == 11
    world.wait(2_000)
    for percent in (21, 22, 24):
        line = world.draw((12, world.at + 2 * HOUR), (percent, week))
        assert f"7d {percent} %" in line
        world.answer()
        world.wait(MINUTE)
    assert world.guard() == 0
    assert world.limits()["seven_day"]["percent"] == 24


def test_an_idle_session_brings_no_old_number_and_no_old_window_back(world: MeterWorld) -> None:
    resets, old, moved = world.at + HOUR, world.at + DAY, world.at + 5 * DAY
    world.draw((40, resets), (97, old), session=OTHER)
    world.wait(MINUTE)
    world.draw((41, resets), (3, moved))  # the week was reset and moved
    world.wait(MINUTE)
    for _ in range(2):
        world.draw((40, resets), (97, old), session=OTHER)
        assert world.limits()["seven_day"]["percent"] == 3
        assert world.guard() == 0
        world.wait(MINUTE)


def test_a_week_that_moved_to_an_earlier_day_is_in_force(world: MeterWorld) -> None:
    world.draw((40, world.at + HOUR), (97, world.at + 6 * DAY))
    world.wait(MINUTE)
    earlier = world.at + 2 * DAY
    world.draw((41, world.at + HOUR), (2, earlier))
    found = world.limits()["seven_day"]
    assert (found["percent"], found["state"]) == (2, "fresh")


def test_a_window_that_ends_after_its_own_length_outranks_nothing(world: MeterWorld) -> None:
    world.draw((95, world.at + HOUR), (50, world.at + DAY))
    world.wait(MINUTE)
    world.draw((1, world.at + 40 * HOUR), (50, world.at + DAY), session=OTHER)
    assert world.limits()["five_hour"]["percent"] == 95
    assert world.guard() == 10


# -- past a reset


def test_a_value_fetched_after_its_reset_is_the_newest_word(world: MeterWorld) -> None:
    world.cache({"five_hour": window(100, world.at - 10 * MINUTE), "seven_day": window(99, world.at - 20 * MINUTE)})
    found = world.limits()
    assert (found["five_hour"]["percent"], found["five_hour"]["overdue"], found["five_hour"]["state"]) == (
        100,
        True,
        "wall",
    )
    assert found["seven_day"]["percent"] == 99
    assert world.guard() == 11
    assert "its reset has passed" in world.run("now").stdout


def test_an_answer_after_the_reset_says_the_same_and_a_redraw_does_not(world: MeterWorld) -> None:
    resets = world.at + 10 * MINUTE
    world.draw((99, resets), (20, world.at + DAY), api_ms=1_000)
    world.wait(20 * MINUTE)
    world.draw((99, resets), (20, world.at + DAY - 20 * MINUTE), api_ms=1_000)
    assert world.limits()["five_hour"]["state"] == "reset"
    world.wait(MINUTE)
    world.draw((99, resets), (20, world.at + DAY - 21 * MINUTE), api_ms=9_000)
    found = world.limits()["five_hour"]
    assert (found["percent"], found["overdue"]) == (99, True)
    assert world.guard() == 10


def test_a_limit_that_the_plan_lost_is_gone_after_its_reset(world: MeterWorld) -> None:
    week = world.at + 3 * DAY
    world.draw((78, world.at + HOUR), (40, week))
    world.wait(HOUR + 2 * MINUTE)
    assert world.headline() == "5h – · 7d ~40%"
    world.wait(10 * MINUTE)
    world.draw(None, (41, week))  # Claude Code sends no 5-hour limit any more
    assert world.headline() == "7d 41%"
    assert "five_hour" not in world.limits() and world.guard() == 0
    world.wait(MINUTE)
    world.draw((3, world.at + 4 * HOUR), (41, week))  # another plan
    assert world.headline() == "5h 3% · 7d 41%"


def test_a_status_line_leaves_the_weeks_of_single_models_to_other_sources(world: MeterWorld) -> None:
    fable = {"kind": "weekly_scoped", "percent": 50, "resets_at": iso(world.at + HOUR), "scope": {"model": {"display_name": "Fable"}}}  # fmt: skip
    world.cache({"five_hour": window(10, world.at + 2 * HOUR), "seven_day": window(40, world.at + DAY), "limits": [fable]})  # fmt: skip
    world.run("now")
    world.wait(HOUR + 10 * MINUTE)
    world.draw((30, world.at + HOUR), (41, world.at + DAY))
    assert world.limits()["weekly_scoped:fable"]["state"] == "reset"


# -- age


def test_an_idle_redraw_is_no_news(world: MeterWorld) -> None:
    resets, week = world.at + 4 * HOUR, world.at + DAY
    world.draw((60, resets), (20, week), api_ms=500)
    world.wait(45 * MINUTE)
    line = world.draw((60, resets), (20, week), api_ms=500)
    assert "5h ~60 %" in line
    assert world.guard() == 20
    world.draw((60, resets), (20, week), api_ms=700)  # an answer that moved no whole number
    assert world.guard() == 0


def test_the_first_report_of_a_session_is_as_old_as_its_last_answer(world: MeterWorld) -> None:
    resets, week = world.at + 4 * HOUR, world.at + DAY
    world.answer(session=OTHER, at=world.at - 2 * HOUR)
    world.draw((95, resets), (20, week))
    world.wait(MINUTE)
    world.draw((30, resets), (10, week), session=OTHER)
    assert world.limits()["five_hour"]["percent"] == 95


def test_an_old_100_says_its_age_and_stays_at_the_limit(world: MeterWorld) -> None:
    world.draw((100, world.at + 4 * HOUR), (20, world.at + DAY))
    world.wait(70 * MINUTE)
    assert world.guard() == 11
    assert "at the limit, 1 h 10 min old" in world.run("now").stdout


def test_guard_asks_for_a_new_reading_where_an_old_100_would_stop_it(world: MeterWorld) -> None:
    world.draw((100, world.at + 4 * HOUR), (20, world.at + DAY))
    world.home.sign_in("sk-ant-oat01-a", ADA[1], datetime.fromtimestamp(world.at / 1000, UTC) + timedelta(days=1))
    world.run("sources", "enable", "oauth", "--yes")
    world.wait(70 * MINUTE)
    answer = {"five_hour": window(7, world.at + 4 * HOUR), "seven_day": window(20, world.at + DAY), "limits": []}
    profile = {
        "account": {"uuid": ADA[0], "email": ADA[2]},
        "organization": {
            "uuid": ADA[1],
            "organization_type": "claude_max",
            "rate_limit_tier": "default_claude_max_20x",
        },
    }
    with Service(Reply(body=json.dumps(answer).encode()), profile=Reply(body=json.dumps(profile).encode())) as service:
        world.home.env[BASE] = service.base
        assert world.guard("--no-ingest") == 11
        assert world.guard() == 0


def test_88_after_91_stays_near_until_below_85(world: MeterWorld) -> None:
    resets, week = world.at + 4 * HOUR, world.at + DAY
    codes = []
    for percent in (88, 91, 88, 85, 84, 88):
        line = world.draw((percent, resets), (20, week))
        codes.append((world.guard(), "▲" in line))
        world.wait(MINUTE)
    assert codes == [(0, False), (10, True), (10, True), (10, True), (0, False), (0, False)]


# -- clocks


@pytest.mark.parametrize("ahead", [3 * HOUR, 365 * DAY])
def test_one_status_line_with_a_wrong_clock_spoils_nothing(world: MeterWorld, ahead: int) -> None:
    resets, week = world.at + 4 * HOUR, world.at + 5 * DAY
    world.draw((20, resets), (50, week))
    world.wait(ahead)
    world.draw((21, resets), (50, week))
    world.wait(-ahead + 5 * MINUTE)
    world.draw((97, resets), (99, week))
    assert world.guard() == 10
    assert world.limits()["five_hour"]["percent"] == 97
    assert "in the future" in world.run("doctor", code=None).stdout
    world.wait(10 * MINUTE)
    assert world.limits()["five_hour"]["percent"] == 97


def test_a_clock_that_was_set_back_spoils_nothing(world: MeterWorld) -> None:
    resets, week = world.at + 3 * HOUR, world.at + 5 * DAY
    world.draw((20, resets), (50, week))
    world.wait(-55 * MINUTE)
    world.draw((97, resets), (99, week))
    assert world.guard() == 10
    world.wait(3 * HOUR)
    assert world.limits()["five_hour"]["percent"] == 97


def test_a_cached_answer_from_the_future_gives_way_to_the_next_one(world: MeterWorld) -> None:
    resets, week = world.at + 4 * HOUR, world.at + 5 * DAY
    world.cache({"five_hour": window(10, resets), "seven_day": window(10, week)}, at=world.at + 2 * DAY)
    first = world.limits()["five_hour"]
    assert (first["state"], first["age_seconds"] < 0) == ("stale", True)
    world.wait(30 * MINUTE)
    world.cache({"five_hour": window(99, resets), "seven_day": window(99, week)})
    assert world.limits()["five_hour"]["percent"] == 99
    assert world.guard() == 10


@pytest.mark.parametrize("is_first", [True, False])
def test_a_cached_answer_from_the_future_is_nothing_beside_a_status_line(world: MeterWorld, is_first: bool) -> None:
    resets, week = world.at + 4 * HOUR, world.at + 5 * DAY
    if is_first:
        world.draw((30, resets), (10, week))
        world.wait(MINUTE)
    world.cache({"five_hour": window(100, resets), "seven_day": window(10, week)}, at=world.at + 3 * HOUR)
    if not is_first:
        world.run("now")
        world.wait(MINUTE)
        world.draw((30, resets), (10, week))
    for _ in range(3):
        assert world.limits()["five_hour"]["percent"] == 30
        assert world.guard() == 0
        world.wait(5 * MINUTE)
    assert "in the future" in world.run("doctor", code=None).stdout
    world.wait(3 * HOUR)
    assert world.limits()["five_hour"]["percent"] == 30  # its moment has come, and still proves nothing


# -- whose numbers


def test_the_first_draw_after_a_login_belongs_to_the_new_account(world: MeterWorld) -> None:
    world.draw((60, world.at + 3 * HOUR), (99, world.at + 38 * HOUR))
    world.wait(MINUTE)
    world.login(BOB, tier="default_claude_max_5x")
    world.draw((60, world.at + 3 * HOUR - MINUTE), (99, world.at + 38 * HOUR - MINUTE))  # no answer of bob's yet
    world.wait(MINUTE)
    assert world.draw((7, world.at + 4 * HOUR), (14, world.at + 40 * HOUR)).startswith("M  5h 7 %")
    accounts = {one["label"]: one for one in world.run("now", "--json").json["accounts"]}
    assert {label: one["limits"][1]["percent"] for label, one in accounts.items()} == {ADA[2]: 99, BOB[2]: 14}
    assert world.guard("--account", "ada") == 10
    assert world.guard("--account", "bob") == 0


@pytest.mark.parametrize("is_drawn", [False, True])
def test_a_conversation_that_goes_on_with_another_account_leaves_the_first_ones_refusal(
    world: MeterWorld, is_drawn: bool
) -> None:
    world.draw((60, world.at + 2 * HOUR), (50, world.at + 3 * DAY), api_ms=10)
    world.refuse_week(world.at + 3 * DAY)
    assert world.guard() == 11
    world.login(BOB)
    world.wait(MINUTE)
    world.prompt()
    world.wait(5_000)
    world.answer()
    if is_drawn:
        world.wait(300)
        world.draw((3, world.at + 4 * HOUR), (5, world.at + 5 * DAY), api_ms=20)
    world.wait(3_000)
    assert world.labels() == [BOB[2], ADA[2]]
    assert world.guard("--account", "ada") == 11
    assert world.guard() == (0 if is_drawn else 20)
    assert is_drawn == ("Nothing was read of this account yet" not in world.run("now").stdout)


def test_no_account_without_a_name_stands_beside_ones_own(home: Home) -> None:
    world = MeterWorld(home)
    world.login(ADA)
    world.draw((2, world.at + 3 * HOUR), (33, world.at + DAY))
    work = home.root / ".claude-work"
    work.mkdir()
    world.login(BOB, "claude_team", "default_raven", work)
    world.draw((50, world.at + 2 * HOUR), (66, world.at + 2 * DAY), session=OTHER, folder=work)
    assert sorted(map(str, world.labels())) == [ADA[2], BOB[2]]
    assert ".claude-work: its status line reports limits" in world.run("doctor", code=None).stdout


def test_a_status_line_from_before_any_login_is_claimed_by_it(home: Home) -> None:
    world = MeterWorld(home)
    world.draw((2, world.at + 3 * HOUR), (33, world.at + DAY))
    assert world.labels() == [None]
    world.wait(MINUTE)
    world.login(ADA)
    world.refuse("You've reached your usage limit", {"status": "rejected", "resetsAt": (world.at + HOUR) // 1000, "rateLimitType": "five_hour"}, at=world.at - 10 * MINUTE)  # fmt: skip
    assert world.labels() == [ADA[2]]


def test_one_person_in_two_organizations_can_be_told_apart(world: MeterWorld) -> None:
    world.draw((10, world.at + 3 * HOUR), (99, world.at + DAY))
    world.wait(MINUTE)
    team = (ADA[0], "55555555-5555-4555-8555-555555555555", ADA[2])
    world.login(team, "claude_team", "default_raven")
    world.draw((20, world.at + 2 * HOUR), (30, world.at + 2 * DAY))
    assert sorted(map(str, world.labels())) == [f"{ADA[2]} (Team)", f"{ADA[2]} (Ultra)"]
    assert world.guard("--account", "Team") == 0
    assert world.guard("--account", "Ultra") == 10
    assert world.guard("--account", ADA[1][:8]) == 10


# -- what a refusal names, and what it does not


def test_a_refusal_after_its_own_reset_says_that_the_window_is_still_held(world: MeterWorld) -> None:
    resets = world.at - 70 * MINUTE
    kind = {"status": "rejected", "resetsAt": resets // 1000, "rateLimitType": "five_hour"}
    world.draw((40, resets), (20, world.at + DAY), api_ms=1)
    world.wait(MINUTE)
    world.refuse("You've hit your session limit", kind)
    assert world.guard() == 11
    assert "its reset has passed" in world.run("guard", code=None).stdout
    world.wait(MINUTE)
    world.answer()
    assert world.guard() == 0
    world.refuse("You've hit your session limit", kind)
    assert world.guard() == 11
    world.wait(40 * MINUTE)
    assert world.guard() == 20


@pytest.mark.parametrize(
    ("text", "used", "cap", "code"),
    [
        ("You've hit your org's monthly spend limit · ask your admin to raise it", 40_010, 60_000, 0),
        ("You're out of usage credits", 40_010, 60_000, 0),
        ("You've hit your org's monthly spend limit · ask your admin to raise it", 39_990, 40_000, 11),
    ],
)
def test_a_reading_of_a_raised_budget_ends_its_refusal(
    world: MeterWorld, text: str, used: int, cap: int, code: int
) -> None:
    world.login(ADA, "claude_enterprise", "")
    extra = {
        "is_enabled": True,
        "monthly_limit": 40_000,
        "used_credits": 40_000,
        "currency": "USD",
        "decimal_places": 2,
    }
    world.cache({"five_hour": None, "seven_day": None, "limits": [], "extra_usage": extra})
    world.refuse(text)
    assert world.guard() == 11
    world.wait(2 * HOUR)
    extra |= {"used_credits": used, "monthly_limit": cap}
    world.cache({"five_hour": None, "seven_day": None, "limits": [], "extra_usage": extra})
    assert world.guard() == code


def test_a_locked_window_is_at_its_limit(world: MeterWorld) -> None:
    locked = {**window(40, world.at + HOUR), "locked_reason": "payment_failed"}
    world.cache({"five_hour": locked, "seven_day": window(20, world.at + DAY)})
    assert world.guard() == 11
    assert "locked: payment failed" in world.run("now").stdout


def test_a_budget_after_its_reset_is_a_dash_and_one_just_below_its_cap_is_not_full(world: MeterWorld) -> None:
    budget = {"used_percentage": 99.6, "used_usd": 199.2, "limit_usd": 200, "period": "monthly"}
    line = world.draw(more={"spend_limit": {**budget, "resets_at": (world.at + DAY) // 1000}})
    assert "$199 of $200 ▲" in line
    screen = world.run("now").stdout + world.run("guard", code=None).stdout
    assert "99 %" in screen and "100 %" not in screen
    world.wait(2 * DAY)
    assert world.headline() == "–"
    assert world.guard() == 20


def test_an_account_that_only_a_source_names_decides_where_the_sign_in_has_no_reading(world: MeterWorld) -> None:
    world.cache({"five_hour": window(100, world.at + HOUR), "seven_day": window(20, world.at + DAY)}, account=BOB[0])
    assert world.guard() == 11
    assert len(world.labels()) == 1
