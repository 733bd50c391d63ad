"""The part of a hub that browsers see: sign-in, sessions, and the team's pages, which are handed in.

A session is a cookie of this host alone (HttpOnly, SameSite=Strict; Secure behind TLS), opened by a code that works once.
With a proxy that signs people in, a header names the member, and counts only beside the secret that the proxy shares.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from tachograph.hub.api import Response
from tachograph.hub.store import Member
from tachograph.hub.team.api import SESSION_MS, TeamApi
from tachograph.server.request_guard import Headers, Rules, cookie_tokens, values

COOKIE = "tachograph_team"
PROXY_SECRET = "x-tachograph-proxy"  # noqa: S105 - the name of a header
SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
_SMALL = 4_096
_GET, _POST = frozenset({"GET"}), frozenset({"POST"})


class Raw(NamedTuple):
    """An answer that is no JSON of the hub's, or that has headers of its own."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pages(Protocol):
    """The pages (`ui/dashboard/team/app.py`). Each answer has a status, headers and a body."""

    def is_page(self, path: str) -> bool: ...

    def file(self, path: str, query: Mapping[str, str]) -> Any: ...

    def sign_in(self, problem: str = "") -> Any: ...

    def page(self, path: str, query: Mapping[str, str], name: str, ask: Callable[..., dict[str, Any]]) -> Any: ...


class ProxySignIn(NamedTuple):
    """Sign-in by a proxy: the header with the member's name, and the secret that it shares with the hub."""

    header: str
    secret: str


class Site:
    """Requests of browsers. Used by one thread at a time."""

    def __init__(self, team: TeamApi, pages: Pages, is_secure: bool, proxy: ProxySignIn | None = None) -> None:
        self._team, self._pages, self._is_secure, self._proxy = team, pages, is_secure, proxy

    def rules(self, method: str, path: str) -> Rules | None:
        """The requirements of a path; None for an unknown one."""
        if path in (SIGN_IN, SIGN_OUT) and method == "POST":
            return Rules(_POST, longest=_SMALL)
        if path.startswith("/static/"):
            return Rules(_GET)
        return Rules(_GET, is_shell=True) if self._pages.is_page(path) else None

    def viewer(self, headers: Headers) -> Member | None:
        """The member who is signed in, by a session or by the proxy."""
        for secret in cookie_tokens(headers, COOKIE):
            member = self._team.member_of(secret)
            if member is not None:
                return member
        if self._proxy is None:
            return None
        given, names = values(headers, PROXY_SECRET), values(headers, self._proxy.header)
        if len(given) != 1 or len(names) != 1 or not hmac.compare_digest(given[0], self._proxy.secret.encode()):
            return None
        return self._team.member_named(names[0].decode("utf-8", "replace"))

    def answer(self, method: str, path: str, query: Mapping[str, str], headers: Headers, document: Any) -> Raw:
        """The answer to a browser."""
        if path == SIGN_IN and method == "POST":
            return self._sign_in(document)
        if path == SIGN_OUT:
            for secret in cookie_tokens(headers, COOKIE):
                self._team.sign_out(secret)
            return _json(200, {}, self._cookie("", 0))
        if path.startswith("/static/"):
            return Raw(*self._pages.file(path, query))
        viewer = None if path == SIGN_IN else self.viewer(headers)
        if viewer is None:
            return Raw(*self._pages.sign_in())

        def ask(name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
            reply: Response = self._team.answer("GET", name, viewer, dict(parameters), {})
            return reply.body

        return Raw(*self._pages.page(path, query, viewer.name, ask))

    def _sign_in(self, document: Any) -> Raw:
        code = document.get("code") if isinstance(document, dict) else None
        secret = self._team.sign_in(code) if isinstance(code, str) else None
        if secret is None:
            return _json(403, {"error": "That link was used or is too old."}, "")
        return _json(200, {}, self._cookie(secret, SESSION_MS // 1000))

    def _cookie(self, secret: str, seconds: int) -> str:
        secure = "; Secure" if self._is_secure else ""
        return f"{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"


def _json(status: int, body: Mapping[str, Any], cookie: str) -> Raw:
    headers = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Raw(status, headers | ({"set-cookie": cookie} if cookie else {}), json.dumps(body).encode())
