"""Reads blocks of transcript lines into a batch: messages, titles, first prompts, pull-request links, and problems.

Two ways lead to the same values: a typed decoder for the layout that Claude Code writes, here, and a patient one over
plain dictionaries (records.py) for everything else: odd counts, other key orders, broken text, `iterations`. A test
holds one against the other.

A line is looked at no longer than needed. Nine tenths of the bytes of a transcript are tool results in `user`
records; where a record's top-level `type` can be told for certain from its first or last keys, those are skipped
without being read.
"""

from __future__ import annotations

from tachograph.lean_datetime import datetime
from tachograph.lean_typing import TYPE_CHECKING, Callable, Iterable
from tachograph.model.usage.messages import (
    FOREIGN,
    FORKED,
    NO_TIME,
    NO_WAY,
    PLAIN_FIELDS,
    SIDECHAIN,
    Origin,
    Way,
    fingerprint,
    whole,
)
from tachograph.sources.transcripts import side_records
from tachograph.sources.transcripts.batch import Batch
from tachograph.sources.transcripts.decoders import PROMPT, SPAWN, SUBAGENT, UNCERTAIN, Decoders
from tachograph.sources.transcripts.line_scan import (
    CLEAR_NEEDLE,
    UNCERTAIN_KIND,
    head_kind,
    is_clear_line,
    last_stamp,
    tail_kind,
)
from tachograph.sources.transcripts.link_place import place_of
from tachograph.sources.transcripts.pending_message import PendingMessage, typed_way
from tachograph.sources.transcripts.records import (
    CLOUD_IDS,
    EPOCH,
    FIRST_MS,
    added_parts,
    billed_answer,
    blocks_of,
    counts_of,
    is_clear,
    is_foreign_id,
    is_issued,
    key_of,
    nanodollars,
    parse_record,
    parse_time,
    speed_of,
    text_of,
)
from tachograph.sources.transcripts.ways import way_of

if TYPE_CHECKING:
    from typing import Any

    from tachograph.model.usage.plain_messages import PlainMessages
    from tachograph.sources.transcripts.decoders import Scan
    from tachograph.sources.transcripts.msgspec_decoder import AssistantRecord

FUTURE_MS = 5 * 60_000  # a clock may be this much ahead before a timestamp counts as one from the future
_LONGEST_NOTICE = 64 << 10  # a notice of the client's own is a sentence
_NEEDLES = (b'"usage"', b'"pr-link"', b'-title"', b'"summary"', b'"cost-state"', CLEAR_NEEDLE)
_SPAWNS = (b'"Task"', b'"Agent"')  # tools that start a subagent
_moment = datetime.fromisoformat


