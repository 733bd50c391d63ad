"""The way an invented session asks: program, effort, skills and MCP servers. It has a random generator of its own, so that
the rest of a life is the same with and without it."""

from random import Random
from typing import Any

_PROGRAMS = ("cli", "cli", "cli", "cli", "claude-vscode", "claude-vscode", "claude-desktop", "sdk-cli")
_EFFORTS = ("medium", "medium", "medium", "high", "high", "xhigh")
_SKILLS = (  # skill, plugin, part of the sessions that use it
    ("review", "", 0.16),
    ("superpowers:test-driven-development", "superpowers", 0.12),
    ("release-notes", "", 0.05),
)
_SERVERS = ("github", "github", "linear", "playwright")
_TOOLS = {"github": "search_code", "linear": "get_issue", "playwright": "browser_snapshot"}
_FIRST_WITH_EFFORT = 300  # 2.1.x


class SessionWay:
    """Fields of a session's records that name the way of each answer."""

    def __init__(self, session: str, version: str) -> None:
        self._rng = rng = Random(f"way {session}")
        self._always: dict[str, Any] = {"entrypoint": rng.choice(_PROGRAMS)}
        effort = rng.choice(_EFFORTS)
        if int(version.rsplit(".", 1)[-1]) >= _FIRST_WITH_EFFORT:
            self._always["effort"] = effort
        self._skill: dict[str, Any] = {}
        draw = rng.random()
        for skill, plugin, part in _SKILLS:
            if 0 <= draw < part:
                self._skill = {"attributionSkill": skill} | ({"attributionPlugin": plugin} if plugin else {})
            draw -= part
        self._has_servers = rng.random() < 0.4
        self._server, self._left = "", 0

    def fields(self) -> dict[str, Any]:
        """The fields of the next answer."""
        made = dict(self._always)
        if self._skill and self._rng.random() < 0.6:
            made |= self._skill
        if self._left:
            self._left -= 1
            made |= {"attributionMcpServer": self._server, "attributionMcpTool": _TOOLS[self._server]}
        return made

    def of_helper(self, kind: str) -> dict[str, Any]:
        """The fields of a subagent's answers."""
        return {**self._always, "attributionAgent": kind}

    def tool(self, name: str) -> str:
        """The name of the tool that is called: now and then one of an MCP server instead of a search."""
        if name != "Grep" or not self._has_servers or self._rng.random() < 0.5:
            return name
        self._server, self._left = self._rng.choice(_SERVERS), self._rng.randint(2, 5)
        return f"mcp__{self._server}__{_TOOLS[self._server]}"
