"""Every path that we read or write, worked out from the environment. Only `private_folder` and `others_have_access` touch the disk.

The platform rules are those of the `platformdirs` package, written out because its import costs every
command 6 ms (a seventh of what a warm report may take).
"""

import os
import sys

from tachograph.errors import LedgerError
from tachograph.lean_contextlib import suppress
from tachograph.lean_typing import Mapping

USAGE_QUESTION = "tachograph-usage-question"  # folder in which Claude Code is asked; its sessions are never counted


class Paths:
    """Locations of our own files; `TACHOGRAPH_HOME` moves all of them to one folder."""

    __slots__ = ("data", "settings")

    def __init__(self, data: str, settings: str) -> None:
        self.data = data
        self.settings = settings

    @property
    def ledger(self) -> str:
        return os.path.join(self.data, "ledger.sqlite3")

    @property
    def backups(self) -> str:
        return os.path.join(self.data, "backups")

    @property
    def data_update(self) -> str:
        """Prices and limit changes that came in a signed file after this version; beside the settings."""
        return data_update_beside(self.settings)

    def lock(self, part: str) -> str:
        """Held by the one process that is this part of us: `recorder` or `tray`."""
        return os.path.join(self.data, f"{part}.lock")

    def log(self, part: str) -> str:
        return os.path.join(self.data, f"{part}.log")


def data_update_beside(settings: str) -> str:
    """Path of the installed data update, given the path of the settings."""
    return os.path.join(os.path.dirname(settings), "data_update.json")


def own_paths(env: Mapping[str, str], platform: str = sys.platform) -> Paths:
    if moved := env.get("TACHOGRAPH_HOME"):
        home = os.path.abspath(os.path.expanduser(moved))
        return Paths(home, os.path.join(home, "settings.toml"))
    home = home_folder(env)
    if platform == "darwin":
        data = settings = os.path.join(home, "Library", "Application Support", "Tachograph")
    elif platform == "win32":
        data = settings = os.path.join(env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "Tachograph")
    else:
        data = os.path.join(env.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "tachograph")
        settings = os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "tachograph")
    return Paths(data, os.path.join(settings, "settings.toml"))


def home_folder(env: Mapping[str, str]) -> str:
    return env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")


def environment_folders(env: Mapping[str, str], platform: str = sys.platform) -> list[str]:
    """The Claude Code config folders that the environment names, else the usual ones, in the order in which we look.

    `CLAUDE_CONFIG_DIR` (a comma-separated list, as ccusage reads it; an entry may name the `projects` folder
    itself) replaces the usual places. An entry that is not there is simply empty: doctor lists them all. Settings may add
    more: `tachograph.settings.config_folders` is what everything else asks.
    """
    home = home_folder(env)
    named = [part.strip() for part in env.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    if named:
        folders = [_expanded(part, home) for part in named]
        return list(dict.fromkeys(os.path.dirname(f) if os.path.basename(f) == "projects" else f for f in folders))
    folders = [
        os.path.join(home, ".claude"),
        os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "claude"),
    ]
    if platform == "darwin":
        library = os.path.join(home, "Library")
        folders.append(os.path.join(library, "Developer", "Xcode", "CodingAssistant", "ClaudeAgentConfig"))
    return folders


def desktop_session_folders(env: Mapping[str, str], platform: str = sys.platform) -> list[str]:
    """Folders with the config folders of Claude Desktop's local agent sessions (Cowork) on this platform."""
    home = home_folder(env)
    if platform == "darwin":
        bases = [os.path.join(home, "Library", "Application Support")]
    elif platform == "win32":
        local = env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        bases = [
            env.get("APPDATA") or os.path.join(home, "AppData", "Roaming"),
            os.path.join(local, "Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming"),  # the Store's build
        ]
    else:
        bases = [env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")]
    return [os.path.join(base, "Claude", "local-agent-mode-sessions") for base in bases]


def identity_files(folder: str, env: Mapping[str, str]) -> list[str]:
    """The files that may name the account of a config folder: inside it, else beside the default one."""
    inside = os.path.join(folder, ".claude.json")
    beside = os.path.join(home_folder(env), ".claude.json")
    default = os.path.normpath(folder) == os.path.normpath(os.path.join(home_folder(env), ".claude"))
    return [inside, beside] if default else [inside]


def _expanded(part: str, home: str) -> str:
    if part == "~" or part.startswith(("~/", "~\\")):
        part = home + part[1:]
    return os.path.normpath(os.path.abspath(part))


def private_folder(folder: str) -> None:
    """Make the data folder, or see that it is ours and ours alone. Raises LedgerError."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.name == "posix":
            status = os.stat(folder)
            if status.st_uid != os.getuid():
                raise LedgerError(
                    f"The data folder {folder} belongs to another user.",
                    "Set TACHOGRAPH_HOME to a folder of your own.",
                )
            if status.st_mode & 0o077:
                with suppress(OSError):  # a read-only file system
                    os.chmod(folder, 0o700)
    except OSError as error:
        raise LedgerError(
            f"The data folder {folder} cannot be made or used: {error.strerror}.",
            "Set TACHOGRAPH_HOME to a folder that you can write to.",
        ) from error


def others_have_access(descriptor: int) -> bool:
    """Can other users read or write an open file, or does it belong to one of them? Always False on Windows."""
    if os.name != "posix":
        return False
    status = os.fstat(descriptor)
    return status.st_uid != os.getuid() or bool(status.st_mode & 0o077)
