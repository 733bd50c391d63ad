"""Interface of the compiled container of plain messages (`PlainMessages` in _scan.c).

A plain message has no copy that it was merged with. A first reading may have a million of them. Here each takes 128 bytes
plus its request id, a fifth of the tuple `PlainMessage` of messages.py, and is cheaper to make and to send to another process.
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
            """Remove the message with an identity, and return it; None if there is none."""

        def take(self, identities: Collection[int] | Identities | None, /) -> list[PlainMessage]:
            """Remove the messages with these identities (None: all), and return them in the order of reading."""

        def tables(self) -> tuple[list[Origin | None], list[str | None], list[Way | None]]:
            """The origins, sessions and ways of the messages, each once; None for an entry that no message uses any more."""

        def dump(self) -> tuple[Any, ...]:
            """Values for `marshal`. `PlainMessages(*dump)` makes the same messages in another process."""

    class Identities(Protocol):
        """The identities of all messages in a ledger: a `set`, or a smaller one of _scan.c that takes messages as well."""

        def update(self, *many: Iterable[int] | PlainMessages) -> None: ...
        def intersection(self, many: Iterable[int], /) -> set[int]: ...
        def __contains__(self, identity: object, /) -> bool: ...
