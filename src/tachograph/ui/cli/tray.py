"""`tachograph tray`: the two numbers in the desktop's tray, and the recorder with it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tachograph import background
from tachograph.errors import TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.paths import Paths, own_paths
from tachograph.recorder.log import last_problem, logger
from tachograph.text.format import iso, safe
from tachograph.ui.cli.commands import HIDDEN
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.reports import FORMAT
from tachograph.ui.tray import platform

if TYPE_CHECKING:
    import argparse

_WHAT = ("start", "stop", "status")
_NOTE_SECONDS = 3.0  # for the tray to learn whether the desktop shows it


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Starts the tray in the background, and the recorder if needed: two percentages, a color, and a"
        " menu that stays open while its numbers change. It sends no requests; it shows what the recorder stores."
    )
    parser.add_argument("what", nargs="?", metavar="stop|status", help="stop it, or show its state (default: start)")
    parser.add_argument(
        "--foreground", action="store_true", help="run in the foreground and log to the terminal (for services)"
    )
    parser.add_argument("--log", action="store_true", help=HIDDEN)  # say it to the log file instead
    parser.add_argument("--json", action="store_true", help="with status: for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.what not in (None, *_WHAT):
        raise UsageError(
            f"Unknown action {arguments.what!r}.", f"Use one of {', '.join(_WHAT)}, or nothing to start it."
        )
    paths = own_paths(context.env)
    if arguments.what == "stop":
        found = background.stop(paths, background.TRAY)
        print(
            "The tray isn't running." if found is None else "Tray stopped; the recorder keeps running.",
            file=context.out,
        )
        return 0
    if arguments.what == "status":
        return _status(arguments, context, paths)
    return _foreground(arguments, context, paths) if arguments.foreground else _start(context, paths)


def _start(context: Context, paths: Paths) -> int:
    found = background.running(paths, background.TRAY)
    if found is not None:
        print(f"The tray is already running (process {found.pid}). {safe(found.note)}".rstrip(), file=context.out)
        return 0
    found = background.start(paths, context.env, background.TRAY)
    end = context.clock.monotonic() + _NOTE_SECONDS
    while found is not None and not found.note and context.clock.monotonic() < end:
        background.pause(0.05)
        found = background.running(paths, background.TRAY)
    if found is None:
        raise TachographError(
            f"The tray stopped right after it started. {last_problem(paths.log('tray'))}".rstrip(),
            "See more with `tachograph tray --foreground`.",
        )
    print(f"The tray runs (process {found.pid}). {safe(found.note)}".rstrip(), file=context.out)
    print(
        "  tachograph tray stop       stops it\n  tachograph autostart on    starts it at every login", file=context.out
    )
    return 0


def _foreground(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    import gc

    from tachograph.ui.tray.controller import TrayController

    gc.enable()  # a command that ends at once does without; this one stays
    draw = _shell()
    lock = background.acquire(paths, context.clock, background.TRAY)
    if lock is None:
        found = background.running(paths, background.TRAY)
        context.say(f"The tray is already running (process {found.pid if found else 'unknown'}).")
        return 0
    say = logger(paths.log("tray") if arguments.log else None, context.clock, context.say)
    try:
        if background.running(paths) is None:
            background.start(paths, context.env)
        engine = TrayController(context.env, context.clock, lock)
        say("The tray has started.")
        return draw(platform.TrayCallbacks(engine.look, engine.act, say, lock.set_note))
    except TachographError as trouble:
        say(f"{trouble.message} {trouble.hint}".strip())
        raise
    finally:
        say("The tray has ended.")
        lock.release()


def _shell() -> Callable[[platform.TrayCallbacks], int]:
    """The function that draws the tray on this platform."""
    try:
        if sys.platform == "darwin":
            from tachograph.ui.tray.macos import run
        elif sys.platform == "win32":
            from tachograph.ui.tray.windows import run
        else:
            from tachograph.ui.tray.linux import run
    except ImportError as error:
        raise TachographError(f"The tray needs a missing package: {error.name}.", platform.ALTERNATIVES) from error
    return run


def _status(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    """Exit code 0 where it runs, 1 where it does not."""
    found = background.running(paths, background.TRAY)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        document = {
            "format": FORMAT,
            "generated_at": iso(context.clock.now_ms()),
            "running": found is not None,
            "process": None if found is None else {"pid": found.pid, "started_at": iso(found.started_at)},
            "note": found.note or None if found is not None else None,
        }
        print_json(document, context)
    elif found is None:
        print("The tray isn't running. Start it: tachograph tray", file=context.out)
    else:
        print(f"The tray runs (process {found.pid}). {safe(found.note)}".rstrip(), file=context.out)
    return 0 if found else 1
