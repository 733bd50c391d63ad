"""Pages as HTML: templates with every value escaped, and blocks with a mark that changes with their content."""

import hashlib
import os
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tachograph.errors import TachographError
from tachograph.text.certainty import PAGE_ESTIMATE
from tachograph.text.format import cut, safe
from tachograph.ui.dashboard import page_query
from tachograph.ui.dashboard.filters import heading
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.protocol import BLOCK_END
from tachograph.ui.dashboard.site import PAGES

_TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
_TWIN = re.compile(r"<!--twin:([\w-]+)-->.*?<!--/twin-->", re.DOTALL)  # protocol.TWIN_START and TWIN_END
SHEETS = ("palette.css", "page.css", "figures.css", "tables.css", "usage.css", "responsive.css")


class RenderedBlock(NamedTuple):
    """The HTML of a block; its mark changes with the HTML.

    Tables beside charts are most of a page. Those that nobody has opened are left out and sent when they are opened.
    """

    id: str
    html: str

    def without_closed_twins(self, opened: frozenset[str]) -> "RenderedBlock":
        """The block with the tables of `opened` figures only."""
        return RenderedBlock(self.id, _TWIN.sub(lambda found: found[0] if found[1] in opened else "", self.html))

    @property
    def mark(self) -> str:
        return hashlib.blake2b(self.html.encode(), digest_size=6).hexdigest()


def slug(text: str) -> str:
    """A text as part of an id: letters and digits stay, any other text becomes a hash."""
    plain = str(text)
    if plain and len(plain) <= 64 and all(c.isascii() and (c.isalnum() or c in "-_") for c in plain):
        return plain
    return "h" + hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=8).hexdigest()


def with_code(text: str) -> Markup:
    """A sentence of ours with its commands in `quotes`."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts)))  # noqa: S704 - escaped above


class Renderer:
    """Renders pages. `static` gives the address of a static file."""

    def __init__(self, static: Callable[[str], str]) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {"slug": slug, "coded": with_code, "clip": lambda text, n: cut(text, max(2, n))}
        self._templates.globals |= {
            "static": static,
            "sheets": SHEETS,
            "stacks": page_query.STACKS,
            "measures": page_query.MEASURES,
            "estimate": PAGE_ESTIMATE,
        }
        for name in self._templates.list_templates(extensions=["html"]):
            self._templates.get_template(name)  # all of one version, even if another is installed meanwhile

    def shell(self, page: Page | None, least_ms: int) -> str:
        """A page without data: its frame, in which scripts place the blocks. None for an unknown address."""
        rail = [one for one in PAGES if one.in_rail]
        key = "sessions" if page is not None and page.key == "session" else page.key if page is not None else ""
        title = page.title if page is not None else "Not found"
        values = {"page": page, "key": key, "title": title, "rail": rail, "least": least_ms}
        return self._render("shell.html", values)

    def top(self, page: Page, title: str, view: View | None, error: TachographError | None = None) -> str:
        """The heading of a page with its filters and problems."""
        return self._render("top.html", heading(page, title, view, error)._asdict())

    def block(self, block: Block, view: View) -> RenderedBlock:
        """One block; a problem is shown in its place."""
        try:
            answer = block.answer(view)
            html = "" if answer is None else self._render(block.template, {"view": view, "block": answer})
        except TachographError as trouble:
            html = self.problem(trouble)
        except (KeyError, TypeError):  # a damaged ledger; the pool looks for that
            raise
        except Exception:  # noqa: BLE001 - a fault of one block does not break the page
            traceback.print_exc()  # to the recorder's log
            html = self.problem(TachographError("This part failed.", "recorder.log has the details."))
        return RenderedBlock(block.id, html.strip())

    def section(self, rendered: RenderedBlock) -> str:
        """A block in its section."""
        mark = rendered.without_closed_twins(frozenset()).mark
        return f'<section class="block" id="b-{rendered.id}" data-mark="{mark}">{rendered.html}</section>{BLOCK_END}\n'

    def blocks(self, page: Page, view: View) -> Iterator[RenderedBlock]:
        """Every block of a page, one by one."""
        for block in page.blocks:
            yield self.block(block, view)

    def problem(self, error: TachographError) -> str:
        """A problem with its remedy."""
        return self._render("problem.html", {"message": safe(error.message), "hint": safe(error.hint)})

    def _render(self, template: str, values: dict[str, Any]) -> str:
        return self._templates.get_template(template).render(values)
