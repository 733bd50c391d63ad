"""Addresses of a served dashboard, and the elements of its pages, for tests."""

from html.parser import HTMLParser
from pathlib import Path

from served_dashboard import PAGES, SESSION
from tachograph.ui.dashboard import api, static_files

STATIC = Path(static_files.FOLDER)
DOCS = Path(__file__).parents[1] / "docs"
ROUTES = [f"/api/{name}" for name in api.ROUTES]
EVERY = [*PAGES, f"/sessions/{SESSION}", *ROUTES, f"/api/session?id={SESSION}", "/export/windows.csv", "/live"]


class Found(HTMLParser):
    """Elements of a page, and the exact values that it bears."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []  # what a person sees or hears of it
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.shown += [
            value or "" for name, value in attrs if name in ("title", "aria-label", "placeholder", "data-chart")
        ]

    def value(self, id: str) -> float:
        return float(next(attrs["data-value"] or "nan" for _, attrs in self.elements if attrs.get("id") == id))
