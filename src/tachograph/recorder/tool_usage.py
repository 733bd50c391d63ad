"""Tools and subagents of a session, from its transcripts, joined with the cost of its messages. Read on demand and not
stored: unknown once a transcript is deleted."""

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage import sessions
from tachograph.queries.usage.rows import Spend
from tachograph.sources.transcripts import tool_calls

_KEPT = 16  # transcripts whose calls are remembered while they do not grow
_MOST_BYTES = 400 << 20  # of all transcripts of a session: reading more keeps a page waiting


class Tool(NamedTuple):
    """A tool: number of calls, and its share of the cost of the messages that called it."""

    name: str
    calls: int
    spend: Spend


class AgentWords(NamedTuple):
    """Description and kind of a subagent; `parent` is the subagent that started it, "" for the main chain."""

    description: str
    kind: str
    parent: str


class ToolUsage(NamedTuple):
    """Tool usage of a session. `is_known`: a transcript was found; `is_partly`: another one was not. `without`: spend of
    messages that called no tool."""

    tools: tuple[Tool, ...]
    without: Spend
    agents: dict[str, AgentWords]
    is_known: bool
    is_partly: bool


_Signature = tuple[bytes, int, int]
_cache: OrderedDict[_Signature, tuple[tool_calls.Call, ...]] = OrderedDict()
_lock = threading.Lock()


def tool_usage(db: sqlite3.Connection, uuid: str, spends: Mapping[int, Spend]) -> ToolUsage:
    """Tool usage of a session. `spends`: its messages by identity; their cost is divided among their calls, and adds up
    to the total together with `without`."""
    calls: dict[tuple[int, str, str], tool_calls.Call] = {}
    owners: dict[str, str] = {}  # call: the agent in whose transcript it stands
    spawned: dict[str, tool_calls.SubagentOrigin] = {}
    known = missing = size = 0
    for path, _ in sessions.files_of(db, uuid):
        agent = _agent_of(path)
        try:
            status = os.stat(path)
            size += status.st_size
            found = _calls(path, status) if size <= _MOST_BYTES else None
        except OSError:
            found = None
        if found is None:
            missing += 1
            continue
        known += 1
        for call in found:
            calls.setdefault((call.identity, call.call, call.name), call)
            owners.setdefault(call.call, agent)
        if agent and (said := tool_calls.subagent_origin(path)) is not None:
            spawned[agent] = said
    by_message: dict[int, list[tool_calls.Call]] = {}
    for call in calls.values():
        if call.identity in spends:
            by_message.setdefault(call.identity, []).append(call)
    sums: dict[str, list[Spend]] = {}
    counts: dict[str, int] = {}
    for identity, own in by_message.items():
        for call, part in zip(own, _divide_spend(spends[identity], len(own)), strict=True):
            sums.setdefault(call.name, []).append(part)
            counts[call.name] = counts.get(call.name, 0) + 1
    made = [Tool(name, counts[name], _sum(parts)) for name, parts in sums.items()]
    made.sort(key=lambda tool: (-(tool.spend.cost or 0), tool.name))
    rest = _sum([used for identity, used in spends.items() if identity not in by_message])
    described = {call.call: call for call in calls.values() if call.kind or call.description}
    agents = {}
    for agent, said in spawned.items():
        call_of = described.get(said.call)
        agents[agent] = AgentWords(
            said.description or (call_of.description if call_of else ""),
            said.kind or (call_of.kind if call_of else ""),
            owners.get(said.call, ""),
        )
    return ToolUsage(tuple(made), rest, agents, known > 0, missing > 0)


def _calls(path: bytes, status: os.stat_result) -> tuple[tool_calls.Call, ...]:
    signature = (path, status.st_size, status.st_mtime_ns)
    with _lock:
        if signature in _cache:
            _cache.move_to_end(signature)
            return _cache[signature]
    found = tuple(tool_calls.calls(path))
    with _lock:
        for old in [known for known in _cache if known[0] == path]:
            del _cache[old]
        _cache[signature] = found
        while len(_cache) > _KEPT:
            _cache.popitem(last=False)
    return found


def _agent_of(path: bytes) -> str:
    name = os.path.basename(path)
    is_agent = name.startswith(b"agent-") and name.endswith(b".jsonl")
    return name[len(b"agent-") : -len(b".jsonl")].decode("utf-8", "replace") if is_agent else ""


def _divide_spend(used: Spend, parts: int) -> list[Spend]:
    """The cost of a message in equal parts, to the picodollar; its tokens go with none of them."""
    if used.cost is None:
        return [Spend(unpriced=used.unpriced if n == 0 else 0) for n in range(parts)]
    each, rest = divmod(used.cost, parts)
    return [Spend(cost=each + (1 if n < rest else 0)) for n in range(parts)]


def _sum(parts: list[Spend]) -> Spend:
    made = Spend()
    for part in parts:
        made = made + part
    return made
