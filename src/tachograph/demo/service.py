"""A fake of the service on this machine: it answers as the usage endpoint does, has, or might, and with every fault.

    with Service(["2026-10", "429", "2026-10"]) as service:
        ask(token, base=service.base)

It keeps what it was asked (never the value of an Authorization header). By hand, for any client:
`python -m tachograph.demo.service --say 2026-10 --say 429 --port 8123`.
"""

import argparse
import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from tachograph.demo import usage_shapes
from tachograph.demo.usage_shapes import SHAPES

USAGE, PROFILE = "/api/oauth/usage", "/api/oauth/profile"
JSON = "application/json"


class Reply(NamedTuple):
    """One answer, with what may be wrong with it. Seconds are real ones."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {"Content-Type": JSON}
    silence: float = 0.0  # before the first byte
    pause: float = 0.0  # between headers and body
    drip: float = 0.0  # between the single bytes of the body
    header_drip: float = 0.0  # between headers, of which there is then no end
    length: int | None = None  # announced, if it is not the body's own
    is_raw: bool = False  # the body is all that is sent: no status line, no headers


class Seen(NamedTuple):
    """A request that came. `has_token`: a bearer token came along; `is_expected` None where none was expected."""

    path: str
    headers: Mapping[str, str]
    has_token: bool
    is_expected: bool | None
    at: float


Step = str | Reply | Mapping[str, Any]
Script = Step | Sequence[Step] | Callable[[Seen], Step]

_PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
_HTML = {"Content-Type": "text/html; charset=utf-8"}


def json_reply(body: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": JSON, **named})


def _refusal(status: int, kind: str, message: str, **headers: str) -> Reply:
    return json_reply(usage_shapes.error(kind, message), status, **headers)


def _rate_limited(**headers: str) -> Reply:
    return _refusal(429, "rate_limit_error", "Rate limited. Please try again later.", **headers)


_GOOD = usage_shapes.payload("2026-10", datetime(2026, 11, 23, 12, tzinfo=UTC))
_LONG = 3600.0  # a silence that ends when the service does

FAULTS: Mapping[str, Reply] = {
    "401": _refusal(401, "authentication_error", "OAuth token has expired."),
    "403": _refusal(403, "permission_error", "OAuth token does not meet scope requirement user:profile"),
    "403-page": Reply(403, _PAGE % (b"Forbidden", b"by your company"), _HTML),
    "404": _refusal(404, "not_found_error", "Not found"),
    "429": _rate_limited(Retry_After="300"),
    "429-zero": _rate_limited(Retry_After="0"),
    "429-silent": _rate_limited(),
    "429-long": _rate_limited(Retry_After="3600"),
    "429-date": _rate_limited(Retry_After="Mon, 23 Nov 2026 12:30:00 GMT", Date="Mon, 23 Nov 2026 12:00:00 GMT"),
    "429-negative": _rate_limited(Retry_After="-1"),
    "429-garbage": _rate_limited(Retry_After="abc"),
    "429-exponent": _rate_limited(Retry_After="1e12"),
    "429-huge": _rate_limited(Retry_After="1000000000000"),
    "500": _refusal(500, "api_error", "Internal server error"),
    "502-page": Reply(502, _PAGE % (b"Bad gateway", b"Bad gateway"), _HTML),
    "503": _refusal(503, "api_error", "Unavailable", Retry_After="120"),
    "529": _refusal(529, "overloaded_error", "Overloaded"),
    "hang": Reply(silence=_LONG),
    "hang-body": Reply(body=b"{}", pause=_LONG),
    "trickle": Reply(body=json.dumps(_GOOD).encode(), drip=0.05),
    "trickle-headers": Reply(header_drip=0.05),
    "huge": Reply(body=b'{"five_hour": "' + b"x" * (3 << 20) + b'"}'),
    "bomb": Reply(body=gzip.compress(b" " * (4 << 20)), headers={"Content-Type": JSON, "Content-Encoding": "gzip"}),
    "portal": Reply(200, _PAGE % (b"Welcome", b"Please accept our terms"), _HTML),
    "portal-json": Reply(200, b"\xef\xbb\xbf \n<html>sign in</html>"),
    "text": Reply(200, b"it works", {"Content-Type": "text/plain"}),
    "sign-in": Reply(511, b"{}"),
    "challenge": Reply(403, _PAGE % (b"Just a moment...", b"checking"), {**_HTML, "cf-mitigated": "challenge"}),
    "challenge-200": Reply(200, _PAGE % (b"Just a moment...", b"checking"), _HTML),
    "redirect": Reply(302, b"", {"Location": "http://127.0.0.1:9/stolen"}),
    "garbage": Reply(body=b'{"five_hour": {"utiliz'),
    "list": Reply(body=b"[1, 2]"),
    "deep": Reply(body=b"[" * 200_000),
    "bom": Reply(body=b"\xef\xbb\xbf" + json.dumps(_GOOD).encode()),
    "cut": Reply(body='{"name": "\u00fc'.encode()[:-1], length=4000),
    "empty": Reply(204, b"", {}),
    "drop": Reply(is_raw=True),
    "no-http": Reply(body=b"220 mail.example.org ESMTP\r\n", is_raw=True),
}
STEPS = (*SHAPES, *FAULTS)


def reply(step: Step, now: datetime | None = None) -> Reply:
    """The Reply of a step of a script: the name of a shape or of a fault, a payload, or a Reply itself."""
    if isinstance(step, Reply):
        return step
    if isinstance(step, Mapping):
        return json_reply(step)
    return FAULTS[step] if step in FAULTS else json_reply(usage_shapes.payload(step, now or datetime.now(UTC)))


class Service:
    """The fake, from `with` to the end of the block. The last step of a script repeats; a function answers each request.

    With `token` given, another one gets 401, as from the real service. With `certificate` (files of a chain and of its
    key) it speaks TLS. `seen` are the requests so far, `base` what to give to a client.
    """

    def __init__(
        self,
        usage: Script = "2026-10",
        *,
        profile: Script | None = None,
        token: str | None = None,
        port: int = 0,
        certificate: tuple[str, str] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._scripts = {USAGE: usage, PROFILE: usage_shapes.profile() if profile is None else profile}
        self._asked = dict.fromkeys(self._scripts, 0)
        self._token = token
        self._now = now or (lambda: datetime.now(UTC))
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.service = self
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def base(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def say(self, usage: Script) -> None:
        """From now on answer so."""
        with self._lock:
            self._scripts[USAGE], self._asked[USAGE] = usage, 0

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        """Note a request, and what the script says to it."""
        bearer = headers.get("authorization", "")
        is_expected = None if self._token is None else bearer == f"Bearer {self._token}"
        kept = {name: value for name, value in headers.items() if name not in ("authorization", "cookie")}
        seen = Seen(path, kept, bearer.startswith("Bearer "), is_expected, time.time())
        with self._lock:
            self.seen.append(seen)
            script = self._scripts.get(path.partition("?")[0])
            count = self._asked.get(path.partition("?")[0], 0)
            if script is not None:
                self._asked[path.partition("?")[0]] = count + 1
        if script is None:
            return FAULTS["404"]
        if is_expected is False:
            return FAULTS["401"]
        return reply(_step(script, seen, count), self._now())


def _step(script: Script, seen: Seen, count: int) -> Step:
    if callable(script):
        return script(seen)
    if isinstance(script, str | Reply | Mapping):
        return script
    return script[min(count, len(script) - 1)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    service: Service

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        service = cast(_Server, self.server).service
        answer = service.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
        if service.closing.wait(answer.silence):
            return
        self.close_connection = True
        if answer.is_raw:
            self.wfile.write(answer.body)
            return
        names = {name.lower() for name in answer.headers}
        self.wfile.write(f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('-',))[0]}\r\n".encode())
        while answer.header_drip and not service.closing.wait(answer.header_drip):
            self.wfile.write(b"X-More: yes\r\n")
        for name, value in answer.headers.items():
            self.wfile.write(f"{name}: {value}\r\n".encode())
        if "date" not in names:
            self.wfile.write(f"Date: {self.date_time_string()}\r\n".encode())
        length = len(answer.body) if answer.length is None else answer.length
        self.wfile.write(f"Content-Length: {length}\r\nConnection: close\r\n\r\n".encode())
        if not service.closing.wait(answer.pause):
            self._send(answer, service.closing)

    def _send(self, answer: Reply, closing: threading.Event) -> None:
        if not answer.drip:
            self.wfile.write(answer.body)
            return
        for byte in answer.body:
            if closing.wait(answer.drip):
                return
            self.wfile.write(bytes((byte,)))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tachograph.demo.service", description="A fake of the usage endpoint on this machine."
    )
    parser.add_argument("--port", type=int, default=0, help="listen here (default: any free port)")
    parser.add_argument(
        "--shape", "--say", dest="steps", action="append", choices=STEPS, metavar="NAME",
        help=f"what to answer, one after the other, the last for ever: {', '.join(STEPS)}",
    )  # fmt: skip
    parsed = parser.parse_args(arguments)
    with Service(parsed.steps or "2026-10", port=parsed.port) as service:
        print(
            f"{service.base}{USAGE} answers {' then '.join(parsed.steps or ['2026-10'])}. Ctrl-C ends it.", flush=True
        )
        count = 0
        try:
            while not service.closing.wait(0.2):
                for seen in service.seen[count:]:
                    token = "with a token" if seen.has_token else "without a token"
                    print(f"{datetime.now(UTC):%H:%M:%S} {seen.path} {token}", flush=True)
                    count += 1
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
