"""One session: its messages over time with cost and context, subagents, models, tools, pull requests, its part of each
window. Titles and first prompts only; the rest of the transcript stays where it is."""

from collections.abc import Mapping
from typing import Any

from tachograph.errors import NotFound
from tachograph.ledger.usage import sessions
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.model.usage.prices import display_name as shown_model
from tachograph.queries.usage.active_sessions import session_row
from tachograph.queries.usage.session_timeline import Timeline, by_model, shares, timeline
from tachograph.recorder.tool_usage import ToolUsage, tool_usage
from tachograph.text.attribution import left_out_words
from tachograph.text.format import UNKNOWN, count, cut, duration, iso, percent, plural, safe, tokens, usd
from tachograph.ui.dashboard import charts
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

_MOST_STEPS = 1_500  # messages in a chart and in its table; of longer sessions the newest


def _id(view: View) -> int:
    found = sessions.session_ids(view.look.db, [view.what]).get(view.what)
    if found is None:
        raise NotFound("There is no such session in the ledger.", "The list of sessions shows those that there are.")
    return found


def title_of(view: View) -> str:
    facts = sessions.facts(view.look.db, [_id(view)])
    return cut(named(next(iter(facts.values())).title, "Session without a title"), 90)


def _head(view: View) -> Mapping[str, Any]:
    look, id = view.look, _id(view)
    row = session_row(look.db, look.book, id)
    facts = sessions.facts(look.db, [id])[id]
    pulls = [
        (
            f"#{pull.number}" if pull.number else safe(pull.url.rpartition("/")[2]),
            pull.url if pull.url.startswith("https://") else "",
            safe(pull.repository),
        )
        for pull in sessions.pulls_of(look.db, id)
    ]
    lasted = (
        None if facts.first_at is None or facts.last_at is None else duration((facts.last_at - facts.first_at) / 1000)
    )
    key = row.key if row else None
    used = row.spend if row else None
    return {
        "uuid": view.what,
        "project": named(key.project if key else None),
        "branch": named(key.branch if key else None),
        "first": moment(facts.first_at, view.calendar, view.now),
        "last": moment(facts.last_at, view.calendar, view.now),
        "lasted": lasted or UNKNOWN,
        "pulls": pulls,
        "cards": [
            {"key": "cost", "label": "Cost*", "text": usd(used.usd if used else None), "value": used.usd if used else None},
            {"key": "tokens", "label": "Tokens", "text": tokens(used.tokens.total if used else 0), "value": used.tokens.total if used else 0},
            {"key": "messages", "label": "Messages", "text": count(used.tokens.messages if used else 0), "value": used.tokens.messages if used else 0},
        ],
    }  # fmt: skip


