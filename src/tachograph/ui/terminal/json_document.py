"""State of the live screen for programs; docs/json.md describes it."""

from typing import Any

from tachograph.queries.limits.current import Now
from tachograph.queries.limits.pace import Trend
from tachograph.queries.live import LiveState
from tachograph.text.format import iso
from tachograph.ui.documents.now import document as limits_document
from tachograph.ui.documents.reports import spend_document


def document(state: LiveState, *, recorder: bool, trouble: str, problems: list[str]) -> dict[str, Any]:
    """One state. The limits are those of `now`, each with its course."""
    limits = limits_document(Now(state.at, tuple(watched.account for watched in state.accounts)), problems)
    for account, watched in zip(limits["accounts"], state.accounts, strict=True):
        for limit, trend in zip(account["limits"], watched.trends, strict=True):
            limit |= _trend(trend)
    return {
        "format": limits["format"],
        "generated_at": limits["generated_at"],
        "recorder": recorder,
        "trouble": trouble or None,
        "accounts": limits["accounts"],
        "headline": limits["headline"],
        "burn": {
            "tokens_per_minute": state.burn.tokens_per_minute,
            "usd_per_hour": state.burn.usd_per_hour,
            "unpriced_messages": state.burn.unpriced,
        },
        "sessions": [
            {
                "session": session.session,
                "title": session.title,
                "project": session.project,
                "path": session.path,
                "branch": session.branch,
                "model": session.model,
                "context": None
                if session.context is None
                else {"tokens": session.context.tokens, "window": session.context.window},
                "started_at": iso(session.started_at),
                "last_at": iso(session.last_at),
                "running": session.is_running,
                "agents": list(session.agents),
                **spend_document(session.spend),
            }
            for session in state.sessions
        ],
        "today": {
            **spend_document(state.today),
            "models": [{"model": name, **spend_document(used)} for name, used in state.models],
            "projects": [{"project": name, **spend_document(used)} for name, used in state.projects],
        },
        "messages": [
            {
                "at": iso(message.at),
                "session": message.session or None,
                "project": message.project,
                "model": message.model,
                "prompt_tokens": message.prompt,
                "output_tokens": message.output,
                "cost_usd": message.usd,
                "agent": message.is_agent,
            }
            for message in state.messages
        ],
        "problems": {**state.problems.document(), "limits": problems},
    }


def _trend(trend: Trend) -> dict[str, Any]:
    return {
        "percent_per_hour": trend.pace,
        "lasting_percent_per_hour": trend.sustainable_pace,
        "course": [{"at": iso(point.at), "percent": point.percent} for point in trend.points],
        "resets": [iso(reset) for reset in trend.resets],
    }
