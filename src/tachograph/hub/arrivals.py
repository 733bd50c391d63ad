"""Facts that arrived from the person's other machines, made whole again and written into the ledger."""

from typing import Any, NamedTuple

from tachograph.hub import parcels, wire
from tachograph.hub.columns import from_columns
from tachograph.hub.folder import Newest, Parcel
from tachograph.hub.sharing import PersonKey, incoming
from tachograph.ledger.exchange import apply as applying
from tachograph.ledger.exchange import tracking
from tachograph.ledger.exchange.facts import Fact
from tachograph.ledger.storage.connection import Ledger

AT_ONCE = 2_000  # facts in a transaction


class Arrived(NamedTuple):
    """A fact as it came, and its rest: the unsealed parcel and a place in that; None for a fact on its own."""

    value: Any
    sealed: tuple[list[Any], int] | None


def of_answer(body: dict[str, Any], key: PersonKey) -> list[Arrived]:
    """The facts of a hub's answer. Raises Malformed."""
    facts = from_columns(body["facts"]) if body.get("facts") else []
    rests = {int(id): _unseal(sealed, key) for id, sealed in body.get("parcels", {}).items()}
    places = body.get("places") or [(0, 0)] * len(facts)
    return [
        Arrived(fact, (rests.get(parcel, []), place) if parcel else None)
        for fact, (parcel, place) in zip(facts, places, strict=True)
    ]


def of_folder(parcel: Parcel, newest: Newest, key: PersonKey) -> list[Arrived]:
    """Return the facts of a parcel in a shared folder, except those that a later parcel replaced."""
    rests = _unseal(parcel.sealed, key) if parcel.sealed else []
    return [
        Arrived(value, (rests, place) if parcel.sealed else None)
        for place, value in enumerate(parcel.facts)
        if newest.accept(parcel, value)
    ]


def write(
    ledger: Ledger, machine: str, arrived: list[Arrived], skews: dict[str, int], key: PersonKey, now_ms: int
) -> int:
    """Write facts of other machines; returns how many. Those that can't be understood are counted. Raises LedgerError."""
    facts, bad = list[Fact](), 0
    for one in arrived:
        try:
            facts.append(_whole(one, key))
        except (ValueError, IndexError):
            bad += 1
    written = 0
    for start in range(0, len(facts), AT_ONCE):
        done = applying.apply(ledger, machine, facts[start : start + AT_ONCE], skews, now_ms)
        written += done.written
        bad += sum(done.problems.values())
    if bad:
        with ledger.transaction() as db:
            tracking.set_state(db, "not_understood", tracking.get_state(db, "not_understood", 0) + bad)
    return written


def _whole(arrived: Arrived, key: PersonKey) -> Fact:
    """Raises ValueError, IndexError for a fact that can't be understood."""
    shared = wire.parse_fact(arrived.value)
    if arrived.sealed is None:
        return incoming(shared, key)
    rests, place = arrived.sealed
    return parcels.join(shared, rests[place], key)


def _unseal(sealed: str, key: PersonKey) -> list[Any]:
    """Open the sealed text of a parcel; an empty list if that fails: then each of its facts counts as unreadable."""
    try:
        return parcels.unseal(sealed, key)
    except ValueError:
        return []
