"""Ways that messages were asked for (subagent, skill, MCP server …): each combination is stored once."""

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage.strings import Strings
from tachograph.model.usage.messages import NO_WAY, Way, join_ways

COLUMNS = ("agent_type", "skill", "plugin", "server", "effort", "entrypoint")
MAIN = -1  # an id in place of a subagent's type: asked by the main chain


def expressions(table: str, side: str) -> dict[str, str]:
    """Each dimension of ways as an expression of ids of `name`, for a table with a column `way`; `side` is true for a
    message of a subagent."""
    found = {column: f"(SELECT {column} FROM way WHERE way.id = {table}.way)" for column in COLUMNS}
    return found | {"agent_type": f"CASE WHEN {side} THEN {found['agent_type']} ELSE {MAIN} END"}


def present(db: sqlite3.Connection, column: str) -> list[tuple[int, str]]:
    """Every id and text of a column of ways in which something was used; 0 is the unknown."""
    ids = f"SELECT DISTINCT {column} FROM way WHERE id IN (SELECT way FROM rollup)"
    return db.execute(f"SELECT id, text FROM name WHERE id IN ({ids}) ORDER BY text").fetchall()


class Ways:
    """Looks up and hands out the ids of ways, remembering them for the length of a pass; 0 is the way of no words."""

    def __init__(self, db: sqlite3.Connection, names: Strings) -> None:
        self._db, self._names = db, names
        self._ids: dict[Way, int] = {NO_WAY: 0}
        self._texts: dict[int, Way] = {0: NO_WAY}

    def of(self, texts: Way) -> int:
        """The id of a way, made if it is new."""
        found = self._ids.get(texts)
        if found is None:
            ids = tuple(map(self._names.id, texts))
            found = self._ids[texts] = self._names.row_id("way", COLUMNS, ids)
            self._texts[found] = texts
        return found

    def at(self, id: int) -> Way:
        """The texts of a way."""
        found = self._texts.get(id)
        if found is None:
            row = self._db.execute(f"SELECT {', '.join(COLUMNS)} FROM way WHERE id = ?", (id,)).fetchone()
            a, b, c, d, e, f = map(self._names.text, row)
            found = self._texts[id] = (a, b, c, d, e, f)
            self._ids[found] = id
        return found

    def joined(self, id: int, texts: Way) -> int:
        """The id of a way with another copy's words joined in."""
        known = self.at(id)
        return id if texts == known else self.of(join_ways(known, texts))
