"""What every command that shows numbers does first: settings, ledger, one pass over the transcripts."""

import argparse
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.ledger.storage.connection import Ledger, open_ledger, translated
from tachograph.ledger.usage.files import problem_counts
from tachograph.model.usage.periods import Calendar, parsed_weekday, parsed_zone
from tachograph.model.usage.prices import PriceBook, load
from tachograph.paths import Paths, own_paths
from tachograph.settings import Settings
from tachograph.settings import load as load_settings
from tachograph.workspace.terminal_io import Context

T = TypeVar("T")
_RESCUES = 3  # another command may be at it too: whoever opens the ledger in that moment may find it damaged once more
PROGRESS_AFTER = 0.5  # seconds: what is over sooner needs no progress


class Reading(NamedTuple):
    """All that a question needs."""

    db: sqlite3.Connection
    book: PriceBook
    calendar: Calendar
    settings: Settings
    paths: Paths
    now: int
    is_stale: bool  # what was there to be read could not be taken in
    limit_problems: tuple[str, ...] = ()  # what hindered the passive sources of limits


def problems(now: Reading) -> dict[str, int]:
    """What is missing from the numbers, by kind, as reports say it."""
    return {**problem_counts(now.db), "not_updated": int(now.is_stale)}


def reading(
    arguments: argparse.Namespace,
    context: Context,
    ask: Callable[[Reading], T],
    *,
    limits: bool = False,
    learns: bool = False,
) -> T:
    """Open the ledger, bring it up to date, ask. A damaged ledger is set aside and rebuilt, then asked once more.

    `limits`: what other programs here know of the limits is taken in as well; `learns`: and learned from.
    """
    paths = own_paths(context.env)
    settings = load_settings(paths.settings)
    for problem in settings.problems:
        context.say(f"tachograph: {problem}")
    calendar = _calendar(arguments, settings)
    book, wrong = load(settings.prices)
    for problem in wrong:
        context.say(f"tachograph: {paths.settings}: {problem}")
    now = context.clock.now_ms()

    def once() -> T:
        with open_ledger(paths, now) as ledger:
            wanted = not getattr(arguments, "no_ingest", False)
            is_stale = wanted and not _ingest(ledger, paths, context, now)
            found = _collect(ledger, context, now) if limits and wanted and not is_stale else ()
            if learns and wanted and not is_stale:
                _learn(ledger, book, context, now)
            with translated(ledger.path):
                try:
                    return ask(Reading(ledger.db, book, calendar, settings, paths, now, is_stale, found))
                except (KeyError, TypeError) as error:  # what a flipped byte in the file may come to
                    from tachograph.ledger.storage.integrity import verdict

                    if problem := verdict(ledger.path).problem:
                        raise LedgerDamaged(f"The ledger {ledger.path} is damaged: {problem}.") from error
                    raise

    for _ in range(_RESCUES):
        try:
            return once()
        except LedgerDamaged as damage:
            from tachograph.setup.recovery import rescue

            for sentence in rescue(paths, now, damage.message):
                context.say(f"tachograph: {sentence}")
    return once()


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    words = "cut days in this zone, such as Europe/Berlin (default: the system's)"
    parser.add_argument("--timezone", metavar="ZONE", help=words, default=argparse.SUPPRESS)
    words = "show what the ledger holds, read nothing new"
    parser.add_argument("--no-ingest", action="store_true", help=words, default=argparse.SUPPRESS)


def _calendar(arguments: argparse.Namespace, settings: Settings) -> Calendar:
    zone, name = parsed_zone(getattr(arguments, "timezone", None) or settings.timezone)
    start = getattr(arguments, "week_start", None)
    return Calendar(zone, name, parsed_weekday(start) if start else settings.week_start)


def _ingest(ledger: Ledger, paths: Paths, context: Context, now: int) -> bool:
    """Bring the ledger up to date; whether that succeeded. What hinders it is said, and what is there is shown."""
    if ledger.readable_only:
        context.say(f"tachograph: The ledger is only read, nothing new is added to it: {ledger.readable_only}.")
        return False
    from tachograph.recorder.ingest import ingest

    try:
        with _progress(context) as progress, translated(ledger.path):
            done = ingest(ledger, context.env, now, progress)
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        context.say(f"tachograph: {trouble.message} {trouble.hint}".rstrip())
        busy = "being written" if isinstance(trouble, LedgerBusy) else "not up to date"
        context.say(f"tachograph: What follows is what the ledger held before; it is {busy}.")
        return False
    if done.read:
        _back_up(ledger, paths, context, now)
    return True


def _collect(ledger: Ledger, context: Context, now: int) -> tuple[str, ...]:
    """Take in what is known of the limits; what hindered it, in words."""
    from tachograph.recorder.passive_sources import collect

    try:
        return tuple(collect(ledger, context.env, now))
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        return (trouble.message,)


def _learn(ledger: Ledger, book: PriceBook, context: Context, now: int) -> None:
    """Keep what is learned, so that the next question finds it. What hinders that hinders no answer: it learns anew."""
    from tachograph.queries.limits.current import now as now_question
    from tachograph.recorder.learn import catch_up

    try:
        with translated(ledger.path):
            catch_up(ledger, book, now_question(ledger.db, now).accounts, now)
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        context.say(f"tachograph: {trouble.message} {trouble.hint}".rstrip())


def _back_up(ledger: Ledger, paths: Paths, context: Context, now: int) -> None:
    """Make the weekly backup where it is due. What hinders that is said; it hinders no report."""
    from tachograph.ledger.storage.backups import weekly_backup

    try:
        with translated(ledger.path):
            weekly_backup(ledger.db, paths, now)
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        context.say(f"tachograph: {trouble.message} {trouble.hint}".rstrip())


@contextmanager
def _progress(context: Context) -> Iterator[Callable[[int, int], None] | None]:
    """Progress of a long pass, on a terminal: one line that is wiped at the end."""
    if not context.talk.isatty():
        yield None
        return
    from tachograph.text.format import size

    began, shown = context.clock.monotonic(), False

    def progress(done: int, total: int) -> None:
        nonlocal shown
        if total and context.clock.monotonic() - began > PROGRESS_AFTER:
            shown = True
            bar = "█" * round(24 * done / total)
            words = f"Reading transcripts  {bar:░<24}  {size(done)} of {size(total)}"
            context.talk.write(f"\r\x1b[2K{words}")
            context.talk.flush()

    try:
        yield progress
    finally:
        if shown:
            context.talk.write("\r\x1b[2K")
            context.talk.flush()