def _steps(view: View) -> Mapping[str, Any]:
    look = view.look
    found = timeline(look.db, look.book, _id(view))
    steps = found.steps[-_MOST_STEPS:]
    timed = [step for step in steps if step.at is not None]
    main = [step for step in timed if not step.agent]
    most = max((step.prompt for step in main), default=0)
    dearest = max(timed, key=lambda step: step.spend.cost or 0, default=None)
    title = f"The context grew to {tokens(most)}" if most else "No message with a time"
    if dearest is not None and dearest.spend.usd is not None:
        title += f"; the most expensive message cost {usd(dearest.spend.usd)}"
    chart = {
        "kind": "timeline",
        "x": [(step.at or 0) / 1000 for step in timed],
        "series": [
            {"label": "Cost of a message", "colour": 0, "values": [None if step.agent else step.spend.usd for step in timed], "scale": "cost"},
            {"label": "Cost, subagents", "colour": 4, "values": [step.spend.usd if step.agent else None for step in timed], "scale": "cost"},
            {"label": "Context", "colour": 2, "values": [None if step.agent else step.prompt for step in timed], "scale": "tokens"},
        ],
        "unit": "$",
        "zone": view.calendar.zone_name,
    }  # fmt: skip
    lines = tuple(
        Line(
            str(step.id),
            (
                moment(step.at, view.calendar, view.now),
                Cell(named(shown_model(step.model)), step.model),
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
        Column("Written", "num", 4),
        Column("Cost*", "num"),
        Column("So far", "num", 1),
    )
    aside = f" The newest {count(_MOST_STEPS)} are shown." if len(found.steps) > _MOST_STEPS else ""
    return {
        "figure": {
            "key": "timeline",
            "title": title,
            "summary": f"{plural(len(found.steps), 'message')}, {usd(found.totals.usd)} in all.{aside}",
            "chart": as_json(chart),
            "legend": [("Cost of a message", 0, ""), ("Cost, subagents", 4, ""), ("Context", 2, "")],
            "table": Table("t-timeline", "Messages, the newest first", columns, lines),
        }
    }


def _models(view: View) -> Mapping[str, Any]:
    look = view.look
    found = timeline(look.db, look.book, _id(view))
    lines = []
    models = by_model(found.steps)
    taken = charts.model_colours([model for model, _ in models])
    for model, used in models:
        part = used.cost / found.totals.cost if used.cost is not None and found.totals.cost else None
        cell = Cell(named(shown_model(model)), model, colour=taken[model])
        lines.append(Line(model, (cell, *spend_cells(used), share_cell(part))))
    table = Table("models", "What each model used", (Column("Model"), *SPEND_COLUMNS, Column("Share", "num")), tuple(lines), (Cell("All"), *spend_cells(found.totals), Cell("", "", "num")))  # fmt: skip
    return {"title": plural(len(lines), "model"), "summary": "", "table": table}


def _told(view: View, found: Timeline) -> ToolUsage:
    return tool_usage(view.look.db, view.what, {step.identity: step.spend for step in found.steps})


def _agents(view: View) -> Mapping[str, Any]:
    look = view.look
    found = timeline(look.db, look.book, _id(view))
    if not found.agents:
        return {"title": "No subagents", "summary": "", "tree": [], "table": None}
    said = _told(view, found)
    main = [step for step in found.steps if not step.agent]
    by_parent: dict[str, list[Any]] = {}
    known = {agent.agent for agent in found.agents}
    for agent in found.agents:
        parent = said.agents[agent.agent].parent if agent.agent in said.agents else ""
        by_parent.setdefault(parent if parent in known else "", []).append(agent)
    whole = found.totals.cost or 0

    def branch(parent: str, depth: int) -> list[dict[str, Any]]:
        made = []
        for agent in by_parent.get(parent, []):
            words = said.agents.get(agent.agent)
            ran = None if agent.first_at is None else duration(((agent.last_at or 0) - agent.first_at) / 1000)
            made.append(
                {
                    "key": safe(agent.agent),
                    "name": named(words.description if words else None, f"Subagent {safe(agent.agent[:8])}"),
                    "kind": named(words.kind if words else None, ""),
                    "models": short_list([named(shown_model(model)) for model in agent.models]),
                    "cells": spend_cells(agent.spend),
                    "part": percent(agent.spend.cost / whole) if agent.spend.cost is not None and whole else UNKNOWN,
                    "ran": ran or UNKNOWN,
                    "children": branch(agent.agent, depth + 1) if depth < 8 else [],
                }
            )
        return made

    used = [agent.spend for agent in found.agents]
    from tachograph.queries.usage.totals import sum_spends

    of_agents, of_main = sum_spends(used), sum_spends(step.spend for step in main)
    part = percent(of_agents.cost / whole) if of_agents.cost is not None and whole else UNKNOWN
    return {
        "title": f"{plural(len(found.agents), 'subagent')} took {part} of the cost",
        "summary": "" if said.is_known else "What they were asked to do is in a transcript that is no longer there.",
        "tree": branch("", 0),
        "main": spend_cells(of_main),
    }


def _tools(view: View) -> Mapping[str, Any]:
    look = view.look
    found = timeline(look.db, look.book, _id(view))
    said = _told(view, found)
    if not said.is_known:
        return {
            "title": "Which tools were called is unknown",
            "summary": "The transcript is no longer there: Claude Code deletes transcripts after 30 days by default. Tools are read from it when this page is opened, and not kept.",
            "table": None,
        }
    lines = []
    for tool in said.tools:
        part = tool.spend.cost / found.totals.cost if tool.spend.cost is not None and found.totals.cost else None
        cells = (
            Cell(named(tool.name)),
            Cell(count(tool.calls), tool.calls, "num"),
            money(tool.spend.usd),
            share_cell(part),
        )
        lines.append(Line(tool.name, cells))
    rest = said.without
    part = rest.cost / found.totals.cost if rest.cost is not None and found.totals.cost else None
    lines.append(Line("-", (Cell("No tool was called"), Cell(UNKNOWN, "", "num"), money(rest.usd), share_cell(part))))
    first = said.tools[0] if said.tools else None
    title = f"{named(first.name)} is behind {usd(first.spend.usd)}" if first else "No tool was called"
    gap = " Part of the transcript is gone: what it said is counted as without a tool." if said.is_partly else ""
    return {
        "title": title,
        "summary": f"The cost of each message that called tools, divided among them.{gap}",
        "table": Table("tools", "Cost by tool", (Column("Tool"), Column("Calls", "num"), Column("Cost*", "num"), Column("Share", "num")), tuple(lines)),
    }  # fmt: skip


def _few(n: int) -> str:
    return {0: "no", 1: "one"}.get(n) or count(n)


def _windows(view: View) -> Mapping[str, Any]:
    look, id = view.look, _id(view)
    found = timeline(look.db, look.book, id)
    lines = []
    touched = shares(look.db, look.book, id, found.steps)
    several = len({one.account for one in touched.windows}) > 1
    for one in touched.windows:
        begun = moment(one.starts_at, view.calendar, view.now)
        peak = UNKNOWN if one.peak is None else f"{one.peak:.0f} %"
        cells = (
            begun._replace(text=f"{begun.text}, {named(one.label)}") if several else begun,
            moment(one.ends_at, view.calendar, view.now),
            Cell(peak, one.peak, "num"),
            money(one.used.usd),
            money(one.whole.usd),
            share_cell(one.share),
        )
        lines.append(Line(f"{one.account}-{iso(one.starts_at)}", cells))
    columns = (Column("Window from"), Column("to", drop=1), Column("Reached", "num", 2), Column("This session*", "num"), Column("All of its account here*", "num", 3), Column("Share", "num"))  # fmt: skip
    left_out = left_out_words(touched.nobodys)
    empty = f"No source named the windows that this session fell into. {left_out}".rstrip()
    return {
        "title": f"It touched {_few(len(lines))} 5-hour window{'' if len(lines) == 1 else 's'}",
        "summary": f"Its part of what its account used on this machine in each window; chat and other machines draw from the same windows. {left_out}".rstrip(),
        "table": Table("windows", "5-hour windows of the service", columns, tuple(lines), empty=empty),
    }


PAGE = Page(
    "session",
    "/sessions/",
    "Session",
    (
        Block("head", "session_head.html", _head),
        Block("timeline", "usage_figure.html", _steps),
        Block("agents", "session_agents.html", _agents),
        Block("models", "running.html", _models),
        Block("tools", "running.html", _tools),
        Block("windows", "running.html", _windows),
    ),
    in_rail=False,
    title_of=title_of,
)
