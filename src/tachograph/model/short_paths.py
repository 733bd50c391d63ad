"""Short display names of paths: the shortest endings that still tell them apart."""

from collections.abc import Iterable


def short_paths(paths: Iterable[str]) -> dict[str, str]:
    """Each path to its last part, or to as many parts from the end as tell it from the others.

    >>> short_paths(["/a/shop", "/b/shop", "/b/notes"])
    {'/a/shop': 'a/shop', '/b/shop': 'b/shop', '/b/notes': 'notes'}
    """
    parts = {path: _parts(path) for path in dict.fromkeys(paths)}
    lengths = dict.fromkeys(parts, 1)
    while True:
        shown: dict[str, list[str]] = {}
        for path in parts:
            shown.setdefault(_end(parts[path], lengths[path]), []).append(path)
        longer = [p for same in shown.values() if len(same) > 1 for p in same if lengths[p] < len(parts[p])]
        if not longer:
            return {path: _end(parts[path], lengths[path]) or path for path in parts}
        for path in longer:
            lengths[path] += 1


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part]


def _end(parts: list[str], length: int) -> str:
    return "/".join(parts[-length:])
