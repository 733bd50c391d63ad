"""`tachograph autostart on|off`: recorder and tray at every login."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tachograph.errors import UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.setup import autostart
from tachograph.setup.autostart import State
from tachograph.text.format import iso, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    import argparse

_HOW = {
    "systemd": "a systemd user unit",
    "desktop": "the desktop's autostart folder",
    "launchd": "a launch agent",
    "run key": "the Run key of the registry",
}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("what", nargs="?", metavar="on|off", help="default: show the current state")
    parser.add_argument("--no-tray", action="store_true", help="with on: only the recorder, as on a server")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.what not in (None, "on", "off"):
        raise UsageError(f"Unknown action {arguments.what!r}.", "Use on or off, or nothing to show the current state.")
    if arguments.what == "on":
        found = autostart.enable(context.env, own_program())
        tray = (autostart.disable if arguments.no_tray else _tray_on)(context.env, job=autostart.TRAY)
    elif arguments.what == "off":
        found, tray = (autostart.disable(context.env, job) for job in autostart.JOBS)
    else:
        found, tray = (autostart.state(context.env, job) for job in autostart.JOBS)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        document = {"format": FORMAT, "generated_at": iso(context.clock.now_ms()), **found._asdict()}
        print_json({**document, "tray": tray._asdict()}, context)
    else:
        print(said(found), file=context.out)
        print(said(tray, "The tray"), file=context.out)
        print(f"  tachograph autostart {'off' if found.is_on or tray.is_on else 'on'}", file=context.out)
    return 0


def _tray_on(env: Mapping[str, str], job: autostart.Job) -> State:
    return autostart.enable(env, own_program(), job)


def said(found: State, what: str = "The recorder") -> str:
    if found.is_on:
        return f"{what} starts at login, by {_HOW[found.how]}: {safe(found.where)}"
    return f"{what} does not start at login."


def own_program() -> list[str]:
    """Our program by its full path: a service has no PATH of a person's. On Windows without a console window."""
    folder = os.path.dirname(os.path.abspath(sys.executable))
    if os.name == "nt":
        windowless = os.path.join(folder, "pythonw.exe")
        program = windowless if os.path.exists(windowless) else os.path.abspath(sys.executable)
        return [program, "-P", "-m", "tachograph"]
    beside = os.path.join(folder, "tachograph")
    return [beside] if os.access(beside, os.X_OK) else [os.path.abspath(sys.executable), "-m", "tachograph"]
