"""`dashboard`: open the local page, starting the recorder that serves it if need be."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from tachograph import background, processes
from tachograph.clock import Clock
from tachograph.errors import TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import set_preference
from tachograph.paths import Paths, own_paths
from tachograph.recorder.services import FAILED, RUNNING
from tachograph.server import access_keys, launch_file
from tachograph.text.format import safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.dashboard_service import DASHBOARD, status_text
from tachograph.ui.dashboard.server import free_port

if TYPE_CHECKING:
    import argparse

_PATIENCE_SECONDS = 30.0  # the recorder looks every few seconds; a first reading comes before that


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--no-open", action="store_true", help="print the link, open no browser")
    parser.add_argument("--port", type=int, metavar="N", help="listen on this port of 127.0.0.1 from now on")
    parser.add_argument(
        "--token",
        action="store_true",
        help="print the token for programs that read its JSON, valid until the recorder's next start",
    )
    parser.add_argument("--new-keys", action="store_true", help="end all open pages and tokens, then open it again")
    parser.add_argument("--off", action="store_true", help="stop the dashboard")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    if arguments.port is not None and not 1024 <= arguments.port <= 65535:
        raise UsageError(f"--port {arguments.port}: give a number from 1024 to 65535.")
    if arguments.off:
        _choose(paths, context, "off")
        context.out.write("Dashboard stopped.  Restart: tachograph dashboard\n")
        return 0
    known = _keys(paths, arguments)
    if arguments.token:
        if background.running(paths) is None:
            context.say("The dashboard doesn't run: this token ends at its next start. Start it: tachograph dashboard")
        context.out.write(f"{known.api}\n")
        return 0
    _choose(paths, context, "on")
    is_new = background.running(paths) is None
    if is_new:
        background.start(paths, context.env, say=context.say)
    wait_until_served(paths, known)
    if is_new:
        context.say("Recorder started; it serves the page. `tachograph stop` stops both.")
    ticket = known.ticket(context.clock.now_ms())
    if arguments.no_open or not open_browser(paths, known, ticket, context.env):
        context.out.write(f"{address(known)}#t={ticket}\n")
        context.say("The link works once, within a minute.")
    else:
        context.out.write(f"The dashboard is open: {address(known)}\n")
        context.say("If your browser can't open it: tachograph dashboard --no-open")
    return 0


def address(known: access_keys.Keys) -> str:
    return f"http://127.0.0.1:{known.port}/"


def _keys(paths: Paths, arguments: argparse.Namespace) -> access_keys.Keys:
    known = access_keys.load(paths)
    if known is None:
        return access_keys.renew(paths, arguments.port or free_port())
    if arguments.new_keys:
        return access_keys.renew(paths, arguments.port or known.port)
    if arguments.port and arguments.port != known.port:
        return access_keys.write(paths, known._replace(port=arguments.port))
    return known


def _choose(paths: Paths, context: Context, value: str) -> None:
    now = context.clock.now_ms()
    with open_ledger(paths, now) as ledger, ledger.transaction() as db:
        set_preference(db, DASHBOARD, value, now)


def wait_until_served(paths: Paths, known: access_keys.Keys) -> None:
    """Wait until the recorder listens at our port, the only program that may get the ticket. Raises TachographError."""
    clock = Clock()  # the system's, wherever a test has set ours
    end = clock.monotonic() + _PATIENCE_SECONDS
    while clock.monotonic() < end:
        found = background.running(paths)
        if found is None:
            break
        for name, state, text in found.services:
            if name == DASHBOARD and state == RUNNING and text == status_text(known):
                return
            if name == DASHBOARD and state == FAILED and f"port {known.port} " in text:
                raise TachographError(
                    f"The dashboard can't listen: {safe(text)}.",
                    "Choose another port with `tachograph dashboard --port N`. The recorder keeps running.",
                )
        background.pause(0.05)
    raise TachographError(
        "The recorder doesn't serve the page yet.", "Check it with `tachograph status`, then try again."
    )


def open_browser(paths: Paths, known: access_keys.Keys, ticket: str, env: Mapping[str, str]) -> bool:
    """Open a browser. Returns False without one. Its command line, which others can read, does not hold the ticket."""
    return open_link(paths, f"{address(known)}#t={ticket}", ticket, env)


def open_link(paths: Paths, link: str, ticket: str, env: Mapping[str, str]) -> bool:
    """Open a browser at a link with a ticket in it; False without one. Its command line does not hold the ticket."""
    with suppress(OSError):
        if processes.open_address(launch_file.write(paths, link, ticket), env):
            return True
    launch_file.remove(paths, ticket)
    return False
