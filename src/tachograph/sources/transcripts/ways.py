"""The way an answer was asked for: by which subagent, skill, plugin, MCP server and program, with which effort.

Claude Code writes most of it into each record (`attributionAgent`, `attributionSkill`, `attributionPlugin`,
`attributionMcpServer`, `effort`, `entrypoint`). Older versions wrote none of it: their MCP servers come from the names
of the tools that an answer calls (`mcp__SERVER__TOOL`), and their subagents' types from the call that started them
(ledger/usage/agent_types.py).
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.messages import Way, fingerprint
from tachograph.sources.transcripts.records import text_of

if TYPE_CHECKING:
    from typing import Any


SPAWNING_TOOLS = ("Task", "Agent")
_MCP = "mcp__"


def way_of(record: dict[str, Any], inner: dict[str, Any], content: object) -> Way:
    """The way of an answer; `inner` is the envelope of the answer itself, `record` the one around it."""

    def text(name: str) -> str:
        return text_of(inner.get(name)) or text_of(record.get(name))

    return (
        text("attributionAgent"),
        text("attributionSkill"),
        text("attributionPlugin"),
        text("attributionMcpServer") or server_of(content),
        text("effort"),
        text("entrypoint"),
    )


def server_of(content: object) -> str:
    """The MCP server that an answer calls; of several the last in the alphabet, "" for none."""
    servers = [
        server_of_tool(part["name"])
        for part in (content if isinstance(content, list) else ())
        if isinstance(part, dict) and part.get("type") == "tool_use" and isinstance(part.get("name"), str)
    ]
    return max(servers, default="")


def server_of_tool(name: str) -> str:
    """The MCP server in the name of a tool; "" for a tool of another kind."""
    return text_of(name[len(_MCP) :].partition("__")[0]) if name.startswith(_MCP) else ""


def spawns_of(content: object) -> dict[int, str]:
    """Subagents that an answer starts: fingerprint of the prompt to the type."""
    found: dict[int, str] = {}
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict) or part.get("type") != "tool_use" or part.get("name") not in SPAWNING_TOOLS:
            continue
        given = part.get("input")
        if not isinstance(given, dict):
            continue
        kind, prompt = text_of(given.get("subagent_type")), given.get("prompt")
        if kind and isinstance(prompt, str) and prompt:
            key = prompt_key(prompt)
            found[key] = max(found.get(key, ""), kind)
    return found


def prompt_key(prompt: str) -> int:
    """A fingerprint of a prompt, which a call and the subagent that it started have in common."""
    return fingerprint(prompt.strip())


def first_text(content: object) -> str:
    """The text of a user record; "" if it holds none."""
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
        content = next((text for text in texts if isinstance(text, str)), "")
    return content if isinstance(content, str) else ""
