"""Facts about this installation: system, Python, scanner, files, and how this platform was tested."""

import os
import sys
from collections.abc import Mapping

from tachograph import __version__
from tachograph.paths import own_paths
from tachograph.settings import config_folders

# docs/platforms.md has the whole table
TESTED = {
    "linux": "all tests run on Linux, with real browsers, panels and terminals",
    "win32": "tests run on Windows' own Python under Wine, not on a real Windows",
    "darwin": "not run on macOS; its calls are checked against Apple's metadata",
}


def system_name() -> str:
    """Name and version of the operating system, without asking other programs."""
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        return f"Windows {version.major}.{version.minor}.{version.build}"
    release = os.uname()
    if sys.platform == "darwin":
        return f"macOS (Darwin {release.release}), {release.machine}"
    return f"{release.sysname} {release.release}, {release.machine}"


def scanner_name() -> str:
    """The scanner of transcripts: compiled C, or Python."""
    from tachograph.sources.transcripts.c_scanner import SCAN

    return "Python" if SCAN is None else "C"


def platform_facts(env: Mapping[str, str]) -> dict[str, str]:
    """Lines for people by name: version, system, python, scanner, ledger, settings, logs, tested."""
    paths = own_paths(env)
    kind = "linux" if sys.platform.startswith("linux") else sys.platform
    return {
        "tachograph": __version__,
        "system": system_name(),
        "python": f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}",
        "scanner": scanner_name(),
        "ledger": str(paths.ledger),
        "settings": str(paths.settings),
        "logs": ", ".join(folder for folder in config_folders(env)),
        "tested": TESTED.get(kind, "not tested on this system"),
    }
