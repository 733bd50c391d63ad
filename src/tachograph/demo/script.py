"""Script of one demo session: its project, model and acts."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tachograph.demo.projects import Project
from tachograph.demo.records import Record
from tachograph.demo.workdays import Limit


class Pull(NamedTuple):
    number: int
    repository: str

    @property
    def url(self) -> str:
        return f"https://github.com/{self.repository}/pull/{self.number}"


class Act(NamedTuple):
    """A stretch of a session on one branch; `seen` is a pull request looked at, `opens` one created at its end."""

    branch: str
    prompt: str
    turns: int
    start: datetime
    until: datetime
    seen: Pull | None = None
    opens: Pull | None = None
    limit: Limit | None = None


class Earlier(NamedTuple):
    """The session that a resumed one continues."""

    session: str
    records: Sequence[Record]
    context: int
    links: Sequence[Pull]


class Script(NamedTuple):
    """Script of a session. `title` is its kind and text, `odd` names rare things that should occur."""

    session: str
    project: Project
    cwd: str
    model: str
    helper: str
    version: str
    room: int
    acts: Sequence[Act]
    title: tuple[str, str] | None = None
    odd: frozenset[str] = frozenset()
    earlier: Earlier | None = None
