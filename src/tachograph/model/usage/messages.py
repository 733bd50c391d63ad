"""A billed message, the merge of its copies, and the test that tells copies from other answers (rules 2, 3 and 5).

Claude Code writes a message several times: once for each content block, again when a session is resumed or
forked, again on a side chain. Every copy becomes a `Message`; `merge` joins two of them. Merging is
commutative, associative and idempotent, so any order and repetition of lines gives the same ledger.

A message travels between processes and into SQLite by the hundred thousand, hence plain tuples:

    Message  (identity, at, counts, logged_cost, choice, sessions, trace)
        identity     61-bit fingerprint of what names the message
        at           epoch milliseconds of the earliest copy; NO_TIME if none has a readable time
        counts       (input, output, cache_write_5m, cache_write_1h, cache_read, web_searches), each the largest seen
        logged_cost  nanodollars that an old Claude Code wrote itself (`costUSD`, before 1.1); -1 if it did not
        choice       see below
        sessions     {session id: flags}; flags add SIDECHAIN, FORKED and FOREIGN, each only if every copy there has it
        trace        see below
    Choice   (-output, at, origin)
        what only one copy can say; its order *is* the rule which copy says it: most output, then earliest,
        then smallest
    Origin   (model, speed, geo, stop, branch, cwd, agent, owner, folder)
        how a message came about; missing text is "". `owner` is the account that the record itself names, `folder`
        the config folder
    Trace    (last_at, stop_at, mark, request, blocks, folders, way)
        evidence over all copies: time of the latest line; of the earliest line with a stop reason (NO_TIME: none);
        fingerprint of the uuid of the earliest line (0: none); request id; `blocks` (see content.py), b"" once a
        stop reason was seen; the config folders besides the origin's that hold a copy; the way it was asked for
    Way      (agent, skill, plugin, server, effort, entrypoint)
        type of the subagent, skill, plugin, MCP server, reasoning effort, and program that asked; "" where no copy
        says. Each is the largest of all copies, which nearly always agree

Nearly all messages stand in one session and folder, and nothing is merged into them after they were read. They travel as

    PlainMessage  (identity, at, input, output, cache_write_5m, cache_write_1h, cache_read, web_searches, chosen_at,
                  origin, request, session, flags, last_at, stop_at, mark, blocks, way)
        the same values, flat, in the order and form of the ledger's columns: no stop reason and no blocks are None
"""

from __future__ import annotations

from tachograph.lean_typing import NamedTuple
from tachograph.model.usage.content import joined_blocks

NO_TIME = 1 << 62  # sorts after every real time
FORKED, SIDECHAIN, FOREIGN = 1, 2, 4
LONGEST_ANSWER_MS = 600_000  # lines further apart are not one answer
LONGEST_AFTER_STOP_MS = 10_000
AGENT, SKILL, PLUGIN, SERVER, EFFORT, ENTRYPOINT = range(6)  # of a way

Counts = tuple[int, int, int, int, int, int]
Origin = tuple[str, str, str, str, str, str, str, str, str]
Choice = tuple[int, int, Origin]
Way = tuple[str, str, str, str, str, str]
Trace = tuple[int, int, int, str, bytes, tuple[str, ...], Way]
Message = tuple[int, int, Counts, int, Choice, dict[str, int], Trace]
PlainMessage = tuple[
    int, int, int, int, int, int, int, int, int, Origin, str, str, int, int, "int | None", int, "bytes | None", Way
]
AnyMessage = Message | PlainMessage
PLAIN_FIELDS = 18  # their number tells the two kinds apart


NO_WAY: Way = ("", "", "", "", "", "")
_PRIME = 2**61 - 1


def fingerprint(key: str) -> int:
    """A 61-bit fingerprint (Rabin's): the bytes as one number, modulo a prime.

    Ids are long and random, so a million messages share one with a chance of one in five million; a cryptographic
    hash costs five times as much.
    """
    data = key.encode() if key.isascii() else key.encode("utf-8", "surrogatepass")
    return int.from_bytes(data, "big") % _PRIME


def whole(message: AnyMessage) -> Message:
    """A message in the form that merges."""
    if len(message) == 7:
        return message
    identity, at, a, b, c, d, e, f, chosen_at, origin, request, session, flags, last_at, stop_at, mark, blocks, way = (
        message
    )
    trace = (last_at, NO_TIME if stop_at is None else stop_at, mark, request, blocks or b"", (), way)
    return (identity, at, (a, b, c, d, e, f), -1, (-b, chosen_at, origin), {session: flags}, trace)


def merge(a: Message, b: Message) -> Message:
    """Join two copies of one message."""
    sessions = a[5]
    if b[5] != sessions:
        sessions = dict(sessions)
        for session, flags in b[5].items():
            sessions[session] = flags & sessions.get(session, flags)
    counts = a[2] if a[2] == b[2] else larger_counts(a[2], b[2])
    choice = min(a[4], b[4])
    return (a[0], min(a[1], b[1]), counts, max(a[3], b[3]), choice, sessions, _merge_traces(a, b, choice[2][8]))


