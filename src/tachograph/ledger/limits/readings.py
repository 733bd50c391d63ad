"""Readings of limits: every report of a source, with the moment of its news and the account that it belongs to.

A row is one set of values: `observed_at` is when they were first true, `confirmed_at` when they were last known to be
true, `last_at` when a source last repeated them. Of a fetched reading the last two are the same.

A status line repeats the last answer of its session at every redraw. Its reports are compared per session: equal values
are no news and keep their age and account; where anything differs, or `cost.total_api_duration_ms` has grown, an answer
lies between, and the values are as old as the draw. The first report of a session is as old as the last answer in its
transcript. A status line names no account: it belongs to the login of its config folder at the moment of its news, as
far as the login history says now (`login_history.account_at`); a login that is learned of later moves it (`refile`).
"""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Iterable, NamedTuple
from tachograph.ledger.limits import windows
from tachograph.ledger.limits.login_history import account_at, note_plan
from tachograph.ledger.limits.windows import FROM_ANY_SOURCE
from tachograph.ledger.usage.strings import Strings, storable
from tachograph.model.limits.limits import (
    OK,
    STATUSLINE,
    AccountId,
    BankedReset,
    ExtraUsage,
    Limit,
    Money,
    Reading,
    Share,
)
from tachograph.model.limits.money import money_limits
from tachograph.model.limits.window_state import CLOCK_MS

if TYPE_CHECKING:
    from typing import Any


class StoredReading(NamedTuple):
    """A reading as the ledger holds it: when its values were last repeated and last confirmed, and how often."""

    id: int
    reading: Reading
    last_at: int
    times: int
    confirmed_at: int


def account_id(db: sqlite3.Connection, account: AccountId | None, folder: int, at: int | None = None) -> int:
    """The account of a reading: the named one; the only one of its organization; else the login of the config folder at
    a moment (None: the newest login)."""
    if account is not None and account.uuid:
        sql = (
            "INSERT INTO account (uuid, organization) VALUES (?, ?) ON CONFLICT DO UPDATE SET uuid = uuid RETURNING id"
        )
        return int(db.execute(sql, account).fetchone()[0])
    if account is not None and account.organization:
        rows = db.execute("SELECT id FROM account WHERE organization = ?", (account.organization,)).fetchall()
        return int(rows[0][0]) if len(rows) == 1 else 0
    return current_account(db, folder) if at is None else account_at(db, folder, at)


