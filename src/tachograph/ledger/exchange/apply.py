"""Write facts of a person's other machines into the ledger, through the same merges that transcripts go through.

The result does not depend on order or repetition. A fact that can't be understood is counted and skipped.
"""

from collections import Counter
from typing import Any, NamedTuple

from tachograph.clock import ON_TIME_MS
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Mapping
from tachograph.ledger.exchange import tracking
from tachograph.ledger.exchange.facts import MARK, Fact, arriving, is_own
from tachograph.ledger.limits import accounts, metered, readings, refusals, windows
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage import batches, shared_ids
from tachograph.ledger.usage.message_attributes import MessageAttributes
from tachograph.ledger.usage.strings import Strings, storable
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.limits.limits import STATUSLINE
from tachograph.model.usage.messages import NO_TIME, Message, may_be_several, merge
from tachograph.model.usage.pull_requests import Mention, join_mentions


class Applied(NamedTuple):
    """Outcome of writing facts: how many were written, and how many were not understood, by kind."""

    written: int
    problems: Mapping[str, int]


def apply(ledger: Ledger, machine: str, facts: Iterable[Fact], skews: Mapping[str, int], now_ms: int) -> Applied:
    """Write facts in one transaction. `skews`: by machine, how far its clock is behind the hub's, in milliseconds.

    Raises LedgerError.
    """
    with ledger.transaction() as db, tracking.importing(db):
        return _Importer(db, machine, skews, now_ms).write(list(facts))


