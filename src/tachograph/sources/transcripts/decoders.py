"""The decoders of answers in the usual layout that reading may use: a compiled loop, a typed decoder, or neither."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    # Reads the answers in a block: (block, end, folder, tuples made before, looks, latest, messages and fragments of the
    # batch). Adds a `PlainMessage` to the messages for each that it took. Returns those that are known there already,
    # (session, first moment, last, leaf or None) for the messages of a session, and the lines that it hands back: (READ,
    # PROMPT …, where the line begins, where it ends). Compiled from _scan.c.
    Scan = Callable[[bytearray | bytes, int, str, dict[Any, Any], int, int, dict[int, Any], dict[int, Any]], list[Any]]


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
