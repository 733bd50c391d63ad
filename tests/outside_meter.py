"""Random histories of one or two accounts, lived through the installed command: prompts, answers, refusals, status lines,
cached answers, sign-ins, granted resets, moved weeks and metered use, each with the truth that its evidence proves."""

import random
from pathlib import Path
from typing import Any, NamedTuple

from helpers import NOW_MS, Home
from meter_world import ADA, BOB, DAY, HOUR, MINUTE, MeterWorld, iso

FIVE, WEEK = "five_hour", "seven_day"
HELD_MS, CLOCK_MS = 30 * MINUTE, 5 * MINUTE  # docs/meter.md: how long a value read after its reset counts; two clocks
_GAPS = (2 * MINUTE, 7 * MINUTE, 25 * MINUTE, 70 * MINUTE, 4 * HOUR)
_KINDS = {"attempt": 8, "idle": 5, "cache": 3, "silent": 2, "grant": 0.7, "move": 0.3, "login": 1.0, "late": 1.0}


class News(NamedTuple):
    """The newest known value of a limit."""

    at: int
    percent: float
    resets_at: int


class Refused(NamedTuple):
    at: int
    resets_at: int
    session: str


class Limit:
    """A limit as the service keeps it."""

    def __init__(self, key: str, length: int, resets_at: int, percent: float) -> None:
        self.key, self.length, self.resets_at, self.percent = key, length, resets_at, percent

    def pass_time(self, now: int) -> None:
        while now >= self.resets_at:
            self.resets_at += self.length
            self.percent = 0.0

    @property
    def shown(self) -> tuple[float, int]:
        """The percentage in whole points, and the reset."""
        return float(min(100, round(self.percent))), self.resets_at


class Person:
    """An account at the service, and what is known of it by evidence."""

    def __init__(self, rnd: random.Random, who: tuple[str, str, str], folder: Path) -> None:
        self.who, self.folder = who, folder
        self.limits = {
            FIVE: Limit(FIVE, 5 * HOUR, NOW_MS + rnd.randrange(1, 300) * MINUTE, rnd.uniform(0, 80)),
            WEEK: Limit(WEEK, 7 * DAY, NOW_MS + rnd.randrange(1, 160) * HOUR, rnd.uniform(30, 97)),
        }
        self.cap: int | None = rnd.choice((None, 2_000)) if rnd.random() < 0.5 else 0  # cents; 0: no metered use
        self.used = 0
        self.news: dict[str, News] = {}
        self.refused: dict[str, Refused] = {}
        self.answered: dict[str, int] = {}  # by key of a refusal that an answer has ended: when
        self.known_extra: tuple[int | None, int] | None = None  # cap and use, as read last

    @property
    def may_go_on(self) -> bool:
        return self.cap is None or self.used < self.cap

    @property
    def is_metered(self) -> bool:
        """Is metered use known to have room?"""
        if self.known_extra is None:
            return False
        cap, used = self.known_extra
        return cap is None or used < cap

    def learn(self, at: int) -> None:
        for key, limit in self.limits.items():
            percent, resets_at = limit.shown
            self.news[key] = News(at, percent, resets_at)
            if percent < 99:
                self.refused.pop(key, None)
                self.answered.pop(key, None)

    def payload(self) -> dict[str, Any]:
        """An answer of the usage endpoint."""
        found: dict[str, Any] = {
            key: {"utilization": limit.shown[0], "resets_at": iso(limit.resets_at)}
            for key, limit in self.limits.items()
        }
        found["extra_usage"] = {
            "is_enabled": self.cap != 0,
            "monthly_limit": self.cap,
            "used_credits": self.used,
            "currency": "USD",
            "decimal_places": 2,
        }
        return found

    def expected(self, key: str, at: int) -> tuple[float | None, str]:
        """The percentage and the state that the evidence proves: "reached", "metered", "unknown" or "open"."""
        news, refused = self.news.get(key), self.refused.get(key)
        if refused is not None and at < refused.resets_at and key not in self.answered:
            percent = news.percent if news is not None and news.at > refused.at else 100.0
            return percent, "metered" if self.is_metered else "reached"
        if news is None or not self._holds(news, at):
            return None, "unknown"
        is_over = refused is not None and key in self.answered and at < refused.resets_at
        if news.percent < 100:
            return news.percent, "open"
        if is_over and refused is not None and news.at <= refused.at:
            return None, "unknown"
        return news.percent, "metered" if self.is_metered else "reached"

    @staticmethod
    def _holds(news: News, at: int) -> bool:
        """Does the window of a value still run, or does the service still report it?"""
        if at < news.resets_at:
            return True
        if news.at < news.resets_at:
            return False
        is_close = news.at <= news.resets_at + CLOCK_MS
        return at <= news.resets_at + CLOCK_MS if is_close else at - news.at <= HELD_MS


class Session(NamedTuple):
    """A conversation: its last report, the time that its answers took, and the account that answered last."""

    report: dict[str, tuple[float, int]]
    api_ms: int
    person: Person


