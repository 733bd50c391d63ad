"""`loads` of the standard library without importing `json`, which brings `re` along: two milliseconds.

It calls the scanner in C that `json.loads` calls. What that refuses, or where it is not there, `json` itself decides.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SPACE = " \t\n\r"
_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Options:
    """The attributes of `json.JSONDecoder` that the scanner asks for, with their usual values."""

    strict: bool = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = _CONSTANTS.__getitem__


class _PatientOptions(_Options):
    strict = False  # control characters may stand in strings


_scanners: dict[type[_Options], Callable[[str, int], tuple[Any, int]]] = {}  # made at the first use


def loads(text: str | bytes) -> Any:
    """The value of a JSON text, exactly as `json.loads` gives it. Raises its errors."""
    try:
        return _scanned(text, _Options)
    except Exception:  # noqa: BLE001 - json raises the right one
        import json

        return json.loads(text)


def patient_loads(text: str) -> Any:
    """The value of a JSON text with strings that may hold control characters: `json.loads(text, strict=False)`."""
    try:
        return _scanned(text, _PatientOptions)
    except Exception:  # noqa: BLE001 - json raises the right one
        import json

        return json.JSONDecoder(strict=False).decode(text)


def _scanned(text: str | bytes, options: type[_Options]) -> Any:
    """The value that the scanner in C finds. Raises some error where `json` has to decide."""
    scan = _scanners.get(options)
    if scan is None:
        from _json import make_scanner

        scan = _scanners[options] = make_scanner(options)  # type: ignore[arg-type]  # any object with these attributes
    start = text.lstrip(_SPACE) if isinstance(text, str) else _decode(text)
    value, end = scan(start, 0)
    if start[end:].strip(_SPACE):
        raise ValueError
    return value


def _decode(data: bytes) -> str:
    """Text of an object or a list in UTF-8. Raises ValueError where `json` has to find out the encoding."""
    if data[:1] not in (b"{", b"[") or data[1:2] == b"\0":
        raise ValueError
    return data.decode("utf-8", "surrogatepass")
