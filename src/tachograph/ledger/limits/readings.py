"""Keeps what sources say about limits: every reading, and for each window of each limit what holds now.

What holds now (table `window`) follows from the readings by two rules. A reading that was fetched (from the service, a
browser, or a file of an app that asked) replaces what is there if it is newer. The status line of an idle session
repeats old values, so among its readings the highest of a window holds until that resets; one that is lower than what
holds confirms nothing.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from tachograph.ledger.usage.strings import Strings, storable
from tachograph.model.limits.limits import (
    DESKTOP,
    FIVE_HOUR,
    OK,
    STATUSLINE,
    AccountId,
    ExtraUsage,
    Limit,
    Money,
    Reading,
    Share,
    same_reset,
)

_WINDOW = "id, key, label, part, scope, resets_at, percent, at, source, severity, peak, first_at, wall_at"


class Window(NamedTuple):
    """One limit from one reset to the next. Times are epoch milliseconds.

    `percent` is what `source` said at `at`; `peak` the most it reached; `wall_at` when the service first refused.
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


class Said(NamedTuple):
    """A reading as it stands in the ledger: when its values were first and last said, and how often."""

    id: int
    reading: Reading
    last_at: int
    times: int


def account_id(db: sqlite3.Connection, account: AccountId | None, folder: int) -> int:
    """The account of a reading: as named; by its organisation alone; else who is logged in for the config folder."""
    if account is not None and account.uuid:
        sql = (
            "INSERT INTO account (uuid, organization) VALUES (?, ?) ON CONFLICT DO UPDATE SET uuid = uuid RETURNING id"
        )
        return int(db.execute(sql, account).fetchone()[0])
    if account is not None and account.organization:
        rows = db.execute("SELECT id FROM account WHERE organization = ?", (account.organization,)).fetchall()
        return int(rows[0][0]) if len(rows) == 1 else 0
    return current_account(db, folder)


def current_account(db: sqlite3.Connection, folder: int) -> int:
    """The account that was logged in last for a config folder (name id); 0 where nobody ever was."""
    row = db.execute(
        "SELECT account FROM login WHERE folder = ? ORDER BY last_seen DESC, id DESC LIMIT 1", (folder,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def append(db: sqlite3.Connection, names: Strings, reading: Reading, folder: str = "") -> int:
    """Keep a reading, inside a transaction of the caller's; returns its account.

    The same values again from the same source are no new row: the row says how often and until when they were said.
    """
    where = names.id(folder)
    account = account_id(db, reading.account, where)
    newest = _newest(db, account, reading.source)
    if newest is not None and newest.reading._replace(observed_at=reading.observed_at) == reading._replace(
        account=None
    ):
        db.execute(
            "UPDATE reading SET last_at = max(last_at, ?), times = times + 1 WHERE id = ?",
            (reading.observed_at, newest.id),
        )
    else:
        _insert(db, account, where, reading)
    if reading.outcome == OK:
        for limit in reading.limits:
            _hold(db, account, limit, reading)
    return account


def _insert(db: sqlite3.Connection, account: int, folder: int, reading: Reading) -> None:
    id = db.execute(
        "INSERT INTO reading (account, source, folder, observed_at, last_at, times, outcome, plan, extra, breakdown,"
        " problems) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) RETURNING id",
        (
            account,
            reading.source,
            folder,
            reading.observed_at,
            reading.observed_at,
            reading.outcome,
            reading.plan or "",
            _json(reading.extra),
            _json(reading.breakdown or None),
            _json(reading.problems or None),
        ),
    ).fetchone()[0]
    db.executemany(
        "INSERT INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (id, place, *limit[:5], limit.severity, limit.scope, limit.is_grant, _json(limit.used), _json(limit.limit))
            for place, limit in enumerate(reading.limits)
        ],
    )


def _hold(db: sqlite3.Connection, account: int, limit: Limit, reading: Reading) -> None:
    """Let a limit of a reading hold in its window, if it may."""
    at = reading.observed_at
    known_windows = windows(db, account, limit.key)
    if limit.resets_at is None and reading.source == DESKTOP:  # it never says when: of the window that is running
        running = next((w for w in known_windows if w.resets_at is not None and w.resets_at > at), None)
        limit = limit._replace(resets_at=running.resets_at) if running else limit
    window = next((w for w in known_windows if _is_same(w, limit)), None)
    if window is None:
        db.execute(
            "INSERT INTO window (account, key, label, part, scope, resets_at, percent, at, source, severity, peak,"
            " first_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                account,
                limit.key,
                limit.label,
                limit.group,
                limit.scope,
                limit.resets_at,
                limit.percent,
                at,
                reading.source,
                limit.severity,
                limit.percent,
                at,
            ),
        )
        return
    if at < window.at:
        return
    known = -1.0 if window.percent is None else window.percent
    if reading.source == STATUSLINE and (limit.percent is None or limit.percent < known):
        return
    peak = max((p for p in (window.peak, limit.percent) if p is not None), default=None)
    db.execute(
        "UPDATE window SET percent = ?, at = ?, source = ?, severity = ?, label = ?, peak = ?, resets_at = ? WHERE id = ?",
        (limit.percent, at, reading.source, limit.severity, limit.label, peak, limit.resets_at, window.id),
    )


def _is_same(window: Window, limit: Limit) -> bool:
    """Whether a limit is of a window: the same reset, or both not begun."""
    if window.resets_at is None or limit.resets_at is None:
        return window.resets_at is None and limit.resets_at is None
    return same_reset(window.resets_at, limit.resets_at)


