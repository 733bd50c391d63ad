"""What work weighs, learned from readings and messages whose hidden weights are known: shares, intervals, changes."""

import math
import random

import pytest

from tachograph.demo import limits
from tachograph.model.estimates import attribution, changes, learner, training_windows, weights
from tachograph.model.estimates.learner import Learned
from tachograph.model.estimates.training_windows import Message, Reading, Window
from tachograph.model.estimates.window_filter import explain

DAY, HOUR = 86_400.0, 3600.0
T0 = 2900 * limits.WEEK
OPUS, SONNET = "claude-opus-4-8", "claude-sonnet-4-6"


def worked(days: int, seed: int = 1) -> list[limits.PricedMessage]:
    """Sessions of an hour or two with one model each, three on a weekday, a message about every two minutes."""
    chance = random.Random(seed)
    made = []
    for day in range(days):
        for number, hour in enumerate((9, 13, 16)):
            at = T0 + day * DAY + hour * HOUR + chance.uniform(0, HOUR)
            model = OPUS if chance.random() < 0.5 else SONNET
            for _ in range(chance.randint(15, 50)):
                at += chance.uniform(30, 240)
                dollars = (0.01, chance.uniform(0.05, 0.4), chance.uniform(0.05, 0.3), chance.uniform(0.1, 1.2))
                made.append(limits.PricedMessage(at, f"s{day}-{number}", model, dollars))
    return sorted(made)


def learned(
    work: list[limits.PricedMessage], invented: limits.Invented, until: float
) -> tuple[Learned, list[Window], list[Reading]]:
    """Everything that was over at a moment, taken in; and the windows and readings there were."""
    messages = [Message(*one) for one in work if one.at <= until]
    readings = [Reading(s.at, s.five, s.five_reset, s.week, s.week_reset) for s in invented.said if s.at <= until]
    data = learner.training_data(messages, readings)
    known, _ = learner.advance(Learned(), data, until)
    return known, list(data.windows), readings


def week_of(
    work: list[limits.PricedMessage], invented: limits.Invented, until: float
) -> tuple[attribution.Shares, dict[str, float]]:
    """The estimated shares of the week that runs at a moment, and the true ones ("" is elsewhere)."""
    known, windows, readings = learned(work, invented, until)
    last = readings[-1]
    assert last.week is not None
    assert last.week_reset is not None
    since = last.week_reset - training_windows.WEEK
    mine = [window.until(until) for window in windows if window.reset > since]
    found = attribution.week(known, mine, last.week, last.at, since)
    assert found is not None
    true = invented.weeks[last.week_reset]
    return found, {model: points / sum(true.values()) for model, points in true.items()}


def test_the_hidden_shares_of_a_week_are_found_within_two_points_and_inside_their_intervals() -> None:
    work = worked(34)
    invented = limits.readings(work, T0 + 34 * DAY)
    found, true = week_of(work, invented, T0 + 34 * DAY)
    assert abs(found.by_model[OPUS].value - true[OPUS]) <= 0.02
    this_week = [one for one in work if one.at >= T0 + 28 * DAY]
    price = sum(sum(one.dollars) for one in this_week if one.model == OPUS) / sum(sum(one.dollars) for one in this_week)
    assert abs(price - true[OPUS]) > 0.02  # the split by list price is further off than that
    assert abs(found.by_model[SONNET].value - true[SONNET]) <= 0.02
    assert abs(found.unexplained.value - true[""]) <= 0.03
    assert found.by_model[OPUS].low <= true[OPUS] <= found.by_model[OPUS].high


def test_shares_and_what_is_not_explained_add_up_to_one() -> None:
    work = worked(20)
    found, _ = week_of(work, limits.readings(work, T0 + 20 * DAY), T0 + 20 * DAY)
    assert sum(one.value for one in found.by_model.values()) + found.unexplained.value == pytest.approx(1)
    parts = [found.share(lambda session, _, number=number: float(session.endswith(number))) for number in "012"]  # type: ignore[misc]
    assert sum(part.value for part in parts) == pytest.approx(1 - found.unexplained.value)


def test_without_use_elsewhere_next_to_nothing_is_unexplained_and_its_interval_begins_at_nothing() -> None:
    work = worked(27)
    found, _ = week_of(work, limits.readings(work, T0 + 27 * DAY, has_phone=False), T0 + 27 * DAY)
    assert found.unexplained.value <= 0.02
    assert found.unexplained.low == 0


def test_a_session_costs_what_it_did_within_a_point() -> None:
    work = worked(27)
    invented = limits.readings(work, T0 + 27 * DAY)
    known, windows, _ = learned(work, invented, T0 + 26 * DAY)
    off, inside = [], []
    for window in windows[-20:]:
        assert known.five is not None
        for session, part in explain(known.five, window).sessions.items():
            true = next(
                (
                    p
                    for (s, reset), p in invented.sessions.items()
                    if s == session and training_windows.same(reset, window.reset)
                ),
                None,
            )
            if true is not None:
                said = attribution.session_points(part.points, part.sd)
                off.append(abs(said.value - true))
                inside.append(said.low <= true <= said.high)
    assert len(off) >= 15
    assert sum(off) / len(off) <= 1.0
    assert sum(inside) / len(inside) >= 0.6


