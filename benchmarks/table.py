"""The rows a bench reports, and the table they are printed as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from measure import Run, Spread, cpu

HEADINGS = ("what", "figure", "bound", "holds", "ccusage's figure", "ours / ccusage's")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `holds` is None without a bound, and also where a bound could not be checked."""

    what: str
    figure: str
    bound: str = ""
    holds: bool | None = None
    ccusage: str = ""
    ratio: float | None = None

    @property
    def is_unchecked(self) -> bool:
        return bool(self.bound) and self.holds is None

    def cells(self) -> tuple[str, ...]:
        holds = "not checked" if self.is_unchecked else {None: "", True: "yes", False: "NO"}[self.holds]
        return (self.what, self.figure, self.bound, holds, self.ccusage, format_ratio(self.ratio))


def timed(
    what: str,
    ours: Spread,
    theirs: Spread | None,
    *,
    at_most_seconds: float | None = None,
    at_most_ratio: float | None = None,
) -> Row:
    """A row of seconds, bounded by a time or by a share of ccusage's; what is compared is the medians."""
    ratio = ours.median / theirs.median if theirs else None
    bound, holds = "", None
    if at_most_seconds is not None:
        bound, holds = f"≤ {at_most_seconds * 1000:.0f} ms", ours.median <= at_most_seconds
    elif at_most_ratio is not None:
        bound = f"≤ {at_most_ratio:.2f} of ccusage's"
        holds = None if ratio is None else ratio <= at_most_ratio
    return Row(
        what=what,
        figure=format_spread(ours),
        bound=bound,
        holds=holds,
        ccusage=format_spread(theirs) if theirs else "",
        ratio=ratio,
    )


def of_python(what: str, ours: Sequence[Run], python: Sequence[Run], at_most: float | None) -> Row:
    """A row of CPU time as a multiple of an empty Python's, both in their medians and in turns on one machine.

    A ratio of CPU times says the same on a fast and on a slow machine, and nearly the same on a busy one.
    """
    ratio = cpu(ours).median / cpu(python).median
    bound = "" if at_most is None else f"≤ {at_most:.1f} ×"
    return Row(what, f"{ratio:.2f} ×", bound, None if at_most is None else ratio <= at_most)


def format_seconds(seconds: float) -> str:
    return _in_unit(seconds, seconds) + _unit(seconds)


def format_spread(spread: Spread) -> str:
    """The median and, in its unit, the ends: 16.2 ms (15.4–19.0)."""
    ends = f"{_in_unit(spread.low, spread.median)}–{_in_unit(spread.high, spread.median)}"
    return f"{format_seconds(spread.median)} ({ends})"


def format_bytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB" if size < 100e6 else f"{size / 1e6:.0f} MB"


def format_ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"


def plain(rows: Sequence[Row]) -> str:
    """The table for a terminal, without a column that is empty all the way down."""
    cells = [HEADINGS, *(row.cells() for row in rows)]
    shown = [column for column in zip(*cells, strict=True) if any(column[1:])]
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in shown]
    return "\n".join("  ".join(line).rstrip() for line in zip(*padded, strict=True))


def markdown(rows: Sequence[Row]) -> str:
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _unit(seconds: float) -> str:
    return " s" if seconds >= 1 else " ms"


def _in_unit(seconds: float, like: float) -> str:
    """Three digits at least, in the unit that fits `like`."""
    if like >= 1:
        return f"{seconds:.2f}"
    return f"{seconds * 1000:.1f}" if like < 0.1 else f"{seconds * 1000:.0f}"
