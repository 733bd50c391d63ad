"""AppKit as its published metadata describes it (tests/data/appkit.json, written by tools/macos_metadata.py).

A fake of a class of AppKit is made of methods that are checked against it: the selector must be known there, its number
of arguments must fit, and an argument that Objective-C takes as BOOL must be a bool.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

METADATA: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "appkit.json").read_text(encoding="utf-8"))
CONSTANTS: dict[str, Any] = METADATA["constants"]
SELECTORS: dict[str, Any] = METADATA["selectors"]


def has_evidence(selector: str) -> bool:
    """In PyObjC's metadata, or called through PyObjC by a published program for macOS."""
    found = SELECTORS[selector]
    return bool(found["pyobjc"] or found["called_by"])


def checked(fake: type) -> type:
    """A fake class: each method that is a selector is held to the metadata."""
    for name, member in list(vars(fake).items()):
        selector = name.replace("_", ":")
        if selector not in SELECTORS:
            assert name.startswith("_") or not callable(getattr(member, "__func__", member)) or name == "run", name
            continue
        if isinstance(member, classmethod | staticmethod):
            setattr(fake, name, type(member)(_held(selector, member.__func__, isinstance(member, classmethod))))
        elif callable(member):
            setattr(fake, name, _held(selector, member, True))
    return fake


def _held(selector: str, method: Callable[..., Any], has_self: bool) -> Callable[..., Any]:
    entries = SELECTORS[selector]["pyobjc"] or []
    booleans = {int(place) for entry in entries for place, one in entry.get("arguments", {}).items() if one.get("type") == "Z"}  # fmt: skip

    @functools.wraps(method)
    def call(*given: Any) -> Any:
        arguments = given[1:] if has_self else given
        assert len(arguments) == selector.count(":"), (selector, arguments)
        for place in booleans:  # 0 is the object, 1 the selector
            assert isinstance(arguments[place - 2], bool), (selector, arguments)
        return method(*given)

    return call
