"""Parcels at the levels `names` and `counts`: the facts as the hub may read them, and one sealed text with the rest of all.

The text is encrypted under the person's key, which the hub never has. Of a message it leaves out what the hub reads
anyway, so a message needs few bytes more than at `mine`. Each fact carries a mark, a keyed checksum of the whole fact:
by it the hub recognizes a fact that it has, and a machine one that was changed on the way.
"""

import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple

from tachograph.hub.columns import from_columns, to_columns
from tachograph.hub.sharing import PersonKey, open_part
from tachograph.hub.wire import SharedFact
from tachograph.ledger.exchange.facts import Fact
from tachograph.model.usage.messages import NO_TIME


class SealedParcel(NamedTuple):
    """Facts with their marks, and the rest of them, encrypted and as base64."""

    facts: list[SharedFact]
    sealed: str


def seal(facts: Sequence[Fact], level: str, key: PersonKey) -> SealedParcel:
    """Facts exactly as they leave this machine. Raises TachographError without the package `cryptography`."""
    shared, rests = list[SharedFact](), list[list[Any]]()
    for fact in facts:
        body = open_part(fact, level, key)
        if fact.kind == "message":  # the hub reads its identity anyway
            name, rest = fact.key, ["message", "", _rest(fact.body)]
        else:
            name, rest = key.name(fact.kind, fact.key), [fact.kind, fact.key, fact.body]
        shared.append(SharedFact(fact.kind, name, fact.revision, body, key.mark(fact.kind, fact.key, fact.body)))
        rests.append(rest)
    return SealedParcel(shared, key.seal_text(to_columns(rests)))


def unseal(sealed: str, key: PersonKey) -> list[Any]:
    """Open the sealed text of a parcel: the private part of each fact, in order. Raises ValueError for a wrong key or a changed text."""
    return from_columns(key.open_text(sealed))


def join(shared: SharedFact, rest: Any, key: PersonKey) -> Fact:
    """The whole fact again. Raises ValueError for parts that don't belong together."""
    try:
        kind, name, body = rest
        if kind == "message":
            name, body = shared.key, _whole(shared.body, body)
        fact = Fact(kind, name, shared.revision, body)
        is_right = hmac.compare_digest(key.mark(kind, name, body), shared.sealed)
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("not a sealed fact") from error
    if not is_right or kind != shared.kind:
        raise ValueError("changed on the way")
    return fact


def _rest(body: Any) -> list[Any]:
    """The part of a message that the hub may not read; times as differences, which need fewer bytes."""
    _, at, counts, logged, (output, _, origin), sessions, trace = body
    times = [None if time == NO_TIME else time - (0 if at == NO_TIME else at) for time in trace[:2]]
    return [output + counts[1], min(logged, 0), origin[3:], sessions, times, trace[2:]]


def _whole(shared: Any, rest: Any) -> list[Any]:
    output, logged, origin, sessions, times, trace = rest
    at = NO_TIME if shared["at"] is None else shared["at"]
    since = 0 if shared["at"] is None else at
    chosen = NO_TIME if shared["chosen"] is None else shared["chosen"]
    choice = [output - shared["counts"][1], chosen, [shared["model"], shared["speed"], shared["geo"], *origin]]
    whole_times = [NO_TIME if time is None else since + time for time in times]
    cost = logged if shared["cost"] is None else shared["cost"]
    return [shared["id"], at, shared["counts"], cost, choice, sessions, [*whole_times, *trace]]