def hit_wall(db: sqlite3.Connection, account: int, key: str, label: str, at: int, resets_at: int | None) -> None:
    """Note that the service refused: the window is at its wall from then on."""
    limit = Limit(key, label, "session" if key == FIVE_HOUR else "weekly", None, resets_at)
    window = next((w for w in windows(db, account, key) if _is_same(w, limit)), None)
    if window is None:
        db.execute(
            "INSERT INTO window (account, key, label, part, resets_at, percent, at, source, first_at, wall_at)"
            " VALUES (?, ?, ?, ?, ?, NULL, ?, 'transcript', ?, ?)",
            (account, key, label, limit.group, resets_at, at, at, at),
        )
    else:
        db.execute("UPDATE window SET wall_at = min(coalesce(wall_at, ?1), ?1) WHERE id = ?2", (at, window.id))


def windows(db: sqlite3.Connection, account: int, key: str | None = None, since: int | None = None) -> list[Window]:
    """The windows of an account, newest first: of one limit, or only those that had not reset at a moment."""
    clauses, values = ["account = ?"], [account]
    sql = f"SELECT {_WINDOW} FROM window WHERE "
    if key is not None:
        # one that has not begun has no reset and would stand behind all others: it is looked up by itself
        begun = f"{sql} account = ? AND key = ? AND resets_at IS NOT NULL ORDER BY resets_at DESC, id DESC LIMIT 8"
        waiting = f"{sql} account = ? AND key = ? AND resets_at IS NULL ORDER BY id DESC LIMIT 1"
        found = [*db.execute(begun, (account, key)), *db.execute(waiting, (account, key))]
        return [Window._make(row) for row in found]
    if since is not None:
        clauses.append("(resets_at IS NULL OR resets_at >= ?)")
        values.append(since)
    rows = db.execute(f"{sql}{' AND '.join(clauses)} ORDER BY resets_at DESC, id DESC", values)
    return [Window._make(row) for row in rows]


def known_resets(db: sqlite3.Connection, account: int, key: str) -> list[int]:
    """When the windows of an account's limit reset, newest first."""
    sql = "SELECT resets_at FROM window WHERE account = ? AND key = ? AND resets_at IS NOT NULL ORDER BY resets_at DESC"
    return [int(row[0]) for row in db.execute(sql, (account, key))]


def last_use(db: sqlite3.Connection, account: int, since: int) -> int:
    """When an account was last used on this machine after a moment, as far as a quarter hour; 0 where it was not.

    By its messages and by what Claude Code piped to its status line.
    """
    bucket = db.execute(
        "SELECT max(bucket) FROM rollup WHERE bucket >= ? AND account = ?", (since // 900_000, account)
    ).fetchone()[0]
    piped = db.execute(
        "SELECT max(last_at) FROM reading WHERE account = ? AND source = ? AND last_at >= ?",
        (account, STATUSLINE, since),
    ).fetchone()[0]
    return max(0 if bucket is None else (int(bucket) + 1) * 900_000, int(piped or 0))


def newest(db: sqlite3.Connection, account: int) -> list[Said]:
    """The newest reading of each source for an account, the newest of them first."""
    sources = [s for (s,) in db.execute("SELECT DISTINCT source FROM reading WHERE account = ?", (account,))]
    found = [said for source in sources if (said := _newest(db, account, source)) is not None]
    return sorted(found, key=lambda said: -said.last_at)


def _newest(db: sqlite3.Connection, account: int, source: str) -> Said | None:
    row = db.execute(
        "SELECT id, observed_at, outcome, plan, extra, breakdown, problems, last_at, times FROM reading"
        " WHERE account = ? AND source = ? ORDER BY last_at DESC, id DESC LIMIT 1",
        (account, source),
    ).fetchone()
    if row is None:
        return None
    id, observed_at, outcome, plan, extra, breakdown, problems, last_at, times = row
    levels = db.execute(
        "SELECT key, label, part, percent, resets_at, severity, scope, is_grant, used, cap FROM level"
        " WHERE reading = ? ORDER BY place",
        (id,),
    )
    limits = tuple(Limit(*v[:7], bool(v[7]), _money(v[8]), _money(v[9])) for v in levels)  # type: ignore[call-arg]
    reading = Reading(
        source,
        observed_at,
        outcome,
        None,
        limits,
        _extra(extra),
        tuple(Share(*share) for share in json.loads(breakdown)) if breakdown else (),
        plan or None,
        tuple(json.loads(problems)) if problems else (),
    )
    return Said(id, reading, last_at, times)


def last_at(db: sqlite3.Connection, source: str, folder: str) -> int:
    """When a source last said something by way of a config folder, epoch milliseconds; 0 for never."""
    sql = "SELECT max(last_at) FROM reading JOIN name ON name.id = folder WHERE source = ? AND name.text = ?"
    return int(db.execute(sql, (source, storable(folder))).fetchone()[0] or 0)


def accounts_with_readings(db: sqlite3.Connection) -> Iterable[tuple[int, str, str, str, str]]:
    """Accounts of which something was ever read, and that nobody forgot: id, uuid, organisation, label, plan."""
    return db.execute(
        "SELECT id, uuid, organization, CASE given WHEN '' THEN label ELSE given END, plan FROM account"
        " WHERE hidden_at IS NULL AND (id IN (SELECT DISTINCT account FROM reading)"
        " OR id IN (SELECT DISTINCT account FROM window))"
    ).fetchall()


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))


def _money(text: str | None) -> Money | None:
    return None if text is None else Money(*json.loads(text))


def _extra(text: str | None) -> ExtraUsage | None:
    if text is None:
        return None
    enabled, used, limit, percent, blocked, *_ = json.loads(text)
    return ExtraUsage(enabled, Money(*used) if used else None, Money(*limit) if limit else None, percent, blocked)
