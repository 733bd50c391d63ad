"""Ways to ask for the limits of a config folder: the usage endpoint with its sign-in, or Claude Code itself.

A fetch runs in a thread of poller.py and touches no ledger. An answer of Claude Code is believed only for the account
that `.claude.json` names before and after it.
"""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tachograph.clock import Clock
from tachograph.errors import UsageError
from tachograph.ledger.limits.poll_state import CLAUDE_CODE_OF, Poll
from tachograph.model.limits.limits import (
    CLAUDE_CODE,
    EXPIRED,
    FIVE_HOUR,
    NO_LOGIN,
    OAUTH,
    OFFLINE,
    OK,
    SHAPE,
    TIMEOUT,
    AccountId,
    Reading,
)
from tachograph.recorder.schedule import PollOutcome

BASE = "TACHOGRAPH_OAUTH_BASE"  # a fake of the service on this machine, for tests and the demo
PROFILE_EVERY_MS = 24 * 3_600_000
QUIET_MS = 60_000  # Claude Code is not asked while a session of the folder had a message within this time


class PollResult(NamedTuple):
    """Result of polling for one folder. `profile`: account, plan and label, if requested and answered. `reading` may
    name its account itself."""

    reading: Reading
    outcome: PollOutcome
    login: str  # fingerprint of the credentials that were used
    organization: str = ""
    profile: tuple[AccountId, str, str] | None = None


class Request(NamedTuple):
    """Input of a fetch: the folder with its poll state, the environment, and a deadline in seconds."""

    folder: str
    state: Poll
    env: Mapping[str, str]
    clock: Clock
    seconds: float


class PollMethod(NamedTuple):
    """A way to ask. `source`: the source that needs consent; `prefix`: before the folder, in the key of its poll state;
    `quiet_ms`: how long a folder's sessions must have been silent."""

    source: str
    prefix: str
    fetch: Callable[[Request], PollResult]
    quiet_ms: int = 0


def login_fingerprint(folder: str) -> str:
    """Fingerprint of a folder's credentials file, taken without reading it; "" without a file."""
    try:
        status = os.stat(os.path.join(folder, ".credentials.json"))
    except OSError:
        return ""
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def fetch(method: PollMethod, request: Request) -> PollResult:
    """Ask by a method. Never raises a UsageError: a base that no login may be sent to is an outcome."""
    try:
        return method.fetch(request)
    except UsageError as error:
        return failure(method.source, request.clock.now_ms(), OFFLINE, error.message, "")


def failure(
    source: str, now: int, outcome: str, problem: str, login: str, retry: int | None = None, organization: str = ""
) -> PollResult:
    """The result of a poll without limits."""
    reading = Reading(source, now, outcome, problems=(problem,) if problem else ())
    return PollResult(reading, PollOutcome(outcome, retry, problem), login, organization)


def no_answer(source: str, now: int) -> PollResult:
    """The result of a poll that ended without one."""
    return failure(source, now, TIMEOUT, "the question ended without an answer", "")


