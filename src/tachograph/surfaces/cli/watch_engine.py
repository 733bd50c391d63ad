"""What stands behind the live monitor: the ledger, looked at again when somebody wrote to it, and the recorder.

Nothing here waits for anybody: a ledger that is held is tried again at the next look, the recorder is started by a
command of ours in a process of its own.
"""

import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack

from tachograph.clock import FixedClock
from tachograph.errors import TachographError
from tachograph.ledger.db import Ledger, changes_by_others, open_ledger, translated, wait_at_most
from tachograph.model.periods import Calendar, parsed_zone
from tachograph.model.prices import PriceBook
from tachograph.model.prices import load as load_book
from tachograph.paths import own_paths
from tachograph.questions.attribution import attribution
from tachograph.questions.estimates import NOTHING
from tachograph.questions.monitor import Burn, Monitor, monitor
from tachograph.questions.sayings import why_words
from tachograph.questions.spend import Spend
from tachograph.recorder import process
from tachograph.settings import load as load_settings
from tachograph.surfaces.output import Context
from tachograph.surfaces.terminal.view import Around

_SLOW_SECONDS = 5.0  # what was burned lately, and who is at work, changes without anybody writing
_RECORDER_SECONDS = 2.0
_WHY_SECONDS = 300.0  # whose a week is takes longer to work out, and moves slowly
_RETRY_SECONDS = 3.0
_WAIT_MS = 100  # for a ledger that is held: the screen takes no keys meanwhile


class Engine:
    """The newest state, and what is around it."""

    def __init__(self, context: Context, zone: str | None) -> None:
        self._context, self._paths, self._zone = context, own_paths(context.env), zone
        self._stack = ExitStack()
        self._ledger: Ledger | None = None
        self._opened: tuple[int, int] | None = None
        self._version = -1
        self._next = self._next_recorder = self._next_try = self._next_why = float("-inf")
        self._child: subprocess.Popen[bytes] | None = None
        self._settings_mark: float | None = None
        self.calendar, self._book = Calendar(*parsed_zone(zone or "local")), load_book({})[0]
        self._state = Monitor(context.clock.now_ms(), (), Burn(0.0, 0.0), (), Spend(), (), (), (), {})
        self._around = Around()

    def look(self) -> tuple[Monitor, Around]:
        """The newest state, dated now. Never raises what a person could mend."""
        mono, now = self._context.clock.monotonic(), self._context.clock.now_ms()
        if mono >= self._next_recorder:
            self._next_recorder = mono + _RECORDER_SECONDS
            self._look_for_recorder()
        if mono >= self._next_try:
            try:
                self._read(mono, now)
            except TachographError as trouble:
                self.close()
                self._next_try = mono + _RETRY_SECONDS
                self._around = self._around._replace(trouble=f"{trouble.message} {trouble.hint}".strip())
            else:
                self._around = self._around._replace(trouble="")
        self._state = self._state._replace(at=now)
        return self._state, self._around

    def close(self) -> None:
        self._stack.close()
        self._ledger = None

    def start_recorder(self) -> None:
        """Start the recorder where it does not run, without waiting for it."""
        if isinstance(self._context.clock, FixedClock):
            return  # of a demo nothing is recorded
        if self._child is not None or process.running(self._paths) is not None:
            return
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tachograph", "start"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**self._context.env},
            creationflags=0x08000000 if sys.platform == "win32" else 0,  # no window
        )
        self._around = self._around._replace(recorder="starts", said="")
        self._next_recorder = self._context.clock.monotonic() + 0.3

    def _look_for_recorder(self) -> None:
        said = self._around.said
        if self._child is not None and self._child.poll() is not None:
            assert self._child.stderr is not None  # noqa: S101 - asked for
            with self._child.stderr as pipe:
                words = pipe.read(2000).decode("utf-8", "replace").strip().splitlines()
            said = (
                f"The recorder did not start: {words[0] if words else 'it said nothing'}"
                if self._child.returncode
                else ""
            )
            self._child = None
        if isinstance(self._context.clock, FixedClock):
            self._around = self._around._replace(recorder="stands")
            return
        runs = process.running(self._paths) is not None
        found = "runs" if runs else "starts" if self._child is not None else "none"
        if found == "starts":
            self._next_recorder = self._context.clock.monotonic() + 0.3
        self._around = self._around._replace(recorder=found, said=said)

    def _read(self, mono: float, now: int) -> None:
        if self._ledger is not None and self._standing() != self._opened:
            self.close()  # restored, rescued or deleted meanwhile
        if self._ledger is None:
            self._ledger = self._stack.enter_context(open_ledger(self._paths, now))
            self._opened, self._version = self._standing(), -1
            with translated(self._ledger.path):
                wait_at_most(self._ledger.db, _WAIT_MS)
        with translated(self._ledger.path):
            version = changes_by_others(self._ledger.db)
            reset = self._state.next_change
            is_due = mono >= self._next or version != self._version or (reset is not None and now >= reset)
            if not is_due:
                return
            self._read_settings()
            self._state = monitor(self._ledger.db, self._book, self.calendar, now, self._state.names)
            self._version, self._next = version, mono + _SLOW_SECONDS
            if mono >= self._next_why:
                self._next_why = mono + _WHY_SECONDS
                self._around = self._around._replace(why=why(self._ledger.db, self._book, self._state))

    def _standing(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._paths.ledger)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _read_settings(self) -> None:
        """Zone and prices, read again when the file changed."""
        try:
            mark = os.stat(self._paths.settings).st_mtime
        except OSError:
            mark = 0.0
        if mark != self._settings_mark:
            settings = load_settings(self._paths.settings)
            self.calendar = Calendar(*parsed_zone(self._zone or settings.timezone), settings.week_start)
            self._book, self._settings_mark = load_book(settings.prices)[0], mark


def why(db: sqlite3.Connection, book: PriceBook, state: Monitor) -> str:
    """Whose the week of the leading account is, in a sentence; "" where there is nothing to share out."""
    if not state.accounts or state.accounts[0].account.id == 0:
        return ""
    found = attribution(db, book, state.accounts[0].account, state.at)
    return "" if found.method == NOTHING or not found.by_model else why_words(found)
