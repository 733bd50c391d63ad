"""Rows of cells: what a terminal shows, before anybody draws it. A row is never wider than it says.

Styles are names of what something means, not colours; themes.py turns them into colours.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from tachograph.text.format import cut, safe, width

PLAIN, DIM, STRONG, TITLE, KEY, CHOSEN = "", "dim", "strong", "title", "key", "chosen"
HIGH, AT_WALL, OLD, FILLED, RULE = "high", "wall", "stale", "filled", "rule"
STYLES = (PLAIN, DIM, STRONG, TITLE, KEY, CHOSEN, HIGH, AT_WALL, OLD, FILLED, RULE)
_MOST = 512  # characters of a foreign text that are looked at: no cell is so wide


class Cell(NamedTuple):
    """Text of one style; safe, and of a known width."""

    text: str
    style: str = PLAIN

    @property
    def width(self) -> int:
        return width(self.text)


Row = tuple[Cell, ...]


def tame(text: str) -> str:
    """Foreign text that every terminal gives as many columns as we do: safe, and without what terminals disagree on.

    Marks beyond two on a letter, variation selectors and skin tones go; the letters that flags are made of become plain.
    """
    if text.isascii():
        return safe(text[:_MOST])
    made, marks = "", 0
    for char in unicodedata.normalize("NFC", text[:_MOST]):
        code = ord(char)
        if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x1F3FB <= code <= 0x1F3FF:
            continue
        if 0x1F1E6 <= code <= 0x1F1FF:
            char = chr(code - 0x1F1E6 + ord("A"))
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            if marks > 2 or not made:
                continue
        else:
            marks = 0
        made += char
    return safe(made)


def fit(text: str, columns: int, *, right: bool = False) -> str:
    """A safe text in exactly `columns` columns."""
    if columns <= 0:
        return ""
    shown = cut(text, columns)
    pad = " " * max(0, columns - width(shown))
    return pad + shown if right else shown + pad


@lru_cache(2048)  # the same names stand in every frame
def foreign(text: str | None, columns: int) -> str:
    """A name from outside in exactly `columns` columns; a dash for None."""
    return fit(tame(text) if text else "–", columns)


def row_width(row: Iterable[Cell]) -> int:
    return sum(cell.width for cell in row)


def padded(row: Sequence[Cell], columns: int, style: str = PLAIN) -> Row:
    """A row in exactly `columns` columns: cut at its end, or filled up."""
    made: list[Cell] = []
    left = columns
    for cell in row:
        if left <= 0:
            break
        taken = cell.width
        if taken > left:
            cell = Cell(fit(cell.text, left), cell.style)
            taken = left
        if cell.text:
            made.append(cell)
        left -= taken
    if left > 0:
        made.append(Cell(" " * left, style))
    return tuple(made)


def sides(left: Sequence[Cell], right: Sequence[Cell], columns: int) -> Row:
    """A row with a left and a right end; if both do not fit, the left one is cut."""
    taken = row_width(right)
    if taken > columns - 8:
        return padded(left, columns)
    return (*padded([*padded_to(left, columns - taken - 1)], columns - taken), *right)


def padded_to(row: Sequence[Cell], most: int) -> Row:
    """A row of at most `columns` columns."""
    return padded(row, most) if row_width(row) > most else tuple(row)


def chosen(row: Row) -> Row:
    """A row set off as the one under the cursor."""
    return tuple(Cell(cell.text, CHOSEN) for cell in row)


def wrapped(text: str, columns: int, most: int) -> list[str]:
    """A safe text in at most `most` lines of `columns` columns: the last is cut."""
    made = [""]
    for word in text.split(" "):
        joined = f"{made[-1]} {word}" if made[-1] else word
        if width(joined) <= columns or not made[-1] or len(made) == most:
            made[-1] = joined
        else:
            made.append(word)
    return [cut(line, columns) for line in made]
