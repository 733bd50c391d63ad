"""`tachograph watch`: a live screen in the terminal; one frame of it; or states for programs."""

from __future__ import annotations

import os
import sys
from typing import Any

from tachograph import background
from tachograph.clock import FixedClock
from tachograph.errors import TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import parsed_zone
from tachograph.queries.live import LiveState, live_state
from tachograph.queries.usage.problems import Problems
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.terminal.layout import LINE, frame, layout_for
from tachograph.ui.terminal.themes import THEMES, ansi, usual
from tachograph.ui.terminal.view import LAYOUTS, SORTS, Around, View
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

STEP_SECONDS = 1.0
_PIPED_COLUMNS = 100
_AT_LATEST_SECONDS = 15.0  # between two states for programs, though nothing changed: ages grow


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "A live screen: limits with their history, burn rate, active sessions, the last"
        " messages. It sends no requests; it shows what the recorder stores, and starts it if needed. ? shows the keys."
    )
    parser.add_argument(
        "--layout", choices=LAYOUTS, default="auto", help="size of the screen (default: by the terminal's size)"
    )
    parser.add_argument("--theme", choices=("auto", *THEMES), default="auto", help="NO_COLOR overrides it")
    parser.add_argument("--sort", choices=SORTS, default="last", help="order of the sessions")
    parser.add_argument("--filter", metavar="WORDS", default="", help="only sessions with these words in them")
    parser.add_argument("--once", action="store_true", help="print one frame and exit")
    parser.add_argument("--json", action="store_true", help="print a state per line whenever something changes")
    parser.add_argument("--title", action="store_true", help="show the two numbers in the terminal's title")
    parser.add_argument(
        "--every", type=_seconds, default=STEP_SECONDS, metavar="SECONDS", help="seconds between updates (default: 1)"
    )
    parser.add_argument("--no-recorder", action="store_true", help="don't start the recorder")
    add_question_flags(parser)


def _seconds(text: str) -> float:
    """Between a twentieth of a second and an hour."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.05 <= value <= 3600:
        import argparse

        raise argparse.ArgumentTypeError("give seconds from 0.05 to 3600")
    return value


def run(arguments: argparse.Namespace, context: Context) -> int:
    zone = getattr(arguments, "timezone", None)
    if zone is not None:
        parsed_zone(zone)
    if arguments.once:
        return _once(arguments, context)
    if arguments.json:
        return _stream(arguments, context)
    if not context.is_terminal or not os.isatty(0):
        raise UsageError(
            "A live screen needs a terminal.", "Print one frame with --once, or states for programs with --json."
        )
    if context.env.get("TERM") in ("dumb", ""):
        raise UsageError("This terminal can't show a live screen (TERM).", "Print one frame with --once.")
    return _live(arguments, context, _terminal_program(context))


def _terminal_program(context: Context) -> Any:
    """The function that shows the live screen: by Textual, or by the functions of a Windows console without escape
    codes (before Windows 10, with its "legacy console", under Wine)."""
    if sys.platform == "win32" and not context.has_escape_codes:
        from tachograph.ui.terminal import windows_console

        return windows_console.run
    try:
        from tachograph.ui.terminal import app
    except ImportError as error:
        raise TachographError(
            f"The live screen needs a missing package: {error.name}.", "pip install textual"
        ) from error
    return app.run


def _live(arguments: argparse.Namespace, context: Context, show: Any) -> int:
    import gc

    from tachograph.ui.terminal.controller import Engine

    gc.enable()  # a command that ends at once does without; this one stays
    engine = Engine(context.env, context.clock, getattr(arguments, "timezone", None))
    try:
        _begin(arguments, context, engine)
        view = _view(arguments, context)
        code: int = show(engine, view, env=context.env, step=arguments.every, titled=arguments.title)
        return code
    finally:
        engine.close()


def _begin(arguments: argparse.Namespace, context: Context, engine: Any) -> None:
    """Start or find the recorder; where the clock stands, as in a demo, take in what there is: nothing else will come."""
    if isinstance(context.clock, FixedClock):
        ask_ledger(arguments, context, lambda found: found.now, limits=True)
    elif not arguments.no_recorder:
        engine.start_recorder()


def _view(arguments: argparse.Namespace, context: Context) -> View:
    theme = usual(context.env) if arguments.theme == "auto" else arguments.theme
    return View(arguments.layout, theme, arguments.sort, arguments.filter)


# -- one frame -------------------------------------------------------------------------------------------------


def _once(arguments: argparse.Namespace, context: Context) -> int:
    from tachograph.ui.terminal.controller import why

    def ask(found: Snapshot) -> tuple[LiveState, Snapshot, Problems, str]:
        state = live_state(found.db, found.book, found.calendar, found.now, left=found.settings.shows_left)
        is_unseen = arguments.json or arguments.layout in ("line", "pane")  # nobody would see the sentence there
        return state, found, found.problems, "" if is_unseen else why(found.db, found.book, state)

    state, found, problems, whose = ask_ledger(arguments, context, ask, limits=True)
    state = state._replace(problems=problems)
    recorder = background.running(found.paths) is not None
    if arguments.json:
        print(_line(state, recorder, "", list(found.limit_problems)), file=context.out)
        return 0
    around = Around("runs" if recorder else "none", " ".join(found.limit_problems), why=whose, is_live=False)
    columns, rows = _size(context)
    layout = layout_for(columns, rows, arguments.layout)
    rows = 1 if layout == LINE else rows if arguments.layout == "auto" and rows is not None and rows < 12 else None
    made = frame(state, around, _view(arguments, context)._replace(layout=layout), found.calendar, columns, rows)
    has_codes, colour = context.has_escape_codes, context.has_color
    for row in made.rows:
        line = ansi(row, colour=colour) if has_codes else "".join(cell.text for cell in row).rstrip()
        print(line, file=context.out)
    return 0


def _size(context: Context) -> tuple[int, int | None]:
    """Columns and rows: what the environment says, else the terminal; piped, there is all the room that it takes."""
    sizes = [int(value) if (value := context.env.get(name, "")).isdecimal() else 0 for name in ("COLUMNS", "LINES")]
    columns, rows = sizes
    if context.is_terminal and not (columns and rows):
        try:
            there = os.get_terminal_size(context.out.fileno())
        except (OSError, ValueError):
            there = os.terminal_size((80, 24))
        columns, rows = columns or there.columns, rows or there.lines
    return max(10, columns or _PIPED_COLUMNS), rows or None


# -- for programs ----------------------------------------------------------------------------------------------


def _stream(arguments: argparse.Namespace, context: Context) -> int:
    """Print a state on each line until the reader closes the pipe."""
    import gc

    from tachograph.ui.terminal.controller import Engine

    gc.enable()
    engine = Engine(context.env, context.clock, getattr(arguments, "timezone", None))
    _begin(arguments, context, engine)
    last, said_at = None, float("-inf")
    try:
        while True:
            state, around = engine.look()
            mono = context.clock.monotonic()
            known = (state._replace(at=0), around.recorder == "runs", around.trouble)
            if known != last or mono - said_at >= _AT_LATEST_SECONDS:
                print(_line(state, around.recorder == "runs", around.trouble, []), file=context.out, flush=True)
                last, said_at = known, mono
            background.pause(arguments.every)
    except KeyboardInterrupt:
        return 0
    finally:
        engine.close()


def _line(state: LiveState, recorder: bool, trouble: str, problems: list[str]) -> str:
    import json

    from tachograph.ui.terminal.json_document import document

    made = document(state, recorder=recorder, trouble=trouble, problems=problems)
    return json.dumps(made, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