class OutsideHistory:
    """One history. `step` lets time pass and one thing happen; `log` says what."""

    def __init__(self, home: Home, seed: int) -> None:
        self.rnd = random.Random(seed)
        self.world = MeterWorld(home)
        self.log: list[str] = []
        second = home.root / ".claude-two"
        self.shares_folder = seed % 3 == 2  # one folder, and two accounts that take turns in it
        people = 1 + (seed % 3 > 0)
        folders = [home.claude, home.claude if self.shares_folder else second]
        self.people = [Person(self.rnd, who, folder) for who, folder in zip((ADA, BOB), folders, strict=True)][:people]
        if people == 2 and not self.shares_folder:
            (second / "projects").mkdir(parents=True)
            home.env["CLAUDE_CONFIG_DIR"] = f"{home.claude},{second}"
        self.has_api_ms = seed % 2 == 0
        self.signed_in = {person.folder: person for person in reversed(self.people)}
        self.sessions: dict[str, Session] = {}
        self._seen: dict[str, list[dict[str, tuple[float, int]]]] = {}
        for folder, person in self.signed_in.items():
            self.world.login(person.who, folder=folder)
        self.world.run("now")

    @property
    def at(self) -> int:
        return self.world.at

    def step(self) -> None:
        self.world.wait(self.rnd.randrange(1, self.rnd.choice(_GAPS)))
        for person in self.people:
            for limit in person.limits.values():
                limit.pass_time(self.at)
        kind = self.rnd.choices(tuple(_KINDS), tuple(_KINDS.values()))[0]
        folder = self.rnd.choice(sorted(self.signed_in))
        person = self.signed_in[folder]
        self.log.append(f"{(self.at - NOW_MS) // 1000} s: {person.who[2]} {kind}")
        getattr(self, f"_{kind}")(person)

    # -- what may happen

    def _name(self, person: Person) -> str:
        folder = sorted(self.signed_in).index(person.folder)
        return f"{self.rnd.choice('abc') * 8}-0000-4000-8000-00000000000{folder}"

    def _attempt(self, person: Person) -> None:
        """A prompt in a terminal: answered, and the status line is drawn; or refused."""
        session = self._name(person)
        if self._ask(person, session):
            self._report(person, session)

    def _silent(self, person: Person) -> None:
        """A prompt of a script: answered without a status line, or refused."""
        self._ask(person, f"dddddddd-0000-4000-8000-00000000000{sorted(self.signed_in).index(person.folder)}")

    def _late(self, person: Person) -> None:
        """A long request from before a refusal, or beside it, is answered after it."""
        session = f"eeeeeeee-0000-4000-8000-0000000000{len(self.log):02}"
        self.world.prompt(session, folder=person.folder)
        self.world.wait(40_000)
        if not self._ask(person, self._name(person)):
            self.world.wait(20_000)
            self.world.answer(session=session, folder=person.folder)

    def _ask(self, person: Person, session: str) -> bool:
        """A request and its outcome: True for an answer."""
        self.world.prompt(session, folder=person.folder)
        began = self.at
        self.world.wait(self.rnd.randrange(2_000, 20_000))
        full = next((limit for limit in person.limits.values() if limit.percent >= 100), None)
        if full is not None and not person.may_go_on:
            self._refuse(person, full, session)
            return False
        if full is not None:
            person.used += self.rnd.randrange(5, 900)
        else:
            for limit in person.limits.values():
                growth = 6 if limit.key == FIVE else 2
                limit.percent = min(100.0, limit.percent + self.rnd.expovariate(1 / growth))
        self.world.answer(session=session, folder=person.folder)
        for key, refused in person.refused.items():
            if began > refused.at and not person.is_metered:
                person.answered[key] = self.at
        return True

    def _refuse(self, person: Person, limit: Limit, session: str) -> None:
        kind = {"status": "rejected", "resetsAt": limit.resets_at // 1000, "rateLimitType": limit.key}
        name = "session" if limit.key == FIVE else "weekly"
        self.world.refuse(f"You've hit your {name} limit", kind, session, folder=person.folder)
        limit.percent = 100.0
        person.refused[limit.key] = Refused(self.at, limit.resets_at // 1000 * 1000, session)
        person.answered.pop(limit.key, None)

    def _report(self, person: Person, session: str) -> None:
        known = self.sessions.get(session)
        api_ms = (0 if known is None else known.api_ms) + self.rnd.randrange(1_000, 90_000)
        report = {key: limit.shown for key, limit in person.limits.items()}
        self.sessions[session] = Session(report, api_ms, person)
        if self.has_api_ms or report not in self._seen.setdefault(session, []):
            person.learn(self.at)
        self._seen.setdefault(session, []).append(report)
        self._draw(session, person.folder)

    def _idle(self, person: Person) -> None:
        names = [name for name in self.sessions if name.endswith(self._name(person)[-1])]
        if names:
            self._draw(self.rnd.choice(sorted(names)), person.folder)

    def _draw(self, session: str, folder: Path) -> None:
        known = self.sessions[session]
        self.world.draw(
            known.report[FIVE],
            known.report[WEEK],
            session=session,
            folder=folder,
            api_ms=known.api_ms if self.has_api_ms else None,
        )

    def _cache(self, person: Person) -> None:
        """Claude Code asks for itself, and keeps the answer."""
        self.world.cache(person.payload(), person.who[0], folder=person.folder)
        person.learn(self.at)
        person.known_extra = None if person.cap == 0 else (person.cap, person.used)

    def _grant(self, person: Person) -> None:
        for limit in person.limits.values():
            limit.percent = 0.0

    def _move(self, person: Person) -> None:
        week = person.limits[WEEK]
        week.resets_at, week.percent = self.at + self.rnd.randrange(1, 160) * HOUR, 0.0

    def _login(self, person: Person) -> None:
        if self.shares_folder:
            other = next(one for one in self.people if one is not person)
            self.signed_in[person.folder] = other
            self.world.login(other.who, folder=person.folder)
            self.log.append(f"  signed in: {other.who[2]}")
