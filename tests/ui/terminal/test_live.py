"""The live application without a terminal: keys, mouse, sizes, and that only what changed is drawn."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from helpers import NOW_MS, Home
from live_states import LIMITER, UTC, prepare, state_of
from tachograph.queries.live import LiveState
from tachograph.ui.terminal.app import Live
from tachograph.ui.terminal.view import Around, View


class Engine:
    """States as a test hands them out."""

    calendar = UTC

    def __init__(self, state: LiveState, around: Around = Around()) -> None:  # noqa: B008 - a plain value
        self.state, self.around, self.starts = state, around, 0

    def look(self) -> tuple[LiveState, Around]:
        return self.state, self.around

    def start_recorder(self) -> None:
        self.starts += 1
        self.around = Around("starts")


@pytest.fixture
def engine(home: Home) -> Engine:
    prepare(home, "three")
    return Engine(state_of(home))


def live(
    engine: Engine, steps: Callable[[Pilot[None], Live], Awaitable[None]], size: tuple[int, int] = (100, 30)
) -> Live:
    app = Live(engine, View(), colourless=False, step=3600.0, titled=True)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(pilot, app)

    asyncio.run(run())
    return app


def text(app: Live) -> list[str]:
    return ["".join(cell.text for cell in row).rstrip() for row in app.shown.rows]


def test_keys_reach_the_view_and_the_frame(engine: Engine) -> None:
    async def steps(pilot: Pilot[None], app: Live) -> None:
        await pilot.press("down", "enter")
        assert any(line.strip() == f"session  {LIMITER}" for line in text(app))
        await pilot.press("escape", "slash", "a", "r", "m", "enter")
        assert app.view.filter == "arm"
        assert "  1 of 3 sessions" in "\n".join(text(app))
        await pilot.press("escape", "question_mark")
        assert text(app)[0] == " Keys"
        await pilot.press("space", "a")
        assert "lab@example.net" in text(app)[0]
        await pilot.press("c", "t")
        assert app.view.theme == "light"
        await pilot.press("r")
        assert engine.starts == 1
        assert "recorder starts" in text(app)[0]
        await pilot.press("q")

    assert live(engine, steps).return_code == 0


def test_copying_hands_the_id_to_the_clipboard(engine: Engine) -> None:
    async def steps(pilot: Pilot[None], app: Live) -> None:
        await pilot.press("down", "c")
        assert app.clipboard == LIMITER
        assert f" Copied {LIMITER}, where the terminal allows it." in text(app)

    live(engine, steps)


def test_a_click_chooses_and_opens_and_the_wheel_moves_the_list_alone(engine: Engine) -> None:
    async def steps(pilot: Pilot[None], app: Live) -> None:
        row = next(place for place, session in app.shown.places.items() if session == LIMITER)
        await pilot.click(offset=(10, row))
        assert (app.view.cursor, app.view.detail) == (LIMITER, None)
        await pilot.pause(0.6)  # else it is a double click, which is two more
        await pilot.click(offset=(10, row))
        assert app.view.detail == LIMITER
        await pilot.click(offset=(10, 0))
        assert app.view.detail == LIMITER

    live(engine, steps)


def test_the_layout_goes_with_the_size(engine: Engine) -> None:
    async def steps(pilot: Pilot[None], app: Live) -> None:
        for size, layout in (((120, 1), "line"), ((40, 6), "pane"), ((60, 20), "narrow"), ((200, 60), "full")):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await pilot.pause()
            assert app.shown.layout == layout
            assert len(app.shown.rows) == size[1]
        await pilot.press("l", "l", "l")
        assert app.shown.layout == "pane"

    live(engine, steps)


def test_only_rows_that_changed_are_drawn_again(engine: Engine) -> None:
    async def steps(pilot: Pilot[None], app: Live) -> None:
        drawn: list[int] = []
        app._canvas.refresh = lambda *regions, **_: drawn.extend(region.y for region in regions)  # type: ignore[method-assign,assignment]
        app._tick()
        assert drawn == []  # nothing new
        engine.state = engine.state._replace(at=NOW_MS + 1000)
        app._tick()
        assert 0 in drawn and len(drawn) < 12  # the clock, and the ages that count seconds

    live(engine, steps)


def test_no_color_leaves_no_colour(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Live(engine, View(), colourless=True, step=3600.0, titled=False)

    async def run() -> None:
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.pause()
            for strip in app._canvas.strips:
                for segment in strip:
                    assert segment.style is None or (segment.style.color is None and segment.style.bgcolor is None)

    asyncio.run(run())


@pytest.mark.parametrize("theme", ["dark", "light", "contrast"])
def test_every_style_can_be_read_on_its_ground(theme: str) -> None:
    """By the sums of WCAG 2: 4.5 to 1 for text, 7 to 1 with high contrast; rules are no text."""
    from tachograph.ui.terminal.cells import RULE, STYLES
    from tachograph.ui.terminal.themes import THEMES

    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for style in STYLES:
        if style == RULE:
            continue
        look = THEMES[theme].look(style)
        assert look.colour and look.ground
        bright, dark = sorted((light(look.colour), light(look.ground)), reverse=True)
        ratio = (bright + 0.05) / (dark + 0.05)
        assert ratio >= (7.0 if theme == "contrast" else 4.5), f"{style}: {ratio:.1f}"
