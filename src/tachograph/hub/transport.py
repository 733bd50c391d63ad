"""The way to a hub over HTTP: one request at a time, with the machine's token, to that one address only.

Never through a proxy, never after a redirect, and in the clear only to this computer. The token appears in no text.
"""

import http.client
import json
import socket
import ssl
import zlib
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tachograph.errors import UsageError
from tachograph.hub import wire
from tachograph.model.addresses import LOOPBACK_HOSTS

SECONDS = 20.0
MAX_ANSWER = 64 << 20


class Answer(NamedTuple):
    """`status` 0: no answer; `problem` then says why, without an end mark."""

    status: int
    body: dict[str, Any]
    problem: str = ""

    @property
    def is_ok(self) -> bool:
        return self.status == 200


class Target(NamedTuple):
    host: str
    port: int
    is_secure: bool
    path: str


def parse_target(url: str) -> Target:
    """The parts of a hub's address. Raises UsageError for an invalid one, or one that would send a token in the clear."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"{url!r} is not the address of a hub.", "Use the address that `tachograph hub invite` printed."
        )
    if parts.scheme == "http" and host not in LOOPBACK_HOSTS:
        raise UsageError(
            f"{url} would send everything in the clear.", "Use https:// (a certificate, or a proxy before the hub)."
        )
    is_secure = parts.scheme == "https"
    return Target(host, port or (443 if is_secure else 80), is_secure, parts.path.rstrip("/"))


class HttpTransport:
    """Requests to one hub. `certificate`: a file with the certificate of the hub, for one that no authority signed."""

    def __init__(self, url: str, token: str, certificate: str = "", seconds: float = SECONDS) -> None:
        """Raises UsageError for an address that may not be used."""
        self._target, self._token, self._certificate, self._seconds = parse_target(url), token, certificate, seconds
        self._connection: http.client.HTTPConnection | None = None

    def join(self, code: str, name: str, share: str, key_check: str) -> Answer:
        """Exchange the code of an invitation for a token."""
        return self.request("POST", "join", {"code": code, "name": name, "share": share, "key_check": key_check})

    def push(self, packed: bytes) -> Answer:
        """Send a parcel (`wire.pack`)."""
        return self.request("POST", "push", packed)

    def mine(self, after: int) -> Answer:
        """Facts of the person's other machines after a number."""
        return self.request("GET", f"mine?after={after}&format={wire.FORMAT}")

    def request(self, method: str, name: str, document: dict[str, Any] | bytes | None = None) -> Answer:
        """One request with a document, or with one that is packed already. `name`: of a route below /hub/1/, or a path.

        Never raises: a failure on the way is an answer with status 0.
        """
        headers = {"Accept-Encoding": "gzip"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        body = None
        if document is not None:
            body = document if isinstance(document, bytes) else wire.pack(document)
            headers |= {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        try:
            try:
                return self._exchange(method, name, body, headers)
            except (
                http.client.RemoteDisconnected,
                BrokenPipeError,
                ConnectionResetError,
                http.client.CannotSendRequest,
            ):
                self.close()  # it was kept open for too long
                return self._exchange(method, name, body, headers)
        except ssl.SSLCertVerificationError as error:
            self.close()
            return Answer(0, {}, f"the certificate of {self._target.host} can't be trusted: {error.verify_message}")
        except ssl.SSLError as error:
            self.close()
            return Answer(0, {}, f"no secure connection to {self._target.host}: {error.reason or 'TLS failed'}")
        except TimeoutError:
            self.close()
            return Answer(0, {}, f"{self._target.host} did not answer within {self._seconds:g} s")
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            self.close()
            reason = getattr(error, "strerror", None) or type(error).__name__
            return Answer(0, {}, f"{self._target.host}:{self._target.port} can't be reached ({reason})")

    def _exchange(self, method: str, name: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request(
            method, f"{self._target.path}{name if name.startswith('/') else wire.PATH + name}", body, headers
        )
        response = self._connection.getresponse()
        data = response.read(MAX_ANSWER)
        if response.getheader("Content-Encoding") == "gzip":
            data = zlib.decompressobj(31).decompress(data, MAX_ANSWER)
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            return Answer(0, {}, f"{self._target.host} is not a hub (status {response.status})")
        return Answer(response.status, found, str(found.get("error", ""))[:200])

    def _connect(self) -> http.client.HTTPConnection:
        target = self._target
        if not target.is_secure:
            return http.client.HTTPConnection(target.host, target.port, timeout=self._seconds)
        context = ssl.create_default_context(cafile=self._certificate or None)
        return http.client.HTTPSConnection(target.host, target.port, timeout=self._seconds, context=context)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def local_name() -> str:
    """A name for this machine."""
    return socket.gethostname().partition(".")[0][:40] or "machine"
