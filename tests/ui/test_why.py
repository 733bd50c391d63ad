"""The commands about estimates as a person and a program meet them: installed, over invented weeks, at their edges."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers import NOW, NOW_MS, Home, Result, command
from tachograph.demo import transcripts
from tachograph.ledger.estimates import forecasts
from tachograph.ledger.limits import accounts, readings
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH, SEVEN_DAY, AccountId, Limit, Reading, Share
from tachograph.model.usage.prices import load
from tachograph.ui.cli.demo import limits as demo_limits

HOUR = 3_600_000


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with five weeks of invented work and readings that fit it."""
    home = Home(tmp_path_factory.mktemp("why") / "home")
    transcripts.write(home.claude, end=NOW, days=35, seed=7)
    with home.ledger() as ledger:
        demo_limits.invent(ledger, load()[0], home.env, str(home.claude), NOW_MS, 35)
    return home


def run(home: Home, *words: str) -> Result:
    return home.run(*words)


def test_why_says_who_burned_the_week_and_what_is_not_explained(lived: Home) -> None:
    shown = run(lived, "why", "--week", "1").stdout
    assert re.search(r"^\S+ burned \d+ % \(\d+–\d+\) of that week\.$", shown, re.M)
    assert "Not explained by this machine's logs: " in shown
    for heading in ("Models", "Projects", "Sessions", "Pull requests"):
        assert f"\n{heading}\n" in shown
    assert "Ranges are 80 % intervals" in shown
    assert re.search(r"^Learned from \d+ 5-hour windows over \d+ days\.$", shown, re.M)
    assert "One full 5-hour window costs about 11 points of your week" in shown


def test_why_says_that_the_breakdown_of_the_service_contradicts_it(lived: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "told")
    shutil.copytree(lived.data, home.data, dirs_exist_ok=True)
    shutil.copytree(lived.claude, home.claude, dirs_exist_ok=True)
    before = home.run("why", "--json", "--no-ingest").json
    assert before["contradicts_breakdown"] is None
    high = 100 * before["unexplained"]["high"]
    for chat, contradicts in ((high + 12, True), (max(0.0, high - 4), False)):
        shares = (Share("claude_code", "Claude Code", 100 - chat), Share("chat", "Chat", chat))
        with home.ledger() as ledger, ledger.transaction() as db:
            limit = Limit(SEVEN_DAY, "7-day", "weekly", before["used_percent"], None)
            reading = Reading(OAUTH, NOW_MS - int(1000 * chat), account=AccountId(demo_limits.ADA.uuid, demo_limits.ADA.organization), limits=(limit,), breakdown=shares)  # fmt: skip
            readings.append(db, Strings(db), reading)
        made = home.run("why", "--json", "--no-ingest").json
        words = "Anthropic's breakdown contradicts this estimate"
        assert made["contradicts_breakdown"] is contradicts
        assert any(words in line for line in made["says"]) is contradicts
        assert (words in home.run("why", "--no-ingest").stdout) is contradicts
        high = 100 * made["unexplained"]["high"]


def test_after_a_reset_the_last_whole_week_is_offered_and_its_breakdown_is_gone(home: Home) -> None:
    resets_at = NOW_MS + HOUR
    shares = (Share("claude_code", "Claude Code", 90), Share("chat", "Chat", 10))
    with home.ledger() as ledger, ledger.transaction() as db:
        limit = Limit(SEVEN_DAY, "7-day", "weekly", 40.0, resets_at)
        who = AccountId(demo_limits.ADA.uuid, demo_limits.ADA.organization)
        readings.append(db, Strings(db), Reading(OAUTH, NOW_MS, account=who, limits=(limit,), breakdown=shares))
    assert "Anthropic's breakdown" in home.run("now").stdout
    assert "--week 1" not in home.run("why").stdout
    home.env["TACHOGRAPH_NOW"] = str(resets_at + HOUR)
    assert "Anthropic's breakdown" not in home.run("now").stdout
    assert home.run("now", "--json").json["accounts"][0]["breakdown"] is None
    assert "The last whole week: tachograph why --week 1." in home.run("why").stdout


@pytest.mark.parametrize("scenario", ["", "tuesday", "friday", "sunday"])
def test_no_demo_contradicts_its_own_breakdown(scenario: str, home: Home) -> None:
    words = ("--scenario", scenario) if scenario else ()
    shown = home.run("demo", "--days", "45", *words, "why", "--json").stdout
    made = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    assert made["method"] == "learned"
    assert made["contradicts_breakdown"] is not True
    assert not any("breakdown counts only" in line for line in made["says"])


def test_why_in_json_adds_up(lived: Home) -> None:
    made = run(lived, "why", "--week", "1", "--json").json
    assert made["method"] == "learned"
    for kind in ("models", "projects", "sessions", "prs"):
        total = sum(row["share"]["value"] for row in made[kind]) + made["unexplained"]["value"]
        assert total == pytest.approx(1, abs=0.001), kind
    assert made["evidence"]["windows"] > 10
    assert made["says"][0].endswith("of that week.")


