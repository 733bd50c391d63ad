"""Messages of members and the totals over them, kept in one transaction.

A message is one row for each member, however many machines sent it. Totals by quarter hour and by day (UTC) change by the
difference between the old row and the new one, so a replay changes nothing. `counted` is 0 for a message that another
member claims as well: it belongs to the person's own numbers, and is left out of the team's.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from tachograph.hub.readable import TELEMETRY, TRANSCRIPT, TeamMessage, merge
from tachograph.hub.store.database import Database, chunks, insert_rows, marks
from tachograph.hub.store.schema import GROUP, MEASURES
from tachograph.hub.store.weeks import add_to_weeks, monday, rebuild_weeks

QUARTER_MS, DAY_MS = 900_000, 86_400_000
NO_QUARTER, NO_DAY = -1_000_000_000, -1_000_000_000 // 96  # of messages without a time
_COLUMNS = ("member", "identity", "at", "chosen_at", "request", *GROUP, *MEASURES)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM message"
_UPSERT = "ON CONFLICT (member, identity) DO UPDATE SET " + ", ".join(f"{one} = excluded.{one}" for one in _COLUMNS[2:])


class MessageRow(NamedTuple):
    """A row of `message`: its texts as numbers of `word`."""

    member: int
    identity: int
    at: int | None
    chosen_at: int | None
    request: int
    model: int
    tariff: int
    project: int
    pull_request: int
    account: int
    counted: int
    source: int
    measures: tuple[int, ...]

    @property
    def group(self) -> tuple[int, ...]:
        return self[5:12]

    @property
    def quarter(self) -> int:
        return NO_QUARTER if self.at is None else self.at // QUARTER_MS

    @property
    def day(self) -> int:
        return NO_DAY if self.at is None else self.at // DAY_MS


def row_of(values: Sequence[Any]) -> MessageRow:
    return MessageRow._make((*values[:12], tuple(map(int, values[12:]))))


class Words:
    """Texts by number: a hash of kind and text, so that no sequence is needed. 0 is no text."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @staticmethod
    @lru_cache(4_096)
    def number(kind: str, text: str) -> int:
        if not text:
            return 0
        data = f"{kind}\0{text}".encode("utf-8", "replace")
        return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> 1 or 1

    def store(self, texts: Iterable[tuple[str, str]]) -> None:
        """Note texts, as (kind, text)."""
        wanted = {self.number(*one): one for one in texts if one[1]}
        for part in chunks(sorted(wanted)):
            known = {row[0] for row in self._db.all(f"SELECT id FROM word WHERE id IN ({marks(len(part))})", part)}
            rows = [(id, wanted[id][0], _storable(wanted[id][1])) for id in part if id not in known]
            insert_rows(self._db, "word", rows, "ON CONFLICT (id) DO NOTHING")

    def texts(self, numbers: Iterable[int]) -> dict[int, str]:
        found = {0: ""}
        for part in chunks(sorted({number for number in numbers if number})):
            found.update(self._db.all(f"SELECT id, text FROM word WHERE id IN ({marks(len(part))})", part))
        return found


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "")


