"""Groups of a report on a page: their identity, label, color and the address that narrows the page to one."""

from typing import NamedTuple

from tachograph.model.usage.model_names import display_name
from tachograph.queries.usage.rows import WAY_KEYS, Row
from tachograph.text.ways import speed_words, way_words
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.page_query import WAYS
from tachograph.ui.dashboard.tables import display


class Group(NamedTuple):
    """A model, project, branch or session. `name` is the logged model, a folder, a branch, a session's id or title;
    `project` the short name of the project of a branch, or of the folder."""

    kind: str
    name: str | None
    project: str | None = None
    title: str | None = None

    @property
    def label(self) -> str:
        if self.kind == "model":
            return display(display_name(self.name or ""))
        if self.kind == "project":
            return display(self.project)
        if self.kind == "branch":
            return f"{display(self.name)} ({display(self.project)})"
        if self.kind in WAY_KEYS:
            return display(way_words(WAY_KEYS[self.kind](self.name)))
        if self.kind == "speed":
            return speed_words(self.name)
        return display(self.title, "without a title") if self.name else "unknown"

    def href(self, view: View) -> str:
        """The page narrowed to this group."""
        return view.address(**self._filter())

    def _filter(self) -> dict[str, object]:
        if self.kind == "project":
            return {"project": (self.name or "unknown",)}
        if self.kind == "branch":
            return {"branch": (self.name or "unknown",), "project": (self.project,) if self.project else ()}
        if self.kind in WAY_KEYS:
            return {self.kind: (self.name or "unknown",)}
        return {self.kind: (self.name,)} if self.name else {}


def group_of(row: Row, kind: str) -> Group:
    """The group of a row."""
    key = row.key
    if kind == "model":
        return Group(kind, key.model)
    if kind == "project":
        return Group(kind, key.path, key.project)
    if kind == "branch":
        return Group(kind, key.branch, key.project)
    if kind in WAYS:
        return Group(kind, key[0])
    return Group(kind, key.session, title=key.title)


def colors_of(groups: list[Group], kind: str) -> dict[Group, int]:
    """A color for each group; models have the same on every page."""
    if kind == "model":
        by_model = charts.model_colors([one.name or "" for one in groups])
        return {one: by_model[one.name or ""] for one in groups}
    by_name = charts.colors([str(one) for one in groups])
    return {one: by_name[str(one)] for one in groups}
