"""How the limits stand now: which reading holds, in which state, and what the headline says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tachograph.ledger.limits import readings, refusals, windows
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    CLAUDE_JSON,
    DESKTOP,
    FIVE_HOUR,
    LIMITED,
    OAUTH,
    SEVEN_DAY,
    STATUSLINE,
    AccountId,
    ExtraUsage,
    Limit,
    Money,
    Reading,
)
from tachograph.paths import own_paths
from tachograph.queries.limits.current import FRESH, OVERAGE, RESET, STALE, WALL, NowAccount, now
from tachograph.ui.documents.now import headline, level, title

ADA = AccountId("u-1", "o-1")
T0 = 1_795_400_000_000
HOUR = 3_600_000
MINUTE = 60_000
RESETS, WEEK = T0 + 3 * HOUR, T0 + 70 * HOUR


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(own_paths({"TACHOGRAPH_HOME": str(tmp_path / "data")}), T0) as opened:
        yield opened


def five(percent: float | None, resets_at: int | None = RESETS) -> Limit:
    return Limit(FIVE_HOUR, "5-hour", "session", percent, resets_at)


def seven(percent: float | None) -> Limit:
    return Limit(SEVEN_DAY, "7-day", "weekly", percent, WEEK)


def opus(percent: float | None) -> Limit:
    return Limit("weekly_scoped:opus", "Opus week", "weekly", percent, WEEK, scope="Opus")


def say(ledger: Ledger, source: str, at: int, *limits: Limit, extra: ExtraUsage | None = None) -> int:
    with ledger.transaction() as db:
        return readings.append(db, Strings(db), Reading(source, at, account=ADA, limits=limits, extra=extra))


def only(ledger: Ledger, at: int) -> NowAccount:
    (account,) = now(ledger.db, at).accounts
    return account


def test_a_newer_fetched_reading_replaces_what_the_status_line_said(ledger: Ledger) -> None:
    say(ledger, STATUSLINE, T0, five(60))
    say(ledger, OAUTH, T0 + MINUTE, five(40))  # a reset was granted: the server is right
    limit = only(ledger, T0 + 2 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.percent, limit.source, limit.state) == (40, OAUTH, FRESH)


def draw(ledger: Ledger, session: str, at: int, *limits: Limit, api_ms: int | None = None) -> int:
    """A status line of a session."""
    with ledger.transaction() as db:
        reading = Reading(STATUSLINE, at, account=ADA, limits=limits, session=session, api_ms=api_ms)
        return readings.append(db, Strings(db), reading)


def test_an_idle_session_that_repeats_its_report_changes_neither_value_nor_age(ledger: Ledger) -> None:
    draw(ledger, "idle", T0, five(35))
    draw(ledger, "busy", T0 + MINUTE, five(60))
    draw(ledger, "idle", T0 + 2 * MINUTE, five(35))
    limit = only(ledger, T0 + 3 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.percent, limit.observed_at) == (60, T0 + MINUTE)


def test_a_session_with_news_lowers_a_limit_whatever_its_source_was(ledger: Ledger) -> None:
    draw(ledger, "busy", T0, five(95))
    say(ledger, OAUTH, T0 + MINUTE, five(100))
    draw(ledger, "busy", T0 + 2 * MINUTE, five(12))  # a granted reset
    limit = only(ledger, T0 + 3 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.percent, limit.source, limit.state) == (12, STATUSLINE, FRESH)


def test_two_terminals_of_one_session_do_not_bring_old_values_back(ledger: Ledger) -> None:
    for minute, percent in enumerate((60, 61, 60, 62, 60)):
        draw(ledger, "twice", T0 + minute * MINUTE, five(percent))
    limit = only(ledger, T0 + 5 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.percent, limit.observed_at) == (62, T0 + 3 * MINUTE)


def test_an_answer_that_moves_no_number_renews_its_age(ledger: Ledger) -> None:
    draw(ledger, "busy", T0, five(60), api_ms=1_000)
    draw(ledger, "busy", T0 + 40 * MINUTE, five(60), api_ms=9_000)
    draw(ledger, "busy", T0 + 45 * MINUTE, five(60), api_ms=9_000)
    limit = only(ledger, T0 + 50 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.state, limit.observed_at) == (FRESH, T0 + 40 * MINUTE)


def test_an_older_reading_that_arrives_late_changes_nothing(ledger: Ledger) -> None:
    say(ledger, OAUTH, T0, five(60))
    say(ledger, CLAUDE_JSON, T0 - HOUR, five(20))
    limit = only(ledger, T0).limit(FIVE_HOUR)
    assert limit is not None
    assert limit.percent == 60


def test_past_its_reset_a_percentage_is_unknown_and_not_zero(ledger: Ledger) -> None:
    say(ledger, OAUTH, T0, five(60))
    limit = only(ledger, RESETS).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.percent, limit.state) == (None, RESET)


def test_a_new_window_begins_at_a_low_number_also_for_the_status_line(ledger: Ledger) -> None:
    say(ledger, STATUSLINE, T0, five(90))
    say(ledger, STATUSLINE, RESETS + MINUTE, five(2, RESETS + 5 * HOUR))
    limit = only(ledger, RESETS + 2 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert limit.percent == 2


def test_resets_that_differ_by_seconds_are_one_window(ledger: Ledger) -> None:
    account = say(ledger, STATUSLINE, T0, five(50))
    say(ledger, OAUTH, T0 + MINUTE, five(51, RESETS + 657))
    assert len(windows.windows(ledger.db, account, FIVE_HOUR)) == 1


def test_a_sample_without_a_reset_is_of_the_window_that_is_running(ledger: Ledger) -> None:
    account = say(ledger, OAUTH, T0, five(50))
    say(ledger, DESKTOP, T0 + MINUTE, five(55, None))
    limit = only(ledger, T0 + 2 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.percent, limit.resets_at, len(windows.windows(ledger.db, account, FIVE_HOUR))) == (55, RESETS, 1)


def test_an_old_number_is_stale_and_says_so(ledger: Ledger) -> None:
    say(ledger, OAUTH, T0, five(60))
    account = only(ledger, T0 + HOUR)
    limit = account.limit(FIVE_HOUR)
    assert limit is not None
    assert limit.state == STALE
    assert "".join(part.text for part in headline(account)) == "5h ~60%"


def test_a_refusal_beats_any_older_percentage(ledger: Ledger) -> None:
    account = say(ledger, OAUTH, T0, five(88), seven(40))
    with ledger.transaction() as db:
        refusals.note_for(db, account, FIVE_HOUR, "5-hour", T0 + 10 * MINUTE, RESETS)
    limit = only(ledger, T0 + 11 * MINUTE).limit(FIVE_HOUR)
    assert limit is not None
    assert (limit.percent, limit.state, limit.source) == (100, WALL, "transcript")
    after = only(ledger, RESETS + MINUTE).limit(FIVE_HOUR)
    assert after is not None
    assert after.state == RESET


def test_the_headline_names_the_week_that_presses_most(ledger: Ledger) -> None:
    say(ledger, OAUTH, T0, five(78), seven(60), opus(91))
    state = now(ledger.db, T0)
    assert title(state, "medium") == "5h 78% · Opus 91%"
    assert title(state, "long") == "Claude  5h 78%  ·  Opus 91%"
    assert title(state, "compact") == "78% · 91%"
    assert level(state) == "high"


def test_with_metered_use_on_100_percent_is_no_wall(ledger: Ledger) -> None:
    extra = ExtraUsage(True, Money(7300, "USD"), Money(20000, "USD"), 36.5)
    say(ledger, OAUTH, T0, five(100), seven(60), extra=extra)
    state = now(ledger.db, T0)
    limit = state.accounts[0].limit(FIVE_HOUR)
    assert limit is not None
    assert limit.state == OVERAGE
    assert title(state, "medium") == "5h 100% · $73/$200"
    assert level(state) == "overage"


@pytest.mark.parametrize("extra", [None, ExtraUsage(False, None, None, None), ExtraUsage(True, None, None, 100.0)])
def test_without_it_or_used_up_100_percent_is_one(ledger: Ledger, extra: ExtraUsage | None) -> None:
    say(ledger, OAUTH, T0, five(100), extra=extra)
    limit = only(ledger, T0).limit(FIVE_HOUR)
    assert limit is not None
    assert limit.state == WALL


def test_a_missing_section_erases_nothing_and_a_failure_is_kept(ledger: Ledger) -> None:
    extra = ExtraUsage(True, Money(100, "EUR"), None, None)
    say(ledger, OAUTH, T0, five(10), seven(20), extra=extra)
    say(ledger, STATUSLINE, T0 + MINUTE, five(12))
    with ledger.transaction() as db:
        readings.append(db, Strings(db), Reading("browser", T0 + 2 * MINUTE, LIMITED, ADA))
    account = only(ledger, T0 + 3 * MINUTE)
    week = account.limit(SEVEN_DAY)
    assert week is not None
    assert week.percent == 20
    assert account.extra == extra
    assert account.problems == (("browser", LIMITED),)


def test_the_same_values_again_are_counted_and_not_written_again(ledger: Ledger) -> None:
    for minute in range(5):
        account = say(ledger, STATUSLINE, T0 + minute * MINUTE, five(12))
    (said,) = readings.newest(ledger.db, account)
    assert (said.times, said.last_at, said.reading.observed_at) == (5, T0 + 4 * MINUTE, T0)


def test_a_reading_without_an_account_is_of_who_is_logged_in(ledger: Ledger) -> None:
    from tachograph.ledger.limits import accounts

    with ledger.transaction() as db:
        names = Strings(db)
        accounts.observe(db, names, "/c", accounts.Identity("u-1", "o-1", "ada@example.org", "max"), T0)
        readings.append(db, names, Reading(STATUSLINE, T0, limits=(five(12),)), "/c")
    account = only(ledger, T0)
    assert (account.uuid, account.label) == ("u-1", "ada@example.org")


def test_several_accounts_are_told_apart_by_their_first_letter(ledger: Ledger) -> None:
    from tachograph.ledger.limits import accounts

    with ledger.transaction() as db:
        names = Strings(db)
        for n, label in enumerate(("ada@example.org", "work@example.com")):
            accounts.observe(db, names, f"/{n}", accounts.Identity(f"u-{n}", "o", label, ""), T0)
            reading = Reading(STATUSLINE, T0 - n, limits=(five(10 + n), seven(20 + n)))
            readings.append(db, names, reading, f"/{n}")
    assert title(now(ledger.db, T0), "medium") == "A: 5h 10% · 7d 20%    W: 5h 11% · 7d 21%"


def test_a_window_that_has_not_begun_is_one_however_many_have_been(ledger: Ledger) -> None:
    for day in range(12):
        at = T0 + day * 24 * HOUR
        say(ledger, OAUTH, at, five(10.0, at + 5 * HOUR))
        say(ledger, OAUTH, at + 6 * HOUR, five(0.0, None))
    rows = ledger.db.execute("SELECT count(*) FROM window WHERE key = ? AND resets_at IS NULL", (FIVE_HOUR,)).fetchone()
    assert rows[0] == 1
