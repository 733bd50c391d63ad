"""The decoders of answers in the usual layout that reading may use: a compiled loop, a typed decoder, or neither."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from tachograph.model.usage.plain_messages import PlainMessages

    # Reads the answers in a block: (block, end, folder, looks, latest; of the batch, its plain messages, other messages and
    # fragments). Adds those that it took to the plain messages. Returns a `PlainMessage` for each that is known in the batch
    # already, (session, first moment, last, leaf or None) for the messages of a session, and the lines that it hands back:
    # (READ, PROMPT …, where the line begins, where it ends). Compiled from _scan.c.
    Scan = Callable[[bytearray | bytes, int, str, int, int, PlainMessages, dict[int, Any], dict[int, Any]], list[Any]]


class TypedDecoder(NamedTuple):
    """The fast decoder of answers in the usual layout, and what it raises for any other (typed.py)."""

    decode: Callable[[memoryview], Any]  # an `AssistantRecord` of msgspec_decoder.py
    errors: tuple[type[Exception], ...]
    plain: Callable[[bytes], Any]


READ, PROMPT, UNCERTAIN, CLEAR, SPAWN, SUBAGENT = range(6)


class Decoders(NamedTuple):
    """Available decoders of the usual layout that are faster than plain dictionaries."""

    scan: Scan | None = None
    typed: TypedDecoder | None = None
