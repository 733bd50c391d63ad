"""The live screen between a source of states and a terminal: the newest state, the person's view, frames, keys.

Two programs draw it: Textual (app.py), and the console of Windows without escape codes (windows_console.py).
"""

from typing import Protocol

from tachograph.model.usage.periods import Calendar
from tachograph.queries.live import LiveState
from tachograph.ui.terminal import view as views
from tachograph.ui.terminal.layout import Frame, frame
from tachograph.ui.terminal.view import Around, View

_WORDS_STEPS = 5  # updates for which the words about a key are shown


class Engine(Protocol):
    """Source of the screen's state."""

    calendar: Calendar

    def look(self) -> tuple[LiveState, Around]: ...

    def start_recorder(self) -> None: ...


class Interaction:
    """`view` holds the person's actions, `shown` the newest frame."""

    def __init__(self, engine: Engine, view: View, *, is_colorless: bool) -> None:
        self.engine, self.view, self.is_colorless = engine, view, is_colorless
        self.state, self.around = engine.look()
        self.shown = Frame("", (), {}, 0)
        self._words, self._words_steps = "", 0

    def update(self) -> None:
        """Take the newest state."""
        before = self.state
        self.state, self.around = self.engine.look()
        if self.state.sessions is not before.sessions:
            self.view = views.settled(self.view, before, self.state)
        if self._words_steps:
            self._words_steps -= 1

    def draw(self, columns: int, rows: int) -> Frame:
        """The frame for a terminal of this size."""
        around = self.around
        if self._words_steps and not around.said:
            around = around._replace(said=self._words)
        self.shown = frame(self.state, around, self.view, self.engine.calendar, columns, rows)
        return self.shown

    def press(self, key: str) -> str:
        """Carry out a key; returns what the terminal has to do itself: QUIT or COPY of view.py, else ""."""
        key = "space" if key == " " and not self.view.is_typing else key
        before = self.view
        self.view, action = views.pressed(self.view, key, self.state, self.shown.page)
        if action == views.RECORDER:
            self.engine.start_recorder()
            self.update()
        elif before.layout != self.view.layout:
            self.tell(f"Layout: {self.view.layout}")
        elif before.theme != self.view.theme:
            self.tell("NO_COLOR is set." if self.is_colorless else f"Theme: {self.view.theme}")
        return action if action in (views.QUIT, views.COPY) else ""

    @property
    def session_id(self) -> str:
        """The session that is open or under the cursor; "" for none."""
        return self.view.detail or self.view.cursor or ""

    def click(self, row: int) -> bool:
        """Choose or open the session on a row of the screen; False on a row without one."""
        session = self.shown.places.get(row)
        if session is not None:
            self.view = views.clicked(self.view, session, self.state, self.shown.page)
        return session is not None

    def scroll(self, rows: int) -> None:
        self.view = views.scrolled(self.view, rows, self.state, self.shown.page)

    def tell(self, words: str) -> None:
        """Show words about the last key for a few updates."""
        self._words, self._words_steps = words, _WORDS_STEPS
