"""Tools and subagents of a session, read from its transcripts for one answer and not stored."""

from collections.abc import Iterable

from tachograph.queries.usage.session_timeline import Step
from tachograph.recorder.tool_usage import ToolUsage, tool_usage
from tachograph.workspace.snapshot import Snapshot


def session_tools(snapshot: Snapshot, session: str, steps: Iterable[Step]) -> ToolUsage:
    """The tools and subagents of a session, with their part of the cost of its messages."""
    return tool_usage(snapshot.db, session, {step.identity: step.spend for step in steps})
