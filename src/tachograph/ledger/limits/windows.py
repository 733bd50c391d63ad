"""Windows of limits: the last state of each, and how often each source was read.

A row of table `window` is the state that `model/limits/series.py` has after the observations of one window. It is
brought forward by the next observation, and worked out again from all of them where an older one comes in late.
"""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable, NamedTuple, Sequence
from tachograph.model.limits.limits import DESKTOP, OK, SOURCES, TRANSCRIPT, Limit, Money
from tachograph.model.limits.window_state import (
    CLOCK_MS,
    HELD_MS,
    LENGTHS,
    Observation,
    State,
    advance,
    begin,
    expand,
    order,
    running_reset,
)

if TYPE_CHECKING:
    from typing import Any

_LONGEST_MS = 40 * 86_400_000  # a limit of unknown length is looked back on for this long
# a condition on readings that lets SQLite use their index, which begins with the account and the source
FROM_ANY_SOURCE = f"source IN ({', '.join(repr(source) for source in SOURCES)})"


class LimitDetail(NamedTuple):
    """Amounts and reasons beside a percentage, as in model.limits.Limit."""

    used: Money | None = None
    limit: Money | None = None
    left: Money | None = None
    locked: str | None = None
    allowance: float | None = None
    allowance_used: float | None = None


class Window(NamedTuple):
    """One limit from one reset to the next. Times are epoch milliseconds.

    `percent` is the value of the newest news, of `source` at `at`; `steady` the percentage for colors; `peak` the
    highest; `wall_at` the first refusal.
    """

    id: int
    key: str
    label: str
    group: str
    scope: str | None
    resets_at: int | None
    percent: float | None
    at: int
    source: str
    severity: str | None
    peak: float | None
    first_at: int
    wall_at: int | None
    steady: float | None
    detail: LimitDetail = LimitDetail()

    @property
    def state(self) -> State:
        return State(self.resets_at, self.percent, self.at, self.source, self.steady, self.peak, self.first_at)


_COLUMNS = (
    "id, key, label, part, scope, resets_at, percent, at, source, severity, peak, first_at, wall_at, steady, detail"
)


class OwnedWindow(NamedTuple):
    """A window with its account, as Window has it. `full_at`: when it was first read at 100 percent or more."""

    account: int
    id: int
    key: str
    label: str
    group: str
    resets_at: int | None
    source: str
    peak: float | None
    first_at: int
    wall_at: int | None
    full_at: int | None


def windows(db: sqlite3.Connection, account: int, key: str | None = None, since: int | None = None) -> list[Window]:
    """The windows of an account, newest first: of one limit, or only those that had not reset at a moment."""
    clauses, values = ["account = ?"], [account]
    sql = f"SELECT {_COLUMNS} FROM window WHERE "
    if key is not None:
        # one that has not begun has no reset and would sort behind all others: it is looked up by itself
        begun = f"{sql} account = ? AND key = ? AND resets_at IS NOT NULL ORDER BY resets_at DESC, id DESC LIMIT 8"
        waiting = f"{sql} account = ? AND key = ? AND resets_at IS NULL ORDER BY id DESC LIMIT 1"
        return [_window(row) for row in (*db.execute(begun, (account, key)), *db.execute(waiting, (account, key)))]
    if since is not None:
        clauses.append("(resets_at IS NULL OR resets_at >= ?)")
        values.append(since)
    rows = db.execute(f"{sql}{' AND '.join(clauses)} ORDER BY resets_at DESC, id DESC", values)
    return [_window(row) for row in rows]


def window_of(db: sqlite3.Connection, account: int, key: str, resets_at: int | None) -> Window | None:
    """The window of a limit with that reset, or (None) the one that has not begun."""
    sql = f"SELECT {_COLUMNS} FROM window WHERE account = ? AND key = ? AND "
    if resets_at is None:
        row = db.execute(f"{sql} resets_at IS NULL ORDER BY id DESC LIMIT 1", (account, key)).fetchone()
    else:
        near = f"{sql} resets_at BETWEEN ? AND ? ORDER BY abs(resets_at - ?), id DESC LIMIT 1"
        span = (resets_at - CLOCK_MS, resets_at + CLOCK_MS, resets_at)
        row = db.execute(near, (account, key, *span)).fetchone()
    return None if row is None else _window(row)


