"""Detect messages that wrote their context to the prompt cache again, and why.

The transcripts don't say so; it follows from two messages of one chain (a session's main chain or one subagent). The
second one rebuilt the cache if its context did not shrink, and yet at least half of what was cached before, and no less
than 10,000 tokens, was written instead of read.
"""

from typing import NamedTuple

from tachograph.ledger.usage.message_stream import StreamedMessage

LEAST_TOKENS = 10_000
_LEAST_SHARE = 0.5  # of what was cached before
_SHRUNK = 0.8  # a context smaller than this part of the one before was compacted or cleared
_SHORT_MS, _LONG_MS = 5 * 60_000, 60 * 60_000  # lifetimes of the cache

PAUSE, MODEL, PREFIX = "pause", "model", "prefix"
CAUSES = (PAUSE, MODEL, PREFIX)


class Rebuild(NamedTuple):
    """`tokens` that were written again: after a pause longer than the cache lives, for another model, or because what
    comes before them in the prompt had changed. `for_an_hour`: written to the 1-hour cache."""

    cause: str
    tokens: int
    for_an_hour: bool


class RebuildFinder:
    """Compares each message with the one before it in its chain; messages have to come in order of time."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], StreamedMessage] = {}

    def find(self, message: StreamedMessage) -> Rebuild | None:
        """The rebuild that a message made; None for an ordinary one, and for the first of a chain."""
        chain = (message.session, message.agent)
        before, self._last[chain] = self._last.get(chain), message
        if before is None or not message.session:
            return None
        _, _, short, long, read, _ = message.counts
        cached = before.counts[2] + before.counts[3] + before.counts[4]
        lost = min(cached - read, short + long)
        if lost < max(LEAST_TOKENS, _LEAST_SHARE * cached) or message.prompt < _SHRUNK * before.prompt:
            return None
        if message.model != before.model:
            cause = MODEL
        else:
            lifetime = _LONG_MS if before.counts[3] or (not before.counts[2] and long) else _SHORT_MS
            cause = PAUSE if message.at - before.at > lifetime else PREFIX
        return Rebuild(cause, lost, long >= short)
