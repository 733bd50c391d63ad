"""One session: messages over time, subagents, models, tools, pull requests, and its part of each window.

Titles and first prompts only; the rest of the transcript stays where it is.
"""

from typing import NamedTuple

from tachograph.model.usage.model_names import display_name
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.usage.rows import Spend
from tachograph.queries.usage.session_details import session_details, session_id, session_title
from tachograph.queries.usage.session_timeline import Timeline, by_model, shares, timeline
from tachograph.queries.usage.shares import share
from tachograph.queries.usage.witness import witness
from tachograph.text.attribution import left_out_words
from tachograph.text.certainty import unfinished_words, witness_words
from tachograph.text.format import UNKNOWN, count, cut, duration, iso, plural, safe, tokens, usd
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.figures import Figure, FigureBlock, LegendEntry, Series, TableBlock, TimelineChart
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.pages.drivers import session_drivers
from tachograph.ui.dashboard.pages.session_agents import agents
from tachograph.ui.dashboard.pages.session_tools import tools
from tachograph.ui.dashboard.pages.what_if import session_what_if
from tachograph.ui.dashboard.tables import (
    SPEND_COLUMNS,
    Cell,
    Column,
    Line,
    Table,
    display,
    moment,
    money,
    share_cell,
    spend_cells,
)

_MAX_STEPS = 1_500  # messages in the chart and its table: the newest


class SessionCard(NamedTuple):
    """A total of the session; `value` None if unknown."""

    key: str
    label: str
    text: str
    value: float | None


class LinkedPullRequest(NamedTuple):
    """A pull request that the session linked; `url` "" if it is not safe to follow."""

    name: str
    url: str
    repository: str


class HeadBlock(NamedTuple):
    """Values of session_head.html."""

    uuid: str
    project: str
    branch: str
    first: Cell
    last: Cell
    lasted: str
    pull_requests: tuple[LinkedPullRequest, ...]
    remarks: tuple[str, ...]
    cards: tuple[SessionCard, ...]


def _remarks(view: View, id: int, used: Spend | None) -> tuple[str, ...]:
    """The certainty of the count, and Claude Code's own sum of the session."""
    found = witness(view.snapshot.db, view.snapshot.book, [id])
    unfinished = unfinished_words(used) if used is not None and used.unfinished else []
    return (*unfinished, *([] if found is None else [witness_words(found)]))


def title_of(view: View) -> str:
    """The heading of the page. Raises NotFound."""
    return cut(display(session_title(view.snapshot.db, view.item), "Session without a title"), 90)


def timeline_of(view: View) -> Timeline:
    """The messages of the session. Raises NotFound."""
    snapshot = view.snapshot
    return timeline(snapshot.db, snapshot.book, session_id(snapshot.db, view.item))


def head(view: View) -> HeadBlock:
    """Totals and facts."""
    details = session_details(view.snapshot.db, view.snapshot.book, view.item)
    key, used = (details.row.key, details.row.spend) if details.row else (None, None)
    lasted = UNKNOWN
    if details.first_at is not None and details.last_at is not None:
        lasted = duration((details.last_at - details.first_at) / 1000)
    linked = tuple(
        LinkedPullRequest(
            f"#{one.number}" if one.number else safe(one.url.rpartition("/")[2]),
            one.url if one.url.startswith("https://") else "",
            safe(one.repository),
        )
        for one in details.pull_requests
    )
    total = used.tokens.total if used else 0
    messages = used.tokens.messages if used else 0
    return HeadBlock(
        view.item,
        display(key.project if key else None),
        display(key.branch if key else None),
        moment(details.first_at, view.calendar, view.now),
        moment(details.last_at, view.calendar, view.now),
        lasted,
        linked,
        _remarks(view, details.id, used),
        (
            SessionCard("cost", "Cost*", usd(used.usd if used else None), used.usd if used else None),
            SessionCard("tokens", "Tokens", tokens(total), total),
            SessionCard("messages", "Messages", count(messages), messages),
        ),
    )


