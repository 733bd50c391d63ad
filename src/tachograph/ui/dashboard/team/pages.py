"""The five pages of a team: their questions to the hub and their blocks."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tachograph.text.format import safe
from tachograph.ui.dashboard.figures import FigureBlock, TableBlock
from tachograph.ui.dashboard.team import blocks
from tachograph.ui.dashboard.team.book_blocks import books_days, books_summary

RANGES = ((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "Year"))
Ask = Callable[[str, Mapping[str, str]], dict[str, Any]]
"""An answer of the hub: name of the question, and its parameters."""


class TeamPage(NamedTuple):
    """`title`: its name in the navigation; `heading`: the longer one above it, "" for the same."""

    key: str
    path: str
    title: str
    has_range: bool = False
    heading: str = ""


PAGES = (
    TeamPage("team", "/", "Team", True),
    TeamPage("limits", "/limits", "Limits"),
    TeamPage("projects", "/projects", "Projects", True, "Projects and pull requests"),
    TeamPage("me", "/me", "Me"),
    TeamPage("members", "/members", "Members"),
)


class Content(NamedTuple):
    """`forms`: names of the forms below the blocks, in the template."""

    lead: str
    remarks: list[str]
    blocks: list[FigureBlock | TableBlock]
    forms: tuple[str, ...] = ()
    values: Mapping[str, Any] = {}


def content(page: TeamPage, days: int, ask: Ask) -> Content:
    """The content of a page for the viewer that `ask` answers."""
    return _CONTENTS[page.key](days, ask)


def _team(days: int, ask: Ask) -> Content:
    last = {"last": str(days)}
    by_person = ask("spend", {**last, "by": "person"})
    found = [
        blocks.spend_bars(by_person, "person", "Spend by person"),
        blocks.spend_days(ask("spend", {**last, "by": "day"})),
        blocks.spend_bars(ask("spend", {**last, "by": "model"}), "model", "Spend by model"),
    ]
    shown: list[FigureBlock | TableBlock] = [block for block in found if block is not None]
    books = ask("books", {**last, "by": "day"})
    if "rows" in books and (
        books["read"]["at"] or books["read"]["problem"] or books["read"]["days"]
    ):  # only for owners
        shown += [books_summary(books), books_days(books)]
    lead = (
        blocks.summary(by_person)
        if shown
        else "No usage in this range. A machine that has joined sends new usage within a minute."
    )
    return Content(lead, blocks.remarks(by_person), shown)


def _limits(days: int, ask: Ask) -> Content:
    return Content("", [], [blocks.limits_table(ask("limits", {}))])


def _projects(days: int, ask: Ask) -> Content:
    last = {"last": str(days)}
    by_project = ask("spend", {**last, "by": "project"})
    found: list[FigureBlock | TableBlock] = []
    bars = blocks.spend_bars(by_project, "project", "Spend by project")
    if bars is not None:
        found.append(bars)
    found.append(blocks.spend_table(ask("spend", {**last, "by": "pr"}), "pr", "Spend by pull request"))
    return Content("", blocks.remarks(by_project), found)


def _me(days: int, ask: Ask) -> Content:
    document = ask("me", {})
    seen = [
        f"Your {what}: seen by {', '.join(map(safe, document['seen_by'][what])) or 'you only'}."
        for what in ("spend", "limits")
    ]
    found: list[FigureBlock | TableBlock] = [blocks.held_table(document), blocks.record_table(document)]
    return Content(f"{safe(document['person'])}, {document['role']}", seen, found, ("allow", "erase"), document)


def _members(days: int, ask: Ask) -> Content:
    document = ask("members", {})
    forms = ("invite", "policy", "role", "revoke", "remove") if document["role"] == "owner" else ()
    return Content("", [], [blocks.members_table(document)], forms, document)


_CONTENTS = {"team": _team, "limits": _limits, "projects": _projects, "me": _me, "members": _members}
