"""Names of agents, skills, plugins, MCP servers, efforts and entry points as people read them."""

from tachograph.model.usage.entrypoints import NAMES
from tachograph.queries.usage.rows import AgentKey, EntrypointKey, McpKey, PluginKey, SkillKey, WayKey


def way_words(key: WayKey) -> str:
    """The name of a row: "main chain", "VS Code", "no skill named"."""
    name = key[0]
    if isinstance(key, AgentKey):
        return {"main": "main chain", None: "subagent of unknown type"}.get(name, f"subagent {name}")
    if isinstance(key, EntrypointKey):
        return "unknown program" if name is None else NAMES.get(name, name)
    if isinstance(key, SkillKey):
        return name or "no skill named"
    if isinstance(key, PluginKey):
        return name or "no plugin named"
    if isinstance(key, McpKey):
        return name or "no MCP server named"
    return "unknown effort" if name is None else f"{name} effort"


def speed_words(speed: str | None) -> str:
    """The name of a speed: "fast mode", "batch", "standard speed", "after a limit, on credits"."""
    return _SPEEDS.get(speed or "", "standard speed")


_SPEEDS = {"fast": "fast mode", "batch": "batch", "credits": "after a limit, on credits"}
