"""Pages as blocks: each is computed on its own, sent as soon as it is ready, and sent again if it changed."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tachograph.model.usage.periods import Calendar
from tachograph.server.sessions import Session
from tachograph.ui.dashboard.page_query import PageQuery
from tachograph.workspace.snapshot import Snapshot


class View(NamedTuple):
    """Inputs of a block. `path` is the page's address without its query; `item` its last part on a page of one thing, such as
    a session's id; `chunks` the parts of a long list that the page holds; `sessions` the signed-in browsers, `session` the
    id of this one."""

    snapshot: Snapshot
    query: PageQuery
    path: str
    item: str = ""
    chunks: frozenset[int] = frozenset({0})
    sessions: tuple[Session, ...] = ()
    session: str = ""

    @property
    def calendar(self) -> Calendar:
        return self.snapshot.calendar

    @property
    def now(self) -> int:
        return self.snapshot.now

    def address(self, **changes: object) -> str:
        """The address of this page with a changed query."""
        return self.query.address(self.path, **changes)

    def elsewhere(self, path: str, **changes: object) -> str:
        """The address of another page with the same range and filters."""
        return self.query.address(path, **changes)


class Block(NamedTuple):
    """A part of a page. `answer` returns the values of the template as a named tuple; None shows nothing."""

    id: str
    template: str
    answer: Callable[[View], Any]


class Page(NamedTuple):
    """A page. `filters`: "full" for range and filters, "range", or "" for neither. `finds`: the placeholder of its search
    field, "" for none."""

    key: str
    path: str
    title: str
    blocks: tuple[Block, ...]
    filters: str = ""
    compares: bool = False
    finds: str = "Find in the tables"
    in_rail: bool = True
    title_of: Callable[[View], str] | None = None

    def title_for(self, view: View) -> str:
        """The heading. Raises NotFound if the page is about something unknown."""
        return self.title_of(view) if self.title_of else self.title


class PageRequest(NamedTuple):
    """A request of a page, before the ledger is opened."""

    page: Page
    path: str
    item: str
    query: PageQuery
    sessions: tuple[Session, ...] = ()
    session: str = ""
