"""One question to an up-to-date ledger: open it, read new transcripts, ask, and recover it if it is damaged."""

from __future__ import annotations

from tachograph.clock import Clock
from tachograph.errors import LedgerBusy, LedgerDamaged, LedgerError
from tachograph.lean_typing import TYPE_CHECKING, Callable, Mapping, NamedTuple
from tachograph.ledger.storage.connection import Ledger, translate_errors
from tachograph.ledger.storage.following import LedgerFollower, damage_detection
from tachograph.paths import Paths, own_paths
from tachograph.settings import SettingsFollower
from tachograph.workspace.snapshot import Snapshot, TtlCache

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from tachograph.model.usage.prices import PriceBook
    from tachograph.queries.estimates.learning import LearnedState
    from tachograph.recorder.ingest import Pass

    T = TypeVar("T")
_RECOVERIES = 3  # another command may recover the ledger too: whoever opens it in that moment may find it damaged again

Progress = Callable[[int, int], None]  # bytes read, bytes to read


class Surroundings(NamedTuple):
    """Surroundings of a question: environment, clock, a line for the person, progress of a long reading."""

    env: Mapping[str, str]
    clock: Clock
    say: Callable[[str], None]
    progress: Callable[[], AbstractContextManager[Progress | None]]


class Needs(NamedTuple):
    """Requirements of a question. `zone` and `week_start` replace those of the settings.

    `ingests`: new transcripts are read first; `limits`: also other programs' readings of limits; `learns`: and the
    estimates learn from them.
    """

    zone: str | None = None
    week_start: str | None = None
    ingests: bool = True
    limits: bool = False
    learns: bool = False


def ask(around: Surroundings, needs: Needs, question: Callable[[Snapshot], T]) -> T:
    """Answer a question from an up-to-date ledger.

    A damaged ledger is set aside and rebuilt, then the question is asked again. Raises LedgerError, and UsageError for
    a zone or week day that does not exist.
    """
    paths = own_paths(around.env)
    follower = SettingsFollower(paths.settings, needs.zone, needs.week_start)
    follower.refresh()
    for problem in follower.settings.problems:
        around.say(f"tachograph: {problem}")
    for problem in follower.price_problems:
        around.say(f"tachograph: {paths.settings}: {problem}")
    now = around.clock.now_ms()

    def once() -> T:
        with LedgerFollower(paths) as followed:
            ledger, _ = followed.current(now)
            with damage_detection(ledger):
                done = _ingest(ledger, paths, around, now) if needs.ingests else None
                is_stale = needs.ingests and done is None
                may_read = needs.ingests and not is_stale
                problems = _collect(ledger, around, now) if needs.limits and may_read else ()
                learned = _learn(ledger, follower.book, around, now) if needs.learns and may_read else {}
                return question(
                    Snapshot(
                        ledger.db, ledger, lambda: follower.book, follower.calendar, follower.settings, paths, around.env, now,
                        TtlCache(around.clock), follower.price_problems, is_stale, problems, done=done, learned=learned,
                    )
                )  # fmt: skip

    def attempt() -> T:
        try:
            return once()
        except (KeyError, TypeError, IndexError):  # no damage found: another process may have repaired the page
            return once()

    for _ in range(_RECOVERIES):
        try:
            return attempt()
        except LedgerDamaged as damage:
            from tachograph.setup.recovery import recover

            for sentence in recover(paths, now, damage.message):
                around.say(f"tachograph: {sentence}")
    return attempt()


def _ingest(ledger: Ledger, paths: Paths, around: Surroundings, now: int) -> Pass | None:
    """Bring the ledger up to date. Returns None, and says why, if that failed: the ledger is shown as it is."""
    if ledger.readable_only:
        around.say(f"tachograph: The ledger is read-only, so nothing new is added to it: {ledger.readable_only}.")
        return None
    from tachograph.recorder.ingest import ingest

    try:
        with around.progress() as progress, translate_errors(ledger.path):
            done = ingest(ledger, around.env, now, progress)
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        around.say(f"tachograph: {trouble.message} {trouble.hint}".rstrip())
        busy = "being written" if isinstance(trouble, LedgerBusy) else "not up to date"
        around.say(f"tachograph: What follows is what the ledger held before; it is {busy}.")
        return None
    if done.read:
        _try(lambda: _back_up(ledger, paths, now), around)
    return done


def _collect(ledger: Ledger, around: Surroundings, now: int) -> tuple[str, ...]:
    """Store what other programs know of the limits. Returns problems as sentences."""
    from tachograph.recorder.passive_sources import collect

    try:
        return tuple(collect(ledger, around.env, now))
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        return (trouble.message,)


def _learn(ledger: Ledger, book: PriceBook, around: Surroundings, now: int) -> dict[int, LearnedState]:
    """Store what the estimates learn, so that the next question finds it; returns it by account. A failure costs only time."""
    from tachograph.queries.limits.current import now as now_question
    from tachograph.recorder.learn import catch_up

    states: dict[int, LearnedState] = {}

    def learn() -> None:
        with translate_errors(ledger.path):
            states.update(catch_up(ledger, book, now_question(ledger.db, now).accounts, now))

    _try(learn, around)
    return states


def _back_up(ledger: Ledger, paths: Paths, now: int) -> None:
    """Make the weekly backup if it is due."""
    from tachograph.ledger.storage.backups import weekly_backup

    with translate_errors(ledger.path):
        weekly_backup(ledger.db, paths, now)


def _try(act: Callable[[], None], around: Surroundings) -> None:
    """Do what no report depends on; say why it failed. Raises LedgerDamaged only."""
    try:
        act()
    except LedgerDamaged:
        raise
    except LedgerError as trouble:
        around.say(f"tachograph: {trouble.message} {trouble.hint}".rstrip())