def test_a_second_question_finds_what_the_first_one_learned(lived: Home) -> None:
    run(lived, "why")
    with lived.ledger() as ledger:
        before = ledger.db.execute("SELECT until, state FROM learned").fetchall()
    assert len(before) == 1
    run(lived, "why", "--limit", "five_hour")
    with lived.ledger() as ledger:
        assert ledger.db.execute("SELECT until, state FROM learned").fetchall() == before


def test_the_tables_keep_to_a_narrow_terminal(lived: Home) -> None:
    from tachograph.model.usage.periods import Calendar, parsed_zone
    from tachograph.queries.estimates.attribution import attribution
    from tachograph.queries.limits.current import now
    from tachograph.queries.limits.guard import primary_account
    from tachograph.text.table import PLAIN
    from tachograph.ui.documents import estimates as surface

    calendar = Calendar(*parsed_zone("UTC"))
    with lived.ledger() as ledger:
        account = primary_account(now(ledger.db, NOW_MS))
        assert account is not None
        found = attribution(ledger.db, load()[0], account, NOW_MS, back=1)
    for room in (60, 80, 120):
        lines = surface.why_screen(found, account, calendar, room, PLAIN, blocks=True)
        assert max(map(len, lines)) <= room, room


def test_forecast_says_a_chance_with_its_reset_and_where_it_comes_from(lived: Home) -> None:
    shown = run(lived, "forecast").stdout
    assert re.search(r"5-hour limit .*before \d\d:\d\d", shown)
    assert "7-day limit" in shown
    assert re.search(r"Based on typical use, adjusted by \d+ windows? of this account\.", shown)
    made = run(lived, "forecast", "--json").json
    assert [limit["limit"] for limit in made["limits"]] == [FIVE_HOUR, SEVEN_DAY]
    assert all(0 < limit["chance"] < 1 for limit in made["limits"])


def test_every_forecast_that_was_asked_for_is_kept_beside_those_of_past_windows(lived: Home) -> None:
    run(lived, "forecast")
    with lived.ledger() as ledger:
        assert {row[0] for row in ledger.db.execute("SELECT DISTINCT key FROM forecast WHERE cycle > ?", (NOW_MS,))} == {FIVE_HOUR, SEVEN_DAY}  # fmt: skip
        over = ledger.db.execute(
            "SELECT count(*), max(at), max(cycle - at) FROM forecast WHERE hit IS NOT NULL"
        ).fetchone()
    assert over[0] > 100 and over[1] < NOW_MS
    assert re.search(
        r"^\d+ forecasts about \d+ windows that are over\.$", run(lived, "forecast", "--score").stdout, re.M
    )


def test_next_answers_by_counts(lived: Home) -> None:
    shown = run(lived, "next").stdout
    assert re.search(r"(\d+|None) of your last \d+ sessions used more than the \d+ % left\.", shown)
    made = run(lived, "next", "--json").json["next_session"]
    assert made["sessions"] > 8 and made["is_enough"]


def test_what_if_says_both_ends_of_the_week(lived: Home) -> None:
    shown = run(lived, "what-if", "--model", "sonnet").stdout
    assert re.search(
        r"^If the rest of the week ran on sonnet-\S+, the weekly limit would end at about \d+ % \(\d+–\d+\); as it",
        shown,
    )
    made = run(lived, "what-if", "--model", "sonnet", "--share", "0.5", "--json").json
    assert made["share"] == 0.5
    assert made["ends_at_percent"]["low"] <= made["ends_at_percent"]["value"] <= made["ends_at_percent"]["high"]


def test_reconcile_puts_three_numbers_side_by_side_and_a_budget_where_one_is_set(lived: Home) -> None:
    shown = run(lived, "reconcile").stdout
    for heading in ("API-equivalent spend", "5-hour limit", "Weekly limit"):
        assert re.search(rf"^{heading}   ", shown, re.M)
    assert shown.count("cannot see ") == 3
    assert "the mean of the four weeks before" in shown
    (lived.data / "settings.toml").write_text("budget = 200\n")
    try:
        assert "of the budget of $200.00" in run(lived, "reconcile").stdout
        assert run(lived, "reconcile", "--json").json["spend"]["budget_usd"] == 200
        (lived.data / "settings.toml").write_text("budget = -5\n")
        assert "budget: -5 is not understood" in run(lived, "reconcile").stderr
    finally:
        (lived.data / "settings.toml").unlink()


