"""What is said near a limit, when, and how often: by hand-made states, then with a ledger."""

from collections.abc import Iterator

import pytest

from helpers import NOW_MS, Home
from tachograph.ledger.limits import notifications as kept
from tachograph.ledger.limits.notifications import StoredNotification
from tachograph.ledger.limits.windows import LimitDetail
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import set_preference
from tachograph.model.limits.limits import ExtraUsage, Money, Reading
from tachograph.model.limits.money import money_limits
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load as load_book
from tachograph.queries.limits.current import FRESH, OVERAGE, RESET, STALE, UNKNOWN, WALL, Now, NowAccount, NowLimit
from tachograph.queries.tray_state import tray_state
from tachograph.recorder.notifications import CHANCE, Notification, due_notifications, send_due_notification
from tachograph.recorder.notifications import RESET as RESET_NOTICE
from tachograph.settings import NotificationSettings

T = NOW_MS
HOUR = 3_600_000
ENDS, WEEK = T + 2 * HOUR, T + 60 * HOUR
PLAIN = NotificationSettings()


def limit(key: str, percent: float | None, state: str = FRESH, resets_at: int | None = ENDS) -> NowLimit:
    name, group, scope = {
        "five_hour": ("5-hour", "session", None),
        "seven_day": ("7-day", "weekly", None),
        "weekly_scoped:opus": ("Opus week", "weekly", "Opus"),
    }[key]
    if group == "weekly" and resets_at == ENDS:
        resets_at = WEEK
    return NowLimit(key, name, group, scope, percent, resets_at, None, "oauth", T, state)


def account(*limits: NowLimit, extra: ExtraUsage | None = None, id: int = 1) -> NowAccount:
    spend = [
        NowLimit(
            one.key,
            one.label,
            one.group,
            None,
            one.percent,
            None,
            None,
            "oauth",
            T,
            WALL if (one.percent or 0) >= 100 else FRESH,
            detail=LimitDetail(one.used, one.limit, locked=one.locked),
        )
        for one in money_limits(Reading("oauth", T, extra=extra))
    ]
    return NowAccount(id, "u", "o", "ada", "Max", (*limits, *spend), extra, (), (), T)


def said(*accounts: NowAccount, before: list[StoredNotification] | None = None, settings: NotificationSettings = PLAIN, at: int = T, chances: dict[str, float] | None = None, earlier: float | None = None) -> list[tuple[str, str, float]]:  # fmt: skip
    verdict = due_notifications(Now(at, accounts), before or [], settings, str, chances, earlier)
    return [(alarm.kind, alarm.key, alarm.threshold) for alarm in verdict.passed]


def raised(kind: str, key: str, threshold: float, cycle: int = ENDS, **more: int | None) -> StoredNotification:
    return StoredNotification(7, 1, kind, key, threshold, cycle, T, 90.0, "text", True, more.get("dismissed_at"))


def test_a_threshold_is_said_from_its_percent_on() -> None:
    assert said(account(limit("five_hour", 89.9))) == []
    assert said(account(limit("five_hour", 90.0))) == [("threshold", "five_hour", 90.0)]
    assert said(account(limit("five_hour", 84.0)), settings=PLAIN._replace(thresholds=(50.0, 80.0))) == [
        ("threshold", "five_hour", 50.0),
        ("threshold", "five_hour", 80.0),
    ]


def test_of_the_weekly_limits_only_the_pressing_one_speaks_and_by_its_name() -> None:
    limits = (limit("seven_day", 92), limit("weekly_scoped:opus", 95))
    assert said(account(*limits)) == [("threshold", "weekly_scoped:opus", 90.0)]
    verdict = due_notifications(Now(T, (account(*limits),)), [], PLAIN, str)
    assert "Opus week" in verdict.passed[-1].title


@pytest.mark.parametrize("state", [STALE, RESET, UNKNOWN])
def test_only_fresh_numbers_are_spoken_of(state: str) -> None:
    assert said(account(limit("five_hour", 99, state))) == []


def test_only_the_account_in_use_is_spoken_of() -> None:
    assert said(account(limit("five_hour", 10)), account(limit("five_hour", 99), id=2)) == []


def test_nobody_known_is_nothing_said() -> None:
    assert said() == []


def test_once_for_a_window_also_where_its_reset_is_read_a_little_differently() -> None:
    before = [raised("threshold", "five_hour", 90.0, ENDS + 59_000)]
    assert said(account(limit("five_hour", 95)), before=before) == []
    assert said(account(limit("five_hour", 100, WALL)), before=before) == [("threshold", "five_hour", 100.0)]
    assert said(account(limit("five_hour", 95, resets_at=ENDS + 5 * HOUR)), before=before) != []


def test_a_number_that_falls_and_rises_within_its_window_is_no_news() -> None:
    before = [raised("threshold", "five_hour", 90.0)]
    assert said(account(limit("five_hour", 40)), before=before) == []
    assert said(account(limit("five_hour", 93)), before=before) == []


