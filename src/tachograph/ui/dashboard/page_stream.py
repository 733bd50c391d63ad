"""The three answers of a page: all of it, its changed blocks, parts of a long list."""

from collections.abc import Generator

from tachograph.errors import TachographError
from tachograph.server.malloc import trim_memory
from tachograph.ui.dashboard.envelope import envelope, to_json
from tachograph.ui.dashboard.page import PageRequest
from tachograph.ui.dashboard.protocol import BLOCK_END
from tachograph.ui.dashboard.render import RenderedBlock, Renderer
from tachograph.ui.dashboard.view import view_of
from tachograph.workspace.pool import LedgerPool


def whole_page(pool: LedgerPool, renderer: Renderer, request: PageRequest) -> Generator[bytes, None, None]:
    """Every block as HTML, each as soon as it is ready."""
    page = request.page
    try:
        with pool.snapshot() as snapshot:
            view = view_of(snapshot, request)
            yield _piece(renderer.top(page, page.title_for(view), view))
            for block in renderer.blocks(page, view):
                yield renderer.section(block).encode()
            version = snapshot.version
    except TachographError as trouble:
        yield _piece(renderer.top(page, page.title, None, trouble))
        version = ""
    trim_memory()
    yield f'<i id="version" hidden data-version="{version}" data-at="{pool.now_ms()}"></i>'.encode()


def _piece(html: str) -> bytes:
    return f"{html}{BLOCK_END}".encode()


def changed_blocks(
    pool: LedgerPool,
    renderer: Renderer,
    request: PageRequest,
    marks: str,
    chunks: frozenset[int],
    opened: frozenset[str],
) -> bytes:
    """The blocks with another mark than the page has, as JSON; `html` is null for unchanged ones."""
    page = request.page
    known = dict(pair.partition("=")[::2] for pair in marks.split(",")) if marks else {}
    with pool.snapshot() as snapshot:
        view = view_of(snapshot, request, chunks or frozenset({0}))
        title = page.title_for(view)
        top = RenderedBlock("top", renderer.top(page, title, view))
        rendered = [top, *(one.without_closed_twins(opened) for one in renderer.blocks(page, view))]
        blocks = [
            {"id": one.id, "mark": one.mark, "html": None if known.get(one.id) == one.mark else one.html}
            for one in rendered
        ]
        data = {"title": title, "at": snapshot.now, "blocks": blocks}
        return to_json(envelope(request.path, data, pool, snapshot))


def list_rows(pool: LedgerPool, renderer: Renderer, request: PageRequest, chunks: frozenset[int]) -> bytes:
    """Parts of the long list of a page."""
    with pool.snapshot() as snapshot:
        view = view_of(snapshot, request, chunks)
        return renderer.block(request.page.blocks[-1], view).html.encode()
