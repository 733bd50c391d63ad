"""Poll for the limits of every config folder with a login and consent, when the schedule says so.

A poll runs in a thread, so that a network or a program never blocks the caller; only the caller touches the ledger.
The recorder and `tachograph now --refresh` both come here: a claim in the ledger keeps them from asking twice. The ways
to ask are in poll_methods.py; each has a schedule of its own, and an answer of one counts as fresh for the other.
"""

import os
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tachograph.clock import Clock
from tachograph.ledger.limits import accounts, poll_state, readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import has_consent
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import BROWSER, OK, STATUSLINE, AccountId
from tachograph.recorder import schedule
from tachograph.recorder.config_folders import followed
from tachograph.recorder.ingest import ingest
from tachograph.recorder.poll_methods import (
    BASE,
    METHODS,
    PollMethod,
    PollResult,
    Request,
    fetch,
    login_fingerprint,
    no_answer,
)
from tachograph.recorder.schedule import PollDecision, RecentPushes

__all__ = ["BASE", "DEADLINE_SECONDS", "PollResult", "Poller", "RefreshResult", "refresh", "store_result"]

DEADLINE_SECONDS = 20.0  # for all that one poll takes: a profile, the usage, a second try


class RefreshResult(NamedTuple):
    """Result of a person's "refresh now" for a folder by one source: `verdict.ask` and the outcome, or the reason for
    not asking."""

    folder: str
    verdict: PollDecision
    outcome: str = ""
    problem: str = ""
    source: str = ""


def folders(ledger: Ledger, env: Mapping[str, str]) -> list[str]:
    """The config folders that exist, each with a possible login."""
    return [folder for folder in followed(ledger.db, env) if os.path.isdir(folder)]


def methods(ledger: Ledger) -> list[PollMethod]:
    """The ways to ask that a person consented to."""
    return [method for method in METHODS if has_consent(ledger.db, method.source)]


class Poller:
    """Polls under way. `tick` takes in the answers that came and asks whatever is due; it never waits."""

    def __init__(
        self,
        env: Mapping[str, str],
        clock: Clock,
        *,
        jitter: Callable[[], float] | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._env, self._clock, self._deadline = env, clock, deadline_seconds
        self._jitter = jitter or random_share
        self._running: dict[str, _PollThread] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._running)

    def tick(self, ledger: Ledger) -> list[PollResult]:
        """Store the answers that came and start the polls that are due; returns the answers. Raises LedgerError."""
        came = []
        for key, poll in list(self._running.items()):
            if poll.result is not None:
                del self._running[key]
                store_result(ledger, poll.method, poll.folder, poll.result, self._clock.now_ms(), self._jitter())
                came.append(poll.result)
        for method in methods(ledger):
            for folder in folders(ledger, self._env):
                key = method.prefix + folder
                state = poll_state.poll(ledger.db, key)
                if key in self._running or any(poll.folder == folder for poll in self._running.values()):
                    continue
                if state.account and any(state.account == other.account for other in self._running.values()):
                    continue  # the same login in two folders is asked for once
                if self._claim(ledger, method, folder):
                    self._running[key] = poll = _PollThread(method, folder)
                    state = poll_state.poll(ledger.db, key)
                    poll.start(Request(folder, state, self._env, self._clock, self._deadline))
        return came

    def wait(self, seconds: float) -> None:
        """Wait for the answers to the polls under way."""
        for poll in self._running.values():
            poll.thread.join(seconds)

    def next_at(self, ledger: Ledger) -> int | None:
        """Time of the next poll, epoch milliseconds; None without consent or folders."""
        now = self._clock.now_ms()
        decisions = [
            _decide(ledger, one, folder, now) for one in methods(ledger) for folder in folders(ledger, self._env)
        ]
        return min((now if one.ask else one.until for one in decisions), default=None)

    def _claim(self, ledger: Ledger, method: PollMethod, folder: str) -> bool:
        now = self._clock.now_ms()
        if not _decide(ledger, method, folder, now).ask or _quiet_from(ledger, method, folder, self._env, now):
            return False
        with ledger.transaction() as db:
            return poll_state.claim(db, Strings(db), method.prefix + folder, now)


def refresh(ledger: Ledger, env: Mapping[str, str], clock: Clock) -> list[RefreshResult]:
    """Ask now, for a person, and wait for the answers; one result for each source and folder. Raises LedgerError."""
    return [
        _refresh(ledger, method, folder, env, clock) for method in methods(ledger) for folder in folders(ledger, env)
    ]


