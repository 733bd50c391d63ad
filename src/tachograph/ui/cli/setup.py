"""`tachograph setup`: detect what is here, and let a newcomer choose sources."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tachograph import background
from tachograph.errors import TachographError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.open import open_ledger
from tachograph.model.limits.limits import OAUTH
from tachograph.paths import own_paths
from tachograph.settings import config_folders
from tachograph.setup import autostart, source_catalog, statusline
from tachograph.setup.detection import Detected, detect
from tachograph.setup.settings_tables import add_config_folder
from tachograph.text.format import fold, iso, plural, safe
from tachograph.ui.cli.autostart import own_program
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.reports import FORMAT
from tachograph.ui.documents.sources import statement

if TYPE_CHECKING:
    import argparse

Ask = Callable[[str, bool], bool]  # a question and its default -> yes or no; EOFError where nobody answers any more


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--yes", action="store_true", help="take the defaults; never turns the usage endpoint on")
    parser.add_argument("--json", action="store_true", help="print the findings for programs; changes nothing")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths, now = own_paths(context.env), context.clock.now_ms()
    with open_ledger(paths, now) as ledger:
        found = detect(ledger, context.env, paths)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(_document(found, now), context)
        return 0
    for line in _found_words(found, context):
        print(line, file=context.out)
    if not found.folders and not found.others:
        return 0
    context.out.flush()
    if arguments.yes:
        return _walk(found, context, lambda question, default: default)
    if sys.stdin is None or not sys.stdin.isatty():
        print("\nNothing was changed: there is no terminal to ask on. Do it yourself:", file=context.out)
        if found.others:
            print("  add what is not read yet to config_dirs in [claude] of settings.toml", file=context.out)
        for command in ("statusline install", "sources enable oauth", "autostart on", "tray"):
            print(f"  tachograph {command}", file=context.out)
        return 0
    try:
        return _walk(found, context, lambda question, default: _asked(question, default, context))
    except (EOFError, KeyboardInterrupt):
        print("\nStopped. What you turned on stays on; continue with `tachograph setup`.", file=context.out)
        return 130


def _walk(found: Detected, context: Context, ask: Ask) -> int:
    """The questions, and then how the limits stand."""
    say = _sayer(context)
    _other_folders(found, context, ask, say)
    _status_line(found, context, ask, say)
    _endpoint(found, context, ask, say)
    _at_login(found, context, ask, say)
    _in_the_tray(context, ask, say)
    say("\nBrowser: an extension can read your limits on claude.ai every minute.  tachograph pair --open")
    say("\nWhere your week went: a page in your browser.  tachograph dashboard")
    say("")
    context.out.flush()
    if _knows_limits(context):
        from tachograph.ui.cli import carry_out

        return carry_out(["now"], context)
    say(
        "No reading of your limits yet. Open `claude` in a terminal and ask it something: with our status line its"
        " first answer brings the numbers, and tachograph now shows them. Other ways: tachograph sources"
    )
    return 0


def _knows_limits(context: Context) -> bool:
    from tachograph.queries.limits.current import now as now_question
    from tachograph.recorder.passive_sources import collect

    now = context.clock.now_ms()
    with open_ledger(own_paths(context.env), now) as ledger:
        if not ledger.readable_only:
            collect(ledger, context.env, now)
        return bool(now_question(ledger.db, now).accounts)


def _other_folders(found: Detected, context: Context, ask: Ask, say: Callable[[str], None]) -> None:
    """Offer to count what Claude Code wrote in other config folders. Those of another system may be another person's:
    only a single one is taken by default."""
    for other in found.others:
        where = f", on {other.system}" if other.system else ""
        say(f"\nAnother folder of Claude Code{where}: {safe(other.path)} ({plural(other.transcripts, 'transcript')}).")
        alone = sum(one.system == other.system for one in found.others) == 1
        if not ask("  Count it too?", not other.system or alone):
            continue
        settings = own_paths(context.env).settings
        try:
            add_config_folder(settings, other.path)
            say(f"  Added to config_dirs in {safe(settings)}. Undo: delete it there.")
        except TachographError as error:
            say(f"  {safe(error.message)}\n  {safe(error.hint)}")


def _status_line(found: Detected, context: Context, ask: Ask, say: Callable[[str], None]) -> None:
    missing = [folder for folder in found.folders if not folder.line.is_installed]
    if not missing:
        say("\nStatus line: ours already exists.")
        return
    say("\nStatus line: Claude Code hands the two main percentages to one command of yours, with every answer.")
    other = next((folder.line.other for folder in missing if folder.line.other), None)
    if other:
        say(f"  The one that you have ({safe(other[:60])}) keeps running and is shown first.")
    if not ask("  Install ours?", True):
        return
    for folder in missing:
        try:
            done = statusline.install(context.env, folder.path, statusline.own_command(), context.clock.now_ms())
            say(f"  {safe(done.path)}: {done.said}  Undo: tachograph statusline uninstall")
        except TachographError as error:
            say(f"  {safe(error.message)}\n  {safe(error.hint)}")


def _endpoint(found: Detected, context: Context, ask: Ask, say: Callable[[str], None]) -> None:
    source = source_catalog.source(OAUTH)
    if source is None or found.asks:
        say("\nUsage endpoint: on already.")
        return
    say("")
    for line in statement(source, context.columns):
        say(line)
    if not ask("  Ask the service with your own sign-in?", False):
        return
    with open_ledger(own_paths(context.env), context.clock.now_ms()) as ledger:
        source_catalog.switch(ledger, source, True, context.clock.now_ms())
    say("  It is on.  Turn it off: tachograph sources disable oauth")


def _at_login(found: Detected, context: Context, ask: Ask, say: Callable[[str], None]) -> None:
    if found.starts.is_on:
        say("\nRecorder: it starts at login already.")
        return
    say("\nRecorder: records in the background, asks the sources you turned on, and notifies you near a limit.")
    if not ask("  Start it now and at every login?", True):
        return
    try:
        done = autostart.enable(context.env, own_program())
        say(f"  By {safe(done.where)}.  Undo: tachograph autostart off")
        if done.how != "systemd" and not found.is_running:
            background.start(own_paths(context.env), context.env)
    except TachographError as error:
        say(f"  {safe(error.message)}\n  {safe(error.hint)}")


def _in_the_tray(context: Context, ask: Ask, say: Callable[[str], None]) -> None:
    """Only with a desktop: a person connected to a server is not asked."""
    has_desktop = (
        sys.platform in ("darwin", "win32") or context.env.get("DISPLAY") or context.env.get("WAYLAND_DISPLAY")
    )
    if not has_desktop:
        return
    if autostart.state(context.env, autostart.TRAY).is_on:
        say("\nTray: it starts at login already.")
        return
    say("\nTray: the two percentages in the panel or menu bar, with a menu. It sends no requests.")
    if not ask("  Start it now and at every login?", True):
        return
    try:
        done = autostart.enable(context.env, own_program(), autostart.TRAY)
        say(f"  By {safe(done.where)}.  Undo: tachograph autostart off")
        paths = own_paths(context.env)
        if background.running(paths, background.TRAY) is None:
            background.start(paths, context.env, background.TRAY)
    except TachographError as error:
        say(f"  {safe(error.message)}\n  {safe(error.hint)}")


def _sayer(context: Context) -> Callable[[str], None]:
    def say(text: str) -> None:
        for line in text.split("\n"):
            hang = " " * (len(line) - len(line.lstrip()) + 2)
            print("\n".join(fold(line, context.columns, hang)), file=context.out, flush=True)

    return say


def _asked(question: str, default: bool, context: Context) -> bool:
    while True:
        context.stderr.write(f"{question} [{'Y/n' if default else 'y/N'}] ")
        context.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        word = line.strip().lower()
        if word in ("", "y", "yes", "n", "no"):
            return default if not word else word.startswith("y")
        context.stderr.write("  y or n, please.\n")


def _found_words(found: Detected, context: Context) -> list[str]:
    if not found.folders and not found.others:
        where = " or ".join(config_folders(context.env))
        return [
            f"No Claude Code folder here ({safe(where)}).",
            "Run `claude` once and sign in, then run setup again. Or try invented data: tachograph demo",
            "Only use claude.ai? Read its limits in your browser: tachograph pair --open",
        ]
    made = []
    for folder in found.folders:
        made.append(safe(folder.path))
        who = ", ".join(part for part in (safe(folder.label), safe(folder.plan)) if part)
        made.append(f"  signed in   {who or safe(folder.problem) or 'no account'}")
        made.append(f"  transcripts {plural(folder.transcripts, 'file')}")
        if folder.line.problem:
            made.append(f"  settings    {safe(folder.line.problem)}")
    made += [f"Not read yet: {safe(other.path)} ({plural(other.transcripts, 'file')})" for other in found.others]
    if found.desktop:
        made.append("Claude Desktop keeps a history of your limits here; it is read.")
    return made


def _document(found: Detected, now: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(now),
        "folders": [
            {
                "folder": folder.path,
                "transcripts": folder.transcripts,
                "label": folder.label or None,
                "plan": folder.plan or None,
                "has_login": folder.has_login,
                "statusline": folder.line.is_installed,
                "other_statusline": folder.line.other,
                "problem": folder.problem or folder.line.problem or None,
            }
            for folder in found.folders
        ],
        "other_folders": [
            {"folder": other.path, "transcripts": other.transcripts, "system": other.system or None}
            for other in found.others
        ],
        "desktop": found.desktop > 0,
        "oauth": found.asks,
        "autostart": found.starts.is_on,
        "recorder": found.is_running,
    }
