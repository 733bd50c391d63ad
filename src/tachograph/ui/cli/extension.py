"""Hands out the browser extension that came with this installation: a copy for each family, in our data folder.

A browser keeps loading it from there, so it stands at a place that an update of the package does not move; every
`tachograph pair --open` brings it up to date.
"""

import os
import shutil

from tachograph import processes
from tachograph.errors import TachographError
from tachograph.paths import Paths, private_folder
from tachograph.ui.cli.context import Context

MANIFEST, FIREFOX_MANIFEST = "manifest.json", "manifest.firefox.json"


def shipped() -> str:
    """The folder of the extension: inside the installed package, or beside it in a checkout."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for folder in (os.path.join(here, "extension"), os.path.join(here, "..", "..", "extension")):
        if os.path.isfile(os.path.join(folder, MANIFEST)):
            return os.path.normpath(folder)
    raise TachographError("This installation doesn't contain the extension.", "Install Tachograph again.")


def copied(paths: Paths) -> dict[str, str]:
    """By family of browsers, the folder that holds the extension for it. Raises TachographError."""
    source = shipped()
    private_folder(paths.data)
    made = {}
    for family, manifest in (("chromium", MANIFEST), ("firefox", FIREFOX_MANIFEST)):
        folder = os.path.join(paths.data, "extension", family)
        try:
            ignored = shutil.ignore_patterns(MANIFEST, FIREFOX_MANIFEST, "*.svg")
            shutil.copytree(source, folder, ignore=ignored, copy_function=shutil.copyfile, dirs_exist_ok=True)
            shutil.copyfile(os.path.join(source, manifest), os.path.join(folder, MANIFEST))
        except OSError as error:
            raise TachographError(f"Can't copy the extension to {folder}: {error.strerror}.") from error
        made[family] = folder
    return made


def hand_out(paths: Paths, context: Context) -> list[str]:
    """Copy the extension, open its folder in the file manager if possible, and print the next steps."""
    folders = copied(paths)
    processes.open_folder(os.path.dirname(folders["chromium"]), context.env)  # the paths are printed anyway
    return [
        "The extension is in no store yet; a browser loads it from a folder:",
        "",
        "  Chrome, Chromium, Edge, Brave, Arc, Opera, Vivaldi",
        "    1. Open  chrome://extensions  and switch on Developer mode.",
        f"    2. Load unpacked:  {folders['chromium']}",
        "  Firefox (until it is closed: it keeps only extensions that Mozilla has signed)",
        "    1. Open  about:debugging#/runtime/this-firefox",
        f"    2. Load Temporary Add-on:  {os.path.join(folders['firefox'], MANIFEST)}",
        "",
        "Then pin Tachograph to the toolbar and open it.",
        "",
    ]
