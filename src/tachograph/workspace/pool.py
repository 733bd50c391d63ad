"""The ledger as the dashboard reads it: a few threads with a connection each, settings and prices as they are now, and a
number that says whether anything has changed."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from tachograph.clock import Clock
from tachograph.errors import LedgerDamaged, LedgerError
from tachograph.ledger.storage.connection import (
    Ledger,
    changes_by_others,
    open_ledger,
    snapshot,
    translated,
    wait_at_most,
)
from tachograph.ledger.usage.files import problem_counts
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import PriceBook
from tachograph.model.usage.prices import load as load_book
from tachograph.paths import Paths, own_paths
from tachograph.settings import Settings
from tachograph.settings import load as load_settings

_THREADS = 3
MOST_EXPORTS = 2  # at once: they take as long as whoever reads them, so they have threads of their own
_PATIENCE_MS = 1_500  # a page that waits longer had better say that the ledger is busy


class Look(NamedTuple):
    """All that a question needs, as of one moment: within it nothing that others write is seen."""

    db: sqlite3.Connection
    ledger: Ledger
    book: PriceBook
    calendar: Calendar
    settings: Settings
    paths: Paths
    env: Mapping[str, str]
    now: int
    version: str
    price_problems: tuple[str, ...]
    remembered: "Remembered"

    @property
    def problems(self) -> dict[str, int]:
        """What is missing from the numbers, by kind, as reports say it."""
        return {**problem_counts(self.db), "not_updated": 0}


T = TypeVar("T")


class Remembered:
    """Answers that take long and need not be newer than some seconds: estimates, which hardly move from one message to the
    next."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._kept: dict[object, tuple[float, object]] = {}

    def answer(self, key: object, seconds: float, make: Callable[[], T]) -> T:
        """What is remembered under a key, if it is so young; else what `make` answers."""
        now = self._clock.monotonic()
        with self._lock:
            known = self._kept.get(key)
        if known is not None and now - known[0] < seconds:
            return known[1]  # type: ignore[return-value]  # a key always means the same kind of answer
        made = make()
        with self._lock:
            self._kept[key] = (now, made)
        return made

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


class _Standing(NamedTuple):
    """Which file the ledger is: another inode is another ledger."""

    device: int
    inode: int


class Desk:
    """Gives looks at the ledger. `executor` runs what looks, `exporter` what is carried away; their threads keep their connections."""

    def __init__(self, env: Mapping[str, str], clock: Clock) -> None:
        self._env, self._clock = env, clock
        self._paths = own_paths(env)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._remembered = Remembered(clock)
        self._number = 0
        self._stamp: tuple[int, ...] = ()
        self._prefix = f"{clock.now_ms():x}"
        self._mark: tuple[float, ...] | None = None
        self._settings, self._book, self._wrong = Settings(), load_book({})[0], tuple[str, ...]()
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="dashboard")
        self.exporter = ThreadPoolExecutor(MOST_EXPORTS, thread_name_prefix="export")

    def close(self) -> None:
        for one in (self.executor, self.exporter):
            one.shutdown(wait=False, cancel_futures=True)

    def now_ms(self) -> int:
        return self._clock.now_ms()

    @property
    def version(self) -> str:
        """What answers made now are of: it differs when the ledger may have changed in between."""
        return f"{self._prefix}-{self._number}"

    @contextmanager
    def look(self) -> Iterator[Look]:
        """A look at the ledger. Raises LedgerError; call it in a thread of an executor here."""
        ledger = self._opened()
        self._read_settings()
        calendar = Calendar(*parsed_zone(self._settings.timezone), self._settings.week_start)
        try:
            with snapshot(ledger) as db:
                yield Look(
                    db, ledger, self._book, calendar, self._settings, self._paths, self._env,
                    self._clock.now_ms(), self.version, self._wrong, self._remembered,
                )  # fmt: skip
        except (KeyError, TypeError) as error:  # what a flipped byte in the file may come to
            from tachograph.ledger.storage.integrity import verdict

            if problem := verdict(ledger.path).problem:
                raise LedgerDamaged(f"The ledger {ledger.path} is damaged: {problem}.", "tachograph doctor") from error
            raise
        except LedgerError:
            self._close()
            raise

    def write(self, act: Callable[[sqlite3.Connection, int], None]) -> None:
        """Let something write, in a transaction; call it in a thread of `executor`."""
        ledger = self._opened()
        if ledger.readable_only:
            raise LedgerError(f"The ledger is only read: {ledger.readable_only}.")
        with ledger.transaction() as db:
            act(db, self._clock.now_ms())
        with self._lock:
            self._number += 1

    def has_changed(self) -> str:
        """Notice what others wrote; the version after that. Raises LedgerError; call it in a thread of `executor`."""
        self._opened()
        return self.version

    def _opened(self) -> Ledger:
        """This thread's connection, opened anew where the file is another one."""
        standing = self._standing()
        ledger: Ledger | None = getattr(self._local, "ledger", None)
        if ledger is not None and self._local.standing != standing:
            self._close()
            ledger = None
        if ledger is None:
            ledger = open_ledger(self._paths, self._clock.now_ms())
            wait_at_most(ledger.db, _PATIENCE_MS)
            self._local.ledger, self._local.standing, self._local.seen = ledger, self._standing(), -1
        with translated(ledger.path):
            seen = changes_by_others(ledger.db)
        if seen != self._local.seen:
            is_first, stamp = self._local.seen < 0, self._stamped()
            self._local.seen = seen
            with self._lock:
                if not is_first or stamp != self._stamp:  # another thread's first look alone is no change
                    self._number += 1
                self._stamp = stamp
        return ledger

    def _stamped(self) -> tuple[int, ...]:
        """A mark of the ledger's files, for connections that have not seen it before."""
        made: list[int] = []
        for path in (self._paths.ledger, f"{self._paths.ledger}-wal"):
            with contextlib.suppress(OSError):
                status = os.stat(path)
                made += [status.st_ino, status.st_size, status.st_mtime_ns]
        return tuple(made)

    def _close(self) -> None:
        ledger: Ledger | None = getattr(self._local, "ledger", None)
        self._local.ledger = None
        if ledger is not None:
            ledger.close()
        self._remembered.forget()
        with self._lock:
            self._number += 1

    def _standing(self) -> _Standing | None:
        try:
            status = os.stat(self._paths.ledger)
        except OSError:
            return None
        return _Standing(status.st_dev, status.st_ino)

    def _read_settings(self) -> None:
        """Zone and prices, read again when the file changed."""
        try:
            status = os.stat(self._paths.settings)
            mark = (status.st_mtime, float(status.st_size))
        except OSError:
            mark = (0.0, 0.0)
        with self._lock:
            if mark != self._mark:
                self._mark, self._settings = mark, load_settings(self._paths.settings)
                self._book, self._wrong = load_book(self._settings.prices)
                self._number += 1
