"""One message while its lines are being read by the typed decoder: the line with the most output, and their sum."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Callable
from tachograph.model.usage.content import joined_blocks
from tachograph.model.usage.messages import (
    LONGEST_AFTER_STOP_MS,
    LONGEST_ANSWER_MS,
    NO_TIME,
    NO_WAY,
    Counts,
    Way,
    fingerprint,
    join_ways,
    larger_counts,
)
from tachograph.sources.transcripts.ways import server_of

if TYPE_CHECKING:
    from typing import Any

    from tachograph.sources.transcripts.msgspec_decoder import AssistantRecord


class PendingMessage:
    """A message while its lines are read: the line with the most output so far, and the merged values of all."""

    __slots__ = (
        "at",
        "blocks",
        "counts",
        "first",
        "flags",
        "last",
        "leaf",
        "mark",
        "name",
        "output",
        "record",
        "request",
        "session",
        "stop_at",
        "way",
    )

    def __init__(self, record: AssistantRecord, at: int, counts: Counts, flags: int) -> None:
        self.record = record
        self.name, self.session, self.flags = record.message.id, record.sessionId, flags
        self.at = self.first = self.last = at
        self.output, self.counts = counts[1], counts
        self.leaf = (at, record.uuid) if record.uuid else None
        self.mark = fingerprint(record.uuid) if record.uuid else 0
        self.request = record.requestId or ""
        self.stop_at, self.blocks = NO_TIME, b""
        self.way = NO_WAY

    def is_continued_by(self, record: AssistantRecord, at: int, counts: Counts) -> bool:
        """Test a later line with the same id: `may_be_several` of model/usage/messages.py, for a single line."""
        if self.request and record.requestId and self.request != record.requestId:
            return False
        if at - self.first > LONGEST_ANSWER_MS:
            return False
        if record.message.stop_reason and (at < self.last or counts != larger_counts(counts, self.counts)):
            return False
        return self.stop_at == NO_TIME or (at <= self.stop_at + LONGEST_AFTER_STOP_MS and counts == self.counts)

    def note_end(self, stop: str | None, at: int, blocks: bytes) -> None:
        """Note the stop reason of a line, or its visible blocks if it lacks one."""
        if stop:
            self.stop_at = min(self.stop_at, at)
        elif self.stop_at == NO_TIME:
            self.blocks = joined_blocks(self.blocks, blocks) if self.blocks else blocks

    def note_way(self, way: Way) -> None:
        """Note the way that a line names."""
        if way != self.way:
            self.way = join_ways(self.way, way)

    def extend(self, record: AssistantRecord, at: int, counts: Counts) -> bool:
        """Take in another line of the same message in the same session, later than the one with the most output."""
        output = counts[1]
        if output > self.output:  # the earlier line wins where the output is the same
            self.record, self.at, self.output = record, at, output
        if record.requestId:
            self.request = record.requestId
        self.last = max(self.last, at)
        if record.uuid:
            self.leaf = max(self.leaf or (at, record.uuid), (at, record.uuid))
        most = self.counts
        if counts != most:
            streamed = output >= most[1] and counts[2:] == most[2:] and counts[0] == most[0]
            self.counts = counts if streamed else larger_counts(most, counts)
        return True


def typed_way(record: AssistantRecord, content: bytes, plain: Callable[[bytes], Any]) -> Way:
    """The way of an answer in the usual layout (ways.py)."""
    server = record.attributionMcpServer or ""
    if not server and b'"mcp__' in content:
        server = server_of(plain(content))
    return (
        record.attributionAgent or "",
        record.attributionSkill or "",
        record.attributionPlugin or "",
        server,
        record.effort or "",
        record.entrypoint or "",
    )
