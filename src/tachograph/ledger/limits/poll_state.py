"""State of polling per config folder: last question, outcome, next time. recorder/schedule.py decides by it.

Whoever asks takes a claim on the folder first, so that two programs never ask for the same login at once.
"""

from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.usage.strings import Strings, storable
from tachograph.model.limits.limits import CLAUDE_CODE, COOKIES, OAUTH, OK

CLAIM_MS = 45_000  # longer than a question with its second try can take; a killed program's claim ends by itself

CLAUDE_CODE_OF = "claude_code:"  # before a config folder: Claude Code itself, asked for that folder
COOKIES_OF = "cookies:"  # in the place of a config folder: claude.ai, asked with the session of that browser

_SOURCES = ((COOKIES_OF, COOKIES), (CLAUDE_CODE_OF, CLAUDE_CODE))
_FIELDS = (
    "account, asked_at, next_at, wait_ms, barred_until, strikes, outcome, problem, answered_at, moved_at, levels,"
    " login, profile_at, claimed_at, refusals, accounts"
)


class Poll(NamedTuple):
    """Poll state of a config folder; moments are epoch milliseconds, 0 for never.

    `account`: whose login it was at the last good answer. `asked_at`, `answered_at`: the last question, the last good
    answer. `next_at`: when to ask again, `wait_ms` after the moment at which that was decided. `barred_until`: before
    then not even on a person's word. `moved_at`: when an answer last differed from the one before, `levels` a mark of
    it. `login`: a mark of the credentials file as it was at the last question. `profile_at`: when the account of that
    login was asked for. `claimed_at`: when somebody began to ask; 0 when it is over. Of a browser's session only: `refusals` since the
    last good answer, and the `accounts` that it named, ids with blanks between.
    """

    folder: str
    account: int = 0
    asked_at: int = 0
    next_at: int = 0
    wait_ms: int = 0
    barred_until: int = 0
    strikes: int = 0
    outcome: str = ""
    problem: str = ""
    answered_at: int = 0
    moved_at: int = 0
    levels: str = ""
    login: str = ""
    profile_at: int = 0
    claimed_at: int = 0
    refusals: int = 0
    accounts: str = ""


def poll(db: sqlite3.Connection, folder: str) -> Poll:
    """Poll state of a folder; an empty one if it was never asked."""
    sql = f"SELECT {_FIELDS} FROM poll JOIN name ON name.id = poll.folder WHERE name.text = ?"
    row = db.execute(sql, (storable(folder),)).fetchone()
    return Poll(folder) if row is None else Poll(folder, *row)


def states(db: sqlite3.Connection, source: str = OAUTH) -> list[Poll]:
    """Everything that a source (OAUTH, CLAUDE_CODE, COOKIES) was ever asked for; `folder` without its prefix but for
    COOKIES, where it names the browser."""
    rows = db.execute(f"SELECT name.text, {_FIELDS} FROM poll JOIN name ON name.id = poll.folder ORDER BY name.text")
    found = [state for state in map(Poll._make, rows) if _source_of(state.folder) == source]
    return [state._replace(folder=state.folder.removeprefix(CLAUDE_CODE_OF)) for state in found]


def _source_of(folder: str) -> str:
    return next((source for start, source in _SOURCES if folder.startswith(start)), OAUTH)


def write(db: sqlite3.Connection, names: Strings, state: Poll) -> None:
    """Remember a state, inside a transaction of the caller's."""
    marks = ", ".join("?" * len(state))
    sql = f"INSERT OR REPLACE INTO poll (folder, {_FIELDS}) VALUES ({marks})"
    db.execute(sql, (names.id(state.folder), *state[1:]))


def claim(db: sqlite3.Connection, names: Strings, folder: str, now_ms: int) -> bool:
    """Take the claim on a folder, inside a transaction of the caller's; False where somebody else holds it."""
    held = poll(db, folder)
    if held.claimed_at and 0 <= now_ms - held.claimed_at < CLAIM_MS:
        return False
    write(db, names, held._replace(claimed_at=now_ms))
    return True


def last_push(db: sqlite3.Connection, account: int, source: str) -> int:
    """Time of the last good reading of an account by a source, epoch milliseconds; 0 for never."""
    sql = "SELECT max(last_at) FROM reading WHERE account = ? AND source = ? AND outcome = 'ok'"
    return int(db.execute(sql, (account, source)).fetchone()[0] or 0)


def last_twin(db: sqlite3.Connection, account: int, folder: str) -> int:
    """Time of the last answer for another config folder of the same account, epoch milliseconds; 0 for never."""
    sql = (
        "SELECT max(answered_at) FROM poll JOIN name ON name.id = poll.folder"
        " WHERE account = ? AND account > 0 AND outcome = 'ok' AND name.text <> ?"
    )
    return int(db.execute(sql, (account, storable(folder))).fetchone()[0] or 0)


def last_message(db: sqlite3.Connection) -> int:
    """Time of the newest billed message of any account, epoch milliseconds; 0 for never."""
    row = db.execute("SELECT max(at) FROM answer").fetchone()
    return int(row[0] or 0)


def last_message_of(db: sqlite3.Connection, folder: str, since: int) -> int:
    """Time of the newest message in the sessions of a config folder after a moment, epoch ms; 0 without one."""
    sql = (
        "SELECT max(answer.at) FROM answer JOIN origin ON origin.id = answer.origin JOIN name ON name.id = origin.folder"
        " WHERE answer.at > ? AND name.text = ?"
    )
    return int(db.execute(sql, (since, folder)).fetchone()[0] or 0)


def last_remote(db: sqlite3.Connection, account: int, source: str) -> int:
    """The newest answer that another machine of the person got from a source, epoch milliseconds; 0 for none."""
    sql = (
        "SELECT max(last_at) FROM reading JOIN name ON name.id = folder WHERE account = ? AND source = ? AND outcome = ?"
        " AND substr(name.text, 1, 1) = '@'"
    )
    return int(db.execute(sql, (account, source, OK)).fetchone()[0] or 0)
