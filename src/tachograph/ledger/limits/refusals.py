"""Refusals: when the service said no because of a limit, from the client's own notices in transcripts."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Sequence
from tachograph.ledger.limits import windows
from tachograph.ledger.limits.login_history import account_at
from tachograph.ledger.limits.windows import FROM_ANY_SOURCE
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import OK, STATUSLINE, Limit
from tachograph.model.limits.refusals import Answer, News, Refusal
from tachograph.model.limits.window_state import HELD_MS
from tachograph.model.parsing import limit_name
from tachograph.model.usage.messages import SIDECHAIN

_MOST_ANSWERS = 2_000


def note(
    db: sqlite3.Connection,
    names: Strings,
    folder: str,
    session: str,
    key: str,
    label: str,
    at: int,
    resets_at: int | None,
    scope: str = "",
) -> None:
    """Note a refusal, inside a transaction of the caller's. `scope`: the one model that it concerns, "" for all."""
    where = names.id(folder)
    account = account_at(db, where, at, None if resets_at is None else {key: resets_at})
    note_for(db, account, key, label, at, resets_at, where, names.id(session), scope)


def note_for(
    db: sqlite3.Connection,
    account: int,
    key: str,
    label: str,
    at: int,
    resets_at: int | None,
    folder: int = 0,
    session: int = 0,
    scope: str = "",
) -> None:
    """Note a refusal of a known account."""
    db.execute(
        "INSERT OR IGNORE INTO refusal (account, folder, session, key, label, scope, at, resets_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (account, folder, session, key, label, scope, at, resets_at),
    )
    if resets_at is not None:
        windows.refuse(db, account, _limit(key, label, scope, resets_at), at)


def _limit(key: str, label: str, scope: str, resets_at: int | None) -> Limit:
    return Limit(key, label, limit_name(key).group, None, resets_at, scope=scope or limit_name(key).scope)


def refusals(db: sqlite3.Connection, account: int, at: int, since: int) -> list[Refusal]:
    """Refusals of an account up to a moment with a reset after it, or (without a reset) since another moment, or that came
    a short while ago and after their own reset; oldest first."""
    sql = (
        "SELECT key, label, refusal.scope, at, resets_at, name.text FROM refusal JOIN name ON name.id = session"
        " WHERE account = ?1 AND at <= ?2 AND (resets_at > ?2 OR (resets_at IS NULL AND at >= ?3)"
        " OR (resets_at <= at AND at > ?4)) ORDER BY at"
    )
    return [Refusal._make(row) for row in db.execute(sql, (account, at, since, at - HELD_MS))]


def news_after(db: sqlite3.Connection, account: int, keys: Sequence[str], since: int, until: int) -> list[News]:
    """Values of limits with news after a moment, oldest first; money that is locked has none. Of a status line, `before` is the previous news of its
    session, 0 where it had none."""
    sql = (
        f"SELECT r.confirmed_at, l.percent, r.source, r.session FROM reading r JOIN level l ON l.reading = r.id"
        f" WHERE r.account = ? AND r.{FROM_ANY_SOURCE} AND r.last_at >= ? AND r.confirmed_at > ? AND r.confirmed_at <= ?"
        f" AND r.outcome = ? AND l.key IN ({', '.join('?' * len(keys))}) AND l.percent IS NOT NULL"
        " AND coalesce(json_extract(l.detail, '$[1]'), '') = '' ORDER BY r.confirmed_at, r.id LIMIT 400"
    )
    found: list[News] = []
    before: dict[int, int] = {}
    for at, percent, source, session in db.execute(sql, (account, since, since, until, OK, *keys)):
        is_report = source == STATUSLINE
        if is_report and session not in before:
            earlier = "SELECT max(confirmed_at) FROM reading WHERE source = ? AND session = ? AND confirmed_at < ? AND outcome = ?"
            before[session] = int(db.execute(earlier, (source, session, at, OK)).fetchone()[0] or 0)
        text = db.execute("SELECT text FROM name WHERE id = ?", (session,)).fetchone()[0] if session else ""
        found.append(News(at, percent, None if not is_report else before[session], text))
        if is_report:
            before[session] = at
    return found


def answers_after(db: sqlite3.Connection, account: int, session: str, since: int, until: int) -> list[Answer]:
    """Billed answers of an account after a moment, oldest first. `before`: the previous answer of the same conversation
    after that moment, 0 without one.

    Those of `session` count also where their account is unknown, unless another account was seen since: a conversation
    goes on with whichever account signs in."""
    own = db.execute("SELECT id FROM session WHERE uuid = ? AND uuid <> ''", (session,)).fetchone()
    sql = (
        "SELECT a.at, a.session, a.flags, o.agent, name.text, b.at FROM answer a JOIN origin o ON o.id = a.origin"
        " JOIN name ON name.id = o.model LEFT JOIN request_time b ON b.identity = a.identity"
        " WHERE a.at > ?1 AND a.at <= ?2 AND a.billed AND (a.account = ?3 OR (a.session = ?4 AND a.account = 0 AND NOT"
        " EXISTS (SELECT 1 FROM login WHERE folder = o.folder AND account <> ?3 AND last_seen > ?1)))"
        " ORDER BY a.at, a.id LIMIT ?5"
    )
    mine = -1 if own is None else int(own[0])
    found: list[Answer] = []
    before: dict[tuple[int, int], int] = {}
    for at, conversation, flags, agent, model, began in db.execute(sql, (since, until, account, mine, _MOST_ANSWERS)):
        chain = (int(conversation), int(agent) if agent else -1 if flags & SIDECHAIN else 0)
        is_own = conversation == mine and not agent and not flags & SIDECHAIN
        found.append(Answer(at, model, before.get(chain, 0), is_own, began))
        before[chain] = at
    return found


def refile(db: sqlite3.Connection, folder: int, since: int) -> None:
    """Move refusals of a config folder since a moment to the account that the login history now says, inside a
    transaction of the caller's."""
    rows = db.execute(
        "SELECT id, account, key, label, scope, at, resets_at FROM refusal WHERE folder = ? AND at >= ?",
        (folder, since),
    ).fetchall()
    for id, account, key, label, scope, at, resets_at in rows:
        owner = account_at(db, folder, at, None if resets_at is None else {key: resets_at})
        if owner == account:
            continue
        db.execute("UPDATE OR REPLACE refusal SET account = ? WHERE id = ?", (owner, id))
        if resets_at is None:
            continue
        old = windows.window_of(db, account, key, resets_at)
        if old is not None:
            first = db.execute(
                "SELECT min(at) FROM refusal WHERE account = ? AND key = ? AND resets_at BETWEEN ? AND ?",
                (account, key, resets_at - 300_000, resets_at + 300_000),
            ).fetchone()[0]
            db.execute("UPDATE window SET wall_at = ? WHERE id = ?", (first, old.id))
            windows.rebuild(db, account, key, old._replace(wall_at=first))
        windows.refuse(db, owner, _limit(key, label, scope, resets_at), at)


def last_model(db: sqlite3.Connection, account: int, since: int) -> str:
    """The model of the newest answer of an account since a moment, on the main chain of its session; "" for none."""
    sql = (
        "SELECT name.text FROM answer a JOIN origin o ON o.id = a.origin JOIN name ON name.id = o.model"
        f" WHERE a.at >= ? AND a.account = ? AND a.billed AND o.agent = 0 AND NOT a.flags & {SIDECHAIN}"
        " ORDER BY a.at DESC LIMIT 1"
    )
    row = db.execute(sql, (since, account)).fetchone()
    return "" if row is None else str(row[0])