class MessageStore:
    """Messages and totals on one database, written inside a transaction in which the member's row is locked."""

    def __init__(self, database: Database) -> None:
        self._db, self.words = database, Words(database)

    def put(self, member: int, messages: Iterable[TeamMessage]) -> None:
        """Merge messages into the rows of a member and into the totals."""
        merged: dict[int, TeamMessage] = {}
        for message in messages:
            known = merged.get(message.identity)
            merged[message.identity] = message if known is None else merge(known, message)
        self._drop_telemetry(member, merged.values())
        self.words.store(
            word
            for one in merged.values()
            for word in (
                ("model", one.model), ("project", one.project), ("pull", one.pull_request), ("account", one.account),
            )
        )  # fmt: skip
        old = self._rows(member, list(merged))
        texts = self.words.texts(
            {word for row in old.values() for word in (row.model, row.project, row.pull_request, row.account)}
        )
        new = {}
        for identity, message in merged.items():
            before = old.get(identity)
            if before is not None:
                message = merge(self._message(before, texts), message)
            row = self._row(member, message, 1 if before is None else before.counted)
            if row != before:
                new[identity] = row
        self.replace(member, old, new)

    def put_telemetry(self, member: int, messages: Iterable[TeamMessage]) -> None:
        """Add requests that telemetry reported, but for those that a transcript of the member has already."""
        found = {message.request: message for message in messages}
        known = self._with_request(member, found)
        self.put(member, [message for request, message in found.items() if request not in known])

    def _with_request(self, member: int, requests: Iterable[int], source: int = TRANSCRIPT) -> dict[int, MessageRow]:
        rows: dict[int, MessageRow] = {}
        for part in chunks(sorted(set(requests) - {0})):
            sql = f"{_SELECT} WHERE member = ? AND request IN ({marks(len(part))}) AND source = ?"
            rows.update((row[4], row_of(row)) for row in self._db.all(sql, (member, *part, source)))
        return rows

    def _drop_telemetry(self, member: int, messages: Iterable[TeamMessage]) -> None:
        """Remove what telemetry reported of requests that a transcript has now."""
        requests = [message.request for message in messages if message.source == TRANSCRIPT]
        rows = {row.identity: row for row in self._with_request(member, requests, TELEMETRY).values()}
        if rows:
            self.replace(member, rows, {identity: row._replace(measures=(0,) * 9) for identity, row in rows.items()})
            for part in chunks(sorted(rows)):
                sql = f"DELETE FROM message WHERE member = ? AND identity IN ({marks(len(part))})"
                self._db.run(sql, (member, *part))

    def replace(self, member: int, old: Mapping[int, MessageRow], new: Mapping[int, MessageRow]) -> None:
        """Store new versions of rows, and move the totals by the difference."""
        insert_rows(self._db, "message", [(*row[:12], *row.measures) for row in new.values()], _UPSERT)
        changes: dict[tuple[str, int, tuple[int, ...]], list[int]] = {}
        for identity, row in new.items():
            before = old.get(identity)
            for sign, one in ((-1, before), (1, row)):
                if one is None or not one.measures[0]:
                    continue
                for table, unit in (("totals", one.quarter), ("totals_day", one.day)):
                    sums = changes.setdefault((table, unit, one.group), [0] * len(MEASURES))
                    for place, value in enumerate(one.measures):
                        sums[place] += sign * value
        self._add(member, changes)

    def _add(self, member: int, changes: Mapping[tuple[str, int, tuple[int, ...]], list[int]]) -> None:
        for table, unit_name in (("totals", "quarter"), ("totals_day", "day")):
            rows = [
                (member, unit, *group, *sums)
                for (of, unit, group), sums in sorted(changes.items())
                if of == table and any(sums)
            ]
            key = ", ".join(("member", unit_name, *GROUP))
            update = ", ".join(f"{one} = {table}.{one} + excluded.{one}" for one in MEASURES)
            insert_rows(self._db, table, rows, f"ON CONFLICT ({key}) DO UPDATE SET {update}")
            units = sorted({row[1] for row in rows})
            if any(min(row[2 + len(GROUP) :]) < 0 for row in rows):  # a message moved: its old place may be empty
                for part in chunks(units):
                    sql = (
                        f"DELETE FROM {table} WHERE member = ? AND {unit_name} IN ({marks(len(part))}) AND messages = 0"
                    )
                    self._db.run(sql, (member, *part))
            if table == "totals_day":
                add_to_weeks(self._db, member, rows)
                mark_days(self._db, [(member, day) for day in units])

    def _rows(self, member: int, identities: Sequence[int]) -> dict[int, MessageRow]:
        found: dict[int, MessageRow] = {}
        for part in chunks(sorted(identities)):
            sql = f"{_SELECT} WHERE member = ? AND identity IN ({marks(len(part))})"
            found.update((row[1], row_of(row)) for row in self._db.all(sql, (member, *part)))
        return found

    def _message(self, row: MessageRow, texts: Mapping[int, str]) -> TeamMessage:
        return TeamMessage(
            row.identity, row.at, row.chosen_at, row.request, texts.get(row.model, ""), row.tariff,
            texts.get(row.project, ""), texts.get(row.pull_request, ""), texts.get(row.account, ""), row.measures[1:7],
            row.measures[8] if row.measures[7] else -1, bool(row.measures[0]), row.source,
        )  # fmt: skip

    def _row(self, member: int, one: TeamMessage, counted: int) -> MessageRow:
        number = self.words.number
        measures = one.measures if one.is_billed else (0, *one.counts, int(one.logged >= 0), max(0, one.logged))
        return MessageRow(
            member, one.identity, one.at, one.chosen_at, one.request, number("model", one.model), one.tariff,
            number("project", one.project), number("pull", one.pull_request), number("account", one.account), counted,
            one.source, measures,
        )  # fmt: skip

    # -- messages that two members claim

    def claims(self, identities: Iterable[int]) -> dict[int, list[MessageRow]]:
        """Rows of all members for those of some identities that another member has, too."""
        found: dict[int, list[MessageRow]] = {}
        for part in chunks(sorted(set(identities))):
            among = f"identity IN ({marks(len(part))})"
            shared = f"SELECT identity FROM message WHERE {among} GROUP BY identity HAVING count(*) > 1"
            several = [identity for (identity,) in self._db.all(shared, part)]
            if several:
                for row in self._db.all(f"{_SELECT} WHERE identity IN ({marks(len(several))})", several):
                    found.setdefault(row[1], []).append(row_of(row))
        return {identity: rows for identity, rows in found.items() if len(rows) > 1}

    def contested_messages(self) -> list[tuple[int, list[MessageRow]]]:
        """All messages that several members have."""
        rows: dict[int, list[MessageRow]] = {}
        for row in self._db.all(f"{_SELECT} WHERE counted = 0"):
            rows.setdefault(row[1], [])
        for identities in chunks(sorted(rows)):
            for row in self._db.all(
                f"{_SELECT} WHERE identity IN ({marks(len(identities))}) ORDER BY member", identities
            ):
                rows[row[1]].append(row_of(row))
        return sorted(rows.items())

    def contested_count(self, member: int) -> int:
        """Number of messages of a member that another one counts."""
        sql = "SELECT count(*) FROM message WHERE member = ? AND counted = 0"
        return int(self._db.all(sql, (member,))[0][0])

    def set_counted(self, row: MessageRow, counted: int) -> None:
        if row.counted != counted:
            self.replace(row.member, {row.identity: row}, {row.identity: row._replace(counted=counted)})

    def count_one(self, identity: int) -> None:
        """Count a message once: for the member that counts it, or the first who has it."""
        rows = [row_of(row) for row in self._db.all(f"{_SELECT} WHERE identity = ? ORDER BY member", (identity,))]
        counted = [row.member for row in rows if row.counted] or [row.member for row in rows[:1]]
        for row in rows:
            self.set_counted(row, int(row.member == counted[0]))

    # -- erasing and checking

    def forget(self, member: int) -> None:
        """Delete messages, totals and limits. Published sums stay."""
        days = [
            (member, day) for (day,) in self._db.all("SELECT DISTINCT day FROM totals_day WHERE member = ?", (member,))
        ]
        mark_days(self._db, sorted(days))
        for table in ("message", "totals", "totals_day", "totals_week"):  # telemetry comes without facts, and stays
            self._db.run(f"DELETE FROM {table} WHERE member = ? AND source = {TRANSCRIPT}", (member,))
        self._db.run("DELETE FROM limit_now WHERE member = ?", (member,))

    def erase(self, member: int) -> None:
        """Delete everything of a member."""
        for table in ("message", "totals", "totals_day", "totals_week", "dirty", "released", "limit_now"):
            self._db.run(f"DELETE FROM {table} WHERE member = ?", (member,))
        # published sums stay as they are, so that no difference shows what the person had in them
        self._db.run(
            "UPDATE atom_member SET messages = 0, tokens = 0, cost = 0, unpriced = 0 WHERE member = ?", (member,)
        )

    def rebuild(self, member: int) -> int:
        """Work the totals of a member out of the messages again; returns the number of rows that were wrong."""
        wrong = 0
        for table, unit_name, size, none in (
            ("totals", "quarter", QUARTER_MS, NO_QUARTER),
            ("totals_day", "day", DAY_MS, NO_DAY),
        ):
            group, sums = ", ".join(GROUP), ", ".join(f"sum({one})" for one in MEASURES)
            unit = f"CASE WHEN at IS NULL THEN {none} ELSE at / {size} END"
            sql = f"SELECT {unit}, {group}, {sums} FROM message WHERE member = ? AND messages > 0 GROUP BY 1, {group}"
            right = {tuple(map(int, row)) for row in self._db.all(sql, (member,))}
            sql = f"SELECT {unit_name}, {group}, {', '.join(MEASURES)} FROM {table} WHERE member = ?"
            stored = {tuple(map(int, row)) for row in self._db.all(sql, (member,))}
            if right == stored:
                continue
            wrong += len(right ^ stored)
            days = {row[0] if table == "totals_day" else max(row[0] // 96, NO_DAY) for row in right ^ stored}
            self._db.run(f"DELETE FROM {table} WHERE member = ?", (member,))
            insert_rows(self._db, table, [(member, *row) for row in sorted(right)])
            mark_days(self._db, [(member, day) for day in sorted(days)])
        return wrong + self._rebuild_weeks(member)

    def _rebuild_weeks(self, member: int) -> int:
        def rows() -> set[tuple[int, ...]]:
            sql = f"SELECT week, {', '.join(GROUP)}, {', '.join(MEASURES)}, days FROM totals_week WHERE member = ?"
            return {tuple(map(int, row)) for row in self._db.all(sql, (member,))}

        stored = rows()
        days = {int(row[0]) for row in self._db.all("SELECT DISTINCT day FROM totals_day WHERE member = ?", (member,))}
        rebuild_weeks(self._db, member, {monday(day) for day in days if day >= 0} | {row[0] for row in stored})
        return len(stored ^ rows())


def mark_days(database: Database, marks_of: Sequence[tuple[int, int]]) -> None:
    """Note days of persons as changed. A mark that is there is locked, so that it can't be taken before we commit."""
    insert_rows(database, "dirty", marks_of, "ON CONFLICT (member, day) DO UPDATE SET day = excluded.day")
