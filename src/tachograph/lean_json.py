"""`loads` of the standard library without importing `json`, which brings `re` along: two milliseconds.

It calls the scanner in C that `json.loads` calls. What that refuses, or where it is not there, `json` itself decides.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any
_SPACE = " \t\n\r"
_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Options:
    """The attributes of `json.JSONDecoder` that the scanner asks for, with their usual values."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = _CONSTANTS.__getitem__


def loads(text: str | bytes) -> Any:
    """The value of a JSON text, exactly as `json.loads` gives it. Raises its errors."""
    try:
        from _json import make_scanner

        start = text.lstrip(_SPACE) if isinstance(text, str) else _decode(text)
        value, end = make_scanner(_Options)(start, 0)  # type: ignore[arg-type]  # any object with these attributes
        if not start[end:].strip(_SPACE):
            return value
    except Exception:  # noqa: BLE001, S110 - json raises the right one
        pass
    import json

    return json.loads(text)


def _decode(data: bytes) -> str:
    """Text of an object or a list in UTF-8. Raises ValueError where `json` has to find out the encoding."""
    if data[:1] not in (b"{", b"[") or data[1:2] == b"\0":
        raise ValueError
    return data.decode("utf-8", "surrogatepass")
