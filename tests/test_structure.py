"""Structure of the source tree: no import cycles between files, no file longer than 400 lines."""

import ast
from pathlib import Path

from conftest import LONGEST_FILES, SLOW_FILES, TESTS
from source_tree import FILES, SRC, syntax_of
from tachograph.ledger.storage.connection import VERSION
from tachograph.ledger.storage.migrations import STEPS

LONGEST = 400
EXTENSION = SRC.parent.parent / "extension"
# Two files may stay longer, each with its reason.
LONG_FILES: dict[str, str] = {"ledger/storage/migrations.py": "the steps that made the schema are only ever added"}


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported_files(path: Path) -> set[Path]:
    """Files of ours that a file imports, also inside functions and under TYPE_CHECKING."""
    files = set()
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
            if any(f"{node.module}.{alias.name}" in MODULES for alias in node.names):
                names.discard(node.module)  # `from package import module` needs the module
        else:
            continue
        files |= {MODULES[name] for name in names if name in MODULES}
    return files - {path}


def cycles(graph: dict[Path, set[Path]]) -> list[set[Path]]:
    """Strongly connected groups of more than one file (Tarjan's algorithm)."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    groups: list[set[Path]] = []

    def visit(node: Path) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group: set[Path] = set()
            while node not in group:
                group.add(stack.pop())
            if len(group) > 1:
                groups.append(group)

    for node in graph:
        if node not in index:
            visit(node)
    return groups


def test_the_search_for_cycles_finds_one() -> None:
    a, b, c = Path("a"), Path("b"), Path("c")
    assert cycles({a: {b}, b: {c}, c: {b}}) == [{b, c}]
    assert cycles({a: {b}, b: {c}, c: set()}) == []


def test_no_files_import_each_other_in_a_cycle() -> None:
    graph = {path: imported_files(path) for path in FILES}
    assert sum(map(len, graph.values())) > 300, "imports are not recognized"
    found = [frozenset(path.relative_to(SRC).as_posix() for path in group) for group in cycles(graph)]
    assert not [sorted(group) for group in found]


def source_files() -> list[Path]:
    """Python and JavaScript files that we wrote; not C, not vendored code."""
    scripts = [*SRC.rglob("*.js"), *EXTENSION.rglob("*.js")]
    return [*FILES, *(path for path in scripts if not {"vendor", "node_modules"} & set(path.parts))]


def test_no_source_file_is_longer_than_400_lines() -> None:
    assert len(LONG_FILES) <= 2
    long = set()
    for path in source_files():
        name = path.relative_to(SRC if path.is_relative_to(SRC) else SRC.parent.parent).as_posix()
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST:
            long.add(name)
    assert long <= LONG_FILES.keys(), sorted(long - LONG_FILES.keys())


def test_the_version_of_the_schema_is_the_number_of_its_steps() -> None:
    """A constant, so that commands need not load the text of every step."""
    assert len(STEPS) == VERSION


def test_every_file_marked_as_slow_or_long_is_there() -> None:
    """A test file that was renamed or split would silently lose its mark, or its place at the beginning."""
    assert not [name for name in (*SLOW_FILES, *LONGEST_FILES) if not (TESTS / name).is_file()]
