"""The hub over HTTP: one small ASGI application behind the same gate and deadlines as everything that listens.

POST   /hub/1/join     {code, name, share, key_check} -> {token, machine, …}      once per code
POST   /hub/1/push     with the token: facts           -> {seq, taken, changed, refused}
GET    /hub/1/mine     ?after=SEQ                      -> facts of the member's other machines
GET    /hub/1/me       DELETE /hub/1/me                -> what the hub holds; erase it
POST   /hub/1/invite   POST /hub/1/share   POST /hub/1/leave
"""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from tachograph.errors import LedgerError, TachographError, UsageError
from tachograph.hub import metrics, telemetry, wire
from tachograph.hub.api import ERASED, HubApi, Response
from tachograph.hub.collector import paused_collector
from tachograph.hub.site import Raw, Site
from tachograph.hub.store import Machine
from tachograph.hub.team.api import ROUTES, TeamApi
from tachograph.model.addresses import LOOPBACK_HOSTS
from tachograph.server.connection_limits import timeout_protocol
from tachograph.server.request_guard import Headers, Rules, bearer_tokens, matching, refusal, values
from tachograph.server.request_guard import digest as token_digest

BODY_SECONDS, HEAD_SECONDS, STALL_SECONDS = 3.0, 3.0, 15.0
MAX_WAITING = 64  # requests that wait for the store
LARGE = 16_384  # bytes of a request that takes long, as sent
_POST, _GET = frozenset({"POST"}), frozenset({"GET"})
_SMALL = 4_096
READ_ONLY = "This hub's database can only be read: a newer Tachograph wrote it, or it is a replica. Update the hub"
ONLY_LOGS = "This token is for telemetry: it sends logs to /v1/logs and may do nothing else."
TEAM_PATH = "/api/team/"
_RULES = {
    "join": Rules(_POST, longest=_SMALL),
    "push": Rules(_POST, longest=wire.MAX_BYTES),
    "mine": Rules(_GET),
    "me": Rules(frozenset({"GET", "DELETE"})),
    "invite": Rules(_POST, longest=_SMALL),
    "share": Rules(_POST, longest=_SMALL),
    "leave": Rules(_POST, longest=_SMALL),
}
TEAM = "team/"
_METHODS = {name: frozenset(one.method for one in ROUTES if one.name == name) for name in {one.name for one in ROUTES}}
_RULES |= {TEAM + name: Rules(methods, longest=_SMALL * ("POST" in methods)) for name, methods in _METHODS.items()}
LOGS, COUNTERS, METRICS = "v1/logs", "v1/metrics", "metrics"
_PROTOBUF = telemetry.PROTOBUF.encode()
_RULES |= {LOGS: Rules(_POST, longest=wire.MAX_BYTES), METRICS: Rules(_GET)}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Address(NamedTuple):
    """Listening address of a hub, and the name by which machines reach it (`public` "" for the address itself)."""

    host: str
    port: int
    public: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def is_secure(self) -> bool:
        """True if browsers reach it over TLS."""
        return bool(self.certificate or self.public)

    @property
    def url(self) -> str:
        """The address to give to `tachograph join`."""
        scheme = "https" if self.certificate else "http"
        return self.public or f"{scheme}://{self.host}:{self.port}"


