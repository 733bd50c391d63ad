"""The team's pages over HTTP, for the hub to serve: frame, content, static files, sign-in. No sockets in here."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tachograph.text.certainty import ESTIMATE
from tachograph.ui.dashboard.render import SHEETS, slug, with_code
from tachograph.ui.dashboard.security_headers import HEADERS
from tachograph.ui.dashboard.static_files import StaticFiles
from tachograph.ui.dashboard.team.pages import PAGES, RANGES, Ask, content

_TEMPLATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "templates")


class PageAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class TeamPages:
    """Renders the pages. Read-only; used by one thread at a time."""

    def __init__(self) -> None:
        self._static = StaticFiles()
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        self._templates.filters |= {"slug": slug, "coded": with_code, "clip": lambda text, n: text[: max(2, n)]}
        self._templates.globals |= {"static": self._static.address, "sheets": SHEETS, "estimate": ESTIMATE}

    def is_page(self, path: str) -> bool:
        return path in {page.path for page in PAGES} or path == "/sign-in" or path.startswith("/static/")

    def file(self, path: str, query: Mapping[str, str]) -> PageAnswer:
        """A static file."""
        found = self._static.find(path.removeprefix("/static/"))
        if found is None:
            return self._page(404, "There is no such page", {})
        kept = "max-age=31536000, immutable" if query.get("v") == found.mark else "no-cache"
        return PageAnswer(200, {**HEADERS, "content-type": found.type, "cache-control": kept}, found.data)

    def sign_in(self, problem: str = "") -> PageAnswer:
        """The page that takes the code out of a sign-in link, or says how to get one."""
        return self._page(200 if not problem else 401, "Sign in", {"problem": problem, "page": None})

    def page(self, path: str, query: Mapping[str, str], name: str, ask: Ask) -> PageAnswer:
        """A page for the member who is signed in as `name`."""
        page = next(one for one in PAGES if one.path == path)
        asked = query.get("last", "30")
        days = int(asked) if asked in {str(number) for number, _ in RANGES} else 30
        found = content(page, days, ask)
        values: dict[str, Any] = {"page": page, "content": found, "days": days, "name": name}
        return self._page(200, page.heading or page.title, values)

    def _page(self, status: int, title: str, values: Mapping[str, Any]) -> PageAnswer:
        key = values["page"].key if values.get("page") else ""
        every = {"page": None, "problem": "", "content": None, "days": 30, "name": "", **values}
        html = self._templates.get_template("team.html").render(
            title=title, rail=PAGES, key=key, ranges=RANGES, **every
        )
        headers = {**HEADERS, "content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
        return PageAnswer(status, headers, html.encode("utf-8", "replace"))
