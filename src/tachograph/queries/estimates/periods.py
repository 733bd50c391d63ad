"""Windows of a limit as periods to ask about: their bounds and their use."""

from collections.abc import Sequence

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.limits import windows as stored_windows
from tachograph.model.estimates import training_windows
from tachograph.model.estimates.training_windows import FIVE_HOURS, WEEK, Reading
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.limits.window_state import CLOCK_MS
from tachograph.queries.estimates.learning import readings
from tachograph.queries.limits.current import NowLimit


class Period(NamedTuple):
    """A window of a limit: from `since` to `reset` (epoch seconds), `used` percent of it when it was last read, at `used_at`.
    `since` is later than the window's length tells where the service set the percentage to 0. `readings` of it and of the day
    before, oldest first; empty for a limit that is asked about as it was read last."""

    since: float
    reset: float
    used: float
    used_at: float
    readings: Sequence[Reading] = ()


def length_of(limit: str) -> int:
    """Seconds that a window of a limit lasts: all but the 5-hour limit are weekly."""
    return FIVE_HOURS if limit == FIVE_HOUR else WEEK


def period(db: sqlite3.Connection, account: int, at: int, limit: str, back: int) -> Period | None:
    """The running window of a limit at a moment (`back` 0), or one that many windows before; None if it was never read."""
    resets = all_resets(db, account, limit, at)
    is_running = bool(resets) and resets[0] > at
    place = back if is_running else back - 1  # if none runs, the last one is the one before it
    return period_of(db, account, at, limit, resets[place]) if 0 <= place < len(resets) else None


def period_of(db: sqlite3.Connection, account: int, at: int, limit: str, resets_at: int) -> Period | None:
    """The window of a limit that resets at a moment (epoch ms), by readings up to `at`."""
    reset = resets_at / 1000
    until = min(at, resets_at)
    before = 86_400 if limit != FIVE_HOUR else FIVE_HOURS
    seen = readings(
        db, account, int((reset - length_of(limit) - before) * 1000), until, SEVEN_DAY if limit == FIVE_HOUR else limit
    )
    known = used_in(seen, limit, reset)
    if not known:
        return None
    since = reset - FIVE_HOURS if limit == FIVE_HOUR else training_windows.week_start(seen, reset, until / 1000)
    used_at, used = known[-1]
    return Period(since, reset, used, used_at, seen)


def used_in(seen: Sequence[Reading], limit: str, reset: float) -> list[tuple[float, float]]:
    """Moments and percentages of one window, by readings."""
    if limit == FIVE_HOUR:
        return [(r.at, r.five) for r in seen if r.five is not None and training_windows.same(r.five_reset, reset)]
    return [(r.at, r.week) for r in seen if r.week is not None and training_windows.same(r.week_reset, reset)]


def scoped_period(limit: NowLimit) -> Period | None:
    """The running week of a limit that the service narrows to a model, as it was read last."""
    if limit.percent is None or limit.resets_at is None:
        return None
    reset = limit.resets_at / 1000
    return Period(reset - WEEK, reset, limit.percent, limit.observed_at / 1000)


def all_resets(db: sqlite3.Connection, account: int, limit: str, at: int) -> list[int]:
    """Resets of a limit's windows that had begun at a moment (epoch ms), newest first."""
    length = length_of(limit) * 1000
    made: list[int] = []
    for reset in stored_windows.known_resets(db, account, limit, at + CLOCK_MS):
        if reset - length <= at and not (made and made[-1] - reset < 600_000):
            made.append(reset)
    return made
