"""What goes on right now: courses of limits, rates, burn, sessions at work."""

import json

import pytest

from helpers import NOW, NOW_MS, Home
from live_states import ARM, BOOK, HOUR, LIMITER, LONG, MINUTE, RESETS, UTC, prepare, state_of
from tachograph.demo.records import assistant
from tachograph.model.context_window import window
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH, SEVEN_DAY
from tachograph.model.limits.series import series
from tachograph.model.limits.window_state import Observation
from tachograph.model.usage.periods import Span
from tachograph.queries.limits.current import FRESH, RESET, STALE, WALL, NowLimit
from tachograph.queries.limits.pace import Trend, trend
from tachograph.queries.live import Context, live_state
from tachograph.queries.usage.rows import SpendQuery
from tachograph.queries.usage.spend import spend
from tachograph.recorder.statusline import parse_status_input, store

START = RESETS - 5 * HOUR


def limit(percent: float | None, at: int, state: str = FRESH, resets: int = RESETS, key: str = FIVE_HOUR) -> NowLimit:
    group = "session" if key == FIVE_HOUR else "weekly"
    return NowLimit(key, key, group, None, percent, resets, None, OAUTH, at, state)


def level(at: int, percent: float, resets: int | None = RESETS, source: str = OAUTH, until: int = 0) -> Observation:
    return Observation(at, percent, resets, source, until)


def course(of: NowLimit, read: list[Observation], at: int) -> Trend:
    return trend(of, series(of.key, of.group, read, at), at)


# -- rates -----------------------------------------------------------------------------------------------------


def test_a_rate_is_taken_over_the_last_half_hour() -> None:
    read = [level(NOW_MS - minutes * MINUTE, 70 - minutes) for minutes in range(60, -1, -10)]
    assert course(limit(70, NOW_MS), read, NOW_MS).pace == pytest.approx(60)


def test_what_would_just_last_is_what_is_left_over_the_time_that_is_left() -> None:
    found = course(limit(78, NOW_MS), [], NOW_MS)
    assert found.sustainable_pace == pytest.approx(22 / (112 / 60))


def test_one_reading_is_no_rate() -> None:
    assert course(limit(70, NOW_MS), [level(NOW_MS, 70)], NOW_MS).pace is None


def test_a_window_begins_with_nothing() -> None:
    """Twenty minutes after its begin, one reading is enough."""
    resets = NOW_MS + 5 * HOUR - 20 * MINUTE
    found = course(limit(10, NOW_MS, resets=resets), [level(NOW_MS, 10, resets)], NOW_MS)
    assert found.pace == pytest.approx(30)


def test_two_readings_too_far_apart_are_no_rate() -> None:
    read = [level(NOW_MS - 150 * MINUTE, 20), level(NOW_MS, 70)]
    assert course(limit(70, NOW_MS), read, NOW_MS).pace is None


def test_a_value_that_was_confirmed_until_lately_held_until_then() -> None:
    read = [level(NOW_MS - 2 * HOUR, 50, until=NOW_MS - 20 * MINUTE), level(NOW_MS, 60)]
    assert course(limit(60, NOW_MS), read, NOW_MS).pace == pytest.approx(20)  # ten points in the last half hour


@pytest.mark.parametrize(("state", "percent"), [(STALE, 70.0), (RESET, None), (WALL, 100.0)])
def test_what_is_old_over_or_full_has_no_rate(state: str, percent: float | None) -> None:
    read = [level(NOW_MS - minutes * MINUTE, 70 - minutes) for minutes in range(60, -1, -10)]
    assert course(limit(percent, NOW_MS, state), read, NOW_MS).pace is None


# -- the way so far --------------------------------------------------------------------------------------------


def test_what_was_fetched_may_lower_it() -> None:
    read = [level(START + HOUR, 20), level(START + 2 * HOUR, 15)]
    assert [point.percent for point in course(limit(15, NOW_MS), read, NOW_MS).points] == [20, 15]


def test_a_reset_that_passed_ends_the_curve() -> None:
    at = RESETS + 10 * MINUTE
    found = course(limit(None, RESETS - MINUTE, RESET), [level(RESETS - MINUTE, 70)], at)
    assert found.resets == (RESETS,)
    assert found.points[-1].percent is None


def test_a_curve_is_bounded_however_often_it_was_read() -> None:
    read = [level(START + second * 1000, second / 120) for second in range(11_000)]
    assert len(course(limit(90, NOW_MS), read, NOW_MS).points) <= 122


# -- a whole state ---------------------------------------------------------------------------------------------


def test_a_morning_in_one_state(home: Home) -> None:
    prepare(home, "three")
    state = state_of(home)
    ada = state.accounts[0]
    assert [x.limit for x in ada.trends] == list(ada.account.limits)
    assert [x.limit.key for x in ada.trends][:3] == [FIVE_HOUR, SEVEN_DAY, "weekly_scoped:fable"]
    assert ada.trends[0].pace == pytest.approx(36, abs=2)
    assert len(state.accounts) == 3
    assert [session.title and session.title[:7] for session in state.sessions] == ["Rate li", "Why is ", "Chapter"]
    assert [session.is_running for session in state.sessions] == [True, True, False]
    assert state.running == 2
    limiter, _, long = state.sessions
    assert limiter.session == LIMITER
    assert limiter.agents == ("a1b2c3d4", "d4c3b2a1")
    assert limiter.context is not None and limiter.context.tokens == 20_000 + 12_000 * 30 + 4  # not a subagent's
    assert limiter.context.share == pytest.approx(0.38, abs=0.001)
    assert long.session == LONG and long.context is not None and long.context.share is None
    assert long.spend.usd is None and long.spend.unpriced == 5
    assert state.problems.counts["bad_lines"] == 1
    assert state.next_change == NOW_MS + HOUR


