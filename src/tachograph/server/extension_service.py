"""The bridge as a service of the recorder: it listens while a browser is paired, or is being paired, and not before."""

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tachograph.clock import Clock
from tachograph.errors import LedgerError, TachographError
from tachograph.ledger.limits.pairings import offered, pairings
from tachograph.ledger.storage.connection import Ledger, translate_errors
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths
from tachograph.recorder.services import FAILED, OFF, RUNNING, Status
from tachograph.settings import load

if TYPE_CHECKING:
    from tachograph.server.extension_routes import Routes
    from tachograph.server.http_server import Listener

NAME = "Browser bridge"
PAIRING = "a code is shown"  # stands in its status from when a browser can be paired


class Bridge:
    """recorder.services.Service. Nothing of it is imported before a browser is to be paired."""

    name = NAME

    def __init__(self, paths: Paths, clock: Clock) -> None:
        self._paths, self._clock = paths, clock
        self._open: tuple[Listener, Routes] | None = None
        self._port = 0  # that was asked for
        self._lock = threading.RLock()  # the recorder ticks, and so does the desk, in its own thread

    def tick(self, ledger: Ledger) -> Status:
        with self._lock:  # around the reading too: what was read first shall not be set last
            return self._tick(ledger)

    def _tick(self, ledger: Ledger) -> Status:
        paired, is_pairing = pairings(ledger.db), offered(ledger.db, self._clock.now_ms()) is not None
        if not paired and not is_pairing:
            self.stop()
            return Status(OFF)
        from tachograph.server.extension_routes import Known

        port = load(self._paths.settings).bridge_port
        if self._open is None or not self._open[0].is_alive or port != self._port:
            problem = self._listen(port)
            if problem:
                return Status(FAILED, problem)
        assert self._open is not None  # noqa: S101 - it listens now
        listener, routes = self._open
        routes.known = Known(
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
        """Begin to listen; what hinders it, "" where nothing does."""
        from tachograph.recorder import extension_readings
        from tachograph.server.extension_routes import Routes
        from tachograph.server.http_server import Listener

        self.stop()
        routes = Routes(
            extension_readings.ExtensionApi(self._opened, self._clock, self._look_again), extension_readings.may_pair
        )
        try:
            listener = Listener(port, routes)
        except OSError as error:
            import errno

            if error.errno != errno.EADDRINUSE:
                return f"cannot listen at 127.0.0.1:{port}, so no browser is heard: {error.strerror}"
            return (
                f"port {port} is taken by another program, so no browser is heard; end that program, or set bridge_port"
                " in settings.toml and pair again"
            )
        routes.port = listener.port
        self._open, self._port = (listener, routes), port
        return ""

    def _opened(self) -> Ledger:
        """A ledger for one answer; LedgerError where it cannot be written."""
        ledger = open_ledger(self._paths, self._clock.now_ms())
        if ledger.readable_only:
            ledger.close()
            raise LedgerError(f"The ledger is only read: {ledger.readable_only}.")
        return ledger

    def _look_again(self) -> None:
        """A pairing was made: its browser shall not have to wait for the next tick."""
        with suppress(TachographError), self._opened() as ledger, translate_errors(ledger.path), self._lock:
            if self._open is not None:  # else it was stopped meanwhile
                self.tick(ledger)


def _browsers(count: int, is_pairing: bool) -> str:
    said = "no browser yet" if not count else "one browser" if count == 1 else f"{count} browsers"
    return f"{said}; {PAIRING}" if is_pairing else said
