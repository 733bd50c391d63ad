"""One question to the usage endpoint with Claude Code's own sign-in (asking.py does the asking).

The format is internal to Anthropic and undocumented: see usage_payload.
"""

from collections.abc import Mapping
from typing import Protocol

from tachograph.clock import Clock
from tachograph.sources.http import (
    DEADLINE_SECONDS,
    LARGEST,
    HttpAnswer,
    Opener,
    classify,
    connect,
    retry_after_seconds,
)
from tachograph.sources.http import ask as _ask

__all__ = ["LARGEST", "HttpAnswer", "ask", "classify", "connect", "retry_after_seconds"]

SERVICE = "https://api.anthropic.com"
USAGE, PROFILE = "/api/oauth/usage", "/api/oauth/profile"


class Credential(Protocol):
    """The part of credentials.Token that a request needs."""

    def authorization(self) -> str: ...


class _Login:
    def __init__(self, token: Credential) -> None:
        self._token = token

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": self._token.authorization(), "anthropic-beta": "oauth-2025-04-20"}


def ask(
    token: Credential,
    base: str = SERVICE,
    path: str = USAGE,
    deadline_seconds: float = DEADLINE_SECONDS,
    open: Opener = connect,
    clock: Clock | None = None,
) -> HttpAnswer:
    """Ask once. UsageError, before anything is sent, for a base that is neither the service nor this machine."""
    return _ask(_Login(token), SERVICE, base, path, deadline_seconds, open, clock)
