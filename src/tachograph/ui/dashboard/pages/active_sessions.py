"""The active sessions as a table."""

from tachograph.model.usage.model_names import display_name
from tachograph.queries.live import Context, context_and_agents
from tachograph.queries.usage.active_sessions import active_sessions
from tachograph.text.format import UNKNOWN, iso, percent, plural, tokens
from tachograph.ui.dashboard.figures import TableBlock
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, ago, display, money, short_list

_COLUMNS = (
    Column("Session"),
    Column("Project", drop=2),
    Column("Model", drop=3),
    Column("Context", "num", 4),
    Column("Cost*", "num"),
    Column("Last", drop=1),
    Column("Subagents", "num", 5),
)


def active_table(view: View) -> TableBlock:
    """Sessions with a message in the last 15 minutes."""
    snapshot = view.snapshot
    found = active_sessions(snapshot.db, snapshot.book, snapshot.calendar, snapshot.now)
    ids = [one.row.key.session for one in found if one.row.key.session]
    work = context_and_agents(snapshot.db, snapshot.book, ids, snapshot.now)
    lines = []
    for one in found:
        key = one.row.key
        context, agents = work.get(key.session or "", (None, ()))
        cells = (
            Cell(display(key.title, "without a title"), href=f"/sessions/{key.session}"),
            Cell(display(key.project)),
            Cell(display(display_name(one.last.model)) if one.last else UNKNOWN),
            _context_cell(context),
            money(one.row.spend.usd),
            Cell(ago(key.ended_at or snapshot.now, snapshot.now), iso(key.ended_at)),
            Cell(str(len(agents)) if agents else "none active", len(agents), "num"),
        )
        lines.append(Line(key.session or "unknown", cells))
    empty = "No session in the last 15 minutes. A session appears here seconds after its first answer."
    names = short_list([line.cells[0].text for line in lines])
    return TableBlock(
        plural(len(lines), "active session") if lines else "No active session",
        f"In the last 15 minutes: {names}." if lines else empty,
        Table("running", "Sessions active in the last 15 minutes", _COLUMNS, tuple(lines), empty=empty),
    )


def _context_cell(context: Context | None) -> Cell:
    """The filled share of the context window; tokens if its size is unknown."""
    if context is None:
        return Cell(UNKNOWN, "", "num")
    if context.share is None:
        return Cell(tokens(context.tokens), context.tokens, "num", title="size of the context window unknown")
    whole = f"{tokens(context.tokens)} of {tokens(context.window or 0)} tokens"
    return Cell(percent(context.share), context.tokens, "num", title=whole)
