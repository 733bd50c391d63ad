"""Links to pull requests, and the messages that belong to them (accounting rule 8)."""

import itertools

from tachograph.lean_functools import cached_property
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Iterable, Mapping
from tachograph.ledger.storage.preferences import get_preference
from tachograph.ledger.usage.project_settings import DEFAULT_BRANCHES, parse_settings_text
from tachograph.ledger.usage.strings import Strings
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.usage.messages import NO_TIME, SIDECHAIN
from tachograph.model.usage.projects import folder_key
from tachograph.model.usage.pull_requests import Link, OwnDefaults, Stretch, assign, claims_of


def write_links(
    db: sqlite3.Connection,
    links: Mapping[tuple[str, str], tuple[int, str, str, int, str]],
    sessions: Mapping[str, int],
    names: Strings,
) -> set[int]:
    """Merge links to pull requests: the earliest of a session and address stays. Returns the sessions that changed."""
    changed = set()
    for (uuid, url), (at, branch, cwd, number, repository) in links.items():
        db.execute(
            "INSERT INTO pull (url, number, repository) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " number = max(number, excluded.number), repository = max(repository, excluded.repository)",
            (url, number, repository),
        )
        pull = db.execute("SELECT id FROM pull WHERE url = ?", (url,)).fetchone()[0]
        session, moment = sessions[uuid], None if at == NO_TIME else at
        old = db.execute("SELECT at, branch, cwd FROM link WHERE session = ? AND pull = ?", (session, pull)).fetchone()
        if old is not None:
            before = (NO_TIME if old[0] is None else old[0], names.text(old[1]), names.text(old[2]))
            is_older_form = before[0] == at and not before[2]  # before folders were noted
            if before <= (at, branch, cwd) and not is_older_form:
                continue
        new = (session, pull, moment, names.id(branch), names.id(cwd))
        if old is None or new[2:] != old:
            db.execute("INSERT OR REPLACE INTO link (session, pull, at, branch, cwd) VALUES (?, ?, ?, ?, ?)", new)
            changed.add(session)
    return changed


_Place = tuple[int, str, bool]  # project (an id), branch, and False for the work of a subagent


class PullRequestAssigner:
    """Works out the pull request of messages, session by session, from all links as they are now."""

    def __init__(self, writer: MessageWriter) -> None:
        self.writer = writer
        self.db = writer.db
        self._places_of: dict[int, _Place] = {}  # by origin
        self._places: dict[_Place, _Place] = {}  # each once: a place can be told from the one before by identity

    @cached_property
    def places(self) -> dict[int, int]:
        return dict(self.db.execute("SELECT cwd, project FROM place").fetchall())

    @cached_property
    def links(self) -> dict[int, list[Link]]:
        """The links of each session."""
        sql = (
            "SELECT session, link.at, url, link.pull, link.cwd, name.text FROM link JOIN pull ON pull.id = link.pull"
            " JOIN name ON name.id = link.branch"
        )
        made: dict[int, list[Link]] = {}
        for session, at, url, pull, cwd, branch in self.db.execute(sql).fetchall():
            moment = NO_TIME if at is None else at
            project = self.places.get(cwd, cwd) if cwd else self._project_before(session, moment)
            made.setdefault(session, []).append(Link(moment, url, pull, project, branch))
        return made

    def _project_before(self, session: int, at: int) -> int:
        """The project of a session's last message before a moment, for links of which no folder is known."""
        sql = (
            "SELECT origin.cwd FROM answer JOIN origin ON origin.id = answer.origin WHERE session = ?"
            " ORDER BY at > ?, abs(at - ?), identity LIMIT 1"
        )
        row = self.db.execute(sql, (session, at, min(at, NO_TIME // 2))).fetchone()
        return self.places.get(row[0], row[0]) if row else 0

    @cached_property
    def claims(self) -> dict[tuple[int, str], list[tuple[int, str, int]]]:
        return claims_of((link for links in self.links.values() for link in links), self.own_defaults)

    @cached_property
    def own_defaults(self) -> OwnDefaults:
        """Default branches set for projects, by project."""
        given = parse_settings_text(get_preference(self.db, DEFAULT_BRANCHES))
        if not given:
            return {}
        found: dict[int, frozenset[str]] = {}
        for project in {*self.places.values(), *self.places}:
            path = folder_key(self.writer.names.text(project)).lower()
            for name, branches in given.items():
                wanted = folder_key(name).lower()
                if path == wanted or ("/" not in wanted and path.rpartition("/")[2] == wanted):
                    found[project] = frozenset(branches)
        return found

    def concerned(self, touched: Iterable[int]) -> set[int]:
        """Those of some sessions with messages that a link may claim."""
        if not self.links:
            return set()
        touched = set(touched)
        return (touched & self.links.keys()) | (touched & self.on_claimed_branches())

    def on_claimed_branches(self) -> set[int]:
        """Sessions with messages on a branch that was linked anywhere."""
        claimed = sorted({branch for _, branch in self.claims})
        found: set[int] = set()
        for start in range(0, len(claimed), 500):
            part = claimed[start : start + 500]
            sql = (
                f"SELECT DISTINCT session FROM {self.writer.used} WHERE branch IN (SELECT id FROM name WHERE text IN"
                f" ({', '.join('?' * len(part))}))"
            )
            found |= {session for (session,) in self.db.execute(sql, part)}
        return found

    def assigned_before(self) -> set[int]:
        """Sessions with messages that belong to some pull request as the ledger is now."""
        return {
            session
            for (session,) in self.db.execute(f"SELECT DISTINCT session FROM {self.writer.used} WHERE pull <> 0")
        }

    def assign(self, sessions: Iterable[int]) -> None:
        """Work out the pull request of every message of some sessions, and write what changed."""
        for session in sorted(sessions):
            sql = "SELECT id, at, flags, origin, pull, by_branch FROM answer WHERE session = ? ORDER BY at, id"
            rows = self.db.execute(sql, (session,)).fetchall()
            undated = sum(1 for _ in itertools.takewhile(lambda row: row[1] is None, rows))
            rows = rows[undated:] + rows[:undated]
            sql = "SELECT at FROM clearing WHERE session = ?"
            clears = [at for (at,) in self.db.execute(sql, (session,))]
            found = assign(self._work(rows), self.links.get(session, []), clears, self.claims, self.own_defaults)
            assigned = itertools.chain.from_iterable(found)
            self.writer.assign_pulls({row[0]: one for row, one in zip(rows, assigned, strict=True) if row[4:] != one})
        self.writer.finish()

    def _work(self, rows: Iterable[tuple[int, int | None, int, int, int, int]]) -> list[Stretch]:
        """Rows of a session's messages, in order of time, by the places where they were written."""
        work: list[Stretch] = []
        times: list[int] = []
        last: _Place | None = None
        last_is_side = 0
        for _, at, flags, origin, _, _ in rows:
            place = self._places_of.get(origin) or self._place_of(origin)
            if place is not last or flags & SIDECHAIN != last_is_side:
                last, last_is_side, times = place, flags & SIDECHAIN, []
                work.append(Stretch(times, place[0], place[1], place[2] and not last_is_side))
            times.append(NO_TIME if at is None else at)
        return work

    def _place_of(self, id: int) -> _Place:
        """Project and branch of the messages of one origin, and False if the origin shows that a subagent wrote them."""
        origin = self.writer.origins.at(id)
        place = self.places.get(origin.cwd, origin.cwd), origin.texts[4], not origin.texts[6]
        self._places_of[id] = found = self._places.setdefault(place, place)
        return found
