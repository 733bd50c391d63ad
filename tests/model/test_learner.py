"""Learning through changed limits and plans, without a 5-hour limit, and by rounding; over accounts with hidden weights."""

import random

import pytest

from tachograph.model.estimates import attribution, learner, stored_state, training_windows, week_scale
from tachograph.model.estimates.learner import Learned, PlanChange
from tachograph.model.estimates.training_windows import DAY, FIVE_HOURS, WEEK, Message, Reading
from tachograph.model.estimates.weights import CUT

T0 = 2900 * WEEK
OPUS, SONNET = "claude-opus-4-8", "claude-sonnet-4-6"
WEIGHT = {OPUS: 2.0, SONNET: 1.0}  # points of a 5-hour window per dollar
OF_WEEK = 0.11


class Account:
    """A simulated account: three windows a day, readings every five minutes, hidden weights; `limit_after` makes the 5-hour
    limit larger from a moment on, `week_after` the weekly limit."""

    def __init__(
        self,
        days: int,
        *,
        limit_after: tuple[float, float] = (1e18, 1.0),
        week_after: tuple[float, float] = (1e18, 1.0),
        has_five: bool = True,
        elsewhere: float = 0.0,
        cut: float = 0.0,
        seed: int = 1,
    ) -> None:
        chance = random.Random(seed)
        self.messages: list[Message] = []
        self.readings: list[Reading] = []
        self.used: dict[float, dict[str, float]] = {}
        week_points: dict[str, float] = {}
        for day in range(days):
            for hour in (8, 13, 18):
                start = T0 + day * DAY + hour * 3600
                reset, week_reset = start + FIVE_HOURS, T0 + (day // 7 + 1) * WEEK
                if (week_reset - T0) // WEEK > len(self.used):
                    week_points = self.used.setdefault(week_reset, {})
                model, five = (OPUS if chance.random() < 0.5 else SONNET), 0.0
                larger = limit_after[1] if start >= limit_after[0] else 1.0
                of_week = OF_WEEK * larger / (week_after[1] if start >= week_after[0] else 1.0)
                dollars = chance.uniform(2, 12)
                for step in range(24):
                    at = start + step * 300
                    part = dollars / 24 * chance.uniform(0.5, 1.5)
                    self.messages.append(
                        Message(at, f"s{day}-{hour}", model, (0.1 * part, 0.4 * part, 0.2 * part, 0.3 * part))
                    )
                    points = WEIGHT[model] * part / larger
                    other = elsewhere * chance.uniform(0, 2) if step % 8 == 0 else 0.0
                    five += points + other
                    week_points[model] = week_points.get(model, 0.0) + points * of_week
                    week_points[""] = week_points.get("", 0.0) + other * of_week
                    week = sum(week_points.values())
                    self.readings.append(
                        Reading(
                            at + 200,
                            self._rounded(five, cut) if has_five else None,
                            reset if has_five else None,
                            self._rounded(week, cut),
                            week_reset,
                        )
                    )

    @staticmethod
    def _rounded(value: float, cut: float) -> float:
        return float(min(100, int(value + 0.5 - cut)))

    def learn(self, plans: tuple[PlanChange, ...] = (), plan: str = "") -> Learned:
        data = learner.training_data(self.messages, self.readings, plans)
        return learner.advance(Learned(plan=plan), data, self.readings[-1].at + DAY)[0]

    def shares(self, learned: Learned) -> tuple[attribution.Shares, dict[str, float]]:
        """Shares of the last week, and the true ones ("" is use elsewhere)."""
        last = self.readings[-1]
        assert last.week is not None and last.week_reset is not None
        since = last.week_reset - WEEK
        by_days = learned.weights is learned.week
        made = (training_windows.week_days if by_days else training_windows.windows)(self.messages, self.readings)
        found = attribution.week(learned, [one for one in made if one.reset > since], last.week, last.at, since)
        assert found is not None
        true = self.used[last.week_reset]
        return found, {name: points / sum(true.values()) for name, points in true.items()}


def test_a_doubled_five_hour_limit_is_blamed_on_no_other_machine() -> None:
    account = Account(42, limit_after=(T0 + 28 * DAY, 2.0))
    learned = account.learn()
    assert learned.scale is not None and learned.scale.plain == pytest.approx(2 * OF_WEEK, rel=0.08)
    found, true = account.shares(learned)
    assert abs(found.unexplained.value - true[""]) <= 0.05
    assert abs(found.by_model[OPUS].value - true[OPUS]) <= 0.03


def test_a_smaller_week_changes_the_scale_and_not_the_weights() -> None:
    account = Account(42, week_after=(T0 + 28 * DAY, 0.7))
    learned = account.learn()
    assert learned.scale is not None and learned.scale.plain == pytest.approx(OF_WEEK / 0.7, rel=0.08)
    found, true = account.shares(learned)
    assert abs(found.unexplained.value - true[""]) <= 0.05


def test_without_a_five_hour_limit_shares_are_learned_from_days_of_the_week() -> None:
    account = Account(35, has_five=False)
    learned = account.learn()
    assert learned.five is None and learned.week is not None and learned.week.windows >= 8
    found, true = account.shares(learned)
    assert abs(found.by_model[OPUS].value - true[OPUS]) <= 0.04
    assert found.by_model[OPUS].low <= true[OPUS] <= found.by_model[OPUS].high


def test_another_plan_begins_with_its_own_size_of_a_window_in_the_week() -> None:
    account = Account(28)
    change = PlanChange(account.readings[-1].at + 60, "max_5x", "max_20x")
    before = account.learn(plan="max_5x")
    after = account.learn((change,), plan="max_5x")
    plans = learner.load_announcements()["plans"]
    assert after.plan == "max_20x"
    assert after.scale is not None and after.scale.plain == plans["max_20x"]["window_of_week"]
    assert before.five is not None and after.five is not None
    assert after.five.changes[-1].factor == pytest.approx(plans["max_5x"]["five_hour"] / plans["max_20x"]["five_hour"])
    assert after.five.cov[0][0] > before.five.cov[0][0]


def test_percentages_that_are_cut_off_are_told_from_rounded_ones() -> None:
    exact, cut = Account(42).learn().five, Account(42, cut=0.5).learn().five
    assert exact is not None and cut is not None
    assert cut.mean[CUT] > exact.mean[CUT] + 0.1  # half a point, but a session of its own may cost that, too


def test_the_fit_is_the_share_that_the_logs_explain() -> None:
    alone, shared = Account(21).learn().five, Account(21, elsewhere=20.0).learn().five
    assert alone is not None and alone.fit > 0.85
    assert shared is not None and shared.fit < 0.5


def test_a_state_survives_being_stored_and_prices_are_part_of_it() -> None:
    learned = Account(28, limit_after=(T0 + 14 * DAY, 2.0)).learn(plan="max_5x")
    text = stored_state.dump(learned, "prices-1")
    assert stored_state.parse(text, "prices-1") == learned
    assert stored_state.parse(text, "prices-2") is None
    for broken in ("", "[]", "{}", text[:-9], text.replace("[", "{", 1)):
        assert stored_state.parse(broken, "prices-1") is None


def test_a_week_that_was_set_to_zero_counts_from_there() -> None:
    reset = T0 + WEEK
    levels = [(1, 10.0), (2, 40.0), (3, 0.0), (4, 6.0)]
    readings = [Reading(T0 + day * DAY, None, None, percent, reset) for day, percent in levels]
    assert training_windows.week_start(readings, reset, T0 + 5 * DAY) == T0 + 2 * DAY
    assert training_windows.week_start(readings, reset, T0 + 2.5 * DAY) == T0


def test_an_announced_change_needs_less_evidence() -> None:
    dates = [one["at"] for one in learner.load_announcements()["changes"]]
    assert dates == sorted(dates) and all(one["source"] for one in learner.load_announcements()["changes"])
    assert learner.is_announced(1_778_112_000.0)  # a day after the 5-hour limits were doubled
    assert not learner.is_announced(1_700_000_000.0)
    assert week_scale.change(week_scale.begin(), is_expected=True) is None
