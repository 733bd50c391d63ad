"""Surroundings of a command: environment, clock, the stream for results and the one for messages."""

from __future__ import annotations

import codecs
import os
import sys

from tachograph.clock import Clock, system_clock
from tachograph.lean_typing import TYPE_CHECKING, Mapping, NamedTuple

if TYPE_CHECKING:
    from typing import Any, TextIO

    from tachograph.text.table import Style


class Context(NamedTuple):
    """The surroundings of a command. `question`: key under which a report may be kept (recorder/prepared.py)."""

    env: Mapping[str, str]
    clock: Clock
    out: TextIO
    stderr: TextIO
    question: tuple[Any, ...] | None = None

    @property
    def is_terminal(self) -> bool:
        return self.out.isatty()

    @property
    def columns(self) -> int | None:
        """Columns of the terminal; None if the output is piped."""
        if self.env.get("COLUMNS", "").isdecimal() and int(self.env["COLUMNS"]) > 0:
            return max(40, int(self.env["COLUMNS"])) if self.is_terminal else None
        if not self.is_terminal:
            return None
        try:
            return max(40, os.get_terminal_size(self.out.fileno()).columns)
        except (OSError, ValueError):
            return 80

    @property
    def has_escape_codes(self) -> bool:
        """True on a terminal that carries out escape codes. The console of Windows does once it was asked to."""
        if not self.is_terminal or self.env.get("TERM") == "dumb":
            return False
        if sys.platform == "win32":
            from tachograph.win32 import enable_escape_codes

            return enable_escape_codes()
        return True

    @property
    def has_color(self) -> bool:
        """True on a terminal with color, unless NO_COLOR is set (https://no-color.org)."""
        return not self.env.get("NO_COLOR") and self.has_escape_codes

    @property
    def shape(self) -> tuple[object, ...]:
        """All that the text of a report depends on in these surroundings."""
        encoding = getattr(self.out, "encoding", None)
        return self.is_terminal, self.columns, self.has_color, encoding

    @property
    def style(self) -> Style:
        from tachograph.text.table import COLOUR, PLAIN

        return COLOUR if self.has_color else PLAIN

    def can_show(self, text: str) -> bool:
        try:
            text.encode(self.out.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def say(self, text: str) -> None:
        """Write a message about progress or problems, never a result."""
        from tachograph.text.format import safe  # not for a prepared report

        print("\n".join(map(safe, text.split("\n"))), file=self.stderr, flush=True)


# every sign that we print, for terminals with an old code page; as wide as the original but for …, € and £
_ASCII = {
    "–": "-",
    "─": "-",
    "·": "|",
    "╎": ":",
    "×": "x",
    "…": "...",
    "’": "'",
    "“": '"',
    "”": '"',
    "‹": "<",
    "›": ">",
    "▲": "!",
    "■": "#",
    "◆": "*",
    "●": "*",
    "○": "o",
    "↑": "^",
    "↓": "v",
    "↳": ">",
    "▸": ">",
    "▾": "v",
    "█": "#",
    "▉": "#",
    "▊": "#",
    "▋": "#",
    "▌": ":",
    "▍": ":",
    "▎": ".",
    "▏": ".",
    "░": ".",
    "▁": "_",
    "▂": "_",
    "▃": "-",
    "▄": "-",
    "▅": "=",
    "▆": "=",
    "▇": "#",
    "✓": "+",
    "€": "EUR",
    "£": "GBP",
    "＠": "@",
}


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replacement for characters that the output's encoding lacks: the nearest sign, else an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing), error.end


def system_context() -> Context:
    codecs.register_error("tachograph", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="tachograph")  # a terminal that is not UTF-8 gets no traceback
    return Context(os.environ, system_clock(), sys.stdout, sys.stderr)