def known_resets(db: sqlite3.Connection, account: int, key: str, until: int) -> list[int]:
    """Resets of the windows of an account's limit that were first seen by a moment, newest first."""
    sql = (
        "SELECT resets_at FROM window WHERE account = ? AND key = ? AND resets_at IS NOT NULL AND first_at <= ?"
        " ORDER BY resets_at DESC"
    )
    return [int(row[0]) for row in db.execute(sql, (account, key, until))]


def begun_windows(db: sqlite3.Connection, account: int, key: str) -> list[tuple[int, int]]:
    """Reset and first observation of the last windows of a limit, newest first."""
    sql = (
        "SELECT resets_at, first_at FROM window WHERE account = ? AND key = ? AND resets_at IS NOT NULL"
        " ORDER BY resets_at DESC LIMIT 400"
    )
    return [(int(resets_at), int(first_at)) for resets_at, first_at in db.execute(sql, (account, key))]


def all_windows(
    db: sqlite3.Connection, key: str | None = None, account: int | None = None, since: int | None = None
) -> list[OwnedWindow]:
    """Every window with a known reset, except of forgotten accounts: of one limit, of one account, of those that had not
    reset at a moment; oldest first."""
    sql = (
        "SELECT w.account, w.id, w.key, w.label, w.part, w.resets_at, w.source, w.peak, w.first_at, w.wall_at,"
        " CASE WHEN w.peak >= 100 THEN (SELECT min(r.observed_at) FROM reading r JOIN level l ON l.reading = r.id"
        " WHERE r.account = w.account AND l.key = w.key AND l.percent >= 100 AND r.outcome = 'ok'"
        " AND r.observed_at BETWEEN w.first_at AND w.resets_at) END"
        " FROM window w JOIN account ON account.id = w.account"
        " WHERE hidden_at IS NULL AND resets_at IS NOT NULL AND (?1 IS NULL OR key = ?1) AND (?2 IS NULL OR account = ?2)"
        " AND (?3 IS NULL OR resets_at > ?3)"
        " ORDER BY resets_at, account.uuid, account.organization, w.key, w.id"
    )
    return [OwnedWindow._make(row) for row in db.execute(sql, (key, account, since))]


def observations(
    db: sqlite3.Connection, account: int, keys: Sequence[str], since: int, until: int
) -> dict[str, list[Observation]]:
    """Observations of an account's limits in a stretch, by key, oldest first."""
    sql = (
        "SELECT l.key, r.observed_at, l.percent, l.resets_at, r.source, r.confirmed_at, r.session FROM reading r"
        f" JOIN level l ON l.reading = r.id WHERE r.account = ? AND r.{FROM_ANY_SOURCE} AND r.last_at >= ? AND r.observed_at <= ?"
        f" AND r.outcome = 'ok' AND l.key IN ({', '.join('?' * len(keys))}) ORDER BY r.observed_at, r.id"
    )
    found: dict[str, list[Observation]] = {key: [] for key in keys}
    for key, at, percent, resets_at, source, confirmed_at, session in db.execute(sql, (account, since, until, *keys)):
        if confirmed_at >= since:
            found[key].append(Observation(at, percent, resets_at, source, min(confirmed_at, until), str(session)))
    return found


# -- bringing a window forward ---------------------------------------------------------------------------------


def observe(db: sqlite3.Connection, account: int, limit: Limit, at: int, source: str) -> None:
    """Bring the window of a limit forward by one observation, inside a transaction of the caller's."""
    resets_at = limit.resets_at
    if resets_at is None and source == DESKTOP:
        resets_at = running_reset(begun_windows(db, account, limit.key), at, limit.group)
    seen = Observation(at, limit.percent, resets_at, source)
    window = window_of(db, account, limit.key, resets_at)
    if window is None:
        _insert(db, account, limit, begin(seen))
        if resets_at is not None:
            _adopt(db, account, limit, resets_at)
    elif order(at, limit.percent, source) >= order(window.at, window.percent, window.source):
        _write(db, window.id, advance(window.state, seen))
        _describe(db, window.id, limit)
    else:
        rebuild(db, account, limit.key, window)


