"""Aliases of projects in settings.toml: written at a person's request, one line each in the table `[projects]`."""

import os
import re
import tempfile
from collections.abc import Mapping

from tachograph.errors import UsageError
from tachograph.settings import load

_TABLE = re.compile(r"^\s*\[\s*projects\s*\]\s*(?:#.*)?$")
_ANY_TABLE = re.compile(r"^\s*\[")


def write_aliases(path: str, aliases: Mapping[str, str]) -> None:
    """Replace the table `[projects]` of the settings, and leave everything else in the file as it is.

    Raises UsageError for a file that is not valid TOML, or that cannot be written.
    """
    import tomllib

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Can't read {path}: {error}.", "Make it readable, or delete it.") from error
    new = _with_table(text, aliases)
    try:
        tomllib.loads(new)
    except tomllib.TOMLDecodeError as error:
        hint = f"Fix it or delete the file. Nothing was changed; the lines to add are:\n{_lines(aliases)}"
        raise UsageError(f"Can't change {path}: {error}.", hint) from error
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        target = os.path.realpath(path)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".settings-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new)
        if os.path.exists(target):
            os.chmod(temporary, os.stat(target).st_mode & 0o777)
        os.replace(temporary, target)
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror}.", "Check who may write there.") from error


def stored_aliases(path: str) -> dict[str, str]:
    """The aliases in the settings, as they are written there."""
    return dict(load(path).projects)


def _with_table(text: str, aliases: Mapping[str, str]) -> str:
    """The file's text with another table `[projects]`."""
    kept: list[str] = []
    is_inside = False
    place: int | None = None
    for line in text.splitlines(keepends=True):
        if _TABLE.match(line):
            is_inside, place = True, len(kept)
            continue
        if is_inside and _ANY_TABLE.match(line):
            is_inside = False
        if is_inside and not line.lstrip().startswith("#") and line.strip():
            continue  # an alias
        kept.append(line)
    table = f"[projects]\n{_lines(aliases)}" if aliases else ""
    if place is None:
        before = "".join(kept)
        gap = "" if not before or before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
        return before + (gap + table if table else "")
    return "".join(kept[:place]) + table + "".join(kept[place:])


def _lines(aliases: Mapping[str, str]) -> str:
    return "".join(f"{_quoted(key)} = {_quoted(name)}\n" for key, name in sorted(aliases.items()))


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = "".join(
        {"\\": "\\\\", '"': '\\"'}.get(char, char if char.isprintable() else f"\\u{ord(char):04x}") for char in text
    )
    return f'"{escaped}"'
