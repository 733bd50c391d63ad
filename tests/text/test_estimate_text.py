"""The wording of every sentence about an estimate, at its edges."""

from typing import Any

import pytest

from tachograph.model.estimates.attribution import Estimate
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.estimates.attribution import Attribution, Evidence, Part
from tachograph.queries.estimates.constants import (
    AT_WALL,
    BUDGET_OF,
    CAP_OF,
    LEARNED,
    LIST_PRICE,
    LITTLE,
    NO_CAP,
    NO_READING,
    NO_RESET,
    NO_WEEK,
    NO_WEIGHTS,
    NO_WORK,
    NOTHING,
    OLD,
    WALL_OF,
)
from tachograph.queries.estimates.forecast import LimitForecast
from tachograph.queries.estimates.next_session import NextSession
from tachograph.queries.estimates.scoring import Bin, Calibration, LimitScore
from tachograph.queries.estimates.what_if import WhatIf
from tachograph.queries.limits.current import FRESH
from tachograph.text.attribution import (
    evidence_words,
    unexplained_words,
    why_words,
    window_words,
)
from tachograph.text.chances import (
    alarm_words,
    bin_words,
    calibration_words,
    chance_short,
    chance_word,
    forecast_words,
    guard_chance,
    limit_score_words,
    next_words,
    status_chance,
)
from tachograph.text.reconcile import budget_words, reconcile_words
from tachograph.text.what_if import what_if_words

NOW = 1_000_000_000
HOUR = 3_600_000


def clock(moment: int) -> str:
    return f"{9 + (moment - NOW) // HOUR:02d}:00"


def evidence(**changed: Any) -> Evidence:
    return Evidence(38, 21.0, 10, 7.0, 412, 0, ())._replace(**changed)


def part(name: str, value: float, low: float, high: float, price: float = 0.5) -> Part:
    share = Estimate(value, low, high)
    return Part(name, f"claude-{name}", share, share, price)


def found(**changed: Any) -> Attribution:
    models = (part("opus-4-8", 0.731, 0.68, 0.78), part("sonnet-4-6", 0.18, 0.15, 0.21))
    made = Attribution(
        1, "ada", SEVEN_DAY, LEARNED, 61.0, NOW, NOW - 40 * HOUR, NOW + 60 * HOUR, NOW, models, (), (), (),
        Estimate(0.09, 0.04, 0.15), evidence(),
    )  # fmt: skip
    return made._replace(**changed)


def why(**changed: Any) -> str:
    return why_words(found(**changed))


# -- whose it is


def test_who_burned_the_week_is_said_with_an_interval() -> None:
    assert why() == "opus-4-8 burned 73 % (68–78) of your week so far."


def test_a_past_week_and_a_window_are_called_so() -> None:
    assert why(resets_at=NOW - 1) == "opus-4-8 burned 73 % (68–78) of that week."
    assert why(limit=FIVE_HOUR) == "opus-4-8 burned 73 % (68–78) of this 5-hour window."
    assert why(limit=FIVE_HOUR, resets_at=NOW - 1) == "opus-4-8 burned 73 % (68–78) of that 5-hour window."


def test_a_wide_interval_is_said_as_one_without_a_number_in_it() -> None:
    wide = (part("opus-4-8", 0.4, 0.1, 0.55),)
    assert why(by_model=wide) == "opus-4-8 burned somewhere between 10 and 55 % of your week so far."


def test_without_a_reading_nothing_is_shared_out() -> None:
    assert why(used=None) == "There is no reading of your week, so there is nothing to break down."
    assert "nothing to break down" in why(used=None, limit=FIVE_HOUR)


def test_without_messages_the_number_stands_alone() -> None:
    assert why(method=NOTHING) == "61 % of your week so far is used, and this machine's logs hold no message from it."
    assert why(method=NOTHING, used=0.3).startswith("Under 1 % of your week so far is used")


def test_after_three_days_the_split_is_by_list_price_and_called_that() -> None:
    early = evidence(windows=4, days=3.0)
    words = why(method=LIST_PRICE, by_model=(Part("opus-4-8", "x", None, None, 0.64),))
    assert words == "By list price, not by quota: opus-4-8 is 64 % of this machine's work in your week so far."
    said = evidence_words(early, LIST_PRICE, clock)
    assert said == [
        "Too little to learn from yet: 4 5-hour windows over 3 days; it takes 10 5-hour windows over 7 days with readings"
        " of your limits."
    ]