def rebuild(db: sqlite3.Connection, account: int, key: str, window: Window) -> None:
    """Work out a window again from all of its observations; one without any is deleted unless it was refused."""
    seen = _observations_of(db, account, key, window)
    if not seen:
        if window.wall_at is None:
            db.execute("DELETE FROM window WHERE id = ?", (window.id,))
        else:
            at = window.wall_at
            _write(db, window.id, State(window.resets_at, None, at, TRANSCRIPT, None, None, at))
        return
    state = begin(seen[0])
    for one in seen[1:]:
        state = advance(state, one)
    if window.wall_at is not None:
        state = state._replace(first_at=min(state.first_at, window.wall_at))
    _write(db, window.id, state)


def rebuild_touched(db: sqlite3.Connection, account: int, readings: Iterable[int]) -> None:
    """Work out again the windows of an account that readings (ids) have a part in; missing ones are made."""
    ids = list(readings)
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        sql = (
            "SELECT DISTINCT l.key, l.resets_at FROM level l WHERE l.reading IN"
            f" ({', '.join('?' * len(some))}) ORDER BY l.key, l.resets_at"
        )
        for key, resets_at in db.execute(sql, some).fetchall():
            window = window_of(db, account, key, resets_at)
            if window is not None:
                rebuild(db, account, key, window)
                continue
            found = db.execute(
                "SELECT label, part, scope, severity, r.observed_at, r.source, percent FROM level l JOIN reading r ON"
                f" r.id = l.reading WHERE l.reading IN ({', '.join('?' * len(some))}) AND l.key = ? AND l.resets_at IS ?"
                " AND r.account = ? AND r.outcome = 'ok' ORDER BY r.observed_at DESC LIMIT 1",
                (*some, key, resets_at, account),
            ).fetchone()
            if found is None:
                continue
            label, part, scope, severity, at, source, percent = found
            limit = Limit(key, label, part, percent, resets_at, severity, scope)
            _insert(db, account, limit, begin(Observation(at, percent, resets_at, source)))
            made = window_of(db, account, key, resets_at)
            if made is not None:
                rebuild(db, account, key, made)


def refuse(db: sqlite3.Connection, account: int, limit: Limit, at: int) -> None:
    """Note in the window of a limit (with a reset) that the service refused at a moment."""
    window = window_of(db, account, limit.key, limit.resets_at)
    if window is None:
        _insert(db, account, limit, State(limit.resets_at, None, at, TRANSCRIPT, None, None, at))
        window = window_of(db, account, limit.key, limit.resets_at)
    if window is not None:
        db.execute("UPDATE window SET wall_at = min(coalesce(wall_at, ?1), ?1) WHERE id = ?2", (at, window.id))


def _observations_of(db: sqlite3.Connection, account: int, key: str, window: Window) -> list[Observation]:
    """The observations of a window, in order. A source that names no reset means the window that ran at each moment."""
    length = LENGTHS.get(window.group, _LONGEST_MS)
    span: tuple[int, ...] = ()
    if window.resets_at is None:
        clause, since = "l.resets_at IS NULL", window.at - _LONGEST_MS
    else:
        clause = "(l.resets_at BETWEEN ? AND ? OR l.resets_at IS NULL)"
        span = (window.resets_at - CLOCK_MS, window.resets_at + CLOCK_MS)
        since = min(window.first_at, window.resets_at - 2 * length)
    sql = (
        "SELECT r.observed_at, l.percent, l.resets_at, r.source, r.confirmed_at FROM reading r"
        f" JOIN level l ON l.reading = r.id WHERE r.account = ? AND r.{FROM_ANY_SOURCE} AND r.last_at >= ?"
        f" AND r.outcome = 'ok' AND l.key = ? AND {clause}"
    )
    rows = expand(Observation(*row) for row in db.execute(sql, (account, since, key, *span)))
    if all(one.resets_at is not None or one.source != DESKTOP for one in rows):
        return [one for one in rows if (one.resets_at is None) == (window.resets_at is None)]
    known = begun_windows(db, account, key)
    found = []
    for one in rows:
        named = one.resets_at
        if named is None and one.source == DESKTOP:
            named = running_reset(known, one.at, window.group)
        if named == window.resets_at or (named is not None and one.resets_at is not None):
            found.append(one._replace(resets_at=named))
    return found