class Transcript:
    """Decodes one transcript into a batch, block by block of whole lines; keeps what a later block needs to know.

    `stamp` is the last timestamp seen (for titles, which carry none);
    `lines_before` reads the file backwards from an offset: whole lines, some at a time, the last ones first;
    `problems` counts by kind; `looks` is how many more user records are worth a look for the first prompt.
    """

    __slots__ = (
        "_latest",
        "_lines_before",
        "_origins",
        "_pending",
        "_scan",
        "_typed",
        "_ways",
        "batch",
        "folder",
        "looks",
        "now",
        "problems",
        "stamp",
        "subagent",
    )

    def __init__(
        self,
        batch: Batch,
        folder: str,
        now_ms: int,
        *,
        stamp: str,
        looks: int,
        fast: Decoders,
        lines_before: Callable[[int], Iterable[bytes]] = lambda _: (),
    ) -> None:
        self.batch = batch
        self._typed, self._scan, self._lines_before = fast.typed, fast.scan, lines_before
        self.folder = folder
        self.now = now_ms
        self.stamp = stamp
        self.looks = looks
        self.problems: dict[str, int] = {}
        self.subagent: tuple[str, str] | None = None  # session and id, where the transcript begins with its prompt
        self._latest = now_ms + FUTURE_MS
        self._origins: dict[tuple[str | None, ...], Origin] = {}
        self._ways: dict[Way, Way] = {}
        self._pending: PendingMessage | None = None
        if fast.scan is not None and batch.scanned is None:
            from tachograph.sources.transcripts.c_scanner import PLAIN_MESSAGES

            batch.scanned = PLAIN_MESSAGES()

    def feed(self, block: bytearray | bytes, end: int, offset: int) -> None:
        """Read the whole lines in `block[:end]`; `offset` is the block's position in its file."""
        if self._scan is not None and self.batch.scanned is not None:
            self._feed_compiled(self._scan, self.batch.scanned, block, end, offset)
        else:
            self._feed_here(block, end, offset)
        self.stamp = last_stamp(block, end) or self.stamp

    def _feed_compiled(self, scan: Scan, into: PlainMessages, block: bytearray | bytes, end: int, offset: int) -> None:
        """Let the compiled twin of `_feed_here` read the block, and look at what it hands back."""
        find, batch = block.find, self.batch
        found = scan(block, end, self.folder, self.looks, self._latest, into, batch.messages, batch.fragments)
        for item in found:
            if len(item) == PLAIN_FIELDS:
                batch.put(whole(item))
                continue
            if len(item) == 4:
                batch.extend_session(*item)
                continue
            how, pos, stop = item
            if how == PROMPT:
                if self.looks:
                    self._look_for_prompt(bytes(block[pos:stop]))
            elif how == SPAWN:
                side_records.note_spawning_record(batch, parse_record(bytes(block[pos:stop])))
            elif how == SUBAGENT:
                side_records.note_progress_record(batch, parse_record(bytes(block[pos:stop])))
            elif how != UNCERTAIN or any(find(needle, pos, stop) >= 0 for needle in _NEEDLES):
                self._read(bytes(block[pos:stop]), block, pos, offset)

    def _feed_here(self, block: bytearray | bytes, end: int, offset: int) -> None:
        view = memoryview(block)
        find, rfind, starts = block.find, block.rfind, block.startswith
        decode, errors = (self._typed.decode, self._typed.errors) if self._typed else (None, ())
        note = self._note_typed
        pos = 0
        while pos < end:
            stop = find(b"\n", pos, end)
            if stop < 0:
                stop = end
            kind = tail_kind(find, rfind, pos, stop)
            if kind == UNCERTAIN_KIND:
                kind = head_kind(find, pos, stop)
            if kind == UNCERTAIN_KIND:
                if any(find(needle, pos, stop) >= 0 for needle in _NEEDLES):
                    self._read(bytes(view[pos:stop]), block, pos, offset)
            elif starts(b'assistant"', kind):
                told = False
                if decode is not None:
                    try:
                        told = note(decode(view[pos:stop]))
                    except errors:
                        pass
                if not told:
                    self._read(bytes(view[pos:stop]), block, pos, offset)
            elif starts((b'user"', b'system"'), kind):
                if self.looks and starts(b'user"', kind):
                    self._look_for_prompt(bytes(view[pos:stop]))
                if is_clear_line(find, pos, stop):
                    self._read(bytes(view[pos:stop]), block, pos, offset)
            elif starts(b'progress"', kind):
                if find(b'"usage"', pos, stop) >= 0:
                    self._read(bytes(view[pos:stop]), block, pos, offset)
            elif starts((b'pr-link"', b'ai-title"', b'custom-title"', b'summary"', b'cost-state"'), kind):
                self._read(bytes(view[pos:stop]), block, pos, offset)
            pos = stop + 1
        view.release()
        self._flush_pending()

    def feed_tail(self, line: bytes, offset: int) -> None:
        """Read a last line that has no newline yet: counted if it is whole, and no problem if it is not.

        The line is read again when it is finished, so nothing that adds up may come of it now.
        """
        before = self.problems, self.stamp, self.looks
        self.problems = {}
        if parse_record(line) is not None:
            self.feed(line, len(line), offset)
        self.problems, self.stamp, self.looks = before

    def problem(self, kind: str) -> None:
        self.problems[kind] = self.problems.get(kind, 0) + 1

    # -- the typed way ---------------------------------------------------------------------------------------

    def _note_typed(self, record: AssistantRecord) -> bool:
        """Note an answer in the usual layout; False if it needs the patient way.

        A message stands in one line for each of its content blocks, so the last one is held until another comes, and
        lines that only repeat it or go on with it cost little.
        """
        answer = record.message
        if record.type != "assistant" or answer.usage.service_tier == "batch":  # `type` twice: the last counts
            return False
        usage, name, model = answer.usage, answer.id, answer.model
        if usage.iterations:
            for part in usage.iterations:
                if part.type != "message" or part.model not in (None, model):
                    return False
        since = _moment(record.timestamp) - EPOCH
        at = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
        five, hour = usage.cache_creation_input_tokens, 0
        split, searched = usage.cache_creation, usage.server_tool_use
        if split is not None:
            hour = split.ephemeral_1h_input_tokens
            five = max(five - hour, split.ephemeral_5m_input_tokens)
        output = usage.output_tokens
        searches = searched.web_search_requests if searched is not None else 0
        counts = (usage.input_tokens, output, five, hour, usage.cache_read_input_tokens, searches)
        flags = (SIDECHAIN if record.isSidechain else 0) | (FORKED if record.forkedFrom else 0)
        if name.startswith(CLOUD_IDS):
            flags |= FOREIGN
        if not FIRST_MS <= at <= self._latest or record.costUSD is not None or not model or model == "<synthetic>":
            return False
        held = self._pending
        if held is not None:
            is_same = name == held.name and at > held.at and flags == held.flags and record.sessionId == held.session
            if is_same and held.is_continued_by(record, at, counts):
                held.note_end(answer.stop_reason, at, self._blocks_of(record))
                held.note_way(self._way_of(record))
                return held.extend(record, at, counts)
            self._flush_pending()
        if not is_issued(name):
            return False
        self._pending = PendingMessage(record, at, counts, flags)
        self._pending.note_end(answer.stop_reason, at, self._blocks_of(record))
        self._pending.note_way(self._way_of(record))
        return True

    def _way_of(self, record: AssistantRecord) -> Way:
        """The way of an answer, noting the subagents that it starts."""
        if self._typed is None:
            return NO_WAY
        content = bytes(record.message.content)
        if any(name in content for name in _SPAWNS):
            side_records.note_spawns(self.batch, record.sessionId, self._typed.plain(content))
        return typed_way(record, content, self._typed.plain)

    def _blocks_of(self, record: AssistantRecord) -> bytes:
        """Visible blocks of a line without a stop reason."""
        if record.message.stop_reason or self._typed is None:
            return b""
        content = bytes(record.message.content)
        return blocks_of(self._typed.plain(content) if content else None, record.version)

    def _flush_pending(self) -> None:
        """Put the message that was held into the batch."""
        held = self._pending
        if held is None:
            return
        self._pending = None
        record, session = held.record, held.session
        answer, usage = record.message, record.message.usage
        said = (
            answer.model,
            usage.speed,
            usage.inference_geo,
            answer.stop_reason,
            record.gitBranch,
            record.cwd,
            record.agentId,
            record.ownerAccountUuid,
        )
        origin = self._origins.get(said)
        if origin is None:  # the same tuple for the same origin: marshal then sends it once
            a, b, c, d, e, f, g, h = (text or "" for text in said)
            origin = self._origins[said] = (a, b, c, d, e, f, g, h, self.folder)
        way = self._ways.setdefault(held.way, held.way)  # the same tuple, as for origins
        stop_at = None if held.stop_at == NO_TIME else held.stop_at
        blocks = held.blocks if stop_at is None and held.blocks else None
        trace = (held.last, stop_at, held.mark, blocks, way)
        identity = fingerprint(held.name)
        self.batch.put_plain(
            (identity, held.first, *held.counts, held.at, origin, held.request, session, held.flags, *trace)
        )
        self.batch.extend_session(session, held.first, held.last, held.leaf)

    # -- the patient way -------------------------------------------------------------------------------------

    def _read(self, line: bytes, block: bytearray | bytes, pos: int, offset: int) -> None:
        record = parse_record(line, self._typed.plain if self._typed else None)
        if record is None:
            self.problem("bad_lines")
            return
        kind = record.get("type")
        if kind in ("assistant", "progress"):
            self._note_answer(record, line)
        elif kind == "pr-link":
            repository = text_of(record.get("prRepository"))
            place = place_of(lambda: self._lines_before(offset + pos), repository)
            side_records.note_link(self.batch, record, repository, *place)
        elif kind in ("ai-title", "custom-title"):
            side_records.note_title(self.batch, record, kind, last_stamp(block, pos) or self.stamp, offset + pos)
        elif kind == "summary":
            side_records.note_summary(self.batch, record)
        elif kind == "cost-state":
            side_records.note_cost_state(self.batch, record, last_stamp(block, pos) or self.stamp)
        elif kind in ("user", "system"):
            if is_clear(record):
                side_records.note_clear(self.batch, record)
            elif kind == "user" and self.looks and side_records.note_prompt(self.batch, record):
                self.looks = 0

    def _note_answer(self, record: dict[str, Any], line: bytes) -> None:
        found = billed_answer(record)
        if found is None:
            if record.get("isApiErrorMessage") is True and len(line) < _LONGEST_NOTICE:
                self.batch.notices.append((self.folder, line))
            return
        inner, message = found
        problems: list[str] = []
        session = text_of(record.get("sessionId"))
        key = key_of(record, inner, message, session, line)
        at = parse_time(inner.get("timestamp"))
        if at == NO_TIME:
            at = parse_time(record.get("timestamp"))
        if at == NO_TIME:
            problems.append("unknown_times")
        elif at > self.now + FUTURE_MS:
            problems.append("future_times")
        side = record.get("isSidechain") is True or inner is not record
        flags = (SIDECHAIN if side else 0) | (FORKED if record.get("forkedFrom") else 0)
        flags |= FOREIGN if is_foreign_id(message.get("id")) else 0
        progress = record.get("data") if inner is not record else None
        agent = text_of(inner.get("agentId")) or text_of(record.get("agentId"))
        if isinstance(progress, dict):
            agent = agent or text_of(progress.get("agentId"))
            side_records.note_subagent(self.batch, session, agent, progress.get("prompt"))
        content = message.get("content")
        way = way_of(record, inner, content)
        side_records.note_spawns(self.batch, session, content)
        own, request = text_of(inner.get("uuid")), text_of(inner.get("requestId"))
        mark = fingerprint(own) if own else 0

        def note(key: str, usage: dict[str, Any], model: object, stop: object, cost: int, blocks: bytes = b"") -> None:
            counts = counts_of(usage, problems)
            origin = (
                text_of(model) or "unknown",
                speed_of(usage),
                text_of(usage.get("inference_geo")),
                text_of(stop),
                text_of(inner.get("gitBranch")) or text_of(record.get("gitBranch")),
                text_of(inner.get("cwd")) or text_of(record.get("cwd")),
                agent,
                text_of(record.get("ownerAccountUuid")),
                self.folder,
            )
            choice = (-counts[1], at, origin)
            trace = (at, at if origin[3] else NO_TIME, mark, request, blocks, (), way)
            self.batch.add((fingerprint(key), at, counts, cost, choice, {session: flags}, trace))

        usage = message["usage"]
        stop = message.get("stop_reason")
        blocks = b"" if text_of(stop) else blocks_of(content, record.get("version"))
        note(key, usage, message.get("model"), stop, nanodollars(inner.get("costUSD")), blocks)
        for position, model, part in added_parts(message):
            shared = {key: usage.get(key) for key in ("speed", "inference_geo", "service_tier")}
            note(f"{key}\0part {position}", {**shared, **part}, model, None, -1)
        for kind in dict.fromkeys(problems):
            self.problem(kind)
        if own and at != NO_TIME:
            self.batch.leaves[session] = max(self.batch.leaves.get(session, (at, own)), (at, own))

    def _look_for_prompt(self, line: bytes) -> None:
        self.looks -= 1
        record = parse_record(line)
        if record is not None and record.get("isSidechain"):
            self.looks = 0  # the transcript of a subagent
            self.subagent = side_records.note_first_record(self.batch, record)
        elif record is not None and side_records.note_prompt(self.batch, record):
            self.looks = 0
