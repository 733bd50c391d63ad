"""Checks of a ledger: SQLite's own, our schema, and the totals computed again from the messages."""

import os
from typing import NamedTuple

from tachograph.errors import LedgerDamaged, LedgerError
from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.storage import connection as ledger
from tachograph.ledger.storage import migrations
from tachograph.ledger.usage import totals
from tachograph.ledger.usage.message_attributes import COLUMNS
from tachograph.ledger.usage.messages import QUARTER_MS, UNKNOWN_BUCKET
from tachograph.model.usage.messages import SIDECHAIN

SIDE_FILES = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database
_MOST = 20  # problems that SQLite is asked for: one is enough to know, some help to say what


class Counts(NamedTuple):
    """Content of a ledger in numbers; times in epoch milliseconds, None if no message has one."""

    messages: int = 0
    sessions: int = 0
    files: int = 0
    gone_files: int = 0
    first_at: int | None = None
    last_at: int | None = None


class FileCheck(NamedTuple):
    """Result of a check: `problem` is "" for a sound ledger; `is_newer` for one of a version unknown to us."""

    problem: str
    version: int = 0
    counts: Counts = Counts()

    @property
    def is_newer(self) -> bool:
        return not self.problem and self.version > ledger.VERSION


class StorageFormat(NamedTuple):
    """Storage format of a ledger: version of its schema, and SQLite's journal mode."""

    version: int
    journal: str


class Login(NamedTuple):
    """The newest account that was seen for a config folder, and since when; epoch milliseconds."""

    account: str
    organization: str
    first_seen: int
    last_seen: int


# -- a file, whatever it is --------------------------------------------------------------------------------------


def check_file(path: str, *, at_rest: bool = False) -> FileCheck:
    """Check a file from end to end, without changing it. Raises LedgerError if it can't be opened at all.

    `at_rest`: no program writes to it, as to a backup. A file in use is read only in SQLite's own way: a half-finished
    write would look like damage.
    """
    try:
        if os.path.getsize(path) == 0:
            return FileCheck("it is empty")
        with open(path, "rb") as file:
            if file.read(16) != b"SQLite format 3\0":
                return FileCheck("it is not a database")
    except FileNotFoundError:
        return FileCheck("it is not there")
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return _check_database(path, at_rest)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        meant = ledger.translate_error(error, path)
        if isinstance(meant, LedgerDamaged):
            return FileCheck(meant.message.removeprefix(f"{path} is damaged: ").rstrip("."))
        raise meant from error


def _check_database(path: str, at_rest: bool) -> FileCheck:
    db = ledger.connect_readonly(path, at_rest=at_rest)
    try:
        return _check_ledger(db)
    finally:
        db.close()


def _check_ledger(db: sqlite3.Connection) -> FileCheck:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if db.execute("PRAGMA application_id").fetchone()[0] != ledger.APPLICATION_ID:
        return FileCheck("it is a database, but not a ledger")
    if version > ledger.VERSION:
        return FileCheck("", version)
    problems = faults(db)
    return FileCheck(problems[0], version) if problems else FileCheck("", version, row_counts(db))


def read_counts(path: str) -> Counts | None:
    """Content of a ledger in numbers, without checking it; None if it can't be read."""
    try:
        db = ledger.connect_readonly(path, at_rest=True)  # one second's numbers are as good as the next one's
    except (sqlite3.Error, OSError):
        return None
    try:
        return row_counts(db)
    except sqlite3.Error:
        return None
    finally:
        db.close()


def size(path: str) -> int:
    """Bytes of a ledger with SQLite's files beside it."""
    total = 0
    for name in (path, *(path + suffix for suffix in SIDE_FILES)):
        try:
            total += os.stat(name).st_size
        except OSError:
            continue
    return total


# -- an open ledger ----------------------------------------------------------------------------------------------


def faults(db: sqlite3.Connection) -> list[str]:
    """Problems of a ledger of a known version, without its totals; empty if it is sound."""
    return full_check(db) or schema_problems(db) or text_problems(db)


def quick_check(db: sqlite3.Connection) -> list[str]:
    """Problems that SQLite finds in the pages of a database, without comparing indexes; empty if it is sound."""
    return _run_check(db, "quick_check")


def full_check(db: sqlite3.Connection) -> list[str]:
    """The same, with a comparison of indexes and tables."""
    return _run_check(db, "integrity_check")


def _run_check(db: sqlite3.Connection, check: str) -> list[str]:
    try:
        found = [str(row[0]) for row in db.execute(f"PRAGMA {check}({_MOST})")]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return [str(error)]
    if found == ["ok"]:
        return []
    return [" ".join(line.removeprefix("*** in database main ***").split()) for line in found]


def schema_problems(db: sqlite3.Connection) -> list[str]:
    """Tables, views and indexes that are not as the migrations of this ledger's version made them."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    model = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for _, sql in migrations.STEPS[:version]:
            model.executescript(sql)
        meant = _shape(model)
    finally:
        model.close()
    found = _shape(db)
    return [
        f"the {kind} {name} is not as it was made"
        for (kind, name), of in meant.items()
        if found.get((kind, name)) != of
    ]


def _shape(db: sqlite3.Connection) -> dict[tuple[str, str], list[tuple[object, ...]]]:
    """Columns of each table and index. The text of the schema may differ between SQLite's versions."""
    made = {}
    for kind, name in db.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall():
        what = (
            "name FROM pragma_index_info(?)"
            if kind == "index"
            else 'name, type, "notnull", pk FROM pragma_table_info(?)'
        )
        made[kind, name] = db.execute(f"SELECT {what}", (name,)).fetchall()
    return made


