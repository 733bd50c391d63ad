"""The live screen: a thin Textual application that draws frames, and hands keys and clicks to the view.

Only rows that changed are drawn again. Textual is imported here and nowhere else, and only by `tachograph watch`.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tachograph.ui.terminal import view as views
from tachograph.ui.terminal.cells import PLAIN, Row
from tachograph.ui.terminal.interaction import Engine, Interaction
from tachograph.ui.terminal.layout import Frame
from tachograph.ui.terminal.limits import title
from tachograph.ui.terminal.themes import COLOURLESS, THEMES, Theme
from tachograph.ui.terminal.view import View


def run(engine: Engine, view: View, *, env: Mapping[str, str], step: float, titled: bool) -> int:
    """Show the live screen until a person has enough; returns the exit code."""
    made = Live(engine, view, colourless=bool(env.get("NO_COLOR")), step=step, titled=titled)
    made.run()
    return made.return_code or 0


class _Canvas(Widget, can_focus=True):
    """Rows of cells."""

    def __init__(self, draw: Callable[[], None]) -> None:
        super().__init__()
        self.strips: list[Strip] = []
        self._draw = draw

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        return self.strips[y] if y < len(self.strips) else Strip.blank(self.size.width)


class Live(App[None]):
    """The screen of an `Interaction`."""

    CSS = "Screen { overflow: hidden; } _Canvas { width: 100%; height: 100%; }"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False  # a terminal selects by itself, with shift
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "press('ctrl+c')", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
        Binding("ctrl+q", "press('q')", show=False, priority=True),
    ]

    def __init__(self, engine: Engine, view: View, *, colourless: bool, step: float, titled: bool) -> None:
        super().__init__(ansi_color=colourless)
        self._interaction = Interaction(engine, view, is_colorless=colourless)
        self._step, self._titled, self._last_title = step, titled, ""
        self._canvas = _Canvas(self._draw)

    @property
    def view(self) -> View:
        return self._interaction.view

    @property
    def shown(self) -> Frame:
        return self._interaction.shown

    def compose(self) -> ComposeResult:
        yield self._canvas

    def on_mount(self) -> None:
        self._canvas.focus()
        self.set_interval(self._step, self._tick)
        for number in ("SIGTERM", "SIGHUP"):  # a terminal that is left as it was, however we end
            if hasattr(signal, number):
                try:
                    asyncio.get_running_loop().add_signal_handler(getattr(signal, number), self.exit)
                except (NotImplementedError, RuntimeError):  # Windows; a test's loop in a thread
                    pass
        self.app_resume_signal.subscribe(self, lambda _: self._redraw())
        if self._titled:
            self._write("\x1b[22;2t")  # the old title is kept by the terminal
        self._draw()

    def on_unmount(self) -> None:
        if self._titled:
            self._write("\x1b[23;2t")

    def _write(self, codes: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(codes)

    # -- numbers -----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._interaction.update()
        self._draw()

    def _draw(self) -> None:
        size = self._canvas.size
        if not size.width or not size.height:
            return
        made = self._interaction.draw(size.width, size.height)
        theme = COLOURLESS if self._interaction.is_colorless else THEMES[self.view.theme]
        strips = [_strip(row, theme, size.width) for row in made.rows]
        old = self._canvas.strips
        self._canvas.strips = strips
        # strips of the same row are the same object
        changed = [y for y, strip in enumerate(strips) if y >= len(old) or old[y] is not strip]
        if len(old) != len(strips) or len(changed) > len(strips) // 2:
            self._canvas.refresh()
        elif changed:
            self._canvas.refresh(*(Region(0, y, size.width, 1) for y in changed))
        if self._titled and (words := title(self._interaction.state)) != self._last_title:
            self._last_title = words
            self._write(f"\x1b]2;{words}\x07")

    def _redraw(self) -> None:
        """Draw everything again: what stood there is gone."""
        self._draw()
        self._canvas.refresh()

    # -- the person --------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.action_press(event.character if event.is_printable and event.character else event.key)

    def action_press(self, key: str) -> None:
        if key == "ctrl+l":
            self._redraw()
        action = self._interaction.press(key)
        if action == views.QUIT:
            self.exit()
        elif action == views.COPY:
            session = self._interaction.session_id
            self.copy_to_clipboard(session)
            self._interaction.tell(f"Copied {session}, where the terminal allows it.")
        self._draw()

    def on_paste(self, event: events.Paste) -> None:
        if self.view.is_typing:
            for char in event.text[: views.MOST_FILTER]:
                self.action_press(char)

    def on_click(self, event: events.Click) -> None:
        if self._interaction.click(int(event.screen_y)):
            self._draw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(-1)

    def _scroll(self, rows: int) -> None:
        self._interaction.scroll(rows)
        self._draw()


@lru_cache(64)
def _style(style: str, name: int) -> Style:
    theme = _by_id[name]
    look = theme.look(style)
    return Style(
        color=look.colour,
        bgcolor=look.ground,
        bold=look.is_bold or None,
        dim=look.is_dim or None,
        reverse=look.is_reverse or None,
    )


_by_id: dict[int, Theme] = {id(theme): theme for theme in (*THEMES.values(), COLOURLESS)}


@lru_cache(512)
def _row_strip(row: Row, name: int, columns: int) -> Strip:
    return Strip([Segment(text, _style(style or PLAIN, name)) for text, style in row], columns)


def _strip(row: Row, theme: Theme, columns: int) -> Strip:
    return _row_strip(row, id(theme), columns)
