"""What the tray says, from meters by hand and from the three workdays of the demo."""

import pytest

from helpers import NOW, Home
from tachograph.clock import FixedClock
from tachograph.demo.scenarios import NAMES, scenario
from tachograph.ledger.limits.pairings import Sighting
from tachograph.ledger.limits.windows import LimitDetail
from tachograph.ledger.storage.open import open_ledger
from tachograph.model.limits.limits import LIMITED, BankedReset, Money
from tachograph.model.usage.prices import load
from tachograph.paths import own_paths
from tachograph.queries.limits.current import OVERAGE, RESET, STALE, UNKNOWN, WALL
from tachograph.queries.tray_state import tray_state as meter_question
from tachograph.ui.cli.context import system_context
from tachograph.ui.cli.demo.scenario import play
from tachograph.ui.documents import now as now_surface
from tachograph.ui.tray.view import Environment, Icon, Segment, view
from tray_menus import HOUR, UTC, T, account, limit, menu, meter, spent, texts, under, usual


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        ("long", "Claude  5h 78%  ·  7d 91% ▲"),
        ("medium", "5h 78% · 7d 91% ▲"),
        ("compact", "78% · 91% ▲"),
    ],
)
def test_the_three_styles(style: str, shown: str) -> None:
    assert menu(usual(), style=style).plain_title == shown


def test_each_number_is_a_segment_with_the_colour_of_its_pressure() -> None:
    made = menu(usual(100, 91))
    assert made.title == (
        Segment("5h "),
        Segment("100% ■", "wall"),
        Segment(" · 7d "),
        Segment("91% ▲", "high"),
    )
    assert made.icon == Icon("100", "wall")


@pytest.mark.parametrize(("percent", "level"), [(89.4, "ok"), (89.6, "ok"), (90.0, "high"), (99.9, "high"), (100, "wall"), (104, "wall")])  # fmt: skip
def test_the_colours_begin_at_90_and_100(percent: float, level: str) -> None:
    assert menu(usual(percent, 3)).title[1].level == level


def test_several_accounts_are_told_apart_by_their_first_letter() -> None:
    made = menu(usual(), account(limit("five_hour", 12), limit("seven_day", 40), label="work@example.com", id=2))
    assert made.plain_title == "A: 5h 78% · 7d 91% ▲    W: 5h 12% · 7d 40%"
    assert texts(made.rows)[:2] == ["ada@example.org  [78% / 91% ▲]", "work@example.com  [12% / 40%]"]


def test_nothing_known_is_a_dash_and_never_nought() -> None:
    made = menu()
    assert (made.plain_title, made.icon, made.tooltip) == ("–", Icon("–", "unknown"), "No reading of your limits yet")
    half = menu(account(limit("five_hour", None, UNKNOWN), limit("seven_day", 12)))
    assert half.plain_title == "5h – · 7d 12%"
    assert "0%" not in half.plain_title


def test_what_is_old_or_past_its_reset_says_so() -> None:
    old = account(limit("five_hour", 61, STALE, age=HOUR), limit("seven_day", 95, STALE, age=HOUR))
    made = menu(old)
    assert made.plain_title == "5h ~61% · 7d ~95% ▲"
    assert {segment.level for segment in made.title} == {"", "stale"}
    assert made.rows[0].text == "ada@example.org  [~61% / ~95% ▲]  (stale since 11:00)"
    assert "Forget this account" in texts(under(made))
    assert "Forget this account" not in texts(under(menu(usual())))
    reset = menu(account(limit("five_hour", None, RESET, resets_at=T - HOUR), limit("seven_day", 12)))
    assert reset.plain_title == "5h – · 7d 12%"
    assert "5-hour   –   has reset; no newer reading yet" in texts(under(reset))


def test_a_scoped_week_that_presses_more_is_named() -> None:
    made = menu(account(limit("five_hour", 52), limit("seven_day", 60), limit("weekly_scoped:opus", 94)))
    assert made.plain_title == "5h 52% · Opus 94% ▲"
    assert [text for text in texts(under(made)) if text.startswith("Opus week   94 % ▲")]


def test_on_overage_the_spend_stands_beside_the_number_and_nothing_is_red() -> None:
    over = account(limit("five_hour", 100, OVERAGE), limit("seven_day", 40), extra=spent(7_300))
    made = menu(over)
    assert made.plain_title == "5h 100% · $73/$200"
    assert made.icon == Icon("$", "overage")
    assert "■" not in "".join(texts(under(made)))
    assert "Extra usage   $73.00 of $200.00" in texts(under(made))


def test_blocked_extra_usage_is_said() -> None:
    stopped = account(limit("five_hour", 100, WALL), extra=spent(20_000, blocked="out of credits"))
    assert "Extra usage   $200.00 of $200.00  BLOCKED: out of credits" in texts(under(menu(stopped)))


def test_problems_come_with_their_remedy() -> None:
    made = menu(account(limit("five_hour", 3), problems=(("oauth", LIMITED),)))
    (row,) = [row for row in under(made) if ":problem:" in row.key]
    assert row.text.startswith("usage endpoint: asked too often") and not row.action


def test_hostile_names_stay_in_their_row() -> None:
    nasty = account(limit("five_hour", 3), label="\x1b[31m\u202egro.live@" + "x" * 300)
    row = menu(nasty).rows[0]
    assert len(row.text) < 100
    assert not set(row.text) & {"\x1b", "\u202e", "\n"}


