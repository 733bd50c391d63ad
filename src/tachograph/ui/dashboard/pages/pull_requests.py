"""*Pull requests*: the cost of each with its sessions, models and days; the median by week; cost by branch."""

from tachograph.model.usage.model_names import display_name
from tachograph.model.usage.periods import WEEK, Span
from tachograph.queries.usage.pull_requests import PullRequest, Week, branches, pull_requests
from tachograph.queries.usage.rows import Spend, total
from tachograph.queries.usage.shares import share
from tachograph.queries.usage.totals import every_period
from tachograph.text.format import month_name, percent, plural, safe, usd
from tachograph.ui.dashboard.figures import Figure, FigureBlock, Series, StackChart, TableBlock
from tachograph.ui.dashboard.page import Block, Page, View
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
    short_list,
    spend_cells,
)

_MAX_BRANCHES, _MAX_SESSIONS = 300, 50
_ENOUGH = 3  # pull requests of a week, for its median to be compared with another week's
_COLUMNS = (
    Column("Pull request"),
    Column("Sessions", "num", 3),
    Column("Models", drop=4),
    Column("Days", "num", 5),
    Column("Linked", drop=2),
    Column("By branch", "num", 3),
    *SPEND_COLUMNS,
)


def display_pull_request(number: int | None, url: str | None, repository: str | None) -> str:
    """`ada/shop #412`; the end of the address without a number."""
    if url is None:
        return "No pull request"
    name = f"#{number}" if number else safe(url.rpartition("/")[2] or url)
    return f"{safe(repository)} {name}" if repository else name


def pull_request_table(view: View) -> TableBlock:
    """Every pull request, and what belongs to none."""
    snapshot = view.snapshot
    query = view.query.spend_query(view.calendar, view.now)
    found = pull_requests(snapshot.db, snapshot.book, snapshot.calendar, query)
    words = view.query.find.lower()
    lines = [
        _line(one, view)
        for one in found.rows
        if words in display_pull_request(one.key.number, one.key.url, one.key.repository).lower()
    ]
    if found.none is not None and not words:
        lines.append(_line(found.none, view))
    rest = None if found.none is None else share(found.none.spend, found.totals)
    aside = "" if rest is None else f" {percent(rest)} of the cost belongs to no pull request."
    by_branch = total(one.by_branch for one in found.rows)
    blanks = (Cell("", "", "num"), Cell("", ""), Cell("", "", "num"), Cell("", ""), money(by_branch.usd))
    title = "No pull request in this range"
    if found.rows:
        title = f"{plural(len(found.rows), 'pull request')}, the median one {usd(found.median_usd)}"
    table = Table(
        "pulls",
        "Cost of each pull request",
        _COLUMNS,
        tuple(lines),
        () if words else (Cell("All"), *blanks, *spend_cells(found.totals)),
        "Pull requests appear when Claude Code links one in a session, as it does after `gh pr create`.",
    )
    return TableBlock(title, f"{_basis_words(total(one.spend for one in found.rows), by_branch)}{aside}", table)


def _basis_words(whole: Spend, by_branch: Spend) -> str:
    """Cost attributed by the session that linked a pull request, and by branch alone."""
    start = "Work that led to a link belongs to its pull request by session, other work on its branch by branch alone"
    if not by_branch.tokens.messages or whole.usd is None:
        return f"{start}."
    return f"{start}: {usd(whole.usd - (by_branch.usd or 0))} by session, {usd(by_branch.usd)} by branch alone."


def _line(one: PullRequest, view: View) -> Line:
    key = one.key
    models = [display(display_name(row.key.model)) for row in one.models]
    sessions = tuple(
        Line(
            f"{key.url}-{row.key.session}",
            (
                Cell(
                    display(row.key.title, "without a title"),
                    href=f"/sessions/{row.key.session}" if row.key.session else "",
                ),
                *spend_cells(row.spend),
            ),
        )
        for row in one.sessions[:_MAX_SESSIONS]
    )
    by_model = tuple(
        Line(f"{key.url}-{row.key.model}", (Cell(name, row.key.model), *spend_cells(row.spend)))
        for row, name in zip(one.models, models, strict=True)
    )
    return Line(
        key.url or "none",
        (
            Cell(
                display_pull_request(key.number, key.url, key.repository),
                key.url or "none",
                href=key.url if key.url and key.url.startswith("https://") else "",
            ),
            Cell(str(len(one.sessions)), len(one.sessions), "num"),
            Cell(short_list(models, 1), title=", ".join(models)),
            Cell(str(len(one.days)), len(one.days), "num", title=short_list(list(one.days), 6)),
            moment(key.linked_at, view.calendar, view.now) if key.url else Cell("", ""),
            money(one.by_branch.usd) if one.by_branch.tokens.messages else Cell("", 0, "num"),
            *spend_cells(one.spend),
        ),
        (
            Table(f"p-{key.url or 'none'}", "Its sessions", (Column("Session"), *SPEND_COLUMNS), sessions),
            Table(f"pm-{key.url or 'none'}", "Its models", (Column("Model"), *SPEND_COLUMNS), by_model),
        ),
        "" if key.url else "rest",
    )


