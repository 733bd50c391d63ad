"""Pages as text: templates with every value escaped, and blocks with a mark that says whether they changed."""

import hashlib
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tachograph.errors import TachographError
from tachograph.ledger.usage import rollups
from tachograph.model.short_paths import short_paths
from tachograph.model.usage.prices import display_name as shown_model
from tachograph.text.format import cut, safe
from tachograph.ui.dashboard import page_query as asking
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.pages import limits, now, pull_requests, session, sessions, settings, usage
from tachograph.ui.documents.reports import ESTIMATE
from tachograph.workspace.snapshot import Snapshot

PAGES: tuple[Page, ...] = (
    now.PAGE, usage.PAGE, sessions.PAGE, pull_requests.PAGE, limits.PAGE, settings.PAGE, session.PAGE,
)  # fmt: skip
HERE = os.path.dirname(os.path.abspath(__file__))
_MOST_OPTIONS = 300


_TWIN = re.compile(r"<!--twin:([\w-]+)-->.*?<!--/twin-->", re.DOTALL)


class Shown(NamedTuple):
    """A block as it stands on a page; the mark is the same as long as the text is. Tables beside charts that nobody has
    opened are no part of it: they are most of a page, and are sent again when somebody opens them."""

    id: str
    html: str

    def without(self, opened: frozenset[str]) -> "Shown":
        """Without the tables that are not opened."""
        return Shown(self.id, _TWIN.sub(lambda m: m[0] if m[1] in opened else "", self.html))

    @property
    def mark(self) -> str:
        return hashlib.blake2b(self.html.encode(), digest_size=6).hexdigest()


def slug(text: str) -> str:
    """A text as a part of an id: letters and digits stay, anything else becomes a hash of all of it."""
    plain = str(text)
    if plain and len(plain) <= 64 and all(c.isascii() and (c.isalnum() or c in "-_") for c in plain):
        return plain
    return "h" + hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=8).hexdigest()


