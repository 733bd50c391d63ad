"""The gate of everything that listens on loopback. It decides from the head of a request, before its body is read.

Any open web page can send requests to 127.0.0.1, an attacker's host name can resolve to it (DNS rebinding), and other
programs and users of this machine can connect. The checks run in one order, and the first that fails answers:

    Host            exactly one, an own name with our port                  421
    Origin          none, or one of ours                                    403
    Sec-Fetch-Site  none or same-origin; a link may lead to a shell         403
    the path        known (`rules` is None if it is not)                    404
    the method      one that the path takes                                 405
    the token       a known one, compared in constant time                  401
    Content-Type    application/json, if there may be a body                415
    the length      present, whole, and within the limit; not chunked       411, 413, 400

No answer carries a header that lets another origin read it (`Access-Control-Allow-…`); callers must not add one.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Headers = Sequence[tuple[bytes, bytes]]  # as they came: repeated, in any case

HOSTS = ("127.0.0.1", "localhost", "[::1]")
_OWN_SITES = (b"none", b"same-origin")
_EXTENSIONS = ("chrome-extension://", "moz-extension://")


class Rules(NamedTuple):
    """Requirements of one path.

    `digests`: SHA-256 of every token that opens it as `Authorization: Bearer`; None if it needs none. `is_signed_in`: the
    request carries both secrets of a session, which opens a path with digests as well. `longest`: of a body, in bytes; 0
    takes none. `is_shell`: a page without data, which a link from anywhere may open.
    """

    methods: frozenset[str] = frozenset({"GET", "HEAD"})
    digests: tuple[bytes, ...] | None = None
    longest: int = 0
    is_shell: bool = False
    is_signed_in: bool = False


class Refusal(NamedTuple):
    """An HTTP status and a sentence for debugging; it repeats nothing of the request."""

    status: int
    sentence: str


def refusal(method: str, headers: Headers, rules: Rules | None, *, port: int, origins: Iterable[str]) -> Refusal | None:
    """The refusal of a request, None if it may go on. `origins`: the allowed values of Origin, beside a missing one.

    `rules` belong to the request's path; None for an unknown path.
    """
    return (
        _host(headers, port)
        or _origin(headers, frozenset(origins))
        or _site(method, headers, rules)
        or (Refusal(404, "There is no such page.") if rules is None else None)
        or _method(method, rules)
        or _token(headers, rules)
        or _body(headers, rules)
    )


def own_origins(port: int) -> tuple[str, ...]:
    """The origins of pages that a server on this port serves itself."""
    return tuple(f"http://{host}:{port}" for host in HOSTS)


def values(headers: Headers, name: str) -> list[bytes]:
    """Every value of a header, as it came."""
    wanted = name.lower().encode()
    return [value.strip() for key, value in headers if key.lower() == wanted]


def bearer_tokens(headers: Headers) -> list[str]:
    """The token in the Authorization header, if there is exactly one."""
    given = values(headers, "authorization")
    return [given[0][7:].strip().decode("latin-1")] if len(given) == 1 and given[0][:7].lower() == b"bearer " else []


def cookie_tokens(headers: Headers, cookie: str) -> list[str]:
    """The tokens in cookies of the name."""
    found = list[str]()
    if cookie:
        pairs = (pair.partition(b"=") for value in values(headers, "cookie") for pair in value.split(b";"))
        found += [value.strip().decode("latin-1") for name, _, value in pairs if name.strip() == cookie.encode()]
    return found[:8]


def digest(token: str) -> bytes:
    """A digest to store instead of a token: it opens nothing, and recognizes the token."""
    return hashlib.sha256(token.encode()).digest()


def matching(tokens: Iterable[str], digests: Sequence[bytes]) -> int | None:
    """The index of the digest of one of the tokens, in constant time."""
    found = None
    for token in tokens:
        own = digest(token)
        for index, known in enumerate(digests):
            if hmac.compare_digest(own, known):
                found = index
    return found


def _host(headers: Headers, port: int) -> Refusal | None:
    given = values(headers, "host")
    if len(given) != 1 or given[0].lower() not in [f"{host}:{port}".encode() for host in HOSTS]:
        return Refusal(421, "This server answers to its own name and port only.")
    return None


def _origin(headers: Headers, origins: frozenset[str]) -> Refusal | None:
    given = values(headers, "origin")
    if given and (len(given) > 1 or given[0].decode("latin-1") not in origins):
        return Refusal(403, "Requests of other pages and extensions are refused.")
    return None


def _site(method: str, headers: Headers, rules: Rules | None) -> Refusal | None:
    sites = values(headers, "sec-fetch-site")
    if not sites or (len(sites) == 1 and sites[0] in _OWN_SITES):
        return None
    if _is_extension(headers):  # its Origin was one of ours, and no page can name that; Firefox calls it cross-site
        return None
    if rules is not None and rules.is_shell and method == "GET" and _leads_here(headers):
        return None
    return Refusal(403, "Requests of other sites are refused.")


def _leads_here(headers: Headers) -> bool:
    """True for a person who follows a link in a window."""
    return values(headers, "sec-fetch-mode") == [b"navigate"] and values(headers, "sec-fetch-dest") == [b"document"]


def _is_extension(headers: Headers) -> bool:
    given = values(headers, "origin")
    return len(given) == 1 and given[0].decode("latin-1").startswith(_EXTENSIONS)


def _method(method: str, rules: Rules | None) -> Refusal | None:
    if rules is not None and method not in rules.methods:
        return Refusal(405, "This address does not take that method.")
    return None


def _token(headers: Headers, rules: Rules | None) -> Refusal | None:
    if rules is None or rules.digests is None:
        return None
    if rules.is_signed_in or matching(bearer_tokens(headers), rules.digests) is not None:
        return None
    return Refusal(401, "This address needs a sign-in or a token: run `tachograph dashboard`.")


def _body(headers: Headers, rules: Rules | None) -> Refusal | None:
    chunked, lengths = values(headers, "transfer-encoding"), values(headers, "content-length")
    longest = 0 if rules is None else rules.longest
    if longest and values(headers, "content-type") not in ([b"application/json"], [b"application/json; charset=utf-8"]):
        return Refusal(415, "The body must be application/json.")
    if chunked or (longest and not lengths):
        return Refusal(411, "Content-Length is missing.")
    if len(lengths) > 1 or (lengths and not _is_number(lengths[0])):
        return Refusal(400, "Content-Length is not a number.")
    if lengths and (len(lengths[0]) > 12 or int(lengths[0]) > longest):
        return Refusal(413, "The body is too long.")
    return None


def _is_number(value: bytes) -> bool:
    return bool(value) and all(character in b"0123456789" for character in value)
