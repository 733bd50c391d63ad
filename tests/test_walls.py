"""The rooms of the house: who may import whom (docs/house.md), and what the fast commands never load."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "tachograph"

# room: the rooms it may import from; everyone may import errors, the package itself and the standard library
ALLOWED = {
    "errors": set(),
    "clock": set(),
    "paths": set(),
    "settings": {"model"},
    "model": set(),
    "demo": set(),
    "sources": {"model", "paths", "settings", "clock"},
    "ledger": {"model", "paths"},
    "recorder": {"sources", "ledger", "questions", "model", "paths", "clock", "settings"},
    "setup": {"sources", "ledger", "recorder", "model", "paths", "settings", "clock"},
    "questions": {"ledger", "model", "clock"},
    "surfaces": {"questions", "setup", "model", "settings", "clock"},
    "surfaces/web": {"questions", "setup", "model", "settings", "clock", "recorder", "ledger", "paths", "surfaces"},
    "surfaces/cli": {
        "questions",
        "setup",
        "model",
        "settings",
        "clock",
        "surfaces",
        "recorder",
        "ledger",
        "paths",
        "demo",
    },
    "__main__": {"surfaces"},
}
# third-party packages, and the only files that may import them
THIRD_PARTY = {
    "msgspec": {"sources/transcripts/typed.py"},
    "shtab": {"surfaces/cli/completion.py"},
    "wcwidth": {"surfaces/text.py"},
    "desktop_notifier": {"recorder/notify.py"},
    "yt_dlp": {"sources/cookies.py"},
    "h11": {"surfaces/web/listener.py"},
    "dbus_fast": {"surfaces/tray/linux.py"},
    "textual": {"surfaces/terminal/app.py"},
    "rich": {"surfaces/terminal/app.py"},
    "AppKit": {"surfaces/tray/macos.py"},
    "Foundation": {"surfaces/tray/macos.py"},
    "starlette": {"surfaces/web/app.py"},
    "uvicorn": {"surfaces/web/server.py", "surfaces/web/wire.py"},
    "jinja2": {"surfaces/web/render.py"},
    "markupsafe": {"surfaces/web/render.py"},
    "pyarrow": {"surfaces/everything.py"},
    "objc": {"surfaces/tray/macos.py"},
}


def room_of(path: Path) -> str:
    parts = path.relative_to(SRC).parts
    if parts[:2] in (("surfaces", "cli"), ("surfaces", "web")):
        return "/".join(parts[:2])
    return parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """The modules a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


FILES = sorted(SRC.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_a_file_imports_only_from_the_rooms_it_may(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    allowed = ALLOWED[room] | {room.split("/")[0] if room != "surfaces/cli" else "surfaces", "errors", "__version__"}
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "tachograph" or len(parts) < 2:
            continue
        assert parts[1] in allowed, f"{room} imports {name}"
        if room in ("surfaces", "surfaces/web"):
            assert parts[1:3] != ["surfaces", "cli"] or path.parent.name == "cli", f"{path}: a surface imports the cli"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_third_party_packages_are_imported_where_they_belong(path: Path) -> None:
    here = str(path.relative_to(SRC)).replace(os.sep, "/")
    for name in imports_of(path):
        top = name.split(".")[0]
        if top == "tachograph" or top in sys.stdlib_module_names:
            continue
        assert here in THIRD_PARTY.get(top, set()), f"{here} imports {name}"


def test_only_the_ledger_speaks_sql() -> None:
    for path in FILES:
        if room_of(path) == "ledger" or path == SRC / "sources" / "cookies.py":  # a browser's own store is SQLite
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.split()
                assert not (words and words[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "PRAGMA", "CREATE")), path


def test_sources_do_not_know_each_other() -> None:
    """But for what several need: the decoder of the usage payload, which is pure, and the asking over a network."""
    shared = ("tachograph.sources.usage_payload", "tachograph.sources.asking")
    for path in FILES:
        parts = path.relative_to(SRC).parts
        if parts[0] != "sources" or len(parts) < 2:
            continue
        own = f"tachograph.sources.{parts[1].removesuffix('.py')}"
        for name in imports_of(path):
            if name.startswith("tachograph.sources.") and not name.startswith(shared):
                assert name.startswith(own), f"{path} imports {name}"


def modules_after(command: list[str], env: dict[str, str]) -> set[str]:
    """What a fresh process has loaded when a command is done."""
    code = (
        "import sys\nfrom tachograph.surfaces.cli import run\n"
        f"run({command!r})\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_a_warm_report_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    config = tmp_path / ".claude" / "projects" / "p"
    config.mkdir(parents=True)
    env = {
        "HOME": str(tmp_path),
        "TACHOGRAPH_HOME": str(tmp_path / "data"),
        "PATH": os.environ["PATH"],
        "TZ": "UTC",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    modules_after(["daily"], env)
    loaded = modules_after(["daily"], env)
    heavy = {"msgspec", "rich", "click", "dataclasses", "inspect", "asyncio", "ssl", "http.client", "urllib.request"}
    heavy |= {
        "subprocess",
        "tomllib",
        "csv",
        "logging",
        "tempfile",
        "hashlib",
        "multiprocessing",
        "wcwidth",
        "shtab",
        "starlette",
        "uvicorn",
        "jinja2",
    }
    assert not loaded & heavy
    assert not {name for name in loaded if name.startswith("tachograph.demo")}
