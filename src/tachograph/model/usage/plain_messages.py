"""Messages that nothing is merged with, many of them, as the compiled reader hands them to the compiled writer of rows.

A first reading meets them by the hundred thousand. Each takes 128 bytes and its request id here, a fifth of what the tuple
`PlainMessage` (messages.py) takes, and as much less to make, to send to another process and to read there.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any, Protocol

    from tachograph.model.usage.messages import Origin, PlainMessage, Way

    class PlainMessages(Protocol):
        """Plain messages, each identity once. Made by _scan.c alone; without it there are none."""

        def __len__(self) -> int: ...
        def pop(self, identity: int, /) -> PlainMessage | None:
            """Take out the message with an identity."""

        def take(self, identities: Collection[int] | Identities | None, /) -> list[PlainMessage]:
            """Take out those with some identities, or all (None), in the order in which they were read."""

        def tables(self) -> tuple[list[Origin | None], list[str | None], list[Way | None]]:
            """Origins, sessions and ways of the messages, which name them by place; None in a place that none names."""

        def dump(self) -> tuple[Any, ...]:
            """Plain values for another process of the same program: the type called with them makes the same messages."""

    class Identities(Protocol):
        """The identities of all messages in a ledger: a `set`, or a smaller one of _scan.c that takes messages as well."""

        def update(self, *many: Iterable[int] | PlainMessages) -> None: ...
        def intersection(self, many: Iterable[int], /) -> set[int]: ...
        def __contains__(self, identity: object, /) -> bool: ...