def test_readings_of_nobody_are_held_against_nothing() -> None:
    assert "an unknown account" in why(account=0)


def test_next_to_nothing_used_is_not_shared_out() -> None:
    assert why(used=0.2) == "Next to nothing of your week so far is used."
    assert (
        why(by_model=(part("opus-4-8", 0.01, 0.0, 0.03),))
        == "No model of this machine used a clear part of your week so far."
    )


# -- what is not explained


def left(value: float, low: float, high: float) -> str:
    return unexplained_words(found(unexplained=Estimate(value, low, high)))


def test_what_is_not_explained_is_said_with_its_interval_and_never_blamed_on_another_machine() -> None:
    words = left(0.09, 0.04, 0.15)
    assert words.startswith("Not explained by this machine's logs: 9 % (4–15). ")
    assert "look alike" in words
    assert "another machine used" not in words


@pytest.mark.parametrize(("value", "high", "said"), [(0.0, 0.04, "4 %"), (0.0, 0.001, "1 %"), (0.03, 0.08, "8 %")])
def test_little_or_nothing_is_no_clear_sign_and_never_a_bare_zero(value: float, high: float, said: str) -> None:
    words = left(value, 0.0, high)
    assert (
        words
        == f"Not explained by this machine's logs: no clear sign of other use (in nine of ten such cases at most {said})."
    )


def test_a_wide_unexplained_part_is_said_as_a_range_even_where_its_middle_is_nothing() -> None:
    assert "somewhere between 0 and 40 %" in left(0.02, 0.0, 0.4)
    assert unexplained_words(found(unexplained=None)) == ""


def test_evidence_says_what_it_rests_on_and_what_was_left_out() -> None:
    assert evidence_words(evidence(), LEARNED, clock) == ["Learned from 38 5-hour windows over 21 days."]
    one = evidence(unattributed=1, unpriced=("claude-nova-1",))
    assert evidence_words(one, LEARNED, clock)[1:] == [
        "1 message of an unknown account is left out.",
        "Without a price, and so left out: nova-1.",
    ]
    assert evidence_words(evidence(unattributed=12), NOTHING, clock) == [
        "12 messages of an unknown account are left out."
    ]


def test_a_change_of_what_work_costs_is_one_sentence_with_its_moment_and_its_alternatives() -> None:
    dearer, cheaper = evidence(changed_at=NOW, changed_by=1.24), evidence(changed_at=NOW, changed_by=0.8)
    assert evidence_words(dearer, LEARNED, clock)[1:] == [
        "Since 09:00 the same work seems to cost about 24 % more of your 5-hour limit: a limit or a weight may have changed, or"
        " something else uses your account steadily."
    ]
    assert "20 % less" in evidence_words(cheaper, LEARNED, clock)[1]
    double = evidence(changed_at=NOW, changed_by=0.5, larger_at=NOW, larger_by=2.0)
    assert evidence_words(double, LEARNED, clock)[1:] == [
        "Since 09:00 a full 5-hour window seems to be 2.0 times what it was of your week, and the same work to cost 2.0 times"
        " less of it: the 5-hour limit may have changed, or a weight together with the weekly limit."
    ]
    smaller_week = evidence(larger_at=NOW, larger_by=0.83)
    assert "83 % of what it was of your week: the weekly limit may have changed" in evidence_words(smaller_week, LEARNED, clock)[1]  # fmt: skip


def test_a_full_window_is_so_many_points_of_the_week() -> None:
    assert (
        window_words(Estimate(11.2, 10.4, 12.1)) == "One full 5-hour window costs about 11 points of your week (10–12)."
    )
    assert window_words(Estimate(11.0, 10.9, 11.1)) == "One full 5-hour window costs about 11 points of your week."
    assert window_words(None) == ""


# -- chances


