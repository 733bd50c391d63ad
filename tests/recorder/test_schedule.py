"""When the endpoint is asked: by hand-made states, at hand-made moments."""

import pytest

from tachograph.ledger.limits.poll_state import Poll
from tachograph.model.limits.limits import (
    BLOCKED,
    EXPIRED,
    FORBIDDEN,
    LIMITED,
    NO_LOGIN,
    OFFLINE,
    OK,
    PORTAL,
    SERVER,
    SHAPE,
    TIMEOUT,
    TLS,
)
from tachograph.recorder.schedule import (
    AFTER_RESET,
    CUSHION,
    FASTEST,
    HOUR,
    LONGEST,
    MINUTE,
    SLOWEST,
    PollOutcome,
    RecentPushes,
    decide,
    decide_refresh,
    next_state,
)

T = 1_795_400_000_000
NEVER = Poll("~/.claude")


def good(levels: str = "five_hour=40", percent: float | None = 40.0, resets_at: int | None = None) -> PollOutcome:
    return PollOutcome(OK, None, "", levels, percent, resets_at)


def limited(retry: int | None) -> PollOutcome:
    return PollOutcome(LIMITED, retry, "asked too often (429)")


def test_a_login_that_was_never_asked_for_is_due_at_once() -> None:
    assert decide(NEVER, T).ask


def test_while_the_numbers_move_it_is_asked_every_five_minutes() -> None:
    state = next_state(NEVER, good("five_hour=1"), T)
    assert state.next_at == T + FASTEST
    assert not decide(state, T + FASTEST - 1).ask
    assert decide(state, T + FASTEST).ask
    state = next_state(state, good("five_hour=2"), T + FASTEST)
    assert state.next_at == T + 2 * FASTEST


def test_work_on_this_machine_keeps_it_at_five_minutes_though_the_numbers_stand() -> None:
    state = next_state(NEVER, good(), T)
    state = next_state(state, good(), T + HOUR, active_at=T + HOUR - MINUTE)
    assert state.wait_ms == FASTEST


