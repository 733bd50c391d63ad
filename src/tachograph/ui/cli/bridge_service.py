"""The bridge as a service of the recorder: it listens while a browser is paired or being paired, and not before."""

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tachograph.clock import Clock
from tachograph.errors import LedgerError, TachographError
from tachograph.ledger.limits.pairings import current_offer, pairings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths
from tachograph.recorder.services import FAILED, OFF, RUNNING, Status
from tachograph.settings import load

if TYPE_CHECKING:
    from tachograph.server.extension_routes import Routes
    from tachograph.server.http_server import HttpServer

NAME = "Browser bridge"
PAIRING = "a code is shown"  # in its status while a browser can be paired


class BridgeService:
    """A recorder.services.Service. Its server is imported when a browser is paired."""

    name = NAME

    def __init__(self, paths: Paths, clock: Clock) -> None:
        self._paths, self._clock = paths, clock
        self._open: tuple[HttpServer, Routes] | None = None
        self._port = 0  # of the settings
        self._lock = threading.RLock()  # the recorder ticks, and so does the inbox, in its own thread

    def tick(self, ledger: Ledger) -> Status:
        with self._lock:  # around the reading too: older pairings must not replace newer ones
            return self._tick(ledger)

    def _tick(self, ledger: Ledger) -> Status:
        paired, is_pairing = pairings(ledger.db), current_offer(ledger.db, self._clock.now_ms()) is not None
        if not paired and not is_pairing:
            self.stop()
            return Status(OFF)
        from tachograph.server.extension_routes import Pairings

        port = load(self._paths.settings).bridge_port
        if self._open is None or not self._open[0].is_alive or port != self._port:
            problem = self._listen(port)
            if problem:
                return Status(FAILED, problem)
        assert self._open is not None  # noqa: S101 - it listens now
        listener, routes = self._open
        routes.pairings = Pairings(
            tuple(one.name for one in paired),
            tuple(one.digest for one in paired),
            tuple(one.origin for one in paired),
            is_pairing,
        )
        return Status(RUNNING, f"listens at 127.0.0.1:{listener.port}, {_browsers(len(paired), is_pairing)}")

    def stop(self) -> None:
        with self._lock:
            if self._open is not None:
                self._open[0].stop()
                self._open = None

    def _listen(self, port: int) -> str:
        """Start to listen. Returns the problem, or ""."""
        from tachograph.recorder import extension_readings
        from tachograph.server.extension_routes import Routes
        from tachograph.server.http_server import HttpServer

        self.stop()
        routes = Routes(
            extension_readings.ExtensionApi(self._open_ledger, self._clock, self._notice_pairing),
            extension_readings.may_pair,
        )
        try:
            listener = HttpServer(port, routes)
        except OSError as error:
            import errno

            if error.errno != errno.EADDRINUSE:
                return f"cannot listen at 127.0.0.1:{port}, so no browser can post: {error.strerror}"
            return (
                f"port {port} is taken by another program, so no browser can post; end that program, or set bridge_port"
                " in settings.toml and pair again"
            )
        routes.port = listener.port
        self._open, self._port = (listener, routes), port
        return ""

    def _open_ledger(self) -> Ledger:
        """A ledger for one answer. Raises LedgerError if it is read-only."""
        ledger = open_ledger(self._paths, self._clock.now_ms())
        if ledger.readable_only:
            ledger.close()
            raise LedgerError(f"The ledger is read-only: {ledger.readable_only}.")
        return ledger

    def _notice_pairing(self) -> None:
        """Let a new pairing work at once, not only after the next tick."""
        with suppress(TachographError), self._open_ledger() as ledger, self._lock:
            if self._open is not None:  # else it has stopped
                self.tick(ledger)


def _browsers(count: int, is_pairing: bool) -> str:
    words = "no browser yet" if not count else "one browser" if count == 1 else f"{count} browsers"
    return f"{words}; {PAIRING}" if is_pairing else words
