"""Connections of a server that we run."""

import asyncio
import socket
from typing import Any

from tachograph.server.connection_limits import timeout_protocol
from tachograph.server.loopback import listen


def test_the_body_of_an_answer_does_not_wait_for_the_client_to_confirm_its_head() -> None:
    from uvicorn import Config
    from uvicorn.server import ServerState

    async def app(_scope: Any, _receive: Any, _send: Any) -> None: ...

    async def options() -> list[int]:
        config = Config(app, lifespan="off", log_config=None)
        config.load()
        kind: Any = timeout_protocol(3.0, 3.0)
        found, state = list[Any](), ServerState()

        def protocol() -> Any:
            made = kind(config=config, server_state=state, app_state={})
            found.append(made)
            return made

        server = await asyncio.get_running_loop().create_server(protocol, sock=listen(0))
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        while not found or found[0].transport is None:
            await asyncio.sleep(0)
        plug = found[0].transport.get_extra_info("socket")
        value = plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        server.close()
        return [value]

    assert asyncio.run(options()) != [0]
