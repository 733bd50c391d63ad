"""Build hooks: compile the C scanner of transcripts, install the command, and name the repository's addresses.

`TACHOGRAPH_PURE=1` leaves the scanner out, and removes one that an earlier build left in an editable tree.
setuptools knows the compilers of all platforms; hatchling does everything else.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

FOLDER = "src/tachograph/sources/transcripts"
NAME = "_scan"
PAGES = {
    "Documentation": "/blob/main/README.md",
    "Changelog": "/blob/main/CHANGELOG.md",
    "Issues": "/issues",
    "Security": "/blob/main/SECURITY.md",
}


COMMANDS = ("tachograph", "tacho")


class ProjectMetadata(MetadataHookInterface):
    """Project URLs of the repository that is built (a fork's package names the fork), and the commands for Windows."""

    def update(self, metadata: dict[str, Any]) -> None:
        if not has_own_scripts():
            metadata["scripts"] = dict.fromkeys(COMMANDS, "tachograph.__main__:main")
        repository = repository_url(self.root)
        metadata["urls"] = {"Source": repository, **{name: repository + page for name, page in PAGES.items()}} if repository else {}  # fmt: skip


def has_own_scripts() -> bool:
    """True if the commands are the files in bin/, false if the installer generates them from entry points.

    What pip generates imports `re`, which adds a fifth of Python's start to every status line. Windows needs the
    generated ones, which are programs (.exe), and so does a wheel without the scanner, which may go to any platform.
    """
    tag = os.environ.get("TACHOGRAPH_WHEEL_TAG", "")
    is_windows = tag.rpartition("-")[2].startswith("win") if tag else os.name == "nt"
    return not is_windows and not os.environ.get("TACHOGRAPH_PURE")


def repository_url(root: str) -> str | None:
    """Address of the repository in a workflow or of the remote `origin`; None without either, as in an sdist."""
    if server := os.environ.get("GITHUB_SERVER_URL"):
        return f"{server}/{os.environ['GITHUB_REPOSITORY']}"
    if not (Path(root) / ".git").exists():
        return None
    command = ["git", "-C", root, "remote", "get-url", "origin"]
    try:
        remote = subprocess.run(command, capture_output=True, text=True).stdout.strip()  # noqa: S603
    except OSError:
        return None
    return remote.removesuffix(".git") if remote.startswith("https://") and "@" not in remote else None


class CompiledScanner(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the extension in place, and tags the wheel with the platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        if has_own_scripts():
            build_data["shared_scripts"].update({f"bin/{name}": name for name in COMMANDS})
        folder, is_pure = Path(self.root) / FOLDER, bool(os.environ.get("TACHOGRAPH_PURE"))
        tag, prebuilt = os.environ.get("TACHOGRAPH_WHEEL_TAG"), os.environ.get("TACHOGRAPH_SCANNER")
        if tag and prebuilt:  # cross-compiled by tools/dist.py
            build_data["pure_python"] = False
            build_data["tag"] = tag
            build_data["force_include"][prebuilt] = f"tachograph/sources/transcripts/{Path(prebuilt).name}"
            return
        if not is_pure or version == "editable":  # building a pure wheel leaves the tree beside it unchanged
            _unlink(folder)
        built = None if is_pure else compiled(folder)
        if built is None:
            if has_own_scripts():  # which are of this platform
                build_data["tag"] = f"py3-none-{platform_tag()}"
            self.app.display_info("The scanner of transcripts is not compiled: Python reads them, more slowly.")
            return
        build_data["pure_python"] = False
        build_data["tag"] = abi3_tag()
        if version != "editable":
            build_data["force_include"][str(built)] = f"tachograph/sources/transcripts/{built.name}"


def abi3_tag() -> str:
    """One wheel per platform: the scanner uses the stable ABI of CPython 3.11."""
    return f"cp311-abi3-{platform_tag()}"


def platform_tag() -> str:
    from packaging.tags import sys_tags

    return next(sys_tags()).platform


def _unlink(folder: Path) -> None:
    """Remove earlier builds, which Python would load whatever is decided now."""
    for old in [*folder.glob(f"{NAME}*.so"), *folder.glob(f"{NAME}*.pyd")]:
        old.unlink()


def compiled(folder: Path) -> Path | None:
    """The extension, built beside its source; None if no compiler can do that."""
    import tempfile

    try:
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext

        extension = Extension(NAME, [str(folder / f"{NAME}.c")], py_limited_api=True)
        command = build_ext(Distribution({"name": "tachograph", "ext_modules": [extension]}))
        with tempfile.TemporaryDirectory() as scratch:
            command.build_lib, command.build_temp = str(folder), scratch
            command.ensure_finalized()
            command.run()
    except Exception as error:  # noqa: BLE001 - whatever a compiler may do, Tachograph works without it
        print(f"The scanner of transcripts was not compiled: {error}", file=sys.stderr)
    return next((found for kind in ("so", "pyd") for found in folder.glob(f"{NAME}*.{kind}")), None)
