"""Claude Code's status line input: a session, and the plan's limits as that session last saw them.

Every field may be absent: `rate_limits` is there only for plan logins, and only after a session's first answer. It
names no account: the caller resolves it from `config_folder`. An idle session sends its own last
percentages again and again: `observed_at` is when it was piped, not when they were true (docs of Claude Code, 2.1.80).
"""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_typing import Iterable, Mapping, NamedTuple
from tachograph.model.limits.limits import MONEY, STATUSLINE, Limit, Reading
from tachograph.model.parsing import (
    as_object,
    describe,
    distinct_problems,
    dollars,
    epoch_ms,
    humanize,
    is_number,
    limit_name,
    money_percent,
    percentage,
    report_unread,
    text,
)

_LONGEST = 4096  # of a path
_SENDER = "the status line"
# Documented fields of the document (Claude Code 2.1.330); the rest is reported.
_KNOWN = frozenset(
    [
        "hook_event_name",
        "session_id",
        "session_name",
        "prompt_id",
        "transcript_path",
        "cwd",
        "model",
        "workspace",
        "version",
        "output_style",
        "cost",
        "context_window",
        "exceeds_200k_tokens",
        "fast_mode",
        "effort",
        "thinking",
        "rate_limits",
        "prompt_cache",
        "vim",
        "agent",
        "pr",
        "worktree",
        "remote",
        "permission_mode",
        "agent_id",
        "agent_type",
    ]
)
_WINDOW_KEYS = frozenset(["used_percentage", "resets_at", "used_usd", "limit_usd", "period"])
# Counters of a session's cache: hot or cold, until when, and the size of a rebuild are what a status line has room for.
_CACHE_KEYS = frozenset(
    [
        "warm",
        "caching_observed",
        "ttl",
        "expires_at",
        "requests",
        "misses",
        "expected_rebuilds",
        "hit_ratio",
        "cache_write_tokens",
        "miss_recache_tokens",
        "last_miss_at",
        "last_miss_cause",
        "miss_causes",
        "recache_tokens_if_cold",
    ]
)


class PromptCache(NamedTuple):
    """State of a session's prompt cache: `is_warm`, until `expires_at` (epoch ms); `rebuild_tokens`: the tokens that the
    next message writes if it is cold."""

    is_warm: bool
    expires_at: int | None = None
    rebuild_tokens: int | None = None


class StatusInput(NamedTuple):
    """`cost_usd` is Claude Code's own estimate; `context_percent`: fill of the context, of `context_window` tokens;
    `config_folder`: the Claude Code config folder of the transcript. `reading` is None without limits."""

    session: str | None = None
    model: str | None = None
    cost_usd: float | None = None
    context_percent: float | None = None
    context_window: int | None = None
    cwd: str | None = None
    config_folder: str | None = None
    reading: Reading | None = None
    problems: tuple[str, ...] = ()
    cache: PromptCache | None = None
    transcript: str | None = None


def parse_status_input(data: bytes, observed_at: int) -> StatusInput:
    """Parse the bytes of standard input. Never raises: an unreadable field is None and adds a problem."""
    try:
        document = loads(data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return StatusInput(problems=("what was piped in is no JSON" if data.strip() else "nothing was piped in",))
    if not isinstance(document, Mapping):
        return StatusInput(problems=(f"what was piped in is {describe(document)}, not an object",))
    problems: list[str] = []
    report_unread(document, _KNOWN, "", problems, _SENDER)
    session = text(document.get("session_id"), 200)
    limits = _limits(document.get("rate_limits"), problems)
    cost = as_object(document.get("cost"))
    model = as_object(document.get("model"))
    usd = cost.get("total_cost_usd")
    context = as_object(document.get("context_window")).get("used_percentage")
    if context is not None and percentage(context) is None:
        problems.append(f"context_window: used_percentage is {describe(context)}, not a percentage: left out")
    cache = _cache(document.get("prompt_cache"), problems)
    reading = None
    if limits:
        reading = Reading(
            STATUSLINE,
            observed_at,
            limits=limits,
            problems=distinct_problems(problems),
            session=session,
            api_ms=_whole(cost.get("total_api_duration_ms")),
            model=text(model.get("id")),
        )
    return StatusInput(
        session=session or None,
        model=text(model.get("display_name")) or None,
        cost_usd=float(usd) if is_number(usd) and usd >= 0 else None,
        context_percent=percentage(context),
        context_window=_size(as_object(document.get("context_window")).get("context_window_size")),
        cwd=_path(document.get("cwd")),
        config_folder=_config_folder(_path(document.get("transcript_path")) or ""),
        transcript=_path(document.get("transcript_path")),
        reading=reading,
        problems=distinct_problems(problems),
        cache=cache,
    )


def _limits(windows: object, problems: list[str]) -> tuple[Limit, ...]:
    if windows is None:
        return ()
    if not isinstance(windows, Mapping):
        problems.append(f"rate_limits is {describe(windows)}, not an object")
        return ()
    found: dict[str, Limit] = {}
    for key, window in windows.items():
        if window is None:
            continue
        for limit in _scoped(window, problems) if key == "model_scoped" else _limit(text(key), window, problems):
            found.setdefault(limit.key, limit)
    return tuple(found.values())


def _scoped(value: object, problems: list[str]) -> Iterable[Limit]:
    """The weekly limits of single models, in the shape of the usage endpoint."""
    from tachograph.sources.usage_payload import parse_model_scoped  # rarely there: not for every redraw

    return parse_model_scoped(value, problems, _SENDER)


def _limit(key: str, window: object, problems: list[str]) -> Iterable[Limit]:
    """One window. One with an impossible percentage is dropped whole: the epoch of its reset has been seen there
    (claude-code #52326), so nothing beside it can be trusted."""
    if isinstance(window, list) and len(window) == 1:
        window = window[0]
    if not isinstance(window, Mapping) or "used_percentage" not in window:
        problems.append(f"{_SENDER} sends something new: {key}")
        return
    name = limit_name(key)
    raw, resets = window["used_percentage"], window.get("resets_at")
    percent, resets_at = money_percent(raw) if name.group == MONEY else percentage(raw), epoch_ms(resets)
    if percent is None and raw is not None:
        problems.append(f"{key}: used_percentage is {describe(raw)}, not a percentage: left out")
        return
    if resets_at is None and resets is not None:
        problems.append(f"{key}: resets_at is {describe(resets)}, not a time")
    report_unread(window, _WINDOW_KEYS, key, problems, _SENDER)
    period = text(window.get("period"))
    yield Limit(
        key=key,
        label=f"{humanize(period)} {name.label.lower()}" if period else name.label,
        group=name.group,
        percent=percent,
        resets_at=resets_at,
        scope=name.scope,
        used=dollars(window.get("used_usd")),
        limit=dollars(window.get("limit_usd")),
    )


def _cache(value: object, problems: list[str]) -> PromptCache | None:
    """State of the prompt cache; None where Claude Code does not know it."""
    if value is None:
        return None
    cache = as_object(value)
    if not isinstance(cache.get("warm"), bool):
        problems.append("prompt_cache does not say whether it is warm")
        return None
    report_unread(cache, _CACHE_KEYS, "prompt_cache", problems, _SENDER)
    if cache.get("caching_observed") is False:
        return None
    return PromptCache(
        cache["warm"] is True, epoch_ms(cache.get("expires_at")), _whole(cache.get("recache_tokens_if_cold"))
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


def _whole(value: object) -> int | None:
    """A count or a duration from 0 up."""
    return int(value) if is_number(value) and value >= 0 else None
