"""Install our command as Claude Code's status line in settings.json, around the one before, and uninstall it.

Only the few characters that have to change are changed: the rest of the file stays as it was, byte for byte, and the
way back gives the very bytes from before. What is not understood is refused, and then nothing is touched.
"""

import itertools
import json
import os
import shlex
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from tachograph.errors import TachographError
from tachograph.paths import own_paths, private_folder

KEY = "statusLine"
_BOM = "\ufeff"
_LARGEST = 4 << 20
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


class State(NamedTuple):
    """Status line of a config folder: ours or not, the other command (None: none), or the reason why that is unknown
    (`problem`)."""

    path: str
    is_installed: bool
    other: str | None = None
    problem: str = ""


class Change(NamedTuple):
    """Change of a file: `changed` or not, a sentence, and the path of the copy from before ("" without one)."""

    path: str
    changed: bool
    said: str
    backup: str = ""


def settings_path(folder: str) -> str:
    """The settings file of a config folder, with links resolved."""
    return os.path.realpath(os.path.join(folder, "settings.json"))


def own_command(*, limits_only: bool = False) -> str:
    """The command to write: this program by its full path, quoted for a shell; with forward slashes on Windows."""
    here = os.path.abspath(sys.argv[0]) if os.path.basename(sys.argv[0]).startswith("tach") else ""
    beside = os.path.join(os.path.dirname(sys.executable), "tachograph.exe" if os.name == "nt" else "tachograph")
    program = here if here and os.access(here, os.X_OK) else beside
    program = program.replace("\\", "/") if os.name == "nt" else program
    return f"{shlex.quote(program)} statusline{' --limits-only' if limits_only else ''}"


def state(env: Mapping[str, str], folder: str) -> State:
    """Current status line of a config folder. Never raises, never changes anything."""
    path = settings_path(folder)
    try:
        text = _read(path)
        found = None if text is None else _find_command(text)
    except TachographError as error:
        return State(path, False, None, error.message)
    if found is None:
        return State(path, False)
    return State(
        path, _is_ours(found.command), _wrapped_command(found.command) if _is_ours(found.command) else found.command
    )


def install(env: Mapping[str, str], folder: str, command: str, now_ms: int) -> Change:
    """Make Claude Code run `command` for its status line. TachographError, and no change, if that is not safe."""
    path = settings_path(folder)
    before = _read(path)
    if before is None:
        _replace(path, _new_settings(command), None)
        return Change(path, True, "The file was made, with our status line in it.")
    found = _find_command(before)
    if found is None:
        after, said = _with_member(before, command), "Our status line was added."
    elif _is_ours(found.command):
        return Change(path, False, "Our status line already exists.")
    else:
        wrapping = f"{command} {_wrap_flag(found.command)}"
        literal = json.dumps(wrapping, ensure_ascii=False)
        after = before[: found.start] + literal + before[found.end :]
        _remember(env, path, literal, before[found.start : found.end])
        said = "Our status line was put around the one that was there, which still runs and is shown first."
    backup = _save_copy(env, path, before, now_ms)
    _replace(path, after, before)
    return Change(path, True, said, backup)


def uninstall(env: Mapping[str, str], folder: str, now_ms: int) -> Change:
    """Remove our command; the one that it wrapped returns. TachographError as with `install`."""
    path = settings_path(folder)
    before = _read(path)
    found = None if before is None else _find_command(before)
    if before is None or found is None or not _is_ours(found.command):
        return Change(path, False, "Our status line is not there.")
    inner = _wrapped_command(found.command)
    if inner is not None:
        literal = _original_literal(env, path, before[found.start : found.end]) or json.dumps(inner, ensure_ascii=False)
        after, said = before[: found.start] + literal + before[found.end :], "The command from before is back."
    elif before == _new_settings(found.command):
        backup = _save_copy(env, path, before, now_ms)
        _remove(path, before)
        return Change(path, True, "The file held nothing else and is gone.", backup)
    else:
        after, said = _without_member(before), "Our status line was taken out."
    backup = _save_copy(env, path, before, now_ms)
    _replace(path, after, before)
    return Change(path, True, said, backup)


def by_hand(command: str) -> str:
    """Text for settings.json that a person can add by hand."""
    return f'"{KEY}": ' + json.dumps({"type": "command", "command": command})


# -- what the file says ----------------------------------------------------------------------------------------


class _CommandText(NamedTuple):
    """The command of the status line, and the place of its literal in the text."""

    command: str
    start: int
    end: int


class _Member(NamedTuple):
    """A member of an object: where its key begins, its value begins, its value ends."""

    key: str
    at: int
    start: int
    end: int


def _read(path: str) -> str | None:
    """The text of the file, None if it is missing. TachographError if it can't be read."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from error
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(path, "is not a file")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise _refusal(path, "is larger than settings are")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _refusal(path, "is not UTF-8") from None


def _find_command(text: str) -> _CommandText | None:
    """The status line's command in the text. TachographError if Claude Code did not write that text."""
    try:
        document = json.loads(text.removeprefix(_BOM))
        members = _members(text, _start(text)) if isinstance(document, dict) else None
    except (ValueError, RecursionError, IndexError):
        document = members = None
    if members is None:
        raise _refusal("settings.json", "is no plain JSON object (it may hold comments, or be half-written)")
    lines = [member for member in members if member.key == KEY]
    if not lines:
        return None
    if len(lines) > 1:
        raise _refusal("settings.json", f"names {KEY} twice")
    line: Any = document[KEY] if document is not None else None
    if not isinstance(line, dict) or line.get("type") != "command" or not isinstance(line.get("command"), str):
        raise _refusal("settings.json", f"has a {KEY} that is no command")
    inner = [member for member in _members(text, lines[0].start) if member.key == "command"]
    if len(inner) != 1:
        raise _refusal("settings.json", f"names the command of {KEY} twice")
    return _CommandText(line["command"], inner[0].start, inner[0].end)


