"""Find config folders of Claude Code that are not read yet: beside the usual one, and on the other side of WSL."""

import glob
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from tachograph.paths import home_folder
from tachograph.settings import ignored_folders
from tachograph.sources.transcripts import discover

_MOUNTS = "/mnt"  # WSL mounts the drives of Windows here, unless its settings name another folder
_WSL_SETTINGS = "/etc/wsl.conf"
_WSL_HOSTS = (r"\\wsl.localhost", r"\\wsl$")  # the second one on older versions of Windows


class OtherFolder(NamedTuple):
    """A config folder with transcripts that nothing names yet. `system`: "Windows", the name of a WSL distribution, or
    empty for this one."""

    path: str
    transcripts: int
    system: str


def other_folders(env: Mapping[str, str], known: Iterable[str], platform: str = sys.platform) -> list[OtherFolder]:
    """Config folders to offer; those in `known`, or ignored at the person's request, are left out."""
    seen = {_real(folder) for folder in (*known, *ignored_folders(env))}
    found = [(path, "") for path in _siblings(home_folder(env))]
    if platform == "win32":
        found += wsl_folders(distributions())
    elif env.get("WSL_DISTRO_NAME"):
        found += [(path, "Windows") for path in windows_folders(env, mounts(_WSL_SETTINGS))]
    others = []
    for path, system in found:
        if _real(path) not in seen:
            seen.add(_real(path))
            count = discover.transcripts([path], {}, {}, 0).total
            if count:
                others.append(OtherFolder(path, count, system))
    return others


def _siblings(home: str) -> list[str]:
    """Folders beside the usual one, as people name them for a second account."""
    patterns = (".claude-*", ".claude_*", os.path.join(".config", "claude-*"))
    return _with_projects(os.path.join(glob.escape(home), pattern) for pattern in patterns)


def windows_folders(env: Mapping[str, str], mounts: str = _MOUNTS) -> list[str]:
    """Config folders of the people of Windows, as WSL mounts its drives."""
    patterns = [os.path.join(mounts, "?", "Users", "*", ".claude")]
    if env.get("USERPROFILE", "").startswith("/"):  # shared through WSLENV
        patterns.insert(0, os.path.join(glob.escape(env["USERPROFILE"]), ".claude"))
    return _with_projects(patterns)


def mounts(settings: str) -> str:
    """Folder under which WSL mounts the drives of Windows, by its settings file (`[automount]`, `root`)."""
    import configparser

    parser = configparser.ConfigParser(strict=False, interpolation=None)
    with suppress(OSError, UnicodeDecodeError, configparser.Error):
        parser.read(settings, encoding="utf-8")
    root = parser.get("automount", "root", fallback="").strip("\"' ")
    return os.path.normpath(root) if root.startswith("/") else _MOUNTS


def wsl_folders(names: Iterable[str], hosts: Iterable[str] = _WSL_HOSTS) -> list[tuple[str, str]]:
    """Config folders in WSL's distributions, as Windows sees them, each with its distribution: on the first host that
    shows any."""
    found: list[tuple[str, str]] = []
    for name in names:
        for host in hosts:
            root = glob.escape(os.path.join(host, name))
            patterns = (os.path.join("home", "*", ".claude"), os.path.join("root", ".claude"))
            paths = _with_projects(os.path.join(root, pattern) for pattern in patterns)
            found += [(path, name) for path in paths]
            if paths:
                break
    return found


def distributions() -> list[str]:
    """Names of WSL's distributions, from the registry: listing their host would need them by name."""
    names: list[str] = []
    if sys.platform == "win32":
        import winreg

        where = r"Software\Microsoft\Windows\CurrentVersion\Lxss"
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_CURRENT_USER, where) as top:
            for index in range(winreg.QueryInfoKey(top)[0]):
                with suppress(OSError), winreg.OpenKey(top, winreg.EnumKey(top, index)) as key:
                    names.append(str(winreg.QueryValueEx(key, "DistributionName")[0]))
    return [name for name in names if not name.startswith("docker-desktop")]


def _with_projects(patterns: Iterable[str]) -> list[str]:
    """Folders that match and hold a `projects` folder."""
    found = (path for pattern in patterns for path in sorted(glob.glob(pattern)))
    return [path for path in found if os.path.isdir(os.path.join(path, "projects"))]


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))
