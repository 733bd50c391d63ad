"""The recorder keeps a forecast each quarter hour, scores it when its window is over, and says one thing at even odds."""

from datetime import UTC, datetime, timedelta

import pytest

from helpers import Home, MovedClock
from tachograph.ledger.estimates import forecasts
from tachograph.ledger.limits import accounts, readings, refusals
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.estimates.forecast import VERSION
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH, SEVEN_DAY, AccountId, Limit, Reading
from tachograph.model.usage.prices import load
from tachograph.queries.estimates.forecast import forecast
from tachograph.queries.estimates.scoring import calibration
from tachograph.queries.limits.current import NowAccount, now
from tachograph.recorder.daemon import Recorder
from tachograph.recorder.learn import learn

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ADA = AccountId("ada-uuid", "ada-org")
BOOK = load()[0]
HOUR_MS = 3_600_000


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def say(
    ledger: Ledger, at: datetime, five: float, week: float = 30.0, resets: datetime = START + timedelta(hours=5)
) -> None:
    limits = (
        Limit(FIVE_HOUR, "5-hour", "session", five, ms(resets)),
        Limit(SEVEN_DAY, "7-day", "weekly", week, ms(START + timedelta(days=4))),
    )
    with ledger.transaction() as db:
        names = Strings(db)
        accounts.observe(db, names, "somewhere", accounts.Identity(*ADA, "ada@example.org", "Pro"), ms(at))
        readings.append(db, names, Reading(OAUTH, ms(at), account=ADA, limits=limits))


def stand(ledger: Ledger, at: datetime) -> tuple[NowAccount, ...]:
    return now(ledger.db, ms(at)).accounts


def test_a_forecast_is_kept_every_quarter_hour_and_when_the_limit_moves_and_scored_at_the_end(home: Home) -> None:
    with home.ledger() as ledger:
        for minute in range(0, 120, 5):
            at = START + timedelta(minutes=minute)
            say(ledger, at, minute / 12)
            learn(ledger, BOOK, stand(ledger, at), ms(at))
        count = ledger.db.execute("SELECT count(*) FROM forecast WHERE key = 'five_hour'").fetchone()[0]
        assert 8 <= count <= 9
        at = START + timedelta(minutes=121)
        say(ledger, at, 60.0)
        learn(ledger, BOOK, stand(ledger, at), ms(at))
        assert ledger.db.execute("SELECT count(*) FROM forecast WHERE key = 'five_hour'").fetchone()[0] == count + 1
        assert calibration(ledger.db).forecasts == 0
        say(ledger, START + timedelta(hours=4), 100.0)
        over = START + timedelta(hours=5, minutes=2)
        learn(ledger, BOOK, stand(ledger, over), ms(over))
        found = calibration(ledger.db)
        assert (found.forecasts, found.windows) == (count + 1, 1)
        assert sum(one.came_true for one in found.bins) == count + 1
        assert all(one.hit for one in forecasts.outcomes(ledger.db, None, FIVE_HOUR, 0))
        assert not forecasts.outcomes(ledger.db, None, SEVEN_DAY, 0)  # the week is not over


def test_a_window_that_was_not_reached_counts_as_such(home: Home) -> None:
    with home.ledger() as ledger:
        say(ledger, START, 20.0)
        learn(ledger, BOOK, stand(ledger, START), ms(START))
        say(ledger, START + timedelta(hours=4, minutes=30), 88.0)
        over = START + timedelta(hours=6)
        learn(ledger, BOOK, stand(ledger, over), ms(over))
        (one,) = forecasts.outcomes(ledger.db, None, FIVE_HOUR, 0)
        assert one.hit is False


