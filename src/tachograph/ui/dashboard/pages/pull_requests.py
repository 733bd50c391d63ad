"""*Pull requests*: what each cost with its sessions, models and days; the median, the trend, and cost by branch."""

from collections.abc import Mapping
from typing import Any

from tachograph.model.usage.prices import display_name as shown_model
from tachograph.queries.usage.pull_requests import PullRequest, branches, pull_requests
from tachograph.text.format import MONTHS, percent, plural, safe, usd
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.tables import (
    SPEND_COLUMNS,
    Cell,
    Column,
    Line,
    Table,
    as_json,
    moment,
    money,
    named,
    share_cell,
    short_list,
    spend_cells,
)


def pull_name(number: int | None, url: str | None, repository: str | None) -> str:
    if url is None:
        return "No pull request"
    name = f"#{number}" if number else safe(url.rpartition("/")[2] or url)
    return f"{safe(repository)} {name}" if repository else name


def _list(view: View) -> Mapping[str, Any]:
    look = view.look
    found = pull_requests(look.db, look.book, look.calendar, view.asked.question(view.calendar, view.now))
    words = view.asked.find.lower()
    lines = [
        _line(pull, view)
        for pull in found.rows
        if words in pull_name(pull.key.number, pull.key.url, pull.key.repository).lower()
    ]
    if found.none is not None and not words:
        lines.append(_line(found.none, view))
    columns = (
        Column("Pull request"),
        Column("Sessions", "num", 3),
        Column("Models", drop=4),
        Column("Days", "num", 5),
        Column("Linked", drop=2),
        *SPEND_COLUMNS,
    )
    part = None
    if found.none is not None and found.none.spend.cost is not None and found.totals.cost:
        part = found.none.spend.cost / found.totals.cost
    title = "No pull request in this time"
    if found.rows:
        title = f"{plural(len(found.rows), 'pull request')}, the median one {usd(found.median_usd)}"
    aside = "" if part is None else f" {percent(part)} of the cost belongs to no pull request."
    empty = "Pull requests appear when Claude Code links one in a session, as it does when it opens one with `gh`."
    return {
        "title": title,
        "summary": f"A message belongs to the pull request that its session links next on its branch.{aside}",
        "table": Table(
            "pulls",
            "What each pull request cost",
            columns,
            tuple(lines),
            (
                Cell("All"),
                Cell("", "", "num"),
                Cell("", ""),
                Cell("", "", "num"),
                Cell("", ""),
                *spend_cells(found.totals),
            )
            if not words
            else (),
            empty,
        ),
        "median": found.median_usd,
    }


def _line(pull: PullRequest, view: View) -> Line:
    key = pull.key
    href = key.url if key.url and key.url.startswith("https://") else ""
    models = [named(shown_model(row.key.model)) for row in pull.models]
    rows = tuple(
        Line(
            f"{key.url}-{row.key.session}",
            (
                Cell(
                    named(row.key.title, "without a title"),
                    href=f"/sessions/{row.key.session}" if row.key.session else "",
                ),
                *spend_cells(row.spend),
            ),
        )
        for row in pull.sessions[:50]
    )
    more = Table(f"p-{key.url or 'none'}", "Its sessions", (Column("Session"), *SPEND_COLUMNS), rows)
    by_model = Table(
        f"pm-{key.url or 'none'}",
        "Its models",
        (Column("Model"), *SPEND_COLUMNS),
        tuple(
            Line(
                f"{key.url}-{row.key.model}",
                (Cell(named(shown_model(row.key.model)), row.key.model), *spend_cells(row.spend)),
            )
            for row in pull.models
        ),
    )
    return Line(
        key.url or "none",
        (
            Cell(pull_name(key.number, key.url, key.repository), key.url or "none", href=href),
            Cell(str(len(pull.sessions)), len(pull.sessions), "num"),
            Cell(short_list(models, 2)),
            Cell(str(len(pull.days)), len(pull.days), "num", title=short_list(list(pull.days), 6)),
            moment(key.linked_at, view.calendar, view.now) if key.url else Cell("", ""),
            *spend_cells(pull.spend),
        ),
        (more, by_model),
        "" if key.url else "rest",
    )


def _trend(view: View) -> Mapping[str, Any] | None:
    look = view.look
    found = pull_requests(look.db, look.book, look.calendar, view.asked.question(view.calendar, view.now))
    weeks = found.weeks
    if not weeks:
        return None
    labels = [f"{int(week.week[8:])} {MONTHS[int(week.week[5:7]) - 1]}" for week in weeks]
    if len(weeks) > 1 and weeks[0].median_usd and weeks[-1].median_usd:
        title = f"The median pull request cost {usd(weeks[0].median_usd)} in the first week, {usd(weeks[-1].median_usd)} in the last"
    else:
        title = f"The median pull request cost {usd(weeks[-1].median_usd)}"
    lines = tuple(
        Line(week.week, (Cell(label, week.week), Cell(str(week.pulls), week.pulls, "num"), money(week.median_usd)))
        for week, label in zip(weeks, labels, strict=True)
    )
    return {
        "figure": {
            "key": "trend",
            "title": title,
            "summary": f"By the week in which they were first linked; {plural(len(weeks), 'week')}.",
            "chart": as_json({"kind": "stack", "labels": labels, "series": [{"label": "Median cost", "colour": 0, "values": [week.median_usd for week in weeks]}], "unit": "$", "small": True}),
            "table": Table("t-trend", "The median pull request of each week", (Column("Week of"), Column("Pull requests", "num"), Column("Median cost*", "num")), lines),
        }
    }  # fmt: skip


def _branches(view: View) -> Mapping[str, Any] | None:
    look = view.look
    found = branches(look.db, look.book, look.calendar, view.asked.question(view.calendar, view.now))
    if not found.rows:
        return None
    lines = tuple(
        Line(
            f"{row.key.project}/{row.key.branch}",
            (
                Cell(
                    named(row.key.branch),
                    href=view.elsewhere(
                        "/usage",
                        branch=(row.key.branch or "unknown",),
                        project=(row.key.project,) if row.key.project else (),
                    ),
                ),
                Cell(named(row.key.project)),
                *spend_cells(row.spend),
                share_cell(
                    row.spend.cost / found.totals.cost if row.spend.cost is not None and found.totals.cost else None
                ),
            ),
        )
        for row in found.rows[:300]
    )
    first = found.rows[0]
    title = f"{plural(len(found.rows), 'branch', 'branches')}; the most expensive, {named(first.key.branch)}, cost {usd(first.spend.usd)}"
    aside = f"The 300 most expensive of {len(found.rows)}; the totals are of all." if len(found.rows) > 300 else ""
    return {
        "title": title,
        "summary": aside,
        "table": Table("branches", "What each branch cost", (Column("Branch"), Column("Project", drop=3), *SPEND_COLUMNS, Column("Share", "num", 4)), lines, (Cell("All"), Cell("", ""), *spend_cells(found.totals), Cell("", "", "num"))),
    }  # fmt: skip


PAGE = Page(
    "pulls",
    "/pulls",
    "Pull requests",
    (
        Block("trend", "usage_figure.html", _trend),
        Block("pulls", "running.html", _list),
        Block("branches", "running.html", _branches),
    ),
    filters="full",
    finds="Find a pull request",
)
