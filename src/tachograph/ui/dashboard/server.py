"""The dashboard's server: a socket on loopback, and everything else from the first connection on.

Starlette, uvicorn and the templates take 35 MB; they are loaded when a browser connects.
"""

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.paths import own_paths
from tachograph.server import access_keys, launch_file
from tachograph.server.loopback import listen
from tachograph.settings import DASHBOARD_PORT

HEAD_SECONDS = 3.0  # our own pages send the head of a request at once


class LazyServer:
    """A socket on loopback, and a server from the first connection on. `keys`: with the token of this start. Raises
    OSError if the port is taken."""

    def __init__(self, env: Mapping[str, str], clock: Clock, keys: access_keys.Keys) -> None:
        self._env, self._clock = env, clock
        self._socket = listen(keys.port)
        self.keys = access_keys.begin_run(own_paths(env), keys)
        self._began = clock.now_ms()  # older tickets are refused
        launch_file.sweep(own_paths(env))  # links from before do not work here
        self._wake, self._wakeup = socket.socketpair()
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
        for one in (self._socket, self._wake, self._wakeup):
            with contextlib.suppress(OSError):
                one.close()

    def _wait(self) -> None:
        """Wait for the first connection; nothing is loaded before."""
        ready, _, _ = select.select([self._socket, self._wakeup], [], [])
        if self._wakeup in ready:
            return
        self._serve()

    def _serve(self) -> None:
        import asyncio

        import uvicorn

        from tachograph.server.connection_limits import timeout_protocol
        from tachograph.server.malloc import share_arenas
        from tachograph.ui.dashboard.app import App
        from tachograph.ui.dashboard.streaming import STALL_SECONDS
        from tachograph.workspace.pool import LedgerPool

        share_arenas()
        pool = LedgerPool(self._env, self._clock)

        async def main() -> None:
            app = App(pool, self.keys, self._began, lambda ticket: launch_file.remove(own_paths(self._env), ticket))
            config: Any = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", ws="none", loop="asyncio", http=timeout_protocol(HEAD_SECONDS, STALL_SECONDS),
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
    """The default port if it is free, else any free one."""
    for port in (DASHBOARD_PORT, 0):
        with contextlib.suppress(OSError), listen(port) as made:
            return int(made.getsockname()[1])
    raise TachographError("No port of 127.0.0.1 is free. Close some programs, then try again.")
