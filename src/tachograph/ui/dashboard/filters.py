"""The heading of a page: its question, its filters with all values they can have, and problems."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tachograph.errors import TachographError
from tachograph.model.usage.model_names import display_name
from tachograph.queries.usage.filter_options import filter_options, project_names
from tachograph.text.format import safe
from tachograph.ui.dashboard import page_query
from tachograph.ui.dashboard.page import Page, View
from tachograph.ui.dashboard.page_query import PageQuery

_MAX_OPTIONS = 300
_CACHE_SECONDS = 60.0
_FILTERS = (
    ("project", "Project", "All projects"),
    ("model", "Model", "All models"),
    ("branch", "Branch", "All branches"),
)


class Link(NamedTuple):
    """A choice as a link."""

    text: str
    href: str
    is_on: bool = False


class Option(NamedTuple):
    """A value of a filter."""

    value: str
    text: str
    is_on: bool


class Filter(NamedTuple):
    """A filter with its values. `everything`: the words for no filter."""

    name: str
    label: str
    everything: str
    options: tuple[Option, ...]


class Problem(NamedTuple):
    """A problem and its remedy."""

    message: str
    hint: str


class Heading(NamedTuple):
    """Values of top.html. `hidden`: fields that the form carries along; `since` and `until` as ISO days, "" for an open end."""

    page: Page
    title: str
    path: str
    query: PageQuery
    sentence: str = ""
    presets: tuple[Link, ...] = ()
    weeks: tuple[Link, ...] = ()
    filters: tuple[Filter, ...] = ()
    chips: tuple[Link, ...] = ()
    hidden: tuple[tuple[str, str], ...] = ()
    since: str = ""
    until: str = ""
    clear: str = ""
    problem: Problem | None = None


def heading(page: Page, title: str, view: View | None, error: TachographError | None = None) -> Heading:
    """The heading of a page; `view` None if the ledger could not be read."""
    if view is None:
        return Heading(page, title, page.path, PageQuery(), problem=problem_of(error))
    made = Heading(page, title, view.path, view.query, hidden=_carried_fields(view.query), problem=problem_of(error))
    try:
        return _with_filters(made, view) if page.filters else made
    except TachographError as trouble:
        return made._replace(problem=problem_of(trouble))


def problem_of(error: TachographError | None) -> Problem | None:
    """An error for a page: it may repeat outside names."""
    return None if error is None else Problem(safe(error.message), safe(error.hint))


def _with_filters(made: Heading, view: View) -> Heading:
    calendar, now, query, page = view.calendar, view.now, view.query, made.page
    span = query.span(calendar, now)
    is_full = page.filters == "full"
    return made._replace(
        sentence=page_query.sentence(query, calendar, now, compares=page.compares)
        if is_full
        else page_query.range_words(query, calendar, now),
        presets=_range_links(page_query.PRESETS, view),
        weeks=_range_links(page_query.WEEKS, view),
        since=calendar.day(span.start).isoformat() if span.start is not None else "",
        until=calendar.day(span.end - 1).isoformat() if span.end is not None else "",
        clear=view.address(**page_query.NO_FILTERS),
        filters=_filters(view) if is_full else (),
        chips=_chips(view) if is_full else (),
        problem=made.problem or _range_problem(view),
    )


def _range_problem(view: View) -> Problem | None:
    if not view.query.unknown_range:
        return None
    known = ", ".join((*page_query.PRESETS, *page_query.WEEKS))
    return Problem(f"There is no range “{safe(view.query.unknown_range)}”; these are 30 days.", f"Ranges: {known}.")


def _range_links(ranges: dict[str, str], view: View) -> tuple[Link, ...]:
    return tuple(
        Link(text, view.address(range=key, since="", until=""), view.query.range == key) for key, text in ranges.items()
    )


def _filters(view: View) -> tuple[Filter, ...]:
    known = view.snapshot.cache.answer(
        ("filter options", view.snapshot.ledger.path), _CACHE_SECONDS, lambda: _all_options(view)
    )
    return tuple(
        Filter(name, label, everything, _with_chosen(known[name], getattr(view.query, name)))
        for name, label, everything in _FILTERS
    )


def _all_options(view: View) -> dict[str, list[tuple[str, str]]]:
    """Every value of each filter with its words, by their alphabet."""
    found = filter_options(view.snapshot.db)
    pairs = {
        "project": [(path or "unknown", safe(name) or "unknown") for path, name in found.projects.items()],
        "model": [(model, safe(display_name(model))) for model in found.models],
        "branch": [(branch or "unknown", safe(branch) or "unknown") for branch in found.branches],
    }
    return {name: sorted(one, key=lambda pair: pair[1].lower())[:_MAX_OPTIONS] for name, one in pairs.items()}


def _with_chosen(pairs: list[tuple[str, str]], chosen: tuple[str, ...]) -> tuple[Option, ...]:
    """The options, with the chosen values among them even if the list is too short for all."""
    known = {value for value, _ in pairs}
    more = [(value, safe(value)) for value in chosen if value not in known]
    return tuple(Option(value, text, value in chosen) for value, text in [*pairs, *more])


def _carried_fields(query: PageQuery) -> tuple[tuple[str, str], ...]:
    """Fields that a form carries along."""
    default = PageQuery()
    made = [("range", query.range)] if query.range and query.range != default.range else []
    made += [(name, value) for name in ("pr", "session", *page_query.WAYS) for value in getattr(query, name)]
    names = ("stack", "measure", "sort")
    made += [(name, getattr(query, name)) for name in names if getattr(query, name) != getattr(default, name)]
    return tuple(made)


def _chips(view: View) -> tuple[Link, ...]:
    query = view.query
    short = project_names(view.snapshot.db) if query.project else {}
    words: dict[str, Callable[[str], str]] = {
        "project": lambda value: short.get(value, value),
        "model": display_name,
        "branch": lambda value: f"branch {value}",
        "pr": page_query.pull_request_words,
        "session": lambda value: f"session {value[:8]}",
        **{name: partial(page_query.way_filter_words, name) for name in page_query.WAYS},
    }
    return tuple(
        Link(safe(word(value)), query.toggle(name, value).address(view.path))
        for name, word in words.items()
        for value in getattr(query, name)
    )
