"""Questions to Anthropic's Admin API with an organization's Admin API key (platform.claude.com, Admin API).

The key comes from the environment or from a file that only its owner can read. It is sent to api.anthropic.com (or to this
machine, for tests) and is in no message.
"""

import os
from collections.abc import Mapping

from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.model.limits.limits import EXPIRED, FORBIDDEN
from tachograph.paths import others_have_access
from tachograph.sources.http import HttpAnswer
from tachograph.sources.http import ask as _ask

SERVICE, VERSION = "https://api.anthropic.com", "2023-06-01"
VARIABLE, BASE = "TACHOGRAPH_HUB_ADMIN_KEY", "TACHOGRAPH_ADMIN_BASE"
_START, _LONGEST = "sk-ant-admin", 400
_PROBLEMS = {
    EXPIRED: "Anthropic refuses the Admin API key (401)",
    FORBIDDEN: "the Admin API key may not read this report (403)",
}


class AdminKey:
    """An Admin API key. Raises TachographError for other text."""

    def __init__(self, text: str) -> None:
        if (
            not text.startswith(_START)
            or len(text) > _LONGEST
            or not text.isascii()
            or not text.isprintable()
            or " " in text
        ):
            raise TachographError(
                "That is not an Admin API key: it begins with sk-ant-admin.",
                "An organization's admin makes one in the Claude Console, under Settings.",
            )
        self._text = text

    def headers(self) -> Mapping[str, str]:
        return {"x-api-key": self._text, "anthropic-version": VERSION}

    def __repr__(self) -> str:
        return "AdminKey(…)"


def load_key(file: str, environ: Mapping[str, str]) -> AdminKey | None:
    """The key of a file, or of the environment; None without either. Raises TachographError."""
    if not file:
        text = environ.get(VARIABLE, "").strip()
        return AdminKey(text) if text else None
    try:
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise TachographError(f"Can't read {file}: {error.strerror}.", "Check the path of --admin-key.") from error
    with open(handle, "rb") as opened:
        if others_have_access(handle):
            raise TachographError(f"Others can read {file}, which holds a key.", f"Run: chmod 600 {file}")
        try:
            return AdminKey(opened.read(1_000).decode("ascii").strip())
        except UnicodeDecodeError as error:
            raise TachographError(
                f"{file} holds no Admin API key.", "It is one line that begins with sk-ant-admin."
            ) from error


def ask(key: AdminKey, path: str, environ: Mapping[str, str], clock: Clock) -> HttpAnswer:
    """Ask for a page of a report, once. UsageError, before anything is sent, for another host."""
    answer = _ask(key, SERVICE, environ.get(BASE, SERVICE), path, clock=clock)
    problem = _PROBLEMS.get(answer.outcome)
    return answer if problem is None else answer._replace(problem=problem)
