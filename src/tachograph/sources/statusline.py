"""Claude Code's status line input: a session, and the plan's limits as that session last saw them.

Every field may be absent: `rate_limits` is there only for plan logins, and only after a session's first answer. It
names no account: the caller resolves it from `config_folder`. An idle session sends its own last
percentages again and again: `observed_at` is when it was piped, not when they were true (docs of Claude Code, 2.1.80).
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from tachograph.model.limits.limits import STATUSLINE, Limit, Reading
from tachograph.model.parsing import (
    describe,
    distinct_problems,
    dollars,
    epoch_ms,
    humanize,
    is_number,
    limit_name,
    percentage,
    text,
)

_LONGEST = 4096  # of a path


class StatusInput(NamedTuple):
    """`cost_usd` is Claude Code's own estimate; `context_percent` how full the context is, of
    `context_window` tokens; `config_folder` the Claude
    Code config folder of the transcript. `reading` is None without limits."""

    session: str | None = None
    model: str | None = None
    cost_usd: float | None = None
    context_percent: float | None = None
    context_window: int | None = None
    cwd: str | None = None
    config_folder: str | None = None
    reading: Reading | None = None
    problems: tuple[str, ...] = ()


def parse_status_input(data: bytes, observed_at: int) -> StatusInput:
    """Parse the bytes of standard input. Never raises: an unreadable field is None and adds a problem."""
    try:
        document = json.loads(data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return StatusInput(problems=("what was piped in is no JSON" if data.strip() else "nothing was piped in",))
    if not isinstance(document, Mapping):
        return StatusInput(problems=(f"what was piped in is {describe(document)}, not an object",))
    problems: list[str] = []
    limits = _limits(document.get("rate_limits"), problems)
    reading = Reading(STATUSLINE, observed_at, limits=limits, problems=distinct_problems(problems)) if limits else None
    cost = _object(document.get("cost")).get("total_cost_usd")
    context = _object(document.get("context_window")).get("used_percentage")
    if context is not None and percentage(context) is None:
        problems.append(f"context_window: used_percentage is {describe(context)}, not a percentage: left out")
    return StatusInput(
        session=text(document.get("session_id"), 200) or None,
        model=text(_object(document.get("model")).get("display_name")) or None,
        cost_usd=float(cost) if is_number(cost) and cost >= 0 else None,
        context_percent=percentage(context),
        context_window=_size(_object(document.get("context_window")).get("context_window_size")),
        cwd=_path(document.get("cwd")),
        config_folder=_config_folder(_path(document.get("transcript_path")) or ""),
        reading=reading,
        problems=distinct_problems(problems),
    )


def _limits(windows: object, problems: list[str]) -> tuple[Limit, ...]:
    if windows is None:
        return ()
    if not isinstance(windows, Mapping):
        problems.append(f"rate_limits is {describe(windows)}, not an object")
        return ()
    found = (_limit(text(key), window, problems) for key, window in windows.items() if window is not None)
    return tuple(limit for limit in found if limit is not None)


def _limit(key: str, window: object, problems: list[str]) -> Limit | None:
    """One window. One with an impossible percentage is dropped whole: the epoch of its reset has been seen there
    (claude-code #52326), so nothing beside it can be trusted."""
    if not isinstance(window, Mapping) or "used_percentage" not in window:
        problems.append(f"the status line sends something new: {key}")
        return None
    raw, resets = window["used_percentage"], window.get("resets_at")
    percent, resets_at = percentage(raw), epoch_ms(resets)
    if percent is None and raw is not None:
        problems.append(f"{key}: used_percentage is {describe(raw)}, not a percentage: left out")
        return None
    if resets_at is None and resets is not None:
        problems.append(f"{key}: resets_at is {describe(resets)}, not a time")
    name = limit_name(key)
    period = text(window.get("period"))
    return Limit(
        key=key,
        label=f"{humanize(period)} {name.label.lower()}" if period else name.label,
        group=name.group,
        percent=percent,
        resets_at=resets_at,
        scope=name.scope,
        used=dollars(window.get("used_usd")),
        limit=dollars(window.get("limit_usd")),
    )


def _config_folder(transcript: str) -> str | None:
    """The folder of `<config folder>/projects/<project>/<session>.jsonl`, on whatever system that was written."""
    parts = transcript.replace("\\", "/").split("/")
    if len(parts) < 4 or parts[-3] != "projects":
        return None
    return transcript[: -len("/".join(parts[-3:])) - 1] or None


def _path(value: object) -> str | None:
    """A path as it stands: it may hold anything, also what a terminal must not see."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None


def _size(value: object) -> int | None:
    """A number of tokens as a context window may have."""
    return value if type(value) is int and 1_000 <= value <= 100_000_000 else None


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
