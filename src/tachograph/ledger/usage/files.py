"""State of each transcript: offset read so far, problems in it, and if it still exists."""

from __future__ import annotations

import os

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Collection, Iterable, Mapping, NamedTuple
from tachograph.ledger.usage.strings import Strings

if TYPE_CHECKING:
    from typing import Any

_STATE = ("device", "inode", "size", "mtime", "ctime", "offset", "head", "tail", "branch", "stamp", "looks", "cwd")


_STATES = f"SELECT file.id, path, name.text, {', '.join(_STATE)}, error, gone FROM file JOIN name ON name.id = folder"
_WRITE = (
    f"INSERT INTO file (path, folder, {', '.join(_STATE)}, error, gone) VALUES (?, ?, {', '.join('?' * len(_STATE))}, ?, 0)"
    f" ON CONFLICT (path) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in ('folder', *_STATE, 'error', 'gone'))}"
    " RETURNING id"
)
_NOTHING = (0, 0, 0, 0, 0, 0, 0, 0, "", "", 0, "")  # of what could not be opened


class FileState(NamedTuple):
    """A transcript as the ledger knows it; the shape of `sources.transcripts.file_state.FileState`, with its row id."""

    id: int
    path: bytes
    folder: str
    device: int
    inode: int
    size: int
    mtime: int
    ctime: int
    offset: int
    head: int
    tail: int
    branch: str
    stamp: str
    looks: int
    cwd: str
    error: str
    gone: bool


def states(db: sqlite3.Connection, paths: Iterable[bytes]) -> dict[bytes, FileState]:
    """State of transcripts by path, without those never read."""
    found: dict[bytes, FileState] = {}
    wanted = list(paths)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        rows = db.execute(f"{_STATES} WHERE path IN ({', '.join('?' * len(part))})", part)
        found.update((row[1], FileState._make(row)) for row in rows)
    return found


def is_any_known(db: sqlite3.Connection) -> bool:
    """True if any transcript was ever read."""
    return db.execute("SELECT 1 FROM file LIMIT 1").fetchone() is not None


def state_of_inode(db: sqlite3.Connection, device: int, inode: int) -> FileState | None:
    """State of a file known under another name, None if it was never read."""
    sql = f"{_STATES} WHERE device = ? AND inode = ? AND error = '' ORDER BY gone, file.id LIMIT 1"
    row = db.execute(sql, (device, inode)).fetchone()
    return None if row is None else FileState._make(row)


def signatures(db: sqlite3.Connection) -> dict[bytes, tuple[int, int, int, int, int]]:
    """Marks of an unchanged transcript: (device, inode, size, mtime, ctime) by path; -1 if unreadable."""
    rows = db.execute(
        "SELECT path, device, inode, CASE error WHEN '' THEN size ELSE -1 END, mtime, ctime FROM file WHERE gone = 0"
    )
    return {row[0]: row[1:] for row in rows}


def directories(db: sqlite3.Connection) -> dict[bytes, int]:
    """The folders of transcripts with the change times, nanoseconds, at which we listed them."""
    return dict(db.execute("SELECT path, changed FROM directory"))


def of_sessions(db: sqlite3.Connection, sessions: Collection[str]) -> list[FileState]:
    """States of the transcripts there are whose path names one of the sessions; of all where one is named by none."""
    rows = [FileState._make(row) for row in db.execute(f"{_STATES} WHERE error = '' AND NOT gone ORDER BY path")]
    named, found = set[str](), []
    for row in rows:
        mine = {part.removesuffix(".jsonl") for part in os.fsdecode(row.path).replace("\\", "/").split("/")}
        if mine := mine.intersection(sessions):
            named |= mine
            found.append(row)
    return found if named.issuperset(sessions) else rows


def write_directories(db: sqlite3.Connection, now: Mapping[bytes, int]) -> None:
    """Remember the folders as they were listed; those of config folders that were not looked at now are forgotten."""
    known = directories(db)
    db.executemany("DELETE FROM directory WHERE path = ?", [(path,) for path in known.keys() - now.keys()])
    db.executemany("INSERT OR REPLACE INTO directory VALUES (?, ?)", now.items() - known.items())


