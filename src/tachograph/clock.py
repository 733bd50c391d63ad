"""The current time; the only caller of the system's clocks."""

import os
import time

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
ON_TIME_MS = MINUTE_MS  # clocks of two machines that differ by less agree


class Clock:
    """Wall time in epoch milliseconds, and monotonic seconds for durations."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def filesystem_now_ns() -> int:
    """The time by which the file system stamps files, however a test has set the Clock; nanoseconds."""
    return time.time_ns()


class FixedClock(Clock):
    """A clock that keeps one time: for tests and for looking back."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return 0.0


class ShiftedClock(Clock):
    """A clock that goes as another does, some milliseconds before or after it: for the demo."""

    def __init__(self, clock: Clock, shift_ms: int) -> None:
        self._clock, self._shift_ms = clock, shift_ms

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._shift_ms

    def monotonic(self) -> float:
        return self._clock.monotonic()


def system_clock() -> Clock:
    """The clock of this process. `TACHOGRAPH_NOW` (epoch milliseconds) fixes it: tests of the whole command use that."""
    fixed = os.environ.get("TACHOGRAPH_NOW", "")
    return FixedClock(int(fixed)) if fixed.isdigit() else Clock()
