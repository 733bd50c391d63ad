"""The content of some transcripts, merged: the batch that reading hands to the ledger."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.messages import NO_TIME, AnyMessage, Message, PlainMessage, may_be_several, merge, whole

if TYPE_CHECKING:
    from typing import Any

    from tachograph.model.usage.plain_messages import PlainMessages
    from tachograph.model.usage.pull_requests import Mention


class Batch:
    """The content of some transcripts, merged. Plain containers of plain values, which cross processes by `marshal`, but
    `scanned`, whose dump does."""

    __slots__ = (
        "clears",
        "cost_states",
        "fragments",
        "leaves",
        "lines",
        "links",
        "messages",
        "notices",
        "prompts",
        "scanned",
        "shared",
        "spans",
        "spawns",
        "subagents",
        "summaries",
        "titles",
    )

    def __init__(self, shared: frozenset[int] = frozenset()) -> None:
        self.shared = shared  # identities known to be several answers': their lines are kept apart
        self.scanned: PlainMessages | None = None  # from the compiled reader, while nothing is merged with them
        self.messages: dict[int, AnyMessage] = {}  # the others
        self.fragments: dict[int, list[Message]] = {}  # merged lines of an id that several answers may share
        self.lines: dict[int, list[Message]] = {}  # lines of the identities in `shared`
        self.spans: dict[str, tuple[int, int]] = {}  # session: first and last message, epoch ms
        self.prompts: dict[str, tuple[int, str]] = {}  # session: its first prompt and when
        self.titles: dict[tuple[str, int], tuple[str, int, str]] = {}  # session, kind: (stamp, offset, text)
        self.summaries: dict[str, str] = {}  # leaf record: text
        self.leaves: dict[str, tuple[int, str]] = {}  # session: its last record that we saw
        # session, url: when it was linked, on which branch, in which folder, its number and repository
        self.links: dict[tuple[str, str], Mention] = {}
        self.notices: list[tuple[str, bytes]] = []  # config folder, the line in which the client says why it stopped
        self.clears: dict[str, list[int]] = {}  # session: when its context was cleared, epoch ms
        self.cost_states: dict[str, tuple[str, int, str]] = {}  # session: (stamp, nanodollars, models as JSON)
        self.spawns: dict[tuple[str, int], str] = {}  # session, fingerprint of a subagent's prompt: its type
        self.subagents: dict[tuple[str, str], int] = {}  # session, agent id: fingerprint of its prompt

    def plain(self) -> tuple[Any, ...]:
        return (
            list(self.messages.values()),
            self.fragments,
            self.spans,
            self.prompts,
            self.titles,
            self.summaries,
            self.leaves,
            self.links,
            self.notices,
            self.clears,
            self.cost_states,
            self.spawns,
            self.subagents,
            self.lines,
            self.scanned,
        )

    def __len__(self) -> int:
        return len(self.messages) + (0 if self.scanned is None else len(self.scanned))

    def put_plain(self, message: PlainMessage) -> None:
        """Merge a message of the typed decoder in, which nearly always is a new one; `scanned` is empty then."""
        identity = message[0]
        if identity in self.messages or identity in self.fragments or identity in self.shared:
            self.put(whole(message))
        else:
            self.messages[identity] = message

    def put(self, message: Message) -> None:
        """Merge a message in; lines of one id that may be several answers are kept apart."""
        identity = message[0]
        if self.shared and identity in self.shared:
            self.lines.setdefault(identity, []).append(message)
            return
        known = self.messages.get(identity)
        if known is None and self.scanned is not None:
            known = self.scanned.pop(identity)
        if known is None:
            if self.fragments and identity in self.fragments:
                self.fragments[identity].append(message)
            else:
                self.messages[identity] = message
            return
        old = whole(known)
        if may_be_several(old, message):
            self.messages.pop(identity, None)
            self.fragments[identity] = [old, message]
        else:
            self.messages[identity] = merge(old, message)

    def extend_session(self, session: str, first: int, last: int, leaf: tuple[int, str] | None) -> None:
        """Note the first and last moment of messages of a session, and the last record that names itself."""
        span = self.spans.get(session)
        self.spans[session] = (first, last) if span is None else (min(first, span[0]), max(last, span[1]))
        if leaf is not None:
            self.leaves[session] = max(self.leaves.get(session, leaf), leaf)

    def add(self, message: Message) -> None:
        """Merge a message in, and extend the span of its sessions."""
        self.put(message)
        at = message[1]
        if at != NO_TIME:
            for session in message[5]:
                self.extend_session(session, at, at, None)
