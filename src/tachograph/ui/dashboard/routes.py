"""Routes of the dashboard: what each path requires, and its answer."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tachograph.errors import NotFound, TachographError, UsageError
from tachograph.server.access_keys import Keys, Tickets
from tachograph.server.malloc import LONG_BYTES, trim_memory
from tachograph.server.request_guard import Refusal, Rules, bearer_tokens, matching
from tachograph.server.sessions import Session, Sessions, browser_name
from tachograph.ui.dashboard import actions, api, export, page_query, protocol
from tachograph.ui.dashboard.bodies import MAX_BODY, InvalidText, json_body
from tachograph.ui.dashboard.envelope import envelope, to_json
from tachograph.ui.dashboard.news import LiveNews
from tachograph.ui.dashboard.page import Page, PageRequest
from tachograph.ui.dashboard.page_stream import changed_blocks, list_rows, whole_page
from tachograph.ui.dashboard.render import Renderer
from tachograph.ui.dashboard.site import PAGES
from tachograph.ui.dashboard.static_files import StaticFiles
from tachograph.ui.dashboard.streaming import gzip_pieces, stream, takes_gzip
from tachograph.ui.dashboard.view import view_of
from tachograph.workspace.pool import MAX_EXPORTS, LedgerPool

LEAST_MS = 1000  # between two refreshes of a page
_GET = frozenset({"GET", "HEAD"})
_POST = frozenset({"POST"})
_COOKIE_SECONDS = 30 * 86_400
_MAX_ITEM = 200  # characters that name one thing

OPEN, SHELL, SIGNED_IN, PROGRAMS = "open", "shell", "signed in", "programs"
Answer = Callable[[Request, Session | None], Awaitable[Response]]


class Services(NamedTuple):
    """Everything that answers need."""

    pool: LedgerPool
    keys: Keys
    tickets: Tickets
    sessions: Sessions
    on_ticket_used: Callable[[str], None]
    stopping: asyncio.Event


class GuardedRoute(Route):
    """A route with its requirements. `access`: OPEN to our own pages, SHELL without data, SIGNED_IN with both secrets of a
    session, PROGRAMS the same or the token for programs. `has_ticket`: a query parameter may replace them."""

    def __init__(
        self,
        path: str,
        answer: Answer,
        access: str,
        methods: frozenset[str] = _GET,
        is_known: Callable[[Mapping[str, Any]], bool] = lambda _: True,
        has_ticket: bool = False,
    ) -> None:
        super().__init__(path, answer, methods=sorted(methods))
        self.answer, self.is_known = answer, is_known
        self._access, self._methods, self._has_ticket = access, methods, has_ticket

    def rules_for(self, api_digests: tuple[bytes, ...], is_signed_in: bool, request: Request) -> Rules:
        """The requirements for one request."""
        longest = MAX_BODY if self._methods == _POST else 0
        if self._access in (OPEN, SHELL) or (self._has_ticket and protocol.ONCE in request.query_params):
            return Rules(self._methods, longest=longest, is_shell=self._access == SHELL)
        digests = api_digests if self._access == PROGRAMS else ()
        return Rules(self._methods, digests, longest, is_signed_in=is_signed_in)


class Routes:
    """Every route of the dashboard."""

    def __init__(self, services: Services) -> None:
        self._services, self._pool = services, services.pool
        self._files = StaticFiles()
        self._renderer = Renderer(self._files.address)
        self._news = LiveNews(services.pool, services.stopping)
        self._exporting = threading.BoundedSemaphore(MAX_EXPORTS)
        self.all = (
            GuardedRoute(
                "/static/{name:path}", self._static, OPEN, is_known=lambda found: found["name"] in self._files
            ),
            GuardedRoute("/enter", self._enter, OPEN, _POST),
            GuardedRoute("/do", self._do, SIGNED_IN, _POST),
            GuardedRoute("/live", self._live, PROGRAMS),
            GuardedRoute("/export/{name}", self._export, PROGRAMS, has_ticket=True),
            GuardedRoute("/api/{name}", self._api, PROGRAMS, is_known=lambda found: api.is_known(found["name"])),
            *(self._page_route(page) for page in PAGES),
        )

    # -- refusals and failures

    def refuse(self, request: Request, refusal: Refusal | None) -> Response:
        """The answer to a refused request; an unknown address gets a page with the ways on."""
        status, sentence = refusal or Refusal(404, "There is no such page.")
        path = request.url.path
        if path.startswith("/api/"):
            return JSONResponse(envelope(path, None, self._pool, error=(sentence, "")), status)
        if status == 404 and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(self._renderer.shell(None, LEAST_MS), 404)
        return PlainTextResponse(f"{sentence}\n", status)

    def explain(self, request: Request, trouble: TachographError) -> Response:
        """The answer to a request that could not be served."""
        path, status = request.url.path, _status(trouble)
        if path.startswith("/api/") or protocol.MARKS in request.headers:
            return JSONResponse(envelope(path, None, self._pool, error=(trouble.message, trouble.hint)), status)
        if path == "/do":
            return JSONResponse({"ok": False, "message": f"{trouble.message} {trouble.hint}".rstrip()}, status)
        return PlainTextResponse(f"{trouble.message} {trouble.hint}".rstrip() + "\n", status)

    # -- sign-in and actions

    async def _static(self, request: Request, _: Session | None) -> Response:
        return self._files.answer(request.path_params["name"], request)

    async def _enter(self, request: Request, before: Session | None) -> Response:
        """A ticket for the two secrets of a session."""
        body = await json_body(request)
        ticket = body.get("ticket") if isinstance(body, dict) else None
        now, services = self._pool.now_ms(), self._services
        if not isinstance(ticket, str) or not services.tickets.redeem(ticket[:200], now):
            return JSONResponse({"ok": False, "message": "This link was used already or is older than a minute."}, 401)
        services.on_ticket_used(ticket)
        browser = browser_name(request.headers.get("user-agent", ""))
        new = services.sessions.open(browser, now, before)
        response = JSONResponse({"ok": True, "page_key": new.key})
        response.set_cookie(
            services.keys.cookie, new.cookie, max_age=_COOKIE_SECONDS, httponly=True, samesite="strict", path="/"
        )
        return response

    async def _do(self, request: Request, session: Session | None) -> Response:
        """Something that changes data or sessions."""
        body, now, services = await json_body(request), self._pool.now_ms(), self._services
        kind, name = (body.get("do"), body.get("name")) if isinstance(body, dict) else (None, None)
        if kind == "download":
            export.parse_name(str(name))
            path = f"/export/{name}"
            token = services.sessions.offer_download(path, now)
            return JSONResponse({"ok": True, "message": "", "address": f"{path}?{protocol.ONCE}={token}"})
        if kind == "revoke":
            if not services.sessions.revoke(str(name)):
                raise NotFound("That session has ended already.")
            return JSONResponse({"ok": True, "message": "The session is revoked."})
        action = actions.parse_action(body)
        if action.needs_fresh_sign_in and (session is None or not session.is_fresh(now)):
            return JSONResponse({"ok": False, "message": actions.STALE_SIGN_IN}, 403)
        await self._run(lambda: self._pool.write(action.apply))
        return JSONResponse({"ok": True, "message": action.message})

    # -- data for programs, downloads, news

    async def _api(self, request: Request, _: Session | None) -> Response:
        path, parameters = request.url.path, dict(request.query_params.items())
        query = page_query.parse(request.query_params.multi_items())

        def answer() -> bytes:
            with self._pool.snapshot() as snapshot:
                view = view_of(snapshot, PageRequest(PAGES[0], path, "", query))
                made = to_json(envelope(path, api.answer(path, view, parameters), self._pool, snapshot))
            if len(made) > LONG_BYTES:
                trim_memory()
            return made

        return Response(await self._run(answer), media_type="application/json")

    async def _export(self, request: Request, session: Session | None) -> Response:
        path, token = request.url.path, request.query_params.get(protocol.ONCE)
        sessions, api_digest = self._services.sessions, self._services.keys.api_digest
        is_known = session is not None or matching(bearer_tokens(request.scope["headers"]), (api_digest,)) is not None
        if not is_known and not sessions.take_download(token or "", path, self._pool.now_ms()):
            return PlainTextResponse("This download was used already. Start it again on the settings page.\n", 401)
        what, form = export.parse_name(request.path_params["name"])
        if not self._exporting.acquire(blocking=False):
            return PlainTextResponse("Other exports are running. Try again when one of them is done.\n", 503)
        pieces = stream(
            lambda: export.chunks(self._pool, what, form),
            self._pool.exporter,
            self._services.stopping,
            self._exporting.release,
        )
        first = await anext(pieces)  # problems become an answer of their own, before anything is sent

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for piece in pieces:
                yield piece

        headers = {"content-disposition": f'attachment; filename="tachograph-{what}.{form}"'}
        return StreamingResponse(whole(), 200, headers, export.TYPES[form])

    async def _live(self, request: Request, _: Session | None) -> Response:
        return self._news.answer(request)

    # -- pages

    def _page_route(self, page: Page) -> GuardedRoute:
        async def answer(request: Request, session: Session | None) -> Response:
            return await self._page(page, request, session)

        if page.in_rail:
            return GuardedRoute(page.path, answer, SHELL)
        return GuardedRoute(
            f"{page.path}{{item}}", answer, SHELL, is_known=lambda found: len(found["item"]) <= _MAX_ITEM
        )

    async def _page(self, page: Page, request: Request, session: Session | None) -> Response:
        """A page without data, or with both secrets of a session its blocks."""
        headers = request.headers
        wants_data = any(name in headers for name in (protocol.WHOLE, protocol.MARKS, protocol.ROWS))
        if not wants_data:
            return HTMLResponse(self._renderer.shell(page, LEAST_MS))
        if session is None:
            return PlainTextResponse("Sign in first: run `tachograph dashboard`.\n", 401)
        query = page_query.parse(request.query_params.multi_items())
        sessions = self._services.sessions.all(self._pool.now_ms())
        wanted = PageRequest(page, request.url.path, request.path_params.get("item", ""), query, sessions, session.id)
        if (marks := headers.get(protocol.MARKS)) is not None:
            chunks, opened = _numbers(headers.get(protocol.CHUNKS, "")), _names(headers.get(protocol.OPENED, ""))
            made = await self._run(lambda: changed_blocks(self._pool, self._renderer, wanted, marks, chunks, opened))
            return Response(made, media_type="application/json")
        if (rows := headers.get(protocol.ROWS)) is not None:
            made = await self._run(lambda: list_rows(self._pool, self._renderer, wanted, _numbers(rows)))
            return HTMLResponse(made)
        pieces = stream(
            lambda: whole_page(self._pool, self._renderer, wanted), self._pool.executor, self._services.stopping
        )
        is_gzip = takes_gzip(request)
        encoding = {"content-encoding": "gzip"} if is_gzip else {}
        return StreamingResponse(gzip_pieces(pieces) if is_gzip else pieces, 200, encoding, "text/html; charset=utf-8")

    async def _run(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool.executor, work)


def _status(trouble: TachographError) -> int:
    if isinstance(trouble, NotFound):
        return 404
    if isinstance(trouble, InvalidText):
        return 422
    return 400 if isinstance(trouble, UsageError) else 503


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(part) for part in text.split(",")[:200] if part.isdecimal() and len(part) < 6)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(",")[:200])
