"""A simulated day: the poller against the fake service, by a clock that a test moves, checked line by line."""

from datetime import UTC, datetime, timedelta
from typing import Any

from helpers import Home, MovedClock
from tachograph.demo import usage_shapes
from tachograph.demo.service import Seen, Service, Step
from tachograph.ledger.limits import poll_state, windows
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import CONSENT, set_preference
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH
from tachograph.paths import own_paths
from tachograph.queries.limits.current import now as now_question
from tachograph.recorder.poller import BASE, Poller

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ADA, BOB = ("ada-uuid", "ada-org"), ("bob-uuid", "bob-org")


class Day:
    """The service as it is at each moment of the day, and what happened."""

    def __init__(self, home: Home, ledger: Ledger, clock: MovedClock) -> None:
        self.home, self.ledger, self.clock = home, ledger, clock
        self.lines: list[str] = []
        self.who = ADA
        self.percent = 20.0
        self.resets = START + timedelta(hours=5)
        self.fault: str | None = None
        self.token_alive = True
        self.service = Service(usage=self.usage, profile=self.profile)
        self.poller = Poller({**home.env, BASE: self.service.base}, clock, jitter=lambda: 0.0, deadline_seconds=3.0)

    def usage(self, seen: Seen) -> Step:
        if self.fault is not None:
            return self.fault
        if not self.token_alive:
            return "401"
        return usage_shapes.payload("2026-10", self.clock.at, session=self.percent, session_resets=self.resets)

    def profile(self, seen: Seen) -> Step:
        answer: dict[str, Any] = usage_shapes.profile()
        answer["account"]["uuid"], answer["organization"]["uuid"] = self.who
        return answer

    def until(self, hour: int, minute: int = 0, *, climbing: float = 0.0, days: int = 0) -> None:
        """Let time pass, a minute at a time, with so many points more a minute."""
        end = START.replace(hour=hour, minute=minute) + timedelta(days=days)
        while self.clock.at < end:
            self.percent += climbing
            self.tick()
            self.clock.at += timedelta(minutes=1)

    def tick(self) -> None:
        before = len(self.service.seen)
        self.poller.tick(self.ledger)
        self.poller.wait(60)
        for said in self.poller.tick(self.ledger):
            asked = "+".join(seen.path.rsplit("/", 1)[1] for seen in self.service.seen[before:]) or "nobody"
            state = poll_state.poll(self.ledger.db, str(self.home.claude))
            next_at = datetime.fromtimestamp(state.next_at / 1000, UTC)
            five = next((limit.percent for limit in said.reading.limits if limit.key == FIVE_HOUR), None)
            shown = f" {five:g}%" if five is not None else ""
            self.lines.append(f"{self.clock.at:%H:%M} {asked}: {said.outcome.outcome}{shown}, next {next_at:%H:%M}")

    def happened(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


def test_a_simulated_day(home: Home) -> None:
    clock = MovedClock(START)
    home.sign_in("sk-ant-oat01-first", ADA[1], START + timedelta(hours=5))
    with open_ledger(own_paths(home.env), clock.now_ms()) as ledger:
        with ledger.transaction() as db:
            set_preference(db, CONSENT + OAUTH, "on", clock.now_ms())
        day = Day(home, ledger, clock)
        with day.service:
            # work: the numbers move, so every five minutes; whose login it is, is asked once
            day.until(8, 16, climbing=0.2)
            assert day.happened() == [
                "08:00 profile+usage: ok 20%, next 08:05",
                "08:05 usage: ok 21%, next 08:10",
                "08:10 usage: ok 22%, next 08:15",
                "08:15 usage: ok 23%, next 08:20",
            ]
            # a pause: a third of the quiet, at most half an hour
            day.until(10)
            assert day.happened() == [
                "08:20 usage: ok 23%, next 08:25",
                "08:25 usage: ok 23%, next 08:30",
                "08:30 usage: ok 23%, next 08:35",
                "08:35 usage: ok 23%, next 08:41",
                "08:42 usage: ok 23%, next 08:51",
                "08:51 usage: ok 23%, next 09:03",
                "09:03 usage: ok 23%, next 09:19",
                "09:19 usage: ok 23%, next 09:40",
                "09:41 usage: ok 23%, next 10:09",
            ]
            # a storm of 429 with Retry-After: 0
            day.fault = "429-zero"
            day.until(12, 50)
            assert day.happened() == [
                "10:10 usage: limited, next 10:15",
                "10:15 usage: limited, next 10:25",
                "10:25 usage: limited, next 10:45",
                "10:45 usage: limited, next 11:25",
                "11:25 usage: limited, next 12:45",
                "12:45 usage: limited, next 15:25",
            ]
            # and the last good value is still there
            assert now_question(ledger.db, clock.now_ms()).accounts[0].limits[0].percent == 23.0
            # a restart forgets nothing of it
            day.poller = Poller({**home.env, BASE: day.service.base}, clock, jitter=lambda: 0.0, deadline_seconds=3.0)
            day.fault = None
            day.until(15)
            assert day.happened() == []
            # 13:00 the token ran out; nobody is asked with a dead one
            day.percent, day.resets = 61.0, START.replace(hour=18)
            day.until(15, 41)
            assert day.happened() == ["15:25 nobody: expired, next 15:55"]
            # Claude Code has renewed it: seen within the minute
            home.sign_in("sk-ant-oat01-second", ADA[1], START.replace(hour=23))
            day.until(15, 45)
            assert day.happened() == ["15:41 profile+usage: ok 61%, next 15:46"]
            # the service takes the token no longer, and no other is there
            day.token_alive = False
            day.until(15, 50)
            assert day.happened() == ["15:46 usage: expired, next 15:51"]
            day.token_alive = True
            home.sign_in("sk-ant-oat01-third", ADA[1], START.replace(hour=23))
            day.until(15, 52)
            assert day.happened() == ["15:50 profile+usage: ok 61%, next 15:55"]
            # another account signs in: its numbers are never mixed with the first one's
            day.who, day.percent = BOB, 5.0
            home.sign_in("sk-ant-oat01-bob", BOB[1], START.replace(hour=23))
            day.until(16, 10)
            assert day.happened() == [
                "15:55 profile+usage: ok 5%, next 16:00",
                "16:00 usage: ok 5%, next 16:05",
                "16:05 usage: ok 5%, next 16:10",
            ]
            by_account = {
                account.uuid: account.limit(FIVE_HOUR) for account in now_question(ledger.db, clock.now_ms()).accounts
            }
            assert {uuid: limit.percent for uuid, limit in by_account.items() if limit} == {
                "ada-uuid": 61.0,
                "bob-uuid": 5.0,
            }
            # a hang: one deadline, and everything else goes on
            day.fault = "hang"
            day.until(16, 15)
            day.fault = None
            assert day.happened() == ["16:10 usage: timeout, next 16:15"]
            day.until(17, 59)
            assert day.happened() == [
                "16:15 usage: ok 5%, next 16:21",
                "16:22 usage: ok 5%, next 16:31",
                "16:31 usage: ok 5%, next 16:43",
                "16:43 usage: ok 5%, next 16:59",
                "16:59 usage: ok 5%, next 17:20",
                "17:21 usage: ok 5%, next 17:49",
                "17:50 usage: ok 5%, next 18:00",  # the reset is at 18:00
            ]
            # the window resets
            day.percent, day.resets = 0.0, START.replace(hour=23)
            day.until(18, 3)
            assert day.happened() == ["18:01 usage: ok 0%, next 18:06"]
            found = windows.windows(ledger.db, now_question(ledger.db, clock.now_ms()).accounts[0].id, FIVE_HOUR)
            assert [window.peak for window in found] == [0.0, 5.0]
            # nine hours of sleep: one question, no burst
            clock.at += timedelta(hours=9)
            home.sign_in("sk-ant-oat01-fourth", BOB[1], START + timedelta(days=1))
            day.resets = START + timedelta(days=1)
            day.until(3, 20, days=1)
            assert day.happened() == [
                "03:03 profile+usage: ok 0%, next 03:33",
            ]
        assert all(seen.has_token for seen in day.service.seen)
