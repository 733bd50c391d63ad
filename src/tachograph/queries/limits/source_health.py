"""Health of the sources: when each was last read, with which outcome, how often."""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import poll_state, windows
from tachograph.model.limits.limits import CLAUDE_CODE, COOKIES, OAUTH, SOURCES


class Health(NamedTuple):
    """One source. `answered_at`: its last good reading; `outcome`, `at`: the last of all; epoch ms, None for never.
    `times`: its readings in the last day; `next_at`: when it is asked next, for a source that is asked."""

    source: str
    answered_at: int | None
    outcome: str | None
    at: int | None
    problem: str | None
    times: int
    next_at: int | None


def health(db: sqlite3.Connection, now: int) -> dict[str, Health]:
    """Every source by its name."""
    activity = windows.source_activity(db, now - 86_400_000)
    next_of = {
        name: min((poll.next_at for poll in poll_state.states(db, name) if poll.next_at), default=None)
        for name in (CLAUDE_CODE, OAUTH, COOKIES)
    }
    made = {}
    for name in SOURCES:
        answered_at, at, outcome, problem, times = activity.get(name, (None, None, None, None, 0))
        made[name] = Health(name, answered_at, outcome, at, problem, times, next_of.get(name))
    return made