def current_account(db: sqlite3.Connection, folder: int) -> int:
    """The account of the newest login of a config folder (string id); 0 where no login was seen."""
    row = db.execute(
        "SELECT account FROM login WHERE folder = ? ORDER BY last_seen DESC, id DESC LIMIT 1", (folder,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def append(
    db: sqlite3.Connection, names: Strings, reading: Reading, folder: str = "", answered_at: int | None = None
) -> int:
    """Store a reading, inside a transaction of the caller's; returns its account.

    `answered_at`: of a status line, the last answer in the transcript of its session, None where unknown.
    """
    where = names.id(folder)
    if reading.source == STATUSLINE:
        return _append_report(db, names, reading, where, answered_at)
    account = account_id(db, reading.account, where, reading.observed_at)
    limits = _all_limits(reading)
    newest = _newest(db, account, reading.source)
    is_same = newest is not None and _values(newest.reading) == _values(reading._replace(limits=limits))
    if newest is not None and is_same and reading.observed_at >= newest.reading.observed_at:
        at = reading.observed_at
        db.execute(
            "UPDATE reading SET last_at = max(last_at, ?1), confirmed_at = max(confirmed_at, ?1), times = times + 1"
            " WHERE id = ?2",
            (at, newest.id),
        )
    else:
        _insert(db, account, where, names, reading, limits)
        if newest is not None and account and reading.extra is not None and newest.last_at <= reading.observed_at:
            from tachograph.ledger.limits import metered  # not for a status line

            metered.note_readings(db, names, account, folder, newest.last_at, newest.reading, reading)
    if reading.outcome == OK:
        for limit in limits:
            windows.observe(db, account, limit, reading.observed_at, reading.source)
        note_plan(db, account, reading.plan, reading.observed_at)
    return account


def folders(db: sqlite3.Connection, since: int) -> list[str]:
    """The config folders that a status line reported limits of since a moment."""
    sql = (
        "SELECT DISTINCT name.text FROM reading JOIN name ON name.id = folder WHERE account IN (SELECT id FROM account)"
        " AND source = ? AND last_at >= ? AND folder <> 0 ORDER BY 1"
    )
    return [text for (text,) in db.execute(sql, (STATUSLINE, since))]


def _append_report(
    db: sqlite3.Connection, names: Strings, reading: Reading, folder: int, answered_at: int | None
) -> int:
    """Store a report of a status line."""
    at = reading.observed_at
    session, limits = names.id(reading.session), _all_limits(reading)
    mark = _mark(limits)
    earlier = db.execute(
        "SELECT id, account, mark, api_ms FROM reading WHERE source = ? AND session = ? AND folder = ? AND outcome = ?"
        " ORDER BY last_at DESC, id DESC LIMIT 400",
        (STATUSLINE, session, folder, OK),
    ).fetchall()
    if not session:  # without a session, reports of several cannot be told apart
        earlier = earlier[:1]
    for place, (id, account, known_mark, api_ms) in enumerate(earlier):
        if known_mark != mark:
            continue
        if api_ms is None or reading.api_ms is None or api_ms == reading.api_ms:
            db.execute(
                "UPDATE reading SET last_at = max(last_at, ?), times = times + 1, api_ms = coalesce(api_ms, ?)"
                " WHERE id = ?",
                (at, reading.api_ms, id),
            )
            return int(account)
        if place == 0 and account_id(db, reading.account, folder, at) == account:  # an answer that moved no number
            db.execute(
                "UPDATE reading SET last_at = max(last_at, ?1), confirmed_at = max(confirmed_at, ?1),"
                " times = times + 1, api_ms = ?2 WHERE id = ?3",
                (at, reading.api_ms, id),
            )
            _observe_all(db, int(account), limits, at)
            return int(account)
    if not earlier and answered_at is not None:
        at = min(at, answered_at)
    account = account_id(db, reading.account, folder, at)
    _insert(db, account, folder, names, reading._replace(observed_at=at), limits, reading.observed_at)
    _observe_all(db, account, limits, at)
    return account


def _observe_all(db: sqlite3.Connection, account: int, limits: Iterable[Limit], at: int) -> None:
    for limit in limits:
        windows.observe(db, account, limit, at, STATUSLINE)


def is_repeat(db: sqlite3.Connection, reading: Reading, folder: str) -> bool:
    """Does a status line say what its session already said, so that no answer lies between?"""
    sql = (
        "SELECT 1 FROM reading JOIN name s ON s.id = session JOIN name f ON f.id = folder WHERE source = ?"
        " AND s.text = ? AND f.text = ? AND mark = ? AND outcome = ? AND (api_ms IS NULL OR ?6 IS NULL OR api_ms = ?6)"
    )
    values = (STATUSLINE, storable(reading.session), storable(folder), _mark(_all_limits(reading)), OK, reading.api_ms)
    return reading.session != "" and db.execute(sql, values).fetchone() is not None


def is_first(db: sqlite3.Connection, session: str) -> bool:
    """Has no status line of this session reported limits yet?"""
    sql = "SELECT 1 FROM reading JOIN name ON name.id = session WHERE source = ? AND name.text = ? LIMIT 1"
    return db.execute(sql, (STATUSLINE, storable(session))).fetchone() is None


def refile(db: sqlite3.Connection, folder: int, since: int) -> None:
    """Move status line readings of a config folder to the account that the login history now says, inside a transaction
    of the caller's: those with news since a moment."""
    rows = db.execute(
        "SELECT id, account, confirmed_at FROM reading WHERE source = ? AND folder = ? AND last_at >= ?"
        " AND confirmed_at >= ?",
        (STATUSLINE, folder, since, since),
    ).fetchall()
    moved: dict[int, list[int]] = {}
    for id, account, at in rows:
        owner = account_at(db, folder, at)
        if owner != account:
            db.execute("UPDATE reading SET account = ? WHERE id = ?", (owner, id))
            moved.setdefault(account, []).append(id)
            moved.setdefault(owner, []).append(id)
    for account, ids in moved.items():
        windows.rebuild_touched(db, account, ids)


def _all_limits(reading: Reading) -> tuple[Limit, ...]:
    """The limits of a reading with those that its section on metered use holds."""
    return (*reading.limits, *money_limits(reading)) if reading.outcome == OK else reading.limits


def _values(reading: Reading) -> tuple[Any, ...]:
    return (*reading._replace(observed_at=0, account=None, session="", model="", api_ms=None),)


def _mark(limits: Iterable[Limit]) -> str:
    """The values of a report as text, to compare reports by."""
    return ";".join(f"{x.key} {x.percent} {x.resets_at} {x.used and x.used.minor}" for x in limits)


def _insert(
    db: sqlite3.Connection,
    account: int,
    folder: int,
    names: Strings,
    reading: Reading,
    limits: tuple[Limit, ...],
    drawn_at: int = 0,
) -> None:
    id = db.execute(
        "INSERT INTO reading (account, source, folder, observed_at, confirmed_at, last_at, times, outcome, plan, extra,"
        " breakdown, problems, session, api_ms, model, banked, mark)"
        " VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            account,
            reading.source,
            folder,
            reading.observed_at,
            reading.observed_at,
            max(reading.observed_at, drawn_at),
            reading.outcome,
            reading.plan or "",
            _json(reading.extra),
            _json(reading.breakdown or None),
            _json(reading.problems or None),
            names.id(reading.session),
            reading.api_ms,
            names.id(reading.model),
            _json(reading.banked or None),
            _mark(limits) if reading.source == STATUSLINE else None,
        ),
    ).fetchone()[0]
    db.executemany(
        "INSERT INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                id,
                place,
                *limit[:5],
                limit.severity,
                limit.scope,
                limit.is_grant,
                _json(limit.used),
                _json(limit.limit),
                _json([limit.left, *limit[11:]]) if any(value is not None for value in limit[10:]) else None,
            )
            for place, limit in enumerate(limits)
        ],
    )


