"""Subagents of a session, as a tree."""

from typing import NamedTuple

from tachograph.model.usage.model_names import display_name
from tachograph.queries.usage.session_details import session_id
from tachograph.queries.usage.session_timeline import Agent, timeline
from tachograph.queries.usage.shares import share
from tachograph.queries.usage.totals import sum_spends
from tachograph.text.format import UNKNOWN, duration, percent, plural, safe
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import Cell, display, short_list, spend_cells
from tachograph.workspace.session_tools import session_tools

_MAX_DEPTH = 8


class AgentNode(NamedTuple):
    """A subagent with those that it started."""

    key: str
    name: str
    kind: str
    models: str
    cells: tuple[Cell, ...]
    share: str
    ran: str
    children: tuple["AgentNode", ...]


class AgentsBlock(NamedTuple):
    """Values of session_agents.html; `main` are the cells of the main chain."""

    title: str
    summary: str
    tree: tuple[AgentNode, ...]
    main: tuple[Cell, ...]


def agents(view: View) -> AgentsBlock | None:
    """The subagents; None without any."""
    snapshot = view.snapshot
    found = timeline(snapshot.db, snapshot.book, session_id(snapshot.db, view.item))
    if not found.agents:
        return None
    usage = session_tools(snapshot, view.item, found.steps)
    known = {agent.agent for agent in found.agents}
    children: dict[str, list[Agent]] = {}
    for agent in found.agents:
        parent = usage.agents[agent.agent].parent if agent.agent in usage.agents else ""
        children.setdefault(parent if parent in known else "", []).append(agent)

    def nodes(parent: str, depth: int) -> tuple[AgentNode, ...]:
        made = []
        for agent in children.get(parent, []):
            words = usage.agents.get(agent.agent)
            ran = UNKNOWN if agent.first_at is None else duration(((agent.last_at or 0) - agent.first_at) / 1000)
            part = share(agent.spend, found.totals)
            made.append(
                AgentNode(
                    safe(agent.agent),
                    display(words.description if words else None, f"Subagent {safe(agent.agent[:8])}"),
                    display(words.kind if words else None, ""),
                    short_list([display(display_name(model)) for model in agent.models]),
                    spend_cells(agent.spend),
                    UNKNOWN if part is None else percent(part),
                    ran,
                    nodes(agent.agent, depth + 1) if depth < _MAX_DEPTH else (),
                )
            )
        return tuple(made)

    part = share(sum_spends(agent.spend for agent in found.agents), found.totals)
    return AgentsBlock(
        f"{plural(len(found.agents), 'subagent')} took {UNKNOWN if part is None else percent(part)} of the cost",
        "" if usage.is_known else "Their descriptions are in a transcript that was deleted.",
        nodes("", 0),
        spend_cells(sum_spends(step.spend for step in found.steps if not step.agent)),
    )
