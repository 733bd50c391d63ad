"""The hub's own database: members, their machines, invitations, and the facts that machines sent. One SQLite file.

A row of `fact` is the newest version of one fact of one machine. `seq` counts the changes of one member; other machines of
that member ask for what came after it. Tokens and codes are stored as digests. Times are epoch milliseconds.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tachograph.errors import LedgerError
from tachograph.hub.wire import SharedFact

SCHEMA = 1
APPLICATION_ID = 0x7AC0_4B01  # marks a SQLite file as a hub of ours
_TABLES = """
CREATE TABLE hub (id TEXT NOT NULL, salt TEXT NOT NULL, made_at INTEGER NOT NULL);
CREATE TABLE member (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, joined_at INTEGER NOT NULL,
    key_check TEXT NOT NULL DEFAULT '', seq INTEGER NOT NULL DEFAULT 0, erased_at INTEGER
);
CREATE TABLE machine (
    id TEXT PRIMARY KEY, member INTEGER NOT NULL, name TEXT NOT NULL, token BLOB NOT NULL,
    share TEXT NOT NULL, ledger TEXT NOT NULL DEFAULT '', version TEXT NOT NULL DEFAULT '',
    joined_at INTEGER NOT NULL, seen_at INTEGER NOT NULL DEFAULT 0, skew_ms INTEGER NOT NULL DEFAULT 0,
    revoked_at INTEGER
);
CREATE TABLE retired (machine TEXT NOT NULL, ledger TEXT NOT NULL, PRIMARY KEY (machine, ledger)) WITHOUT ROWID;
CREATE TABLE invite (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
    made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER
);
CREATE TABLE attempt (invite TEXT NOT NULL, address TEXT NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (invite, address, hour)) WITHOUT ROWID;
CREATE TABLE fact (
    member INTEGER NOT NULL, machine TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    ledger TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT, sealed TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (member, machine, kind, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX fact_seq ON fact (member, seq);
CREATE TABLE audit (member INTEGER, at INTEGER NOT NULL, action TEXT NOT NULL, details TEXT NOT NULL);
"""


class Machine(NamedTuple):
    """A machine of a member. `skew_ms`: how far its clock is behind the hub's; `ledger`: the one that it sends now."""

    id: str
    member: int
    name: str
    share: str
    ledger: str
    version: str
    joined_at: int
    seen_at: int
    skew_ms: int
    revoked_at: int | None


class Member(NamedTuple):
    id: int
    name: str
    role: str
    joined_at: int
    key_check: str
    seq: int
    erased_at: int | None


class Invite(NamedTuple):
    id: str
    digest: bytes
    name: str
    role: str
    expires_at: int
    used_at: int | None


_MACHINE = ", ".join(Machine._fields)
_MEMBER = ", ".join(Member._fields)


class HubStore:
    """An open hub database; used by one thread at a time. Raises LedgerError if it can't be opened or written."""

    def __init__(self, path: str, now_ms: int) -> None:
        self.path = path
        with self._errors():
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self.db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = NORMAL")
            version = self.db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._make(now_ms)
            elif self.db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise LedgerError(f"{path} is not the database of a hub.", "Name another file with --db.")
            elif version > SCHEMA:
                raise LedgerError(f"A newer version of Tachograph wrote {path}.", "Update Tachograph.")
        self.id = str(self.db.execute("SELECT id FROM hub").fetchone()[0])

    def _make(self, now_ms: int) -> None:
        with self.transaction():
            if self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise LedgerError(f"{self.path} is not the database of a hub.", "Name another file with --db.")
            for statement in _TABLES.split(";"):
                if statement.strip():
                    self.db.execute(statement)
            self.db.execute("INSERT INTO hub VALUES (?, ?, ?)", (secrets.token_hex(8), secrets.token_hex(16), now_ms))
            self.db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.db.execute(f"PRAGMA user_version = {SCHEMA}")

    def close(self) -> None:
        self.db.close()

    def back_up(self, path: str) -> None:
        """Copy the database into a new file, readable by this user alone. Raises LedgerError."""
        with self._errors():
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            copy = sqlite3.connect(path)
            try:
                self.db.backup(copy)
            finally:
                copy.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"The hub's database {self.path} can't be used: {error}.",
                "Check the folder and the disk, then start it again.",
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Raises LedgerError."""
        with self._errors():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    # -- members and machines

    def members(self) -> list[Member]:
        return [Member._make(row) for row in self.db.execute(f"SELECT {_MEMBER} FROM member ORDER BY id")]

    def member(self, id: int) -> Member:
        return Member._make(self.db.execute(f"SELECT {_MEMBER} FROM member WHERE id = ?", (id,)).fetchone())

    def machines(self, member: int | None = None) -> list[Machine]:
        """Machines of a member, or all; revoked ones too."""
        sql = f"SELECT {_MACHINE} FROM machine WHERE ?1 IS NULL OR member = ?1 ORDER BY joined_at, id"
        return [Machine._make(row) for row in self.db.execute(sql, (member,))]

    def machine_of_token(self, digest: bytes) -> Machine | None:
        """The machine with this token; revoked ones have none."""
        row = self.db.execute(
            f"SELECT {_MACHINE} FROM machine WHERE token = ? AND revoked_at IS NULL", (digest,)
        ).fetchone()
        return None if row is None else Machine._make(row)

    def active_machine(self, id: str) -> Machine | None:
        """A machine by its id; None once it is revoked."""
        row = self.db.execute(f"SELECT {_MACHINE} FROM machine WHERE id = ? AND revoked_at IS NULL", (id,)).fetchone()
        return None if row is None else Machine._make(row)

    def set_share(self, machine: str, share: str) -> None:
        self.db.execute("UPDATE machine SET share = ? WHERE id = ?", (share, machine))

    def revoke(self, machine: str, now_ms: int) -> None:
        self.db.execute("UPDATE machine SET revoked_at = ?, token = randomblob(32) WHERE id = ?", (now_ms, machine))
        self.note(None, now_ms, "revoke", machine)

    def add_machine(self, member: int, name: str, token: bytes, share: str, now_ms: int) -> str:
        id = secrets.token_hex(6)
        names = {one.name for one in self.machines(member)}
        chosen, number = name, 2
        while chosen in names:
            chosen, number = f"{name}-{number}", number + 1
        self.db.execute(
            "INSERT INTO machine (id, member, name, token, share, joined_at) VALUES (?, ?, ?, ?, ?, ?)",
            (id, member, chosen, token, share, now_ms),
        )
        return id

    def add_member(self, name: str, role: str, now_ms: int) -> int:
        sql = "INSERT INTO member (name, role, joined_at) VALUES (?, ?, ?) RETURNING id"
        return int(self.db.execute(sql, (name, role, now_ms)).fetchone()[0])

    def set_key_check(self, member: int, check: str) -> None:
        self.db.execute("UPDATE member SET key_check = ? WHERE id = ?", (check, member))

    def note_contact(self, machine: str, now_ms: int, skew_ms: int | None, version: str) -> None:
        """Note that a machine was here, and how far its clock is off (None: unknown)."""
        self.db.execute(
            "UPDATE machine SET seen_at = ?, skew_ms = coalesce(?, skew_ms), version = ? WHERE id = ?",
            (now_ms, skew_ms, version[:40], machine),
        )

    # -- invitations

    def add_invite(self, invite: Invite, now_ms: int) -> None:
        self.db.execute(
            "INSERT INTO invite (id, digest, name, role, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
            (invite.id, invite.digest, invite.name, invite.role, now_ms, invite.expires_at),
        )

    def invite(self, id: str) -> Invite | None:
        sql = "SELECT id, digest, name, role, expires_at, used_at FROM invite WHERE id = ?"
        row = self.db.execute(sql, (id,)).fetchone()
        return None if row is None else Invite._make(row)

    def use_invite(self, id: str, now_ms: int) -> None:
        self.db.execute("UPDATE invite SET used_at = ? WHERE id = ?", (now_ms, id))

    def attempts(self, invite: str, address: str, hour: int) -> tuple[int, int]:
        """Wrong tries of an address in an hour: of one invitation, and of all."""
        one = self.db.execute(
            "SELECT count FROM attempt WHERE invite = ? AND address = ? AND hour = ?", (invite, address, hour)
        ).fetchone()
        every = self.db.execute("SELECT sum(count) FROM attempt WHERE address = ? AND hour = ?", (address, hour))
        return (0 if one is None else int(one[0])), int(every.fetchone()[0] or 0)

    def note_attempt(self, invite: str, address: str, hour: int) -> None:
        self.db.execute("DELETE FROM attempt WHERE hour < ?", (hour - 1,))
        self.db.execute(
            "INSERT INTO attempt VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            (invite, address, hour),
        )

    # -- facts

    def is_retired(self, machine: str, ledger: str) -> bool:
        """True for a ledger that this machine has replaced by another one since."""
        sql = "SELECT 1 FROM retired WHERE machine = ? AND ledger = ?"
        return self.db.execute(sql, (machine, ledger)).fetchone() is not None

    def switch_ledger(self, machine: Machine, ledger: str) -> None:
        if machine.ledger:
            self.db.execute("INSERT OR IGNORE INTO retired VALUES (?, ?)", (machine.id, machine.ledger))
        self.db.execute("UPDATE machine SET ledger = ? WHERE id = ?", (ledger, machine.id))

    def put(self, machine: Machine, ledger: str, facts: Iterable[SharedFact]) -> tuple[int, int]:
        """Store facts of a machine, inside a transaction. Returns the number that changed something, and the member's
        newest `seq`."""
        seq = before = int(self.db.execute("SELECT seq FROM member WHERE id = ?", (machine.member,)).fetchone()[0])
        for fact in facts:
            body = None if fact.body is None else json.dumps(fact.body, ensure_ascii=False, separators=(",", ":"))
            done = self.db.execute(
                "INSERT INTO fact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET ledger = ?5,"
                " revision = ?6, body = ?7, sealed = ?8, seq = ?9 WHERE (ledger <> ?5 OR revision < ?6)"
                " AND (body IS NOT ?7 OR sealed <> ?8)",
                (machine.member, machine.id, fact.kind, fact.key, ledger, fact.revision, body, fact.sealed, seq + 1),
            )
            seq += done.rowcount > 0
        if seq != before:
            self.db.execute("UPDATE member SET seq = ? WHERE id = ?", (seq, machine.member))
        return seq - before, seq

    def after(self, machine: Machine, seq: int, most: int) -> list[tuple[int, str, SharedFact]]:
        """Facts of the member's other machines after a number: (seq, machine, fact)."""
        rows = self.db.execute(
            "SELECT seq, machine, kind, key, revision, body, sealed FROM fact WHERE member = ? AND seq > ? AND machine <> ?"
            " ORDER BY seq LIMIT ?",
            (machine.member, seq, machine.id, most),
        )
        return [
            (row[0], row[1], SharedFact(row[2], row[3], row[4], None if row[5] is None else json.loads(row[5]), row[6]))
            for row in rows
        ]

    def counts(self, member: int) -> dict[str, int]:
        """Number of stored facts of a member by kind."""
        return dict(
            self.db.execute("SELECT kind, count(*) FROM fact WHERE member = ? GROUP BY kind", (member,)).fetchall()
        )

    def holds_clear_text(self, member: int) -> bool:
        """True if facts are stored that the hub can read in full (level `mine`)."""
        sql = "SELECT 1 FROM fact WHERE member = ? AND sealed = '' LIMIT 1"
        return self.db.execute(sql, (member,)).fetchone() is not None

    def erase_machine(self, machine: Machine, now_ms: int) -> None:
        """Delete the facts of one machine, so that they can be sent again at another level."""
        self.db.execute("DELETE FROM fact WHERE member = ? AND machine = ?", (machine.member, machine.id))
        self.note(machine.member, now_ms, "erase machine", machine.id)

    def erase_member(self, member: int, now_ms: int) -> None:
        """Delete all facts of a member, and refuse its machines from now on."""
        self.db.execute("DELETE FROM fact WHERE member = ?", (member,))
        self.db.execute("UPDATE member SET erased_at = ? WHERE id = ?", (now_ms, member))
        self.note(member, now_ms, "erase", "")

    def note(self, member: int | None, now_ms: int, action: str, details: str) -> None:
        self.db.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (member, now_ms, action, details))
