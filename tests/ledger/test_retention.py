"""Old readings and forecasts are thinned out: what is learned, shown and scored stays, and a year costs little."""

import random
import sqlite3

import pytest

from helpers import NOW_MS, Home
from tachograph.ledger.estimates import forecasts
from tachograph.ledger.limits import readings
from tachograph.ledger.retention import COMPLETE_MS, DAY_MS, HOUR_MS, HOURLY_MS, thin
from tachograph.ledger.storage.integrity import check_file
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH, SEVEN_DAY, AccountId, Limit, Reading

MINUTE = 60_000
SPANS = {FIVE_HOUR: 5 * HOUR_MS, SEVEN_DAY: 7 * DAY_MS, "seven_day_opus": 7 * DAY_MS}
GROUPS = {FIVE_HOUR: "session", SEVEN_DAY: "weekly", "seven_day_opus": "weekly"}


def percent_at(key: str, at: int) -> float:
    """A limit that rises through its window, by whole percents."""
    return float(int(100 * (at % SPANS[key]) / SPANS[key]))


def fill(db: sqlite3.Connection, start: int, end: int, chance: random.Random) -> None:
    """Readings of three limits every 11 minutes, and forecasts of each every quarter hour."""
    names, account = Strings(db), AccountId("who", "org")
    for at in range(start, end, 11 * MINUTE):
        limits = tuple(
            Limit(key, key, GROUPS[key], percent_at(key, at), at - at % span + span) for key, span in SPANS.items()
        )
        readings.append(db, names, Reading(OAUTH, at, account=account, limits=limits))
    for at in range(start, end, 15 * MINUTE):
        for key, span in SPANS.items():
            odds = min(1.0, max(0.0, percent_at(key, at) / 100 + chance.gauss(0, 0.02)))
            db.execute(
                "INSERT INTO forecast (account, key, cycle, at, percent, chance, prior, p10, p50, p90, version, hit, scored_at)"
                " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
                (key, at - at % span + span, at, percent_at(key, at), odds, odds / 2, 30, 60, 90, at // span % 2, at),
            )


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A ledger with a year and a month, thinned every week as the recorder does every day."""
    home = Home(tmp_path_factory.mktemp("year") / "home")
    chance = random.Random(7)
    with home.ledger() as ledger:
        for week in range(57, 0, -1):
            with ledger.transaction() as db:
                now = NOW_MS - (week - 1) * 7 * DAY_MS
                fill(db, now - 7 * DAY_MS, now, chance)
                thin(db, now)
    return home


def test_a_year_of_three_limits_costs_less_than_8_megabytes(year: Home) -> None:
    with year.ledger() as ledger:
        ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages, size = (ledger.db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
    assert pages * size < 8_000_000, f"{pages * size:,} bytes"
    assert check_file(str(year.data / "ledger.sqlite3")).problem == ""


@pytest.mark.parametrize(
    ("newest", "oldest", "spans", "per_span"),
    [
        (0, COMPLETE_MS, 90 * 24, (5.4, 5.6, 4.0)),  # complete: readings every 11 minutes, forecasts every 15
        (COMPLETE_MS + HOUR_MS, HOURLY_MS, 275 * 24, (1.0, 1.2, 1.1)),
        (HOURLY_MS + DAY_MS, 395 * DAY_MS, 29, (1.0, 4.0, 5.0)),  # each window of five hours keeps one forecast
    ],
)
def test_rows_are_complete_then_hourly_then_daily(
    year: Home, newest: int, oldest: int, spans: int, per_span: tuple[float, float, float]
) -> None:
    between = (NOW_MS - newest, NOW_MS - oldest)
    with year.ledger() as ledger:
        (read,) = ledger.db.execute(
            "SELECT count(*) FROM reading WHERE observed_at <= ? AND observed_at > ?", between
        ).fetchone()
        (made,) = ledger.db.execute(
            "SELECT count(*) FROM forecast WHERE key = 'five_hour' AND at <= ? AND at > ?", between
        ).fetchone()
    assert per_span[0] * 0.97 <= read / spans <= per_span[1]
    assert 0.97 <= made / spans <= per_span[2] * 1.2


def test_scores_are_the_same_as_of_all_forecasts(home: Home) -> None:
    chance = random.Random(8)
    with home.ledger() as ledger:
        with ledger.transaction() as db:
            fill(db, NOW_MS - 500 * DAY_MS, NOW_MS - 460 * DAY_MS, chance)
            fill(db, NOW_MS - 120 * DAY_MS, NOW_MS - 80 * DAY_MS, chance)
            db.execute("UPDATE forecast SET hit = NULL WHERE at % 7 = 0")  # windows that were not watched
        before = [forecasts.tenths(ledger.db, None, key, 0) for key in (None, FIVE_HOUR, SEVEN_DAY)]
        for _ in range(3):  # a second time changes nothing
            with ledger.transaction() as db:
                done = thin(db, NOW_MS)
        assert done == (0, 0)
        after = [forecasts.tenths(ledger.db, None, key, 0) for key in (None, FIVE_HOUR, SEVEN_DAY)]
    for (tenths, windows), (thinned, thinned_windows) in zip(before, after, strict=True):
        assert windows == thinned_windows
        for one, other in zip(tenths, thinned, strict=True):
            assert (one.tenth, one.forecasts, one.hits, one.first_at) == (
                other.tenth, other.forecasts, other.hits, other.first_at,
            )  # fmt: skip
            assert other.chances == pytest.approx(one.chances) and other.squares == pytest.approx(one.squares)


def test_the_highest_and_the_last_value_of_each_hour_stay(home: Home) -> None:
    start = NOW_MS - 100 * DAY_MS
    start -= start % HOUR_MS
    rows = [(5, 40.0), (10, 99.0), (20, 3.0), (50, 7.0)]  # a reset lies in this hour
    with home.ledger() as ledger:
        with ledger.transaction() as db:
            names = Strings(db)
            for minute, percent in rows:
                at = start + minute * MINUTE
                limit = Limit(FIVE_HOUR, "5-hour", "session", percent, at + HOUR_MS)
                readings.append(db, names, Reading(OAUTH, at, account=AccountId("who", "org"), limits=(limit,)))
            readings.append(db, names, Reading(OAUTH, NOW_MS, account=AccountId("who", "org")))
            assert thin(db, NOW_MS).readings == 2
        left = [row[0] for row in ledger.db.execute("SELECT percent FROM level ORDER BY reading")]
    assert left == [99.0, 7.0]


def test_the_newest_reading_stays_however_old_it_is(home: Home) -> None:
    limit = Limit(FIVE_HOUR, "5-hour", "session", 12.0, NOW_MS)
    with home.ledger() as ledger:
        with ledger.transaction() as db:
            for n in range(3):
                at = NOW_MS - 900 * DAY_MS + n
                readings.append(
                    db,
                    Strings(db),
                    Reading(OAUTH, at, account=AccountId("who", "org"), limits=(limit._replace(percent=n),)),
                )
            thin(db, NOW_MS)
        (kept,) = readings.newest(ledger.db, 1)
    assert kept.reading.limits[0].percent == 2
