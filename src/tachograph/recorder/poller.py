"""Poll the usage endpoint for every config folder with a login and consent, when the schedule says so.

A poll runs in a thread, so that a network never blocks the caller; only the caller touches the ledger.
The recorder and `tachograph now --refresh` both come here: a claim in the ledger keeps them from asking twice.
"""

import os
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tachograph.clock import Clock
from tachograph.errors import UsageError
from tachograph.ledger.limits import accounts, poll_state, readings
from tachograph.ledger.limits.poll_state import Poll
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import has_consent
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    BROWSER,
    EXPIRED,
    FIVE_HOUR,
    OAUTH,
    OFFLINE,
    OK,
    STATUSLINE,
    TIMEOUT,
    AccountId,
    Reading,
)
from tachograph.paths import config_folders
from tachograph.recorder import schedule
from tachograph.recorder.schedule import PollDecision, PollOutcome, RecentPushes

BASE = "TACHOGRAPH_OAUTH_BASE"  # a fake of the service on this machine, for tests and the demo
DEADLINE_SECONDS = 20.0  # for all that one question takes: a profile, the usage, a second try
PROFILE_EVERY_MS = 24 * 3_600_000


class PollResult(NamedTuple):
    """Result of polling for one folder. `profile`: account, plan and label, if requested and answered."""

    reading: Reading
    outcome: PollOutcome
    login: str  # the mark of the credentials that were used
    organization: str = ""
    profile: tuple[AccountId, str, str] | None = None


class RefreshResult(NamedTuple):
    """Result of a person's "refresh now" for a folder: `verdict.ask` and the outcome, or the reason for not asking."""

    folder: str
    verdict: PollDecision
    outcome: str = ""
    problem: str = ""


def folders(env: Mapping[str, str]) -> list[str]:
    """The config folders for which somebody may be logged in."""
    return [folder for folder in config_folders(env) if os.path.isdir(folder)]


def login_fingerprint(folder: str) -> str:
    """Fingerprint of a folder's credentials file, taken without reading it; "" without a file."""
    try:
        status = os.stat(os.path.join(folder, ".credentials.json"))
    except OSError:
        return ""
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


class Poller:
    """Questions under way. `tick` takes in the answers that came and asks whatever is due; it never waits."""

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
        """Take in what came and ask what is due; what came. Raises LedgerError."""
        came = []
        for folder, question in list(self._running.items()):
            if question.said is not None:
                del self._running[folder]
                store_result(ledger, folder, question.said, self._clock.now_ms(), self._jitter())
                came.append(question.said)
        if has_consent(ledger.db, OAUTH):
            for folder in folders(self._env):
                state = poll_state.poll(ledger.db, folder)
                if state.account and any(state.account == other.account for other in self._running.values()):
                    continue  # the same login in two folders is asked for once
                if folder not in self._running and self._may_ask(ledger, folder):
                    self._running[folder] = question = _PollThread(self._env, self._clock, self._deadline)
                    question.start(folder, poll_state.poll(ledger.db, folder))
        return came

    def wait(self, seconds: float) -> None:
        """Wait for the answers to the questions under way."""
        for question in self._running.values():
            question.thread.join(seconds)

    def next_at(self, ledger: Ledger) -> int | None:
        """Time of the next poll, epoch milliseconds; None without consent or folders."""
        if not has_consent(ledger.db, OAUTH):
            return None
        now = self._clock.now_ms()
        verdicts = [_decide(ledger, folder, now) for folder in folders(self._env)]
        return min((now if v.ask else v.until for v in verdicts), default=None)

    def _may_ask(self, ledger: Ledger, folder: str) -> bool:
        now = self._clock.now_ms()
        if not _decide(ledger, folder, now).ask:
            return False
        with ledger.transaction() as db:
            return poll_state.claim(db, Strings(db), folder, now)


def refresh(ledger: Ledger, env: Mapping[str, str], clock: Clock) -> list[RefreshResult]:
    """Ask now, for a person who wants to know, and wait for it; for each folder what was done. Raises LedgerError."""
    made = []
    for folder in folders(env):
        now = clock.now_ms()
        state = poll_state.poll(ledger.db, folder)
        verdict = schedule.decide_refresh(state, now)
        if verdict.ask and state.account and accounts.is_hidden(ledger.db, state.account):
            verdict = PollDecision(False, "forgotten")
        if verdict.ask:
            with ledger.transaction() as db:
                if not poll_state.claim(db, Strings(db), folder, now):
                    verdict = PollDecision(False, "claimed", now + poll_state.CLAIM_MS)
        if not verdict.ask:
            made.append(RefreshResult(folder, verdict))
            continue
        question = _PollThread(env, clock, DEADLINE_SECONDS)
        question.start(folder, poll_state.poll(ledger.db, folder))
        question.thread.join()
        said = question.said or _no_answer(clock.now_ms())
        store_result(ledger, folder, said, clock.now_ms(), random_share())
        made.append(RefreshResult(folder, verdict, said.outcome.outcome, said.outcome.problem))
    return made


