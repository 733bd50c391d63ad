"""The place of a link to a pull request, which names none: branch and folder of a record before it (accounting rule 8)."""

from __future__ import annotations

from itertools import islice

from tachograph.lean_typing import Callable, Iterable, Iterator
from tachograph.model.usage.projects import folder_key, worktree
from tachograph.model.usage.pull_requests import UNKNOWN_BRANCHES
from tachograph.sources.transcripts.records import parse_record, text_of

_BRANCH = b'"gitbranch"'
_MOST_RECORDS = 2000  # that mention what is looked for
_FURTHEST = 16 << 20  # bytes before the link
_PIECE, _LARGEST_PIECE = 1 << 14, 1 << 20  # bytes to read at once, at first and later

Place = tuple[str, str]  # branch, folder


def place_of(pieces: Callable[[], Iterable[bytes]], repository: str) -> Place:
    """Branch and folder of the last record before a link that lies in its repository and names a branch.

    Where no folder shows the repository (as `owner/name`), the last record that names a branch decides; an unknown branch
    counts only where none is known. `pieces` are the lines before the link, some at a time, the last ones first.
    """
    name = repository.rpartition("/")[2].lower()
    mention = name.encode() if name.isascii() else _BRANCH
    own = _best(place for place in _places(pieces(), mention) if _is_of(place[1], name)) if name else None
    return own or _best(_places(pieces(), _BRANCH)) or ("", "")


def _best(places: Iterable[Place]) -> Place | None:
    """The first with a known branch, else the first."""
    first = None
    for place in places:
        if place[0] not in UNKNOWN_BRANCHES:
            return place
        first = first or place
    return first


def _places(pieces: Iterable[bytes], mention: bytes) -> Iterator[Place]:
    """Branch and folder that records name themselves, the last one first; of records in which some text stands."""
    for line in islice(_lines(pieces, mention), _MOST_RECORDS):
        record = parse_record(line)
        if record is not None and (branch := text_of(record.get("gitBranch"))):
            yield branch, text_of(record.get("cwd"))


def _lines(pieces: Iterable[bytes], mention: bytes) -> Iterator[bytes]:
    left = _FURTHEST
    for piece in pieces:
        if len(piece) > left:
            piece = piece[piece.find(b"\n", len(piece) - left - 1) + 1 :]
        left -= len(piece)
        plain, end = piece.lower(), len(piece)
        while (at := plain.rfind(mention, 0, end)) >= 0:
            start, stop = plain.rfind(b"\n", 0, at) + 1, plain.find(b"\n", at)
            if plain.find(_BRANCH, start, stop) >= 0:
                yield piece[start:stop]
            end = start
        if left <= 0:
            return


def _is_of(folder: str, name: str) -> bool:
    """Test whether a folder's path shows a repository by its name, also beside its worktrees."""
    if name in folder.lower().replace("\\", "/").split("/"):
        return True
    tree = worktree(folder_key(folder))
    return tree is not None and tree.name.lower() == name


def pieces_before(read: Callable[[int, int], bytes], end: int) -> Iterator[bytes]:
    """Whole lines that end at an offset, some at a time, the last ones first. `read` gives the bytes from one to another."""
    size = _PIECE
    while end > 0:
        start = max(0, end - size)
        data = read(start, end)
        if len(data) < end - start:
            return  # it was cut off meanwhile: the next pass reads it from its start
        cut = data.find(b"\n") + 1 if start else 0
        if start and cut in (0, len(data)):  # a line is longer
            if size > _FURTHEST:
                return
            size *= 2
            continue
        yield data[cut:]
        end, size = start + cut, min(2 * size, _LARGEST_PIECE)
