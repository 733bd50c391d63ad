"""One question to a service with a person's own login, and what came of it; never more than a deadline long.

The login goes to one host over verified TLS (or to this machine, for tests), past no proxy and along no redirect, and
into no text that leaves this module. Everything that can go wrong on a network has an outcome of its own in
model.limits; only a wrong call raises.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from tachograph import __version__
from tachograph.clock import Clock
from tachograph.errors import UsageError
from tachograph.model.addresses import LOOPBACK_HOSTS
from tachograph.model.limits.limits import (
    BLOCKED,
    EXPIRED,
    FORBIDDEN,
    LIMITED,
    OFFLINE,
    OK,
    PORTAL,
    SERVER,
    SHAPE,
    TIMEOUT,
    TLS,
)

if TYPE_CHECKING:
    import http.client
    import ssl

DEADLINE_SECONDS = 20.0
LARGEST = 1 << 20  # bytes; an answer has 4 KB
LONGEST_RETRY_SECONDS = 86_400
_CHALLENGES = (b"Just a moment", b"challenge-platform", b"cf-chl", b"cf_chl", b"Attention Required! | Cloudflare")


class HttpAnswer(NamedTuple):
    """`payload` only with OK; `problem` in plain words otherwise. `retry_after_seconds` as the service asked, at most
    a day, None where it did not say."""

    outcome: str
    payload: object = None
    retry_after_seconds: int | None = None
    problem: str = ""


# Host, port and the seconds that are left -> a connected socket.
Opener = Callable[[str, int, Callable[[], float]], socket.socket]


def connect(host: str, port: int, left: Callable[[], float]) -> socket.socket:
    """A connection to the first address that answers; no address may eat the time of all the others."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    trouble: OSError = OSError("no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        plug = None
        try:
            plug = socket.socket(family, kind, protocol)  # fails where the system has no IPv6
            plug.settimeout(left() / (len(addresses) - index))
            plug.connect(address)
            return plug
        except OSError as error:
            if plug is not None:
                plug.close()
            trouble = error
    raise trouble


class Login(Protocol):
    """Credentials of a request. Headers are requested at the moment of sending and never stored."""

    def headers(self) -> Mapping[str, str]: ...


def ask(
    login: Login,
    service: str,
    base: str,
    path: str,
    deadline_seconds: float = DEADLINE_SECONDS,
    open: Opener = connect,
    clock: Clock | None = None,
) -> HttpAnswer:
    """Ask once. UsageError, before anything is sent, for a base that is neither the service nor this machine."""
    exchange = _Exchange(login, _parse_target(service, base, path), open, clock or Clock(), deadline_seconds)
    thread = threading.Thread(target=exchange.run, name="usage-question", daemon=True)
    thread.start()
    thread.join(deadline_seconds)
    if exchange.answer is None:  # a name server, a handshake or a trickle outlasts every timeout of a socket
        exchange.abandon()
        return HttpAnswer(TIMEOUT, problem=f"no whole answer within {deadline_seconds:g} s")
    return exchange.answer


class _Target(NamedTuple):
    host: str
    port: int
    is_secure: bool
    authority: str
    path: str


def _parse_target(service: str, base: str, path: str) -> _Target:
    own = urlsplit(service).hostname
    try:
        parts = urlsplit(base)
        host, port, scheme = parts.hostname or "", parts.port, parts.scheme
    except ValueError:
        host, port, scheme, parts = "", None, "", urlsplit("")
    is_service = scheme == "https" and host == own and port in (None, 443)
    is_here = scheme in ("http", "https") and host in LOOPBACK_HOSTS
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if not (is_service or is_here) or not is_plain:
        raise UsageError(f"The usage of a plan is asked of {own} only.", "A login is never sent to any other address.")
    if not re.fullmatch(r"/[A-Za-z0-9_\-./?=&%]*", path):
        raise UsageError("That is not a path of the service.")
    return _Target(host, port or (443 if scheme == "https" else 80), scheme == "https", parts.netloc, path)


