"""The exchange with a person's other machines, as a service of the recorder.

An idle tick costs a look at one file and one row. Only when something waits, or when it is time to ask, a thread opens
the ledger for itself and exchanges.
"""

import os
import threading

from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.ledger.storage.connection import Ledger
from tachograph.paths import Paths
from tachograph.recorder.services import FAILED, OFF, RUNNING, Status

PUSH_SECONDS = 45.0  # after the last exchange, when something new waits
PULL_SECONDS = 120.0  # when nothing does
_RETRY_SECONDS = (30.0, 900.0)  # first and longest wait after a failure
_FILE = "hub.json"  # hub/membership.py; nothing of the hub is imported before it exists


class HubClient:
    """recorder.services.Service."""

    name = "hub"

    def __init__(self, paths: Paths, clock: Clock) -> None:
        self._paths, self._clock = paths, clock
        self._file = os.path.join(paths.data, _FILE)
        self._thread: threading.Thread | None = None
        self._last = self._not_before = float("-inf")
        self._failures = 0
        self._status = Status(RUNNING, "joined; nothing was exchanged yet")
        self._mark: tuple[int, int] | None = None
        self._is_halted = False

    def tick(self, ledger: Ledger) -> Status:
        try:
            status = os.stat(self._file)
        except OSError:
            return Status(OFF)
        mono = self._clock.monotonic()
        if self._thread is not None:
            if self._thread.is_alive():
                return self._status
            self._thread = None
        mark = (status.st_mtime_ns, status.st_ino)
        if self._is_halted and mark == self._mark:
            return self._status
        if mono < self._not_before:
            return self._status
        if mono - self._last >= (PUSH_SECONDS if self._is_anything_waiting(ledger) else PULL_SECONDS):
            self._last = mono
            self._thread = threading.Thread(target=self._run, name="hub", daemon=True)
            self._thread.start()
        return self._status

    def stop(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(5.0)

    @staticmethod
    def _is_anything_waiting(ledger: Ledger) -> bool:
        from tachograph.ledger.exchange import tracking

        return tracking.is_tracked(ledger.db) and tracking.is_anything_waiting(ledger.db)

    def _run(self) -> None:
        try:
            self._exchange()
        except TachographError as error:
            self._fail(f"{error.message} {error.hint}".strip().rstrip("."))

    def _exchange(self) -> None:
        from tachograph.hub import membership as memberships
        from tachograph.hub.client import Exchange
        from tachograph.ledger.storage.open import open_ledger

        known = memberships.load(self._paths)
        if known is None:
            return
        exchange = Exchange(self._paths, self._clock, known)
        try:
            with open_ledger(self._paths, self._clock.now_ms()) as ledger:
                if ledger.readable_only:
                    return
                outcome = exchange.run(ledger)
        finally:
            exchange.close()
        self._is_halted = bool(exchange.membership.halted)
        status = os.stat(self._file)
        self._mark = (status.st_mtime_ns, status.st_ino)
        if outcome.problem:
            self._fail(outcome.problem)
        else:
            self._failures = 0
            self._status = Status(RUNNING, f"exchanges with {known.url} as {known.name}")

    def _fail(self, problem: str) -> None:
        first, longest = _RETRY_SECONDS
        self._not_before = self._clock.monotonic() + min(longest, first * 2.0**self._failures)
        self._failures += 1
        self._status = Status(FAILED, problem)
