"""Who is asked, when nobody is, and what is kept of it: the poller and the fake service over loopback."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from helpers import NOW, NOW_MS, Home
from tachograph.clock import FixedClock
from tachograph.demo import usage_shapes
from tachograph.demo.service import Service
from tachograph.ledger.limits import accounts, poll_state, readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import CONSENT, set_preference
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    BLOCKED,
    BROWSER,
    EXPIRED,
    FORBIDDEN,
    LIMITED,
    NO_LOGIN,
    OAUTH,
    OFFLINE,
    OK,
    PORTAL,
    SERVER,
    SHAPE,
    TIMEOUT,
    Reading,
)
from tachograph.queries.limits.current import now
from tachograph.recorder.poller import BASE, Poller, refresh

CLOCK = FixedClock(NOW_MS)
CANARY = "sk-ant-oat01-CANARY"


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with home.ledger() as opened:
        with opened.transaction() as db:
            set_preference(db, CONSENT + OAUTH, "on", NOW_MS)
        home.sign_in(CANARY, "org", NOW + timedelta(hours=8))
        yield opened


def asked(ledger: Ledger, home: Home, service: Service, clock: FixedClock = CLOCK, deadline: float = 30.0) -> list[str]:
    """Tick until nothing is under way; the outcomes."""
    poller = Poller({**home.env, BASE: service.base}, clock, jitter=lambda: 0.0, deadline_seconds=deadline)
    poller.tick(ledger)
    poller.wait(60)
    return [said.outcome.outcome for said in poller.tick(ledger)]


def test_without_a_yes_nobody_is_asked(home: Home) -> None:
    home.sign_in(CANARY, "org", NOW + timedelta(hours=8))
    with Service() as service, home.ledger() as ledger:
        assert asked(ledger, home, service) == []
        assert Poller({**home.env, BASE: service.base}, CLOCK).next_at(ledger) is None
        assert service.seen == []


def test_an_answer_is_kept_with_account_plan_and_the_next_moment(home: Home, ledger: Ledger) -> None:
    with Service() as service:
        assert asked(ledger, home, service) == [OK]
    (account,) = now(ledger.db, NOW_MS).accounts
    assert (account.uuid, account.plan) == ("5ca1ab1e-0000-4000-8000-00000000000a", "Ultra")
    assert account.label == "mary@example.org"
    state = poll_state.poll(ledger.db, str(home.claude))
    assert (state.asked_at, state.next_at, state.account) == (NOW_MS, NOW_MS + 300_000, account.id)


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("401", EXPIRED),
        ("403", FORBIDDEN),
        ("429", LIMITED),
        ("500", SERVER),
        ("529", SERVER),
        ("hang", TIMEOUT),
        ("portal", PORTAL),
        ("challenge", BLOCKED),
        ("garbage", SHAPE),
        ("drop", OFFLINE),
    ],
)
def test_every_outcome_is_kept_and_no_good_number_is_lost(home: Home, ledger: Ledger, step: str, outcome: str) -> None:
    with Service() as service:
        assert asked(ledger, home, service) == [OK]
        before = now(ledger.db, NOW_MS).accounts[0].limits
        service.say(step)
        deadline = 0.6 if outcome == TIMEOUT else 30.0
        assert asked(ledger, home, service, FixedClock(NOW_MS + 300_000), deadline) == [outcome]
    (account,) = now(ledger.db, NOW_MS).accounts
    assert account.limits == before
    assert [told[1] for told in account.problems] == [outcome]
    assert poll_state.poll(ledger.db, str(home.claude)).outcome == outcome


def test_no_file_is_no_login_and_no_question(home: Home, ledger: Ledger) -> None:
    (home.claude / ".credentials.json").unlink()
    with Service() as service:
        assert asked(ledger, home, service) == [NO_LOGIN]
        assert service.seen == []


def test_N12_a_token_that_was_renewed_in_the_middle_is_read_once_more(home: Home, ledger: Ledger) -> None:
    def usage(seen: object) -> str:
        if len(service.seen) == 2:  # profile, usage
            home.sign_in(f"{CANARY}-renewed", "org", NOW + timedelta(hours=8))
            return "401"
        return "2026-10"

    with Service(usage=usage) as service:
        assert asked(ledger, home, service) == [OK]
        assert [seen.path.rsplit("/", 1)[1] for seen in service.seen] == ["profile", "usage", "usage"]


def test_401_with_the_same_token_is_not_tried_again(home: Home, ledger: Ledger) -> None:
    with Service("401") as service:
        assert asked(ledger, home, service) == [EXPIRED]
        assert len(service.seen) == 2
        assert asked(ledger, home, service, FixedClock(NOW_MS + 60_000)) == []


def test_two_programs_never_ask_at_once(home: Home, ledger: Ledger) -> None:
    """Eight ask "now" at the same moment, each with a connection of its own: one question goes out."""
    outcomes: list[str] = []
    slow = threading.Event()

    def usage(_: object) -> str:
        slow.wait(0.3)
        return "2026-10"

    with Service(usage=usage) as service:
        env = {**home.env, BASE: service.base}

        def one() -> None:
            with home.ledger() as own:
                outcomes.extend(done.verdict.why or done.outcome for done in refresh(own, env, CLOCK))

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["claimed"] * 7 + [OK]
        assert [seen.path for seen in service.seen].count("/api/oauth/usage") == 1


def test_the_claim_of_a_killed_program_ends_by_itself(home: Home, ledger: Ledger) -> None:
    with ledger.transaction() as db:
        assert poll_state.claim(db, Strings(db), "f", NOW_MS)
        assert not poll_state.claim(db, Strings(db), "f", NOW_MS + 1000)
        assert poll_state.claim(db, Strings(db), "f", NOW_MS + poll_state.CLAIM_MS)
        assert poll_state.claim(db, Strings(db), "f", NOW_MS - 3_600_000)  # the clock was set back


def test_a_forgotten_account_is_not_asked_for(home: Home, ledger: Ledger) -> None:
    with Service() as service:
        asked(ledger, home, service)
        count = len(service.seen)
        with ledger.transaction() as db:
            accounts.hide(db, poll_state.poll(db, str(home.claude)).account, NOW_MS)
        later = FixedClock(NOW_MS + 3_600_000)
        assert asked(ledger, home, service, later) == []
        (done,) = refresh(ledger, {**home.env, BASE: service.base}, later)
        assert done.verdict.why == "forgotten"
        assert len(service.seen) == count


def test_the_same_login_in_two_folders_is_asked_for_once(home: Home, ledger: Ledger) -> None:
    second = home.root / "second"
    second.mkdir()
    home.env["CLAUDE_CONFIG_DIR"] = f"{home.claude},{second}"
    (second / ".credentials.json").write_bytes((home.claude / ".credentials.json").read_bytes())
    with Service() as service:
        poller = Poller({**home.env, BASE: service.base}, CLOCK, jitter=lambda: 0.0)
        poller.tick(ledger)
        poller.wait(60)
        assert len(poller.tick(ledger)) == 2  # nobody knew yet that they are the same
        service.seen.clear()
        for minutes in range(5, 60, 5):
            assert asked(ledger, home, service, FixedClock(NOW_MS + minutes * 60_000)) in ([OK], [])
        assert 3 <= len(service.seen) <= 11


def test_a_base_that_is_not_this_machine_is_never_asked(home: Home, ledger: Ledger) -> None:
    (done,) = refresh(ledger, {**home.env, BASE: "http://usage.example.org"}, CLOCK)
    assert done.outcome == OFFLINE
    assert "api.anthropic.com only" in done.problem


def test_the_token_is_in_no_row_of_the_ledger(home: Home, ledger: Ledger) -> None:
    with Service() as service:
        for step in ("2026-10", "401", "403", "429", "500", "portal", "garbage"):
            service.say(step)
            refresh(ledger, {**home.env, BASE: service.base}, CLOCK)
            with ledger.transaction() as db:
                state = poll_state.poll(db, str(home.claude))
                poll_state.write(db, Strings(db), state._replace(asked_at=0, barred_until=0, wait_ms=0))
    ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in home.data.rglob("*"):
        if path.is_file():
            assert b"CANARY" not in path.read_bytes(), path


def test_a_credit_grant_shape_change_is_kept_as_a_problem_of_the_reading(home: Home, ledger: Ledger) -> None:
    with Service(usage_shapes.payload("unseen", NOW)) as service:
        assert asked(ledger, home, service) == [OK]
    assert now(ledger.db, NOW_MS).accounts[0].limits


def test_a_browser_spares_the_questions_for_its_account_and_for_no_other(home: Home, ledger: Ledger) -> None:
    """Two config folders, each with an account of its own; a paired browser speaks for one of them."""
    other = home.root / ".claude-work"
    other.mkdir()
    login = {"accessToken": f"{CANARY}-work", "expiresAt": NOW_MS + 28_800_000, "scopes": ["user:profile"]}
    (other / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login, "organizationUuid": "work"}))
    home.env["CLAUDE_CONFIG_DIR"] = f"{home.claude},{other}"

    def profile(seen: object) -> dict[str, Any]:
        made = usage_shapes.profile()
        made["organization"]["uuid"] = f"organization-{len(service.seen)}"
        return made

    with Service(profile=profile) as service:
        assert asked(ledger, home, service) == [OK, OK]
        first, second = (poll_state.poll(ledger.db, str(folder)).account for folder in (home.claude, other))
        assert first and second and first != second
        later = NOW_MS + 3_600_000
        with ledger.transaction() as db:
            who = accounts.named(db, first)
            readings.append(db, Strings(db), Reading(BROWSER, later - 60_000, account=who))
        service.seen.clear()
        assert asked(ledger, home, service, FixedClock(later)) == [OK]
        assert len(service.seen) == 1
        assert poll_state.poll(ledger.db, str(other)).asked_at == later
        assert poll_state.poll(ledger.db, str(home.claude)).asked_at == NOW_MS
