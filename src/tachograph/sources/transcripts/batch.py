"""What some transcripts said, put together: the batch that reading hands to the ledger."""

from typing import Any

from tachograph.model.messages import NO_TIME, Message, merged


class Batch:
    """What some transcripts said, merged. Plain containers of plain values: it crosses processes by `marshal`."""

    __slots__ = ("leaves", "links", "messages", "prompts", "spans", "summaries", "titles")

    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self.spans: dict[str, tuple[int, int]] = {}  # session: first and last message, epoch ms
        self.prompts: dict[str, tuple[int, str]] = {}  # session: its first prompt and when
        self.titles: dict[tuple[str, int], tuple[str, int, str]] = {}  # session, kind: (stamp, offset, text)
        self.summaries: dict[str, str] = {}  # leaf record: text
        self.leaves: dict[str, tuple[int, str]] = {}  # session: its last record that we saw
        self.links: dict[tuple[str, str], tuple[int, str, int, str]] = {}  # session, url: Link

    def plain(self) -> tuple[Any, ...]:
        return (
            list(self.messages.values()),
            self.spans,
            self.prompts,
            self.titles,
            self.summaries,
            self.leaves,
            {key: tuple(link) for key, link in self.links.items()},
        )

    def __len__(self) -> int:
        return len(self.messages)

    @classmethod
    def of_plain(cls, plain: tuple[Any, ...]) -> "Batch":
        batch = cls()
        messages, batch.spans, batch.prompts, batch.titles, batch.summaries, batch.leaves, batch.links = plain
        batch.messages = {message[0]: message for message in messages}
        return batch

    def add(self, message: Message) -> None:
        old = self.messages.get(message[0])
        self.messages[message[0]] = message if old is None else merged(old, message)
        at = message[1]
        if at != NO_TIME:
            for session in message[5]:
                first, last = self.spans.get(session, (at, at))
                self.spans[session] = (min(first, at), max(last, at))