def folders(db: sqlite3.Connection) -> list[str]:
    """Every config folder of which a transcript was ever read, in the order in which they were first seen."""
    sql = "SELECT text FROM name WHERE id IN (SELECT DISTINCT folder FROM file) ORDER BY id"
    return [text for (text,) in db.execute(sql) if text]


def noted_errors(db: sqlite3.Connection) -> set[bytes]:
    """Files and folders that could not be opened when we last looked."""
    return {path for (path,) in db.execute("SELECT path FROM file WHERE error <> '' AND gone = 0")}


def write_state(
    db: sqlite3.Connection,
    names: Strings,
    state: tuple[Any, ...],
    *,
    read_from: int | None,
    error: str,
    problems: Mapping[str, int],
    from_start: bool,
) -> None:
    """Set the offset of a transcript, and count its problems.

    `state` is a `FileState`; `read_from` the offset that the ledger held when reading began (None: no row). Where another
    process has read the file meanwhile, the row is left as that one wrote it: the messages are the same ones.
    """
    path, folder = state[0], names.id(state[1])
    row = db.execute("SELECT id, offset FROM file WHERE path = ?", (path,)).fetchone()
    if (row[1] if row else None) != read_from:
        return
    if error:
        if row is None:
            state = (*state[:2], *_NOTHING)
        else:
            db.execute("UPDATE file SET error = ?, gone = 0 WHERE id = ?", (error, row[0]))
            return
    file = db.execute(_WRITE, (path, folder, *state[2:], error)).fetchone()[0]
    if from_start and row is not None:
        db.execute("DELETE FROM problem WHERE file = ?", (file,))
    if problems:
        db.executemany(
            "INSERT INTO problem VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(file, kind, count) for kind, count in problems.items()],
        )


def write_times(db: sqlite3.Connection, marks: Mapping[bytes, tuple[int, int, int, int, int]]) -> None:
    """Set the times of transcripts that have the same content as before: marks as `signatures` gives them, by path."""
    db.executemany(
        "UPDATE file SET mtime = ?, ctime = ? WHERE path = ? AND (device, inode, size) = (?, ?, ?)",
        [(mtime, ctime, path, device, inode, size) for path, (device, inode, size, mtime, ctime) in marks.items()],
    )


def move(db: sqlite3.Connection, old: bytes, new: bytes) -> None:
    """A transcript has another name now: its row follows."""
    db.execute("UPDATE OR IGNORE file SET path = ?, gone = 0 WHERE path = ?", (new, old))


def write_gone(db: sqlite3.Connection, paths: Iterable[bytes]) -> None:
    """Mark transcripts that are not there any more. What they said stays counted."""
    db.executemany("UPDATE file SET gone = 1, error = '' WHERE path = ?", [(path,) for path in paths])


def write_unreadable(db: sqlite3.Connection, names: Strings, unreadable: Mapping[bytes, tuple[str, str]]) -> None:
    """Note what cannot be opened: path to (reason, config folder)."""
    known = states(db, unreadable)
    for path, (error, folder) in unreadable.items():
        offset = known[path].offset if path in known else None
        state = (path, folder, *_NOTHING)
        write_state(db, names, state, read_from=offset, error=error, problems={}, from_start=False)


def problem_counts(db: sqlite3.Connection) -> dict[str, int]:
    """Number of problems by kind; `unreadable_files` are files and folders that cannot be opened now."""
    counts = {kind: int(count) for kind, count in db.execute("SELECT kind, sum(count) FROM problem GROUP BY kind")}
    unreadable = db.execute("SELECT count(*) FROM file WHERE error <> '' AND gone = 0").fetchone()[0]
    counts |= _identity_problems(db)
    shown = (
        "bad_lines",
        "bad_counts",
        "long_lines",
        "unknown_times",
        "future_times",
        "shared_ids",
        "unmarked_forks",
    )
    return {**{kind: counts.get(kind, 0) for kind in shown}, "unreadable_files": unreadable}