def _ask_endpoint(request: Request) -> PollResult:
    """Ask the usage endpoint with Claude Code's sign-in; who it is, once a day."""
    from tachograph.sources import credentials, oauth, usage_payload

    folder, state, env, clock, seconds = request
    end = Clock().monotonic() + seconds  # a network keeps real time, whatever the clock of a test says
    base = env.get(BASE) or oauth.SERVICE

    def ask(token: credentials.Token, path: str) -> oauth.HttpAnswer:
        left = end - Clock().monotonic()
        if left <= 0:
            return oauth.HttpAnswer(TIMEOUT, problem=f"no whole answer within {seconds:g} s")
        return oauth.ask(token, base, path, left, clock=clock)

    login = login_fingerprint(folder)
    token = credentials.read_token(folder, env, clock=clock)
    if isinstance(token, credentials.NoToken):
        return failure(OAUTH, clock.now_ms(), token.outcome, token.problem, login)
    profile = None
    is_known = state.profile_at and login == state.login
    if not is_known or clock.now_ms() - state.profile_at > PROFILE_EVERY_MS:
        answer = ask(token, oauth.PROFILE)
        account, plan, label = usage_payload.parse_profile(answer.payload, clock.now_ms())
        profile = (account, plan or "", label) if account is not None and account.uuid else None
    answer = ask(token, oauth.USAGE)
    if answer.outcome == EXPIRED:  # Claude Code may have renewed it in this very moment: read once more
        login = login_fingerprint(folder)
        again = credentials.read_token(folder, env, clock=clock)
        if isinstance(again, credentials.Token) and not again.is_same(token):
            token, answer, profile = again, ask(again, oauth.USAGE), None
    now = clock.now_ms()
    if answer.outcome != OK:
        return failure(
            OAUTH, now, answer.outcome, answer.problem, login, answer.retry_after_seconds, token.organization
        )
    reading = usage_payload.parse_usage(answer.payload, source=OAUTH, observed_at=now)
    if profile is not None and profile[1]:
        reading = reading._replace(plan=profile[1])
    return PollResult(reading, _outcome(reading, now), login, token.organization, profile)


def _ask_claude_code(request: Request) -> PollResult:
    """Ask Claude Code itself; by its command `/usage` where it does not know the control request."""
    from tachograph.sources import claude_code, claude_config, usage_payload, usage_text

    folder, _, env, clock, seconds = request
    end = Clock().monotonic() + seconds
    login = login_fingerprint(folder)
    before = claude_config.identity(folder, env)
    answer = claude_code.ask(folder, env, seconds)
    if answer.outcome == SHAPE and (left := end - Clock().monotonic()) > 0:
        by_text = claude_code.ask_text(folder, env, left)
        answer = by_text if by_text.outcome == OK else answer
    now = clock.now_ms()
    if answer.outcome != OK:
        return failure(CLAUDE_CODE, now, answer.outcome, answer.problem, login)
    who = claude_config.identity(folder, env)
    if who is None or who.problem or before is None or who[:2] != before[:2]:
        problem = "the account changed while Claude Code was asked" if before is not None else ""
        return failure(CLAUDE_CODE, now, NO_LOGIN, problem or "no file names the account signed in here", login)
    is_other = (
        (answer.uuid and answer.uuid != who.account)
        or (answer.organization and answer.organization != who.organization)
        or (answer.email and "@" in who.label and answer.email.lower() != who.label.lower())
    )
    if is_other:
        problem = "Claude Code answered for another account than .claude.json names: not recorded"
        return failure(CLAUDE_CODE, now, SHAPE, problem, login)
    if isinstance(answer.payload, str):
        reading = usage_text.parse_usage_text(answer.payload, source=CLAUDE_CODE, observed_at=now)
    else:
        reading = usage_payload.parse_usage(answer.payload, source=CLAUDE_CODE, observed_at=now)
    reading = reading._replace(account=AccountId(who.account, who.organization), plan=who.plan or None)
    return PollResult(reading, _outcome(reading, now), login)


def _outcome(reading: Reading, now: int) -> PollOutcome:
    five = next((limit.percent for limit in reading.limits if limit.key == FIVE_HOUR), None)
    resets = [limit.resets_at for limit in reading.limits if limit.resets_at is not None and limit.resets_at > now]
    spent = reading.extra.used.minor if reading.extra is not None and reading.extra.used is not None else ""
    levels = " ".join(f"{limit.key}={limit.percent}" for limit in reading.limits)
    problem = reading.problems[0] if reading.problems and reading.outcome != OK else ""
    return PollOutcome(reading.outcome, None, problem, f"{levels} {spent}".strip(), five, min(resets, default=None))


ENDPOINT = PollMethod(OAUTH, "", _ask_endpoint)
ASK_CLAUDE_CODE = PollMethod(CLAUDE_CODE, CLAUDE_CODE_OF, _ask_claude_code, QUIET_MS)
METHODS = (ASK_CLAUDE_CODE, ENDPOINT)
