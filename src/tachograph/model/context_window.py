"""Context window of a model in tokens, where its name and current content make it certain.

Newer models run with either window, and their name does not tell which: Claude Code's status line does.
"""

from tachograph.model.usage.model_names import plain_model_name

_SMALL, _LARGE = 200_000, 1_000_000
# models that were never offered with more; as of November 2026
_ONLY_SMALL = ("claude-opus-4-5", "claude-opus-4-1", "claude-opus-4", "claude-opus-4-0", "claude-haiku-4-5")


def window(model: str, tokens: int) -> int | None:
    """The context window of a model (as logged) that holds `tokens` now; None if unknown."""
    if model.lower().endswith("[1m]"):
        return _LARGE
    name = plain_model_name(model).replace(".", "-")
    if name in _ONLY_SMALL or name.startswith("claude-3-"):
        return _SMALL if tokens <= _SMALL else None  # what holds more is larger than we know
    is_ours = name.startswith(("claude-opus-", "claude-sonnet-", "claude-fable-", "claude-mythos-"))
    return _LARGE if is_ours and _SMALL < tokens <= _LARGE else None