def _refresh(ledger: Ledger, method: PollMethod, folder: str, env: Mapping[str, str], clock: Clock) -> RefreshResult:
    now, key = clock.now_ms(), method.prefix + folder
    state = poll_state.poll(ledger.db, key)
    verdict = schedule.decide_refresh(state, now)
    if verdict.ask and state.account and accounts.is_hidden(ledger.db, state.account):
        verdict = PollDecision(False, "forgotten")
    if verdict.ask and (until := _quiet_from(ledger, method, folder, env, now)):
        verdict = PollDecision(False, "active", until)
    if verdict.ask:
        with ledger.transaction() as db:
            if not poll_state.claim(db, Strings(db), key, now):
                verdict = PollDecision(False, "claimed", now + poll_state.CLAIM_MS)
    if not verdict.ask:
        return RefreshResult(folder, verdict, source=method.source)
    poll = _PollThread(method, folder)
    poll.start(Request(folder, poll_state.poll(ledger.db, key), env, clock, DEADLINE_SECONDS))
    poll.thread.join()
    result = poll.result or no_answer(method.source, clock.now_ms())
    store_result(ledger, method, folder, result, clock.now_ms(), random_share())
    return RefreshResult(folder, verdict, result.outcome.outcome, result.outcome.problem, method.source)


def store_result(ledger: Ledger, method: PollMethod, folder: str, result: PollResult, now: int, jitter: float) -> None:
    """Store the result of a poll and the time of the next one."""
    with ledger.transaction() as db:
        names = Strings(db)
        state = poll_state.poll(db, method.prefix + folder)
        account = accounts.named(db, state.account) if state.login == result.login else None
        if result.reading.account is not None:
            account = result.reading.account
        elif result.profile is not None:
            account = result.profile[0]
        elif account is None and result.organization:
            here = accounts.named(db, readings.current_account(db, names.id(folder)))
            is_here = here is not None and here.organization == result.organization
            account = here if is_here else AccountId("", result.organization)
        id = readings.append(db, names, result.reading._replace(account=account), folder)
        if result.profile is not None:
            accounts.learn(db, id, result.profile[2], result.profile[1])
            state = state._replace(profile_at=now)
        if result.outcome.outcome == OK:
            state = state._replace(account=id)
        state = schedule.next_state(state, result.outcome, now, active_at=poll_state.last_message(db), jitter=jitter)
        poll_state.write(db, names, state._replace(login=result.login))


def _decide(ledger: Ledger, method: PollMethod, folder: str, now: int) -> PollDecision:
    db, key = ledger.db, method.prefix + folder
    state = poll_state.poll(db, key)
    login = login_fingerprint(folder)
    push = schedule.RecentPushes()
    if state.account and login == state.login:
        if accounts.is_hidden(db, state.account):
            return PollDecision(False, "forgotten", now + schedule.SLOWEST)
        push = RecentPushes(
            poll_state.last_push(db, state.account, BROWSER),
            poll_state.last_push(db, state.account, STATUSLINE),
            max(poll_state.last_twin(db, state.account, key), poll_state.last_remote(db, state.account, method.source)),
        )
    return schedule.decide(state, now, push, login)


def _quiet_from(ledger: Ledger, method: PollMethod, folder: str, env: Mapping[str, str], now: int) -> int:
    """Time from which a folder's sessions are quiet enough for a method, epoch ms; 0 if they are."""
    if not method.quiet_ms:
        return 0
    ingest(ledger, env, now)  # the message may be a second old
    last = poll_state.last_message_of(ledger.db, folder, now - method.quiet_ms)
    return last + method.quiet_ms if 0 < last <= now else 0


class _PollThread:
    """One poll in a thread of its own; `result` once it has ended."""

    def __init__(self, method: PollMethod, folder: str) -> None:
        self.method, self.folder = method, folder
        self.result: PollResult | None = None
        self.account = 0

    def start(self, request: Request) -> None:
        self.account = request.state.account if login_fingerprint(self.folder) == request.state.login else 0
        self.thread = threading.Thread(target=self._run, args=(request,), name="poll", daemon=True)
        self.thread.start()

    def _run(self, request: Request) -> None:
        result = no_answer(self.method.source, request.clock.now_ms())
        try:
            result = fetch(self.method, request)
        finally:
            self.result = result


def random_share() -> float:
    import random

    return random.random()  # noqa: S311 - to spread questions, not to keep a secret
