"""Controller behind the tray of every platform: reads the ledger when it changed, and carries out the menu's actions.

Nothing here blocks: a slow action (a poll, a browser, the system's settings) runs as a command in a child process, and
the last line of its error output is shown if it fails.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tachograph import processes
from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.model.usage.prices import PriceBook
from tachograph.paths import own_paths
from tachograph.queries.limits.current import LEADS, Now
from tachograph.queries.tray_state import ALARMS, TITLE, tray_state
from tachograph.setup import autostart
from tachograph.text.format import cut
from tachograph.ui.tray import view
from tachograph.workspace import changes
from tachograph.workspace.background import Lock, failed_service, is_recorder_running
from tachograph.workspace.follow import WorkspaceFollower, ledger_errors

USAGE_PAGE = "https://claude.ai/settings/usage"
_SLOW_SECONDS = 15.0  # windows reset and numbers grow old without anybody writing
_ENVIRONMENT_SECONDS = 10.0
_MESSAGE_SECONDS = 60.0  # how long what came of an action is shown
_RETRY_SECONDS = 10.0
_WEEK_SECONDS = 600.0  # attribution moves slowly, and costs a tenth of a second


class _Child(NamedTuple):
    """A command of ours at work."""

    process: processes.Child
    what: str


class TrayController:
    """The newest menu, and what its rows do."""

    def __init__(self, env: Mapping[str, str], clock: Clock, lock: Lock) -> None:
        self._env, self._clock, self._lock, self._paths = env, clock, lock, own_paths(env)
        self._followed = WorkspaceFollower(self._paths)
        self._next = self._next_environment = self._next_try = self._next_week = float("-inf")
        self._environment = view.Environment(at_login=self._is_autostart_on(), dashboard="local")
        self._message, self._message_until = "", float("-inf")
        self._children: list[_Child] = []
        self._menu = view.Menu((view.Segment("–"),), view.Icon("–", "unknown"), "Nothing was read yet", ())
        self._is_dirty = True

    # -- looking -----------------------------------------------------------------------------------------------

    def look(self) -> view.Menu:
        """The newest menu: the same object where nothing changed. Never raises."""
        mono = self._clock.monotonic()
        self._reap_children(mono)
        if self._message and mono >= self._message_until:
            self._message, self._is_dirty = "", True
        if mono >= self._next_environment:
            self._next_environment = mono + _ENVIRONMENT_SECONDS
            self._lock.beat()
            self._check_environment()
        if mono < self._next_try:
            return self._menu
        try:
            self._read(mono)
        except TachographError as trouble:
            self._followed.close()
            self._next_try = mono + _RETRY_SECONDS
            self._menu = self._menu._replace(rows=_with_message(self._menu.rows, trouble.message))
        return self._menu

    def _read(self, mono: float) -> None:
        if not self._followed.is_there and not self._environment.recorder_runs:
            self._followed.close()
            self._menu = self._menu._replace(rows=_with_message(self._menu.rows, "There is no ledger yet."))
            return  # it was deleted on purpose: create no new one
        now = self._clock.now_ms()
        ledger, has_news = self._followed.current(now)
        with ledger_errors(ledger):
            if not has_news and mono < self._next and not self._is_dirty:
                return
            self._next, self._is_dirty = mono + _SLOW_SECONDS, False
            self._followed.refresh_settings()
            book, left = self._followed.book, self._followed.shows_left
            found = tray_state(ledger.db, book, self._followed.calendar, now, left=left)
            if mono >= self._next_week:
                self._next_week = mono + _WEEK_SECONDS
                self._environment = self._environment._replace(week=_week_sentence(ledger.db, book, found.now))
        menu = view.view(found, self._environment._replace(said=self._message), self._followed.calendar)
        if menu != self._menu:
            self._menu = menu

    def _check_environment(self) -> None:
        around = self._environment._replace(
            recorder_runs=is_recorder_running(self._paths), failed=failed_service(self._paths)
        )
        if around != self._environment:
            self._environment, self._is_dirty = around, True

    def _is_autostart_on(self) -> bool:
        return autostart.state(self._env, autostart.TRAY).is_on

    # -- acting ------------------------------------------------------------------------------------------------

    def act(self, action: str) -> bool:
        """Do what a row says; False where the tray is to end. Never raises."""
        kind, _, what = action.partition(":")
        try:
            if action == view.QUIT:
                return False
            if action == view.OPEN_USAGE:
                self._start(processes.open_address_command(USAGE_PAGE), "Opening claude.ai")
            elif action == view.DASHBOARD:
                self._start(processes.own_command("dashboard"), "Opening the dashboard")
            elif action == view.REFRESH:
                self._start(processes.own_command("now", "--refresh", "--format", "plain"), "Asking")
            elif action == view.RECORDER:
                self._start(processes.own_command("start"), "Starting the recorder")
            elif f"{kind}:" == view.LOGIN:
                self._start(processes.own_command("autostart", what), "Telling the system")
            else:
                self._write(kind, what)
        except (TachographError, OSError) as trouble:
            self._show_message(getattr(trouble, "message", "") or str(trouble))
        self._is_dirty = True
        return True

    def _write(self, kind: str, what: str) -> None:
        """Store a choice in the ledger."""
        ledger = self._followed.ledger
        if ledger is None:
            raise TachographError("The ledger cannot be written now.")
        now = self._clock.now_ms()
        with ledger_errors(ledger), ledger.transaction() as db:
            if f"{kind}:" == view.STYLE:
                changes.set_preference(db, TITLE, what, now)
            elif f"{kind}:" == view.LEAD:
                changes.set_preference(db, LEADS, "" if what == "auto" else what, now)
            elif f"{kind}:" == view.ALARMS:
                changes.set_preference(db, ALARMS, what, now)
            elif f"{kind}:" == view.FORGET:
                changes.hide_account(db, int(what), now)
                self._show_message("Forgotten. Show it again: tachograph accounts show NAME")
            elif kind == view.DISMISS:
                changes.dismiss_notifications(db, now)

    def _start(self, command: list[str], what: str) -> None:
        child = processes.start(command, self._env)
        self._children.append(_Child(child, what))
        self._show_message(_progress_text(what))

    def _reap_children(self, mono: float) -> None:
        for child in [child for child in self._children if child.process.exit_code() is not None]:
            self._children.remove(child)
            words = child.process.error_lines()
            if child.process.exit_code():
                self._show_message(f"{child.what} did not work: {words[-1] if words else 'it said nothing'}")
            elif self._message == _progress_text(child.what):
                self._show_message("")
            self._environment = self._environment._replace(at_login=self._is_autostart_on())
            self._next_environment = float("-inf")

    def _show_message(self, text: str) -> None:
        """Show a sentence for a while."""
        self._message, self._is_dirty = cut(text, 96), True
        self._message_until = self._clock.monotonic() + _MESSAGE_SECONDS


def _progress_text(what: str) -> str:
    return f"{what} …"


def _week_sentence(db: sqlite3.Connection, book: PriceBook, now: Now) -> str:
    """The week in a sentence, "" while nothing is learned."""
    from tachograph.queries.estimates.attribution import attribution
    from tachograph.queries.estimates.card_week import card_week
    from tachograph.text.card_week import card_words

    week = card_week(now, lambda account, back: attribution(db, book, account, now.at, SEVEN_DAY, back))
    words = card_words(week) if week is not None else []
    return words[0] if words else ""


def _with_message(rows: tuple[view.Row, ...], text: str) -> tuple[view.Row, ...]:
    """The same rows with a message as the "updated" row; only the message and Quit if there were none."""
    if not rows:
        return view.Row("updated", cut(text, 96)), view.Row("quit", "Quit", view.QUIT)
    return tuple(row._replace(text=cut(text, 96)) if row.key == "updated" else row for row in rows)
