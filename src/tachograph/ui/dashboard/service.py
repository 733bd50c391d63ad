"""The dashboard's server as a service inside the recorder. It listens on loopback from the moment on at which a person asked
for the dashboard; what it needs (starlette, uvicorn, templates: 35 MB) is loaded at the first connection.
"""

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import get_preference
from tachograph.paths import own_paths
from tachograph.recorder.services import FAILED, OFF, RUNNING, Status
from tachograph.server import access_keys, launch_file
from tachograph.server.loopback import bound

DASHBOARD = "dashboard"  # the choice (ledger/storage/preferences.py): "on" once a person asked for it
HEAD_SECONDS = 3.0  # a request whose head takes longer is nobody's whom we serve
_AGAIN_SECONDS = 10.0  # between two tries to have the port


class Dashboard:
    """The service. `tick` follows what a person chose; the server runs in a thread of its own."""

    name = DASHBOARD

    def __init__(self, env: Mapping[str, str], clock: Clock) -> None:
        self._env, self._clock, self._paths = env, clock, own_paths(env)
        self._listener: Doorway | None = None
        self._keys: access_keys.Keys | None = None
        self._failed, self._next_try = "", float("-inf")

    def tick(self, ledger: Ledger) -> Status:
        launch_file.sweep(self._paths, Clock())  # the system's: files are as old as it says
        if get_preference(ledger.db, DASHBOARD, "off") != "on":
            self.stop()
            return Status(OFF)
        known = access_keys.load(self._paths)
        if known is None:
            self.stop()
            return Status(FAILED, "it has no keys; `tachograph dashboard` makes them")
        if self._listener is not None and (known != self._keys or not self._listener.is_alive):
            self.stop()
        if self._listener is None:
            if self._clock.monotonic() < self._next_try and known == self._keys:
                return Status(FAILED, self._failed)
            self._keys = known
            try:
                self._listener = Doorway(self._env, self._clock, known)
            except OSError as error:
                self._next_try = self._clock.monotonic() + _AGAIN_SECONDS
                self._failed = f"another program holds port {known.port} ({error.strerror}); `tachograph dashboard --port` chooses another"
                return Status(FAILED, self._failed)
        return Status(RUNNING, said(known))

    def stop(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()


def said(known: access_keys.Keys) -> str:
    """What people are told of a server that listens; whoever waits for one with these keys knows it by that."""
    return f"listens at http://127.0.0.1:{known.port} with the keys {known.cookie[-8:]}"


class Doorway:
    """A socket on loopback, and behind it the server, from the first connection on. Raises OSError where the port is held."""

    def __init__(self, env: Mapping[str, str], clock: Clock, known: access_keys.Keys) -> None:
        self._env, self._clock, self._keys = env, clock, known
        self._socket = bound(known.port)
        self._began = clock.now_ms()  # tickets are good from here on: the server behind it is made when somebody comes
        launch_file.sweep(own_paths(env))  # no link from before works with what begins here
        self._wake, self._woken = socket.socketpair()
        self._end: Callable[[], None] = lambda: None
        self._is_ending = False
        self._thread = threading.Thread(target=self._wait, name="dashboard", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._is_ending = True
        with contextlib.suppress(OSError):
            self._wake.send(b".")
        self._end()
        self._thread.join(5)
        launch_file.sweep(own_paths(self._env))
        for one in (self._socket, self._wake, self._woken):
            with contextlib.suppress(OSError):
                one.close()

    def _wait(self) -> None:
        """Nothing is loaded before somebody comes."""
        ready, _, _ = select.select([self._socket, self._woken], [], [])
        if self._woken in ready:
            return
        self._serve()

    def _serve(self) -> None:
        import asyncio

        import uvicorn

        from tachograph.server.connection_limits import patient_for
        from tachograph.server.malloc import spare_memory
        from tachograph.ui.dashboard.app import STALL_SECONDS, App
        from tachograph.workspace.pool import LedgerPool

        spare_memory()
        pool = LedgerPool(self._env, self._clock)

        async def main() -> None:
            app = App(pool, self._keys, self._began, lambda ticket: launch_file.used(own_paths(self._env), ticket))
            config: Any = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", ws="none", loop="asyncio", http=patient_for(HEAD_SECONDS, STALL_SECONDS),
                server_header=False, proxy_headers=False, timeout_keep_alive=20, timeout_graceful_shutdown=2,
                limit_concurrency=200, h11_max_incomplete_event_size=16_384,
            )  # fmt: skip
            server = uvicorn.Server(config)
            loop = asyncio.get_running_loop()

            def end() -> None:
                def now() -> None:
                    app.stopping.set()
                    server.should_exit = True

                with contextlib.suppress(RuntimeError):  # it has ended
                    loop.call_soon_threadsafe(now)

            self._end = end
            if self._is_ending:
                return
            await server.serve(sockets=[self._socket])

        try:
            asyncio.run(main())
        finally:
            pool.close()


def free_port() -> int:
    """The usual port where nobody has it, else one that is free now."""
    for port in (access_keys.PORT, 0):
        with contextlib.suppress(OSError), bound(port) as made:
            return int(made.getsockname()[1])
    raise TachographError("No port of this computer's loopback is free.")