def ahead(**changed: Any) -> str:
    made = LimitForecast(
        1, FIVE_HOUR, "5-hour", 66.0, NOW + 5 * HOUR, FRESH, 0.38, 0.4, NOW + HOUR, NOW + 2 * HOUR, NOW + 3 * HOUR,
        WALL_OF, 12, NOW,
    )  # fmt: skip
    return forecast_words(made._replace(**changed), clock)


def test_a_chance_comes_with_its_reset_and_a_time_only_as_a_range() -> None:
    assert ahead() == "38 % chance to reach the 5-hour limit before 14:00; if so, most likely 10:00–12:00."
    assert ahead(p10=None, p50=None, p90=None) == "38 % chance to reach the 5-hour limit before 14:00."
    assert ahead(p10=NOW, p90=NOW + 1).endswith("; if so, about 09:00.")


def test_a_small_chance_is_unlikely_and_a_large_one_never_certain() -> None:
    assert ahead(chance=0.02) == "The 5-hour limit is unlikely to be reached before 14:00 (under 5 %)."
    assert ahead(chance=0.994).startswith("over 95 % chance to reach")


@pytest.mark.parametrize(
    ("why_not", "said"),
    [
        (AT_WALL, "The 5-hour limit is reached; it resets 14:00."),
        (NO_READING, "The 5-hour limit: it has not been read since it last reset, so its chance is unknown."),
        (NO_RESET, "The 5-hour limit: no source says when it resets, so its chance is unknown."),
        (OLD, "The 5-hour limit: the last reading is too old for a chance."),
        (NO_CAP, "The limit is reached and metered use goes on; no spending cap is known."),
    ],
)
def test_without_a_chance_it_is_said_why(why_not: str, said: str) -> None:
    assert ahead(chance=None, why_not=why_not) == said


def test_on_extra_usage_the_chance_is_of_the_spending_cap() -> None:
    assert ahead(of=CAP_OF).startswith("38 % chance to reach the spending cap before 14:00")


def test_a_budget_is_called_by_its_name() -> None:
    budget = ahead(of=BUDGET_OF, label="Monthly spend limit")
    assert budget.startswith("38 % chance to reach the Monthly spend limit before 14:00")


def test_a_reset_that_has_passed_is_not_ahead() -> None:
    over = {"chance": None, "resets_at": NOW - HOUR}
    assert ahead(why_not=AT_WALL, **over) == "The 5-hour limit is reached; its reset has passed."
    still = ahead(why_not=NO_READING, **over)
    assert still == "The 5-hour limit: its reset has passed, the service still reports it, so its chance is unknown."


def test_nothing_is_shouted_below_even_odds() -> None:
    assert status_chance(None) == status_chance(0.49) == ""
    assert status_chance(0.5) == "limit likely 50 %"
    assert status_chance(0.9) == "limit very likely 90 %"
    assert chance_short(0.03) == ""
    assert chance_short(0.38) == "38 % chance to hit the limit"
    assert [chance_word(chance) for chance in (0.1, 0.3, 0.6, 0.99)] == [
        "unlikely",
        "possible",
        "likely",
        "very likely",
    ]


def test_a_notice_and_a_guard_say_the_chance_and_before_what() -> None:
    title, text = alarm_words("5-hour", 0.62, NOW + HOUR, clock)
    assert (title, text) == (
        "Claude: 5-hour may run out",
        "62 % chance that the 5-hour limit is reached before it resets 10:00.",
    )
    assert guard_chance("it is at 60 %", 0.62) == "it is at 60 % with a chance of 62 % to be reached before it resets"


# -- how they did


def test_without_a_scored_forecast_it_is_said_where_they_come_from() -> None:
    (line,) = calibration_words(Calibration((), 0, 0, None, None, None))
    assert line.startswith("No forecast of this machine is over yet.")


def test_few_windows_are_too_few_and_a_worse_score_is_not_hidden() -> None:
    week = LimitScore("seven_day", "7-day", 900, 6, 0.5, 0.1, 0.25, ())
    five = LimitScore("five_hour", "5-hour", 900, 60, 0.2, 0.12, 0.16, ())
    words = calibration_words(Calibration((), 1800, 66, 0.1, 0.12, 0, (five, week)))
    assert words[0] == "1,800 forecasts about 66 windows that are over."
    assert words[1] == (
        "5-hour: 60 windows, 20 % of them reached the limit; squared error 25 % smaller than always saying 20 %."
    )
    assert words[2].endswith("too few to judge: forecasts of one window are one observation.")
    assert limit_score_words(five._replace(brier=0.2)).endswith("no better than always saying 20 %.")
    assert "nothing to compare with" in limit_score_words(five._replace(hit_rate=0.0, base_brier=0.0))