class _Importer:
    def __init__(self, db: sqlite3.Connection, machine: str, skews: Mapping[str, int], now_ms: int) -> None:
        self._db, self._machine, self._skews, self._now = db, machine, skews, now_ms
        self._names = Strings(db)
        self._problems: Counter[str] = Counter()

    def write(self, facts: list[Fact]) -> Applied:
        by_kind: dict[str, list[Fact]] = {}
        for fact in facts:
            by_kind.setdefault(fact.kind, []).append(fact)
        folders = {folder for fact in by_kind.get(tracking.LOGINS, ()) if (folder := self._try(self._logins, fact))}
        batch = self._batch(by_kind)
        origins, logins = MessageAttributes(self._db, self._names), accounts.logins(self._db)
        touched = batches.Touched(set(), set(), set(), set(), set())
        batches.write(self._db, batch, origins, logins, None, touched)
        batches.settle(self._db, origins, logins, touched)
        for folder in folders:
            batches.assign_accounts(self._db, origins, logins, folder, -NO_TIME)
        moved, times = dict[int, list[int]](), [message[1] for message in batch[0]]
        for fact in by_kind.get(tracking.READING, ()):
            if (found := self._try(self._reading, fact)) is not None:
                moved.setdefault(found[0], []).append(found[1])
                times.append(int(fact.body["observed_at"]))
        for account, ids in moved.items():
            windows.rebuild_touched(self._db, account, ids)
        for fact in by_kind.get(tracking.REFUSAL, ()):
            self._try(self._refusal, fact)
        if folders or times:  # estimates learn the time of new messages and readings again
            self._db.execute("DELETE FROM learned WHERE until > ?", (0 if folders else min(times),))
        for kind in (tracking.METERED, tracking.REQUEST, tracking.PLAN):
            for fact in by_kind.get(kind, ()):
                self._try(getattr(self, f"_{kind}"), fact)
        for folder in folders:
            readings.refile(self._db, folder, 0)
            refusals.refile(self._db, folder, 0)
        return Applied(len(facts) - sum(self._problems.values()), dict(self._problems))

    def _try(self, act: Any, fact: Fact) -> Any:
        try:
            return act(fact.body, fact.key)
        except (KeyError, TypeError, ValueError, IndexError):
            self._problems[fact.kind] += 1
            return None

    # -- messages, sessions, links

    def _batch(self, by_kind: Mapping[str, list[Fact]]) -> tuple[Any, ...]:
        """The facts as a batch of transcripts (ledger/usage/batches.py)."""
        messages: dict[int, Message] = {}
        fragments: dict[int, list[Message]] = {}
        lines: dict[int, list[Message]] = {}
        for fact in by_kind.get(tracking.MESSAGE, ()):
            if (message := self._try(self._message, fact)) is not None:
                old = messages.get(message[0])
                if old is not None and may_be_several(old, message):
                    fragments.setdefault(message[0], []).append(message)
                    continue
                if old is not None:
                    message = merge(old, message)
                messages[message[0]] = message
        for fact in by_kind.get(tracking.FRAGMENT, ()):
            if (message := self._try(self._message, fact)) is not None:
                into = lines if shared_ids.is_line(fact.key, message) else fragments
                into.setdefault(message[0], []).append(message)
        spans: dict[str, tuple[int, int]] = {}
        prompts: dict[str, tuple[int, str]] = {}
        leaves: dict[str, tuple[int, str]] = {}
        clears: dict[str, list[int]] = {}
        costs: dict[str, tuple[str, int, str]] = {}
        titles: dict[tuple[str, int], tuple[str, int, str]] = {}
        spawns: dict[tuple[str, int], str] = {}
        subagents: dict[tuple[str, str], int] = {}
        for fact in by_kind.get(tracking.SESSION, ()):
            body, uuid = fact.body, storable(fact.key)
            try:
                if "span" in body:
                    first, last = map(int, body["span"])
                    known = spans.get(uuid, (first, last))
                    spans[uuid] = (min(first, known[0]), max(last, known[1]))
                if "prompt" in body:
                    prompts[uuid] = min(
                        prompts.get(uuid, (NO_TIME, "")), (int(body["prompt"][0]), str(body["prompt"][1]))
                    )
                for kind, stamp, at, text in body.get("titles", ()):
                    new = (str(stamp), int(at), str(text))
                    titles[uuid, int(kind)] = max(titles.get((uuid, int(kind)), ("", 0, "")), new)
                if "leaf" in body:
                    leaves[uuid] = max(leaves.get(uuid, (0, "")), (int(body["leaf"][0]), str(body["leaf"][1])))
                if "clears" in body:
                    clears[uuid] = sorted({*clears.get(uuid, ()), *map(int, body["clears"])})
                if "cost" in body:
                    stamp, cost, models = body["cost"]
                    costs[uuid] = max(costs.get(uuid, ("", 0, "")), (str(stamp), int(cost), str(models)))
                for prompt, agent_type in body.get("spawns", ()):
                    spawns[uuid, int(prompt)] = max(spawns.get((uuid, int(prompt)), ""), storable(str(agent_type)))
                for agent, prompt in body.get("subagents", ()):
                    name = (uuid, storable(str(agent)))
                    subagents[name] = min(subagents.get(name, int(prompt)), int(prompt))
            except (KeyError, TypeError, ValueError):
                self._problems[fact.kind] += 1
        links: dict[tuple[str, str], Mention] = {}
        for fact in by_kind.get(tracking.LINK, ()):
            self._try(lambda body, key: self._link(links, body), fact)
        summaries = {storable(fact.key): storable(str(fact.body)) for fact in by_kind.get(tracking.SUMMARY, ())}
        named = {*spans, *leaves}
        self._names.sessions(self._db, named)
        return (
            list(messages.values()), fragments, spans, prompts, titles, summaries, leaves, links, [], clears, costs,
            spawns, subagents, lines,
        )  # fmt: skip

    def _message(self, body: Any, key: str) -> Message:
        message = shared_ids.from_plain(body)
        identity, at, counts, logged, (output, chosen_at, origin), sessions, trace = message
        if (
            not all(isinstance(n, int) and 0 <= n <= 10**12 for n in counts)
            or len(counts) != 6
            or len(origin) != 9
            or len(trace[6]) != 6
        ):
            raise ValueError(key)
        folder = arriving(self._machine, origin[8])
        folders = tuple(sorted(arriving(self._machine, one) for one in trace[5]))
        if not isinstance(identity, int) or not sessions:
            raise ValueError(key)
        choice = (output, chosen_at, (*origin[:8], folder))
        return (identity, at, counts, logged, choice, sessions, (*trace[:5], folders, trace[6]))

    @staticmethod
    def _link(links: dict[tuple[str, str], Mention], body: Any) -> None:
        uuid, url, at, branch, cwd, number, repository = body
        new = (NO_TIME if at is None else int(at), str(branch), str(cwd), int(number), str(repository))
        key = (storable(str(uuid)), storable(str(url)))
        links[key] = join_mentions(links.get(key, new), new)

    # -- accounts and limits

    def _account(self, identity: Any) -> int:
        uuid, organization = map(str, identity)
        if not uuid and not organization:
            return 0
        row = self._db.execute(
            "INSERT INTO account (uuid, organization) VALUES (?, ?) ON CONFLICT DO UPDATE SET uuid = uuid RETURNING id",
            (uuid, organization),
        ).fetchone()
        return int(row[0])

    def _logins(self, body: Any, key: str) -> int | None:
        """Replace the login history of another machine's folder. Returns the id of the folder."""
        name = arriving(self._machine, key)
        if is_own(name):
            return None  # this machine knows its own logins best
        folder = self._names.id(storable(name))
        rows = []
        for uuid, organization, label, plan, first, last in body:
            self._db.execute(  # a record may have named the account before its organization was seen
                "UPDATE OR IGNORE account SET organization = ? WHERE uuid = ? AND organization = ''",
                (str(organization), str(uuid)),
            )
            account = self._account((uuid, organization))
            self._db.execute(
                "UPDATE account SET label = CASE label WHEN '' THEN ?1 ELSE label END,"
                " plan = CASE plan WHEN '' THEN ?2 ELSE plan END WHERE id = ?3",
                (str(label), str(plan), account),
            )
            rows.append((folder, account, int(first), int(last)))
        self._db.execute("DELETE FROM login WHERE folder = ?", (folder,))
        self._db.executemany("INSERT INTO login (folder, account, first_seen, last_seen) VALUES (?, ?, ?, ?)", rows)
        return folder

    def _reading(self, body: Any, key: str) -> tuple[int, int] | None:
        """Store a reading of another machine, or extend it. Returns its account and id."""
        row = {**body}
        levels = row.pop("levels")
        sender = key.partition(" ")[0]
        if is_own(arriving(self._machine, row["folder"])):
            return None
        shift = self._skews.get(sender, 0)
        shift = shift if abs(shift) >= ON_TIME_MS else 0
        for column in ("observed_at", "last_at", "confirmed_at"):
            row[column] = min(int(row[column]) + shift, self._now)
        row["account"] = self._account(row["account"])
        for column in ("folder", "session", "model"):
            row[column] = self._names.id(storable(str(row[column])))
        known = self._known_reading(key, row)
        if known is not None:
            self._db.execute(
                "UPDATE reading SET last_at = max(last_at, ?), confirmed_at = max(confirmed_at, ?), times = max(times, ?)"
                " WHERE id = ?",
                (row["last_at"], row["confirmed_at"], int(row["times"]), known[0]),
            )
            return known[1], known[0]
        id = self._insert("reading", row)
        columns = self._columns("level")
        for values in levels["rows"]:
            self._insert_into("level", columns, {"reading": id, **dict(zip(levels["columns"], values, strict=True))})
        self._db.execute("INSERT OR REPLACE INTO arrived VALUES (?, ?)", (key, id))
        return row["account"], id

    def _known_reading(self, key: str, row: Mapping[str, Any]) -> tuple[int, int] | None:
        """Id and account of a reading that arrived before, whatever its clock was thought to be off by then."""
        where = "source = ? AND folder = ? AND session = ? AND mark IS ?"
        identity = (row["source"], row["folder"], row["session"], row["mark"])
        sql = f"SELECT id, account FROM reading JOIN arrived ON reading = id WHERE {where} AND key = ?"
        found = self._db.execute(sql, (*identity, key)).fetchone()
        if found is None:
            by_account = "" if row["source"] == STATUSLINE else f" AND account = {int(row['account'])}"
            sql = f"SELECT id, account FROM reading WHERE {where} AND observed_at = ?{by_account}"
            found = self._db.execute(sql, (*identity, row["observed_at"])).fetchone()
        return None if found is None else (int(found[0]), int(found[1]))

    def _refusal(self, body: Any, key: str) -> None:
        sender, names = str(body["folder"]), self._names
        if is_own(arriving(self._machine, sender)):
            return
        folder, session = names.id(storable(sender)), names.id(storable(str(body["session"])))
        limit, at, resets_at = str(body["key"]), int(body["at"]), body["resets_at"]
        self._db.execute(
            "DELETE FROM refusal WHERE folder = ? AND session = ? AND key = ? AND at = ?", (folder, session, limit, at)
        )
        refusals.note_for(
            self._db, self._account(body["account"]), limit, str(body["label"]), at,
            None if resets_at is None else int(resets_at), folder, session, str(body["scope"]),
        )  # fmt: skip

    def _metered(self, body: Any, key: str) -> None:
        folder, limit, scope, at, resets_at = body
        name = arriving(self._machine, str(folder))
        if not is_own(name):
            metered.note(
                self._db, self._names, storable(name), storable(str(limit)), storable(str(scope)), int(at),
                None if resets_at is None else int(resets_at),
            )  # fmt: skip

    def _request(self, body: Any, key: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO request_time VALUES (?, ?)", (int(key), int(body)))

    def _plan(self, body: Any, key: str) -> None:
        uuid, organization, at, plan = body
        values = (self._account((uuid, organization)), int(at), storable(str(plan)))
        self._db.execute("INSERT OR IGNORE INTO plan_change (account, at, plan) VALUES (?, ?, ?)", values)

    def _columns(self, table: str) -> set[str]:
        return {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}

    def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        return self._insert_into(table, self._columns(table), row)

    def _insert_into(self, table: str, columns: set[str], row: Mapping[str, Any]) -> int:
        known = [column for column in row if column in columns]
        sql = f"INSERT OR IGNORE INTO {table} ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})"
        return int(self._db.execute(sql, [row[column] for column in known]).lastrowid or 0)


def drop_others(ledger: Ledger) -> int:
    """Delete what only other machines have seen, in one transaction. Returns the number of messages.

    What this machine has seen as well stays as it was merged. Raises LedgerError.
    """
    with ledger.transaction() as db, tracking.importing(db):
        names = Strings(db)
        origins, logins = MessageAttributes(db, names), accounts.logins(db)
        writer = MessageWriter(db, origins, logins)
        remote = f"SELECT id FROM name WHERE text LIKE '{MARK}%'"
        condition = (
            f"origin IN (SELECT id FROM origin WHERE folder IN ({remote})) AND NOT EXISTS (SELECT 1 FROM answer_folder"
            f" WHERE message = answer.id AND folder NOT IN ({remote}))"
        )
        rows = writer.rows(condition, ())
        for row in rows:
            writer.remove(row)
        writer.finish()
        db.execute(f"DELETE FROM login WHERE folder IN ({remote})")
        found = db.execute(f"SELECT account, id FROM reading WHERE folder IN ({remote})").fetchall()
        db.execute(f"DELETE FROM level_value WHERE reading IN (SELECT id FROM reading WHERE folder IN ({remote}))")
        db.execute(f"DELETE FROM reading WHERE folder IN ({remote})")
        db.execute(f"DELETE FROM refusal WHERE folder IN ({remote})")
        for account in sorted({account for account, _ in found}):
            for window in windows.windows(db, account):
                windows.rebuild(db, account, window.key, window)
        batches.settle(db, origins, logins, batches.Touched(set(writer.touched), set(), set(), set(), set()))
        return len(rows)
