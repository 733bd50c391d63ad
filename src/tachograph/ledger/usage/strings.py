"""Small numbers for repeated texts: models, branches, folders, sessions, accounts. One text, one row."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Sequence


def storable(text: str) -> str:
    """A text that SQLite can store: a byte of a path that is not UTF-8, and a lone surrogate, become an escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class Strings:
    """Looks up and hands out the ids of texts, remembering them for the length of a pass.

    A pass that was rolled back must not go on with the same object: its new ids went with it. `expects_new`: most texts
    are new, so storing one is tried before it is looked for.
    """

    expects_new = False

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._ids: dict[str, int] = {"": 0}
        self._texts: dict[int, str] = {0: ""}
        self._sessions: dict[str, int] = {"": 0}
        self._accounts: dict[str, int] = {}
        self._statements: dict[str, tuple[str, str]] = {}  # of `row_id`, by table

    def id(self, text: str) -> int:
        found = self._ids.get(text)
        if found is None:
            stored = storable(text)
            found = self.row_id("name", ("text",), (stored,))
            self._ids[text] = found
            self._texts[found] = text
        return found

    def store(self, texts: Iterable[str]) -> None:
        """Store the new ones of some texts together; `id` takes a statement for each."""
        new = [text for text in texts if text not in self._ids and storable(text) == text]
        last = self._db.execute("SELECT coalesce(max(id), 0) FROM name").fetchone()[0]
        self._db.executemany("INSERT OR IGNORE INTO name (text) VALUES (?)", [(text,) for text in sorted(new)])
        for id, text in self._db.execute("SELECT id, text FROM name WHERE id > ?", (last,)):
            self._ids[text], self._texts[id] = id, text

    def row_id(self, table: str, columns: Sequence[str], values: Sequence[object]) -> int:
        """The id of the row with some values, which is made if there is none; the columns are unique together."""
        statements = self._statements.get(table)
        if statements is None:
            marks = ", ".join("?" * len(columns))
            make = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks}) RETURNING id"
            find = f"SELECT id FROM {table} WHERE {' AND '.join(f'{column} = ?' for column in columns)}"
            statements = self._statements[table] = find, make
        for statement in reversed(statements) if self.expects_new else statements:
            row = self._db.execute(statement, values).fetchone()
            if row is not None:
                return int(row[0])
        raise AssertionError

    def text(self, id: int) -> str:
        found = self._texts.get(id)
        if found is None:
            found = str(self._db.execute("SELECT text FROM name WHERE id = ?", (id,)).fetchone()[0])
            self._texts[id] = found
            self._ids[found] = id
        return found

    def sessions(self, db: sqlite3.Connection, uuids: Iterable[str]) -> dict[str, int]:
        """Ids of sessions, created for new ones; earlier lookups are cached."""
        missing = [uuid for uuid in uuids if uuid not in self._sessions]
        db.executemany("INSERT OR IGNORE INTO session (uuid) VALUES (?)", [(uuid,) for uuid in sorted(missing)])
        for uuid in missing:
            self._sessions[uuid] = db.execute("SELECT id FROM session WHERE uuid = ?", (uuid,)).fetchone()[0]
        return self._sessions

    def account_named(self, uuid: str) -> int:
        """The account with this account uuid, created if new: its organization is then unknown."""
        found = self._accounts.get(uuid)
        if found is None:
            row = self._db.execute("SELECT min(id) FROM account WHERE uuid = ?", (uuid,)).fetchone()
            if row[0] is None:
                sql = "INSERT INTO account (uuid, organization) VALUES (?, '') RETURNING id"
                row = self._db.execute(sql, (uuid,)).fetchone()
            found = self._accounts[uuid] = int(row[0])
        return found
