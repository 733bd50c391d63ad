"""Arguments of a plain command line, without argparse: importing and building it takes as long as starting Python.

The flags are those that the command's `add_flags` declares. What is not plainly a command and its flags (another order,
a positional value, `--help`, a mistake) is left to the whole parser, which also has the words for mistakes.
"""

from __future__ import annotations

import sys

from tachograph.lean_typing import TYPE_CHECKING, NamedTuple
from tachograph.ui.cli.commands import COMMANDS, HIDDEN

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

_Namespace = type(sys.implementation)  # types.SimpleNamespace


class _NotPlain(Exception):
    """The whole parser has to look at this command line."""


def quickly_parsed(argv: Sequence[str]) -> argparse.Namespace | None:
    """The arguments as `parser.parsed` would give them; None for a command line that is not plain."""
    command = next((command for command in COMMANDS if argv and command.name == argv[0]), None)
    if command is None:
        return None
    module = f"tachograph.ui.cli.{command.module}"
    flags = _Flags()
    try:
        __import__(module, fromlist=["add_flags"]).add_flags(flags, command.name)  # importlib would take 0.3 ms
        values = flags.values(argv[1:])
    except _NotPlain:
        return None
    found = {"timezone": None, "no_ingest": False, "command": command.name, "module": command.module, **values}
    return _Namespace(**found)  # type: ignore[return-value]  # attributes, as those of argparse's


class _Flag(NamedTuple):
    name: str
    action: str
    type: Callable[[str], Any] | None
    choices: Collection[str] | None
    group: object


class _Flags:
    """The part of argparse.ArgumentParser that declares flags."""

    def __init__(self) -> None:
        self.epilog = self.description = ""
        self._flags: dict[str, _Flag] = {}
        self._defaults: dict[str, Any] = {}

    def add_argument(
        self,
        *names: str,
        action: str = "store",
        default: Any = None,
        type: Callable[[str], Any] | None = None,
        choices: Collection[str] | None = None,
        nargs: str | None = None,
        group: object = None,
        dest: str = "",
        **more: Any,
    ) -> None:
        is_flag = names[0].startswith("-")
        long = next((name for name in names if name.startswith("--")), names[0])
        name = dest or long.lstrip("-").replace("-", "_")
        if action == "store_true" and default is None:
            default = False
        if default != HIDDEN:
            self._defaults[name] = default
        if action not in ("store", "store_true", "append") or (isinstance(default, str) and type):
            raise _NotPlain
        if not is_flag and nargs != "?":  # a value that may not be missing, or a list of them
            raise _NotPlain
        if not more.keys() <= {"help", "metavar", "const"}:
            raise _NotPlain
        if is_flag and nargs is None:
            self._flags.update(dict.fromkeys(names, _Flag(name, action, type, choices, group)))

    def add_mutually_exclusive_group(self) -> _Group:
        return _Group(self)

    def set_defaults(self, **defaults: object) -> None:
        self._defaults |= defaults

    def add_subparsers(self, **_: object) -> None:
        raise _NotPlain

    def values(self, words: Sequence[str]) -> dict[str, Any]:
        """Values of all flags after a list of words. Raises _NotPlain."""
        values = dict(self._defaults)
        exclusive: dict[object, str] = {}
        rest = iter(words)
        for word in rest:
            name, is_joined, value = word.partition("=")
            flag = self._flags.get(name)
            if flag is None or not name.startswith("--"):
                raise _NotPlain
            if flag.group is not None and exclusive.setdefault(flag.group, flag.name) != flag.name:
                raise _NotPlain
            if flag.action == "store_true":
                if is_joined:
                    raise _NotPlain
                values[flag.name] = True
                continue
            if not is_joined:
                value = next(rest, "-")
                if value.startswith("-"):
                    raise _NotPlain
            result = _convert(value, flag)
            values[flag.name] = [*values[flag.name], result] if flag.action == "append" else result
        return values


class _Group:
    """Flags of which one at most may be given."""

    def __init__(self, flags: _Flags) -> None:
        self._flags = flags

    def add_argument(self, *names: str, **declared: Any) -> None:
        self._flags.add_argument(*names, group=self, **declared)


def _convert(value: str, flag: _Flag) -> Any:
    try:
        result = flag.type(value) if flag.type else value
    except Exception:  # noqa: BLE001 - the whole parser says what is wrong with it
        raise _NotPlain from None
    if flag.choices is not None and result not in flag.choices:
        raise _NotPlain
    return result
