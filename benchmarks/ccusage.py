"""The tool we compare with: ccusage, the fastest other reader of these transcripts, at one pinned version."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

VERSION = "20.0.24"
_INSTALL_SECONDS = 300


class NotToBeHad(Exception):
    """ccusage could not be installed; the message says why."""


def obtain(out: Path, say: Callable[[str], None]) -> Path:
    """ccusage's native binary below out/npm, installed first if it is not there. Raises NotToBeHad.

    The binary and not the node script in front of it: the script would add about 30 ms to ccusage's figures.
    """
    package = _package()
    binary = _binary(out / "npm", package)
    if not binary.exists():
        _install(out / "npm", package, say)
    binary.chmod(0o755)  # npm unpacks it without its run bit; the node script repairs that at its first run
    _check_version(binary)
    return binary


def _package() -> str:
    systems = {"linux": "linux", "darwin": "darwin"}
    machines = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    machine = platform.machine().lower()
    if sys.platform not in systems or machine not in machines:
        raise NotToBeHad(f"ccusage has no native binary for {sys.platform} on {machine}")
    return f"ccusage-{systems[sys.platform]}-{machines[machine]}"


def _binary(folder: Path, package: str) -> Path:
    return folder / "node_modules" / "@ccusage" / package / "bin" / "ccusage"


def _install(folder: Path, package: str, say: Callable[[str], None]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotToBeHad("there is no npm to install ccusage with")
    say(f"installing ccusage {VERSION} with npm at {folder}")
    unfinished = folder.with_name("npm.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        subprocess.run(
            [npm, "install", *options, "--prefix", str(unfinished), f"ccusage@{VERSION}"],
            check=True,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        last_words = error.stderr.decode(errors="replace").strip()[-500:]
        raise NotToBeHad(f"npm could not install ccusage {VERSION}: {last_words}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotToBeHad(f"npm could not install ccusage {VERSION}: {error}") from error
    if not _binary(unfinished, package).exists():
        raise NotToBeHad(f"npm installed ccusage {VERSION} without @ccusage/{package}")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _check_version(binary: Path) -> None:
    try:
        said = subprocess.run([binary, "--version"], check=True, capture_output=True, timeout=30, text=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NotToBeHad(f"ccusage does not run: {error}") from error
    if said.split()[-1:] != [VERSION]:
        raise NotToBeHad(f"{binary} is {said.strip() or 'unknown'}, not ccusage {VERSION}: remove its folder")