def coded(text: str) -> Markup:
    """A sentence of ours in which commands stand in `quotes`."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts)))  # noqa: S704 - escaped above


class Renderer:
    """`static` gives the address of a file of the page."""

    def __init__(self, static: Callable[[str], str]) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(os.path.join(HERE, "templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters["slug"] = slug
        self._templates.filters["coded"] = coded
        self._templates.filters["clip"] = lambda text, most: cut(text, max(2, most))
        self._templates.globals["static"] = static
        self._templates.globals["stacks"] = asking.STACKS
        self._templates.globals["measures"] = asking.MEASURES
        for name in self._templates.list_templates(extensions=["html"]):
            self._templates.get_template(name)  # all of one version, whatever is installed while the recorder runs
        self._options: tuple[str, float, dict[str, list[tuple[str, str]]]] | None = None

    def head(self, page: Page, title: str, form: str, least_ms: int) -> str:
        """What can be sent before anything is asked: the page's frame. It holds no data but the title."""
        rail = [{"href": one.path, "title": one.title, "key": one.key} for one in PAGES if one.in_rail]
        return self._render(
            "head.html",
            {"page": page, "title": title, "form": form, "rail": rail, "theme": "system", "least": least_ms},
        )

    def foot(self) -> str:
        return self._render("foot.html", {"estimate": ESTIMATE})

    def enter(self) -> str:
        return self._render("enter.html", {})

    def top(self, page: Page, title: str, view: View | None, error: TachographError | None = None) -> str:
        """The heading with the whole question, the filters, and what went wrong."""
        made: dict[str, Any] = {
            "page": page,
            "title": title,
            "error": error,
            "sentence": "",
            "path": page.path,
            "presets": (),
            "filters": (),
            "chips": (),
            "hidden": (),
            "since": "",
            "until": "",
            "clear": "",
            "asked": asking.Asked(),
        }
        if view is not None:
            made |= {"path": view.path, "asked": view.asked, "hidden": _hidden(view.asked)}
            try:
                made |= self._filters(page, view)
            except TachographError as trouble:
                made["error"] = trouble
        if made["error"] is not None:  # it may repeat names from elsewhere
            made["error"] = {"message": safe(made["error"].message), "hint": safe(made["error"].hint)}
        return self._render("top.html", made)

    def _filters(self, page: Page, view: View) -> dict[str, Any]:
        if not page.filters:
            return {}
        look, asked = view.look, view.asked
        span = asked.span(look.calendar, look.now)
        made: dict[str, Any] = {
            "sentence": asking.sentence(asked, look.calendar, look.now, compares=page.compares)
            if page.filters == "full"
            else asking.range_words(asked, look.calendar, look.now),
            "presets": [
                {"text": text, "on": asked.range == key, "href": view.address(range=key, since="", until="")}
                for key, text in asking.PRESETS.items()
            ],
            "since": look.calendar.day(span.start).isoformat() if span.start is not None else "",
            "until": look.calendar.day(span.end - 1).isoformat() if span.end is not None else "",
            "clear": view.address(project=(), model=(), branch=(), pr=(), session=()),
        }
        if page.filters == "full":
            options = self._all_options(look)
            made["filters"] = [
                {
                    "name": name,
                    "label": label,
                    "all": everything,
                    "options": [
                        {"value": value, "text": text, "on": value in getattr(asked, name)}
                        for value, text in _with_chosen(options[name], getattr(asked, name))
                    ],
                }
                for name, label, everything in (
                    ("project", "Project", "All projects"),
                    ("model", "Model", "All models"),
                    ("branch", "Branch", "All branches"),
                )
            ]
            made["chips"] = _chips(view)
        return made

    def _all_options(self, look: Snapshot) -> dict[str, list[tuple[str, str]]]:
        """What can be chosen; it is looked up again after a minute, or in another ledger."""
        known = self._options
        where = f"{look.ledger.path} {look.version.partition('-')[0]}"
        if known is not None and known[0] == where and look.now - known[1] < 60_000 and known[2]["project"]:
            return known[2]
        projects = [path for _, path in rollups.present(look.db, "project")]
        short = short_paths(projects)
        models = [model for _, model in rollups.present(look.db, "model") if model]
        branches = [branch for _, branch in rollups.present(look.db, "branch")]
        found = {
            "project": sorted(((path or "unknown", safe(short[path]) or "unknown") for path in projects), key=lambda p: p[1].lower()),
            "model": sorted(((model, safe(shown_model(model))) for model in models), key=lambda p: p[1].lower()),
            "branch": sorted(((branch or "unknown", safe(branch) or "unknown") for branch in branches), key=lambda p: p[1].lower()),
        }  # fmt: skip
        found = {name: pairs[:_MOST_OPTIONS] for name, pairs in found.items()}
        self._options = (where, look.now, found)
        return found

    def block(self, block: Block, view: View) -> Shown:
        """One block; what hinders it is said in its place."""
        try:
            answer = block.answer(view)
            html = "" if answer is None else self._render(block.template, _renamed(answer))
        except TachographError as trouble:
            html = self.trouble(trouble)
        except (KeyError, TypeError):  # what a flipped byte in the ledger may come to: the pool looks for that
            raise
        except Exception:  # noqa: BLE001 - a mistake of ours in one block does not take the page along
            traceback.print_exc()  # to the recorder's log
            html = self.trouble(TachographError("This part could not be made.", "recorder.log says why."))
        return Shown(block.id, html.strip())

    def placed(self, shown: Shown) -> str:
        """A block in its place on the page."""
        return f'<section class="block" id="b-{shown.id}" data-mark="{shown.without(frozenset()).mark}">{shown.html}</section>\n'

    def blocks(self, page: Page, view: View) -> Iterator[Shown]:
        for block in page.blocks:
            yield self.block(block, view)

    def trouble(self, error: TachographError) -> str:
        return self._render("trouble.html", {"message": safe(error.message), "hint": safe(error.hint)})

    def _render(self, template: str, values: Mapping[str, Any]) -> str:
        return self._templates.get_template(template).render(values)


def _renamed(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Names that macros have as well, kept apart from them."""
    return {f"{name}_" if name in ("figure", "table") else name: value for name, value in answer.items()}


def _with_chosen(options: list[tuple[str, str]], chosen: tuple[str, ...]) -> list[tuple[str, str]]:
    """What is chosen is always among what can be, whatever the list has room for."""
    known = {value for value, _ in options}
    return [*options, *((value, safe(value)) for value in chosen if value not in known)]


def _hidden(asked: asking.Asked) -> list[tuple[str, str]]:
    """What a form has to carry along, for pages without scripts."""
    made = [("range", asked.range)] if asked.range and asked.range != "30d" else []
    made += [("pr", value) for value in asked.pr] + [("session", value) for value in asked.session]
    made += [(name, getattr(asked, name)) for name in ("stack", "measure", "sort") if getattr(asked, name) != getattr(asking.Asked(), name)]  # fmt: skip
    return made


def _chips(view: View) -> list[dict[str, str]]:
    asked, made = view.asked, []
    short = short_paths([path for _, path in rollups.present(view.look.db, "project")]) if asked.project else {}
    words: dict[str, Callable[[str], str]] = {
        "project": lambda value: short.get(value, value),
        "model": shown_model,
        "branch": lambda value: f"branch {value}",
        "pr": asking.pull_words,
        "session": lambda value: f"session {value[:8]}",
    }
    for name, word in words.items():
        for value in getattr(asked, name):
            toggled = asked.toggled(name, value)
            made.append({"text": safe(word(value)), "href": toggled.address(view.path)})
    return made
