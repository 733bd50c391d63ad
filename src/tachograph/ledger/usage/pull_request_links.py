"""Links to pull requests, and the messages that belong to them (accounting rule 8)."""

from __future__ import annotations

import itertools

from tachograph.lean_functools import cached_property
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import TYPE_CHECKING, Callable, Iterable, Mapping, NamedTuple, Sequence
from tachograph.ledger.storage.preferences import get_preference
from tachograph.ledger.usage.project_settings import DEFAULT_BRANCHES, parse_settings_text
from tachograph.ledger.usage.strings import Strings
from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.usage.messages import NO_TIME, SIDECHAIN
from tachograph.model.usage.projects import folder_key
from tachograph.model.usage.pull_requests import (
    Assignment,
    Claim,
    Link,
    Mention,
    OwnDefaults,
    Share,
    Stretch,
    agree_between,
    assign,
    claims_of,
    mention_order,
)

if TYPE_CHECKING:
    from tachograph.ledger.usage.kept_rows import Run


def write_links(
    db: sqlite3.Connection,
    links: Mapping[tuple[str, str], Mention],
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
            if mention_order(*before) <= mention_order(at, branch, cwd):
                continue
        new = (session, pull, moment, names.id(branch), names.id(cwd))
        if old is None or new[2:] != old:
            db.execute("INSERT OR REPLACE INTO link (session, pull, at, branch, cwd) VALUES (?, ?, ?, ?, ?)", new)
            changed.add(session)
    return changed


_FEW = 20  # sessions that are looked up one by one
_Place = tuple[int, str, bool]  # project (an id), branch, and False for the work of a subagent


class _Numbers(dict[int, int]):
    """Numbers of places by origin, made when they are asked for: many origins share a place."""

    def __init__(self, place_of: Callable[[int], _Place]) -> None:
        super().__init__()
        self._place_of = place_of
        self._by_place: dict[_Place, int] = {}
        self.places: list[_Place] = []

    def __missing__(self, origin: int) -> int:
        place = self._place_of(origin)
        number = self[origin] = self._by_place.setdefault(place, len(self.places))
        if number == len(self.places):
            self.places.append(place)
        return number


class _Stored(NamedTuple):
    """Rows of a session: their columns, and the runs that they make."""

    ids: Sequence[int]
    times: Sequence[int]
    runs: list[Run]
    pulls: Sequence[int]
    by_branch: Sequence[int]

    def changes(self, shares: Iterable[Share]) -> dict[int, Assignment]:
        """By id, what the rows are to have that have something else."""
        found, start = dict[int, Assignment](), 0
        for count, one in shares:
            end = start + count
            if self.pulls[start:end].count(one.pull) < count or self.by_branch[start:end].count(one.by_branch) < count:
                for place in range(start, end):
                    if (self.pulls[place], self.by_branch[place]) != one:
                        found[self.ids[place]] = one
            start = end
        return found


class PullRequestAssigner:
    """Works out the pull request of messages, session by session, from all links as they are now."""

    def __init__(self, writer: MessageWriter) -> None:
        self.writer = writer
        self.db = writer.db
        self._numbers = _Numbers(self._place_of)

    @cached_property
    def places(self) -> dict[int, int]:
        return dict(self.db.execute("SELECT cwd, project FROM place").fetchall())

    @cached_property
    def links(self) -> dict[int, list[Link]]:
        """The links of each session."""
        made: dict[int, list[Link]] = {}
        for session, at, url, pull, cwd, branch in self.db.execute(_LINKS).fetchall():
            moment = NO_TIME if at is None else at
            project = self.places.get(cwd, cwd) if cwd else self._project_before(session, moment)
            made.setdefault(session, []).append(Link(moment, url, pull, project, branch))
        return made

    @cached_property
    def sessions_without_link_folder(self) -> set[int]:
        """Sessions with links that have no folder: their messages decide the project of those links."""
        return {session for (session,) in self.db.execute("SELECT DISTINCT session FROM link WHERE cwd = 0")}

    def _project_before(self, session: int, at: int) -> int:
        """The project of a session's last message before a moment, for links of which no folder is known."""
        sql = (
            "SELECT origin.cwd FROM answer JOIN origin ON origin.id = answer.origin WHERE session = ?"
            " ORDER BY at > ?, abs(at - ?), identity LIMIT 1"
        )
        row = self.db.execute(sql, (session, at, min(at, NO_TIME // 2))).fetchone()
        return self.places.get(row[0], row[0]) if row else 0

    @cached_property
    def claims(self) -> dict[tuple[int, str], list[Claim]]:
        """Claims of all links: see `claims_of`."""
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

    def concerned(self, touched: set[int]) -> set[int]:
        """Those of some sessions with messages that a link may claim."""
        if not self.links:
            return set()
        others = touched - self.links.keys()
        if len(others) <= _FEW:
            others = {session for session in others if self._is_on_claimed_branch(session)}
        else:
            others &= self.on_claimed_branches()
        return (touched & self.links.keys()) | others

    def _is_on_claimed_branch(self, session: int) -> bool:
        claimed = {branch for _, branch in self.claims}
        sql = (
            "SELECT DISTINCT name.text FROM answer JOIN origin ON origin.id = origin JOIN name ON name.id = branch"
            " WHERE session = ? AND billed"
        )
        return any(branch in claimed for (branch,) in self.db.execute(sql, (session,)))

    def on_claimed_branches(self) -> set[int]:
        """Sessions with messages on a branch that was linked anywhere."""
        if self.writer.kept is not None:
            branches, origins = {branch for _, branch in self.claims}, self.writer.origins
            return set(self.writer.kept.sessions_of(lambda origin: origins.place_of(origin)[1] in branches))
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
        if self.writer.kept is not None:
            return set(self.writer.kept.assigned())
        # a first pass that was disturbed has made suggestions for messages that are not billed, too
        table = "answer" if self.writer.is_total_due else "rollup"
        return {session for (session,) in self.db.execute(f"SELECT DISTINCT session FROM {table} WHERE pull <> 0")}

    def assign(self, sessions: Iterable[int]) -> None:
        """Work out the pull request of every message of some sessions, and write what changed."""
        kept, ranges = self.writer.kept, list[tuple[int, int, int, int]]()
        for session in sorted(sessions):
            if kept is not None:
                times, runs = kept.runs(session, self._numbers)
                ranges += kept.assign(session, self._shares(session, memoryview(times).cast("q"), runs))
                continue
            rows = self._stored(session)
            self.writer.assign_pulls(rows.changes(self._shares(session, rows.times, rows.runs)))
        self.writer.assign_ranges(ranges)

    def assign_none(self, sessions: Iterable[int]) -> None:
        """Take back the pull requests of all messages of some sessions."""
        for session in sorted(sessions):
            if self.writer.kept is not None:
                self.writer.assign_ranges(self.writer.kept.assign(session, []))
            else:
                rows = self._stored(session)
                self.writer.assign_pulls(rows.changes([(len(rows.ids), Assignment())]))

    def _shares(self, session: int, times: Sequence[int], runs: list[Run]) -> list[Share]:
        """The pull requests of a session's messages. `times` are those of all its messages, `runs` divide them."""
        links, claims, places = self.links.get(session, []), self.claims, self._numbers.places
        if not links and not any(places[number][:2] in claims for number in {number for number, _, _ in runs}):
            return [(len(times), Assignment())]
        work, start = [], 0
        for number, side, count in runs:
            project, branch, is_main = places[number]
            work.append(Stretch(times[start : start + count], project, branch, is_main and not side))
            start += count
        clears = [at for (at,) in self.db.execute("SELECT at FROM clearing WHERE session = ?", (session,))]
        return assign(work, links, clears, claims, self.own_defaults)

    def _stored(self, session: int) -> _Stored:
        """Rows of a session in the table, in order of time, those of unknown time last."""
        sql = (
            f"SELECT id, coalesce(at, {NO_TIME}), flags & {SIDECHAIN}, origin, pull, by_branch FROM answer"
            " WHERE session = ? ORDER BY at NULLS LAST, identity"
        )
        rows = self.db.execute(sql, (session,)).fetchall()
        ids, times, sides, origins, pulls, by_branch = zip(*rows, strict=True) if rows else [()] * 6
        places = itertools.groupby(zip(map(self._numbers.__getitem__, origins), sides, strict=True))
        runs = [(number, side, len(list(same))) for (number, side), same in places]
        return _Stored(ids, times, runs, pulls, by_branch)

    def _place_of(self, id: int) -> _Place:
        """Project and branch of the messages of one origin, and False if the origin shows that a subagent wrote them."""
        folder, branch, is_subagent = self.writer.origins.place_of(id)
        return self.places.get(folder, folder), branch, not is_subagent


_LINKS = (
    "SELECT session, link.at, url, link.pull, link.cwd, name.text FROM link JOIN pull ON pull.id = link.pull"
    " JOIN name ON name.id = link.branch"
)


class Suggestions(PullRequestAssigner):
    """Suggests pull requests for the messages of a first pass before they are written, from the links met so far.

    Projects are not known yet, so a folder stands for its project. Nearly all suggestions stay when the pass ends with
    all links, and writing a message again takes as long as writing it.
    """

    def __init__(self, writer: MessageWriter) -> None:
        super().__init__(writer)
        self.places, self.own_defaults = {}, {}
        self.links: dict[int, list[Link]] = {}
        self.claims: dict[tuple[int, str], list[Claim]] = {}
        # inputs of each session's last suggestion: its first and last time, and the claims of its places
        self._inputs: dict[int, tuple[int, int, dict[int, Sequence[Claim]]]] = {}

    def suggest(self, writer: MessageWriter, linked: Iterable[int]) -> None:
        """Assign the rows of one batch, most of which `writer` has still to insert. `linked`: sessions that got links in
        this batch."""
        self.writer = writer
        for session in linked:
            of_session = [
                Link(NO_TIME if at is None else at, url, pull, cwd, branch)
                for _, at, url, pull, cwd, branch in self.db.execute(f"{_LINKS} WHERE session = ?", (session,))
            ]
            self.links[session] = of_session
            for key, claims in claims_of(of_session).items():
                self.claims[key] = sorted({*self.claims.get(key, ()), *claims})
        if self.links:
            self.assign(writer.touched)

    def forget(self, sessions: Iterable[int]) -> None:
        """Discard the suggestions of sessions that have changed since."""
        for session in sessions:
            self._inputs.pop(session, None)

    def valid_sessions(self, final: PullRequestAssigner) -> set[int]:
        """Sessions whose suggestions are what `final` would assign, which knows all links and projects."""
        if final.own_defaults:
            return set()
        places = [(folder, branch) for folder, branch, _ in self._numbers.places]
        moved = {number for number, (folder, _) in enumerate(places) if final.places.get(folder, folder) != folder}
        return {
            session
            for session, (first, last, claims) in self._inputs.items()
            if self.links.get(session) == final.links.get(session)
            and moved.isdisjoint(claims)
            and all(agree_between(one, final.claims.get(places[n], ()), first, last) for n, one in claims.items())
        }

    def _shares(self, session: int, times: Sequence[int], runs: list[Run]) -> list[Share]:
        claims: dict[int, Sequence[Claim]] = {n: self.claims.get(self._numbers.places[n][:2], ()) for n, _, _ in runs}
        if runs:
            self._inputs[session] = times[0], times[-1], claims
        return super()._shares(session, times, runs)


def presume(writer: MessageWriter) -> set[int]:
    """Give the rows that `writer` is about to insert the pull request of their session's latest message: nearly all keep it
    when it is worked out, and writing a row and its totals again takes as long as writing them. Returns their sessions."""
    sql = "SELECT pull, by_branch FROM answer WHERE session = ? AND billed ORDER BY at DESC LIMIT 1"
    found = {session: writer.db.execute(sql, (session,)).fetchone() for session in writer.touched}
    pulls = {session: pull for session, pull in found.items() if pull is not None and pull[0]}
    writer.fresh.presume_pulls(pulls)
    return set(pulls)
