"""Build named, sorted report rows from priced sums with ids as keys."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable
from tachograph.ledger.usage import rollups, sessions
from tachograph.ledger.usage.ways import MAIN
from tachograph.model.usage.prices import BATCH, FAST
from tachograph.queries.usage.rows import (
    CREDITS,
    MAIN_AGENT,
    PERIODS,
    WAY_COLUMNS,
    WAY_KEYS,
    BranchKey,
    Key,
    MachineKey,
    ModelKey,
    PeriodKey,
    ProjectKey,
    PullRequestKey,
    Row,
    SessionKey,
    SpeedKey,
    Spend,
    SpendReport,
    WindowKey,
    by_cost,
    period_order,
    total,
)
from tachograph.queries.usage.shares import share

if TYPE_CHECKING:
    from typing import Any

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "project": ("project",),
    "model": ("model",),
    "branch": ("project", "branch"),
    "session": ("session", "project", "branch"),
    "pr": ("pull", "by_branch"),
    "speed": ("speed",),
    "machine": ("folder",),
    **{name: (column,) for name, column in WAY_COLUMNS.items()},
}


class Cells:
    """Usage by the ids of a row, and within it by those of a sub-row."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], dict[tuple[Any, ...], Spend]] = {}

    def add(self, main: tuple[Any, ...], sub: tuple[Any, ...], used: Spend) -> None:
        row = self.rows.setdefault(main, {})
        row[sub] = row[sub] + used if sub in row else used

    def remove(self, main: tuple[Any, ...], sub: tuple[Any, ...], used: Spend) -> None:
        """Take a part out of a cell; one that nothing is left of goes."""
        left = self.rows[main][sub] - used
        if left.tokens.messages:
            self.rows[main][sub] = left
            return
        del self.rows[main][sub]
        if not self.rows[main]:
            del self.rows[main]

    def without_basis(self) -> Cells:
        """The same for pull requests alone, whatever a message belongs to them by."""
        joined = Cells()
        for (pull, _), parts in self.rows.items():
            for sub, used in parts.items():
                joined.add((pull,), sub, used)
        return joined


def build_report(db: sqlite3.Connection, along: str, by: str | None, cells: Cells, missing: set[str]) -> SpendReport:
    """Cells as rows with names, in their usual order."""
    by_branch = (
        {pull: total(parts.values()) for (pull, basis), parts in cells.rows.items() if basis} if along == "pr" else {}
    )
    if along == "pr":
        cells = cells.without_basis()
    mains = _Describer(db, along, cells.rows)
    subs = _Describer(db, by, [sub for parts in cells.rows.values() for sub in parts]) if by else None
    grouped: dict[Any, list[Row]] = {}
    for key, parts in cells.rows.items():
        rows = subs.rows(parts.items()) if subs else ()
        grouped.setdefault(mains.group(key), []).append(Row(key, total(parts.values()), rows))
    rows_of = ((key, mains.row(parts, subs)) for key, parts in grouped.items())
    found = tuple(row._replace(by_branch=by_branch[key]) if key in by_branch else row for key, row in rows_of)
    whole = total(row.spend for row in found)
    rows = tuple(row._replace(share=share(row.spend, whole)) for row in _sorted(along, found))
    return SpendReport(rows, whole, tuple(sorted(missing)))


