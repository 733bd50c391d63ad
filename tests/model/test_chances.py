"""Chances: between their bounds, moved by an account's own past and by nothing else, and from a prior that says where
it comes from."""

from pathlib import Path

import pytest

from tachograph.model.estimates import forecast
from tachograph.model.estimates.forecast import Pace, Past, WeekPace
from tachograph.model.estimates.training_windows import Reading

ROOT = Path(__file__).parent.parent.parent


def pace(used: float = 50.0, left: float = 150.0, rate: float = 20.0, sessions: int = 1) -> Pace:
    return Pace(used, left, (rate, rate), (rate, rate, rate), sessions, sessions, 60.0, 1.0, 1, 12)


def test_the_prior_says_where_it_comes_from_and_how_it_is_made_again() -> None:
    prior = forecast.load_prior()
    assert "simulated" in prior["from"]
    assert (ROOT / prior["refit"].split()[0]).is_file()
    assert prior["version"] == forecast.VERSION
    assert len(prior["five_hour"]["chance"]) == 1 + len(forecast.features(pace()))
    assert len(prior["seven_day"]["chance"]) == 1 + len(forecast.week_features(WeekPace(50, 80, 8, 8, (60.0,))))


def test_a_new_account_gets_the_prior_as_it_is() -> None:
    made = forecast.chance(pace())
    assert made.chance == made.prior


def test_what_is_full_is_certain_and_what_is_not_never_is() -> None:
    assert forecast.chance(pace(used=100)).chance == 1
    for used in (0, 20, 50, 90, 99):
        for left in (1, 30, 299):
            for rate in (0, 10, 400):
                assert 0 < forecast.chance(pace(used, left, rate)).chance < 1


def test_a_fast_window_is_likelier_to_be_reached_than_a_slow_one() -> None:
    slow, fast = (forecast.chance(pace(70, 120, rate)).chance for rate in (2, 90))
    assert slow < 0.25 < 0.5 < fast


def test_the_time_lies_before_the_reset_in_order_and_only_beside_a_chance() -> None:
    made = forecast.chance(pace(60, 120, 60))
    assert made.when is not None
    assert 0 < made.when.p10 < made.when.p50 < made.when.p90 < 120
    assert forecast.chance(pace(2, 280, 0, sessions=0)).when is None


def test_an_own_past_moves_a_chance_towards_what_came_of_it_slowly() -> None:
    def past(windows: int, hit: bool) -> list[Past]:
        return [Past(0.4, float(window), hit) for window in range(windows) for _ in range(10)]

    def blended(rows: list[Past]) -> float:
        return forecast.blend(0.4, forecast.fit_past(rows))

    assert blended(past(3, True)) == pytest.approx(0.4, abs=0.04)
    assert blended(past(100, True)) > 0.6
    assert blended(past(100, False)) < 0.25
    assert blended([]) == 0.4


def test_forecasts_of_one_window_count_as_one_however_many() -> None:
    once = [Past(0.4, 1.0, True)]
    many, one = (forecast.blend(0.4, forecast.fit_past(rows)) for rows in (once * 500, once))
    assert many == pytest.approx(one, abs=0.01)


def test_a_pace_needs_a_running_window() -> None:
    reading = Reading(1000.0, 30.0, 900.0, 20.0, 90_000.0)
    assert forecast.pace([reading], 1000.0, [], None, 0, 0) is None
    assert forecast.week_pace([reading._replace(week=None)], 1000.0, []) is None


def test_where_nobody_knows_what_work_weighs_the_readings_speak() -> None:
    readings = [Reading(600.0 * n, 3.0 * n, 18_000.0, None, None) for n in range(7)]
    made = forecast.pace(readings, 3600.0, None, None, 0, 0)
    assert made is not None
    assert made.by_reading[1] == pytest.approx(18.0)
    assert made.by_work == (made.by_reading[0], made.by_reading[0], made.by_reading[1])


def test_a_week_at_twice_the_pace_of_its_limit_is_likelier_to_be_reached() -> None:
    calm, wild = (forecast.chance(WeekPace(used, 84, used / 3.5, used / 3.5, (60.0,))).chance for used in (10, 90))
    assert calm < 0.15 < 0.3 < wild


def test_where_it_ends_lies_between_now_and_the_wall_and_further_the_likelier_the_wall_is() -> None:
    calm, wild = forecast.ends(pace(40), 0.02), forecast.ends(pace(40), 0.9)
    for low, middle, high in (calm, wild, forecast.ends(WeekPace(40, 80, 10, 10, (60.0,)), 0.3)):
        assert 40 <= low <= middle <= high <= 100
    assert calm < wild
    assert wild[2] == pytest.approx(100)
    assert forecast.ends(pace(100), 1.0) == (100, 100, 100)
