"""What a message is, and how copies of one message become one (accounting rules 2, 3 and 5).

Claude Code writes a message several times: once for each content block, again when a session is resumed or
forked, again on a side chain. Every copy becomes a `Message`; `merge` joins two of them. Merging is
commutative, associative and idempotent, so any order and repetition of lines gives the same ledger.

A message travels between processes and into SQLite by the hundred thousand, hence plain tuples:

    Message  (identity, at, counts, logged_cost, choice, sessions)
        identity     61-bit fingerprint of what names the message
        at           epoch milliseconds of the earliest copy; NO_TIME if none has a readable time
        counts       (input, output, cache_write_5m, cache_write_1h, cache_read, web_searches), each the largest seen
        logged_cost  nanodollars that an old Claude Code wrote itself (`costUSD`, before 1.1); -1 if it did not
        choice       see below
        sessions     {session id: flags}; flags add SIDECHAIN and FORKED, each only if every copy there has it
    Choice   (-output, at, origin, request)
        what only one copy can say; its order *is* the rule which copy says it: most output, then earliest,
        then smallest
    Origin   (model, speed, geo, stop, branch, cwd, agent, owner, folder)
        how a message came about; missing text is "". `owner` is the account that the record itself names, `folder`
        the config folder
"""

from typing import NamedTuple

NO_TIME = 1 << 62  # sorts after every real time
SIDECHAIN, FORKED = 2, 1

Counts = tuple[int, int, int, int, int, int]
Origin = tuple[str, str, str, str, str, str, str, str, str]
Choice = tuple[int, int, Origin, str]
Message = tuple[int, int, Counts, int, Choice, dict[str, int]]


def merge(a: Message, b: Message) -> Message:
    """One message out of two copies of it."""
    sessions = a[5]
    if b[5] != sessions:
        sessions = dict(sessions)
        for session, flags in b[5].items():
            sessions[session] = flags & sessions.get(session, flags)
    counts = a[2] if a[2] == b[2] else larger_counts(a[2], b[2])
    return (a[0], min(a[1], b[1]), counts, max(a[3], b[3]), min(a[4], b[4]), sessions)


def larger_counts(a: Counts, b: Counts) -> Counts:
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]), max(a[4], b[4]), max(a[5], b[5]))


def is_billed(stop: str, output: int) -> bool:
    """A refusal that wrote nothing is not billed (accounting rule 5)."""
    return not (stop == "refusal" and output == 0)


class Tokens(NamedTuple):
    """What a group of messages used; groups add with +."""

    messages: int = 0
    input: int = 0
    output: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    web_searches: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":  # type: ignore[override]  # a sum, not a longer tuple
        a, b = self, other
        return Tokens(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5], a[6] + b[6])

    @property
    def total(self) -> int:
        """All tokens of every class."""
        return self[1] + self[2] + self[3] + self[4] + self[5]


_WORKTREE_MARKS = ("/.claude/worktrees/", "/.git/worktrees/", "/.worktrees/")


def project_path(cwd: str) -> str:
    """The folder that names the project of a working directory: out of a git worktree to its repository.

    Only where the path itself shows it (accounting rule 7): `repo/.claude/worktrees/x`, `repo/.worktrees/x`,
    `repo/.git/worktrees/x`, and `~/.claude-worktrees/repo/x`, where the app keeps them outside the repository.
    """
    path = cwd.replace("\\", "/") if "\\" in cwd else cwd
    for mark in _WORKTREE_MARKS:
        cut = path.find(mark)
        if cut > 0:
            return cwd[:cut]
    cut = path.find("/.claude-worktrees/")
    if cut >= 0:
        repository = path.find("/", cut + len("/.claude-worktrees/"))
        return cwd if repository < 0 else cwd[:repository]
    return cwd.rstrip("/\\") or cwd