class _Describer:
    """Turns the ids of a dimension into the keys of rows."""

    def __init__(self, db: sqlite3.Connection, along: str, keys: Iterable[tuple[object, ...]]) -> None:
        self.along = along
        ids = [tuple(value for value in key if isinstance(value, int)) for key in keys]
        self.names: dict[int, str] = {}
        self.sessions: dict[int, sessions.SessionFacts] = {}
        self.pulls: dict[int, sessions.PullFacts] = {}
        if along in ("project", "model", "branch") or along in WAY_KEYS:
            self.names = sessions.names(db, {value for key in ids for value in key})
        elif along == "session":
            self.sessions = sessions.facts(db, {key[0] for key in ids})
            self.names = sessions.names(db, {value for key in ids for value in key[1:]})
        elif along == "machine":
            from tachograph.queries.usage.machines import Machines  # only with several machines

            self.machines = Machines(db)
        elif along == "pr":
            self.pulls = sessions.pulls(db, {key[0] for key in ids})
        if along in ("project", "branch", "session"):
            from tachograph.model.short_paths import short_paths

            place = 1 if along == "session" else 0
            own = {self.names[key[place]] for key in ids}  # some may be newer than the names that are remembered
            self.short = short_paths([*(path for _, path in rollups.present(db, "project")), *own])

    def group(self, key: tuple[object, ...]) -> object:
        """The key of the row of some ids: parts of a session on several projects and branches are one row, and a pull
        request's use by session and by branch alone."""
        if self.along == "machine":
            return self.machines.of(key[0]) if isinstance(key[0], int) else key[0]
        return key[0] if self.along in ("session", "pr") else key

    def rows(self, parts: Iterable[tuple[tuple[object, ...], Spend]]) -> tuple[Row, ...]:
        grouped: dict[object, list[Row]] = {}
        for key, used in parts:
            grouped.setdefault(self.group(key), []).append(Row(key, used))
        return _sorted(self.along, tuple(self.row(rows, None) for rows in grouped.values()))

    def row(self, parts: list[Row], subs: _Describer | None) -> Row:
        """One row from its parts, keyed by ids."""
        by = parts[0].by
        if len(parts) > 1 and subs is not None:
            by = _joined(subs.along, [row for part in parts for row in part.by])
        by_branch = total(part.spend for part in parts if self.along == "pr" and len(part.key) > 1 and part.key[1])
        return Row(self._key(parts), total(part.spend for part in parts), by, by_branch)

    def _key(self, parts: list[Row]) -> Key:
        key: Any = parts[0].key
        if self.along in PERIODS:
            return PeriodKey(key[0])
        if self.along == "window":
            return WindowKey(*key)
        if self.along == "project":
            path = self.names[key[0]]
            return ProjectKey(self.short[path] or None, path or None)
        if self.along == "machine":
            return MachineKey(self.machines.of(key[0]))
        if self.along == "speed":
            return SpeedKey({FAST: "fast", BATCH: "batch", CREDITS: "credits"}.get(key[0], "standard"))
        if self.along in WAY_KEYS:
            return WAY_KEYS[self.along](MAIN_AGENT if key[0] == MAIN else self.names[key[0]] or None)
        if self.along == "model":
            return ModelKey(self.names[key[0]])
        if self.along == "branch":
            return BranchKey(self.names[key[1]] or None, self.short[self.names[key[0]]] or None)
        if self.along == "pr":
            pull = self.pulls[key[0]]
            return (
                PullRequestKey(pull.url, pull.number or None, pull.repository or None, pull.linked_at)
                if pull.id
                else PullRequestKey(*[None] * 4)
            )
        return self._session(parts)

    def _session(self, parts: list[Row]) -> SessionKey:
        facts = self.sessions[parts[0].key[0]]
        most: list[dict[str, int]] = [{}, {}]
        for part in parts:
            for place, id in enumerate(part.key[1:3]):
                name = self.names[id]
                most[place][name] = most[place].get(name, 0) + part.spend.tokens.messages
        project, branch = (min(counts, key=lambda name: (-counts[name], name)) for counts in most)
        return SessionKey(
            facts.uuid or None,
            facts.title or None,
            self.short[project] or None,
            branch or None,
            facts.first_at if facts.id else None,
            facts.last_at if facts.id else None,
            len(most[0].keys() - {""} - {project}),
            len(most[1].keys() - {""} - {branch}),
        )


def _joined(along: str, rows: list[Row]) -> tuple[Row, ...]:
    """Sub-rows of several parts of one row, those with the same key added up."""
    found: dict[Any, Spend] = {}
    for row in rows:
        found[row.key] = found[row.key] + row.spend if row.key in found else row.spend
    return _sorted(along, tuple(Row(key, used) for key, used in found.items()))


def _sorted(along: str, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Sort periods and windows by time, rows without a time last; all others by cost."""
    if along == "window":
        return tuple(sorted(rows, key=lambda row: (row.key.starts_at is None, row.key.starts_at or 0)))
    if along in PERIODS:
        return tuple(sorted(rows, key=lambda row: period_order(row.key.period)))
    return tuple(sorted(rows, key=by_cost))
