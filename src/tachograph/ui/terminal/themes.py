"""Themes: dark, light, high contrast, and without color.

Colour says what a sign or a word says as well. The orange and the red are darker on a light ground, so that they can be
read there (4.5 to 1 at least, by the sums of WCAG 2); with high contrast everything has 7 to 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tachograph.ui.terminal.cells import AT_WALL, CHOSEN, DIM, FILLED, HIGH, KEY, OLD, RULE, STRONG, TITLE, Row


class Look(NamedTuple):
    """Foreground and ground as `#rrggbb`, None for the terminal's own."""

    colour: str | None = None
    ground: str | None = None
    is_bold: bool = False
    is_dim: bool = False
    is_reverse: bool = False


class Theme(NamedTuple):
    """The terminal's foreground and ground under it, and the looks of styles where they differ from that."""

    colour: str | None
    ground: str | None
    looks: Mapping[str, Look]

    def look(self, style: str) -> Look:
        own = self.looks.get(style, Look())
        return own._replace(colour=own.colour or self.colour, ground=own.ground or self.ground)


DARK = Theme(
    "#D8DEE6",
    "#14181D",
    {
        DIM: Look("#8A95A3"),
        STRONG: Look("#FFFFFF", is_bold=True),
        TITLE: Look("#FFFFFF", is_bold=True),
        RULE: Look("#3D4752"),
        KEY: Look("#9DB7D5", is_bold=True),
        CHOSEN: Look("#FFFFFF", "#2F4A68"),
        FILLED: Look("#7FA3C7"),
        OLD: Look("#9099A4"),
        HIGH: Look("#E88A36", is_bold=True),
        AT_WALL: Look("#F0616F", is_bold=True),
    },
)
LIGHT = Theme(
    "#24292F",
    "#FFFFFF",
    {
        DIM: Look("#636C76"),
        STRONG: Look("#000000", is_bold=True),
        TITLE: Look("#000000", is_bold=True),
        RULE: Look("#CDD4DB"),
        KEY: Look("#2B5C8F", is_bold=True),
        CHOSEN: Look("#000000", "#CFE3F7"),
        FILLED: Look("#3F729F"),
        OLD: Look("#6A737D"),
        HIGH: Look("#A8500A", is_bold=True),
        AT_WALL: Look("#C4283A", is_bold=True),
    },
)
CONTRAST = Theme(
    "#FFFFFF",
    "#000000",
    {
        DIM: Look("#D0D0D0"),
        STRONG: Look("#FFFFFF", is_bold=True),
        TITLE: Look("#FFFFFF", is_bold=True),
        RULE: Look("#909090"),
        KEY: Look("#FFFF00", is_bold=True),
        CHOSEN: Look("#000000", "#FFFF00", is_bold=True),
        FILLED: Look("#80D0FF"),
        OLD: Look("#C0C0C0"),
        HIGH: Look("#FFA040", is_bold=True),
        AT_WALL: Look("#FF9090", is_bold=True),
    },
)
# NO_COLOR: the terminal's own colours, and nothing but weight and inversion (https://no-color.org)
COLOURLESS = Theme(
    None,
    None,
    {
        DIM: Look(is_dim=True),
        STRONG: Look(is_bold=True),
        TITLE: Look(is_bold=True),
        RULE: Look(is_dim=True),
        KEY: Look(is_bold=True),
        CHOSEN: Look(is_reverse=True),
        OLD: Look(is_dim=True),
        HIGH: Look(is_bold=True),
        AT_WALL: Look(is_bold=True),
    },
)
THEMES = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST}


def usual(env: Mapping[str, str]) -> str:
    """The theme for a terminal: light where it says that its ground is (`COLORFGBG`, as rxvt, Konsole and iTerm do)."""
    ground = env.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if ground in ("7", "15") else "dark"


# printed once, a frame stands on whatever ground the terminal has: only what presses has a colour
_CODES = {HIGH: "\x1b[1;38;2;219;118;32m", AT_WALL: "\x1b[1;38;2;215;58;73m"}


def ansi(row: Row, *, colour: bool) -> str:
    """A row with codes for a terminal, without spaces at its end."""
    made = ""
    for text, style in row:
        look = COLOURLESS.look(style)
        code = _CODES.get(style, "") if colour else ""
        code = code or (
            "\x1b[1m" if look.is_bold else "\x1b[2m" if look.is_dim else "\x1b[7m" if look.is_reverse else ""
        )
        made += f"{code}{text}\x1b[0m" if code and text.strip() else text
    return made.rstrip()