class _Exchange:
    """A request in a thread of its own, which can be abandoned, so that a network never blocks the caller."""

    def __init__(self, login: Login, target: _Target, open: Opener, clock: Clock, deadline_seconds: float) -> None:
        self.answer: HttpAnswer | None = None
        self._login, self._target, self._open, self._clock = login, target, open, clock
        self._monotonic = Clock().monotonic  # a network keeps real time, whatever `clock` says
        self._end = self._monotonic() + deadline_seconds
        self._plug: socket.socket | None = None
        self._is_abandoned = False

    def run(self) -> None:
        try:
            answer = self._send()
        except Exception as error:  # noqa: BLE001 - a traceback of this thread could hold the login: words go out, no more
            answer = _failure(error, self._target.host)
        finally:
            if self._plug is not None:
                self._plug.close()
        self.answer = answer

    def abandon(self) -> None:
        """Close the connection under the thread, so that it ends and releases the token."""
        self._is_abandoned = True
        if (plug := self._plug) is not None:
            try:
                plug.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def _left(self) -> float:
        left = self._end - self._monotonic()
        if left <= 0 or self._is_abandoned:
            raise TimeoutError
        return left

    def _send(self) -> HttpAnswer:
        import http.client  # here, for a status line or a report never asks

        target = self._target
        wire = self._open(target.host, target.port, self._left)
        try:
            self._plug = wire.dup()  # a second handle of the same connection: TLS takes the first one over
            wire.settimeout(self._left())
            if target.is_secure:
                wire = _tls_context().wrap_socket(wire, server_hostname=target.host)
            connection = http.client.HTTPConnection(target.host, target.port)
            connection.sock = wire
            wire.settimeout(self._left())
            connection.request("GET", target.path, headers=self._headers())
            wire.settimeout(self._left())
            with connection.getresponse() as response:
                body = self._body(wire, response)
                headers = {name.lower(): value for name, value in response.getheaders()}
                return classify(response.status, headers, body, self._clock)
        finally:
            wire.close()

    def _headers(self) -> dict[str, str]:
        return {
            "Host": self._target.authority,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"tachograph/{__version__}",
            "Connection": "close",
            **self._login.headers(),
        }

    def _body(self, wire: socket.socket, response: "http.client.HTTPResponse") -> bytes:
        """At most one byte more than we take; ConnectionError where it ends before its announced length."""
        body = bytearray()
        while len(body) <= LARGEST:
            wire.settimeout(self._left())
            part = response.read1(min(65536, LARGEST + 1 - len(body)))
            if not part:
                if response.length:
                    raise ConnectionError
                break
            body += part
        return bytes(body)


