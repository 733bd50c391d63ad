"""Blocks of Anthropic's own reports on the team's page: each source with its sum, and the days beside each other."""

from collections.abc import Mapping
from typing import Any

from tachograph.text.format import UNKNOWN, count, plural, safe, tokens
from tachograph.ui.dashboard.figures import TableBlock
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, money


def books_summary(document: Mapping[str, Any]) -> TableBlock:
    """The three sources: sum, contents, and gaps."""
    totals = document["totals"]
    sums = {"logs": totals["logs"], "books": totals["books"], "billed": {"cost_usd": totals["billed_usd"]}}
    lines = tuple(
        Line(
            source["source"],
            (
                Cell(source["name"]), money((sums[source["source"]] or {}).get("cost_usd")),
                Cell(source["counts"]), Cell(source["cannot_see"]),
            ),
        )
        for source in document["sources"]
    )  # fmt: skip
    columns = (Column("Source"), Column("Cost", "num"), Column("Counts", drop=1), Column("Cannot see"))
    return TableBlock("Logs and Anthropic's own reports", _state(document), Table("books", "Sources", columns, lines))


def _state(document: Mapping[str, Any]) -> str:
    read, hidden = document["read"], document["hidden"]
    text = f"{plural(read['days'], 'day')} of the range read"
    text += f", up to {read['last_day']}." if read["last_day"] else "."
    if read["problem"]:
        text += f" The last attempt failed: {safe(read['problem'])}."
    if hidden:
        text += f" Anthropic's numbers of {plural(hidden['days'], 'day')} leave people out: {hidden['reason']}."
    return text


def books_days(document: Mapping[str, Any]) -> TableBlock:
    """Days of the logs beside days of the reports."""
    lines = tuple(
        Line(
            f"{row['period']}-{row['others']}",
            (
                Cell(row["period"] or ("Others" if row["others"] else "Unknown"), row["period"] or ""),
                _tokens(row["logs"]), _tokens(row["books"]), money((row["logs"] or {}).get("cost_usd")),
                money((row["books"] or {}).get("cost_usd")), money(row["billed_usd"]), _people(row["books"]),
            ),
        )
        for row in reversed(document["rows"])
    )  # fmt: skip
    columns = (
        Column("Day (UTC)"), Column("Logs: tokens", "num", 3), Column("Anthropic: tokens", "num", 2), Column("Logs: cost*", "num"),
        Column("Anthropic: cost", "num"), Column("Billed", "num", 1), Column("People", "num", 4),
    )  # fmt: skip
    return TableBlock(
        "Days beside each other",
        "",
        Table("books-days", "Days", columns, lines, empty="No day of this range was read."),
    )


def _tokens(part: Mapping[str, Any] | None) -> Cell:
    return Cell(UNKNOWN if part is None else tokens(part["tokens"]), "" if part is None else part["tokens"], "num")


def _people(part: Mapping[str, Any] | None) -> Cell:
    return Cell(UNKNOWN if part is None else count(part["people"]), "" if part is None else part["people"], "num")