def text_problems(db: sqlite3.Connection) -> list[str]:
    """Tables with text that is not valid UTF-8: SQLite's own checks do not read it."""
    found = []
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        texts = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[2] == "TEXT"]
        try:
            for _ in db.execute(f"SELECT {', '.join(texts) or 'NULL'} FROM {table}") if texts else ():
                pass
        except sqlite3.OperationalError as error:
            if "UTF-8" not in str(error):
                raise
            found.append(f"the table {table} holds text that is not valid UTF-8")
    return found


def storage_format(db: sqlite3.Connection) -> StorageFormat:
    return StorageFormat(*(db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("user_version", "journal_mode")))


def row_counts(db: sqlite3.Connection) -> Counts:
    counted = [
        db.execute(sql).fetchone()[0]
        for sql in (
            "SELECT count(*) FROM message WHERE billed",
            "SELECT count(*) FROM session WHERE id <> 0",
            "SELECT count(*) FROM file",
            "SELECT count(*) FROM file WHERE gone",
            "SELECT min(at) FROM message",
            "SELECT max(at) FROM message",
        )
    ]
    return Counts(*counted)


def logins(db: sqlite3.Connection) -> dict[str, Login]:
    """The newest login of each config folder."""
    rows = db.execute(
        "SELECT name.text, account.uuid, organization, first_seen, max(last_seen) FROM login"
        " JOIN name ON name.id = folder JOIN account ON account.id = account GROUP BY folder"
    )
    return {folder: Login(*rest) for folder, *rest in rows}


# -- what refers to what -------------------------------------------------------------------------------------------

_REFERENCES = (
    ("answer", "session", "session"),
    ("answer", "account", "account"),
    ("answer", "pull", "pull"),
    ("answer", "origin", "origin"),
    ("answer", "way", "way"),
    ("answer", "own_way", "way"),
    *(("origin", column, "name") for column in COLUMNS),
)


def lost_references(db: sqlite3.Connection) -> int:
    """Number of references from messages to missing rows."""
    return sum(
        int(db.execute(f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM {to})").fetchone()[0])
        for table, column, to in _REFERENCES
    )


def forget_lost_references(db: sqlite3.Connection) -> None:
    """Make them refer to unknown, inside a transaction of the caller's; rebuild the rollups after it."""
    db.execute(f"INSERT OR IGNORE INTO origin ({', '.join(COLUMNS)}) VALUES ({', '.join('0' * len(COLUMNS))})")
    unknown = " AND ".join(f"{column} = 0" for column in COLUMNS)
    for table, column, to in _REFERENCES:
        value = f"(SELECT id FROM origin WHERE {unknown})" if to == "origin" else "0"
        # or ignore: two origins that differ in what is lost alone; theirs are then the messages' that still lead there
        db.execute(f"UPDATE OR IGNORE {table} SET {column} = {value} WHERE {column} NOT IN (SELECT id FROM {to})")


# -- the totals --------------------------------------------------------------------------------------------------


def _floor_division(value: str, size: int) -> str:
    """Division as Python's //: SQLite's rounds towards 0, and times before 1970 are negative."""
    return f"(({value} - (({value} % {size}) + {size}) % {size}) / {size})"


_MEASURES = (
    "messages", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches",
    "logged_messages", "logged_cost", "unfinished", "missing_output",
)  # fmt: skip
_TABLES = {
    "rollup": (
        "bucket, session, model, tariff, place, branch, account, pull, by_branch, way, side",
        f"SELECT coalesce({_floor_division('at', QUARTER_MS)}, {UNKNOWN_BUCKET}), session, model,"
        " tariff(speeds.text, geos.text, input + cache_write_5m + cache_write_1h + cache_read),"
        f" cwd, branch, account, pull, by_branch, way, flags & {SIDECHAIN} <> 0, count(*),"
        f" {', '.join(f'sum({measure})' for measure in _MEASURES[1:7])},"
        " count(logged_cost), coalesce(sum(logged_cost), 0), sum(unfinished), sum(missing_output)"
        " FROM message JOIN name AS speeds ON speeds.id = speed JOIN name AS geos ON geos.id = geo"
        " WHERE billed GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11",
    ),
    "hour": (
        "hour, model, tariff",
        f"SELECT {_floor_division('bucket', 4)}, model, tariff, {', '.join(f'sum({measure})' for measure in _MEASURES)}"
        " FROM rollup GROUP BY 1, 2, 3",
    ),
}


def rollup_differences(db: sqlite3.Connection) -> int:
    """Number of rows of the rollups that are missing, superfluous or wrong; 0 is right.

    `rollup` is compared with `message`, and `hour` with `rollup`. Totals that are still to be derived count as right.
    """
    if totals.are_due(db):  # a first reading was cut off: the next pass derives them
        return 0
    _add_tariff_function(db)
    differences = 0
    for table, (key, again) in _TABLES.items():
        columns = f"{key}, {', '.join(_MEASURES)}"
        found = db.execute(
            f"WITH again ({columns}) AS MATERIALIZED ({again}) SELECT count(*) FROM ("
            f"SELECT {key} FROM (SELECT {columns} FROM again EXCEPT SELECT {columns} FROM {table})"
            f" UNION SELECT {key} FROM (SELECT {columns} FROM {table} EXCEPT SELECT {columns} FROM again))"
        )
        differences += int(found.fetchone()[0])
    return differences


def _add_tariff_function(db: sqlite3.Connection) -> None:
    from tachograph.model.usage.prices import tariff  # the same function as the writer's: two could differ

    db.create_function("tariff", 3, tariff, deterministic=True)
