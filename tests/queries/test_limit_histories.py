"""Over random histories every reader of limits gives the value that the newest evidence proves."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from limit_histories import T0, Account, History, forget
from tachograph.ledger.limits import readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.limits.window_state import CLOCK_MS, HELD_MS
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.paths import own_paths
from tachograph.queries.estimates.learning import readings as learning_readings
from tachograph.queries.limits.current import FRESH_MS, OVERAGE, RESET, UNKNOWN, WALL, NowAccount, now
from tachograph.queries.limits.curves import curves
from tachograph.queries.limits.guard import AT_WALL, CLEAR, NEAR, ON_OVERAGE, judge
from tachograph.queries.limits.pace import trends
from tachograph.queries.tray_state import tray_state

BOOK, CALENDAR = load({})[0], Calendar(*parsed_zone("UTC"))
WEEK_MS = 7 * 86_400_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(own_paths({"TACHOGRAPH_HOME": str(tmp_path / "data")}), T0) as opened:
        opened.db.execute("PRAGMA synchronous = OFF")
        yield opened


def expected(account: Account, key: str, at: int) -> tuple[float | None, bool]:
    """The percentage that the evidence proves, and is the limit reached."""
    refused = account.refused.get(key)
    news = account.news.get(key)
    is_over = refused is not None and key in account.answered
    if (
        refused is not None
        and not is_over
        and at < refused[1]
        and (news is None or news.at <= refused[0] or news.percent >= 99)
    ):
        if news is not None and news.at > refused[0]:
            return max(news.percent, 99.0) if news.percent >= 100 else news.percent, True
        return 100.0, True
    if news is None:
        return None, False
    if at >= news.resets_at:
        is_held = news.at > news.resets_at + CLOCK_MS and at - news.at <= HELD_MS
        is_close = news.resets_at <= news.at <= news.resets_at + CLOCK_MS and at <= news.resets_at + CLOCK_MS
        if not (is_held or is_close):
            return None, False
    if is_over and refused is not None and at < refused[1] and news.percent >= 100 and news.at <= refused[0]:
        return None, False  # an answer came since
    return news.percent, news.percent >= 100


def check(history: History, at: int) -> None:
    """Hold every reader against the truth at a moment."""
    db = history.ledger.db
    found = now(db, at)
    assert tray_state(db, BOOK, CALENDAR, at).now == found
    for account in history.accounts:
        id = history.ledger_id(account)
        of = next((one for one in found.accounts if one.id == id), None)
        for key in (FIVE_HOUR, SEVEN_DAY):
            percent, is_reached = expected(account, key, at)
            limit = None if of is None else of.limit(key)
            shown = None if limit is None else limit.percent
            if is_reached:
                assert limit is not None, (key, percent)
                assert limit.state == (OVERAGE if account.is_metered else WALL), (key, limit, percent)
            else:
                assert shown == percent, (key, shown, percent, limit)
                assert limit is None or limit.state not in (WALL, OVERAGE), (key, limit)
        if of is not None:
            _check_readers(history, of, id, at)


def _check_readers(history: History, of: NowAccount, id: int, at: int) -> None:
    db = history.ledger.db
    # a clean value that is in force, as watch, the curves and learning have it
    for trend in trends(db, of, at):
        if trend.limit.percent is not None and trend.points:
            assert trend.points[-1].percent == trend.limit.percent, (trend.limit, trend.points[-3:])
        elif trend.points:
            assert trend.points[-1].percent is None, (trend.limit, trend.points[-3:])
    read = learning_readings(db, id, at - WEEK_MS, at)
    for curve in curves(db, id, at - WEEK_MS, at):
        limit = of.limit(curve.key)
        if limit is None or limit.percent is None or limit.source == "transcript" or not curve.points:
            continue
        assert curve.points[-1].percent == limit.percent, (limit, curve.points[-3:])
        name = "five" if curve.key == FIVE_HOUR else "week"
        last = next(value for one in reversed(read) if (value := getattr(one, name)) is not None)
        assert last == limit.percent, (limit, last)
    verdicts = {limit.key: judge(now(db, at), account=of, keys=(limit.key,)).state for limit in of.limits}
    for limit in of.limits:
        state = verdicts[limit.key]
        if limit.state == WALL:
            assert state == AT_WALL
        elif limit.state == OVERAGE:
            assert state == ON_OVERAGE
        elif limit.percent is None and limit.answered_at is not None:
            assert state == (CLEAR if at - limit.answered_at <= FRESH_MS else UNKNOWN)
        elif limit.state == RESET:
            assert state == (CLEAR if at - (limit.resets_at or 0) <= FRESH_MS else UNKNOWN)
        elif limit.percent is None:
            assert state == UNKNOWN
        elif limit.is_near:
            assert state == NEAR
        else:
            assert state == (CLEAR if at - limit.observed_at <= FRESH_MS else UNKNOWN)


def run(ledger: Ledger, seeds: range, steps: int = 14) -> None:
    for seed in seeds:
        history = History(ledger, seed, people=1 + seed % 2)
        try:
            for _ in range(steps):
                history.step()
                check(history, history.now + history.rnd.randrange(0, 3) * 60_000)
            check(history, history.now + history.rnd.randrange(0, 6 * 60) * 60_000)
        except AssertionError:
            print(f"seed {seed}:", *history.log, sep="\n  ")
            raise
        forget(ledger)


def test_every_reader_gives_the_value_of_the_newest_evidence(ledger: Ledger) -> None:
    run(ledger, range(150))


@pytest.mark.soak
def test_every_reader_gives_the_value_of_the_newest_evidence_over_many_histories(ledger: Ledger) -> None:
    run(ledger, range(5_000))


def test_the_order_of_arrival_changes_nothing(ledger: Ledger) -> None:
    """Fetched readings, in any order."""
    from tachograph.model.limits.limits import CLAUDE_JSON, DESKTOP, OAUTH, AccountId, Limit, Reading

    week = T0 + 40 * 3_600_000
    first, second = T0 + 3_600_000, T0 + 6 * 3_600_000
    said = [
        Reading(OAUTH, T0, limits=(Limit(FIVE_HOUR, "5-hour", "session", 40.0, first),)),
        Reading(CLAUDE_JSON, T0 + 600_000, limits=(Limit(FIVE_HOUR, "5-hour", "session", 95.0, first),)),
        Reading(DESKTOP, T0 + 900_000, limits=(Limit(FIVE_HOUR, "5-hour", "session", 60.0, None),)),
        Reading(OAUTH, first + 600_000, limits=(Limit(FIVE_HOUR, "5-hour", "session", 3.0, second),)),
        Reading(OAUTH, first + 1_200_000, limits=(Limit(SEVEN_DAY, "7-day", "weekly", 12.0, week),)),
    ]
    seen = set()
    for order in itertools.permutations(said):
        with ledger.transaction() as db:
            for one in order:
                readings.append(db, Strings(db), one._replace(account=AccountId("u", "o")))
        for at in (first + 1_300_000,):
            (account,) = now(ledger.db, at).accounts
            kept = ledger.db.execute(
                "SELECT key, resets_at, percent, at, source, peak, steady, first_at FROM window ORDER BY 1, 2"
            ).fetchall()
            seen.add((tuple((x.key, x.percent, x.observed_at, x.state) for x in account.limits), tuple(kept)))
        forget(ledger)
    assert len(seen) == 1, seen