def median_by_week(view: View) -> FigureBlock | None:
    """The median cost of the pull requests first linked in each week of the range; weeks without one are shown empty."""
    snapshot = view.snapshot
    query = view.query.spend_query(view.calendar, view.now)
    found = pull_requests(snapshot.db, snapshot.book, snapshot.calendar, query)
    start = query.span.start
    known = [week for week in found.weeks if start is None or week.week >= view.calendar.period(WEEK, start)[0]]
    if not known:
        return None
    weeks = _without_gaps(view, known)
    labels = tuple(f"{int(week.week[8:])} {month_name(int(week.week[5:7]))}" for week in weeks)
    lines = tuple(
        Line(week.week, (Cell(label, week.week), Cell(str(week.pulls), week.pulls, "num"), money(week.median_usd)))
        for week, label in zip(weeks, labels, strict=True)
        if week.pulls
    )
    series = (Series("Median cost", 0, tuple(week.median_usd if week.pulls else 0 for week in weeks)),)
    columns = (Column("Week of"), Column("Pull requests", "num"), Column("Median cost*", "num"))
    return FigureBlock(
        Figure(
            "trend",
            _trend_title(known),
            f"By the week of the first link; {plural(len(known), 'week')} with a pull request.",
            StackChart(labels, series, "$", is_small=True, whole=tuple(f"Week of {one}" for one in labels)),
            Table("t-trend", "The median pull request of each week", columns, lines),
        )
    )


def _without_gaps(view: View, known: list[Week]) -> list[Week]:
    from datetime import date

    def start_of(key: str) -> int:
        return view.calendar.start_of(date.fromisoformat(key))

    by_key = {week.week: week for week in known}
    span = Span(start_of(known[0].week), start_of(known[-1].week) + 1)
    return [by_key.get(key, Week(key, 0, None)) for key in every_period(view.calendar, WEEK, span)]


def _trend_title(known: list[Week]) -> str:
    enough = [week for week in known if week.pulls >= _ENOUGH and week.median_usd]
    if len(enough) > 1:
        first, last = usd(enough[0].median_usd), usd(enough[-1].median_usd)
        return f"The median pull request cost {first} in the first week with {_ENOUGH} or more, {last} in the last"
    return f"The median pull request of the last week cost {usd(known[-1].median_usd)}"


def branch_table(view: View) -> TableBlock | None:
    """Cost by branch; None without usage."""
    snapshot = view.snapshot
    found = branches(snapshot.db, snapshot.book, snapshot.calendar, view.query.spend_query(view.calendar, view.now))
    if not found.rows:
        return None
    lines = tuple(
        Line(
            f"{row.key.project}/{row.key.branch}",
            (
                Cell(
                    display(row.key.branch),
                    href=view.elsewhere(
                        "/usage",
                        branch=(row.key.branch or "unknown",),
                        project=(row.key.project,) if row.key.project else (),
                    ),
                ),
                Cell(display(row.key.project)),
                *spend_cells(row.spend),
                share_cell(share(row.spend, found.totals)),
            ),
        )
        for row in found.rows[:_MAX_BRANCHES]
    )
    first, number = found.rows[0], len(found.rows)
    title = f"{plural(number, 'branch', 'branches')}; the most expensive, {display(first.key.branch)}, cost {usd(first.spend.usd)}"
    summary = f"The {_MAX_BRANCHES} most expensive of {number}; totals cover all." if number > _MAX_BRANCHES else ""
    columns = (Column("Branch"), Column("Project", drop=3), *SPEND_COLUMNS, Column("Share", "num", 4))
    foot = (Cell("All"), Cell("", ""), *spend_cells(found.totals), Cell("", "", "num"))
    return TableBlock(title, summary, Table("branches", "Cost of each branch", columns, lines, foot))


PAGE = Page(
    "pulls",
    "/pulls",
    "Pull requests",
    (
        Block("trend", "figure_block.html", median_by_week),
        Block("pulls", "table_block.html", pull_request_table),
        Block("branches", "table_block.html", branch_table),
    ),
    filters="full",
    finds="Find a pull request",
)
