"""Tables of settings.toml, written at a person's request; everything else in the file stays as it is."""

import os
import re
import tempfile
from collections.abc import Mapping

from tachograph.errors import UsageError
from tachograph.settings import load

_ANY_TABLE = re.compile(r"^\s*\[")


def write_aliases(path: str, aliases: Mapping[str, str]) -> None:
    """Replace the table `[projects]`: one alias a line. Raises UsageError as `write_table` does."""
    write_table(path, "projects", aliases)


def stored_aliases(path: str) -> dict[str, str]:
    """The aliases in the settings, as they are written there."""
    return dict(load(path).projects)


def add_config_folder(path: str, folder: str) -> None:
    """Add a folder to `config_dirs` in the table `[claude]`. Raises UsageError as `write_table` does."""
    table = _document(path, _text(path)).get("claude")
    lists = {
        key: [one for one in value if isinstance(one, str)]
        for key, value in (table.items() if isinstance(table, dict) else ())
        if isinstance(value, list)
    }
    lists["config_dirs"] = list(dict.fromkeys([*lists.get("config_dirs", []), folder]))
    write_table(path, "claude", lists)


def write_table(path: str, name: str, values: Mapping[str, str | list[str]]) -> None:
    """Replace one table of the settings. Raises UsageError for a file that is not valid TOML, or cannot be written."""
    new = _with_table(_text(path), name, values)
    _document(path, new, f"Nothing was changed; the lines to add are:\n[{name}]\n{_lines(values)}")
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


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Can't read {path}: {error}.", "Make it readable, or delete it.") from error


def _document(path: str, text: str, more: str = "") -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = f"Fix it or delete the file. {more}".rstrip()
        raise UsageError(f"Can't change {path}: {error}.", hint) from error


def _with_table(text: str, name: str, values: Mapping[str, str | list[str]]) -> str:
    """The file's text with another table of a name."""
    heading = re.compile(rf"^\s*\[\s*{name}\s*\]\s*(?:#.*)?$")
    kept: list[str] = []
    is_inside = False
    place: int | None = None
    for line in text.splitlines(keepends=True):
        if heading.match(line):
            is_inside, place = True, len(kept)
            continue
        if is_inside and _ANY_TABLE.match(line):
            is_inside = False
        if is_inside and not line.lstrip().startswith("#") and line.strip():
            continue  # a value
        kept.append(line)
    table = f"[{name}]\n{_lines(values)}" if values else ""
    if place is None:
        before = "".join(kept)
        gap = "" if not before or before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
        return before + (gap + table if table else "")
    return "".join(kept[:place]) + table + "".join(kept[place:])


def _lines(values: Mapping[str, str | list[str]]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in sorted(values.items()))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[a-z_]+", key) else _quoted(key)


def _value(value: str | list[str]) -> str:
    return _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '\\"':
        return "\\" + char
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
