"""Paths of the bridge, at which the browser extension talks to the recorder; each is behind the gate (request_guard.py).

    POST /v1/pair/hello  {nonce}              -> {proof}           while a code is shown
    POST /v1/pair        {nonce, proof, …}    -> {pairing, token}  once per code
    POST /v1/hello       {pairing, nonce}     -> {proof}           before every post: the recorder proves itself
    POST /v1/readings    with the token       -> {kept}

Nothing can be read by GET or deleted, and no answer says more than the client needs.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from tachograph.server.http_server import Answer, Head
from tachograph.server.request_guard import Rules, bearer_tokens, matching, refusal, values

SMALL, READINGS = 2048, 64 * 1024
_POST = frozenset({"POST"})


class Pairings(NamedTuple):
    """Names, digests and origins of the paired browsers, in the same order; `is_pairing` while a code is shown."""

    names: tuple[str, ...] = ()
    digests: tuple[bytes, ...] = ()
    origins: tuple[str, ...] = ()
    is_pairing: bool = False


class Inbox(Protocol):
    """The receiver of accepted requests (recorder/extension_readings.py); each method returns a status and a body."""

    def prove_pairing(self, body: bytes) -> tuple[int, dict[str, Any]]: ...

    def prove_code(self, body: bytes) -> tuple[int, dict[str, Any]]: ...

    def pair(self, body: bytes, origin: str) -> tuple[int, dict[str, Any]]: ...

    def receive(self, name: str, body: bytes) -> tuple[int, dict[str, Any]]: ...


class Routes:
    """The route of the server. Its owner keeps `pairings` up to date."""

    def __init__(self, inbox: Inbox, may_pair: Callable[[str], bool]) -> None:
        self._inbox, self._may_pair = inbox, may_pair
        self.pairings = Pairings()
        self.port = 0

    def __call__(self, head: Head) -> Answer | Callable[[bytes], Answer]:
        pairings = self.pairings
        origin = next((value.decode("latin-1") for value in values(head.headers, "origin")), "")
        origins = set(pairings.origins)
        if pairings.is_pairing and self._may_pair(origin):
            origins.add(origin)
        refused = refusal(
            head.method, head.headers, self._rules(pairings).get(head.path), port=self.port, origins=origins
        )
        if refused is not None:
            return Answer(refused.status, {"error": refused.sentence})
        return self._handler(head, pairings, origin)

    def _rules(self, pairings: Pairings) -> Mapping[str, Rules]:
        small = Rules(_POST, longest=SMALL)
        made = {"/v1/hello": small, "/v1/readings": Rules(_POST, pairings.digests, longest=READINGS)}
        return made | {"/v1/pair/hello": small, "/v1/pair": small} if pairings.is_pairing else made

    def _handler(self, head: Head, pairings: Pairings, origin: str) -> Callable[[bytes], Answer]:
        inbox = self._inbox
        if head.path == "/v1/hello":
            return lambda body: Answer(*inbox.prove_pairing(body))
        if head.path == "/v1/pair/hello":
            return lambda body: Answer(*inbox.prove_code(body))
        if head.path == "/v1/pair":
            return lambda body: Answer(*inbox.pair(body, origin))
        index = matching(bearer_tokens(head.headers), pairings.digests)
        if index is None or (origin and origin != pairings.origins[index]):  # another browser's token
            return lambda body: Answer(401, {"error": "This address needs the token of a paired browser."})
        return lambda body: Answer(*inbox.receive(pairings.names[index], body))
