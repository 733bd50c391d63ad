"""`tachograph autostart on|off`: the recorder at every login."""

import argparse
import os
import sys

from tachograph.errors import UsageError
from tachograph.setup import autostart
from tachograph.setup.autostart import State
from tachograph.surfaces.output import Context
from tachograph.surfaces.reports import FORMAT, iso
from tachograph.surfaces.text import safe

_HOW = {
    "systemd": "a systemd user unit",
    "desktop": "the desktop's autostart folder",
    "launchd": "a launch agent",
    "run key": "the Run key of the registry",
}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("what", nargs="?", metavar="on|off", help="without it: how it is now")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.what not in (None, "on", "off"):
        raise UsageError(f"autostart {arguments.what!r} is not understood.", "on or off, or nothing to see how it is.")
    if arguments.what == "on":
        found = autostart.on(context.env, own_program())
    elif arguments.what == "off":
        found = autostart.off(context.env)
    else:
        found = autostart.state(context.env)
    if arguments.json:
        from tachograph.surfaces.cli.reports import print_json

        document = {"format": FORMAT, "generated_at": iso(context.clock.now_ms()), **found._asdict()}
        print_json(document, context)
    else:
        print(said(found), file=context.out)
    return 0


def said(found: State) -> str:
    how = _HOW[found.how]
    if found.is_on:
        return f"The recorder starts at login, by {how}: {safe(found.where)}\n  Back: tachograph autostart off"
    return "The recorder does not start at login.  tachograph autostart on"


def own_program() -> list[str]:
    """Our program by its full path: a service has no PATH of a person's."""
    name = "tachograph.exe" if os.name == "nt" else "tachograph"
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), name)
    return [beside] if os.access(beside, os.X_OK) else [os.path.abspath(sys.executable), "-m", "tachograph"]
