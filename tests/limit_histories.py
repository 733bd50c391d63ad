"""Random histories of an account's limits with a known truth, fed to a ledger as sources would."""

import random
import sqlite3
from typing import NamedTuple

from tachograph.ledger.limits import accounts, readings, refusals, request_times
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.message_attributes import MessageAttributes
from tachograph.ledger.usage.messages import Row
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    CLAUDE_JSON,
    DESKTOP,
    FIVE_HOUR,
    OAUTH,
    SEVEN_DAY,
    STATUSLINE,
    AccountId,
    ExtraUsage,
    Limit,
    Money,
    Reading,
)
from tachograph.model.limits.refusals import REQUEST_MS

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = 1_795_400_400_000
FOLDERS = ("/a", "/b")
_GAPS = (2 * MINUTE, 7 * MINUTE, 25 * MINUTE, 70 * MINUTE, 4 * HOUR)


class Window:
    """A limit as the service keeps it."""

    def __init__(self, key: str, label: str, group: str, length: int, resets_at: int, percent: float) -> None:
        self.key, self.label, self.group, self.length = key, label, group, length
        self.resets_at, self.percent = resets_at, percent

    def at(self, now: int, *, is_late: bool = False) -> None:
        """Begin a new window where the old one is over; a service that is late still holds it."""
        while now >= self.resets_at and not is_late:
            self.resets_at += self.length
            self.percent = 0.0

    def limit(self) -> Limit:
        return Limit(self.key, self.label, self.group, float(round(self.percent)), self.resets_at)


class News(NamedTuple):
    """The truth of a limit as it became known last: when, and with which value and reset."""

    at: int
    percent: float
    resets_at: int


class Account:
    """An account with its sessions, and what is known of it by evidence."""

    def __init__(self, rnd: random.Random, number: int) -> None:
        self.id = AccountId(f"u{number}", f"o{number}")
        self.folder = FOLDERS[number]
        self.windows = [
            Window(FIVE_HOUR, "5-hour", "session", 5 * HOUR, T0 + rnd.randrange(1, 300) * MINUTE, rnd.uniform(0, 60)),
            Window(SEVEN_DAY, "7-day", "weekly", 7 * DAY, T0 + rnd.randrange(1, 160) * HOUR, rnd.uniform(0, 90)),
        ]
        self.sessions: dict[str, tuple[tuple[Limit, ...], int]] = {}
        self.news: dict[str, News] = {}
        self.refused: dict[str, tuple[int, int]] = {}  # by key: when, until when
        self.answered: set[str] = set()  # keys of refusals that an answer has ended
        self.conversations: dict[str, int] = {}  # of scripts: their last answer
        self.extra = ExtraUsage(True, Money(500, "USD"), Money(9_000, "USD"), None) if rnd.random() < 0.3 else None
        self.is_metered = False  # was that read?

    def lift(self, key: str) -> None:
        self.refused.pop(key, None)
        self.answered.discard(key)

    def limits(self) -> tuple[Limit, ...]:
        return tuple(window.limit() for window in self.windows)

    def learn(self, at: int) -> None:
        """What is read now is the newest news of every limit."""
        for limit in self.limits():
            self.news[limit.key] = News(at, limit.percent or 0.0, limit.resets_at or 0)
            if limit.percent is not None and limit.percent < 99:
                self.lift(limit.key)


