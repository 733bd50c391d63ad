"""The state of a ledger at one moment, with all that queries need beside it."""

from __future__ import annotations

from _thread import allocate_lock  # `threading` costs the fast commands a millisecond

from tachograph.clock import Clock
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Callable, Mapping, NamedTuple
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.files import problem_counts
from tachograph.model.usage.periods import Calendar
from tachograph.paths import Paths
from tachograph.queries.usage.problems import Problems
from tachograph.settings import Settings

if TYPE_CHECKING:
    from typing import TypeVar

    from tachograph.model.usage.prices import PriceBook
    from tachograph.queries.estimates.learning import LearnedState
    from tachograph.recorder.ingest import Pass

    T = TypeVar("T")


class TtlCache:
    """Answers that take long and may be some seconds old, such as estimates. Those that are too old go: keys with a version
    of the ledger in them never come again."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, allocate_lock()
        self._answers: dict[object, tuple[float, object]] = {}  # until when each holds, on the monotonic clock

    def answer(self, key: object, seconds: float, make: Callable[[], T]) -> T:
        """The cached answer under a key if it is younger than `seconds`, else a new one from `make`."""
        now = self._clock.monotonic()
        with self._lock:
            cached = self._answers.get(key)
        if cached is not None and now < cached[0]:
            return cached[1]  # type: ignore[return-value]  # a key always means the same kind of answer
        new = make()
        with self._lock:
            for old in [one for one, (until, _) in self._answers.items() if until <= now]:
                del self._answers[old]
            self._answers[key] = (now + seconds, new)
        return new

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()


class Snapshot(NamedTuple):
    """All that a query needs. `now` in epoch milliseconds.

    `is_stale`: the newest transcripts could not be read. `limit_problems`: why passive sources of limits gave nothing.
    `done`: the pass over the transcripts just before. `learned`: what was learned of accounts just before, by account. `version`: equal in two snapshots of a pool only if nothing changed in between.
    """

    db: sqlite3.Connection
    ledger: Ledger
    prices: Callable[[], PriceBook]
    calendar: Calendar
    settings: Settings
    paths: Paths
    env: Mapping[str, str]
    now: int
    cache: TtlCache
    price_problems: tuple[str, ...] = ()
    is_stale: bool = False
    limit_problems: tuple[str, ...] = ()
    version: str = ""
    done: Pass | None = None
    learned: Mapping[int, LearnedState] = {}  # noqa: RUF012 - it is not changed

    @property
    def book(self) -> PriceBook:
        """The price book; loaded when it is first asked for."""
        return self.prices()

    @property
    def problems(self) -> Problems:
        """Problems that make the numbers incomplete."""
        from tachograph.recorder.config_folders import not_read  # not for the fast commands

        counts = {**problem_counts(self.db), "not_updated": int(self.is_stale)}
        return Problems(counts, not_read(self.db, self.env))
