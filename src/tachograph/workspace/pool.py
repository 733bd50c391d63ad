"""Snapshots of the ledger for a server: a few threads with a connection each, and a number that changes with the data."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tachograph.clock import Clock
from tachograph.errors import LedgerError
from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.storage.connection import Ledger, snapshot
from tachograph.ledger.storage.following import LedgerFollower, damage_detection
from tachograph.paths import own_paths
from tachograph.settings import SettingsFollower
from tachograph.workspace.snapshot import Snapshot, TtlCache

_THREADS = 3
MAX_EXPORTS = 2  # at once: they last as long as their reader takes, so they have threads of their own
_WAIT_MS = 1_500  # a page that waits longer had better say that the ledger is busy


class LedgerPool:
    """Connections to the ledger, one per thread. `executor` runs queries, `exporter` downloads."""

    def __init__(self, env: Mapping[str, str], clock: Clock) -> None:
        self._env, self._clock = env, clock
        self._paths = own_paths(env)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._cache = TtlCache(clock)
        self._number = 0
        self._stamp: tuple[int, ...] = ()
        self._prefix = f"{clock.now_ms():x}"
        self._settings = SettingsFollower(self._paths.settings)
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="dashboard")
        self.exporter = ThreadPoolExecutor(MAX_EXPORTS, thread_name_prefix="export")

    def close(self) -> None:
        for executor in (self.executor, self.exporter):
            executor.shutdown(wait=False, cancel_futures=True)

    def now_ms(self) -> int:
        return self._clock.now_ms()

    @property
    def version(self) -> str:
        """A mark of the data: it differs when the ledger may have changed in between."""
        return f"{self._prefix}-{self._number}"

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A snapshot of the ledger. Raises LedgerError; call it in a thread of an executor here."""
        ledger = self._open()
        with self._lock:
            if self._settings.refresh():
                self._number += 1
            settings, calendar = self._settings.settings, self._settings.calendar
            book, problems = self._settings.book, self._settings.price_problems
        try:
            with damage_detection(ledger), snapshot(ledger) as db:
                yield Snapshot(
                    db, ledger, lambda: book, calendar, settings, self._paths, self._env, self._clock.now_ms(), self._cache,
                    problems, version=self.version,
                )  # fmt: skip
        except LedgerError:
            self._close()
            raise

    def write(self, act: Callable[[sqlite3.Connection, int], None]) -> None:
        """Let `act` write, in a transaction; call it in a thread of `executor`. Raises LedgerError."""
        ledger = self._open()
        if ledger.readable_only:
            raise LedgerError(f"The ledger is read-only: {ledger.readable_only}.")
        with ledger.transaction() as db:
            act(db, self._clock.now_ms())
        with self._lock:
            self._number += 1

    def refresh(self) -> str:
        """Notice what others wrote. Returns the version after that; call it in a thread of `executor`. Raises LedgerError."""
        self._open()
        return self.version

    def _open(self) -> Ledger:
        """This thread's connection, opened again if the file is another one."""
        followed: LedgerFollower | None = getattr(self._local, "followed", None)
        if followed is None:
            followed = self._local.followed = LedgerFollower(self._paths, _WAIT_MS)
        before = followed.ledger
        ledger, may_differ = followed.current(self._clock.now_ms())
        if before is not None and ledger is not before:  # another file: nothing that was cached holds
            self._cache.clear()
            with self._lock:
                self._number += 1
        if may_differ:
            stamp = self._stamp_now()
            with self._lock:
                if before is ledger or stamp != self._stamp:  # the first snapshot of another thread alone is no change
                    self._number += 1
                self._stamp = stamp
        return ledger

    def _stamp_now(self) -> tuple[int, ...]:
        """A mark of the ledger's files, for connections that have not seen it before."""
        parts: list[int] = []
        for path in (self._paths.ledger, f"{self._paths.ledger}-wal"):
            with contextlib.suppress(OSError):
                status = os.stat(path)
                parts += [status.st_ino, status.st_size, status.st_mtime_ns]
        return tuple(parts)

    def _close(self) -> None:
        followed: LedgerFollower | None = getattr(self._local, "followed", None)
        if followed is not None:
            followed.close()
        self._cache.clear()
        with self._lock:
            self._number += 1