def test_limits_follow_the_plan_that_there_is() -> None:
    """No session, a budget beyond its cap, a balance, banked resets, a limit under a code name that has not begun."""
    week = limit("seven_day", 61)
    assert menu(account(week)).plain_title == "7d 61%"
    money = LimitDetail(Money(44_815, "USD"), Money(40_000, "USD"))
    budget = week._replace(
        key="spend_limit", label="Spend limit", group="money", percent=112.0, state=WALL, detail=money
    )
    made = menu(account(budget))
    assert (made.icon, made.plain_title.startswith("$448")) == (Icon("112", "wall"), True)
    assert "$448.15 of $400.00" in " ".join(texts(under(made)))
    prepaid = budget._replace(key="prepaid_balance", percent=None, state=UNKNOWN, resets_at=None)
    prepaid = prepaid._replace(label="Prepaid balance", detail=LimitDetail(left=Money(4_200, "USD")))
    idle = week._replace(key="nimbus_quill", label="Nimbus quill", group="", percent=0.0, resets_at=None)
    banked = (BankedReset("g", "Opus 5.5 launch", T + 9 * 24 * HOUR), BankedReset("g", "old", T - HOUR))
    rows = texts(under(menu(account(week, prepaid, idle)._replace(banked=banked))))
    assert "Prepaid balance   $42.00 left" in rows
    assert [row for row in rows if row.startswith("Banked")] == [
        "Banked limit reset: Opus 5.5 launch, until Wed  2 Dec 12:00"
    ]
    assert not any("Nimbus" in row for row in rows)


def test_the_rows_in_their_order() -> None:
    made = menu(usual(), around=Environment(dashboard="http://127.0.0.1"), standing=2)
    assert texts(made.rows) == [
        "ada@example.org  [78% / 91% ▲]",
        "5-hour   78 %   resets in 2 h 0 min, 14:00; even pace 60 %",
        "7-day   91 % ▲   resets Thu 00:00; even pace 64 %",
        "Open claude.ai/settings/usage",
        "",
        "Today $41.20 (API-equivalent)",
        "",
        "Style",
        "Notifications (on)",
        "",
        "Updated 11:59:46 by status line",
        "Refresh now",
        "Open dashboard",
        "Start at login",
        "Quit",
    ]
    assert texts(made.rows[7].children)[1] == "Medium   5h 78% · 7d 91%"
    assert [row.checked for row in made.rows[7].children] == [False, True, False]
    assert made.rows[8].children[1].action == "dismiss"
    assert menu(usual()).rows[8].children[1].action == ""


def test_the_likeliest_limit_has_its_chance_below_todays_spend() -> None:
    five, week = limit("five_hour", 78)._replace(chance=0.38), limit("seven_day", 91)._replace(chance=0.2)
    rows = menu(account(five, week)).rows
    assert [row.text for row in rows if row.key == "forecast"] == ["38 % chance to hit the limit before 14:00"]
    assert [row.key for row in rows[4:7]] == ["line:spend", "today", "forecast"]
    assert not [row for row in menu(account(five._replace(chance=0.01))).rows if row.key == "forecast"]


def test_the_tooltip_changes_with_numbers_only() -> None:
    later = view(meter(usual(), at=T + 50_000), Environment(), UTC)
    assert (
        later.tooltip
        == menu(usual()).tooltip
        == ("Icon: 7-day\n5-hour 78 %, resets 14:00\n7-day 91 % ▲, resets Thu 00:00")
    )
    assert later.title == menu(usual()).title


def test_accounts_stay_where_they_are_whoever_leads() -> None:
    one, two = usual(), account(limit("five_hour", 1), label="b@example.org", id=2)
    assert texts(menu(one, two).rows)[:2] == texts(menu(two, one).rows)[:2]


@pytest.mark.parametrize("name", NAMES)
def test_in_the_workdays_title_rows_and_colours_say_what_now_says(home: Home, name: str) -> None:
    (home.root / "empty").mkdir()
    env = {**home.env, "CLAUDE_CONFIG_DIR": str(home.root / "empty")}
    book, _ = load({})
    for played in play(scenario(name, NOW), system_context()._replace(env=env, clock=FixedClock(0))):
        at = played.now.at
        with open_ledger(own_paths(env), at) as ledger:
            made = view(meter_question(ledger.db, book, UTC, at), Environment(), UTC)
        plain = made.plain_title.replace(" ▲", "").replace(" ■", "")
        assert plain == now_surface.title(played.now, "medium")
        levels = {segment.level for segment in made.title}
        assert ("wall" in levels) == (now_surface.level(played.now) == "wall")
        assert made.icon.level == now_surface.level(played.now)
        said = {row.text.split("   ")[0]: row.text for row in under(made) if row.text}
        for known in played.now.accounts[0].limits:
            if known.percent is not None:
                assert f"{round(known.percent)} %" in said[known.label]
            assert now_surface.limit_words(known, at, UTC) in said[known.label]


def test_what_failed_inside_the_recorder_is_said() -> None:
    made = menu(usual(), around=Environment(failed="Browser bridge: port 63762 is taken by another program"))
    assert any(row.text == "Browser bridge: port 63762 is taken by another program" for row in made.rows)


def test_an_account_that_no_browser_reports_any_more_can_be_forgotten() -> None:
    gone = Sighting(1, 1, "Chromium 156", T - 1000, T, T)
    one = usual()._replace(browsers=(gone,))
    assert any(row.action == "forget:1" for row in under(menu(one)))
    here = one._replace(browsers=(gone, gone._replace(pairing=2, gone_at=None)))
    assert not any(row.action == "forget:1" for row in under(menu(here)))