def _start(text: str) -> int:
    """Index of the outermost value."""
    return _skip(text, len(text) - len(text.removeprefix(_BOM)))


def _members(text: str, at: int) -> list[_Member]:
    """The members of the object that begins there; the text is known to be JSON."""
    found = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, key_end = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, key_end) + 1)
        _, end = _DECODER.raw_decode(text, start)
        found.append(_Member(key, at, start, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


# -- the changed text ------------------------------------------------------------------------------------------


def _new_settings(command: str) -> str:
    return json.dumps({KEY: {"type": "command", "command": command}}, indent=2, ensure_ascii=False) + "\n"


def _with_member(text: str, command: str) -> str:
    """The text with our member behind the last one, set as that one is."""
    members = _members(text, _start(text))
    value = json.dumps({"type": "command", "command": command}, ensure_ascii=False)
    if not members:
        brace = _start(text) + 1
        return f'{text[:brace]}"{KEY}": {value}{text[brace:]}'
    last = members[-1]
    before = text[: last.at]
    gap = before[len(before.rstrip(_SPACE)) :]
    colon = text[last.at : last.start].partition(":")[2] or " "
    return f'{text[: last.end]},{gap}"{KEY}":{colon}{value}{text[last.end :]}'


def _without_member(text: str) -> str:
    members = _members(text, _start(text))
    index = next(i for i, member in enumerate(members) if member.key == KEY)
    own = members[index]
    if index:
        return text[: members[index - 1].end] + text[own.end :]
    if len(members) > 1:
        return text[: own.at] + text[members[1].at :]
    return text[: _start(text) + 1] + text[own.end :]


# -- the wrapped command ---------------------------------------------------------------------------------------


def _wrap_flag(command: str) -> str:
    if os.name != "nt":
        return f"--then {shlex.quote(command)}"
    import base64  # no quoting holds in every shell of Windows

    return f"--then64 {base64.b64encode(command.encode()).decode()}"


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _is_ours(command: str) -> bool:
    words = _words(command)
    if len(words) < 2 or words[1] != "statusline":
        return False
    program = words[0].replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
    return program in ("tachograph", "tacho")


def _wrapped_command(command: str) -> str | None:
    """The command that ours wraps; None without one."""
    words = _words(command)
    for word, value in itertools.pairwise(words):
        if word == "--then":
            return value
        if word == "--then64":
            return decode_command(value)
    return None


def decode_command(value: str) -> str | None:
    """The command in a `--then64`; None if it is not valid."""
    import base64
    import binascii

    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _memory(env: Mapping[str, str]) -> str:
    return os.path.join(own_paths(env).data, "statusline.json")


def _remember(env: Mapping[str, str], path: str, ours: str, theirs: str) -> None:
    """Store the spelling of the command in the file: the same text can have other escapes."""
    private_folder(own_paths(env).data)
    known = _load_memory(env)
    known[path] = [ours, theirs]
    _write_new(_memory(env), json.dumps(known, indent=1).encode(), 0o600)


def _original_literal(env: Mapping[str, str], path: str, ours: str) -> str | None:
    entry = _load_memory(env).get(path)
    if isinstance(entry, list) and len(entry) == 2 and entry[0] == ours and isinstance(entry[1], str):
        with suppress(ValueError):
            if json.loads(entry[1]) == _wrapped_command(json.loads(ours)):
                return entry[1]
    return None


def _load_memory(env: Mapping[str, str]) -> dict[str, Any]:
    try:
        with open(_memory(env), "rb") as file:
            known = json.loads(file.read(_LARGEST))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


# -- writing ---------------------------------------------------------------------------------------------------


def _save_copy(env: Mapping[str, str], path: str, text: str, now_ms: int) -> str:
    """Keep the file from before among our backups; its path."""
    from datetime import UTC, datetime

    folder = own_paths(env).backups
    private_folder(own_paths(env).data)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    stamp = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}"
    for number in range(1000):
        kept = os.path.join(folder, f"claude-settings-{stamp}{f'-{number}' if number else ''}.json")
        try:
            handle = os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError:
            continue
        with open(handle, "wb") as file:
            file.write(text.encode())
        return kept
    raise _refusal(folder, "holds too many copies of that second")


def _replace(path: str, after: str, before: str | None) -> None:
    """Replace the old text by the new one in one step, if the file still holds the old one."""
    json.loads(after.removeprefix(_BOM))  # never write what Claude Code could not read
    mode = 0o600
    try:
        if before is not None:
            mode = stat.S_IMODE(os.stat(path).st_mode)
            if not os.access(path, os.W_OK):
                raise _refusal(path, "may not be written")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if _read(path) != before:
            raise _refusal(path, "was changed by another program at this moment")
        _write_new(path, after.encode(), mode)
    except OSError as error:
        raise _refusal(path, f"cannot be written: {error.strerror}") from error


def _write_new(path: str, data: bytes, mode: int) -> None:
    new = f"{path}.tachograph-{os.getpid()}"
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), mode)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        with suppress(OSError):
            os.chmod(new, mode)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise


def _remove(path: str, before: str) -> None:
    if _read(path) != before:
        raise _refusal(path, "was changed by another program at this moment")
    try:
        os.unlink(path)
    except OSError as error:
        raise _refusal(path, f"cannot be removed: {error.strerror}") from error


def _refusal(path: str, why: str) -> TachographError:
    return TachographError(
        f"{path} {why}: nothing was changed.", f"By hand, in settings.json:  {by_hand('tachograph statusline')}"
    )