def _identity_problems(db: sqlite3.Connection) -> dict[str, int]:
    """Ids that several answers share, and sessions that hold another one's messages without the mark of a fork."""
    from tachograph.model.usage.messages import FORKED, SIDECHAIN  # `now` counts no problems

    shared = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM fragment GROUP BY identity HAVING count(DISTINCT answer) > 1)"
    ).fetchone()[0]
    forks = db.execute(
        "SELECT count(DISTINCT copy.session) FROM copy JOIN answer ON answer.id = copy.message"
        f" WHERE copy.session <> answer.session AND NOT copy.flags & {FORKED | SIDECHAIN}"
    ).fetchone()[0]
    return {"shared_ids": int(shared), "unmarked_forks": int(forks)}


class Unfinished(NamedTuple):
    """Messages that have only a streaming placeholder as output, of all; the tokens that they lack at least."""

    messages: int
    of: int
    missing_output: int


def unfinished(db: sqlite3.Connection) -> Unfinished:
    """Number of messages without their final count."""
    sql = "SELECT coalesce(sum(unfinished), 0), coalesce(sum(messages), 0), coalesce(sum(missing_output), 0) FROM hour"
    return Unfinished(*db.execute(sql).fetchone())


class SharedId(NamedTuple):
    """An id that several answers share: how many, and a transcript that holds it (empty where none is known)."""

    answers: int
    path: bytes


def shared_ids(db: sqlite3.Connection) -> list[SharedId]:
    """Ids that several answers share, those with the most answers first."""
    sql = (
        "SELECT answers, (SELECT path FROM file WHERE instr(path, CAST(session AS BLOB)) > 0 LIMIT 1) FROM"
        " (SELECT count(DISTINCT answer) AS answers, min(session) AS session FROM fragment GROUP BY identity)"
        " WHERE answers > 1 ORDER BY 1 DESC LIMIT 20"
    )
    return [SharedId(int(answers), bytes(path or b"")) for answers, path in db.execute(sql)]


class FileProblem(NamedTuple):
    """One kind of trouble in one file; `error` set and `kind` empty where the file cannot be opened."""

    path: bytes
    kind: str
    times: int
    error: str
    gone: bool


def problems_by_file(db: sqlite3.Connection) -> list[FileProblem]:
    found = db.execute(
        "SELECT path, kind, count, '', gone FROM problem JOIN file ON file.id = problem.file"
        " UNION ALL SELECT path, '', 0, error, gone FROM file WHERE error <> '' ORDER BY 3 DESC, 1"
    )
    return [FileProblem(path, kind, count, error, bool(gone)) for path, kind, count, error, gone in found]


def printable_path(path: bytes) -> str:
    """A path as text; bytes that are no text become escapes."""
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode("utf-8")


def recent(db: sqlite3.Connection, since_ns: int) -> list[tuple[bytes, int, int]]:
    """Transcripts that changed after a moment of the file system's clock: path, size, modification time (ns)."""
    sql = "SELECT path, size, mtime FROM file WHERE mtime >= ? AND NOT gone ORDER BY mtime DESC LIMIT 200"
    return [(bytes(path), size, mtime) for path, size, mtime in db.execute(sql, (since_ns,))]


def row_counts(db: sqlite3.Connection) -> dict[str, int]:
    """Numbers of sessions, transcripts, deleted transcripts and readings in the ledger."""
    made = {}
    for name, sql in (
        ("sessions", "SELECT count(*) FROM session WHERE id <> 0"),
        ("transcripts", "SELECT count(*) FROM file"),
        ("transcripts that are gone", "SELECT count(*) FROM file WHERE gone"),
        ("readings", "SELECT count(*) FROM reading"),
    ):
        made[name] = int(db.execute(sql).fetchone()[0])
    return made
