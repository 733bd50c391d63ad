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


class Change(NamedTuple):
    """A fact that differs from the stored one, with its place in the parcel and its body as it is stored."""

    place: int
    fact: SharedFact
    body: str | None


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

    def changes(self, machine: Machine, ledger: str, facts: Iterable[tuple[int, SharedFact]]) -> list[Change]:
        """The facts of a parcel, each with its place in it, that are not stored yet; none for a replay."""
        by_kind: dict[str, list[tuple[int, SharedFact]]] = {}
        for place, fact in facts:
            by_kind.setdefault(fact.kind, []).append((place, fact))
        found = []
        for kind, of_kind in sorted(by_kind.items()):  # the primary key leads with the kind
            known: dict[str, tuple[Any, ...]] = {}
            for keys in chunks(sorted({fact.key for _, fact in of_kind})):
                sql = f"SELECT key, ledger, revision, body, sealed FROM fact WHERE member = ? AND machine = ? AND kind = ? AND key IN ({marks(len(keys))})"
                known.update((row[0], row) for row in self.db.all(sql, (machine.member, machine.id, kind, *keys)))
            for place, fact in of_kind:
                _, key, revision, content, sealed = fact
                old = known.get(key)
                if old is not None and old[1] == ledger and revision <= old[2]:
                    continue
                body = None if content is None else _encode(content)
                if old is None or old[3] != body or old[4] != sealed:
                    known[key] = (key, ledger, revision, body, sealed)
                    found.append(Change(place, fact, body))
        return sorted(found)

    def write(self, machine: Machine, ledger: str, changes: Iterable[Change], seq: int) -> int:
        """Store changed facts under numbers after `seq`; returns the last number."""
        newest = {(change.fact.kind, change.fact.key): change for change in changes}
        rows = [
            (machine.member, machine.id, *name, ledger, fact.revision, body, fact.sealed, number)
            for number, (name, (_, fact, body)) in enumerate(newest.items(), seq + 1)
        ]
        insert_rows(self.db, "fact", rows, _UPSERT)
        if rows:
            self.db.run("UPDATE member SET seq = ? WHERE id = ?", (seq + len(rows), machine.member))
        return seq + len(rows)

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


_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _encode(body: Any) -> str:
    text = _encode_json(body)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, from a folder name that is no UTF-8
        return json.dumps(body, separators=(",", ":"))
    return text
