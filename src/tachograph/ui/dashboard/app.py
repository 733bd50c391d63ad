"""The dashboard over HTTP: the gate, then pages, their changed blocks, JSON for programs, live news, and the few things that
may be switched. Nothing here deletes anything, and no GET changes anything.
"""

import asyncio
import contextlib
import gzip
import hashlib
import hmac
import json
import os
import threading
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from concurrent.futures import Executor
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tachograph.errors import LedgerError, NotFound, TachographError, UsageError
from tachograph.server.access_keys import Keys, Tickets
from tachograph.server.malloc import LONG_BYTES, trim_memory
from tachograph.server.request_guard import Rules, cookie_tokens, digest, matching, own_origins, refusal, values
from tachograph.text.format import iso
from tachograph.ui.dashboard import actions, api, export
from tachograph.ui.dashboard.page import Page, View
from tachograph.ui.dashboard.page_query import asked
from tachograph.ui.dashboard.render import HERE, PAGES, Renderer, Shown
from tachograph.ui.documents.reports import FORMAT
from tachograph.workspace.pool import MAX_EXPORTS, LedgerPool
from tachograph.workspace.snapshot import Snapshot

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
BODY_SECONDS = 3.0  # a body that takes longer is nobody's whom we serve
LIVE_SECONDS = 1.0  # between two looks at whether anybody wrote, while somebody watches
LEAST_MS = 1000  # between two refreshes of a page
TICK_SECONDS = 20.0  # numbers grow old and windows reset without anybody writing
MOST_LIVE = 24  # open streams
STALL_SECONDS = 10.0  # so long may whoever asked take nothing of what waits for it; then the answer is cut off
_LONGEST_BODY = 4096
_LEVEL = 4  # of compression: the rest costs more than loopback gains
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_GET = frozenset({"GET", "HEAD"})
_POST = frozenset({"POST"})


