"""What some transcripts said, put together: the batch that reading hands to the ledger."""

from typing import Any

from tachograph.model.usage.messages import NO_TIME, Message, merge


class Batch:
    """What some transcripts said, merged. Plain containers of plain values: it crosses processes by `marshal`."""

    __slots__ = ("leaves", "links", "messages", "notices", "prompts", "spans", "summaries", "titles")

    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self.spans: dict[str, tuple[int, int]] = {}  # session: first and last message, epoch ms
        self.prompts: dict[str, tuple[int, str]] = {}  # session: its first prompt and when
        self.titles: dict[tuple[str, int], tuple[str, int, str]] = {}  # session, kind: (stamp, offset, text)
        self.summaries: dict[str, str] = {}  # leaf record: text
        self.leaves: dict[str, tuple[int, str]] = {}  # session: its last record that we saw
        # session, url: when it was linked, on which branch, its number and repository
        self.links: dict[tuple[str, str], tuple[int, str, int, str]] = {}
        self.notices: list[tuple[str, bytes]] = []  # config folder, the line in which the client says why it stopped

    def plain(self) -> tuple[Any, ...]:
        return (
            list(self.messages.values()),
            self.spans,
            self.prompts,
            self.titles,
            self.summaries,
            self.leaves,
            self.links,
            self.notices,
        )

    def __len__(self) -> int:
        return len(self.messages)

    def add(self, message: Message) -> None:
        old = self.messages.get(message[0])
        self.messages[message[0]] = message if old is None else merge(old, message)
        at = message[1]
        if at != NO_TIME:
            for session in message[5]:
                first, last = self.spans.get(session, (at, at))
                self.spans[session] = (min(first, at), max(last, at))