def test_sums_are_those_of_the_reports(home: Home) -> None:
    prepare(home, "one")
    state = state_of(home)
    with home.ledger() as ledger:
        day = Span(UTC.start_of(UTC.day(NOW_MS)), NOW_MS + HOUR)
        for along, rows in (("model", state.models), ("project", state.projects)):
            said = spend(ledger.db, BOOK, UTC, SpendQuery(along, day))
            assert [used for _, used in rows] == [row.spend for row in said.rows]
            assert state.today == said.totals
        by_session = {
            row.key.session: row.spend for row in spend(ledger.db, BOOK, UTC, SpendQuery("session", day)).rows
        }
    assert {session.session: session.spend for session in state.sessions} == by_session
    assert [name for name, _ in state.projects] == ["shop", "infra", "thesis"]


def test_burn_is_that_of_the_last_ten_minutes(home: Home) -> None:
    prepare(home, "one")
    state = state_of(home)
    lately = [message for message in state.messages if message.at >= NOW_MS - 10 * MINUTE]
    assert state.burn.usd_per_hour == pytest.approx(6 * sum(message.usd or 0 for message in lately))
    assert state.burn.tokens_per_minute == pytest.approx(sum(m.prompt + m.output for m in lately) / 10)


def test_nothing_is_nothing_and_not_unknown(home: Home) -> None:
    prepare(home, "empty")
    state = state_of(home)
    assert state.accounts == () and state.sessions == () and state.messages == ()
    assert state.burn.usd_per_hour == 0
    assert state.next_change is None


def test_names_of_projects_are_worked_out_again_only_where_there_may_be_new_ones(home: Home) -> None:
    prepare(home, "one")
    first = state_of(home)
    with home.ledger() as ledger:
        again = live_state(ledger.db, BOOK, UTC, NOW_MS, first.names)
    assert again.names is first.names
    assert again == first
    home.write("q/x.jsonl", [assistant("new", at=NOW, cwd="/other/shop", session=LONG, request="rn")])
    home.ingest()
    with home.ledger() as ledger:
        later = live_state(ledger.db, BOOK, UTC, NOW_MS, first.names)
    assert {name for name, _ in later.projects} >= {"code/shop", "other/shop"}


def test_a_status_line_tells_how_much_a_session_may_hold(home: Home) -> None:
    prepare(home, "one")
    assert state_of(home).sessions[1].context == Context(30_804, 200_000)
    for size in (1_000_000, 1_000_000, 200_000):
        told = {"session_id": ARM, "context_window": {"context_window_size": size, "used_percentage": 15}}
        with home.ledger() as ledger:
            assert (
                store(ledger, parse_status_input(json.dumps(told).encode(), NOW_MS), "") is None
            )  # no reading came along
        assert state_of(home).sessions[1].context == Context(30_804, size)
    told = {"session_id": LIMITER, "context_window": {"context_window_size": 200_000}}
    with home.ledger() as ledger:
        store(ledger, parse_status_input(json.dumps(told).encode(), NOW_MS), "")
    assert state_of(home).sessions[0].context == Context(380_004, 1_000_000)  # it holds more than that already


def test_a_longer_prompt_before_tells_it_too(home: Home) -> None:
    """After it was compacted a conversation holds less, in the same window."""
    prepare(home, "one")
    short = assistant("compacted", at=NOW, model="claude-opus-4-8", cache_read=50_000, session=LIMITER, request="rc")
    home.append("shop/a.jsonl", [short])
    home.ingest()
    (limiter,) = [session for session in state_of(home).sessions if session.session == LIMITER]
    assert limiter.context == Context(50_010, 1_000_000)


# -- the context window ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "tokens", "expected"),
    [
        ("claude-opus-4-8", 10_000, None),  # runs with either
        ("us.anthropic.claude-opus-4-8-v1:0", 300_000, 1_000_000),  # which only the larger one holds
        ("claude-opus-4-8", 1_200_000, None),
        ("claude-haiku-4-5-20251001", 10_000, 200_000),
        ("claude-sonnet-4-5", 10_000, None),
        ("claude-sonnet-4-5", 300_000, 1_000_000),  # only with the larger one
        ("claude-sonnet-4-5[1m]", 10_000, 1_000_000),
        ("claude-3-5-haiku-20241022", 10_000, 200_000),
        ("claude-haiku-4-5", 300_000, None),  # holds more than we know of
        ("claude-haiku-5-5", 10_000, None),
        ("claude-nova-1", 10_000, None),
    ],
)
def test_windows_of_models(model: str, tokens: int, expected: int | None) -> None:
    assert window(model, tokens) == expected
