"""Read facts out of the ledger in a form that means the same in every ledger of the person.

Ids become texts. A config folder of another machine is `@MACHINE:FOLDER`; a folder of this machine gets the prefix when
it leaves, and loses it when it comes back. So a fact says on which machines it was seen, and equal folders of two
machines stay apart.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.exchange import tracking
from tachograph.ledger.exchange.tracking import Touched
from tachograph.ledger.usage import shared_ids
from tachograph.ledger.usage.message_attributes import MessageAttributes
from tachograph.ledger.usage.strings import Strings
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.limits.limits import STATUSLINE
from tachograph.model.usage.messages import Message, merge

MARK = "@"
_CHUNK = 500


class Fact(NamedTuple):
    """One fact on its way: what it is about (`key`, the same in every ledger) and what its ledger knows of it.

    `revision` orders versions of one ledger. `body` is plain JSON. Of a message, worked out by its ledger: `project`, the
    folder of its project; `pull`, the address of the pull request that it counts for; `account`, "uuid|organization".
    """

    kind: str
    key: str
    revision: int
    body: Any
    project: str = ""
    pull: str = ""
    account: str = ""


def leaving(machine: str, folder: str) -> str:
    """A config folder as other machines call it."""
    return folder if not folder or folder.startswith(MARK) else f"{MARK}{machine}:{folder}"


def arriving(machine: str, folder: str) -> str:
    """A config folder as this machine calls it."""
    own = f"{MARK}{machine}:"
    return folder[len(own) :] if folder.startswith(own) else folder


def machine_of(folder: str) -> str:
    """The machine in the name of a config folder; "" for this machine."""
    return folder[1:].partition(":")[0] if folder.startswith(MARK) else ""


def is_own(folder: str) -> bool:
    """True for a config folder of this machine."""
    return bool(folder) and not folder.startswith(MARK)


class FactReader:
    """Reads facts of one ledger for other machines. `machine` is this machine's id in the hub."""

    def __init__(self, db: sqlite3.Connection, machine: str) -> None:
        self._db, self._machine = db, machine
        self._names = Strings(db)
        self._origins = MessageAttributes(db, self._names)
        self._writer = MessageWriter(db, self._origins, {})
        self._projects: dict[str, str] = {}  # by working directory
        self._sessions: dict[int, str] = {}  # uuids by id
        self._has_fragments = db.execute("SELECT 1 FROM fragment LIMIT 1").fetchone() is not None

    def read(self, touched: Iterable[Touched]) -> list[Fact]:
        """The facts behind changes; those of other machines, and those that no longer exist, are left out."""
        wanted = list(touched)
        messages = self._messages([int(one.key) for one in wanted if one.kind == tracking.MESSAGE])
        facts = []
        for one in wanted:
            if one.kind == tracking.MESSAGE:
                if (found := messages.get(int(one.key))) is not None:
                    facts.append(found._replace(revision=one.revision))
                continue
            other = getattr(self, f"_{one.kind}")(one.key)
            if other is not None:
                project = self._project(other[1][4][2][5]) if one.kind == tracking.FRAGMENT else ""
                facts.append(Fact(one.kind, other[0], one.revision, other[1], project))
        return facts

    def _project(self, folder: str) -> str:
        """The folder of the project of a working directory."""
        found = self._projects.get(folder)
        if found is None:
            cwd = self._names.id(folder)
            row = self._db.execute("SELECT project FROM place WHERE cwd = ?", (cwd,)).fetchone()
            found = self._projects[folder] = self._names.text(cwd if row is None else row[0])
        return found

    def _messages(self, ids: list[int]) -> dict[int, Fact]:
        """Facts of messages by row id, without those that were grouped out of fragments, which travel themselves."""
        found: dict[int, Fact] = {}
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            among = f"id IN ({', '.join('?' * len(part))})"
            grouped = set()
            if self._has_fragments:
                sql = f"SELECT identity FROM answer WHERE {among} AND identity IN (SELECT answer FROM fragment)"
                grouped = {identity for (identity,) in self._db.execute(sql, part)}
            sql = (
                "SELECT answer.id, coalesce(url, ''), coalesce(uuid, ''), coalesce(organization, '') FROM answer"
                " LEFT JOIN pull ON pull.id = pull LEFT JOIN account ON account.id = answer.account"
                f" WHERE answer.{among}"
            )
            owners = {id: (url, f"{uuid}|{organization}" if uuid else "") for id, url, uuid, organization in
                      self._db.execute(sql, part)}  # fmt: skip
            for row in self._writer.rows(among, part):
                if row.identity in grouped:
                    continue
                merged: Message | None = None
                for copy in shared_ids.as_messages(self._writer, row, self._sessions):
                    merged = copy if merged is None else merge(merged, copy)
                if merged is not None and (fact := self._message_fact(merged)) is not None:
                    project = self._project(merged[4][2][5])
                    found[row.id] = Fact(tracking.MESSAGE, fact[0], 0, fact[1], project, *owners[row.id])
        return found

    def _message_fact(self, message: Message) -> tuple[str, Any] | None:
        if not any(map(is_own, (message[4][2][8], *message[6][5]))):
            return None
        return str(message[0]), shared_ids.to_plain(self._rename_folders(message))

    def _rename_folders(self, message: Message) -> Message:
        """A message with the names of its config folders that other machines know."""
        output, at, origin = message[4]
        folders = tuple(sorted(leaving(self._machine, folder) for folder in message[6][5]))
        choice = (output, at, (*origin[:8], leaving(self._machine, origin[8])))
        return (*message[:4], choice, message[5], (*message[6][:5], folders, message[6][6]))

    def _fragment(self, key: str) -> tuple[str, Any] | None:
        identity, _, rest = key.partition(":")
        session, at, mark = rest.rsplit(":", 2)
        row = self._db.execute(
            "SELECT body FROM fragment WHERE identity = ? AND session = ? AND at = ? AND mark = ?",
            (int(identity), session, int(at), int(mark)),
        ).fetchone()
        if row is None:
            return None
        found = self._message_fact(shared_ids.from_json(row[0]))
        return None if found is None else (key, found[1])

    def _session(self, id: str) -> tuple[str, Any] | None:
        row = self._db.execute(
            "SELECT uuid, first_at, last_at, custom_title, custom_stamp, custom_offset, ai_title, ai_stamp, ai_offset,"
            " prompt, prompt_at, leaf, leaf_at FROM session WHERE id = ?",
            (int(id),),
        ).fetchone()
        if row is None or not row[0]:
            return None
        uuid, first, last, custom, custom_stamp, custom_at, ai, ai_stamp, ai_at, prompt, prompt_at, leaf, leaf_at = row
        body: dict[str, Any] = {}
        if first is not None:
            body["span"] = [first, last]
        titles = [[0, custom_stamp, custom_at, custom]] if custom else []
        titles += [[1, ai_stamp, ai_at, ai]] if ai else []
        if titles:
            body["titles"] = titles
        if prompt_at is not None:
            body["prompt"] = [prompt_at, prompt]
        if leaf:
            body["leaf"] = [leaf_at, leaf]
        clears = [at for (at,) in self._db.execute("SELECT at FROM clearing WHERE session = ? ORDER BY at", (int(id),))]
        if clears:
            body["clears"] = clears
        cost = self._db.execute("SELECT stamp, cost, models FROM cost_state WHERE session = ?", (int(id),)).fetchone()
        if cost is not None:
            body["cost"] = list(cost)
        for table, columns in (("spawn", "prompt, agent_type"), ("subagent", "agent, prompt")):
            if rows := self._db.execute(
                f"SELECT {columns} FROM {table} WHERE session = ? ORDER BY 1", (int(id),)
            ).fetchall():
                body[f"{table}s"] = list(map(list, rows))
        return uuid, body

    def _metered(self, key: str) -> tuple[str, Any] | None:
        folder, at, limit = key.split(":", 2)
        name = self._names.text(int(folder))
        sql = "SELECT key, scope, at, resets_at FROM metered WHERE folder = ? AND at = ? AND key = ?"
        row = self._db.execute(sql, (int(folder), int(at), limit)).fetchone()
        if row is None or not is_own(name):
            return None
        name = leaving(self._machine, name)
        return f"{name} {at} {limit}", [name, *row]

    def _request(self, identity: str) -> tuple[str, Any] | None:
        row = self._db.execute("SELECT at FROM request_time WHERE identity = ?", (int(identity),)).fetchone()
        return None if row is None else (identity, row[0])

    def _plan(self, key: str) -> tuple[str, Any] | None:
        account, at = map(int, key.split(":"))
        sql = "SELECT uuid, organization, at, plan_change.plan FROM plan_change JOIN account ON account.id = account"
        row = self._db.execute(f"{sql} WHERE account = ? AND at = ?", (account, at)).fetchone()
        return None if row is None else (f"{row[0]}|{row[1]} {at}", list(row))

    def _link(self, key: str) -> tuple[str, Any] | None:
        session, _, pull = key.partition(":")
        row = self._db.execute(
            "SELECT uuid, url, link.at, link.branch, link.cwd, number, repository FROM link"
            " JOIN pull ON pull.id = link.pull JOIN session ON session.id = link.session"
            " WHERE link.session = ? AND link.pull = ?",
            (int(session), int(pull)),
        ).fetchone()
        if row is None:
            return None
        uuid, url, at, branch, cwd, number, repository = row
        text = self._names.text
        return f"{uuid} {url}", [uuid, url, at, text(branch), text(cwd), number, repository]

    def _summary(self, leaf: str) -> tuple[str, Any] | None:
        row = self._db.execute("SELECT text FROM summary WHERE leaf = ?", (leaf,)).fetchone()
        return None if row is None else (leaf, row[0])

    def _logins(self, folder: str) -> tuple[str, Any] | None:
        name = self._names.text(int(folder))
        if not is_own(name):
            return None
        rows = self._db.execute(
            "SELECT uuid, organization, label, plan, first_seen, last_seen FROM login"
            " JOIN account ON account.id = account WHERE folder = ? ORDER BY first_seen, login.id",
            (int(folder),),
        )
        return leaving(self._machine, name), [list(row) for row in rows]

    def _reading(self, id: str) -> tuple[str, Any] | None:
        found = self._row_of("reading", int(id), ("folder", "session", "model"))
        if found is None:
            return None
        levels = self._db.execute("SELECT * FROM level WHERE reading = ? ORDER BY place", (int(id),))
        columns = [column[0] for column in levels.description][1:]
        found["levels"] = {"columns": columns, "rows": [list(row[1:]) for row in levels]}
        parts = [found["folder"], found["source"], found["session"], found["observed_at"], found.get("mark")]
        if found["source"] != STATUSLINE:  # the account of a status line is worked out from the logins
            parts += found["account"]
        return f"{self._machine} {'|'.join(map(str, parts))}", found

    def _refusal(self, id: str) -> tuple[str, Any] | None:
        found = self._row_of("refusal", int(id), ("folder", "session"))
        return (
            None
            if found is None
            else ("|".join(str(found[part]) for part in ("folder", "session", "key", "at")), found)
        )

    def _row_of(self, table: str, id: int, names: tuple[str, ...]) -> dict[str, Any] | None:
        """A row with texts instead of ids; None if it came from another machine."""
        cursor = self._db.execute(f"SELECT * FROM {table} WHERE id = ?", (id,))
        row = cursor.fetchone()
        if row is None:
            return None
        found = dict(zip([column[0] for column in cursor.description], row, strict=True))
        del found["id"]
        for name in names:
            found[name] = self._names.text(found[name])
        if found["folder"].startswith(MARK):
            return None
        found["folder"] = leaving(self._machine, found["folder"] or "-")
        account = self._db.execute(
            "SELECT uuid, organization FROM account WHERE id = ?", (found["account"],)
        ).fetchone()
        found["account"] = list(account) if account is not None else ["", ""]
        return found


def preview(db: sqlite3.Connection, machine: str, most: int = 10) -> list[Fact]:
    """Facts exactly as they would leave: the newest messages of this machine, a session, a reading."""
    ids = [(tracking.MESSAGE, str(id)) for (id,) in db.execute("SELECT id FROM answer ORDER BY at DESC LIMIT 200")]
    ids += [("session", str(id)) for (id,) in db.execute("SELECT id FROM session ORDER BY last_at DESC LIMIT 20")]
    ids += [("reading", str(id)) for (id,) in db.execute("SELECT id FROM reading ORDER BY last_at DESC LIMIT 20")]
    reader, found = FactReader(db, machine), list[Fact]()
    room = {tracking.MESSAGE: most - 4, "session": 2, "reading": 2}
    for kind, key in ids:
        if room[kind] > 0 and (facts := reader.read([Touched(0, kind, key)])):
            found += facts
            room[kind] -= 1
    return found
