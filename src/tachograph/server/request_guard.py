"""The gate before everything that listens on loopback: who may ask, decided from a request's head before its body is read.

Any page that a person has open can send requests to 127.0.0.1, and a name that an attacker owns can be made to lead
there (DNS rebinding); other programs and other people of this machine can as well. The checks stand in one order, the
first that fails answers:

    Host            exactly one, an own name with our port                  421
    Origin          none, or one of ours                                    403
    Sec-Fetch-Site  none or same-origin; a link may lead to a shell         403
    the path        known (`rules` is None where it is not)                 404
    the method      one that the path takes                                 405
    the token       one that is known, compared in constant time            401
    Content-Type    application/json, where there may be a body             415
    the length      said, whole, and not above the limit; not chunked       411, 413, 400

Nothing here answers with a header that lets another origin read (`Access-Control-Allow-…`), nor may its callers.
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
    """What one path asks for.

    `digests`: SHA-256 of every token that opens it, None where it asks for none. A token comes as `Authorization:
    Bearer`, or in the cookie of the name `cookie`; one of `sessions` comes in the cookie alone. `longest`: of a body, in bytes; 0 takes none. `is_shell`: a page that
    holds no data, to which a link from anywhere may lead.
    """

    methods: frozenset[str] = frozenset({"GET", "HEAD"})
    digests: tuple[bytes, ...] | None = None
    cookie: str = ""
    longest: int = 0
    is_shell: bool = False
    sessions: tuple[bytes, ...] = ()


class Refusal(NamedTuple):
    """An HTTP status and a sentence for whoever debugs; it repeats nothing of the request."""

    status: int
    sentence: str


def refusal(method: str, headers: Headers, rules: Rules | None, *, port: int, origins: Iterable[str]) -> Refusal | None:
    """Why a request is refused, None where it may go on. `origins`: those that may be named beside none at all.

    `rules` are those of the request's path, None where there is no such path.
    """
    return (
        _host(headers, port)
        or _origin(headers, frozenset(origins))
        or _site(method, headers, rules)
        or (Refusal(404, "There is nothing here.") if rules is None else None)
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


def given_tokens(headers: Headers, cookie: str = "") -> list[str]:
    """The tokens that a request carries: at most one by its Authorization, and those in cookies of the name."""
    found = []
    said = values(headers, "authorization")
    if len(said) == 1 and said[0][:7].lower() == b"bearer ":
        found.append(said[0][7:].strip().decode("latin-1"))
    return (found + cookie_tokens(headers, cookie))[:8]


def cookie_tokens(headers: Headers, cookie: str) -> list[str]:
    """The tokens in cookies of the name."""
    found = list[str]()
    if cookie:
        pairs = (pair.partition(b"=") for value in values(headers, "cookie") for pair in value.split(b";"))
        found += [value.strip().decode("latin-1") for name, _, value in pairs if name.strip() == cookie.encode()]
    return found[:8]


def digest(token: str) -> bytes:
    """What is kept of a token: it opens nothing, and shows whether a token is the one."""
    return hashlib.sha256(token.encode()).digest()


def matching(tokens: Iterable[str], digests: Sequence[bytes]) -> int | None:
    """The index of the digest that one of the tokens has; as long at work for a wrong token as for a right one."""
    found = None
    for token in tokens:
        own = digest(token)
        for index, known in enumerate(digests):
            if hmac.compare_digest(own, known):
                found = index
    return found


def _host(headers: Headers, port: int) -> Refusal | None:
    said = values(headers, "host")
    if len(said) != 1 or said[0].lower() not in [f"{host}:{port}".encode() for host in HOSTS]:
        return Refusal(421, "This server answers to its own name and port only.")
    return None


def _origin(headers: Headers, origins: frozenset[str]) -> Refusal | None:
    said = values(headers, "origin")
    if said and (len(said) > 1 or said[0].decode("latin-1") not in origins):
        return Refusal(403, "Pages and extensions of others are not answered.")
    return None


def _site(method: str, headers: Headers, rules: Rules | None) -> Refusal | None:
    sites = values(headers, "sec-fetch-site")
    if not sites or (len(sites) == 1 and sites[0] in _OWN_SITES):
        return None
    if _is_extension(headers):  # its Origin was one of ours, and no page can name that; Firefox calls it cross-site
        return None
    if rules is not None and rules.is_shell and method == "GET" and _leads_here(headers):
        return None
    return Refusal(403, "Another site cannot ask.")


def _leads_here(headers: Headers) -> bool:
    """Whether it is a person following a link in a window of its own."""
    return values(headers, "sec-fetch-mode") == [b"navigate"] and values(headers, "sec-fetch-dest") == [b"document"]


def _is_extension(headers: Headers) -> bool:
    said = values(headers, "origin")
    return len(said) == 1 and said[0].decode("latin-1").startswith(_EXTENSIONS)


def _method(method: str, rules: Rules | None) -> Refusal | None:
    if rules is not None and method not in rules.methods:
        return Refusal(405, "That is not done here.")
    return None


def _token(headers: Headers, rules: Rules | None) -> Refusal | None:
    if rules is None or rules.digests is None:
        return None
    if matching(given_tokens(headers, rules.cookie), rules.digests) is not None:
        return None
    if matching(cookie_tokens(headers, rules.cookie), rules.sessions) is not None:
        return None
    return Refusal(401, "That needs a token.")


def _body(headers: Headers, rules: Rules | None) -> Refusal | None:
    chunked, lengths = values(headers, "transfer-encoding"), values(headers, "content-length")
    longest = 0 if rules is None else rules.longest
    if longest and values(headers, "content-type") not in ([b"application/json"], [b"application/json; charset=utf-8"]):
        return Refusal(415, "The body has to be application/json.")
    if chunked or (longest and not lengths):
        return Refusal(411, "The length of the body has to be said beforehand.")
    if len(lengths) > 1 or (lengths and not _is_number(lengths[0])):
        return Refusal(400, "The length of the body is no number.")
    if lengths and (len(lengths[0]) > 12 or int(lengths[0]) > longest):
        return Refusal(413, "The body is too long.")
    return None


def _is_number(value: bytes) -> bool:
    return bool(value) and all(character in b"0123456789" for character in value)
