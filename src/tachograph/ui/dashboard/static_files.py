"""Files that pages load. They are read once, at the start: nothing else on the disk can be requested."""

import hashlib
import os
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "static")
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class StaticFile(NamedTuple):
    """A file in memory; `mark` changes with its content."""

    data: bytes
    mark: str
    type: str


class StaticFiles:
    """All files of the page, by their path under `static/`."""

    def __init__(self) -> None:
        self._files = dict(_read_all())

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def address(self, name: str) -> str:
        """The address of a file; browsers keep it until its content changes."""
        return f"/static/{name}?v={self._files[name].mark}"

    def find(self, name: str) -> StaticFile | None:
        """A file by its path under `static/`."""
        return self._files.get(name)

    def answer(self, name: str, request: Request) -> Response:
        """A file, or 304 if the browser has it."""
        file = self._files[name]
        is_marked = request.query_params.get("v") == file.mark
        headers = {
            "etag": f'"{file.mark}"',
            "cache-control": "max-age=31536000, immutable" if is_marked else "no-cache",
        }
        if request.headers.get("if-none-match") == f'"{file.mark}"':
            return Response(None, 304, headers)
        return Response(file.data, 200, headers, file.type)


def _read_all() -> list[tuple[str, StaticFile]]:
    found = []
    for folder, _, names in os.walk(FOLDER):
        for name in names:
            kind = _TYPES.get(os.path.splitext(name)[1])
            if kind is None:
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                data = file.read()
            key = os.path.relpath(path, FOLDER).replace(os.sep, "/")
            found.append((key, StaticFile(data, hashlib.sha256(data).hexdigest()[:12], kind)))
    return found
