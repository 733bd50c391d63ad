"""`tachograph sources`: where readings of limits come from; what each reads and sends; on and off."""

from __future__ import annotations

import sys

from tachograph.errors import NotFound, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import set_preference
from tachograph.model.limits.limits import CLAUDE_CODE, COOKIES, OAUTH
from tachograph.paths import Paths, own_paths
from tachograph.queries.limits.source_health import health
from tachograph.recorder.cookie_poller import BROWSER_PREFERENCE, BROWSERS
from tachograph.setup import source_catalog
from tachograph.setup.source_catalog import ON_PAIRING, PASSIVE, Source
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.documents import sources as surface
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

_QUESTIONS = {
    CLAUDE_CODE: "Start Claude Code from time to time to ask for your limits?",
    OAUTH: "Ask the service with your own sign-in?",
}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Without arguments: all sources, their health and last answer. NAME: what it reads and sends. `enable NAME`"
        " explains the source and asks for consent; `disable NAME` turns it off at once."
    )
    parser.add_argument("what", nargs="?", metavar="NAME|enable|disable", help="a source, or enable or disable")
    parser.add_argument("name", nargs="?", metavar="NAME", help="with enable and disable: the source")
    parser.add_argument("--browser", metavar="NAME", help="with `enable cookies`: the browser to read the session of")
    parser.add_argument("--profile", metavar="NAME", help="with enable cookies: its profile, by name or path")
    parser.add_argument("--yes", action="store_true", help="with enable: give consent without being asked")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_question_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    if arguments.what in ("enable", "disable"):
        source = _source(arguments.name)
        return (
            _enable(source, paths, arguments, context)
            if arguments.what == "enable"
            else _disable(source, paths, context)
        )

    def ask(found: Snapshot) -> list[surface.Shown]:
        known = health(found.db, found.now)
        return [
            surface.Shown(one, source_catalog.is_on_in(found.db, one), known[one.name])
            for one in source_catalog.SOURCES
        ]

    chosen = _source(arguments.what) if arguments.what else None
    shown = ask_ledger(arguments, context, ask, limits=True)
    now = context.clock.now_ms()
    if chosen is not None:
        shown = [one for one in shown if one.source == chosen]
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(surface.document(shown, now), context)
        return 0
    made = (
        surface.detail(shown[0], now, context.columns)
        if chosen
        else surface.screen(shown, now, context.columns, context.style)
    )
    for line in made:
        print(line, file=context.out)
    return 0


def _source(name: str | None) -> Source:
    names = ", ".join(one.name for one in source_catalog.SOURCES)
    if not name:
        raise UsageError("Which source?", f"One of {names}.")
    found = source_catalog.source(name)
    if found is None:
        raise NotFound(f"Unknown source {name!r}.", f"Known: {names}.")
    return found


def _enable(source: Source, paths: Paths, arguments: argparse.Namespace, context: Context) -> int:
    if source.kind == PASSIVE:
        print(f"{source.name} needs no consent: it is read if it exists, and sends nothing.", file=context.out)
        if source.how:
            print(f"  {source.how}", file=context.out)
        return 0
    if source.kind == ON_PAIRING:
        print(f"{source.name} is turned on by pairing a browser: {source.how}", file=context.out)
        return 0
    which = _browser(arguments) if source.name == COOKIES else ""
    for line in surface.statement(source, context.columns):
        print(line, file=context.out)
    question = f"Ask claude.ai with the session in {arguments.browser}?" if which else _QUESTIONS[source.name]
    if not arguments.yes and not agrees(f"{question} [y/N] ", context):
        print("Nothing was turned on.", file=context.out)
        return 1
    with open_ledger(paths, context.clock.now_ms()) as ledger:
        source_catalog.switch(ledger, source, True, context.clock.now_ms())
        if which:
            with ledger.transaction() as db:
                set_preference(db, BROWSER_PREFERENCE, which, context.clock.now_ms())
    print(f"{source.name} is on.  Turn it off: tachograph sources disable {source.name}", file=context.out)
    from tachograph import background

    if background.running(paths) is None:
        if not which:
            print("  tachograph now --refresh    ask once, now", file=context.out)
        print("  tachograph start            let the recorder ask, every 5 to 30 minutes", file=context.out)
    else:
        print("The recorder asks within seconds.", file=context.out)
    return 0


def _browser(arguments: argparse.Namespace) -> str:
    """The named browser with its profile, as stored in the ledger. Raises UsageError for one that can't be read."""
    names = ", ".join(BROWSERS)
    if not arguments.browser:
        raise UsageError("Which browser's session?", f"--browser NAME, one of {names}; a profile with --profile.")
    if arguments.browser not in BROWSERS:
        raise UsageError(f"{arguments.browser!r} is not a browser that can be read.", f"One of {names}.")
    import importlib.util

    if importlib.util.find_spec("yt_dlp") is None:
        raise UsageError(
            "The reader of cookie stores is not installed.",
            "pipx inject tachograph yt-dlp; in a clone: pip install '.[cookies]'",
        )
    return f"{arguments.browser}:{arguments.profile}" if arguments.profile else str(arguments.browser)


def _disable(source: Source, paths: Paths, context: Context) -> int:
    if source.kind == PASSIVE:
        raise UsageError(
            f"{source.name} can't be turned off: it only reads files on this machine.",
            "tachograph statusline uninstall takes our status line out." if source.how else "",
        )
    if source.kind == ON_PAIRING:
        raise UsageError(
            f"{source.name} is turned off by revoking its pairings.",
            "tachograph pair --revoke all; pair --list shows them.",
        )
    with open_ledger(paths, context.clock.now_ms()) as ledger:
        source_catalog.switch(ledger, source, False, context.clock.now_ms())
    print(f"{source.name} is off: no more requests. Its readings stay in the ledger.", file=context.out)
    print(f"  Turn it on: tachograph sources enable {source.name}", file=context.out)
    return 0


def agrees(question: str, context: Context) -> bool:
    """Ask a person on a terminal. Raises UsageError without one: consent is never assumed."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "That needs your consent, and there is no terminal to ask on.",
            "Read the above, then give consent with --yes.",
        )
    context.stderr.write(question)
    context.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