def store_result(ledger: Ledger, folder: str, said: PollResult, now: int, jitter: float) -> None:
    """Write down what came of a question, and when to ask again."""
    with ledger.transaction() as db:
        names = Strings(db)
        state = poll_state.poll(db, folder)
        account = accounts.named(db, state.account) if state.login == said.login else None
        if said.profile is not None:
            account = said.profile[0]
        elif account is None and said.organization:
            here = accounts.named(db, readings.current_account(db, names.id(folder)))
            account = here if here and here.organization == said.organization else AccountId("", said.organization)
        id = readings.append(db, names, said.reading._replace(account=account), folder)
        if said.profile is not None:
            accounts.learn(db, id, said.profile[2], said.profile[1])
            state = state._replace(profile_at=now)
        if said.outcome.outcome == OK:
            state = state._replace(account=id)
        state = schedule.next_state(state, said.outcome, now, active_at=poll_state.last_message(db), jitter=jitter)
        poll_state.write(db, names, state._replace(login=said.login))


def _decide(ledger: Ledger, folder: str, now: int) -> PollDecision:
    db = ledger.db
    state = poll_state.poll(db, folder)
    mark = login_fingerprint(folder)
    push = schedule.RecentPushes()
    if state.account and mark == state.login:
        if accounts.is_hidden(db, state.account):
            return PollDecision(False, "forgotten", now + schedule.SLOWEST)
        push = RecentPushes(
            poll_state.last_push(db, state.account, BROWSER),
            poll_state.last_push(db, state.account, STATUSLINE),
            poll_state.last_twin(db, state.account, folder),
        )
    return schedule.decide(state, now, push, mark)


class _PollThread:
    """One question in a thread of its own; `said` once it is answered."""

    def __init__(self, env: Mapping[str, str], clock: Clock, deadline_seconds: float) -> None:
        self.said: PollResult | None = None
        self.account = 0
        self._env, self._clock, self._seconds = env, clock, deadline_seconds

    def start(self, folder: str, state: Poll) -> None:
        self.account = state.account if login_fingerprint(folder) == state.login else 0
        self.thread = threading.Thread(target=self._run, args=(folder, state), name="poll", daemon=True)
        self.thread.start()

    def _run(self, folder: str, state: Poll) -> None:
        said = _no_answer(self._clock.now_ms())
        try:
            said = self._fetch(folder, state)
        except UsageError as error:  # TACHOGRAPH_OAUTH_BASE names a place that no login is sent to
            said = _failure(self._clock.now_ms(), OFFLINE, error.message, "")
        finally:
            self.said = said

    def _fetch(self, folder: str, state: Poll) -> PollResult:
        from tachograph.sources import credentials, oauth, usage_payload

        end = Clock().monotonic() + self._seconds  # a network keeps real time, whatever the clock of a test says
        base = self._env.get(BASE) or oauth.SERVICE

        def ask(token: credentials.Token, path: str) -> oauth.HttpAnswer:
            left = end - Clock().monotonic()
            if left <= 0:
                return oauth.HttpAnswer(TIMEOUT, problem=f"no whole answer within {self._seconds:g} s")
            return oauth.ask(token, base, path, left, clock=self._clock)

        mark = login_fingerprint(folder)
        token = credentials.read_token(folder, self._env, clock=self._clock)
        if isinstance(token, credentials.NoToken):
            return _failure(self._clock.now_ms(), token.outcome, token.problem, mark)
        profile = None
        is_known = state.profile_at and mark == state.login
        if not is_known or self._clock.now_ms() - state.profile_at > PROFILE_EVERY_MS:
            answer = ask(token, oauth.PROFILE)
            account, plan, label = usage_payload.parse_profile(answer.payload, self._clock.now_ms())
            profile = (account, plan or "", label) if account is not None and account.uuid else None
        answer = ask(token, oauth.USAGE)
        if answer.outcome == EXPIRED:  # Claude Code may have renewed it in this very moment: read once more
            mark = login_fingerprint(folder)
            again = credentials.read_token(folder, self._env, clock=self._clock)
            if isinstance(again, credentials.Token) and not again.is_same(token):
                token, answer, profile = again, ask(again, oauth.USAGE), None
        now = self._clock.now_ms()
        if answer.outcome != OK:
            return _failure(now, answer.outcome, answer.problem, mark, answer.retry_after_seconds, token.organization)
        reading = usage_payload.parse_usage(answer.payload, source=OAUTH, observed_at=now)
        if profile is not None and profile[1]:
            reading = reading._replace(plan=profile[1])
        return PollResult(reading, _outcome(reading, now), mark, token.organization, profile)


def _outcome(reading: Reading, now: int) -> PollOutcome:
    five = next((limit.percent for limit in reading.limits if limit.key == FIVE_HOUR), None)
    resets = [limit.resets_at for limit in reading.limits if limit.resets_at is not None and limit.resets_at > now]
    spent = reading.extra.used.minor if reading.extra is not None and reading.extra.used is not None else ""
    levels = " ".join(f"{limit.key}={limit.percent}" for limit in reading.limits)
    problem = reading.problems[0] if reading.problems and reading.outcome != OK else ""
    return PollOutcome(reading.outcome, None, problem, f"{levels} {spent}".strip(), five, min(resets, default=None))


def _failure(
    now: int, outcome: str, problem: str, mark: str, retry: int | None = None, organization: str = ""
) -> PollResult:
    reading = Reading(OAUTH, now, outcome, problems=(problem,) if problem else ())
    return PollResult(reading, PollOutcome(outcome, retry, problem), mark, organization)


def _no_answer(now: int) -> PollResult:
    return _failure(now, TIMEOUT, "the question ended without an answer", "")


def random_share() -> float:
    import random

    return random.random()  # noqa: S311 - to spread questions, not to keep a secret
