"""Compiles the reader of transcripts (_scan.c) into the wheel where there is a compiler; without one, Python does it.

`TACHOGRAPH_PURE=1` leaves it out, of an editable tree too where one was built there before. setuptools knows the compilers of all platforms; hatchling does everything else.
"""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "src/tachograph/sources/transcripts"
NAME = "_scan"


class CompiledReader(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the extension in place, and names the wheel after what it runs on."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        folder, is_pure = Path(self.root) / FOLDER, bool(os.environ.get("TACHOGRAPH_PURE"))
        if not is_pure or version == "editable":  # a wheel that is merely built leaves the tree beside it as it is
            _unlink(folder)
        built = None if is_pure else compiled(folder)
        if built is None:
            self.app.display_info("The reader of transcripts is not compiled: Python reads them, more slowly.")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version != "editable":
            build_data["force_include"][str(built)] = f"tachograph/sources/transcripts/{built.name}"


def _unlink(folder: Path) -> None:
    """Take away what was built before: it would be loaded, whatever is decided now."""
    for old in [*folder.glob(f"{NAME}*.so"), *folder.glob(f"{NAME}*.pyd")]:
        old.unlink()


def compiled(folder: Path) -> Path | None:
    """The extension, built beside its source; None where that is not possible."""
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
        print(f"The reader of transcripts was not compiled: {error}", file=sys.stderr)
    return next((found for kind in ("so", "pyd") for found in folder.glob(f"{NAME}*.{kind}")), None)
