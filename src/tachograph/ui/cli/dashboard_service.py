"""The dashboard as a service of the recorder. It listens on loopback once a person has opened the dashboard."""

from collections.abc import Mapping

from tachograph.clock import Clock
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import get_preference
from tachograph.paths import own_paths
from tachograph.recorder.services import FAILED, OFF, RUNNING, Status
from tachograph.server import access_keys, launch_file
from tachograph.ui.dashboard.server import LazyServer

DASHBOARD = "dashboard"  # the preference: "on" once a person opened the dashboard
_RETRY_SECONDS = 10.0  # between two attempts to get the port


class DashboardService:
    """A recorder.services.Service. `tick` follows the preference; the server runs in its own thread."""

    name = DASHBOARD

    def __init__(self, env: Mapping[str, str], clock: Clock) -> None:
        self._env, self._clock, self._paths = env, clock, own_paths(env)
        self._server: LazyServer | None = None
        self._keys: access_keys.Keys | None = None
        self._problem, self._retry_at = "", float("-inf")

    def tick(self, ledger: Ledger) -> Status:
        launch_file.sweep(self._paths, Clock())  # the system's clock, as for the times of files
        if get_preference(ledger.db, DASHBOARD, "off") != "on":
            self.stop()
            return Status(OFF)
        keys = access_keys.load(self._paths)
        if keys is None:
            self.stop()
            return Status(FAILED, "it has no keys; `tachograph dashboard` makes them")
        if self._server is not None and (keys != self._keys or not self._server.is_alive):
            self.stop()
        if self._server is None:
            if self._clock.monotonic() < self._retry_at and keys == self._keys:
                return Status(FAILED, self._problem)
            self._keys = keys
            try:
                self._server = LazyServer(self._env, self._clock, keys)
                self._keys = keys = self._server.keys
            except OSError as error:
                self._retry_at = self._clock.monotonic() + _RETRY_SECONDS
                self._problem = f"another program holds port {keys.port} ({error.strerror}); `tachograph dashboard --port` chooses another"
                return Status(FAILED, self._problem)
        return Status(RUNNING, status_text(keys))

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def status_text(keys: access_keys.Keys) -> str:
    """The status of a listening server. `tachograph dashboard` waits for the text with its own keys."""
    return f"listens at http://127.0.0.1:{keys.port} with the keys {keys.cookie[-8:]}"
