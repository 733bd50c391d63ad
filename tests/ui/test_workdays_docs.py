"""The page "Meter or dashboard" claim by claim: every sentence about a workday holds in the home that the demo plays."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from workday import Day

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "meter-or-dashboard.md"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Day]:
    known: dict[tuple[str, str], Day] = {}

    def at(name: str, clock: str = "") -> Day:
        if (name, clock) not in known:
            known[name, clock] = Day(tmp_path_factory.mktemp("day"), name, clock)
        return known[name, clock]

    return at


DayAt = Callable[..., Day]


def fills_from_nine(day: DayAt) -> None:
    values = [day("tuesday", clock).limits()["five_hour"] for clock in ("09:12", "10:06", "10:31")]
    assert values == sorted(values) and values[-1] == 91


def reports_90_in_orange(day: DayAt) -> None:
    notices = day("tuesday", "10:31").json("notifications")
    assert "90" in str(notices)
    assert day("tuesday", "10:31").tray().icon.level == "high"


def stays_orange(day: DayAt) -> None:
    assert day("tuesday", "10:45").limits()["five_hour"] == 88
    assert "88 % ▲" in day("tuesday", "10:45").screen
    assert day("tuesday", "10:45").tray().icon.level == "high"


def refuses_at_eleven(day: DayAt) -> None:
    hit = [one for one in day("tuesday", "11:05").json("limits")["windows"] if one["hit_at"] and one["running"]]
    assert [one["hit_at"][11:16] for one in hit] == ["11:00"]


def shows_100_until_noon(day: DayAt) -> None:
    for clock in ("11:05", "11:58"):
        at = day("tuesday", clock)
        assert at.limits()["five_hour"] == 100
        assert at.tray().icon.level == "wall"
        assert "5h 100 %" in at.home.run("statusline").stdout
        with at.page() as page:
            assert page.data("/api/now")["accounts"][0]["limits"][0]["percent"] == 100
    assert day("tuesday", "12:05").limits()["five_hour"] == 2


def evening_pages(day: DayAt) -> None:
    evening = day("tuesday")
    with evening.page() as page:
        assert "11:00" in page.get("/limits").text
        hours = {row["period"]: row["messages"] for row in evening.json("hourly", "--last", "24")["rows"]}
        assert "T09:00" in max(hours, key=lambda hour: hours[hour])
        assert page.get("/usage?range=today").status == 200


def both_in_the_headline(day: DayAt) -> None:
    at = day("tuesday-max", "12:15")
    assert (at.limits()["five_hour"], at.limits()["weekly_scoped:opus"]) == (78, 91)
    assert at.json("now")["headline"] == "5h 78% · Opus 91%"
    guard = at.home.run("guard", code=None)
    assert guard.code == 10 and "Opus" in guard.stdout + guard.stderr


def credits_take_over(day: DayAt) -> None:
    at = day("tuesday-max", "13:45")
    assert at.limits()["five_hour"] == 100
    assert at.home.run("guard", code=None).code == 12


def three_numbers_on_one_screen(day: DayAt) -> None:
    screen = day("tuesday-max", "13:45").screen
    rows = {
        line.split("  ")[1].strip(): line for line in screen.splitlines() if " % " in line and line.startswith("  ")
    }
    assert "100 %" in rows["5-hour"] and "91 %" in rows["Opus week"] and " 5 %" in rows["Extra usage"]


def opus_comes_first(day: DayAt) -> None:
    at = day("friday", "15:25")
    assert (at.limits()["seven_day"], at.limits()["weekly_scoped:opus"]) == (60, 94)
    assert "Opus 94%" in at.json("now")["headline"]


def two_sessions_used_most(day: DayAt) -> None:
    at = day("friday", "15:25")
    titles = [row["title"] for row in at.json("sessions", "--last", "1", "--by", "model")["rows"]]
    assert {"Migrate orders to the new tables", "Review the orders migration"} <= set(titles[:2])
    with at.page() as page:
        text = page.get("/usage?range=today&stack=session").text
    assert all(title in text for title in titles[:2])


def continues_at_100(day: DayAt) -> None:
    at = day("sunday", "14:10")
    assert at.limits()["five_hour"] == 100


def shows_the_money(day: DayAt) -> None:
    at = day("sunday", "14:10")
    assert at.json("now")["headline"] == "5h 100% · $73/$200"
    assert "$73/$200" in at.tray().plain_title
    assert "$73/$200" in at.home.run("statusline").stdout
    with at.page() as page:
        text = page.get("/").text
    assert "$73.00" in text and "$200.00" in text


def guard_stops(day: DayAt) -> None:
    assert day("sunday", "14:10").home.run("guard", code=None).code == 12


def bought_by_money(day: DayAt) -> None:
    at = day("sunday")
    assert "ada/shop#452" in at.home.run("prs", "--last", "1").stdout
    with at.page() as page:
        assert "#452" in page.get("/pulls").text


CLAIMS: dict[str, Callable[[DayAt], None]] = {
    "The 5-hour window fills from nine o'clock on.": fills_from_nine,
    "At 10:30 a notification reports 90 %, and the tray turns orange.": reports_90_in_orange,
    "At 10:40 the service corrects the number to 88 %, which stays orange after 91 %.": stays_orange,
    "At 11:00 Claude Code refuses a request.": refuses_at_eleven,
    "The refusal counts: tray, status line and page show 100 % until noon.": shows_100_until_noon,
    "In the evening, *Limits* shows the refusal, and *Usage* shows the hour that used the most.": evening_pages,
    "At 12:13 the 5-hour limit is at 78 % and the weekly limit for Opus at 91 %.": both_in_the_headline,
    "The headline shows both, and `guard` reports the second.": both_in_the_headline,
    "At 13:40 the 5-hour limit is at 100 %, and usage credits take over.": credits_take_over,
    "One screen shows three numbers: credits at 5 % of their cap, the 5-hour limit at 100 %, the Opus week at 91 %.":
        three_numbers_on_one_screen,
    "The week is at 60 %, but the weekly limit for Opus is at 94 %.": opus_comes_first,
    "The headline names Opus, because that limit comes first.": opus_comes_first,
    "*Usage* by model and session shows the two sessions that used most of it.": two_sessions_used_most,
    "It reaches 100 % and continues, because metered use is on.": continues_at_100,
    "Tray, status line and page show the amount spent and its cap instead of a warning.": shows_the_money,
    "`guard` stops scripts at that point.": guard_stops,
    "Later, *Pull requests* shows what the money bought.": bought_by_money,
}  # fmt: skip


def sentences() -> list[str]:
    section = PAGE.read_text().partition("## Workdays")[2].partition("\n## ")[0]
    days = [" ".join(part.split()) for part in section.split("\n\n") if part.startswith("**")]
    texts = [re.sub(r"^\*\*.*?\*\* \(`[\w-]+`\)\. ", "", day) for day in days]
    return [one for text in texts for one in re.split(r"(?<=\.) (?=[A-Z*`])", text)]


def test_every_sentence_has_a_check() -> None:
    assert sentences() == list(CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS)
def test_it_is_as_the_page_says(claim: str, day: DayAt) -> None:
    CLAIMS[claim](day)
