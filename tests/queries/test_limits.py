"""Past windows, when limits were hit, the account that leads, and windows with the service's own resets."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from helpers import NOW, NOW_MS, Home
from tachograph.demo.records import assistant
from tachograph.ledger.limits import readings, refusals
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import set_preference
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH, STATUSLINE, AccountId, Limit, Reading
from tachograph.queries.limits.current import LEADS, now
from tachograph.ui.documents.now import title

HOUR = 3_600_000
ADA, BOB = AccountId("ada", "o"), AccountId("bob", "o")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with home.ledger() as opened:
        yield opened


def say(ledger: Ledger, at: int, percent: float, resets_at: int, who: AccountId = ADA, source: str = OAUTH) -> int:
    with ledger.transaction() as db:
        limit = Limit(FIVE_HOUR, "5-hour", "session", percent, resets_at)
        return readings.append(db, Strings(db), Reading(source, at, account=who, limits=(limit,)))


def ms(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


def test_hits_are_counted_with_their_usual_time(home: Home, ledger: Ledger) -> None:
    for day in (3, 10, 17):  # Tuesdays
        say(ledger, ms(day, 13), 60, ms(day, 17))
        say(ledger, ms(day, 15), 100, ms(day, 17))
    say(ledger, ms(20, 8), 40, ms(20, 12))
    account = say(ledger, ms(21, 8), 88, ms(21, 12))
    with ledger.transaction() as db:
        refusals.note_for(db, account, FIVE_HOUR, "5-hour", ms(21, 9, 30), ms(21, 12))
    shown = home.call("limits", "--timezone", "UTC").stdout
    assert shown.startswith("5-hour: hit 4 times in 30 days, usually Tuesday afternoon (5 windows).")
    document = home.call("limits", "--json").json
    (habit,) = document["limits"]
    assert (habit["hits"], habit["windows"], habit["usually"]) == (4, 5, "Tuesday afternoon")
    assert [window["hit_at"] for window in document["windows"]] == [
        "2026-11-21T09:30:00.000Z",
        None,
        "2026-11-17T15:00:00.000Z",
        "2026-11-10T15:00:00.000Z",
        "2026-11-03T15:00:00.000Z",
    ]
    rows = list(csv.DictReader(io.StringIO(home.call("limits", "--csv").stdout)))
    assert [row["peak_percent"] for row in rows] == ["88.0", "40.0", "100.0", "100.0", "100.0"]
    assert home.call("limits", "--last", "7", "--json").json["limits"][0]["windows"] == 3
    assert home.call("limits", "--limit", "5h", "--json").json["limits"][0]["windows"] == 5


def test_few_hits_have_no_usual_time(home: Home, ledger: Ledger) -> None:
    say(ledger, ms(17, 15), 100, ms(17, 17))
    assert "5-hour: hit once in 30 days (1 window)." in home.call("limits").stdout


def test_nothing_known_names_the_next_step(home: Home) -> None:
    assert "tachograph sources" in home.call("limits").stdout


def test_the_account_in_use_leads_not_the_one_that_was_asked_for_last(home: Home, ledger: Ledger) -> None:
    ada = say(ledger, NOW_MS - 2 * HOUR, 70, NOW_MS + HOUR, ADA, STATUSLINE)
    bob = say(ledger, NOW_MS - 60_000, 10, NOW_MS + HOUR, BOB, OAUTH)
    assert [account.id for account in now(ledger.db, NOW_MS).accounts] == [ada, bob]
    with ledger.transaction() as db:
        set_preference(db, LEADS, str(bob), NOW_MS)
    assert [account.id for account in now(ledger.db, NOW_MS).accounts] == [bob, ada]


def test_a_message_is_use_too(home: Home, ledger: Ledger) -> None:
    say(ledger, NOW_MS - 2 * HOUR, 70, NOW_MS + HOUR, ADA, OAUTH)
    bob = say(ledger, NOW_MS - 3 * HOUR, 10, NOW_MS + HOUR, BOB, OAUTH)
    ledger.db.execute("INSERT INTO login (folder, account, first_seen, last_seen) VALUES (0, ?, 0, 0)", (bob,))
    home.write("p/s.jsonl", [assistant("A", at=NOW - timedelta(minutes=30))])
    home.ingest()
    ledger.db.execute("UPDATE rollup SET account = ?", (bob,))
    assert now(ledger.db, NOW_MS).accounts[0].id == bob


def test_several_accounts_are_told_apart_in_the_title_and_can_be_named_and_forgotten(
    home: Home, ledger: Ledger
) -> None:
    say(ledger, NOW_MS - HOUR // 6, 70, NOW_MS + HOUR, ADA, STATUSLINE)
    say(ledger, NOW_MS - HOUR // 6, 10, NOW_MS + HOUR, BOB, OAUTH)
    assert home.call("accounts", "label", "ada", "Ada at home").code == 0
    assert home.call("accounts", "label", "bob", "=work\x1b[31m\u202e" + "w" * 500).code == 0
    assert title(now(ledger.db, NOW_MS), "medium") == "A: 5h 70%    =: 5h 10%"
    shown = home.call("accounts").stdout
    assert "\x1b" not in shown and "\u202e" not in shown and max(map(len, shown.splitlines())) < 130
    assert "it leads" not in shown and "  leads" in shown
    assert "is hidden" in home.call("accounts", "forget", "Ada").stdout
    assert title(now(ledger.db, NOW_MS), "medium") == "5h 10%"
    assert home.call("limits", "--json").json["limits"][0]["windows"] == 1
    assert "forgotten" in home.call("accounts").stdout
    home.call("accounts", "show", "Ada")
    assert len(now(ledger.db, NOW_MS).accounts) == 2
    document = home.call("accounts", "--json").json["accounts"]
    assert document[0]["own_label"] == "Ada at home"


@pytest.mark.parametrize("words", [("forget", "nobody"), ("forget", ""), ("forget",), ("label", "ada"), ("odd", "ada")])
def test_names_that_mean_nobody_are_refused_with_the_list(home: Home, ledger: Ledger, words: tuple[str, ...]) -> None:
    say(ledger, NOW_MS, 70, NOW_MS + HOUR)
    assert home.run("accounts", *words, code=None).code in (1, 2)


def test_windows_use_the_services_own_resets_where_they_are_known(home: Home, ledger: Ledger) -> None:
    day = NOW.replace(hour=0, minute=0)
    times = [(6, 0), (7, 30), (9, 0), (11, 59), (12, 1)]
    home.write("p/s.jsonl", [assistant(f"M{n}", at=day.replace(hour=h, minute=m)) for n, (h, m) in enumerate(times)])
    say(ledger, ms(23, 9), 64, ms(23, 12))  # the real window is 07:00 to 12:00
    rows = home.report("windows", "--timezone", "UTC")["rows"]
    assert [
        (r["starts_at"][11:16], r["ends_at"][11:16], r["messages"], r["estimated"], r["peak_percent"]) for r in rows
    ] == [
        ("06:00", "07:00", 1, True, None),
        ("07:00", "12:00", 3, False, 64.0),
        ("12:01", "17:01", 1, True, None),
    ]
    shown = home.call("windows", "--timezone", "UTC").stdout
    assert "64 %" in shown and "estimated" in shown and "other machines" in shown


def test_old_refusals_that_nobody_can_be_named_for_do_not_lead(home: Home, ledger: Ledger) -> None:
    """Transcripts from before the first look at who is logged in: their messages and walls are nobody's."""
    with ledger.transaction() as db:
        refusals.note_for(db, 0, FIVE_HOUR, "5-hour", NOW_MS - 20 * 24 * HOUR, NOW_MS - 20 * 24 * HOUR + HOUR)
    home.write("p/s.jsonl", [assistant("A", at=NOW - timedelta(minutes=30))])
    home.ingest()
    ada = say(ledger, NOW_MS - HOUR, 70, NOW_MS + HOUR, ADA, OAUTH)
    assert [account.id for account in now(ledger.db, NOW_MS).accounts] == [ada]
    with ledger.transaction() as db:
        refusals.note_for(db, 0, FIVE_HOUR, "5-hour", NOW_MS - HOUR, NOW_MS + HOUR)
    assert [account.id for account in now(ledger.db, NOW_MS).accounts] == [ada, 0]
