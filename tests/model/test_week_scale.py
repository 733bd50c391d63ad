"""A week that jumps beside what the 5-hour limit explains: a smaller weekly limit, or use that was not read."""

from tachograph.model.estimates import week_scale
from tachograph.model.estimates.training_windows import Reading
from tachograph.model.estimates.week_scale import WeekScale

HOUR, RESET = 3600.0, 7 * 86_400.0
SETTLED = week_scale.begin(0.1, 0.03)


def jumped(scale: WeekScale, before: float, after: float, at: float = 0.0) -> WeekScale:
    """The scale after a night in which nothing was read."""
    evening = Reading(at + HOUR, None, None, before, at + RESET)
    return week_scale.follow(scale, [evening, Reading(at + 12 * HOUR, None, None, after, at + RESET)])


def test_a_jump_that_nothing_explains_moves_the_scale_a_little_and_makes_it_less_sure() -> None:
    after = jumped(SETTLED, 40.0, 48.0)
    assert SETTLED.plain * 1.01 < after.plain < SETTLED.plain * 1.2
    assert after.sd > 2 * SETTLED.sd


def test_a_week_that_stays_and_a_jump_of_a_point_or_two_leave_the_scale_alone() -> None:
    for week in (40.0, 42.0):
        assert jumped(SETTLED, 40.0, week).plain == SETTLED.plain


def test_where_jumps_are_usual_another_one_says_less() -> None:
    often = SETTLED
    for week in range(6):
        often = jumped(often, 40.0, 48.0, 8 * 86_400.0 * week)._replace(plain=0.1, peak=0.1, cov=SETTLED.cov)
    last = 8 * 86_400.0 * 6
    assert jumped(often, 40.0, 48.0, last).sd < 0.8 * jumped(SETTLED, 40.0, 48.0, last).sd