def test_a_bin_says_what_we_said_and_what_came() -> None:
    assert bin_words(Bin(0.7, 0.8, 20, 0.71, 14)) == "Forecasts of about 71 %: 14 of 20 came true (70 %)."
    assert bin_words(Bin(0.0, 0.1, 3, 0.04, 1)) == "Forecasts of about 4 %: 1 of 3 came true (33 %)."
    windows = Bin(0.7, 0.8, 20, 0.71, 14, 4, 3.0)
    assert bin_words(windows) == "Forecasts of about 71 %, in 4 windows: 75 % of them reached the limit."


def following(**changed: Any) -> str:
    return next_words(NextSession(34.0, 60, 8, 12.0, 40.0, 70.0, None, True)._replace(**changed))


def test_a_next_session_is_compared_by_counts() -> None:
    assert following() == "8 of your last 60 sessions used more than the 34 % left."
    assert following(more=0) == "None of your last 60 sessions used more than the 34 % left."
    assert following(left=0.0) == "Nothing is left of the 5-hour limit."
    assert following(left=None) == "The rest of the 5-hour limit is unknown: there is no reading of it."
    assert following(is_enough=False).endswith("Too few of your sessions are known to compare with it.")


# -- what if, and three numbers


def what_if(**changed: Any) -> list[str]:
    made = WhatIf(
        1, "claude-sonnet-4-6", 1.0, 50.0, NOW, Estimate(94, 80, 130), Estimate(71, 60, 80), None, 21.0, "",
        Estimate(90, 60, 120), Estimate(50, 35, 70),
    )  # fmt: skip
    return what_if_words(made._replace(**changed))


def test_the_end_of_the_week_is_said_with_its_interval_beside_the_one_as_it_goes() -> None:
    assert what_if()[0] == (
        "If the rest of the week ran on sonnet-4-6, the weekly limit would end at about 71 % (60–80); as it goes now at about"
        " 94 % (80–100)."
    )
    assert "If 80 % of the rest of the week ran" in what_if(share=0.8)[0]
    assert what_if(as_is=Estimate(140, 110, 180))[0].endswith("as it goes now at the limit, before it resets.")


@pytest.mark.parametrize(
    ("why_not", "said"),
    [(NO_WEEK, "No running week"), (NO_WEIGHTS, "not known well enough"), (NO_WORK, "hold no work")],
)
def test_without_an_end_it_is_said_why(why_not: str, said: str) -> None:
    assert said in what_if(as_is=None, changed=None, why_not=why_not)[0]


def test_spend_stands_against_a_budget_or_against_the_weeks_before() -> None:
    assert budget_words(80.0, 200.0, 50.0, 60.0) == "$80.00 this month, 40 % of the budget of $200.00"
    assert (
        budget_words(80.0, None, 50.0, 60.0) == "$60.00 in seven days, 20 % more than the mean of the four weeks before"
    )
    assert budget_words(80.0, None, 60.0, 60.0).startswith("$60.00 in seven days, as much as")
    assert "no weeks before" in budget_words(80.0, None, None, 60.0)
    assert budget_words(None, None, None, None) == "no priced message yet"


def test_each_of_the_three_numbers_says_what_it_cannot_see() -> None:
    for name, counts, unseen in reconcile_words():
        assert name and counts and unseen


def test_logs_that_explain_little_are_not_split_by_any_sentence() -> None:
    little = found(method=LITTLE, by_model=(), unexplained=None, evidence=evidence(fit=0.12))
    assert why_words(little).startswith(
        "Your logs explain little of your week so far (about 12 % of what was read lately)"
    )
    assert "explain little" in what_if(as_is=None, changed=None, why_not=LITTLE)[0]
    assert "explain little" in following(why_not=LITTLE, is_enough=False)
