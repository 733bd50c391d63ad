"""Rows of the hub's tables. Times are epoch milliseconds; tokens and codes are stored as digests."""

from typing import NamedTuple

SEAT = "telemetry"  # in the place of a level of sharing


class Machine(NamedTuple):
    """A machine of a member. `skew_ms`: how far its clock is behind the hub's; `ledger`: the one that it sends now.

    `share`: a level of sharing, or SEAT for a token that may only send OpenTelemetry logs.
    """

    id: str
    member: int
    name: str
    share: str
    ledger: str
    version: str
    joined_at: int
    seen_at: int
    skew_ms: int
    revoked_at: int | None

    @property
    def is_seat(self) -> bool:
        return self.share == SEAT


class Member(NamedTuple):
    """A person. `seq` counts the changes of the person's facts."""

    id: int
    name: str
    role: str
    joined_at: int
    key_check: str
    seq: int
    erased_at: int | None
    left_at: int | None

    @property
    def is_present(self) -> bool:
        return self.left_at is None and self.erased_at is None


class Invite(NamedTuple):
    id: str
    digest: bytes
    name: str
    role: str
    expires_at: int
    used_at: int | None
