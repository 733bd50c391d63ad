"""Poll claude.ai with a browser's session, with consent: in a thread, by the schedule of the usage endpoint.

After three refusals without a good answer between them it switches itself off, and says so: a session that is no longer
good, or a challenge page, does not get better by asking. A network that is down refuses nothing, and is not counted.

An account that a paired browser reports meanwhile is not asked for.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from tachograph.clock import Clock
from tachograph.errors import UsageError
from tachograph.ledger.limits import accounts, poll_state, readings
from tachograph.ledger.limits.poll_state import COOKIES_OF
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import CONSENT, get_preference, has_consent, set_preference
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    BLOCKED,
    BROWSER,
    COOKIES,
    DENIED,
    EXPIRED,
    FIVE_HOUR,
    FORBIDDEN,
    NO_LOGIN,
    OFFLINE,
    OK,
    TIMEOUT,
    AccountId,
    Reading,
)
from tachograph.recorder import schedule
from tachograph.recorder.schedule import PollOutcome, RecentPushes

BASE = "TACHOGRAPH_CLAUDE_BASE"  # a fake of claude.ai on this machine, for tests
BROWSERS = ("brave", "chrome", "chromium", "edge", "firefox", "opera", "vivaldi")
BROWSER_PREFERENCE = "cookies"  # the choice of a browser: its name, then ":" and a profile where one was named
MOST_REFUSALS = 3
DEADLINE_SECONDS = 20.0
_REFUSALS = (EXPIRED, FORBIDDEN, BLOCKED, NO_LOGIN, DENIED)


class CookiePollResult(NamedTuple):
    outcome: PollOutcome
    readings: tuple[tuple[Reading, str], ...] = ()
    left_out: tuple[AccountId, ...] = ()


class CookiePoller:
    """A question under way, if there is one. `tick` never waits."""

    def __init__(self, env: Mapping[str, str], clock: Clock, jitter: Callable[[], float]) -> None:
        self._env, self._clock, self._jitter = env, clock, jitter
        self._thread: threading.Thread | None = None
        self._came: CookiePollResult | None = None
        self._folder = ""
        from tachograph.sources import browser_cookies

        browser_cookies.sweep(env)

    @property
    def is_busy(self) -> bool:
        return self._thread is not None

    def wait(self, seconds: float) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def tick(self, ledger: Ledger) -> str:
        """Take in what came and ask if that is due; what a person has to be told, "" for nothing. Raises LedgerError."""
        said = ""
        if self._thread is not None and not self._thread.is_alive():
            came, self._thread = self._came, None
            said = self._store(ledger, came or _failure(TIMEOUT, "the question ended without an answer"))
        if self._thread is not None or not has_consent(ledger.db, COOKIES):
            return said
        which = get_preference(ledger.db, BROWSER_PREFERENCE)
        folder, now = f"{COOKIES_OF}{which}", self._clock.now_ms()
        state = poll_state.poll(ledger.db, folder)
        known = [int(account) for account in state.accounts.split()]
        push = RecentPushes(min((poll_state.last_push(ledger.db, account, BROWSER) for account in known), default=0))
        if not which or not schedule.decide(state, now, push).ask:
            return said
        with ledger.transaction() as db:
            if not poll_state.claim(db, Strings(db), folder, now):
                return said
        pushed = [
            AccountId(one.uuid, one.organization)
            for one in accounts.accounts(ledger.db)
            if 0 <= now - poll_state.last_push(ledger.db, one.id, BROWSER) < schedule.FRESH_PUSH
        ]
        self._folder, self._came = folder, None
        self._thread = threading.Thread(target=self._run, args=(which, pushed), name="cookies", daemon=True)
        self._thread.start()
        return said

    def _run(self, which: str, pushed: Collection[AccountId]) -> None:
        try:
            self._came = self._fetch(which, pushed)
        except UsageError as error:
            self._came = _failure(OFFLINE, error.message)

    def _fetch(self, which: str, pushed: Collection[AccountId]) -> CookiePollResult:
        from tachograph.sources import browser_cookies, claude_web, http

        browser, _, profile = which.partition(":")
        session = browser_cookies.read_session(browser, profile, self._env)
        if isinstance(session, browser_cookies.NoSession):
            return _failure(session.outcome, session.problem)
        end = Clock().monotonic() + DEADLINE_SECONDS
        base = self._env.get(BASE) or claude_web.SERVICE

        def ask(path: str) -> http.HttpAnswer:
            left = end - Clock().monotonic()
            if left <= 0:
                return http.HttpAnswer(TIMEOUT, problem=f"no whole answer within {DEADLINE_SECONDS:g} s")
            return http.ask(session, claude_web.SERVICE, base, path, left, clock=self._clock)

        found = claude_web.fetch_accounts(ask, self._clock.now_ms(), pushed)
        if found.outcome != OK:
            return CookiePollResult(PollOutcome(found.outcome, found.retry_after_seconds, found.problem))
        limits = [limit for reading, _ in found.readings for limit in reading.limits]
        levels = " ".join(f"{limit.key}={limit.percent}" for limit in limits)
        five = max((limit.percent or 0 for limit in limits if limit.key == FIVE_HOUR), default=None)
        now = self._clock.now_ms()
        resets = [limit.resets_at for limit in limits if limit.resets_at is not None and limit.resets_at > now]
        return CookiePollResult(
            PollOutcome(OK, None, "", levels, five, min(resets, default=None)), found.readings, found.left_out
        )

    def _store(self, ledger: Ledger, came: CookiePollResult) -> str:
        """Write down what came, and when to ask again; what a person has to be told."""
        now, said = self._clock.now_ms(), came.outcome
        with ledger.transaction() as db:
            names = Strings(db)
            state = poll_state.poll(db, self._folder)
            there = [readings.account_id(db, account, 0) for account in came.left_out]
            for reading, label in came.readings:
                account = readings.append(db, names, reading)
                accounts.learn(db, account, label, reading.plan or "")
                if reading.outcome == OK:
                    there.append(account)
                if not state.account:
                    state = state._replace(account=account)
            if said.outcome != OK:
                who = accounts.named(db, state.account) if state.account else None
                problems = (said.problem,) if said.problem else ()
                readings.append(db, names, Reading(COOKIES, now, said.outcome, who, problems=problems))
            state = schedule.next_state(state, said, now, active_at=poll_state.last_message(db), jitter=self._jitter())
            if said.outcome == OK:
                state = state._replace(refusals=0, accounts=" ".join(str(account) for account in there))
            is_refused = said.outcome in _REFUSALS
            state = state._replace(refusals=state.refusals + is_refused)
            is_over = is_refused and state.refusals >= MOST_REFUSALS
            if is_over:
                set_preference(db, CONSENT + COOKIES, "off", now)
                state = state._replace(strikes=0, refusals=0, next_at=0, wait_ms=0)
            poll_state.write(db, names, state)
        if is_over:
            return f"cookies: refused three times ({said.problem or said.outcome}), so this source is off now"
        return f"cookies: {said.problem}" if said.outcome != OK else ""


def _failure(outcome: str, problem: str) -> CookiePollResult:
    return CookiePollResult(PollOutcome(outcome, None, problem))
