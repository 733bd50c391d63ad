"""The product's own source as syntax trees, parsed once a run."""

import ast
from functools import cache
from pathlib import Path

SRC = Path(__file__).parent.parent / "src" / "tachograph"
FILES = sorted(SRC.rglob("*.py"))


@cache
def syntax_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from tachograph.ui import cli` takes a package of the folder, and nothing of the folder itself
            found |= named if all(_is_module(name) for name in named) else named | {node.module}
    return frozenset(found)


def _is_module(name: str) -> bool:
    path = SRC.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()