def messages_over_time(view: View) -> FigureBlock:
    """Cost and context of each message."""
    found = timeline_of(view)
    steps = found.steps[-_MAX_STEPS:]
    timed = [step for step in steps if step.at is not None]
    largest = max((step.prompt for step in timed if not step.agent), default=0)
    dearest = max(timed, key=lambda step: step.spend.cost or 0, default=None)
    title = f"The context grew to {tokens(largest)}" if largest else "No message with a time"
    if dearest is not None and dearest.spend.usd is not None:
        title += f"; the most expensive message cost {usd(dearest.spend.usd)}"
    series = (
        Series("Cost of a message", 0, tuple(None if one.agent else one.spend.usd for one in timed), "cost"),
        Series("Cost, subagents", 4, tuple(one.spend.usd if one.agent else None for one in timed), "cost"),
        Series("Context", 2, tuple(None if one.agent else one.prompt for one in timed), "tokens"),
    )
    lines = tuple(
        Line(
            str(step.id),
            (
                moment(step.at, view.calendar, view.now),
                Cell(display(display_name(step.model)), step.model),
                Cell("subagent" if step.agent else "main", safe(step.agent) or "main"),
                Cell(tokens(step.prompt), step.prompt, "num"),
                Cell(tokens(step.spend.tokens.output), step.spend.tokens.output, "num"),
                money(step.spend.usd),
                money(None if step.so_far is None else step.so_far / PICODOLLARS),
            ),
        )
        for step in reversed(steps)
    )
    columns = (
        Column("When"),
        Column("Model", drop=2),
        Column("Chain", drop=3),
        Column("Context", "num"),
        Column("Output", "num", 4),
        Column("Cost*", "num"),
        Column("So far", "num", 1),
    )
    aside = f" The newest {count(_MAX_STEPS)} are shown." if len(found.steps) > _MAX_STEPS else ""
    return FigureBlock(
        Figure(
            "timeline",
            title,
            f"{plural(len(found.steps), 'message')}, {usd(found.totals.usd)} in all.{aside}",
            TimelineChart(tuple((step.at or 0) / 1000 for step in timed), series, view.calendar.zone_name),
            Table("t-timeline", "Messages, the newest first", columns, lines),
            tuple(LegendEntry(one.label, one.color) for one in series),
        )
    )


def models(view: View) -> TableBlock | None:
    """Usage by model; None for a session of one model, which the head already describes."""
    found = timeline_of(view)
    used = by_model(found.steps)
    if len(used) < 2:
        return None
    colors = charts.model_colors([model for model, _ in used])
    lines = tuple(
        Line(
            model,
            (
                Cell(display(display_name(model)), model, color=colors[model]),
                *spend_cells(own),
                share_cell(share(own, found.totals)),
            ),
        )
        for model, own in used
    )
    columns = (Column("Model"), *SPEND_COLUMNS, Column("Share", "num"))
    foot = (Cell("All"), *spend_cells(found.totals), Cell("", "", "num"))
    return TableBlock(plural(len(lines), "model"), "", Table("models", "Usage of each model", columns, lines, foot))


def windows(view: View) -> TableBlock:
    """The session's part of each 5-hour window."""
    snapshot = view.snapshot
    id = session_id(snapshot.db, view.item)
    touched = shares(snapshot.db, snapshot.book, id, timeline_of(view).steps)
    has_accounts = len({one.account for one in touched.windows}) > 1
    lines = []
    for one in touched.windows:
        start = moment(one.starts_at, view.calendar, view.now)
        cells = (
            start._replace(text=f"{start.text}, {display(one.label)}") if has_accounts else start,
            moment(one.ends_at, view.calendar, view.now),
            Cell(UNKNOWN if one.peak is None else f"{one.peak:.0f} %", one.peak, "num"),
            money(one.used.usd),
            money(one.whole.usd),
            share_cell(one.share),
        )
        lines.append(Line(f"{one.account}-{iso(one.starts_at)}", cells))
    columns = (
        Column("Window from"),
        Column("to", drop=1),
        Column("Reached", "num", 2),
        Column("This session*", "num"),
        Column("All of its account here*", "num", 3),
        Column("Share", "num"),
    )
    left_out = left_out_words(touched.nobodys)
    empty = f"No source reported the windows of this session. {left_out}".rstrip()
    summary = (
        f"Its part of the account's usage on this machine. Chat and other machines use the same windows. {left_out}"
    )
    return TableBlock(
        f"Part of {'one 5-hour window' if len(lines) == 1 else f'{len(lines)} 5-hour windows'}"
        if lines
        else "No known 5-hour window",
        summary.rstrip(),
        Table("windows", "5-hour windows of the service", columns, tuple(lines), empty=empty),
    )


PAGE = Page(
    "session",
    "/sessions/",
    "Session",
    (
        Block("head", "session_head.html", head),
        Block("timeline", "figure_block.html", messages_over_time),
        Block("agents", "session_agents.html", agents),
        Block("models", "table_block.html", models),
        Block("drivers", "table_block.html", session_drivers),
        Block("what-if", "table_block.html", session_what_if),
        Block("tools", "table_block.html", tools),
        Block("windows", "table_block.html", windows),
    ),
    finds="",
    in_rail=False,
    title_of=title_of,
)
