"""Attributes that messages share: combinations of model, branch, folder and others, each stored once."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, NamedTuple
from tachograph.ledger.usage.strings import Strings
from tachograph.ledger.usage.ways import Ways
from tachograph.model.usage.entrypoints import is_cowork
from tachograph.model.usage.messages import Origin
from tachograph.model.usage.prices import tariff

COLUMNS = ("model", "speed", "geo", "stop", "branch", "cwd", "agent", "owner", "folder")
_INSERT = f"INSERT OR IGNORE INTO origin ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"

_PLACE = "SELECT cwd, text, agent FROM origin JOIN name ON name.id = branch WHERE origin.id = ?"


class AttributeRow(NamedTuple):
    """An origin with the ids of what questions ask for, and its tariff for prompts below the first tier."""

    id: int
    texts: Origin
    model: int
    branch: int
    folder: int
    cwd: int
    tariff: int
    completes_way: bool  # the way of a message follows from it in part: it names a subagent, or a folder of Cowork's


class MessageAttributes:
    """Looks up and hands out origins, remembering them for the length of a pass."""

    def __init__(self, db: sqlite3.Connection, names: Strings) -> None:
        self._db = db
        self.names = names
        self.ways = Ways(db, names)
        self._by_texts: dict[Origin, AttributeRow] = {}
        self._by_id: dict[int, AttributeRow] = {}

    def of(self, texts: Origin) -> AttributeRow:
        """The origin with these texts, made if it is new."""
        found = self._by_texts.get(texts)
        if found is None:
            ids = tuple(map(self.names.id, texts))
            found = self._remember(self.names.row_id("origin", COLUMNS, ids), texts, ids)
        return found

    def store(self, several: Iterable[Origin]) -> None:
        """Store the new ones of some origins together; `of` takes a statement for each, and for each of their texts."""
        new = [texts for texts in several if texts not in self._by_texts]
        self.names.store({text for texts in new for text in texts})
        by_ids = {tuple(map(self.names.id, texts)): texts for texts in new}
        last = self._db.execute("SELECT coalesce(max(id), 0) FROM origin").fetchone()[0]
        self._db.executemany(_INSERT, by_ids)
        for id, *ids in self._db.execute(f"SELECT id, {', '.join(COLUMNS)} FROM origin WHERE id > ?", (last,)):
            key = tuple(ids)
            self._remember(id, by_ids[key], key)

    def at(self, id: int) -> AttributeRow:
        """The origin with an id."""
        found = self._by_id.get(id)
        if found is None:
            row = self._db.execute(f"SELECT {', '.join(COLUMNS)} FROM origin WHERE id = ?", (id,)).fetchone()
            a, b, c, d, e, f, g, h, i = map(self.names.text, row)
            found = self._remember(id, (a, b, c, d, e, f, g, h, i), row)
        return found

    def place_of(self, id: int) -> tuple[int, str, bool]:
        """Folder (an id) and branch of the origin with an id, and True if it names a subagent."""
        known = self._by_id.get(id)
        if known is not None:
            return known.cwd, known.texts[4], bool(known.texts[6])
        cwd, branch, agent = self._db.execute(_PLACE, (id,)).fetchone()
        return cwd, branch, bool(agent)

    def values_of(self, id: int) -> tuple[int, int, int, int]:
        """Values of an origin that totals are grouped by: model, tariff of a short prompt, folder and branch."""
        origin = self.at(id)
        return origin.model, origin.tariff, origin.cwd, origin.branch

    def _remember(self, id: int, texts: Origin, ids: tuple[int, ...]) -> AttributeRow:
        completes = bool(texts[6]) or is_cowork(texts[8])
        row = AttributeRow(id, texts, ids[0], ids[4], ids[8], ids[5], tariff(texts[1], texts[2], 0), completes)
        self._by_texts[texts] = self._by_id[id] = row
        return row
