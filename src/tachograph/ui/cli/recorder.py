"""`start`, `stop`, `status`: the recorder, which keeps the record up to date in the background."""

from __future__ import annotations

from typing import Any

from tachograph import background
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.limits import poll_state
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import get_preference, has_consent
from tachograph.model.limits.limits import EXPIRED, FORBIDDEN, OAUTH, OK
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.paths import Paths, own_paths
from tachograph.recorder.log import logger
from tachograph.recorder.services import OFF, Service
from tachograph.settings import load
from tachograph.text.format import duration, iso, safe
from tachograph.ui.cli.commands import HIDDEN
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    import argparse

_SILENT_MS = 120_000  # it shows a sign of life at every step, which take seconds


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    if name == "start":
        parser.add_argument(
            "--foreground",
            action="store_true",
            help="run in the foreground and log to the terminal (for services); Ctrl-C ends it",
        )
        parser.add_argument("--log", action="store_true", help=HIDDEN)  # say it to the log file instead
    if name == "status":
        parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    if arguments.command == "start":
        return _foreground(arguments, context, paths) if arguments.foreground else _start(context, paths)
    return _stop(context, paths) if arguments.command == "stop" else _status(arguments, context, paths)


def _start(context: Context, paths: Paths) -> int:
    found = background.running(paths)
    if found is not None and not background.is_elsewhere(paths, found):
        context.out.write(f"The recorder is already running (process {found.pid}).\n")
        return 0
    found = background.start(paths, context.env, say=context.say)
    if found.note:
        context.say(f"It can't record yet: {found.note}")
    context.out.write(
        f"The recorder runs (process {found.pid}).\n"
        "  tachograph status          what it does\n"
        "  tachograph stop            ends it\n"
        "  tachograph autostart on    starts it at every login\n"
    )
    return 0


def _stop(context: Context, paths: Paths) -> int:
    found = background.stop(paths)
    context.out.write("The recorder isn't running.\n" if found is None else "The recorder has ended.\n")
    return 0


def _foreground(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    import gc
    import threading

    from tachograph.recorder import daemon

    gc.enable()  # a command that ends at once does without; this one stays
    daemon.protect()  # before anybody can see that it runs
    lock = background.acquire(paths, context.clock)
    if lock is None:
        found = background.running(paths)
        context.say(f"The recorder is already running (process {found.pid if found else 'unknown'}).")
        return 0
    stop = threading.Event()
    daemon.end_on_signals(stop.set)
    say = logger(paths.log("recorder") if arguments.log else None, context.clock, context.say)
    say(f"The recorder has started (process {background.own_id()}).")
    try:
        beside = _services(paths, context)
        daemon.run(
            paths,
            context.env,
            context.clock,
            say,
            stop.wait,
            lock.beat,
            beside,
            lock.set_services,
            lock.set_note,
            lambda: lock.is_in_place,
        )
    except daemon.FolderMoved as moved:
        context.say(f"{moved.message} {moved.hint}")  # in the background standard error is the log that moved along
    except daemon.Interrupted:
        say("A step was interrupted; the next start repeats it.")
    finally:
        say("The recorder has ended.")
        lock.release()
    return 0


def _services(paths: Paths, context: Context) -> list[Service]:
    """Services inside the recorder; none of them listens before a person turned it on."""
    from tachograph.ui.cli.bridge_service import BridgeService
    from tachograph.ui.cli.dashboard_service import DashboardService
    from tachograph.ui.cli.hub.service import HubClient

    env, clock = context.env, context.clock
    return [BridgeService(paths, clock), DashboardService(env, clock), HubClient(paths, clock)]


# -- status ----------------------------------------------------------------------------------------------------


def _status(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    """Exit code 0 where it runs, 1 where it does not."""
    now = context.clock.now_ms()
    found = background.running(paths)
    if background.is_elsewhere(paths, found):
        found = None  # it notices within seconds, and ends
    with open_ledger(paths, now) as ledger:
        asked, consent = poll_state.states(ledger.db), has_consent(ledger.db, OAUTH)
        alarms = get_preference(ledger.db, "alarms", "on")
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(_document(found, asked, consent, alarms, now), context)
        return 0 if found else 1
    calendar = Calendar(*parsed_zone(load(paths.settings).timezone))

    def at(moment: int) -> str:
        return f"{calendar.local(moment):%H:%M:%S}"

    if found is None:
        context.out.write("The recorder isn't running. Start it: tachograph start\n")
    else:
        silent = now - found.beat_at
        aside = f"; no sign of life for {duration(silent / 1000)}" if silent > _SILENT_MS else ""
        since = f"{calendar.local(found.started_at):%Y-%m-%d %H:%M}"
        context.out.write(f"The recorder runs since {since} (process {found.pid}, {safe(found.version)}){aside}.\n")
    if not consent:
        context.out.write("The usage endpoint is off. See what it adds: tachograph sources oauth\n")
    for state in asked if consent else ():
        said = "answered" if state.outcome == OK else f"{state.outcome}: {safe(state.problem)}"
        later = f"next at {at(state.next_at)}" if found is not None else "next when the recorder runs"
        if state.outcome in (EXPIRED, FORBIDDEN):
            later = "next after Claude Code has signed in again"
        context.out.write(f"Usage endpoint, {safe(state.folder)}: asked {at(state.asked_at)}, {said}; {later}.\n")
    for name, how, text in found.services if found is not None else ():
        if how != OFF:
            context.out.write(f"{safe(name[:1].upper() + name[1:])}: {safe(text or how)}.\n")
    context.out.write(f"Notifications about limits are {alarms}.\n")
    return 0 if found else 1


def _document(
    found: background.Running | None, asked: list[poll_state.Poll], consent: bool, alarms: str, now: int
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(now),
        "running": found is not None,
        "process": None
        if found is None
        else {
            "pid": found.pid,
            "started_at": iso(found.started_at),
            "alive_at": iso(found.beat_at),
            "version": found.version,
        },
        "services": [
            {"service": name, "state": state, "text": text or None}
            for name, state, text in (found.services if found is not None else ())
        ],
        "oauth": consent,
        "alarms": alarms == "on",
        "polls": [
            {
                "folder": state.folder,
                "asked_at": iso(state.asked_at or None),
                "answered_at": iso(state.answered_at or None),
                "next_at": iso(state.next_at or None),
                "outcome": state.outcome or None,
                "problem": state.problem or None,
            }
            for state in asked
        ],
    }
