"""The prompt cache: its share of the input, and its effect on the cost."""

from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.usage import totals as usage
from tachograph.text.format import UNKNOWN, count, percent, tokens, usd
from tachograph.ui.dashboard.figures import Figure, FigureBlock, Strip, StripPart
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, share_cell


def caching(view: View) -> FigureBlock:
    """Input tokens by way: from the cache, written to it, without it."""
    snapshot = view.snapshot
    found = usage.caching(snapshot.db, snapshot.book, view.query.spend_query(view.calendar, view.now))
    parts = (
        ("read", "From the cache", found.read, found.hit_rate, 2),
        ("written", "Written to it", found.written, found.written_share, 3),
        ("fresh", "Sent without it", found.fresh, found.fresh_share, 1),
    )
    lines = tuple(
        Line(key, (Cell(name), Cell(tokens(n), n, "num", title=f"{count(n)} tokens"), share_cell(part)))
        for key, name, n, part, _ in parts
    )
    at, strip = 0.0, []
    for _, name, n, part, color in parts:
        width = 100 * (part or 0.0)
        strip.append(StripPart(name, at, width, color, tokens(n), UNKNOWN if part is None else percent(part)))
        at += width
    summary = ""
    if found.hit_rate is not None:
        summary = (
            f"{percent(found.hit_rate)} of {tokens(found.prompt)} input tokens came from the cache;"
            f" {tokens(found.written)} were written to it and {tokens(found.fresh)} sent without it."
        )
    table = Table(
        "t-caching",
        "Input tokens",
        (Column("How"), Column("Tokens", "num"), Column("Share", "num")),
        lines,
        (Cell("All"), Cell(tokens(found.prompt), found.prompt, "num"), Cell("", "", "num")),
    )
    return FigureBlock(Figure("caching", _title(found), summary, Strip(tuple(strip)), table))


def _title(found: usage.Caching) -> str:
    if found.hit_rate is None:
        return "No input in this range"
    if found.saved is None:
        return f"{percent(found.hit_rate)} of the input came from the cache"
    saved = found.saved / PICODOLLARS
    return f"Caching saved {usd(saved)}" if saved >= 0 else f"Caching cost {usd(-saved)} more than it saved"