def last_use(db: sqlite3.Connection, account: int, since: int) -> int:
    """Time of an account's last use on this machine after a moment, to a quarter hour; 0 without use.

    By its messages and by the news of its status lines.
    """
    bucket = db.execute(
        "SELECT max(bucket) FROM rollup WHERE bucket >= ? AND account = ?", (since // 900_000, account)
    ).fetchone()[0]
    piped = db.execute(
        "SELECT max(confirmed_at) FROM reading WHERE account = ? AND source = ? AND last_at >= ? AND outcome = ?",
        (account, STATUSLINE, since, OK),
    ).fetchone()[0]
    return max(0 if bucket is None else (int(bucket) + 1) * 900_000, int(piped or 0))


def newest(db: sqlite3.Connection, account: int) -> list[StoredReading]:
    """The newest reading of each source for an account, the newest of them first."""
    sources = [s for (s,) in db.execute("SELECT DISTINCT source FROM reading WHERE account = ?", (account,))]
    found = [stored for source in sources if (stored := _newest(db, account, source)) is not None]
    return sorted(found, key=lambda stored: -stored.confirmed_at)


def _newest(db: sqlite3.Connection, account: int, source: str) -> StoredReading | None:
    row = db.execute(
        "SELECT id, observed_at, outcome, plan, extra, breakdown, problems, banked, last_at, times, confirmed_at"
        " FROM reading WHERE account = ? AND source = ? AND outcome <> 'clock' ORDER BY last_at DESC, id DESC LIMIT 1",
        (account, source),
    ).fetchone()
    if row is None:
        return None
    id, observed_at, outcome, plan, extra, breakdown, problems, banked, last_at, times, confirmed_at = row
    levels = db.execute(
        "SELECT key, label, part, percent, resets_at, severity, scope, is_grant, used, cap, detail FROM level"
        " WHERE reading = ? ORDER BY place",
        (id,),
    )
    limits = tuple(Limit._make((*v[:7], bool(v[7]), _money(v[8]), _money(v[9]), *_detail(v[10]))) for v in levels)
    reading = Reading(
        source,
        observed_at,
        outcome,
        None,
        limits,
        _extra(extra),
        tuple(Share(*share) for share in loads(breakdown)) if breakdown else (),
        plan or None,
        tuple(loads(problems)) if problems else (),
        banked=tuple(BankedReset(*one) for one in loads(banked)) if banked else (),
    )
    return StoredReading(id, reading, last_at, times, confirmed_at)


def last_at(db: sqlite3.Connection, source: str, folder: str, now_ms: int) -> int:
    """Time of a source's last report from a config folder, epoch milliseconds; 0 for never. Moments in the future,
    written by a wrong clock, are no times."""
    sql = (
        "SELECT max(last_at) FROM reading JOIN name ON name.id = folder WHERE source = ? AND name.text = ?"
        " AND last_at <= ? AND outcome <> 'clock'"
    )
    return int(db.execute(sql, (source, storable(folder), now_ms + CLOCK_MS)).fetchone()[0] or 0)


def last_model(db: sqlite3.Connection, account: int) -> str:
    """The model that the newest status line of an account named; "" where none did."""
    row = db.execute(
        "SELECT name.text FROM reading JOIN name ON name.id = model WHERE account = ? AND source = ? AND model <> 0"
        " AND outcome = ? ORDER BY last_at DESC LIMIT 1",
        (account, STATUSLINE, OK),
    ).fetchone()
    return "" if row is None else str(row[0])


def least_spend(db: sqlite3.Connection, account: int, since: int) -> float | None:
    """The least metered use of an account that was read since a moment, in minor units; None for none."""
    sql = (
        "SELECT min(json_extract(extra, '$[1][0]')) FROM reading WHERE account = ? AND"
        f" {FROM_ANY_SOURCE} AND last_at >= ? AND outcome = ? AND extra IS NOT NULL"
    )
    found = db.execute(sql, (account, since, OK)).fetchone()[0]
    return None if found is None else float(found)


def accounts_with_readings(db: sqlite3.Connection) -> Iterable[tuple[int, str, str, str, str]]:
    """Accounts with any reading that are not forgotten: id, uuid, organization, label, plan."""
    return db.execute(
        "SELECT id, uuid, organization, CASE given WHEN '' THEN label ELSE given END, plan FROM account"
        " WHERE hidden_at IS NULL AND (id IN (SELECT DISTINCT account FROM reading)"
        " OR id IN (SELECT DISTINCT account FROM window) OR id IN (SELECT DISTINCT account FROM refusal))"
    ).fetchall()


def _json(value: Any) -> str | None:
    if value is None:
        return None
    import json  # seldom, and long to load

    return json.dumps(value, separators=(",", ":"))


def _money(text: str | None) -> Money | None:
    return None if text is None else Money(*loads(text))


def _detail(text: str | None) -> tuple[Any, ...]:
    if text is None:
        return (None, None, None, None)
    left, *rest = loads(text)
    return (Money(*left) if left else None, *rest)


def _extra(text: str | None) -> ExtraUsage | None:
    if text is None:
        return None
    enabled, used, limit, percent, blocked, *more = loads(text)
    return ExtraUsage(
        enabled,
        Money(*used) if used else None,
        Money(*limit) if limit else None,
        percent,
        blocked,
        Money(*more[0]) if more and more[0] else None,
    )
