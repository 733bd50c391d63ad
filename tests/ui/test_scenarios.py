"""Three invented workdays: title, status line, guard, notices and JSON say the same at every moment."""

import itertools
import re

import pytest

from helpers import NOW, Home
from tachograph.clock import FixedClock
from tachograph.demo.scenarios import NAMES, scenario
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.queries.limits.current import OVERAGE, WALL
from tachograph.queries.limits.guard import EXIT_CODES
from tachograph.text.table import PLAIN
from tachograph.ui.cli.context import Context, system_context
from tachograph.ui.cli.demo.scenario import MomentState, play
from tachograph.ui.documents import now as surface

UTC = Calendar(*parsed_zone("UTC"))


@pytest.fixture
def context(home: Home) -> Context:
    (home.root / "empty").mkdir()
    env = {**home.env, "CLAUDE_CONFIG_DIR": str(home.root / "empty")}
    return system_context()._replace(env=env, clock=FixedClock(0))


def lived(name: str, context: Context) -> dict[str, MomentState]:
    return {f"{played.moment.at:%H:%M}": played for played in play(scenario(name, NOW), context)}


@pytest.mark.parametrize("name", NAMES)
def test_every_surface_says_the_same_percent_source_and_state(name: str, context: Context) -> None:
    for played in lived(name, context).values():
        account = played.now.accounts[0]
        pressing = surface.pressing(played.now)
        assert pressing is not None and played.verdict.limit is not None
        document = surface.document(played.now, [])
        by_key = {limit["key"]: limit for limit in document["accounts"][0]["limits"]}
        for limit in account.limits:
            assert by_key[limit.key]["percent"] == limit.percent
            assert (by_key[limit.key]["state"], by_key[limit.key]["source"]) == (limit.state, limit.source)
        if played.verdict.state != "clear":
            assert played.verdict.limit.key == pressing.key
        five = account.limit("five_hour")
        assert five is not None
        assert f"5h {round(five.percent or 0)}%" in surface.title(played.now, "medium")
        assert f"5h {round(five.percent or 0)} %" in played.line
        week = account.weekly
        assert week is not None
        if five.state != OVERAGE:
            name_of = "7d" if week.key == "seven_day" else week.scope
            assert surface.title(played.now, "medium").endswith(f"{name_of} {round(week.percent or 0)}%")
            assert f"{name_of} {round(week.percent or 0)} %" in played.line
        assert document["headline"] == surface.title(played.now, "medium")
        if pressing.percent is not None and pressing.percent >= 90 and pressing.state != OVERAGE:
            assert ("▲" in played.line) == (pressing.percent < 100)
            assert surface.level(played.now) == ("high" if pressing.percent < 100 else "wall")
        for alarm in played.alarms:
            if alarm.percent is not None and alarm.kind == "threshold":
                assert alarm.percent == account.limit(alarm.key).percent  # type: ignore[union-attr]


def test_tuesday_the_notice_comes_before_the_refusal_and_the_wall_beats_an_older_88(context: Context) -> None:
    day = lived("tuesday", context)
    assert [(at, a.kind, a.threshold) for at, played in day.items() for a in played.alarms] == [
        ("10:30", "threshold", 90.0),
        ("11:00", "threshold", 100.0),
        ("12:02", "reset", 100.0),
    ]
    before, at_wall = (day[at].now.accounts[0].limit("five_hour") for at in ("10:40", "11:00"))
    assert before is not None and at_wall is not None
    assert (before.percent, before.state, before.source) == (88.0, "fresh", "claude_json")
    assert (at_wall.percent, at_wall.state, at_wall.source) == (100.0, WALL, "transcript")
    assert [played.verdict.exit_code for played in day.values()] == [0, 0, 0, 10, 10, 11, 0]  # 88 after 91 stays near
    assert surface.title(day["11:00"].now, "medium") == "5h 100% · 7d 43%"
    assert surface.level(day["11:00"].now) == "wall"


def test_friday_headline_colour_alarm_and_guard_speak_of_opus(context: Context) -> None:
    day = lived("friday", context)
    noon = day["11:50"]
    assert surface.title(noon.now, "medium") == "5h 52% · Opus 91%"
    assert surface.level(noon.now) == "high"
    (alarm,) = noon.alarms
    assert (alarm.key, alarm.threshold, alarm.percent) == ("weekly_scoped:opus", 90.0, 91.0)
    assert "Opus" in alarm.text
    assert noon.verdict.limit is not None and noon.verdict.limit.key == "weekly_scoped:opus"
    assert day["15:20"].alarms == ()  # once for the window
    percents = {limit.key: limit.percent for limit in day["15:20"].now.accounts[0].limits}
    assert (percents["weekly_scoped:opus"], percents["weekly_scoped:sonnet"], percents["seven_day"]) == (94, 41, 60)


