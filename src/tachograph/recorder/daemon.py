"""The recorder's main loop: read transcripts as they grow, collect readings of limits, ask the sources that were
consented to, learn, and notify near a limit. A step does the work that is due; between steps it sleeps.

Recent transcripts are checked often, all of them about once a minute. The ledger stays open; a step that fails is
logged once and tried again.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from tachograph import processes
from tachograph.clock import Clock
from tachograph.errors import LedgerDamaged, LedgerError, TachographError
from tachograph.ledger.retention import thin
from tachograph.ledger.storage.backups import weekly_backup
from tachograph.ledger.storage.connection import Ledger, data_version, translate_errors
from tachograph.ledger.storage.following import LedgerFollower
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.usage import files
from tachograph.model.limits.limits import OK
from tachograph.paths import Paths
from tachograph.queries.limits.current import Now
from tachograph.queries.limits.current import now as now_question
from tachograph.recorder.cookie_poller import CookiePoller
from tachograph.recorder.desktop_notification import notify
from tachograph.recorder.forwarding import forward_notification
from tachograph.recorder.ingest import ingest
from tachograph.recorder.learn import learn
from tachograph.recorder.notifications import Notification, clock, send_due_notification
from tachograph.recorder.passive_sources import collect
from tachograph.recorder.poller import Poller, random_share
from tachograph.recorder.services import Service, Services, Status
from tachograph.settings import SettingsFollower

LOOK_SECONDS = 2.0  # at transcripts that grew lately
LAZY_SECONDS = 5.0  # where none did
WALK_SECONDS = 60.0  # at all of them
PASS_SECONDS = 5.0  # between two passes, however fast they grow
RECENT_MS = 30 * 60_000
NOTIFY_SECONDS = 30.0  # between two looks at the limits where nothing was written: windows reset by themselves
BACKUP_SECONDS = 3600.0
THIN_SECONDS = 86_400.0
BEAT_SECONDS = 30.0  # each is a write to the disk
GRACE_SECONDS = 0.6  # for a step to end by itself

Say = Callable[[str], None]


class RecentTranscript(NamedTuple):
    """A transcript that grew in the last half hour, and its size when it was read."""

    path: bytes
    size: int
    mtime: int


class Recorder:
    """State of the recorder between two steps. `say` writes a line to its log."""

    def __init__(self, paths: Paths, env: Mapping[str, str], clock: Clock, say: Say) -> None:
        self._paths, self._env, self._clock, self._say = paths, env, clock, say
        self._poller = Poller(env, clock)
        self._cookies = CookiePoller(env, clock, random_share)
        self._recent: list[RecentTranscript] = []
        self._walked = self._passed = self._notified = self._backed_up = self._thinned = float("-inf")
        self._version = -1
        self._logged: set[str] = set()
        self._settings = SettingsFollower(paths.settings)

    def step(self, ledger: Ledger) -> float:
        """Do the work that is due; returns the seconds until more may be due. Raises LedgerError."""
        mono = self._clock.monotonic()
        if mono - self._walked >= WALK_SECONDS or (mono - self._passed >= PASS_SECONDS and self._has_news()):
            self._pass(ledger, mono)
        came = self._poller.tick(ledger)
        for said in came:
            self._log_once("asked", said.outcome.problem if said.outcome.outcome != OK else "")
        if said_of_cookies := self._cookies.tick(ledger):
            self._log_once("cookies", said_of_cookies)
        self._notify(ledger, mono, bool(came))
        if mono - self._backed_up >= BACKUP_SECONDS:
            self._backed_up = mono
            weekly_backup(ledger.db, self._paths, self._clock.now_ms())
        if mono - self._thinned >= THIN_SECONDS:
            self._thinned = mono
            with ledger.transaction() as db:
                thin(db, self._clock.now_ms())
        if self._poller.is_busy or self._cookies.is_busy:
            return 0.25
        return LOOK_SECONDS if self._recent else LAZY_SECONDS

    def _pass(self, ledger: Ledger, mono: float) -> None:
        now = self._clock.now_ms()
        ingest(ledger, self._env, now)
        for problem in collect(ledger, self._env, now):
            self._log_once("found", problem)
        self._recent = [RecentTranscript(*row) for row in files.recent(ledger.db, (now - RECENT_MS) * 1_000_000)]
        self._walked = self._passed = mono

    def _has_news(self) -> bool:
        """True if a recent transcript grew again."""
        for look in self._recent:
            try:
                status = os.stat(look.path)
            except OSError:
                return True
            if (status.st_size, status.st_mtime_ns) != (look.size, look.mtime):
                return True
        return False

    def _notify(self, ledger: Ledger, mono: float, has_news: bool) -> None:
        """Send the notification that is due, after anything was written, and from time to time."""
        version = data_version(ledger.db)
        if not has_news and version == self._version and mono - self._notified < NOTIFY_SECONDS:
            return
        self._version, self._notified = version, mono
        self._refresh_settings()
        settings, calendar = self._settings.settings, self._settings.calendar
        now = self._clock.now_ms()
        local = calendar.local(now)

        def show(title: str, text: str, sound: bool) -> str:
            return notify(title, text, sound, self._env)

        def forward(notification: Notification) -> str:
            return forward_notification(notification, settings.notifications, self._env)

        question = now_question(ledger.db, now)
        minute = local.hour * 60 + local.minute
        chances = self._learn(ledger, question, now)
        for notification in send_due_notification(
            ledger, question, settings.notifications, minute, clock(calendar, now), show, chances, forward
        ):
            self._say(f"notification: {notification.text}")

    def _learn(self, ledger: Ledger, question: Now, now: int) -> dict[str, float]:
        """Learn, and make the forecasts that are due; the chances of the leading account."""
        chances = learn(ledger, self._settings.book, question.accounts, now)
        return chances.get(question.accounts[0].id, {}) if question.accounts else {}

    def _refresh_settings(self) -> None:
        """Read the settings again if the file changed, and report problems in it once."""
        if self._settings.refresh():
            for problem in self._settings.settings.problems:
                self._say(problem)

    def _log_once(self, kind: str, problem: str) -> None:
        """Log a problem once, not at every step."""
        if problem and f"{kind} {problem}" not in self._logged:
            self._logged.add(f"{kind} {problem}")
            self._say(problem)
            if len(self._logged) > 500:
                self._logged.clear()


def run(
    paths: Paths,
    env: Mapping[str, str],
    clock: Clock,
    say: Say,
    sleep: Callable[[float], bool],
    beat: Callable[[], None],
    services: Sequence[Service] = (),
    tell: Callable[[dict[str, Status]], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
    is_in_place: Callable[[], bool] = lambda: True,
) -> None:
    """Record until `sleep(seconds)` is true: then it is time to stop. `beat` is called after every round of work.

    `services` run along; `tell` is given the state of all of them whenever it has changed; `note` a sentence about what
    keeps the recorder from recording, "" once it records again. Raises FolderMoved once `is_in_place()` is false: a
    ledger that is made at the old place would be another one.
    """
    first_reading(paths, env, clock, sleep)
    beside = Services(services, say, tell)
    try:
        _record(paths, env, clock, say, sleep, beat, beside, note, is_in_place)
    finally:
        beside.stop()


def _record(
    paths: Paths,
    env: Mapping[str, str],
    clock: Clock,
    say: Say,
    sleep: Callable[[float], bool],
    beat: Callable[[], None],
    beside: Services,
    note: Callable[[str], None],
    is_in_place: Callable[[], bool],
) -> None:
    recorder = Recorder(paths, env, clock, say)
    followed = LedgerFollower(paths)
    wait, failures, beaten = 0.0, 0, float("-inf")
    while not sleep(wait):
        if not is_in_place():
            followed.close()
            raise FolderMoved(
                f"The data folder {paths.data} was moved, deleted or replaced while the recorder ran.",
                "The recorder has ended. tachograph start records into the folder that is there now.",
            )
        try:
            ledger, _ = followed.current(clock.now_ms())
            if ledger.readable_only:
                raise LedgerError(f"The ledger is read-only: {ledger.readable_only}.")
            with translate_errors(ledger.path):
                wait = recorder.step(ledger)
                beside.tick(ledger)
            if clock.monotonic() - beaten >= BEAT_SECONDS:
                beat()
                beaten = clock.monotonic()
            if failures:
                failures = 0
                note("")
        except LedgerDamaged as damage:
            followed.close()
            failures += 1
            wait = 60.0
            say(f"{damage.message} {damage.hint}".strip())
            note(damage.message)
            beat()
        except TachographError as trouble:
            followed.close()
            failures += 1
            wait = min(60.0, 2.0**failures)
            say(f"{trouble.message} {trouble.hint} Next try in {wait:g} s.".strip())
            note(trouble.message)
            beat()
    followed.close()


class FolderMoved(TachographError):
    """The data folder is no longer the one in which the recorder started."""


class Interrupted(BaseException):
    """The end of the recorder in the middle of a step that takes too long to wait for: what it wrote is rolled back."""


def end_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT; a step that goes on regardless is interrupted after a moment."""

    def ask(*_: object) -> None:
        stop()
        if sys.platform != "win32":
            signal.signal(signal.SIGALRM, insist)
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def insist(*_: object) -> NoReturn:
        raise Interrupted

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)


def first_reading(paths: Paths, env: Mapping[str, str], clock: Clock, sleep: Callable[[float], bool]) -> None:
    """Catch up in a worker: the memory of a large first reading goes back to the system with it."""
    if not hasattr(os, "fork"):
        return

    def work() -> None:
        with open_ledger(paths, clock.now_ms()) as ledger:
            if not ledger.readable_only:
                ingest(ledger, env, clock.now_ms())

    child = processes.fork_worker(work)  # where it fails, the recorder meets the same trouble and reports it
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if sleep(0.05):
            processes.end_worker(child)
            return


def protect() -> None:
    """Forbid core files and inspection by other processes: we hold a login for a moment."""
    os.umask(0o077)
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        try:
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        except (OSError, AttributeError):
            pass