@pytest.mark.parametrize("factor", [1.4, 0.7])
def test_a_change_of_what_work_costs_is_noticed_with_its_day_and_its_size(factor: float) -> None:
    work = worked(60)
    changed = T0 + 40 * DAY
    invented = limits.readings(work, T0 + 60 * DAY, factor_after=(changed, factor))
    known, _, _ = learned(work, invented, T0 + 60 * DAY)
    assert known.five is not None and known.five.changes
    found_change = changes.lasting([(one.since, one.factor) for one in known.five.changes], T0 + 60 * DAY)
    assert found_change is not None  # a change that is found in two steps is reported as one
    assert abs(found_change[0] - changed) <= 4 * DAY
    assert found_change[1] == pytest.approx(factor, rel=0.15)
    found, true = week_of(work, invented, T0 + 60 * DAY)
    assert abs(found.by_model[OPUS].value - true[OPUS]) <= 0.05


def test_where_nothing_changes_no_change_is_noticed() -> None:
    for seed in range(4):
        work = worked(50, seed)
        known, _, _ = learned(work, limits.readings(work, T0 + 50 * DAY, seed), T0 + 50 * DAY)
        assert known.five is not None and known.five.changes == (), seed
        assert known.scale is not None and known.scale.changes == (), seed


def test_a_full_five_hour_window_is_found_to_be_its_part_of_the_week() -> None:
    work = worked(27)
    known, _, _ = learned(work, limits.readings(work, T0 + 27 * DAY), T0 + 27 * DAY)
    assert known.scale is not None
    assert known.scale.plain == pytest.approx(limits.WEEK_PER_WINDOW, rel=0.05)


def test_gaps_corrections_and_readings_at_the_wall_do_not_spoil_what_is_learned() -> None:
    work = worked(34)
    invented = limits.readings(work, T0 + 34 * DAY)
    chance = random.Random(3)
    torn = []
    for said in invented.said:
        if chance.random() < 0.3 or 20 * DAY < said.at - T0 < 22 * DAY:
            continue  # not read
        if 10 * DAY < said.at - T0 < 10.2 * DAY:
            said = said._replace(five=max(0.0, said.five - 20))  # the service takes something back
        if 12 * DAY < said.at - T0 < 12.3 * DAY:
            said = said._replace(five=100.0)
        jitter = None if said.five_reset is None else said.five_reset + chance.uniform(-20, 20)
        torn.append(said._replace(five_reset=jitter))
    found, true = week_of(work, invented._replace(said=tuple(torn)), T0 + 34 * DAY)
    assert abs(found.by_model[OPUS].value - true[OPUS]) <= 0.04


def test_a_new_model_begins_at_its_list_price_and_unsure() -> None:
    work = worked(20)
    known, _, _ = learned(work, limits.readings(work, T0 + 20 * DAY), T0 + 20 * DAY)
    new = training_windows.Work("s", "claude-new", (0.0, 1.0, 0.0, 0.0))
    old = training_windows.Work("s", OPUS, (0.0, 1.0, 0.0, 0.0))
    assert known.five is not None
    assert sum(weights.points(known.five, [new]).values()) > 0
    assert weights.points_var(known.five, [new]) > 4 * weights.points_var(known.five, [old])


def test_nothing_is_learned_from_nothing() -> None:
    assert weights.first_guess([]) is None
    assert training_windows.windows([], []) == []
    assert attribution.week(Learned(five=weights.begin(1.0, T0)), [], 50.0, T0, T0 - training_windows.WEEK) is None


def test_readings_without_rhyme_or_reason_break_nothing() -> None:
    """Percentages that jump about, work of any size, resets that jitter: what is learned stays finite, shares stay shares."""
    for seed in range(60):
        chance = random.Random(seed)
        scale, at = 10 ** chance.uniform(-6, 4), T0
        messages: list[Message] = []
        readings: list[Reading] = []
        for _ in range(chance.randint(1, 20)):
            at += chance.uniform(0, 40_000)
            reset = at + training_windows.FIVE_HOURS
            for _ in range(chance.randint(0, 40)):
                moment = at + chance.uniform(-200, 19_000)
                a, b, c, d = (scale * chance.expovariate(1) * (chance.random() < 0.7) for _ in range(4))
                messages.append(Message(moment, f"s{chance.randint(0, 20)}", chance.choice("abc"), (a, b, c, d)))
                five = chance.choice([None, 0.0, 100.0, chance.uniform(0, 130), float(chance.randint(0, 100))])
                named = chance.choice([None, reset, reset + chance.uniform(-100, 100)])
                readings.append(
                    Reading(moment + 1, five, named, chance.choice([None, chance.uniform(0, 110)]), T0 + 9e6)
                )
            at = reset
        messages.sort(key=lambda message: message.at)
        readings.sort(key=lambda reading: reading.at)
        data = learner.training_data(messages, readings)
        learned, _ = learner.advance(Learned(), data, at + 1e7)
        known = learned.weights
        if known is None:
            continue
        assert all(math.isfinite(value) for value in known.mean), seed
        assert all(known.cov[place][place] >= 0 for place in range(len(known.mean))), seed
        windows = list(data.days if known is learned.week else data.windows)
        for used in (0.0, 50.0, 100.0):
            found = attribution.week(learned, windows[-6:], used, windows[-1].reset, windows[-1].start - 500_000)
            for one in [] if found is None else [*found.by_model.values(), found.unexplained]:
                assert 0 <= one.low <= one.value + 1e-9 <= one.high + 2e-9 <= 1 + 3e-9, (seed, one)
