"""Questions of a command to the ledger: the flags they share, and progress on the terminal."""

from __future__ import annotations

from tachograph.lean_contextlib import contextmanager
from tachograph.lean_typing import TYPE_CHECKING, Callable, Iterator
from tachograph.ui.cli.commands import HIDDEN
from tachograph.ui.cli.context import Context
from tachograph.workspace.session import Needs, Progress, Surroundings, ask
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse
    from typing import TypeVar

    T = TypeVar("T")
PROGRESS_AFTER = 0.5  # seconds: what is over sooner needs no progress


def add_question_flags(parser: argparse.ArgumentParser) -> None:
    words = "cut days in this zone, such as Europe/Berlin (default: the system's)"
    parser.add_argument("--timezone", metavar="ZONE", help=words, default=HIDDEN)
    words = "show what the ledger holds without reading new transcripts"
    parser.add_argument("--no-ingest", action="store_true", help=words, default=HIDDEN)


def ask_ledger(
    arguments: argparse.Namespace,
    context: Context,
    question: Callable[[Snapshot], T],
    *,
    limits: bool = False,
    learns: bool = False,
) -> T:
    """Answer a question from an up-to-date ledger (`workspace.session.ask`). Raises TachographError."""
    around = Surroundings(context.env, context.clock, context.say, lambda: _progress(context))
    needs = Needs(
        getattr(arguments, "timezone", None),
        getattr(arguments, "week_start", None),
        not getattr(arguments, "no_ingest", False),
        limits,
        learns,
    )
    return ask(around, needs, question)


@contextmanager
def _progress(context: Context) -> Iterator[Progress | None]:
    """Progress of a long pass, on a terminal: one line that is wiped at the end."""
    if not context.stderr.isatty():
        yield None
        return
    from tachograph.text.format import size

    began, is_visible = context.clock.monotonic(), False

    def progress(done: int, total: int) -> None:
        nonlocal is_visible
        if total and context.clock.monotonic() - began > PROGRESS_AFTER:
            is_visible = True
            bar = "█" * round(24 * done / total)
            words = f"Reading transcripts  {bar:░<24}  {size(done)} of {size(total)}"
            context.stderr.write(f"\r\x1b[2K{words}")
            context.stderr.flush()

    try:
        yield progress
    finally:
        if is_visible:
            context.stderr.write("\r\x1b[2K")
            context.stderr.flush()