def test_without_a_known_reset_it_is_news_only_after_falling_clear() -> None:
    before = [raised("threshold", "five_hour", 90.0, 0)]

    def at(percent: float) -> tuple[int, ...]:
        return due_notifications(
            Now(T, (account(limit("five_hour", percent, resets_at=None)),)), before, PLAIN, str
        ).rearmed

    assert at(86.0) == ()
    assert at(84.9) == (7,)
    assert said(account(limit("five_hour", 91, resets_at=None)), before=before) == []


def test_what_was_dismissed_is_silent_until_its_window_resets() -> None:
    before = [raised("threshold", "five_hour", 90.0, dismissed_at=T)]
    assert said(account(limit("five_hour", 100, WALL)), before=before) == []
    assert said(account(limit("five_hour", 100, WALL, ENDS + 5 * HOUR)), before=before) != []


def test_a_wall_that_resets_is_said_once_and_only_while_it_is_news() -> None:
    before = [raised("threshold", "five_hour", 100.0, T - 60_000)]
    now = account(limit("five_hour", None, RESET, T - 60_000))
    assert said(now, before=before) == [(RESET_NOTICE, "five_hour", 100.0)]
    assert said(now, before=[*before, raised(RESET_NOTICE, "five_hour", 100.0, T - 60_000)]) == []
    assert said(now, before=[raised("threshold", "five_hour", 100.0, T - 2 * HOUR)]) == []
    assert said(now, before=[raised("threshold", "five_hour", 90.0, T - 60_000)]) == []


def over(used: int, cap: int | None = 20_000, percent: float | None = None) -> NowAccount:
    money = ExtraUsage(True, Money(used, "USD"), None if cap is None else Money(cap, "USD"), percent)
    return account(limit("five_hour", 100, OVERAGE), extra=money)


METERED_FIVE = ("metered", "five_hour", 100.0)


def test_where_metered_use_begins_it_is_said_once_and_then_the_spend() -> None:
    assert said(over(7_300)) == [METERED_FIVE]
    assert said(over(7_300), before=[raised("metered", "five_hour", 100.0)]) == []
    assert said(over(10_000)) == [("spend", "extra_usage", 50.0), METERED_FIVE]
    assert [threshold for kind, _, threshold in said(over(18_100)) if kind == "spend"] == [50.0, 75.0, 90.0]


def test_a_cap_that_is_used_up_is_a_wall_and_is_said_as_one() -> None:
    money = ExtraUsage(True, Money(20_000, "USD"), Money(20_000, "USD"), 100.0)
    kinds = {kind for kind, _, _ in said(account(limit("five_hour", 100, WALL), extra=money))}
    assert kinds == {"spend", "threshold"}


def test_spend_that_is_not_growing_is_not_spoken_of() -> None:
    money = ExtraUsage(True, Money(15_000, "USD"), Money(20_000, "USD"), 75.0)
    assert said(account(limit("five_hour", 40), extra=money)) == []
    assert said(account(limit("five_hour", 40), extra=money), earlier=15_000) == []


def test_spend_that_grows_below_the_limits_is_spoken_of_from_its_first_cent() -> None:
    money = ExtraUsage(True, Money(1, "USD"), Money(20_000, "USD"), 0.0)
    assert said(account(limit("five_hour", 40), extra=money), earlier=0) == [("metered", "extra_usage", 0.0)]
    more = ExtraUsage(True, Money(15_000, "USD"), Money(20_000, "USD"), 75.0)
    assert [kind for kind, _, _ in said(account(limit("five_hour", 40), extra=more), earlier=300)] == ["spend", "spend"]


def test_a_budget_of_its_own_is_spoken_of_along_its_way() -> None:
    seat = ExtraUsage(True, Money(37_519, "USD"), Money(40_000, "USD"), 93.8)
    assert [threshold for _, _, threshold in said(account(extra=seat))] == [50.0, 75.0, 90.0]


def test_without_a_cap_amounts_are_the_steps() -> None:
    assert said(over(7_300, None))[0] == ("spend", "extra_usage", 50.0)
    assert said(over(7_300, None), settings=PLAIN._replace(spend_amount=30.0))[0] == ("spend", "extra_usage", 60.0)


def test_a_limit_that_resets_while_use_is_metered_is_said() -> None:
    before = [raised("metered", "five_hour", 100.0)]
    assert said(account(limit("five_hour", 0)), before=before, at=ENDS + 1)[0] == (RESET_NOTICE, "five_hour", 100.0)
    early = limit("five_hour", 0, resets_at=None)._replace(observed_at=T + 60_000)
    assert said(account(early), before=before, at=T + 60_000)[0] == (RESET_NOTICE, "five_hour", 100.0)


def test_a_chance_is_said_from_even_odds_on_and_never_at_the_wall() -> None:
    now = account(limit("five_hour", 60))
    assert said(now, chances={"five_hour": 0.49}) == []
    assert said(now, chances={"five_hour": 0.5}) == [(CHANCE, "five_hour", 50.0)]
    assert said(now, chances={"five_hour": 0.9}, before=[raised(CHANCE, "five_hour", 50.0)]) == []
    at_wall = said(account(limit("five_hour", 100, WALL)), chances={"five_hour": 1.0})
    assert {kind for kind, _, _ in at_wall} == {"threshold"}


