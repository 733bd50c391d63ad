"""How much a model keeps in mind at once: its context window in tokens, where that is certain."""

from tachograph.model.prices import normalised

_SMALL, _LARGE = 200_000, 1_000_000
# As published in November 2026: a million at the usual price from 4.6 on. Models that are not here are not known.
_OLD = ("claude-opus-4-5", "claude-opus-4-1", "claude-opus-4", "claude-opus-4-0", "claude-haiku-4-5")
_EITHER = ("claude-sonnet-4-5", "claude-sonnet-4", "claude-sonnet-4-0")  # the larger one only where it was asked for
_NEW = (
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-opus-5-5",
    "claude-sonnet-4-6",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5",
    "claude-mythos-5-1",
    "claude-mythos-5-2",
)
_WINDOWS = {**dict.fromkeys((*_OLD, *_EITHER), _SMALL), **dict.fromkeys(_NEW, _LARGE)}


def window(model: str, tokens: int) -> int | None:
    """The context window of a model (as logged) that holds so many tokens now; None where it is not known.

    Claude Code may compact a conversation sooner than the window is full.
    """
    if model.lower().endswith("[1m]"):
        return _LARGE
    name = normalised(model)
    known = _SMALL if name.startswith(("claude-3-", "claude-3.")) else _WINDOWS.get(name.replace(".", "-"))
    if known is not None and tokens > known:  # what holds more is larger than we know
        return _LARGE if name in _EITHER and tokens <= _LARGE else None
    return known
