"""Tools that a session called, with their part of the cost."""

from tachograph.queries.usage.session_details import session_id
from tachograph.queries.usage.session_timeline import timeline
from tachograph.queries.usage.shares import share
from tachograph.text.format import UNKNOWN, count, usd
from tachograph.ui.dashboard.figures import TableBlock
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, display, money, share_cell
from tachograph.workspace.session_tools import session_tools

_COLUMNS = (Column("Tool"), Column("Calls", "num"), Column("Cost*", "num"), Column("Share", "num"))


def tools(view: View) -> TableBlock:
    """Cost by tool; unknown if Claude Code has deleted the transcript."""
    snapshot = view.snapshot
    found = timeline(snapshot.db, snapshot.book, session_id(snapshot.db, view.item))
    usage = session_tools(snapshot, view.item, found.steps)
    if not usage.is_known:
        return TableBlock(
            "Tools: unknown",
            "The transcript is gone: Claude Code deletes transcripts after 30 days by default. Tools are read from it"
            " when this page opens, and not stored.",
            None,
        )
    lines = [
        Line(
            tool.name,
            (
                Cell(display(tool.name)),
                Cell(count(tool.calls), tool.calls, "num"),
                money(tool.spend.usd),
                share_cell(share(tool.spend, found.totals)),
            ),
        )
        for tool in usage.tools
    ]
    rest = usage.without
    rest_cells = (
        Cell("No tool called"),
        Cell(UNKNOWN, "", "num"),
        money(rest.usd),
        share_cell(share(rest, found.totals)),
    )
    lines.append(Line("-", rest_cells))
    first = usage.tools[0] if usage.tools else None
    title = f"Messages with {display(first.name)} calls cost {usd(first.spend.usd)}" if first else "No tool was called"
    gap = " Part of the transcript is gone; its messages count as without a tool." if usage.is_partly else ""
    summary = f"The cost of each message that called tools, divided among them.{gap}"
    return TableBlock(title, summary, Table("tools", "Cost by tool", _COLUMNS, tuple(lines)))
