"""The project of each working directory, resolved again whenever something it depends on has changed."""

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Mapping
from tachograph.ledger.storage.preferences import get_preference, set_preference
from tachograph.ledger.usage import totals
from tachograph.ledger.usage.project_settings import ALIASES, parse_settings_text, settings_text
from tachograph.ledger.usage.strings import Strings
from tachograph.model.usage.messages import SIDECHAIN
from tachograph.model.usage.projects import Projects, folder_key
from tachograph.model.usage.pull_requests import UNKNOWN_BRANCHES

_FIRST = (
    "SELECT cwd, name.text FROM (SELECT at, identity, origin FROM answer WHERE session = ?1 AND NOT shared AND at NOT NULL"
    f" AND NOT flags & {SIDECHAIN} UNION ALL SELECT at, identity, origin FROM copy JOIN answer ON answer.id = copy.message"
    f" WHERE copy.session = ?1 AND at NOT NULL AND NOT copy.flags & {SIDECHAIN} ORDER BY 1, 2 LIMIT 1)"
    " JOIN origin ON origin.id = origin JOIN name ON name.id = branch"
)


def note_beginnings(db: sqlite3.Connection, sessions: Iterable[int]) -> None:
    """Note the folder in which sessions began, if it lies inside a repository (with a branch)."""
    found = []
    for session in sessions:
        row = db.execute(_FIRST, (session,)).fetchone()
        begun_in = row[0] if row is not None and row[1] not in UNKNOWN_BRANCHES else 0
        found.append((begun_in, session))
    db.executemany("UPDATE session SET begun_in = ?1 WHERE id = ?2 AND begun_in <> ?1", found)


def aliases(db: sqlite3.Connection) -> dict[str, str]:
    """The aliases that projects were last resolved with."""
    return parse_settings_text(get_preference(db, ALIASES))


def _projects(db: sqlite3.Connection, given: Mapping[str, str], used: str) -> tuple[Projects, dict[int, str]]:
    texts = "SELECT name.id, text FROM name WHERE name.id IN"
    folders = dict(db.execute(f"{texts} (SELECT cwd FROM origin UNION SELECT cwd FROM link)").fetchall())
    begun = [text for _, text in db.execute(f"{texts} (SELECT begun_in FROM session WHERE begun_in <> 0)")]
    projects = Projects(begun, folders.values(), given)
    if above := projects.unclaimed_above():  # rarely any
        ids = [id for id, text in folders.items() if folder_key(text) in above]
        unknown = ", ".join("?" * len(UNKNOWN_BRANCHES))
        sql = (
            f"SELECT DISTINCT place FROM {used} WHERE place IN ({', '.join('?' * len(ids))})"
            f" AND branch NOT IN (SELECT id FROM name WHERE text IN ({unknown}))"
        )
        entered = [folders[id] for (id,) in db.execute(sql, (*ids, *sorted(UNKNOWN_BRANCHES)))]
        projects = Projects(begun, folders.values(), given, entered)
    return projects, folders


def resolve(
    db: sqlite3.Connection,
    names: Strings,
    given: Mapping[str, str] | None = None,
    now_ms: int = 0,
    used: str = totals.USED,
) -> bool:
    """Resolve every folder's project; True where one changed. `given`: new aliases, None for those of the last time;
    `used`: the totals, or what takes their place while they are due."""
    if given is None:
        given = aliases(db)
    else:
        set_preference(db, ALIASES, settings_text(given), now_ms)
    projects, folders = _projects(db, given, used)
    known = dict(db.execute("SELECT cwd, project FROM place").fetchall())
    changed = [
        (cwd, project)
        for cwd, text in folders.items()
        if (project := names.id(projects.project(text))) != known.get(cwd)
    ]
    db.executemany("INSERT OR REPLACE INTO place VALUES (?, ?)", changed)
    return bool(changed)