def test_sunday_nothing_says_wall(context: Context) -> None:
    day = lived("sunday", context)
    end = day["14:05"]
    assert surface.title(end.now, "medium") == "5h 100% · $73/$200"
    assert end.verdict.exit_code == EXIT_CODES["overage"]
    for played in day.values():
        shown = surface.screen(played.now, UTC, 100, PLAIN, blocks=True)
        said = [*shown, played.line, str(surface.document(played.now, [])), *(a.text + a.title for a in played.alarms)]
        assert not [text for text in said if re.search(r"wall|■", text)]
    assert [(at, a.threshold) for at, played in day.items() for a in played.alarms] == [
        ("11:40", 90.0),
        ("12:15", 100.0),  # metered use begins
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_demo_plays_it_and_leaves_nothing_behind(home: Home, name: str) -> None:
    result = home.run("demo", "--scenario", name, env={"TMPDIR": str(home.root)})
    assert "tachograph now" in result.stdout
    assert not home.data.exists()
    assert not list(home.root.glob("tachograph-demo-*"))
    kept = home.root / "kept"
    result = home.run("demo", "--scenario", name, "--keep", str(kept))
    assert "limits" in result.stderr and (kept / ".tachograph" / "ledger.sqlite3").exists()


def demo(home: Home, *words: str, now: str = "", code: int | None = 0) -> str:
    env = {"TMPDIR": str(home.root), "COLUMNS": "110", **({"TACHOGRAPH_NOW": now} if now else {})}
    return home.run("demo", *words, env=env, code=code).stdout


@pytest.fixture(scope="module")
def friday(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Friday 15:25, kept: a home in which any command can be run."""
    home = Home(tmp_path_factory.mktemp("friday"))
    kept = home.root / "kept"
    said = home.run("demo", "--scenario", "friday", "--at", "15:25", "--keep", str(kept), "now").stderr
    words = dict(word.split("=", 1) for word in said.split() if "=" in word)
    home.env |= {name: words[name] for name in ("HOME", "CLAUDE_CONFIG_DIR", "TACHOGRAPH_HOME", "TZ", "TACHOGRAPH_NOW")}
    return home


def test_any_command_runs_in_a_workday_with_its_clock(friday: Home) -> None:
    (account,) = friday.run("now", "--json").json["accounts"]
    known = {limit["key"]: (limit["percent"], limit["age_seconds"]) for limit in account["limits"]}
    assert known["weekly_scoped:opus"] == (94, 300)
    assert (known["five_hour"][0], known["seven_day"][0]) == (9, 60)
    watched = friday.run("watch", "--once").stdout
    assert "94 %" in watched
    titles = [row["title"] for row in friday.run("sessions", "--last", "1", "--json").json["rows"]]
    assert {"Migrate orders to the new tables", "Review the orders migration"} <= set(titles)
    assert "ada/shop#447" in friday.run("prs", "--last", "1").stdout


def test_friday_limits_breakdown_and_messages_are_one_story(friday: Home) -> None:
    screen = " ".join(friday.run("why").stdout.split())
    assert "no clear sign of other use" in screen
    (account,) = friday.run("now", "--json").json["accounts"]
    by_product = {share["key"]: share["percent"] for share in account["breakdown"]}
    assert by_product["claude_code"] >= 95
    assert "opus-5-5 burned" in screen
    assert "Migrate orders to the new tables" in screen
    windows = sorted(
        (one["first_seen_at"], one["resets_at"])
        for one in friday.run("limits", "--json").json["windows"]
        if one["limit"] == "five_hour" and one["resets_at"]
    )
    assert len(windows) > 20
    for (_, ended), (begun, _) in itertools.pairwise(windows):
        assert ended <= begun, "two 5-hour windows overlap"


def test_a_workday_is_the_same_on_every_weekday_it_is_played_on(home: Home) -> None:
    monday, thursday = 1_795_435_200_000, 1_795_693_380_000  # 23 and 26 November 2026, at other minutes
    first, second = (
        demo(home, "--scenario", "tuesday", "--at", "11:00", "now", now=str(at)) for at in (monday, thursday)
    )
    assert first and [line.split("resets")[0] for line in first.splitlines()] == [
        line.split("resets")[0] for line in second.splitlines()
    ]


def test_tuesday_is_orange_before_the_refusal_and_red_after_it(home: Home) -> None:
    assert "88 % ▲" in demo(home, "--scenario", "tuesday", "--at", "10:45", "now")
    assert "100 % ■" in demo(home, "--scenario", "tuesday", "--at", "11:05", "now")


@pytest.mark.parametrize("words", [("--scenario", "friday", "--at", "25:99"), ("--scenario", "friday", "--at", "07:00"), ("--at", "15:25")])  # fmt: skip
def test_a_time_that_is_none_says_so(home: Home, words: tuple[str, ...]) -> None:
    result = home.run("demo", *words, env={"TMPDIR": str(home.root)}, code=None)
    assert result.code == 2 and "--at" in result.stderr
    assert not list(home.root.glob("tachograph-demo-*"))
