"""Facts of machines: the newest version of one fact of one machine each, under a number that counts a member's changes."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tachograph.hub.store.database import Database, chunks, insert_rows, marks, one
from tachograph.hub.store.rows import Machine
from tachograph.hub.wire import SharedFact

_PAGE_BYTES = 8 << 20  # of parcels in one answer
_UPSERT = (
    "ON CONFLICT (member, machine, kind, key) DO UPDATE SET ledger = excluded.ledger, revision = excluded.revision,"
    " body = excluded.body, sealed = excluded.sealed, seq = excluded.seq, parcel = excluded.parcel, place = excluded.place"
)


class Change(NamedTuple):
    """A fact that differs from the stored one, with its place in the parcel and its body as it is stored.

    `before`: the parcel that seals the rest of the stored one; 0 for none.
    """

    place: int
    fact: SharedFact
    body: str | None
    before: int = 0


class Page(NamedTuple):
    """Facts of other machines as (seq, machine, fact), and for each its parcel (0: none) and its place in that.

    `sealed`: what the parcels seal, by their ids. `is_cut`: there are more facts.
    """

    rows: list[tuple[int, str, SharedFact]]
    places: list[tuple[int, int]]
    sealed: dict[int, bytes]
    is_cut: bool


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
                sql = f"SELECT key, ledger, revision, body, sealed, parcel FROM fact WHERE member = ? AND machine = ? AND kind = ? AND key IN ({marks(len(keys))})"
                known.update((row[0], row) for row in self.db.all(sql, (machine.member, machine.id, kind, *keys)))
            for place, fact in of_kind:
                _, key, revision, content, sealed = fact
                old = known.get(key)
                if old is not None and old[1] == ledger and revision <= old[2]:
                    continue
                body = None if content is None else _encode(content)
                if old is None or old[3] != body or old[4] != sealed:
                    before = 0 if old is None else old[5]
                    known[key] = (key, ledger, revision, body, sealed, before)
                    found.append(Change(place, fact, body, before))
        return sorted(found)

    def write(self, machine: Machine, ledger: str, changes: Iterable[Change], seq: int, sealed: bytes = b"") -> int:
        """Store changed facts under numbers after `seq`, and the parcel that seals their rest; returns the last number."""
        newest = {(change.fact.kind, change.fact.key): change for change in changes}
        parcel = seq + 1 if sealed else 0
        rows = [
            (
                *(machine.member, machine.id, *name, ledger, fact.revision, body, fact.sealed, number),
                *(parcel, place if sealed else 0),
            )
            for number, (name, (place, fact, body, _)) in enumerate(newest.items(), seq + 1)
        ]
        insert_rows(self.db, "fact", rows, _UPSERT)
        if rows:
            if sealed:
                insert_rows(self.db, "parcel", [(machine.member, parcel, machine.id, len(rows), sealed)])
            self._release(machine.member, Counter(change.before for change in newest.values()))
            self.db.run("UPDATE member SET seq = ? WHERE id = ?", (seq + len(rows), machine.member))
        return seq + len(rows)

    def _release(self, member: int, replaced: Mapping[int, int]) -> None:
        """Count facts out of the parcels that had their earlier versions; delete parcels without any."""
        parcels = sorted(replaced.keys() - {0})
        for parcel in parcels:
            sql = "UPDATE parcel SET live = live - ? WHERE member = ? AND id = ?"
            self.db.run(sql, (replaced[parcel], member, parcel))
        for part in chunks(parcels):
            self.db.run(
                f"DELETE FROM parcel WHERE member = ? AND id IN ({marks(len(part))}) AND live <= 0", (member, *part)
            )

    def after(self, machine: Machine, seq: int, most: int) -> Page:
        """Facts of the member's other machines after a number, up to `most` and a few megabytes of parcels."""
        found = self.db.all(
            "SELECT seq, machine, kind, key, revision, body, sealed, parcel, place FROM fact"
            " WHERE member = ? AND seq > ? AND machine <> ? ORDER BY seq LIMIT ?",
            (machine.member, seq, machine.id, most),
        )
        rows, places, parcels, room = list[tuple[int, str, SharedFact]](), list[tuple[int, int]](), {0}, _PAGE_BYTES
        sizes = self._parcel_sizes(machine.member, {row[7] for row in found} - {0})
        for number, origin, kind, key, revision, body, sealed, parcel, place in found:
            if parcel not in parcels:
                room -= sizes[parcel]
                if room < 0 and rows:
                    break
                parcels.add(parcel)
            fact = SharedFact(kind, key, revision, None if body is None else json.loads(body), sealed)
            rows.append((number, origin, fact))
            places.append((parcel, place))
        data = dict[int, bytes]()
        for part in chunks(sorted(parcels - {0})):
            sql = f"SELECT id, data FROM parcel WHERE member = ? AND id IN ({marks(len(part))})"
            data.update((id, bytes(content)) for id, content in self.db.all(sql, (machine.member, *part)))
        return Page(rows, places, data, len(rows) < len(found) or len(found) >= most)

    def _parcel_sizes(self, member: int, parcels: Iterable[int]) -> dict[int, int]:
        sizes = dict[int, int]()
        for part in chunks(sorted(parcels)):
            sql = f"SELECT id, length(data) FROM parcel WHERE member = ? AND id IN ({marks(len(part))})"
            sizes.update(self.db.all(sql, (member, *part)))
        return sizes

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
        for table in ("fact", "parcel"):
            if machine is None:
                self.db.run(f"DELETE FROM {table} WHERE member = ?", (member,))
            else:
                self.db.run(f"DELETE FROM {table} WHERE member = ? AND machine = ?", (member, machine))


_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _encode(body: Any) -> str:
    text = _encode_json(body)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, from a folder name that is no UTF-8
        return json.dumps(body, separators=(",", ":"))
    return text