def _merge_traces(a: Message, b: Message, folder: str) -> Trace:
    x, y = a[6], b[6]
    stop_at = min(x[1], y[1])
    folders: tuple[str, ...] = ()
    if x[5] or y[5] or a[4][2][8] != b[4][2][8]:
        folders = tuple(sorted({*x[5], *y[5], a[4][2][8], b[4][2][8]} - {folder}))
    return (
        _later(x[0], y[0]),
        stop_at,
        earlier_mark(a[1], x[2], b[1], y[2]),
        max(x[3], y[3]),
        b"" if stop_at != NO_TIME else x[4] if x[4] == y[4] else joined_blocks(x[4], y[4]),
        folders,
        x[6] if x[6] == y[6] else join_ways(x[6], y[6]),
    )


def join_ways(a: Way, b: Way) -> Way:
    """Everything that two copies say of the way they were asked for."""
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]), max(a[4], b[4]), max(a[5], b[5]))


def earlier_mark(at: int, mark: int, other_at: int, other_mark: int) -> int:
    """Mark of the earlier of two lines; among equals the smaller that is known."""
    if at != other_at:
        return mark if at < other_at else other_mark
    return min(mark, other_mark) if mark > 0 and other_mark > 0 else max(mark, other_mark)


def _later(a: int, b: int) -> int:
    """The later of two times; an unknown one is no time."""
    return max(a, b) if a != NO_TIME and b != NO_TIME else min(a, b)


def may_be_several(a: Message, b: Message) -> bool:
    """Test two merged groups of lines that share an id: False if no two of their lines contradict each other.

    A merge forgets single lines, so this errs on the side of True, and never says False for lines that
    `is_same_answer` tells apart, in any order of merging. For that, every line from a stop reason on has to have the
    largest counts of its group.
    """
    x, y = a[6], b[6]
    if x[3] != y[3] and x[3] and y[3]:
        return True
    last, stop_at = _later(x[0], y[0]), min(x[1], y[1])
    if last != NO_TIME and last - min(a[1], b[1]) > LONGEST_ANSWER_MS:
        return True
    if stop_at == NO_TIME or last == NO_TIME:
        return False
    if last > stop_at + LONGEST_AFTER_STOP_MS:
        return True
    most = larger_counts(a[2], b[2])
    for _, first, counts, _, _, _, (own_last, own_stop, *_) in (a, b):
        is_after = own_last != NO_TIME and own_last > stop_at
        if (own_stop == stop_at or is_after) and counts != most:
            return True
        if is_after and own_stop != stop_at and first != own_last:
            return True
    return False


def is_same_answer(a: Message, b: Message) -> bool:
    """Test two lines that share an id: False if they cannot be of one answer (rule 2, "shared ids").

    For groups of lines it is an approximation, which depends on the lines that were merged before.
    """
    (x_last, x_stop, x_mark, x_request, *_), (y_last, y_stop, y_mark, y_request, *_) = a[6], b[6]
    if a[1] == b[1] or (x_mark > 0 and x_mark == y_mark):
        return True  # a copy
    if x_request and y_request and x_request != y_request:
        return False
    if a[1] == NO_TIME or b[1] == NO_TIME:
        return True
    if max(x_last, y_last) - min(a[1], b[1]) > LONGEST_ANSWER_MS:
        return False
    return not (_contradicts(x_stop, a[2], b, y_last) or _contradicts(y_stop, b[2], a, x_last))


def _contradicts(stop_at: int, counts: Counts, later: Message, last: int) -> bool:
    """True if lines follow an answer's end that do not repeat it."""
    if stop_at == NO_TIME:
        return False
    return last > stop_at + LONGEST_AFTER_STOP_MS or (later[1] > stop_at and later[2] != counts)


def larger_counts(a: Counts, b: Counts) -> Counts:
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]), max(a[4], b[4]), max(a[5], b[5]))


def is_billed(stop: str, output: int) -> bool:
    """A refusal that wrote nothing is not billed (accounting rule 5)."""
    return not (stop == "refusal" and output == 0)


def is_foreign_model(model: str) -> bool:
    """Test whether a model's name shows a cloud or gateway: no plan of Anthropic's paid for it."""
    return model not in ("unknown", "") and (
        not model.startswith("claude") or any(sign in model for sign in ("/", "@", ":"))
    )


class Tokens(NamedTuple):
    """Sums of a group of messages; groups add with +."""

    messages: int = 0
    input: int = 0
    output: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    web_searches: int = 0

    def __add__(self, other: Tokens) -> Tokens:  # type: ignore[override]  # a sum, not a longer tuple
        a, b = self, other
        return Tokens(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5], a[6] + b[6])

    @property
    def total(self) -> int:
        """All tokens of every class."""
        return self[1] + self[2] + self[3] + self[4] + self[5]
