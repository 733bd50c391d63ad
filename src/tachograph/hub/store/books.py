"""Days of Anthropic's reports in the hub's database: sums only, never an e-mail address or the row of an unnamed person.

`book_sum` holds, for a day and a model, the use of each named member, and under member 0 the sums over enough others
(model -1: several together). A day is stored once and never changed, so that no two answers differ by one person.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import NamedTuple

from tachograph.hub.policy.atoms import Sums
from tachograph.hub.store.database import insert_rows, one
from tachograph.hub.store.hub_store import HubStore

REST = 0  # in the place of a member
_NEXT, _READ_AT, _PROBLEM = "books_next", "books_read_at", "books_problem"


class BookDay(NamedTuple):
    """A day that was read. `people`: in its sums; `left_out`: persons and keys in none. `billed` in nanodollars, None: unknown."""

    day: int
    read_at: int
    people: int
    left_out: int
    refused: int
    billed: int | None


class BookSum(NamedTuple):
    """`member` REST for several others; `model` a number of `word`, or `atoms.OTHERS`. `sums.unpriced`: rows without a cost."""

    day: int
    member: int
    model: int
    people: int
    sums: Sums


class BookStore:
    """Raises LedgerError."""

    def __init__(self, store: HubStore) -> None:
        self._store, self._db = store, store.db

    def put(self, day: BookDay, sums: Sequence[BookSum], models: Sequence[str]) -> None:
        """Store a day, once. Inside a transaction of the caller's."""
        if one(self._db, "SELECT 1 FROM book_day WHERE day = ?", (day.day,)) is not None:
            return
        self._store.messages.words.store(("model", model) for model in models)
        insert_rows(self._db, "book_day", [day])
        rows = [(row.day, row.member, row.model, row.people, *row.sums[1:]) for row in sums]
        insert_rows(self._db, "book_sum", rows)

    def set_billed(self, day: int, billed: int) -> None:
        self._db.run("UPDATE book_day SET billed = ? WHERE day = ? AND billed IS NULL", (billed, day))

    def days(self, first: int, last: int) -> list[BookDay]:
        sql = f"SELECT {', '.join(BookDay._fields)} FROM book_day WHERE day >= ? AND day <= ? ORDER BY day"
        return [BookDay._make(row) for row in self._db.all(sql, (first, last))]

    def is_empty(self) -> bool:
        """True if no day was ever read."""
        return one(self._db, "SELECT 1 FROM book_day LIMIT 1") is None

    def sums(self, first: int, last: int) -> list[BookSum]:
        sql = (
            "SELECT day, member, model, people, tokens, cost, unpriced FROM book_sum WHERE day >= ? AND day <= ?"
            " ORDER BY day, member, model"
        )
        return [
            BookSum(row[0], row[1], row[2], row[3], Sums(0, *map(int, row[4:])))
            for row in self._db.all(sql, (first, last))
        ]

    # -- e-mail addresses, as marks that can be compared and not read

    def mark(self, address: str) -> str:
        return hmac.new(self._store.salt.encode(), address.strip().lower().encode(), hashlib.sha256).hexdigest()

    def set_email(self, member: int, address: str | None) -> None:
        """Note the address of a member; None removes it. Inside a transaction of the caller's."""
        self._db.run("DELETE FROM book_email WHERE member = ?", (member,))
        if address is not None:
            self._db.run("INSERT INTO book_email (member, mark) VALUES (?, ?)", (member, self.mark(address)))

    def emails(self) -> dict[str, int]:
        """Members by the mark of their address. An address of two members names neither."""
        found: dict[str, list[int]] = {}
        for member, mark in self._db.all("SELECT member, mark FROM book_email"):
            found.setdefault(mark, []).append(member)
        return {mark: members[0] for mark, members in found.items() if len(members) == 1}

    # -- the state of asking, shared by all hubs on one database

    def claim(self, now_ms: int, until_ms: int) -> bool:
        """True for the one who may ask now; the others wait until `until_ms`."""
        self._db.run("INSERT INTO setting (name, value, at) VALUES (?, '', 0) ON CONFLICT (name) DO NOTHING", (_NEXT,))
        sql = "UPDATE setting SET at = ? WHERE name = ? AND at <= ?"
        return self._db.run(sql, (until_ms, _NEXT, now_ms)) == 1

    def wait(self, until_ms: int) -> None:
        self._db.run("UPDATE setting SET at = ? WHERE name = ?", (until_ms, _NEXT))

    def note(self, now_ms: int, problem: str) -> None:
        """Note when the reports were read, or the problem. A problem leaves the time of the last success."""
        with self._store.transaction():
            self._store.set_setting(_PROBLEM, problem, now_ms)
            if not problem:
                self._store.set_setting(_READ_AT, str(now_ms), now_ms)

    def state(self) -> tuple[int | None, str]:
        """Time of the last complete reading (None: never), and the present problem ("": no problem)."""
        read_at = self._store.setting(_READ_AT)
        return (int(read_at) if read_at.isdecimal() else None), self._store.setting(_PROBLEM)