class History:
    """One random history, written to a ledger step by step. `late`: readings that came in after newer ones."""

    def __init__(self, ledger: Ledger, seed: int, people: int = 1) -> None:
        self.rnd = random.Random(seed)
        self.ledger = ledger
        self.now = T0
        self.accounts = [Account(self.rnd, number) for number in range(people)]
        self.late: list[tuple[Account, Reading]] = []
        self.log: list[str] = []
        with ledger.transaction() as db:
            names = Strings(db)
            for account in self.accounts:
                who = accounts.Identity(*account.id, account.id.uuid, "Max")
                accounts.observe(db, names, account.folder, who, T0)
        self._ids = {
            uuid: id for id, uuid in ledger.db.execute("SELECT id, uuid FROM account WHERE uuid <> ''").fetchall()
        }

    def ledger_id(self, account: Account) -> int:
        return int(self._ids[account.id.uuid])

    def step(self) -> None:
        """Let time pass, and one thing happen."""
        rnd = self.rnd
        self.now += rnd.randrange(1, rnd.choice(_GAPS))
        account = rnd.choice(self.accounts)
        for one in self.accounts:
            for window in one.windows:
                window.at(self.now)
        what = rnd.choices(
            ("answer", "idle", "fetch", "cache", "desktop", "grant", "move", "refuse", "script"),
            (8, 6, 3, 2, 2, 0.5, 0.3, 0.9, 2),
        )[0]
        self.log.append(f"{(self.now - T0) // MINUTE} {account.id.uuid} {what}")
        getattr(self, f"_{what}")(account)
        if self.late and rnd.random() < 0.4:
            self._store(*self.late.pop(rnd.randrange(len(self.late))))

    def _answer(self, account: Account) -> None:
        for window in account.windows:
            window.percent = min(
                100.0, window.percent + self.rnd.expovariate(1 / (6 if window.group == "session" else 1))
            )
        session = self.rnd.choice(("s1", "s2", "s3")) + account.id.uuid
        api_ms = account.sessions.get(session, ((), 0))[1] + self.rnd.randrange(1, 90_000)
        account.sessions[session] = (account.limits(), api_ms)
        account.learn(self.now)
        self._draw(account, session)

    def _idle(self, account: Account) -> None:
        if account.sessions:
            self._draw(account, self.rnd.choice(sorted(account.sessions)))

    def _draw(self, account: Account, session: str) -> None:
        limits, api_ms = account.sessions[session]
        reading = Reading(STATUSLINE, self.now, limits=limits, session=session, api_ms=api_ms)
        with self.ledger.transaction() as db:
            readings.append(db, Strings(db), reading, account.folder)

    def _fetch(self, account: Account) -> None:
        account.learn(self.now)
        self._store(account, Reading(OAUTH, self.now, account=account.id, limits=account.limits(), extra=account.extra))

    def _cache(self, account: Account) -> None:
        """Another program asks; its answer is found later, or at once."""
        reading = Reading(CLAUDE_JSON, self.now, account=account.id, limits=account.limits(), extra=account.extra)
        if self.rnd.random() < 0.5:
            account.learn(self.now)
            self._store(account, reading)
        else:
            self.late.append((account, reading))

    def _desktop(self, account: Account) -> None:
        """A sample names no reset: it is of the window that runs, where that is known."""
        known = [account.news.get(window.key) for window in account.windows]
        if all(news is not None and news.resets_at > self.now for news in known) and all(
            news is not None and news.resets_at == window.resets_at
            for news, window in zip(known, account.windows, strict=True)
        ):
            account.learn(self.now)
            limits = tuple(limit._replace(resets_at=None) for limit in account.limits())
            self._store(account, Reading(DESKTOP, self.now, account=account.id, limits=limits))

    def _grant(self, account: Account) -> None:
        for window in account.windows:
            window.percent = 0.0

    def _move(self, account: Account) -> None:
        week = account.windows[1]
        week.resets_at, week.percent = self.now + self.rnd.randrange(1, 160) * HOUR, 0.0

    def _refuse(self, account: Account) -> None:
        window = self.rnd.choice(account.windows)
        if window.key in account.refused and window.key not in account.answered:
            return
        window.percent = 100.0
        account.answered.discard(window.key)
        account.refused[window.key] = (self.now, window.resets_at)
        with self.ledger.transaction() as db:
            refusals.note_for(db, self.ledger_id(account), window.key, window.label, self.now, window.resets_at)

    def _script(self, account: Account) -> None:
        """A script gets an answer, without a status line. The transcript may show when its request began."""
        session = self.rnd.choice(("q1", "q2")) + account.id.uuid
        before = account.conversations.get(session, 0)
        began = max(before, self.now - self.rnd.randrange(1, 9 * MINUTE)) if self.rnd.random() < 0.6 else None
        for key, (at, _) in account.refused.items():
            is_later = before > at or self.now > at + REQUEST_MS if began is None else began > at
            if is_later and not account.is_metered:
                account.answered.add(key)
        account.conversations[session] = self.now
        with self.ledger.transaction() as db:
            write_answer(db, self.ledger_id(account), session, self.now, began)

    def _store(self, account: Account, reading: Reading) -> None:
        account.is_metered |= reading.extra is not None
        for limit in reading.limits:
            news = account.news.get(limit.key)
            if news is None or reading.observed_at > news.at:
                account.news[limit.key] = News(reading.observed_at, limit.percent or 0.0, limit.resets_at or 0)
        with self.ledger.transaction() as db:
            readings.append(db, Strings(db), reading)
        for key, (at, _) in list(account.refused.items()):
            known = next((limit for limit in reading.limits if limit.key == key), None)
            if known is not None and known.percent is not None and known.percent < 100 and reading.observed_at > at:
                account.lift(key)


def write_answer(db: sqlite3.Connection, account: int, session: str, at: int, began: int | None) -> None:
    """A billed answer, with the time at which its request began where that is known."""
    names = Strings(db)
    where = names.sessions(db, {session})[session]
    origin = MessageAttributes(db, names).of(("claude-opus-5-5", "", "", "end_turn", "", "", "", "", "/a")).id
    identity = db.execute("SELECT coalesce(max(identity), 0) + 1 FROM answer").fetchone()[0]
    row = dict.fromkeys(Row._fields, 0) | {"identity": identity, "at": at, "origin": origin, "request": ""}
    row |= {"id": identity, "output": 5, "session": where, "account": account, "billed": 1, "blocks": None}
    db.execute(f"INSERT INTO answer ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    if began is not None:
        request_times.note_request_times(db, [(identity, began)], at)


def forget(ledger: Ledger) -> None:
    """Empty the tables of limits, for the next history."""
    with ledger.transaction() as db:
        for table in ("level_value", "reading", "window", "refusal", "login", "plan_change", "answer", "request_time"):
            db.execute(f"DELETE FROM {table}")
        db.execute("DELETE FROM account WHERE id > 0")