# -- with a ledger ---------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with home.ledger() as opened:
        yield opened


class Desktop:
    def __init__(self, problem: str = "") -> None:
        self.shown: list[str] = []
        self.problem = problem

    def __call__(self, title: str, text: str, sound: bool) -> str:
        self.shown.append(title)
        return self.problem


def give(ledger: Ledger, who: NowAccount, desktop: Desktop, minute: int = 720, at: int = T, settings: NotificationSettings = PLAIN) -> list[Notification]:  # fmt: skip
    return send_due_notification(ledger, Now(at, (who,)), settings, minute, str, desktop)


def test_of_several_thresholds_passed_at_once_the_highest_is_said_and_a_restart_says_nothing_again(ledger: Ledger) -> None:  # fmt: skip
    desktop = Desktop()
    settings = PLAIN._replace(thresholds=(50.0, 75.0, 90.0))
    assert [alarm.threshold for alarm in give(ledger, account(limit("five_hour", 93)), desktop, settings=settings)] == [
        90.0
    ]
    assert give(ledger, account(limit("five_hour", 94)), desktop, settings=settings) == []
    assert desktop.shown == ["Claude: 5-hour at 93 %"]
    assert len(kept.stored_notifications(ledger.db, 0)) == 3


def test_the_off_switch(ledger: Ledger) -> None:
    with ledger.transaction() as db:
        set_preference(db, "alarms", "off", T)
    assert give(ledger, account(limit("five_hour", 99)), Desktop()) == []


def test_quiet_hours_keep_it_for_later_if_it_is_still_true(ledger: Ledger) -> None:
    desktop, quiet = Desktop(), PLAIN._replace(quiet=(22 * 60, 7 * 60))
    assert give(ledger, account(limit("seven_day", 95)), desktop, 23 * 60, settings=quiet) == []
    assert give(ledger, account(limit("five_hour", 95)), desktop, 3 * 60, settings=quiet) == []
    morning = T + 6 * HOUR  # the 5-hour window has reset by then
    given = give(ledger, account(limit("five_hour", 5, resets_at=T + 9 * HOUR)), desktop, 7 * 60, morning, quiet)
    assert [alarm.key for alarm in given] == ["seven_day"]
    assert desktop.shown == ["Claude: while it was quiet"]
    assert give(ledger, account(limit("five_hour", 5)), desktop, 7 * 60, morning, quiet) == []


def test_a_desktop_that_fails_loses_nothing(ledger: Ledger) -> None:
    (given,) = give(ledger, account(limit("five_hour", 95)), Desktop("no desktop session"))
    assert "not shown: no desktop session" in given.text
    assert "not shown" not in kept.stored_notifications(ledger.db, 0)[0].text


def test_the_command_lists_dismisses_and_switches(home: Home, ledger: Ledger) -> None:
    give(ledger, account(limit("five_hour", 95)), Desktop())
    assert "The 5-hour limit is at 95 %" in home.call("alarms").stdout
    assert home.call("alarms", "dismiss").stdout.startswith("1 silenced")
    assert "No active notifications" in home.call("alarms", "dismiss").stdout
    assert give(ledger, account(limit("five_hour", 100, WALL)), Desktop()) == []
    assert "dismissed" in home.call("alarms").stdout
    assert "off" in home.call("alarms", "off").stdout
    document = home.call("alarms", "--json").json
    assert document["on"] is False and document["alarms"][0]["key"] == "five_hour"
    assert "Notifications are on" in home.call("alarms", "on").stdout


def test_a_notice_whose_reset_nobody_knows_stands_until_it_is_dismissed(home: Home) -> None:
    """What the tray and the page offer to silence is what `dismiss` silences."""
    later = NOW_MS + 3_600_000
    with home.ledger() as ledger, ledger.transaction() as db:
        for n, cycle in enumerate((0, later + 1, later - 1)):  # unknown, running, over
            kept.keep(db, 1, "threshold", f"limit-{n}", 90.0, cycle, NOW_MS, 91.0, "said", is_shown=True)
        assert tray_state(db, load_book({})[0], Calendar(*parsed_zone("UTC")), later).standing == 2
        assert kept.dismiss(db, later) == 2
        assert kept.standing(db, later) == 0


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("thresholds = [80, 95]", PLAIN._replace(thresholds=(80.0, 95.0))),
        ('quiet = "22:30-07:00"', PLAIN._replace(quiet=(1350, 420))),
        ("spend_amount = 100\nsound = true", PLAIN._replace(spend_amount=100.0, sound=True)),
        ('thresholds = "x"\nquiet = "25:00-1"\nspend = [0]\nspend_amount = -1\ndesktop = 1\nodd = 2', PLAIN),
    ],
)
def test_settings(home: Home, toml: str, expected: NotificationSettings) -> None:
    from tachograph.settings import load

    home.data.mkdir()
    path = home.data / "settings.toml"
    path.write_text(f"[alarms]\n{toml}\n")
    loaded = load(str(path))
    assert loaded.notifications == expected
    assert len(loaded.problems) == (6 if "odd" in toml else 0)