def parse_address(listen: str, public: str, certificate: str, key: str) -> Address:
    """Check where a hub may listen. Raises UsageError: beyond this computer only with TLS, or behind a proxy that has it."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or not 0 <= int(port) < 65_536:
        raise UsageError(f"--listen {listen}: no port.", "Give an address such as 127.0.0.1:47620.")
    if public and not public.startswith("https://"):
        raise UsageError(f"--public {public}: not an https address.", "Give the address that your proxy serves.")
    if bool(certificate) != bool(key):
        raise UsageError("A certificate needs its key.", "Give both --cert and --key.")
    if host not in LOOPBACK_HOSTS and not certificate and not public:
        raise UsageError(
            f"A hub at {host} would send everything in the clear.",
            "Give --cert and --key, or put a proxy with TLS before it and name it with --public https://…",
        )
    return Address(host, int(port), public.rstrip("/"), certificate, key)


def _name(path: str) -> str:
    """The name of a route; "" for any other path."""
    if path.startswith(wire.PATH):
        return path.removeprefix(wire.PATH)
    if path in (f"/{LOGS}", f"/{METRICS}"):
        return path[1:]
    return TEAM + path.removeprefix(TEAM_PATH) if path.startswith(TEAM_PATH) else ""


def _query(scope: Scope) -> dict[str, str]:
    found = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return {key: values_of[-1] for key, values_of in found.items()}


class Lane:
    """One thread with a store of its own. On SQLite there is one lane, since the file lets one writer in anyway."""

    def __init__(self, api: HubApi, team: TeamApi, site: Site | None = None) -> None:
        self.api, self.team, self.site = api, team, site
        self.worker = ThreadPoolExecutor(1, "hub")
        self.waiting = 0


class HubApp:
    """The ASGI application. `log` gets a line per refused request, without its content.

    Large pushes go one after another through the last lane, so that the first history of a machine holds up no one else.
    """

    def __init__(
        self, lanes: Sequence[Lane], address: Address, log: Callable[[str], None], metrics_token: str = ""
    ) -> None:
        self._metrics_token = metrics_token
        self._lanes, self._address, self._log = lanes, address, log
        self._site = lanes[0].site
        self._large = asyncio.Lock()
        self.port = address.port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await self._respond(scope, receive)
        except LedgerError as error:
            self._log(f"{error.message} {error.hint}")
            response = Response(503, {"error": "The hub can't store that now.", "retry": True})
        except TimeoutError:
            response = Response(408, {"error": "The request took too long."})
        except wire.TooLarge as error:
            response = Response(413, {"error": f"Too large: {error}."})
        except wire.Malformed as error:
            response = Response(400, {"error": f"Not understood: {error}."})
        except Exception as error:  # noqa: BLE001 - a fault of ours; what the request contained stays out of the log
            self._log(f"A fault: {_place_of(error)}. Please report it.")
            response = Response(500, {"error": "The hub failed at that request."})
        if response.status >= 400:
            self._log(f"{scope['method']} {scope['path'][:40]!r} from {_peer(scope)}: {response.status}")
        await _send(send, response, _takes_gzip(scope))

    async def _respond(self, scope: Scope, receive: Receive) -> Response | Raw:
        path = str(scope["path"])
        if path == f"/{COUNTERS}":
            return Response(400, {"error": telemetry.REFUSED_COUNTERS})
        name = _name(path)
        rules = None if name == METRICS and not self._metrics_token else _RULES.get(name)
        if rules is None and self._site is not None:
            rules = self._site.rules(scope["method"], path)
        headers = [(key, value) for key, value in scope["headers"] if key.lower() != b"content-encoding"]
        if not self._is_known_host(headers):
            return Response(421, {"error": "This hub answers to its own name only."})
        plain = [(key, value) for key, value in headers if key.lower() != b"host"]
        plain.append((b"host", f"127.0.0.1:{self.port}".encode()))
        if name == LOGS:  # the body of this request need not be JSON
            plain = [(key, b"application/json" if value == _PROTOBUF else value) for key, value in plain]
        refused = refusal(scope["method"], plain, rules, port=self.port, origins=self._origins(name, headers))
        if refused is not None:
            return Response(refused.status, {"error": refused.sentence})
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(receive, rules.longest if rules is not None else 0)
        if sum(lane.waiting for lane in self._lanes) >= MAX_WAITING:
            return Response(503, {"error": "Too many requests at once.", "retry": True})
        if len(body) <= LARGE:
            return await self._queue(
                min(self._lanes[: max(1, len(self._lanes) - 1)], key=lambda one: one.waiting), name, scope, body
            )
        async with self._large:
            return await self._queue(self._lanes[-1], name, scope, body)

    async def _queue(self, lane: Lane, name: str, scope: Scope, body: bytes) -> Response | Raw:
        is_compressed = values(scope["headers"], "content-encoding") == [b"gzip"]
        lane.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(lane.worker, self._work, lane, name, scope, body, is_compressed)
        finally:
            lane.waiting -= 1

    def _origins(self, name: str, headers: Headers) -> tuple[str, ...]:
        """The origin of our own pages, for requests that they make; none for requests of machines."""
        if self._site is None or (name and not name.startswith(TEAM)):
            return ()
        host = values(headers, "host")[0].decode("latin-1")
        return (f"{'https' if self._address.is_secure else 'http'}://{host}",)

    def _work(self, lane: Lane, name: str, scope: Scope, body: bytes, is_compressed: bool) -> Response | Raw:
        if name == LOGS:
            plain = wire.inflate(body) if is_compressed else body
            return lane.api.repeat(lambda: self._take_logs(lane.api, scope, plain))
        with paused_collector() if name == "push" else nullcontext():
            document = wire.unpack(body, is_compressed) if body else {}
            return lane.api.repeat(lambda: self._answer(lane, name, scope, document))

    def _answer(self, lane: Lane, name: str, scope: Scope, document: Any) -> Response | Raw:
        api = lane.api
        if not name and lane.site is not None:
            return lane.site.answer(scope["method"], scope["path"], _query(scope), scope["headers"], document)
        if not api.is_writable and scope["method"] != "GET":
            return Response(503, {"error": READ_ONLY, "retry": True})
        if name == METRICS:
            return self._metrics(lane.api, scope)
        if name.startswith(TEAM):
            return self._team_request(lane, name.removeprefix(TEAM), scope, document)
        if name == "join":
            return api.join(document, self._address_of(scope))
        token = next(iter(bearer_tokens(scope["headers"])), "")
        machine = api.machine_of(token)
        if machine is None:
            return Response(401, {"error": "This machine is not known here, or was revoked."})
        if machine.is_seat:
            return Response(403, {"error": ONLY_LOGS})
        if name != "leave" and api.is_erased(machine):
            return Response(410, {"error": ERASED})
        return self._machine_request(api, name, scope, machine, document)

    def _machine_request(self, api: HubApi, name: str, scope: Scope, machine: Machine, document: Any) -> Response:
        if name == "push":
            return api.push(machine, document)
        if name == "mine":
            query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
            after, format = query.get("after", ["0"])[0], query.get("format", ["1"])[0]
            return api.mine(
                machine,
                int(after) if after.isdecimal() and len(after) < 19 else 0,
                format=int(format) if format.isdecimal() and len(format) < 4 else 1,
            )
        if name == "me":
            return api.erase(machine) if scope["method"] == "DELETE" else api.me(machine)
        if name == "invite":
            return api.invite_own(machine)
        if name == "share":
            return api.share(machine, document)
        return api.leave(machine, document)

    def _metrics(self, api: HubApi, scope: Scope) -> Response | Raw:
        """Totals for Prometheus, which has a token of its own."""
        if matching(bearer_tokens(scope["headers"]), (token_digest(self._metrics_token),)) is None:
            return Response(401, {"error": "Metrics need the token of TACHOGRAPH_HUB_METRICS_TOKEN."})
        headers = {"content-type": metrics.TYPE, "cache-control": "no-store"}
        return Raw(200, headers, api.metrics().encode())

    def _take_logs(self, api: HubApi, scope: Scope, body: bytes) -> Response | Raw:
        """Telemetry of a seat without Tachograph."""
        machine = api.machine_of(next(iter(bearer_tokens(scope["headers"])), ""))
        if machine is None:
            return Response(401, {"error": "This token is not known here, or was revoked."})
        if not api.is_writable:
            return Response(503, {"error": READ_ONLY})
        kind = (values(scope["headers"], "content-type") or [b""])[0].decode("latin-1")
        answer = api.take_logs(machine, body, kind)
        is_binary = kind == telemetry.PROTOBUF and answer.status == 200
        return Raw(200, {"content-type": kind, "cache-control": "no-store"}, b"") if is_binary else answer

    def _team_request(self, lane: Lane, name: str, scope: Scope, document: Any) -> Response:
        token = next(iter(bearer_tokens(scope["headers"])), "")
        viewer = lane.api.member_of_token(token)
        if viewer is None and token and lane.api.machine_of(token) is not None:
            return Response(403, {"error": ONLY_LOGS})
        if viewer is None and not token and lane.site is not None:
            viewer = lane.site.viewer(scope["headers"])
        if viewer is None:
            return Response(401, {"error": "This machine is not known here, or was revoked."})
        return lane.team.answer(scope["method"], name, viewer, _query(scope), document)

    def _is_known_host(self, headers: list[tuple[bytes, bytes]]) -> bool:
        said = values(headers, "host")
        if len(said) != 1:
            return False
        host = said[0].decode("latin-1").lower()
        if self._address.public:
            return host == self._address.public.partition("://")[2].lower() or _is_loopback(host)
        return _is_loopback(host) or bool(self._address.certificate)  # the certificate proves the name

    def _address_of(self, scope: Scope) -> str:
        """The address of the client; behind a proxy the one that it names."""
        if self._address.public:
            said = values(scope["headers"], "x-forwarded-for")
            if said:
                return said[-1].decode("latin-1").rpartition(",")[2].strip()[:64]
        return _peer(scope)


def _place_of(error: Exception) -> str:
    """Kind of an error and the line of code it comes from, without its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


