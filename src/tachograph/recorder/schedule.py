"""Polling schedule for one login: a pure state machine from the outcome of a poll and the time to the next moment.

Every number here is a choice between a fresh percentage and an endpoint that is not documented and answers 429 to
those who ask often (docs/sources.md). Times are wall time in epoch milliseconds; a clock that jumps is met by `wait_ms`:
nothing waits longer than was decided, and what is long overdue is asked once.
"""

from typing import NamedTuple

from tachograph.ledger.limits.poll_state import Poll
from tachograph.model.limits.limits import BLOCKED, DENIED, EXPIRED, FORBIDDEN, LIMITED, NO_LOGIN, OFFLINE, OK, PORTAL

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
FASTEST, SLOWEST = 5 * MINUTE, 30 * MINUTE
QUIET = 15 * MINUTE  # nothing moved for so long: from then on the interval grows, a third of the quiet
HIGH = 80.0  # percent of the 5-hour limit, from which every answer matters
JITTER = 0.1  # of an interval, always added: many machines that start at nine shall not ask at the same second
CUSHION = 5 * MINUTE  # retrying at the very second of Retry-After earned others another hour
LONGEST = 6 * HOUR
FRESH_PUSH = 2 * MINUTE  # a browser that posts every minute makes asking needless
PARTIAL_PUSH, PARTIAL_INTERVAL = 5 * MINUTE, 15 * MINUTE  # a status line says two limits of all there are
AFTER_RESET = 45 * SECOND
BETWEEN_REFRESHES = MINUTE  # the endpoint bears about five questions in five minutes
_LADDERED = (BLOCKED,)
_FLAT = (OFFLINE, PORTAL)  # no server was reached, so retrying costs nothing: the network may be back any minute
_REFUSED = (EXPIRED, FORBIDDEN)
_NO_QUESTION = (NO_LOGIN, DENIED, EXPIRED, FORBIDDEN)  # waiting for a person or for Claude Code, not for the service


class RecentPushes(NamedTuple):
    """Times of the last readings of the same account from elsewhere: a paired browser (everything), the status line (a part),
    or this endpoint by way of another config folder with the same login."""

    browser_at: int = 0
    statusline_at: int = 0
    twin_at: int = 0


_NO_PUSH = RecentPushes()


class PollOutcome(NamedTuple):
    """Outcome of a poll. `levels` is a fingerprint of the answer (equal: nothing moved); `percent` of the 5-hour limit;
    `resets_at` the next reset of any limit in it, epoch ms."""

    outcome: str
    retry_after_seconds: int | None = None
    problem: str = ""
    levels: str = ""
    percent: float | None = None
    resets_at: int | None = None


class PollDecision(NamedTuple):
    """Decision to poll now; otherwise the reason (`waiting`, `barred`, `refused`, `pushed`, `recent`, `claimed`) and until when."""

    ask: bool
    why: str = ""
    until: int = 0


def decide(state: Poll, now: int, push: RecentPushes = _NO_PUSH, login: str = "") -> PollDecision:
    """Decide a scheduled poll. `login`: the current fingerprint of the credentials."""
    if state.outcome in _NO_QUESTION and login and login != state.login:
        return PollDecision(True)  # Claude Code has written a new login: what was refused is no longer there
    if state.outcome in _REFUSED and login and 0 <= now - state.asked_at < LONGEST:
        return PollDecision(False, "refused", state.asked_at + LONGEST)  # the same login would be refused again
    at = _next_due(state, now)
    if now < at:
        return PollDecision(False, "barred" if now < state.barred_until and state.outcome == LIMITED else "waiting", at)
    if 0 <= now - push.browser_at < FRESH_PUSH:
        return PollDecision(False, "pushed", push.browser_at + FRESH_PUSH)
    if 0 <= now - push.twin_at < FASTEST:
        return PollDecision(False, "pushed", push.twin_at + FASTEST)
    if 0 <= now - push.statusline_at < PARTIAL_PUSH and 0 <= now - state.answered_at < PARTIAL_INTERVAL:
        return PollDecision(
            False, "pushed", min(push.statusline_at + PARTIAL_PUSH, state.answered_at + PARTIAL_INTERVAL)
        )
    return PollDecision(True)


def decide_refresh(state: Poll, now: int) -> PollDecision:
    """Decide a poll that a person asked for; only protection from a 429 delays it."""
    barred = min(state.barred_until, now + state.wait_ms)
    if state.outcome == LIMITED and now < barred:
        return PollDecision(False, "barred", barred)
    if 0 <= now - state.asked_at < BETWEEN_REFRESHES:
        return PollDecision(False, "recent", state.asked_at + BETWEEN_REFRESHES)
    return PollDecision(True)


def next_state(state: Poll, said: PollOutcome, now: int, *, active_at: int = 0, jitter: float = 0.0) -> Poll:
    """The state after a question. `active_at`: when somebody last worked here; `jitter` from 0 to 1."""
    strikes = 0 if said.outcome == OK else state.strikes + 1
    moved_at = now if said.outcome == OK and said.levels != state.levels else state.moved_at
    wait = _wait(said, strikes, now, max(moved_at, min(active_at, now)))
    wait += round(wait * JITTER * jitter)
    if said.outcome == OK and said.resets_at is not None:  # what was full is empty then, and a person waits for it
        until_reset = said.resets_at + AFTER_RESET - now
        if FASTEST <= until_reset < wait:
            wait = until_reset
    return state._replace(
        asked_at=now,
        next_at=now + wait,
        wait_ms=wait,
        barred_until=now + wait if said.outcome == LIMITED else 0,
        strikes=strikes,
        outcome=said.outcome,
        problem=said.problem,
        answered_at=now if said.outcome == OK else state.answered_at,
        moved_at=moved_at,
        levels=said.levels if said.outcome == OK else state.levels,
        claimed_at=0,
    )


def _next_due(state: Poll, now: int) -> int:
    """Time of the next poll; never further away than decided, even if the clock was changed since."""
    return min(state.next_at, now + state.wait_ms)


def _wait(said: PollOutcome, strikes: int, now: int, busy_at: int) -> int:
    if said.outcome == OK:
        if said.percent is not None and said.percent >= HIGH:
            return FASTEST
        quiet = now - busy_at
        return FASTEST if quiet < QUIET else min(SLOWEST, max(FASTEST, quiet // 3))
    asked_for = 0 if said.retry_after_seconds is None else said.retry_after_seconds * SECOND + CUSHION
    if said.outcome == LIMITED:
        return min(LONGEST, max(asked_for, _ladder(strikes, LONGEST)))
    if said.outcome in _FLAT:
        return FASTEST
    if said.outcome == FORBIDDEN:
        return LONGEST  # it will not change by asking; a new login is noticed at once
    if said.outcome in _NO_QUESTION:
        return SLOWEST if strikes > 3 else FASTEST
    if said.outcome in _LADDERED:
        return _ladder(strikes, 2 * HOUR)
    return min(LONGEST, max(asked_for if said.retry_after_seconds else 0, _ladder(strikes, SLOWEST)))


def _ladder(strikes: int, top: int) -> int:
    return int(min(top, FASTEST * 2 ** min(strikes - 1, 20)))