class App:
    """The ASGI application. `stopping` ends open streams when the server is to end; `used` is told of tickets that were."""

    def __init__(self, pool: LedgerPool, keys: Keys, began_ms: int, used: Callable[[str], None]) -> None:
        self._used = used
        self._pool, self._keys, self._port = pool, keys, keys.port
        self._tickets = Tickets(keys, began_ms)
        self._session, self._api = (digest(keys.session),), (digest(keys.api),)
        self._origins = own_origins(keys.port)
        self._files = _static_files()
        self._render = Renderer(self._static)
        self._live = 0
        self._exporting = threading.BoundedSemaphore(MAX_EXPORTS)
        self.stopping = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        response = await self._answered(request)
        if not isinstance(response, StreamingResponse) and _takes_gzip(request) and len(response.body) > 1_000:
            response.body = gzip.compress(response.body, _LEVEL)
            response.headers["content-length"] = str(len(response.body))
            response.headers["content-encoding"] = "gzip"
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        with contextlib.suppress(Stalled):  # uvicorn cuts off what was not finished
            await response(scope, receive, send)

    # -- who may come in ---------------------------------------------------------------------------------------

    async def _answered(self, request: Request) -> Response:
        path, headers = request.url.path, request.scope["headers"]
        no = refusal(request.method, headers, self._rules(path), port=self._port, origins=self._origins)
        if no is not None:
            return self._refused(path, no.status, no.sentence)
        try:
            return await self._routed(request, path)
        except TachographError as trouble:
            return self._trouble(path, trouble)

    def _rules(self, path: str) -> Rules | None:
        """What a path asks for. A page without a token is a frame without data; `_page` sees to that."""
        if path.startswith("/static/"):
            return Rules() if path.removeprefix("/static/") in self._files else None
        if path == "/enter":
            return Rules(_POST, longest=_LONGEST_BODY)
        if path == "/do":
            return Rules(_POST, (), self._keys.cookie, _LONGEST_BODY, sessions=self._session)
        if path == "/live" or path.startswith("/export/"):
            return Rules(_GET, self._api, self._keys.cookie, sessions=self._session)
        if path.startswith("/api/"):
            return Rules(_GET, self._api, self._keys.cookie, sessions=self._session) if api.is_known(path) else None
        return Rules(is_shell=True) if _page_of(path) is not None else None

    def _refused(self, path: str, status: int, sentence: str) -> Response:
        if path.startswith("/api/"):
            return JSONResponse(self._envelope(path, None, error=(sentence, "")), status)
        return PlainTextResponse(f"{sentence}\n", status)

    def _trouble(self, path: str, trouble: TachographError) -> Response:
        status = (
            404
            if isinstance(trouble, NotFound)
            else 422
            if isinstance(trouble, NoText)
            else 400
            if isinstance(trouble, UsageError)
            else 503
        )
        if path.startswith("/api/"):
            said = (trouble.message, trouble.hint)
            return JSONResponse(self._envelope(path, None, error=said), status)
        return PlainTextResponse(f"{trouble.message} {trouble.hint}".rstrip() + "\n", status)

    # -- routes ------------------------------------------------------------------------------------------------

    async def _routed(self, request: Request, path: str) -> Response:
        if path.startswith("/static/"):
            return self._file(path.removeprefix("/static/"), request)
        if path == "/enter":
            return await self._enter(request)
        if path == "/do":
            return await self._do(request)
        if path == "/live":
            return self._stream(request)
        if path.startswith("/export/"):
            return await self._export(path)
        if path.startswith("/api/"):
            return await self._json(request, path)
        return await self._page(request, path)

    def _file(self, name: str, request: Request) -> Response:
        data, mark, kind = self._files[name]
        headers = {"etag": f'"{mark}"', "cache-control": "max-age=31536000, immutable"}
        if request.query_params.get("v") != mark:
            headers["cache-control"] = "no-cache"
        if request.headers.get("if-none-match") == f'"{mark}"':
            return Response(None, 304, headers)
        return Response(data, 200, headers, kind)

    def _static(self, name: str) -> str:
        return f"/static/{name}?v={self._files[name][1]}"

    async def _enter(self, request: Request) -> Response:
        """A ticket for a cookie."""
        said = await _body(request)
        ticket = said.get("ticket") if isinstance(said, dict) else None
        if not isinstance(ticket, str) or not self._tickets.take(ticket[:200], self._pool.now_ms()):
            return JSONResponse({"ok": False, "message": "This link was used already, or is older than a minute."}, 401)
        self._used(ticket)
        response = JSONResponse({"ok": True})
        response.set_cookie(
            self._keys.cookie, self._keys.session, max_age=30 * 86_400, httponly=True, samesite="strict", path="/"
        )
        return response

    async def _do(self, request: Request) -> Response:
        """Something that changes what is kept: a switch, a name. The form's token says that a page of ours asked."""
        given = request.headers.get("x-tachograph-form", "")
        if not hmac.compare_digest(given.encode(), self._keys.form.encode()):
            return JSONResponse({"ok": False, "message": "The page is out of date: load it again."}, 403)
        said = await _body(request)
        act, words = actions.meant(said)
        await self._run(lambda: self._pool.write(act))
        return JSONResponse({"ok": True, "message": words})

    async def _json(self, request: Request, path: str) -> Response:
        view_of = asked(request.query_params.multi_items())
        pairs = dict(request.query_params.items())

        def answer() -> bytes:
            with self._pool.snapshot() as look:
                data = api.answer(path, View(look, view_of, path), pairs)
                made = _dumped(self._envelope(path, data, look=look))
            if len(made) > LONG_BYTES:
                trim_memory()
            return made

        return Response(await self._run(answer), media_type="application/json")

    def _envelope(
        self, path: str, data: object, look: Snapshot | None = None, error: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        """What every JSON answer is wrapped in; docs/json.md describes it."""
        return {
            "format": FORMAT,
            "route": path,
            "generated_at": iso(look.now if look else self._pool.now_ms()),
            "timezone": look.calendar.zone_name if look else None,
            "ledger": look.version if look else self._pool.version,
            "data": data,
            "problems": look.problems if look else {},
            "error": None if error is None else {"message": error[0], "hint": error[1]},
        }

    async def _export(self, path: str) -> Response:
        what, form = export.meant(path.removeprefix("/export/"))
        if not self._exporting.acquire(blocking=False):
            return PlainTextResponse("Other exports are being written: try again when one of them is done.\n", 503)
        chunks = self._chunks(
            lambda: export.chunks(self._pool, what, form), self._pool.exporter, self._exporting.release
        )
        first = await anext(chunks)  # what hinders it is said before anything is sent
        name = f"tachograph-{what}.{form}"

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for chunk in chunks:
                yield chunk

        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(whole(), 200, headers, export.TYPES[form])

    # -- pages -------------------------------------------------------------------------------------------------

    async def _page(self, request: Request, path: str) -> Response:
        found = _page_of(path)
        assert found is not None  # noqa: S101 - the gate has seen to it
        page, what = found
        if not self._may_see(request):
            return Response(self._render.enter(), 200, media_type="text/html")
        view_of = asked(request.query_params.multi_items())
        if (have := request.headers.get("x-tachograph-have")) is not None:
            chunks = _numbers(request.headers.get("x-tachograph-chunks", ""))
            opened = frozenset(request.headers.get("x-tachograph-opened", "").split(","))
            return Response(await self._run(lambda: self._changed(page, path, what, view_of, have, chunks, opened)), media_type="application/json")  # fmt: skip
        if (rows := request.headers.get("x-tachograph-rows")) is not None:
            wanted = _numbers(rows)
            return Response(await self._run(lambda: self._rows(page, path, view_of, wanted)), media_type="text/html")
        status = await self._run(lambda: self._status(page, path, what, view_of)) if page.title_of else 200
        chunks_ = self._chunks(lambda: self._whole(page, path, what, view_of))
        headers = {"content-encoding": "gzip"} if _takes_gzip(request) else {}
        body = _squeezed(chunks_) if headers else chunks_
        return StreamingResponse(body, status, headers, "text/html; charset=utf-8")

    def _may_see(self, request: Request) -> bool:
        """Whether a page may show data: our cookie, and a request that no other site and no frame brought about."""
        headers = request.scope["headers"]
        if values(headers, "sec-fetch-site") not in ([], [b"none"], [b"same-origin"]):
            return False
        return matching(cookie_tokens(headers, self._keys.cookie), self._session) is not None

    def _status(self, page: Page, path: str, what: str, view_of: Any) -> int:
        try:
            with self._pool.snapshot() as look:
                self._title(page, View(look, view_of, path, what))
        except NotFound:
            return 404
        except LedgerError:
            return 200
        return 200

    def _title(self, page: Page, view: View) -> str:
        return page.title_of(view) if page.title_of else page.title

    def _whole(self, page: Page, path: str, what: str, view_of: Any) -> Generator[bytes, None, None]:
        """A page piece by piece: its frame at once, then each block as soon as it is known."""
        yield self._render.head(page, page.title, self._keys.form, LEAST_MS).encode()
        try:
            with self._pool.snapshot() as look:
                view = View(look, view_of, path, what)
                yield self._render.top(page, self._title(page, view), view).encode()
                for shown in self._render.blocks(page, view):
                    yield self._render.placed(shown).encode()
                version = look.version
        except TachographError as trouble:
            yield self._render.top(page, page.title, None, trouble).encode()
            version = ""
        trim_memory()
        yield f'<i id="version" hidden data-version="{version}" data-at="{self._pool.now_ms()}"></i>'.encode()
        yield self._render.foot().encode()

    def _changed(
        self, page: Page, path: str, what: str, view_of: Any, have: str, chunks: frozenset[int], opened: frozenset[str]
    ) -> bytes:
        """The blocks of a page that are not as the page has them."""
        known = dict(pair.partition("=")[::2] for pair in have.split(",")) if have else {}
        with self._pool.snapshot() as look:
            view = View(look, view_of, path, what, chunks or frozenset({0}))
            title = self._title(page, view)
            top = Shown("top", self._render.top(page, title, view))
            shown = [top, *(one.without(opened) for one in self._render.blocks(page, view))]
            blocks = [
                {"id": one.id, "mark": one.mark, "html": None if known.get(one.id) == one.mark else one.html}
                for one in shown
            ]
            return _dumped(self._envelope(path, {"title": title, "at": look.now, "blocks": blocks}, look=look))  # fmt: skip

    def _rows(self, page: Page, path: str, view_of: Any, wanted: frozenset[int]) -> bytes:
        """Parts of a long list."""
        with self._pool.snapshot() as look:
            view = View(look, view_of, path, chunks=wanted)
            return self._render.block(page.blocks[-1], view).html.encode()

    # -- live --------------------------------------------------------------------------------------------------

    def _stream(self, request: Request) -> Response:
        if self._live >= MOST_LIVE:
            return PlainTextResponse("Too many pages are open.\n", 503)
        return StreamingResponse(self._news(request), media_type="text/event-stream")

    async def _news(self, request: Request) -> AsyncIterator[bytes]:
        """One line whenever the ledger has changed, and from time to time; the page then asks for what changed of it."""
        self._live += 1
        try:
            yield b"retry: 1500\n\n"
            last, told = "", 0.0
            while not self.stopping.is_set() and not await request.is_disconnected():
                kind, version = "news", last
                try:
                    version = await self._run(self._pool.refresh)
                except LedgerError as trouble:
                    kind, version = "trouble", f"! {trouble.message}"
                if version != last or time.monotonic() - told >= TICK_SECONDS:
                    said = {"version": version, "at": self._pool.now_ms()}
                    yield f"event: {kind}\ndata: {json.dumps(said)}\n\n".encode()
                    last, told = version, time.monotonic()
                try:
                    await asyncio.wait_for(self.stopping.wait(), LIVE_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self._live -= 1

    # -- threads -----------------------------------------------------------------------------------------------

    async def _run(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool.executor, work)

    async def _chunks(
        self,
        make: Callable[[], Generator[bytes, None, None]],
        executor: Executor | None = None,
        done: Callable[[], None] = lambda: None,
    ) -> AsyncIterator[bytes]:
        """What a generator gives, run from beginning to end in one thread: its look at the ledger is that thread's.

        The thread waits for whoever reads slowly, and gives up (`Stalled`) on whoever reads nothing for STALL_SECONDS.
        `done` is called when it is free again.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        taken, left = 0, False

        def put(item: bytes | BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def wait(given: int) -> None:
            seen, since = taken, time.monotonic()
            while given - taken > 32 and not left:  # what is on its way to the queue counts as well
                if taken != seen:
                    seen, since = taken, time.monotonic()
                elif self.stopping.is_set() or time.monotonic() - since > STALL_SECONDS:
                    raise Stalled
                time.sleep(0.01)

        def work() -> None:
            try:
                with contextlib.closing(make()) as chunks:  # its look at the ledger ends in this thread
                    for given, chunk in enumerate(chunks):
                        wait(given)
                        if left:
                            return
                        put(chunk)
                put(None)
            except BaseException as error:  # noqa: BLE001 - raised again where it is read
                put(error)
            finally:
                done()

        running: Awaitable[None] = loop.run_in_executor(executor or self._pool.executor, work)
        try:
            while (item := await queue.get()) is not None:
                taken += 1
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            left = True
        await running


class Stalled(Exception):
    """Nobody reads an answer any more."""


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


async def _squeezed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Compressed, and still piece by piece: a browser draws what has come."""
    packer = zlib.compressobj(_LEVEL, wbits=31)
    async for chunk in chunks:
        yield packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def _page_of(path: str) -> tuple[Page, str] | None:
    """The page of a path, and what behind it names one thing."""
    for page in PAGES:
        if path == page.path and page.in_rail:
            return page, ""
        if not page.in_rail and path.startswith(page.path):
            what = path.removeprefix(page.path)
            if what and "/" not in what and len(what) <= 200:
                return page, what
    return None


def _static_files() -> Mapping[str, tuple[bytes, str, str]]:
    """Every file that pages load: its bytes, a mark of them, its type. Nothing else of the disk can be asked for."""
    root = os.path.join(HERE, "static")
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            kind = _TYPES.get(os.path.splitext(name)[1])
            if kind is not None:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    data = file.read()
                key = os.path.relpath(path, root).replace(os.sep, "/")
                found[key] = (data, hashlib.sha256(data).hexdigest()[:12], kind)
    return found


async def _body(request: Request) -> Any:
    """The JSON of a body. Raises UsageError where it is none, or takes too long."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.body()
    except TimeoutError:
        raise UsageError("The body did not come.") from None
    try:
        said = json.loads(raw)
        _dumped(said, "strict")
    except UnicodeEncodeError:  # half of a pair (\\ud800), which neither a hash nor the ledger takes
        raise NoText("The body holds text that is no text.") from None
    except (ValueError, RecursionError):
        raise UsageError("The body is no JSON.") from None
    return said


class NoText(UsageError):
    """Text that cannot be written down."""


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(part) for part in text.split(",")[:200] if part.isdecimal() and len(part) < 6)


def _dumped(value: object, errors: str = "replace") -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", errors)