@pytest.mark.parametrize(
    ("percent", "before_the_end", "hit"),
    [
        (20.0, timedelta(hours=5), None),  # one look, then the lid was closed
        (70.0, timedelta(minutes=50), None),
        (95.0, timedelta(minutes=35), False),
        (20.0, timedelta(minutes=20), False),
        (99.6, timedelta(hours=4), True),  # once reached it stays so, whoever looks
    ],
)
def test_a_window_that_nobody_watched_counts_neither_way(
    home: Home, percent: float, before_the_end: timedelta, hit: bool | None
) -> None:
    with home.ledger() as ledger:
        say(ledger, START, 20.0)
        learn(ledger, BOOK, stand(ledger, START), ms(START))
        say(ledger, START + timedelta(hours=5) - before_the_end, percent)
        over = START + timedelta(hours=6)
        for at in (over, over + timedelta(minutes=1)):
            learn(ledger, BOOK, stand(ledger, at), ms(at))
        (row,) = ledger.db.execute("SELECT hit, scored_at FROM forecast WHERE key = 'five_hour'").fetchall()
        assert row == (hit, ms(over))
        assert calibration(ledger.db, key=FIVE_HOUR).forecasts == (hit is not None)
        assert not forecasts.is_any_over(ledger.db, ms(over) + HOUR_MS)


def test_a_window_that_nobody_ever_named_counts_neither_way_and_is_done_with(home: Home) -> None:
    with home.ledger() as ledger, ledger.transaction() as db:
        forecasts.store(
            db,
            forecasts.StoredForecast(1, SEVEN_DAY, ms(START), ms(START) - HOUR_MS, 40.0, 0.2, 0.2, None, None, None, 1),
        )
        assert forecasts.score(db, ms(START) + HOUR_MS) == 1
        assert forecasts.score(db, ms(START) + HOUR_MS) == 0
        assert db.execute("SELECT hit FROM forecast").fetchone() == (None,)


def test_a_week_that_is_far_from_its_wall_counts_a_day_before_its_end(home: Home) -> None:
    end = START + timedelta(days=4)
    with home.ledger() as ledger:
        say(ledger, end - timedelta(hours=13), 5.0, 30.0, end - timedelta(hours=9))
        learn(ledger, BOOK, stand(ledger, end - timedelta(hours=13)), ms(end - timedelta(hours=13)))
        with ledger.transaction() as db:
            forecasts.score(db, ms(end) + HOUR_MS)
        assert [one.hit for one in forecasts.outcomes(ledger.db, None, SEVEN_DAY, 0)] == [False]


def test_what_was_judged_without_a_look_is_judged_again_by_a_newer_version(home: Home) -> None:
    from tachograph.ledger.storage.migrations import STEPS

    (step,) = [sql for title, sql in STEPS if title == "forecasts of windows that nobody watched"]
    with home.ledger() as ledger:
        say(ledger, START, 70.0)
        learn(ledger, BOOK, stand(ledger, START), ms(START))
        ledger.db.execute("UPDATE forecast SET hit = 0, scored_at = 1 WHERE key = 'five_hour'")
        ledger.db.executescript(step)
    with home.ledger() as ledger:
        over = START + timedelta(hours=6)
        learn(ledger, BOOK, stand(ledger, over), ms(over))
        assert calibration(ledger.db, key=FIVE_HOUR).forecasts == 0


def test_calibration_adds_up_as_it_does_by_hand(home: Home) -> None:
    """In SQL by tenths, against the same forecasts one by one."""
    chances = [0.0, 0.099, 0.1, 0.31, 0.39, 0.7, 0.95, 1.0]
    with home.ledger() as ledger, ledger.transaction() as db:
        for n, chance in enumerate(chances * 3):
            account, cycle = 1 + n // 16, ms(START) + n // 4 * 5 * HOUR_MS
            forecasts.store(
                db,
                forecasts.StoredForecast(
                    account, FIVE_HOUR, cycle, ms(START) + n, 40.0, chance, 0.2, None, None, None, 1
                ),
            )
            db.execute("UPDATE forecast SET hit = ?, scored_at = 1 WHERE at = ?", (n % 3 == 0, ms(START) + n))
        db.execute("UPDATE forecast SET hit = NULL WHERE at = ?", (ms(START),))  # nobody saw
        for who in (None, 1, 2):
            found = calibration(db, who)
            rows = forecasts.outcomes(db, who, None, 0)
            rate = sum(bool(one.hit) for one in rows) / len(rows)
            assert (found.forecasts, found.since) == (len(rows), rows[0].at)
            assert found.windows == len({(one.account, one.cycle) for one in rows})
            assert found.brier == pytest.approx(sum((one.chance - bool(one.hit)) ** 2 for one in rows) / len(rows))
            assert found.base_brier == pytest.approx(rate * (1 - rate))
            for tenth in found.bins:
                mine = [one for one in rows if min(9, int(one.chance * 10)) == round(tenth.low * 10)]
                assert (tenth.forecasts, tenth.came_true) == (len(mine), sum(bool(one.hit) for one in mine))
                assert tenth.mean == pytest.approx(sum(one.chance for one in mine) / len(mine))


