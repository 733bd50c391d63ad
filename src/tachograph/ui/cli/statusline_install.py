"""`tachograph statusline install|uninstall`: Claude Code's settings.json, changed by a few characters and back."""

from __future__ import annotations

import os

from tachograph.errors import TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.settings import config_folders
from tachograph.setup import statusline
from tachograph.text.format import safe
from tachograph.ui.cli.context import Context

if TYPE_CHECKING:
    import argparse


def install_or_uninstall(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.what not in ("install", "uninstall"):
        raise UsageError(
            f"Unknown action {arguments.what!r}.", "Use install or uninstall, or nothing to print the line."
        )
    if arguments.config_dir:
        folders = [os.path.abspath(os.path.expanduser(arguments.config_dir))]
        if not os.path.isdir(folders[0]):
            raise UsageError(f"{folders[0]} is not a folder.", "Name a Claude Code config folder, such as ~/.claude.")
    else:
        known = config_folders(context.env)
        folders = [folder for folder in known if os.path.isdir(folder)]
        if not folders:
            raise TachographError(
                f"No Claude Code folder ({' or '.join(known)}).",
                "Run `claude` once, or name the folder with --config-dir.",
            )
    now, code = context.clock.now_ms(), 0
    for folder in folders:
        try:
            if arguments.what == "install":
                command = statusline.own_command(limits_only=arguments.limits_only)
                done = statusline.install(context.env, folder, command, now)
            else:
                done = statusline.uninstall(context.env, folder, now)
        except TachographError as error:
            context.say(f"tachograph: {error.message}\n            {error.hint}")
            code = error.exit_code
            continue
        print(f"{safe(done.path)}: {done.said}", file=context.out)
        if done.changed and done.backup:
            print(f"  The file before is kept as {safe(done.backup)}", file=context.out)
        if done.changed and arguments.what == "install":
            print("  Undo: tachograph statusline uninstall", file=context.out)
    return code
