"""What a page is: blocks that are worked out one by one, sent as they are ready, and sent again where they changed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tachograph.model.usage.periods import Calendar
from tachograph.ui.dashboard.page_query import Asked
from tachograph.workspace.snapshot import Snapshot


class View(NamedTuple):
    """What a block is worked out from. `path` is the page's address without its query; `what` the last part of it, such
    as a session's id; `chunks` the parts of a long list that the page shows now."""

    look: Snapshot
    asked: Asked
    path: str
    what: str = ""
    chunks: frozenset[int] = frozenset({0})

    @property
    def calendar(self) -> Calendar:
        return self.look.calendar

    @property
    def now(self) -> int:
        return self.look.now

    def address(self, **changes: object) -> str:
        """This page with something asked otherwise."""
        return self.asked.address(self.path, **changes)

    def elsewhere(self, path: str, **changes: object) -> str:
        """Another page with the same range and filters."""
        return self.asked.address(path, **changes)


class Block(NamedTuple):
    """A part of a page. `answer` gives the template's values, None where there is nothing to show."""

    id: str
    template: str
    answer: Callable[[View], Mapping[str, Any] | None]


class Page(NamedTuple):
    """`filters`: "full" where range and filters apply, "range", or "" where none does. `finds`: what its search field says,
    "" where it has none."""

    key: str
    path: str
    title: str
    blocks: tuple[Block, ...]
    filters: str = ""
    lead: str = ""
    compares: bool = False
    finds: str = "Find in the tables"
    in_rail: bool = True
    title_of: Callable[[View], str] | None = None