def serve(app: HubApp, address: Address, on_ready: Callable[[int], None]) -> None:
    """Listen until the process is told to stop. Raises TachographError where the address is taken or TLS can't begin."""
    import uvicorn

    try:
        plug = socket.create_server((address.host, address.port), family=_family(address.host))
    except OSError as error:
        raise TachographError(
            f"Can't listen on {address.host}:{address.port}: {error.strerror}.", "Choose another address with --listen."
        ) from error
    app.port = int(plug.getsockname()[1])
    if address.certificate:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(address.certificate, address.key)
        except (OSError, ssl.SSLError) as error:
            raise TachographError(f"Can't use the certificate: {error}.", "Check --cert and --key.") from error
    config: Any = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", loop="asyncio",
        http=timeout_protocol(HEAD_SECONDS, STALL_SECONDS), server_header=False, proxy_headers=False, timeout_keep_alive=20,
        timeout_graceful_shutdown=5, limit_concurrency=500, h11_max_incomplete_event_size=16_384,
        ssl_certfile=address.certificate or None, ssl_keyfile=address.key or None,
    )  # fmt: skip
    on_ready(app.port)
    uvicorn.Server(config).run(sockets=[plug])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_loopback(host: str) -> bool:
    return host.rpartition(":")[0].strip("[]") in LOOPBACK_HOSTS or host in LOOPBACK_HOSTS


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


async def _body(receive: Receive, most: int) -> bytes:
    """The body of a request. Raises TooLarge."""
    parts, size = list[bytes](), 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise TimeoutError
        part = event.get("body", b"")
        size += len(part)
        if size > most:
            raise wire.TooLarge(f"more than {most} bytes")
        parts.append(part)
        if not event.get("more_body"):
            return b"".join(parts)


def _takes_gzip(scope: Scope) -> bool:
    """True if the client says that it unpacks gzip; others get JSON as it is."""
    named = b",".join(values(scope["headers"], "accept-encoding")).lower()
    return b"gzip" in (part.replace(b" ", b"").removesuffix(b";q=1") for part in named.split(b","))


async def _send(send: Send, response: Response | Raw, takes_gzip: bool) -> None:
    if isinstance(response, Raw):
        await _send_raw(send, response)
        return
    body = json.dumps(response.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if len(body) > 2_048 and takes_gzip:
        import gzip

        body = gzip.compress(body, 5)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    if response.status == 408:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_raw(send: Send, response: Raw) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