def test_a_refusal_counts_as_reached_whatever_was_read(home: Home) -> None:
    with home.ledger() as ledger:
        say(ledger, START, 88.0)
        learn(ledger, BOOK, stand(ledger, START), ms(START))
        with ledger.transaction() as db:
            who = db.execute("SELECT id FROM account WHERE uuid = ?", (ADA.uuid,)).fetchone()[0]
            refusals.note_for(
                db, who, FIVE_HOUR, "5-hour", ms(START + timedelta(hours=1)), ms(START + timedelta(hours=5))
            )
            forecasts.score(db, ms(START + timedelta(hours=6)))
        (one,) = forecasts.outcomes(ledger.db, None, FIVE_HOUR, 0)
        assert one.hit is True


def test_now_shows_a_kept_chance_while_it_is_new_and_of_this_window(home: Home) -> None:
    with home.ledger() as ledger:
        say(ledger, START, 40.0)
        made = learn(ledger, BOOK, stand(ledger, START), ms(START))
        (account,) = stand(ledger, START + timedelta(minutes=10))
        limit = account.limit(FIVE_HOUR)
        assert limit is not None
        assert limit.chance == made[account.id][FIVE_HOUR]
        for at in (START + timedelta(minutes=30), START + timedelta(hours=6)):
            (account,) = stand(ledger, at)
            old = account.limit(FIVE_HOUR)
            assert old is not None
            assert old.chance is None


def test_forecasts_of_ones_own_windows_move_the_next_one(home: Home) -> None:
    with home.ledger() as ledger:
        say(ledger, START, 40.0)
        (account,) = stand(ledger, START)
        before = forecast(ledger.db, BOOK, account, ms(START))[0]
        assert before.chance == before.prior
        with ledger.transaction() as db:
            for window in range(80):
                cycle = ms(START) - (window + 1) * 86_400_000
                kept = forecasts.StoredForecast(
                    account.id, FIVE_HOUR, cycle, cycle - 3_600_000, 40.0, 0.2, 0.2, None, None, None, VERSION
                )
                forecasts.store(db, kept)
                db.execute("UPDATE forecast SET hit = 1, scored_at = ? WHERE cycle = ?", (ms(START), cycle))
        after = forecast(ledger.db, BOOK, account, ms(START))[0]
        assert after.windows == 80
        assert before.chance is not None and after.chance is not None
        assert after.chance > before.chance


def test_the_recorder_gives_one_notice_at_even_odds(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def heard(title: str, text: str, *_: object) -> str:
        given.append(text)
        return ""

    monkeypatch.setattr("tachograph.recorder.daemon.notify", heard)
    from tachograph.paths import own_paths

    clock = MovedClock(START)
    recorder = Recorder(own_paths(home.env), home.env, clock, lambda words: None)
    with home.ledger() as ledger:
        for minute in range(0, 60, 2):
            clock.at = START + timedelta(minutes=minute)
            say(ledger, clock.at, min(88.0, minute * 2.6))
            recorder.step(ledger)
    chances = [text for text in given if "chance that the 5-hour limit is reached" in text]
    assert len(chances) == 1
    assert int(chances[0].split(" %")[0]) >= 50


def test_nobodys_readings_get_no_forecast(home: Home) -> None:
    with home.ledger() as ledger:
        limit = Limit(FIVE_HOUR, "5-hour", "session", 50.0, ms(START + timedelta(hours=3)))
        with ledger.transaction() as db:
            readings.append(db, Strings(db), Reading(OAUTH, ms(START), limits=(limit,)))
        assert learn(ledger, BOOK, stand(ledger, START), ms(START)) == {}
        assert ledger.db.execute("SELECT count(*) FROM forecast").fetchone()[0] == 0