@pytest.mark.parametrize(
    "words",
    [("why",), ("forecast",), ("next",), ("what-if", "--model", "opus"), ("reconcile",), ("forecast", "--score")],
)
def test_an_empty_home_gets_a_sentence_and_sound_json(home: Home, words: tuple[str, ...]) -> None:
    shown = home.call(*words)
    assert shown.code == 0
    assert shown.stdout.strip()
    assert isinstance(home.call(*words, "--json").json, dict)


@pytest.mark.parametrize(
    "words",
    [("why", "--week", "-1"), ("why", "--limit", "opus-and-more"), ("what-if", "--model", "x", "--share", "2"), ("guard", "--forecast", "0")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_hint(lived: Home, words: tuple[str, ...]) -> None:
    done = lived.run(*words, code=2 if words[0] != "why" or words[1] == "--week" else None)
    assert done.code != 0
    assert done.stderr


# -- where a chance shows


def with_chance(home: Home, chance: float, five: float = 60.0) -> None:
    """Readings of just now, and a forecast that a recorder kept with them."""
    ada = AccountId("ada", "org")
    reset = NOW_MS + 2 * HOUR
    with home.ledger() as ledger, ledger.transaction() as db:
        names = Strings(db)
        accounts.observe(db, names, str(home.claude), accounts.Identity(*ada, "ada@example.org", "Pro"), NOW_MS)
        said = (
            Limit(FIVE_HOUR, "5-hour", "session", five, reset),
            Limit(SEVEN_DAY, "7-day", "weekly", 40.0, NOW_MS + 50 * HOUR),
        )
        id = readings.append(db, names, Reading(OAUTH, NOW_MS - 60_000, account=ada, limits=said))
        kept = forecasts.StoredForecast(
            id, FIVE_HOUR, reset, NOW_MS - 60_000, five, chance, chance, 30.0, 60.0, 90.0, 1
        )
        forecasts.store(db, kept)


def test_now_shows_the_chance_beside_its_limit_and_for_programs(home: Home) -> None:
    with_chance(home, 0.38)
    shown = home.run("now", "--no-ingest").stdout
    (row,) = [line for line in shown.splitlines() if line.lstrip().startswith("5-hour")]
    assert row.endswith("38 % chance to hit the limit")
    limits = home.run("now", "--no-ingest", "--json").json["accounts"][0]["limits"]
    assert [limit["chance"] for limit in limits] == [0.38, None]
    assert home.run("now", "--no-ingest", "--format", "{five_hour_chance} {seven_day_chance}").stdout == "38 –\n"


def test_the_status_line_says_it_from_even_odds_on(home: Home) -> None:
    def line() -> str:
        piped = json.dumps({"model": {"display_name": "Opus"}}).encode()
        return subprocess.run([command(), "statusline"], input=piped, env=home.env, capture_output=True, timeout=60).stdout.decode()  # fmt: skip

    with_chance(home, 0.45)
    assert "wall" not in line()
    with home.ledger() as ledger:
        ledger.db.execute("UPDATE forecast SET chance = 0.62")
    assert "5h 60 % 2h00 limit likely 62 %" in line()


def test_guard_with_forecast_stops_by_the_chance(home: Home) -> None:
    with_chance(home, 0.5, five=85.0)
    assert home.run("guard", "--no-ingest", code=0).code == 0
    lax = home.run("guard", "--no-ingest", "--forecast", "99.9", "--json", code=0).json
    assert 0 < lax["chance"] < 1
    strict = home.run("guard", "--no-ingest", "--forecast", "1", "--json", code=10).json
    assert strict["state"] == "near"
    assert "to be reached before it resets" in strict["why"]


def test_a_small_part_is_short_in_a_table_and_words_in_a_sentence() -> None:
    from tachograph.queries.estimates.attribution import Part
    from tachograph.text import attribution, format
    from tachograph.ui.documents import estimates

    part = Part("opus-5-5", "claude-opus-5-5", None, None, 0.003)
    (row,) = estimates._parts((part,), 20, 80, blocks=True)
    assert row.endswith("  <1 %") and format.percent(0.003) == "<1 %"
    assert attribution.percent(0.003) == "under 1 %"


def test_the_percent_of_a_limit_is_the_same_in_rows_and_where_there_is_little_room(home: Home) -> None:
    from tachograph.queries.limits.current import now
    from tachograph.text.limits import percent, short_percent

    with home.ledger() as ledger:
        with ledger.transaction() as db:
            limit = Limit(FIVE_HOUR, "5-hour", "session", 77.6, NOW_MS + HOUR)
            readings.append(db, Strings(db), Reading(OAUTH, NOW_MS, limits=(limit,)))
        for at, shown in ((NOW_MS, "78 %"), (NOW_MS + HOUR - 1, "~78 %")):
            (account,) = now(ledger.db, at).accounts
            assert (percent(account.limits[0]), short_percent(account.limits[0])) == (shown, shown.replace(" ", ""))
    assert (percent(None), short_percent(None)) == ("–", "–")
