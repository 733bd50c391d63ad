"""The machines of a person that exchange what they know: last contact, clock, and what waits to be sent."""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.exchange import tracking
from tachograph.ledger.exchange.machines import machine_state


class MachineState(NamedTuple):
    """A machine. `seen_at`: epoch milliseconds, None before its first contact; `skew_ms`: how far its clock is behind."""

    id: str
    name: str
    is_this: bool
    share: str
    seen_at: int | None
    skew_ms: int
    version: str
    is_revoked: bool


class MachineStates(NamedTuple):
    """Machines as the last exchange described them. `waiting`: facts to send; `exchanged_at` None: never."""

    machines: tuple[MachineState, ...]
    waiting: int
    exchanged_at: int | None
    not_understood: int


def machine_states(db: sqlite3.Connection) -> MachineStates | None:
    """The machines of the person; None if this one has not joined any."""
    if not tracking.is_tracked(db):
        return None
    stored, own = machine_state(db)
    machines = tuple(
        MachineState(
            str(one["id"]), str(one["name"]), one["id"] == own, str(one.get("share", "")), one["seen_at"] or None,
            int(one["skew_ms"]), str(one["version"]), bool(one["revoked"]),
        )
        for one in stored
    )  # fmt: skip
    exchanged_at, bad = tracking.get_state(db, "exchanged_at"), tracking.get_state(db, "not_understood", 0)
    return MachineStates(machines, tracking.waiting(db), exchanged_at, int(bad))