def _adopt(db: sqlite3.Connection, account: int, limit: Limit, resets_at: int) -> None:
    """Move observations to a new window that were read before its reset was known."""
    waiting = window_of(db, account, limit.key, None)
    made = window_of(db, account, limit.key, resets_at)
    if waiting is not None and waiting.source == DESKTOP and made is not None:
        rebuild(db, account, limit.key, made)
        rebuild(db, account, limit.key, waiting)


def _insert(db: sqlite3.Connection, account: int, limit: Limit, state: State) -> None:
    id = db.execute(
        "INSERT INTO window (account, key, label, part, scope, severity, resets_at, percent, at, source, steady, peak,"
        " first_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (account, limit.key, limit.label, limit.group, limit.scope, limit.severity, *state),
    ).fetchone()[0]
    _describe(db, id, limit)


def _write(db: sqlite3.Connection, id: int, state: State) -> None:
    sql = "UPDATE window SET resets_at = ?, percent = ?, at = ?, source = ?, steady = ?, peak = ?, first_at = ? WHERE id = ?"
    db.execute(sql, (*state, id))


def _describe(db: sqlite3.Connection, id: int, limit: Limit) -> None:
    """Write the words and amounts of the newest observation."""
    detail = LimitDetail(limit.used, limit.limit, limit.left, limit.locked, limit.allowance, limit.allowance_used)
    text = None
    if any(value is not None for value in detail):
        import json  # of money, mostly

        text = json.dumps(detail, separators=(",", ":"))
    sql = "UPDATE window SET label = ?, part = ?, severity = ?, detail = ? WHERE id = ?"
    db.execute(sql, (limit.label, limit.group, limit.severity, text, id))


def _window(row: tuple[object, ...]) -> Window:
    return Window._make((*row[:-1], _detail(row[-1])))


def _detail(text: object) -> LimitDetail:
    if not isinstance(text, str):
        return LimitDetail()
    used, limit, left, *rest = loads(text)
    return LimitDetail(_money(used), _money(limit), _money(left), *rest)


def _money(value: list[Any] | None) -> Money | None:
    return None if value is None else Money(*value)


def has_refusals(db: sqlite3.Connection, account: int, since: int, at: int) -> bool:
    """Is there any refusal of an account that may hold at a moment?"""
    sql = (
        "SELECT 1 FROM refusal WHERE account = ?1 AND (resets_at > ?3 OR (resets_at IS NULL AND at >= ?2)"
        " OR (resets_at <= at AND at > ?4)) LIMIT 1"
    )
    return db.execute(sql, (account, since, at, at - HELD_MS)).fetchone() is not None


# -- sources ---------------------------------------------------------------------------------------------------


class SourceActivity(NamedTuple):
    """The readings of one source: its last good one, the last of all with its outcome and first problem (epoch ms, None
    for never), and how many since a moment."""

    answered_at: int | None
    at: int | None
    outcome: str | None
    problem: str | None
    times: int


def source_activity(db: sqlite3.Connection, since: int) -> dict[str, SourceActivity]:
    """By source: its readings, counted since a moment."""
    found: dict[str, SourceActivity] = {}
    counts = dict(db.execute("SELECT source, sum(times) FROM reading WHERE last_at >= ? GROUP BY source", (since,)))
    good = dict(db.execute("SELECT source, max(last_at) FROM reading WHERE outcome = 'ok' GROUP BY source"))
    last = db.execute("SELECT source, max(last_at), outcome, problems FROM reading GROUP BY source")
    for source, at, outcome, problems in last:
        first = loads(problems)[0] if problems else None
        found[source] = SourceActivity(good.get(source), at, outcome, first, int(counts.get(source, 0)))
    refused_at = db.execute("SELECT max(at) FROM refusal").fetchone()[0]
    if refused_at is not None:
        found[TRANSCRIPT] = SourceActivity(refused_at, refused_at, OK, None, int(refused_at >= since))
    return found
