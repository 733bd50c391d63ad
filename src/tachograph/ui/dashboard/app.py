"""The ASGI application: the gate, then the routes (routes.py), then compression and headers."""

import asyncio
import contextlib
import gzip
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tachograph.errors import TachographError
from tachograph.server.access_keys import Keys, Tickets
from tachograph.server.request_guard import cookie_tokens, own_origins, refusal, values
from tachograph.server.sessions import Session, Sessions
from tachograph.ui.dashboard import security_headers
from tachograph.ui.dashboard.protocol import PAGE_KEY
from tachograph.ui.dashboard.routes import GuardedRoute, Routes, Services
from tachograph.ui.dashboard.streaming import GZIP_LEVEL, Stalled, takes_gzip
from tachograph.workspace.pool import LedgerPool

HEADERS = {**security_headers.HEADERS, "cache-control": "no-store"}
_WORTH_GZIP = 1_000  # bytes of an answer


class App:
    """The ASGI application. `stopping` ends open streams; `on_ticket_used` is called with a redeemed ticket.

    Nothing here deletes data, and no GET changes anything.
    """

    def __init__(self, pool: LedgerPool, keys: Keys, began_ms: int, on_ticket_used: Callable[[str], None]) -> None:
        self._pool, self._keys = pool, keys
        self._sessions = Sessions()
        self._origins = own_origins(keys.port)
        self._api = (keys.api_digest,)
        self.stopping = asyncio.Event()
        services = Services(pool, keys, Tickets(keys, began_ms), self._sessions, on_ticket_used, self.stopping)
        self._routes = Routes(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        response = await self._answer(request)
        if not isinstance(response, StreamingResponse) and takes_gzip(request) and len(response.body) > _WORTH_GZIP:
            response.body = gzip.compress(response.body, GZIP_LEVEL)
            response.headers["content-length"] = str(len(response.body))
            response.headers["content-encoding"] = "gzip"
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        with contextlib.suppress(Stalled):  # uvicorn closes the unfinished answer
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        route = self._route(request)
        session = self._session(request)
        rules = None if route is None else route.rules_for(self._api, session is not None, request)
        headers, port = request.scope["headers"], self._keys.port
        refused = refusal(request.method, headers, rules, port=port, origins=self._origins)
        if refused is not None or route is None:
            return self._routes.refuse(request, refused)
        try:
            return await route.answer(request, session)
        except TachographError as trouble:
            return self._routes.explain(request, trouble)

    def _route(self, request: Request) -> GuardedRoute | None:
        """The route of a path, whatever its method: the gate judges that."""
        for route in self._routes.all:
            match, child = route.matches(request.scope)
            if match is not Match.NONE and route.is_known(child["path_params"]):
                request.scope["path_params"] = child["path_params"]
                return route
        return None

    def _session(self, request: Request) -> Session | None:
        """The session of a request. It needs the cookie and the key of the page's origin."""
        headers = request.scope["headers"]
        keys = [one.decode("latin-1") for one in values(headers, PAGE_KEY)]
        return self._sessions.find(cookie_tokens(headers, self._keys.cookie), keys[:1], self._pool.now_ms())
