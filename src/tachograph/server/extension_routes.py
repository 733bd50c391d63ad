"""The paths at which the browser extension speaks to the recorder, each behind the gate (guard.py).

    POST /v1/pair/hello  {nonce}              -> {proof}           while a code is shown
    POST /v1/pair        {nonce, proof, …}    -> {pairing, token}  once for each code
    POST /v1/hello       {pairing, nonce}     -> {proof}           before every post: the browser sees who listens
    POST /v1/readings    with the token       -> {kept}

Nothing is read by GET, nothing is deleted, and no answer says more than the client has to know.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from tachograph.server.http_server import Answer, Head
from tachograph.server.request_guard import Rules, given_tokens, matching, refusal, values

SMALL, READINGS = 2048, 64 * 1024
_POST = frozenset({"POST"})


class Known(NamedTuple):
    """Who may come: the names, digests and origins of the paired browsers, place by place, and whether a code is shown."""

    names: tuple[str, ...] = ()
    digests: tuple[bytes, ...] = ()
    origins: tuple[str, ...] = ()
    is_pairing: bool = False


class Desk(Protocol):
    """What recorder/extension_readings.py does with what was let through; each returns a status and a body."""

    def prove_pairing(self, body: bytes) -> tuple[int, dict[str, Any]]: ...

    def prove_code(self, body: bytes) -> tuple[int, dict[str, Any]]: ...

    def pair(self, body: bytes, origin: str) -> tuple[int, dict[str, Any]]: ...

    def receive(self, name: str, body: bytes) -> tuple[int, dict[str, Any]]: ...


class Routes:
    """A listener's route. `known` is set by whoever keeps it up to date."""

    def __init__(self, desk: Desk, may_pair: Callable[[str], bool]) -> None:
        self._desk, self._may_pair = desk, may_pair
        self.known = Known()
        self.port = 0

    def __call__(self, head: Head) -> Answer | Callable[[bytes], Answer]:
        known = self.known
        origin = next((value.decode("latin-1") for value in values(head.headers, "origin")), "")
        origins = set(known.origins)
        if known.is_pairing and self._may_pair(origin):
            origins.add(origin)
        refused = refusal(head.method, head.headers, self._rules(known).get(head.path), port=self.port, origins=origins)
        if refused is not None:
            return Answer(refused.status, {"error": refused.sentence})
        return self._handler(head, known, origin)

    def _rules(self, known: Known) -> Mapping[str, Rules]:
        small = Rules(_POST, longest=SMALL)
        made = {"/v1/hello": small, "/v1/readings": Rules(_POST, known.digests, longest=READINGS)}
        return made | {"/v1/pair/hello": small, "/v1/pair": small} if known.is_pairing else made

    def _handler(self, head: Head, known: Known, origin: str) -> Callable[[bytes], Answer]:
        desk = self._desk
        if head.path == "/v1/hello":
            return lambda body: Answer(*desk.prove_pairing(body))
        if head.path == "/v1/pair/hello":
            return lambda body: Answer(*desk.prove_code(body))
        if head.path == "/v1/pair":
            return lambda body: Answer(*desk.pair(body, origin))
        place = matching(given_tokens(head.headers), known.digests)
        if place is None or (origin and origin != known.origins[place]):  # another browser's token
            return lambda body: Answer(401, {"error": "That needs a token."})
        return lambda body: Answer(*desk.receive(known.names[place], body))