def test_when_idle_the_wait_grows_to_half_an_hour_and_no_further() -> None:
    state, now, waits = next_state(NEVER, good(), T), T, []
    for _ in range(12):
        now = state.next_at
        state = next_state(state, good(), now)
        waits.append(state.wait_ms // MINUTE)
    assert waits == sorted(waits)
    assert waits[0] == 5 and waits[-1] == 30
    assert max(waits) * MINUTE == SLOWEST


def test_a_high_five_hour_limit_is_watched_though_it_stands() -> None:
    state = next_state(NEVER, good("five_hour=81", 81.0), T)
    assert next_state(state, good("five_hour=81", 81.0), T + 5 * HOUR).wait_ms == FASTEST
    assert next_state(state, good("seven_day=95", 20.0), T + 1).wait_ms == FASTEST  # it moved
    state = next_state(state, good("seven_day=95", 20.0), T + 1)
    assert next_state(state, good("seven_day=95", 20.0), T + 5 * HOUR).wait_ms == SLOWEST


def test_never_more_than_twelve_questions_an_hour() -> None:
    for jitter in (0.0, 0.5, 1.0):
        state, now, asked = NEVER, T, 0
        while now < T + 24 * HOUR:
            if decide(state, now).ask:
                asked += 1
                state = next_state(state, good(f"five_hour={asked}", 95.0), now, active_at=now, jitter=jitter)
            now += 1000
        assert asked <= 12 * 24


def test_after_a_reset_it_is_asked_soon_though_idle() -> None:
    state = next_state(NEVER, good(), T)
    now = T + 6 * HOUR
    assert next_state(state, good(resets_at=now + 12 * MINUTE), now).wait_ms == 12 * MINUTE + AFTER_RESET
    assert next_state(state, good(resets_at=now + MINUTE), now).wait_ms == SLOWEST  # five minutes are the floor
    assert next_state(state, good(resets_at=now + 3 * HOUR), now).wait_ms == SLOWEST


@pytest.mark.parametrize(
    ("retry", "minutes"),
    [(None, 5), (0, 5), (300, 10), (1600, 1600 / 60 + 5), (3600, 65), (86_400, 360)],
)
def test_a_first_429_waits_what_it_says_and_a_cushion_but_at_least_the_ladder(
    retry: int | None, minutes: float
) -> None:
    state = next_state(NEVER, limited(retry), T)
    assert state.wait_ms == round(minutes * MINUTE)
    assert state.barred_until == T + state.wait_ms


def test_a_storm_of_429_with_retry_after_zero_climbs_the_ladder() -> None:
    state, waits = NEVER, []
    for _ in range(9):
        state = next_state(state, limited(0), state.next_at or T)
        waits.append(state.wait_ms // MINUTE)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 360, 360]
    assert waits[-1] * MINUTE == LONGEST
    assert next_state(state, good(), state.next_at).strikes == 0


def test_retry_after_gets_a_cushion() -> None:
    assert next_state(NEVER, limited(3600), T).wait_ms == HOUR + CUSHION


@pytest.mark.parametrize(
    ("outcome", "first", "tenth"),
    [
        (SERVER, 5, 30),
        (TIMEOUT, 5, 30),
        (TLS, 5, 30),
        (SHAPE, 5, 30),
        (BLOCKED, 5, 120),
        (OFFLINE, 5, 5),
        (PORTAL, 5, 5),
        (EXPIRED, 5, 30),
        (NO_LOGIN, 5, 30),
        (FORBIDDEN, 360, 360),
    ],
)
def test_every_failure_has_a_wait_of_its_own(outcome: str, first: int, tenth: int) -> None:
    state = next_state(NEVER, PollOutcome(outcome), T)
    assert state.wait_ms == first * MINUTE
    for _ in range(9):
        state = next_state(state, PollOutcome(outcome), state.next_at)
    assert state.wait_ms == tenth * MINUTE


def test_a_service_in_trouble_that_says_when_to_come_back_is_believed() -> None:
    assert next_state(NEVER, PollOutcome(SERVER, 1200), T).wait_ms == 20 * MINUTE + CUSHION


def test_jitter_only_ever_adds() -> None:
    assert next_state(NEVER, good(), T, jitter=1.0).wait_ms == FASTEST * 1.1
    assert next_state(NEVER, limited(3600), T, jitter=0.5).wait_ms == round((HOUR + CUSHION) * 1.05)


def test_a_failed_question_keeps_what_was_known() -> None:
    state = next_state(next_state(NEVER, good(), T), limited(0), T + FASTEST)
    assert (state.answered_at, state.levels, state.moved_at) == (T, "five_hour=40", T)


# -- pushes ----------------------------------------------------------------------------------------------------


def test_a_browser_that_posts_makes_asking_needless_for_two_minutes() -> None:
    state = next_state(NEVER, good(), T)
    now = T + FASTEST
    assert decide(state, now, RecentPushes(browser_at=now - 119_000)) == (False, "pushed", now + 1000)
    assert decide(state, now, RecentPushes(browser_at=now - 120_000)).ask
    assert decide(state, now, RecentPushes(browser_at=now + HOUR)).ask  # from the future: it is no evidence of now


def test_a_status_line_says_only_a_part_so_it_puts_asking_off_for_a_quarter_hour_at_most() -> None:
    state = next_state(NEVER, good(), T)
    assert decide(state, T + FASTEST, RecentPushes(statusline_at=T + FASTEST - 1000)).why == "pushed"
    assert decide(state, T + 15 * MINUTE, RecentPushes(statusline_at=T + 15 * MINUTE - 1000)).ask
    assert decide(state, T + FASTEST, RecentPushes(statusline_at=T)).ask


def test_the_same_login_in_another_folder_is_not_asked_for_twice() -> None:
    assert decide(NEVER, T, RecentPushes(twin_at=T - MINUTE)) == (False, "pushed", T + FASTEST - MINUTE)
    assert decide(NEVER, T, RecentPushes(twin_at=T - FASTEST)).ask


# -- a new login -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [EXPIRED, FORBIDDEN, NO_LOGIN])
def test_a_new_login_is_tried_at_once_where_the_old_one_was_the_trouble(outcome: str) -> None:
    state = next_state(NEVER, PollOutcome(outcome), T)._replace(login="old")
    assert not decide(state, T + 1000, login="old").ask
    assert decide(state, T + 1000, login="new").ask


@pytest.mark.parametrize("outcome", [EXPIRED, FORBIDDEN])
def test_a_refused_login_is_not_asked_with_again_for_hours(outcome: str) -> None:
    state = next_state(NEVER, PollOutcome(outcome), T)._replace(login="old")
    assert decide(state, T + 5 * HOUR, login="old").why == "refused"
    assert decide(state, T + 6 * HOUR, login="old").ask  # a mistake of the service's may be over
    assert decide(state, T + 6 * HOUR, login="").ask  # a Keychain shows no sign of change


def test_a_new_login_does_not_shorten_a_429() -> None:
    state = next_state(NEVER, limited(3600), T)._replace(login="old")
    assert decide(state, T + HOUR, login="new").why == "barred"


# -- clocks ----------------------------------------------------------------------------------------------------


def test_after_nine_hours_of_sleep_it_is_asked_once() -> None:
    state, now = next_state(NEVER, good(), T), T + 9 * HOUR
    assert decide(state, now).ask
    state = next_state(state, good("five_hour=0"), now)
    assert not decide(state, now + 1).ask


def test_a_clock_set_back_an_hour_does_not_stop_the_questions_for_an_hour() -> None:
    state = next_state(NEVER, good(), T)
    assert decide(state, T - HOUR).until == T - HOUR + FASTEST


def test_a_clock_set_forward_a_year_and_back_asks_once_and_goes_on() -> None:
    year = 365 * 24 * HOUR
    state = next_state(next_state(NEVER, good(), T), good(), T + year)
    verdict = decide(state, T + MINUTE)
    assert not verdict.ask
    assert verdict.until <= T + MINUTE + SLOWEST


# -- refresh now -----------------------------------------------------------------------------------------------


def test_a_person_may_ask_before_it_is_due_but_not_twice_in_a_minute() -> None:
    state = next_state(NEVER, good(), T)
    assert decide_refresh(state, T + MINUTE).ask
    assert decide_refresh(state, T + 1000) == (False, "recent", T + MINUTE)
    assert decide_refresh(state, T - HOUR).ask


def test_a_person_cannot_shorten_a_429() -> None:
    state = next_state(NEVER, limited(0), T)
    assert decide_refresh(state, T + 2 * MINUTE) == (False, "barred", T + FASTEST)
    assert decide_refresh(state, T + FASTEST).ask


def test_a_person_may_ask_though_the_login_was_refused() -> None:
    assert decide_refresh(next_state(NEVER, PollOutcome(FORBIDDEN), T), T + MINUTE).ask
