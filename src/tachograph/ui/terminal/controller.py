"""State of the live screen: the ledger, read again when another program writes to it, and the recorder.

Nothing here waits for anybody: a ledger that is held is tried again at the next look, the recorder is started by a
command of ours in a process of its own.
"""

from collections.abc import Mapping

from tachograph import processes
from tachograph.clock import Clock, FixedClock
from tachograph.errors import TachographError
from tachograph.lean_sqlite import sqlite3
from tachograph.model.usage.periods import Calendar
from tachograph.model.usage.prices import PriceBook
from tachograph.paths import own_paths
from tachograph.queries.estimates.attribution import attribution
from tachograph.queries.estimates.constants import NOTHING
from tachograph.queries.live import Burn, LiveState, live_state
from tachograph.queries.usage.problems import NO_PROBLEMS
from tachograph.queries.usage.rows import Spend
from tachograph.text.attribution import why_words
from tachograph.ui.terminal.view import Around
from tachograph.workspace.background import is_recorder_running
from tachograph.workspace.follow import WorkspaceFollower, ledger_errors

_SLOW_SECONDS = 5.0  # what was burned lately, and who is at work, changes without anybody writing
_RECORDER_SECONDS = 2.0
_WHY_SECONDS = 300.0  # whose a week is takes longer to work out, and moves slowly
_RETRY_SECONDS = 3.0
_WAIT_MS = 100  # for a ledger that is held: the screen takes no keys meanwhile


class Engine:
    """The newest state of ledger and recorder."""

    def __init__(self, env: Mapping[str, str], clock: Clock, zone: str | None) -> None:
        self._env, self._clock, self._paths = env, clock, own_paths(env)
        self._followed = WorkspaceFollower(self._paths, zone, _WAIT_MS)
        self._next = self._next_recorder = self._next_try = self._next_why = float("-inf")
        self._child: processes.Child | None = None
        self._state = LiveState(clock.now_ms(), (), Burn(0.0, 0.0), (), Spend(), (), (), (), NO_PROBLEMS)
        self._around = Around()

    @property
    def calendar(self) -> Calendar:
        return self._followed.calendar

    def look(self) -> tuple[LiveState, Around]:
        """The newest state, dated now. Never raises what a person could mend."""
        mono, now = self._clock.monotonic(), self._clock.now_ms()
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
        self._followed.close()

    def start_recorder(self) -> None:
        """Start the recorder where it does not run, without waiting for it."""
        if isinstance(self._clock, FixedClock):
            return  # of a demo nothing is recorded
        if self._child is not None or is_recorder_running(self._paths):
            return
        self._child = processes.start(processes.own_command("start"), self._env)
        self._around = self._around._replace(recorder="starts", said="")
        self._next_recorder = self._clock.monotonic() + 0.3

    def _look_for_recorder(self) -> None:
        said = self._around.said
        if self._child is not None and (code := self._child.exit_code()) is not None:
            words = self._child.error_lines()
            said = f"Recorder not started: {words[0] if words else 'it said nothing'}" if code else ""
            self._child = None
        if isinstance(self._clock, FixedClock):
            self._around = self._around._replace(recorder="stands")
            return
        runs = is_recorder_running(self._paths)
        found = "runs" if runs else "starts" if self._child is not None else "none"
        if found == "starts":
            self._next_recorder = self._clock.monotonic() + 0.3
        self._around = self._around._replace(recorder=found, said=said)

    def _read(self, mono: float, now: int) -> None:
        ledger, has_news = self._followed.current(now)
        with ledger_errors(ledger):
            reset = self._state.next_change
            if not (has_news or mono >= self._next or (reset is not None and now >= reset)):
                return
            self._followed.refresh_settings()
            book, left = self._followed.book, self._followed.shows_left
            self._state = live_state(ledger.db, book, self.calendar, now, self._state.names, left=left)
            self._next = mono + _SLOW_SECONDS
            if mono >= self._next_why:
                self._next_why = mono + _WHY_SECONDS
                self._around = self._around._replace(why=why(ledger.db, self._followed.book, self._state))


def why(db: sqlite3.Connection, book: PriceBook, state: LiveState) -> str:
    """Attribution of the leading account's week in a sentence; "" if nothing can be attributed."""
    if not state.accounts or state.accounts[0].account.id == 0:
        return ""
    found = attribution(db, book, state.accounts[0].account, state.at)
    return "" if found.method == NOTHING or not found.by_model else why_words(found)
