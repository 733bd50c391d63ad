"""Facts of machines: the newest version of one fact of one machine each, under a number that counts a member's changes."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from tachograph.hub.store.database import Database, chunks, insert_rows, marks, one
from tachograph.hub.store.rows import Machine
from tachograph.hub.wire import SharedFact

_UPSERT = (
    "ON CONFLICT (member, machine, kind, key) DO UPDATE SET ledger = excluded.ledger, revision = excluded.revision,"
    " body = excluded.body, sealed = excluded.sealed, seq = excluded.seq"
)


class Stored(NamedTuple):
    """Outcome of storing facts: those that changed something, and the member's newest `seq`."""

    changed: list[SharedFact]
    seq: int


class FactStore:
    """Facts on one database, written inside a transaction of the caller's. Raises LedgerError."""

    def __init__(self, database: Database) -> None:
        self.db = database

    def is_retired(self, machine: str, ledger: str) -> bool:
        """True for a ledger that this machine has replaced by another one since."""
        return bool(self.db.all("SELECT 1 FROM retired WHERE machine = ? AND ledger = ?", (machine, ledger)))

    def switch_ledger(self, machine: Machine, ledger: str) -> None:
        if machine.ledger:
            sql = "INSERT INTO retired (machine, ledger) VALUES (?, ?) ON CONFLICT (machine, ledger) DO NOTHING"
            self.db.run(sql, (machine.id, machine.ledger))
        self.db.run("UPDATE machine SET ledger = ? WHERE id = ?", (ledger, machine.id))

    def lock_member(self, member: int) -> int:
        """Let pushes of one member happen one after another; returns the member's `seq`."""
        return int(one(self.db, f"SELECT seq FROM member WHERE id = ?{self.db.lock}", (member,))[0])

    def put(self, machine: Machine, ledger: str, facts: Iterable[SharedFact]) -> Stored:
        """Store facts of a machine. A replay writes nothing."""
        before = seq = self.lock_member(machine.member)
        wanted = list(facts)
        known: dict[tuple[str, str], tuple[str, int, str | None, str]] = {}
        for kind in sorted({fact.kind for fact in wanted}):  # the primary key leads with the kind
            for keys in chunks(sorted({fact.key for fact in wanted if fact.kind == kind})):
                sql = f"SELECT key, ledger, revision, body, sealed FROM fact WHERE member = ? AND machine = ? AND kind = ? AND key IN ({marks(len(keys))})"
                for key, *rest in self.db.all(sql, (machine.member, machine.id, kind, *keys)):
                    known[kind, key] = (rest[0], int(rest[1]), rest[2], rest[3])
        rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        changed: dict[tuple[str, str], SharedFact] = {}
        for fact in wanted:
            name = (fact.kind, fact.key)
            body = None if fact.body is None else _encode(fact.body)
            old = known.get(name)
            if old is not None:
                is_newer = old[0] != ledger or old[1] < fact.revision
                if not is_newer or (old[2] == body and old[3] == fact.sealed):
                    continue
            known[name] = (ledger, fact.revision, body, fact.sealed)
            seq += 1
            rows[name] = (machine.member, machine.id, *name, ledger, fact.revision, body, fact.sealed, seq)
            changed[name] = fact
        insert_rows(self.db, "fact", list(rows.values()), _UPSERT)
        if seq != before:
            self.db.run("UPDATE member SET seq = ? WHERE id = ?", (seq, machine.member))
        return Stored(list(changed.values()), seq)

    def after(self, machine: Machine, seq: int, most: int) -> list[tuple[int, str, SharedFact]]:
        """Facts of the member's other machines after a number: (seq, machine, fact)."""
        rows = self.db.all(
            "SELECT seq, machine, kind, key, revision, body, sealed FROM fact WHERE member = ? AND seq > ? AND machine <> ?"
            " ORDER BY seq LIMIT ?",
            (machine.member, seq, machine.id, most),
        )
        return [
            (row[0], row[1], SharedFact(row[2], row[3], row[4], None if row[5] is None else json.loads(row[5]), row[6]))
            for row in rows
        ]

    def bodies(self, member: int, kinds: Iterable[str]) -> Iterable[tuple[str, SharedFact]]:
        """Every readable fact of a member: machine and fact, in the order in which they changed."""
        kinds, seq = tuple(kinds), -1
        while True:
            rows = self.db.all(
                "SELECT seq, machine, kind, key, revision, body FROM fact WHERE member = ? AND seq > ? AND body IS NOT NULL"
                f" AND kind IN ({marks(len(kinds))}) ORDER BY seq LIMIT 2000",
                (member, seq, *kinds),
            )
            for row in rows:
                yield row[1], SharedFact(row[2], row[3], row[4], json.loads(row[5]), "")
            if not rows:
                return
            seq = rows[-1][0]

    def counts(self, member: int) -> dict[str, int]:
        """Number of stored facts of a member by kind."""
        return {
            kind: int(count)
            for kind, count in self.db.all("SELECT kind, count(*) FROM fact WHERE member = ? GROUP BY kind", (member,))
        }

    def holds_clear_text(self, member: int) -> bool:
        """True if facts are stored that the hub can read in full (level `mine`)."""
        return bool(self.db.all("SELECT 1 FROM fact WHERE member = ? AND sealed = '' LIMIT 1", (member,)))

    def erase_facts(self, member: int, machine: str | None = None) -> None:
        """Delete the facts of a member, or of one machine, so that they can be sent again at another level."""
        if machine is None:
            self.db.run("DELETE FROM fact WHERE member = ?", (member,))
        else:
            self.db.run("DELETE FROM fact WHERE member = ? AND machine = ?", (member, machine))


def _encode(body: Any) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, from a folder name that is no UTF-8
        return json.dumps(body, separators=(",", ":"))
    return text
