"""Two people on one machine: what one of them did is in no window of the other's, and nobody's work is in none."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from helpers import NOW, NOW_MS, Home
from tachograph.demo.records import assistant
from tachograph.ledger.limits import readings, refusals
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH, SEVEN_DAY, AccountId, Limit, Reading
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.queries.estimates.reconcile import Reconciled, reconcile
from tachograph.queries.limits.current import now
from tachograph.queries.limits.window_history import walls
from tachograph.queries.usage.session_timeline import shares, timeline
from tachograph.text.reconcile import reconcile_differences

HOUR, DAY = 3_600_000, 86_400_000
ADA, BOB = AccountId("ada", "o"), AccountId("bob", "o")
BOOK = load()[0]
UTC = Calendar(*parsed_zone("UTC"))
SESSIONS = {"S-ada": 3, "S-bob": 2, "S-nobody": 1}  # messages of each, all alike, in the same hour


def say(ledger: Ledger, who: AccountId, *said: Limit, at: int = NOW_MS - HOUR) -> int:
    with ledger.transaction() as db:
        return readings.append(db, Strings(db), Reading(OAUTH, at, account=who, limits=said))


def five(resets_at: int) -> Limit:
    return Limit(FIVE_HOUR, "5-hour", "session", 40.0, resets_at)


def week(resets_at: int) -> Limit:
    return Limit(SEVEN_DAY, "7-day", "weekly", 30.0, resets_at)


def give(ledger: Ledger, session: str, account: int, since: int = 0) -> None:
    """Let messages of a session be an account's."""
    id = ledger.db.execute("SELECT id FROM session WHERE uuid = ?", (session,)).fetchone()[0]
    ledger.db.execute("UPDATE answer SET account = ? WHERE session = ? AND at >= ?", (account, id, since))
    ledger.db.execute(
        "UPDATE rollup SET account = ? WHERE session = ? AND bucket >= ?", (account, id, since // 900_000)
    )


class Two:
    """Ada and Bob, their windows overlapping; `one` is what a message costs, US dollars."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.db = ledger, ledger.db
        self.ada = say(ledger, ADA, five(NOW_MS + HOUR), week(NOW_MS + DAY))
        self.bob = say(ledger, BOB, five(NOW_MS + 2 * HOUR), week(NOW_MS + 2 * DAY))
        give(ledger, "S-ada", self.ada)
        give(ledger, "S-bob", self.bob)
        whole = reconcile(self.db, BOOK, UTC, None, NOW_MS).money.week.usd
        assert whole is not None
        self.one = whole / sum(SESSIONS.values())

    def session(self, name: str) -> int:
        return int(self.db.execute("SELECT id FROM session WHERE uuid = ?", (name,)).fetchone()[0])

    def reconciled(self, account: int) -> Reconciled:
        who = next(one for one in now(self.db, NOW_MS).accounts if one.id == account)
        return reconcile(self.db, BOOK, UTC, who, NOW_MS)


@pytest.fixture
def two(home: Home) -> Iterator[Two]:
    for session, messages in SESSIONS.items():
        at = [NOW - timedelta(hours=2, minutes=-n) for n in range(messages)]
        lines = [assistant(f"{session}-{n}", at=moment, session=session) for n, moment in enumerate(at)]
        home.write(f"p/{session}.jsonl", lines)
    home.ingest()
    with home.ledger() as ledger:
        yield Two(ledger)


def test_a_window_holds_the_work_of_its_own_account(two: Two) -> None:
    idle = say(two.ledger, AccountId("carl", "o"), five(NOW_MS + HOUR))
    found = walls(two.db, BOOK, UTC, NOW_MS, NOW_MS - 30 * DAY)
    used = {(wall.window.account, wall.window.key): wall.used for wall in found.windows}
    messages = {place: None if one is None else one.tokens.messages for place, one in used.items()}
    assert messages == {
        (two.ada, FIVE_HOUR): 3,
        (two.ada, SEVEN_DAY): 3,
        (two.bob, FIVE_HOUR): 2,
        (two.bob, SEVEN_DAY): 2,
        (idle, FIVE_HOUR): 0,
    }
    assert found.nobodys == 1


def test_of_a_window_of_nobodys_it_is_not_known_what_was_used(two: Two) -> None:
    with two.ledger.transaction() as db:
        refusals.note_for(db, 0, FIVE_HOUR, "5-hour", NOW_MS - HOUR, NOW_MS + HOUR)
    found = walls(two.db, BOOK, UTC, NOW_MS, NOW_MS - DAY)
    assert [wall.used for wall in found.windows if wall.window.account == 0] == [None]


def test_a_session_is_in_the_windows_of_its_own_account_alone(two: Two) -> None:
    for name, account, messages in (("S-ada", two.ada, 3), ("S-bob", two.bob, 2)):
        id = two.session(name)
        found = shares(two.db, BOOK, id, timeline(two.db, BOOK, id).steps)
        (window,) = found.windows
        assert (window.account, window.used.tokens.messages, window.whole.tokens.messages) == (
            account,
            messages,
            messages,
        )
        assert (window.share, found.nobodys) == (1.0, 0)


def test_a_session_of_nobody_knows_is_in_no_window_and_is_said_to_be(two: Two) -> None:
    id = two.session("S-nobody")
    found = shares(two.db, BOOK, id, timeline(two.db, BOOK, id).steps)
    assert (found.windows, found.nobodys) == ((), 1)


def test_a_login_that_changed_in_a_session_puts_each_part_where_it_belongs(two: Two) -> None:
    give(two.ledger, "S-ada", two.bob, NOW_MS - 2 * HOUR + 60_000)  # from its second message on
    id = two.session("S-ada")
    found = shares(two.db, BOOK, id, timeline(two.db, BOOK, id).steps)
    assert [(w.account, w.used.tokens.messages, w.whole.tokens.messages) for w in found.windows] == [
        (two.ada, 1, 1),
        (two.bob, 2, 4),
    ]


def test_beside_a_percentage_stands_the_work_of_that_account(two: Two) -> None:
    for account, messages in ((two.ada, 3), (two.bob, 2)):
        found = two.reconciled(account)
        assert found.five_dollars == pytest.approx(messages * two.one)
        assert found.week_dollars == pytest.approx(messages * two.one)
        assert found.unattributed == 1
        assert "1 message of an unknown account is left out." in reconcile_differences(found)
        assert found.money.week.tokens.messages == 6  # spend is of the machine: a bill would be, too


def test_beside_a_percentage_of_nobodys_stands_no_work(two: Two) -> None:
    with two.ledger.transaction() as db:
        readings.append(
            db, Strings(db), Reading(OAUTH, NOW_MS - HOUR, limits=(five(NOW_MS + HOUR), week(NOW_MS + DAY)))
        )
    found = two.reconciled(0)
    assert found.five is not None
    assert (found.five_dollars, found.week_dollars) == (None, None)


def test_an_empty_week_is_one_of_nothing_and_weeks_before_the_first_message_are_none(home: Home, two: Two) -> None:
    assert two.reconciled(two.ada).money.usual_week is None
    home.write("p/old.jsonl", [assistant("old", at=NOW - timedelta(days=22), session="S-old")])
    home.ingest()  # in the third week back; then come two of nothing
    assert two.reconciled(two.ada).money.usual_week == pytest.approx(two.one / 3)


def test_a_week_without_a_price_is_not_one_of_nothing(home: Home, two: Two) -> None:
    home.write("p/old.jsonl", [assistant("old", at=NOW - timedelta(days=22), session="S-old")])
    home.write("p/odd.jsonl", [assistant("odd", at=NOW - timedelta(days=15), session="S-odd", model="no-such-model")])
    home.ingest()
    assert two.reconciled(two.ada).money.usual_week == pytest.approx(two.one / 2)