def _tls_context() -> "ssl.SSLContext":
    """Verified TLS as Python does it, but for `SSLKEYLOGFILE`: no variable makes us write down a connection's keys."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    return context


def classify(status: int, headers: Mapping[str, str], body: bytes, clock: Clock) -> HttpAnswer:
    """The Answer in a whole HTTP answer; header names in lower case."""
    kind = headers.get("content-type", "").lower()
    is_page = "html" in kind or body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    if headers.get("cf-mitigated", "").lower() == "challenge" or (is_page and any(c in body for c in _CHALLENGES)):
        return HttpAnswer(
            BLOCKED, problem="a challenge page stands before the service: blocked for now, not signed out"
        )
    if status == 429:
        retry = retry_after_seconds(headers.get("retry-after"), headers.get("date"), clock)
        return HttpAnswer(LIMITED, None, retry, "asked too often (429)")
    if 300 <= status < 400:
        return HttpAnswer(PORTAL, problem=f"redirected elsewhere ({status}); a login is sent along no redirect")
    if status in (407, 511):
        return HttpAnswer(PORTAL, problem=f"a network in between wants a sign-in of its own ({status})")
    if status >= 500:
        retry = retry_after_seconds(headers.get("retry-after"), headers.get("date"), clock)
        return HttpAnswer(SERVER, None, retry, f"the service has trouble of its own ({status})")
    if is_page:
        return HttpAnswer(PORTAL, problem=f"a web page came instead of the service's answer ({status})")
    if status == 401:
        return HttpAnswer(EXPIRED, problem="the service takes this sign-in no longer (401)")
    if status == 403:
        return HttpAnswer(FORBIDDEN, problem="this login may not read usage (403)")
    if status != 200:
        return HttpAnswer(SHAPE, problem=f"an answer that we do not know ({status})")
    return _decode(headers, kind, body)


def _decode(headers: Mapping[str, str], kind: str, body: bytes) -> HttpAnswer:
    """The payload of a 200."""
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        return HttpAnswer(SHAPE, problem="a compressed answer, though none was asked for: not unpacked")
    if len(body) > LARGEST:
        return HttpAnswer(SHAPE, problem=f"an answer of more than {LARGEST >> 20} MiB: not read on")
    if "json" not in kind:
        return HttpAnswer(PORTAL, problem="something else than JSON came instead of the service's answer")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        return HttpAnswer(SHAPE, problem="the answer is no JSON object")
    return HttpAnswer(OK, payload)


def retry_after_seconds(value: str | None, date: str | None, clock: Clock) -> int | None:
    """Seconds of a `Retry-After` header (a number or an HTTP date), 0 to a day; None if it is missing or invalid.

    A date is taken relative to the answer's own `Date`, so that a wrong clock here does not matter.
    """
    value = (value or "").strip()
    if re.fullmatch(r"\d{1,18}(\.\d{1,9})?", value, re.ASCII):
        return min(ceil(float(value)), LONGEST_RETRY_SECONDS)
    until = _http_date(value)
    if until is None:
        return None
    since = _http_date(date or "")
    return min(max(0, round(until - (clock.now_ms() / 1000 if since is None else since))), LONGEST_RETRY_SECONDS)


def _http_date(value: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _failure(error: Exception, host: str) -> HttpAnswer:
    """The outcome of a lower exception, in our own words: its text could repeat the request."""
    import http.client
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return HttpAnswer(TLS, problem=_certificate_words(error.verify_code, host))
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return HttpAnswer(TLS, problem="the encrypted connection was broken off while it was set up")
    if isinstance(error, TimeoutError):
        return HttpAnswer(TIMEOUT, problem="the service did not answer in time")
    if isinstance(error, ssl.SSLError):
        return HttpAnswer(
            TLS, problem="no encrypted connection could be made: something in between speaks another protocol"
        )
    if isinstance(error, socket.gaierror):
        return HttpAnswer(OFFLINE, problem=f"no address for {host}: no network, or its name server does not answer")
    if isinstance(error, ConnectionRefusedError):
        return HttpAnswer(OFFLINE, problem=f"{host} refuses the connection")
    if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead | ConnectionError):
        return HttpAnswer(OFFLINE, problem="the connection broke off")
    if isinstance(error, http.client.HTTPException):
        return HttpAnswer(PORTAL, problem="an answer that is no proper HTTP")
    if isinstance(error, OSError):
        return HttpAnswer(OFFLINE, problem=f"no way to {host}: {error.strerror or type(error).__name__}")
    return HttpAnswer(SHAPE, problem=f"the answer could not be read ({type(error).__name__})")


def _certificate_words(code: int, host: str) -> str:
    """A certificate problem in words, from OpenSSL's code (X509_V_ERR_*)."""
    clock = "or this computer's clock is wrong"
    if code == 9:
        return f"the certificate of {host} is not valid yet, {clock}"
    if code == 10:
        return f"the certificate of {host} has expired, {clock}"
    if code in (62, 64):
        return f"the certificate is for another name than {host}"
    if code in (18, 19, 20, 21):
        return f"the certificate of {host} is not from an issuer that this computer trusts: a program or network that reads along, or no root certificates"
    return f"the certificate of {host} cannot be verified (code {code})"
