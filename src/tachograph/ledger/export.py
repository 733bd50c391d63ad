"""Reads whole tables row by row, for an export: texts instead of ids, times as the ledger keeps them."""

from collections.abc import Iterable, Iterator
from typing import Any

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits.metered import condition
from tachograph.ledger.usage import ways

_CREDITS = -1  # instead of the id of a speed: at standard speed, after a limit


def messages(db: sqlite3.Connection, folders: Iterable[int] | None = None) -> Iterator[tuple[Any, ...]]:
    """Every billed message, in the order in which they were first seen: at, session, project, branch, model, agent, flags,
    speed, geo, stop, request, account, pull request, the six counts, logged cost, whether unfinished, missing output, the
    texts of its way, and the id of its config folder. `folders`: only of these config folders."""
    names = dict(db.execute("SELECT id, text FROM name"))
    columns = ", ".join(ways.COLUMNS)
    known = {id: [names.get(n, "") for n in way] for id, *way in db.execute(f"SELECT id, {columns} FROM way")}
    uuids = dict(db.execute("SELECT id, uuid FROM session"))
    accounts = dict(db.execute("SELECT id, CASE given WHEN '' THEN label ELSE given END FROM account"))
    pulls = dict(db.execute("SELECT id, url FROM pull"))
    names[_CREDITS] = "credits"
    on_credits, values = condition(db)
    sql = (
        f"SELECT at, session, project, branch, model, agent, flags, CASE WHEN {on_credits} THEN {_CREDITS} ELSE speed END, geo, stop, request, account, pull, input, output,"
        " cache_write_5m, cache_write_1h, cache_read, web_searches, logged_cost, unfinished, missing_output, folder, way FROM message"
        f" WHERE billed{_among('folder', folders)}"
    )
    for r in db.execute(sql, values):
        texts = (names.get(r[2], ""), names.get(r[3], ""), names.get(r[4], ""), names.get(r[5], ""))
        more = (names.get(r[7], ""), names.get(r[8], ""), names.get(r[9], ""), r[10])
        yield (
            r[0],
            uuids.get(r[1], ""),
            *texts,
            r[6],
            *more,
            accounts.get(r[11], ""),
            pulls.get(r[12], ""),
            *r[13:-2],
            *known.get(r[-1], known[0]),
            r[-2],
        )


def session_folders(db: sqlite3.Connection) -> dict[str, set[int]]:
    """The config folders with messages of each session, by its uuid."""
    sql = "SELECT DISTINCT uuid, folder FROM answer JOIN origin ON origin.id = origin JOIN session ON session.id = session"
    found: dict[str, set[int]] = {}
    for uuid, folder in db.execute(sql):
        found.setdefault(uuid, set()).add(folder)
    return found


def _among(column: str, ids: Iterable[int] | None) -> str:
    return "" if ids is None else f" AND {column} IN ({', '.join(map(str, sorted(ids)))})"


def readings(db: sqlite3.Connection, folders: Iterable[int] | None = None) -> Iterator[tuple[Any, ...]]:
    """Every limit of every reading, and readings without one once: account, source, first and last time, how often, outcome,
    plan, key, label, percent, resets_at, severity, extra usage as JSON, id of the config folder."""
    sql = (
        "SELECT CASE a.given WHEN '' THEN a.label ELSE a.given END, r.source, r.observed_at, r.last_at, r.times, r.outcome,"
        " r.plan, l.key, l.label, l.percent, l.resets_at, l.severity, r.extra, r.folder FROM reading r"
        " LEFT JOIN level l ON l.reading = r.id LEFT JOIN account a ON a.id = r.account"
        f" WHERE 1{_among('r.folder', folders)} ORDER BY r.id, l.place"
    )
    yield from db.execute(sql)


def windows(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every window of every limit: account, key, label, first seen, reset, peak, when it was refused, last percent, source."""
    sql = (
        "SELECT CASE a.given WHEN '' THEN a.label ELSE a.given END, w.key, w.label, w.first_at, w.resets_at, w.peak,"
        " w.wall_at, w.percent, w.source FROM window w LEFT JOIN account a ON a.id = w.account ORDER BY w.id"
    )
    yield from db.execute(sql)
