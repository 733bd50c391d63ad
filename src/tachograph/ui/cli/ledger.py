"""`backup`, `restore` and `purge`: the ledger as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tachograph.clock import Clock
from tachograph.errors import LedgerError, TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.limits.limits import CLAUDE_CODE, COOKIES, OAUTH
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.paths import Paths, own_paths
from tachograph.setup.ledger_files import Offer, Outcome, backup, restorable, restore
from tachograph.setup.purge import Holding, Holdings, holdings, purge
from tachograph.text.format import UNKNOWN, day_and_time, plural, safe, size
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    if name == "backup":
        parser.add_argument("file", metavar="FILE", help="path of the new file")
        parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    else:
        if name == "restore":
            parser.add_argument("file", metavar="FILE", help="a backup: your own, or one that `doctor` lists")
        parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")


def run(arguments: argparse.Namespace, context: Context) -> int:
    done = {"backup": _backup, "restore": _restore, "purge": _purge}[arguments.command](arguments, context)
    if done is None:
        context.say("Nothing was changed.")
        return 1
    for sentence in (*done.did, done.undo):
        print(safe(sentence), file=context.out)
    return 0


def _backup(arguments: argparse.Namespace, context: Context) -> Outcome:
    ask_ledger(arguments, context, lambda _: None)  # so that what was used a moment ago is in it
    return backup(own_paths(context.env), arguments.file, context.clock.now_ms(), force=arguments.force)


def _restore(arguments: argparse.Namespace, context: Context) -> Outcome | None:
    paths = own_paths(context.env)
    offer = restorable(paths, arguments.file)
    if not arguments.yes:
        _show(_offered(offer, paths.ledger, context.clock), context)
        if not _agreed("restore", "Type restore to go on: ", context):
            return None
    before = _allowed(paths, context)
    with _without_recorder(paths, context):
        done = restore(paths, arguments.file, context.clock.now_ms())
        withdrawn = _withdrawn(paths, context, before)
        _renew_ledger_id(paths, context)
    return done._replace(did=(*done.did, *withdrawn))


def _renew_ledger_id(paths: Paths, context: Context) -> None:
    """Make a restored ledger send and fetch everything again: to a hub it is another one."""
    from tachograph.ledger.exchange import tracking
    from tachograph.ledger.storage.open import open_ledger

    with suppress(TachographError), open_ledger(paths, context.clock.now_ms()) as ledger:
        if tracking.is_tracked(ledger.db):
            with ledger.transaction() as db:
                tracking.new_ledger_id(db)


def _purge(arguments: argparse.Namespace, context: Context) -> Outcome | None:
    paths = own_paths(context.env)
    held = holdings(paths)
    if not held.files:
        return Outcome(("There is nothing to delete.",), "Transcripts are Claude Code's; they are not touched.")
    if not arguments.yes:
        _show(_listed(held) + _unnamed(paths, context), context)
        if not _agreed("purge", "Type purge to delete: ", context):
            return None
    with _without_recorder(paths, context, again=False):
        return purge(paths)


@contextmanager
def _without_recorder(paths: Paths, context: Context, *, again: bool = True) -> Iterator[None]:
    """Stop the recorder meanwhile, so that it does not write, and (if `again`) start it afterwards."""
    from tachograph import background

    stopped = background.stop(paths)
    if not again and background.stop(paths, background.TRAY) is not None:
        context.say("The tray was stopped. `tachograph tray` starts it again.")
    if stopped is not None:
        context.say(f"The recorder was stopped.{'' if again else ' `tachograph start` starts it again.'}")
    try:
        yield
    finally:
        if stopped is not None and again:
            background.start(paths, context.env)
            context.say("The recorder runs again.")


def _allowed(paths: Paths, context: Context) -> frozenset[str]:
    """Permissions in the ledger: sources by name, paired browsers by id; empty if the ledger cannot be read."""
    from tachograph.ledger.limits import pairings
    from tachograph.ledger.storage.open import open_ledger
    from tachograph.ledger.storage.preferences import has_consent

    if not os.path.exists(paths.ledger):
        return frozenset()
    try:
        with open_ledger(paths, context.clock.now_ms()) as ledger:
            sources = {name for name in (CLAUDE_CODE, OAUTH, COOKIES) if has_consent(ledger.db, name)}
            return frozenset(sources | {one.name for one in pairings.pairings(ledger.db)})
    except LedgerError:
        return frozenset()


def _withdrawn(paths: Paths, context: Context, before: frozenset[str]) -> list[str]:
    """An old backup brings nothing back that was withdrawn, or allowed to another ledger."""
    from tachograph.ledger.limits import pairings
    from tachograph.ledger.storage.open import open_ledger
    from tachograph.setup import source_catalog

    revived = _allowed(paths, context) - before
    if not revived:
        return []
    now, said = context.clock.now_ms(), []
    with open_ledger(paths, now) as ledger:
        titles = ("Asking Claude Code", "The usage endpoint", "Asking with a browser's cookies")
        for name, title in zip((CLAUDE_CODE, OAUTH, COOKIES), titles, strict=True):
            source = source_catalog.source(name)
            if name in revived and source is not None:
                source_catalog.switch(ledger, source, False, now)
                said.append(f"{title} was on in that backup; it is off now. Turn it on: {source.how}")
        browsers = [one for one in pairings.pairings(ledger.db) if one.name in revived]
        with ledger.transaction() as db:
            for one in browsers:
                pairings.revoke(db, one.id, now)
                said.append(
                    f"{one.browser} was paired in that backup; it isn't any more. Pair it again: tachograph pair"
                )
    return said


def _offered(offer: Offer, ledger: str, clock: Clock) -> list[str]:
    calendar = Calendar(*parsed_zone("local"))
    now = calendar.local(clock.now_ms())

    def until(at: int | None) -> str:
        return UNKNOWN if at is None else day_and_time(calendar.local(at), now)

    there = f"{plural(offer.present.messages, 'message')}, the last of {until(offer.present.last_at)}"
    if offer.present_problem:
        there = f"it cannot be used: {offer.present_problem}"
    return [
        f"This replaces  {ledger}",
        f"               {there}",
        f"by             {offer.source}",
        f"               {plural(offer.counts.messages, 'message')}, the last of {until(offer.counts.last_at)}",
        "The current ledger is kept.",
    ]


def _listed(held: Holdings) -> list[str]:
    made = ["This deletes, for good:"]
    width = max(len(size(file.bytes)) for file in held.files)
    made += [f"  {size(file.bytes):>{width}}  {_what(file, held)}" for file in reversed(held.files)]
    made.append("Transcripts are not touched, nor are settings and backups that you saved elsewhere.")
    if held.foreign:
        made.append(f"Not ours, and not touched: {', '.join(held.foreign[:10])}.")
    gone = held.counts.gone_files if held.counts else 0
    lost = f" {plural(gone, 'transcript that is counted is', 'transcripts that are counted are')} gone." if gone else ""
    made.append(f"Usage from transcripts that Claude Code has deleted can't be counted again.{lost}")
    made.append("`tachograph backup FILE` saves the ledger first.")
    return made


def _unnamed(paths: Paths, context: Context) -> list[str]:
    """Folders that nothing but the ledger names: without it, they would not be read any more."""
    from tachograph.recorder.config_folders import known_to_ledger_alone

    folders = known_to_ledger_alone(paths.ledger, context.env)
    if not folders:
        return []
    return [
        f"Only the ledger knows of {', '.join(folders)}: to go on counting there, add it to config_dirs in [claude] of {paths.settings}."
    ]


def _what(file: Holding, held: Holdings) -> str:
    counted = ""
    if file.what == "ledger" and file is held.files[-1]:
        counted = f", {plural(held.counts.messages, 'message')}" if held.counts else ", cannot be read"
    return f"{file.path}  ({file.what}{counted})"


def _show(lines: list[str], context: Context) -> None:
    for line in lines:
        context.say(safe(line))


def _agreed(word: str, question: str, context: Context) -> bool:
    """Ask the person to type a word. Raises UsageError without a terminal."""
    if not (sys.stdin.isatty() and context.stderr.isatty()):
        raise UsageError(
            f"`tachograph {word}` needs your confirmation, and there is no terminal.",
            "Confirm with --yes.",
        )
    context.stderr.write(question)
    context.stderr.flush()
    return sys.stdin.readline().strip() == word
