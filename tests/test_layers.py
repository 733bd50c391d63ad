"""The layers: who may import whom (docs/architecture.md), and what the fast commands never load."""

import ast
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from source_tree import FILES, SRC, imports_of, syntax_of

# package: the packages it may import; everyone may import itself, errors, clock, paths, the version and the standard
# library. A longer name wins: ui/cli has its own row beside ui.
ALLOWED = {
    "errors": set(),
    "clock": set(),
    "paths": set(),
    "processes": set(),
    "background": {"processes"},
    "win32": set(),
    "lean_datetime": set(),
    "lean_functools": set(),
    "lean_sqlite": set(),
    "module_bundle": set(),
    "lean_typing": set(),
    "lean_contextlib": set(),
    "lean_json": set(),
    "lean_re": set(),
    "model": set(),
    "demo": set(),
    "settings": {"model"},
    "sources": {"model", "settings", "processes"},
    "ledger": {"model"},
    "queries": {"ledger", "model"},
    "text": {"model", "queries"},
    "recorder": {"sources", "ledger", "model", "queries", "text", "settings", "processes", "background"},
    "setup": {"sources", "ledger", "recorder", "model", "text", "settings", "processes", "background"},
    "workspace": {"ledger", "queries", "recorder", "setup", "model", "settings", "background"},
    "server": {"model", "settings"},
    "hub": {"ledger", "model", "queries", "server", "text", "settings"},
    "ui/documents": {"queries", "text", "setup", "model", "settings", "workspace"},
    "ui/tray": {
        "workspace",
        "queries",
        "text",
        "setup",
        "server",
        "hub",
        "model",
        "settings",
        "ui/documents",
        "processes",
    },
    "ui/terminal": {
        "workspace",
        "queries",
        "text",
        "setup",
        "server",
        "hub",
        "model",
        "settings",
        "ui/documents",
        "processes",
    },
    "ui/dashboard": {"workspace", "queries", "text", "setup", "server", "hub", "model", "settings", "ui/documents"},
    "ui/cli": {
        "sources",
        "ledger",
        "queries",
        "text",
        "recorder",
        "setup",
        "workspace",
        "server",
        "hub",
        "model",
        "settings",
        "processes",
        "background",
        "demo",
        "ui/documents",
        "ui/tray",
        "ui/terminal",
        "ui/dashboard",
    },
    "__main__": {"module_bundle", "text", "ui/cli"},
}
EVERYONE = {
    "errors",
    "clock",
    "paths",
    "win32",
    "lean_datetime",
    "lean_functools",
    "lean_sqlite",
    "lean_typing",
    "lean_contextlib",
    "lean_json",
    "lean_re",
    "__version__",
}
# third-party packages, and the only files that may import them
THIRD_PARTY = {
    "msgspec": {"sources/transcripts/msgspec_decoder.py"},
    "shtab": {"ui/cli/completion.py"},
    "wcwidth": {"text/format.py"},
    "desktop_notifier": {"recorder/desktop_notification.py"},
    "yt_dlp": {"sources/browser_cookies.py"},
    "h11": {"server/http_server.py"},
    "dbus_fast": {"ui/tray/linux.py"},
    "textual": {"ui/terminal/app.py"},
    "rich": {"ui/terminal/app.py"},
    "AppKit": {"ui/tray/macos.py"},
    "Foundation": {"ui/tray/macos.py"},
    "starlette": {
        f"ui/dashboard/{name}.py" for name in ("app", "routes", "bodies", "news", "static_files", "streaming")
    },
    "uvicorn": {"ui/dashboard/server.py", "server/connection_limits.py", "hub/server.py"},
    "jinja2": {"ui/dashboard/render.py", "ui/dashboard/team/app.py"},
    "markupsafe": {"ui/dashboard/render.py"},
    "pyarrow": {"ui/documents/export.py"},
    "objc": {"ui/tray/macos.py"},
    "opentelemetry": {"hub/telemetry.py"},
    "google": {"hub/telemetry.py"},
    "psycopg": {"hub/store/postgres.py"},
    "cryptography": {"setup/data_update.py", "hub/sharing.py"},
}


def package_of(parts: Sequence[str]) -> str:
    """The row of ALLOWED that the parts of a path or dotted name below `tachograph` belong to."""
    two = "/".join(parts[:2]).removesuffix(".py")
    return two if two in ALLOWED else parts[0].removesuffix(".py")


def test_a_file_imports_only_from_the_packages_it_may() -> None:
    wrong = []
    for path in FILES:
        package = package_of(path.relative_to(SRC).parts)
        if package in ("__init__", "ui"):
            continue
        allowed = ALLOWED[package] | EVERYONE | {package}
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] == "tachograph" and len(parts) > 1 and package_of(parts[1:]) not in allowed:
                wrong.append(f"{path.relative_to(SRC)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_third_party_packages_are_imported_where_they_belong() -> None:
    wrong = []
    for path in FILES:
        here = path.relative_to(SRC).as_posix()
        for name in imports_of(path):
            top = name.split(".")[0]
            if top != "tachograph" and top not in sys.stdlib_module_names and here not in THIRD_PARTY.get(top, set()):
                wrong.append(f"{here} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_only_the_ledger_speaks_sql() -> None:
    for path in FILES:
        if (
            package_of(path.relative_to(SRC).parts) == "ledger"
            or path == SRC / "sources" / "browser_cookies.py"  # a browser's own store is SQLite
            or path.parent == SRC / "hub" / "store"  # the hub's own database
        ):
            continue
        for node in ast.walk(syntax_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.split()
                assert not (
                    len(words) > 1 and words[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "PRAGMA", "CREATE")
                ), path


def test_sources_do_not_know_each_other() -> None:
    """But for what several need: the decoder of the usage payload, which is pure, and the asking over a network."""
    shared = (
        "tachograph.sources.usage_payload",
        "tachograph.sources.usage_money",
        "tachograph.sources.usage_grants",
        "tachograph.sources.http",
    )
    for path in FILES:
        parts = path.relative_to(SRC).parts
        if parts[0] != "sources" or len(parts) < 2:
            continue
        own = f"tachograph.sources.{parts[1].removesuffix('.py')}"
        for name in imports_of(path):
            if name.startswith("tachograph.sources.") and not name.startswith(shared):
                assert name.startswith(own), f"{path} imports {name}"


# modules and functions that start another program; only processes.py uses them
STARTERS = {"subprocess", "_posixsubprocess", "multiprocessing", "webbrowser", "pty", "popen2", "pexpect", "_winapi"}
STARTING_CALLS = {
    "fork", "forkpty", "system", "popen", "startfile", "posix_spawn", "posix_spawnp", "create_subprocess_exec",
    "create_subprocess_shell", "subprocess_exec", "subprocess_shell", "ProcessPoolExecutor", "find_library", "getnode",
} | {f"{kind}{end}" for kind in ("exec", "spawn") for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")}  # fmt: skip


def test_only_processes_starts_a_child() -> None:
    wrong = []
    for path in FILES:
        if path == SRC / "processes.py":
            continue
        names = imports_of(path)
        wrong += [f"{path} imports {name}" for name in names if name.split(".")[0] in STARTERS]
        for node in ast.walk(syntax_of(path)):
            if isinstance(node, ast.Attribute) and node.attr in STARTING_CALLS:
                is_field = node.attr in ("system", "popen") and not _is_os(node.value)
                wrong += [] if is_field else [f"{path}:{node.lineno} uses {node.attr}"]
        owners = ("os.", "asyncio.", "concurrent.", "ctypes.", "uuid.")
        wrong += [
            f"{path} imports {name}"
            for name in names
            if name.startswith(owners) and name.split(".")[-1] in STARTING_CALLS
        ]
    assert not wrong, "\n".join(wrong)


def _is_os(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("os", "posix", "nt")


PIPED = '{"session_id": "s", "rate_limits": {"five_hour": {"used_percentage": 41, "resets_at": 1893456000}}}'


def modules_after(command: list[str], env: dict[str, str]) -> set[str]:
    """What a fresh process has loaded when a command is done."""
    code = (
        "import sys\nfrom tachograph.ui.cli import run\n"
        f"run({command!r})\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, input=PIPED, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


# Modules of the standard library that a fast command does without: together they take as long as starting Python.
TOO_SLOW = {
    "argparse",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "importlib.metadata",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "re",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
    "warnings",
    "zoneinfo",
}
# The most modules that a fast command loads beyond those of an empty Python. A bound may fall; it never rises.
MOST_MODULES = {"statusline": 59, "now": 81, "guard": 88, "daily": 84}


@pytest.mark.parametrize("command", MOST_MODULES)
def test_a_fast_command_loads_nothing_that_it_does_not_use(command: str, tmp_path: Path) -> None:
    (tmp_path / ".claude" / "projects" / "p").mkdir(parents=True)
    env = fast_environment(tmp_path)
    modules_after([command], env)
    loaded = modules_after([command], env) - set(empty_python(env))
    outside = {name for name in loaded if not name.startswith("tachograph")}
    assert not outside & TOO_SLOW
    allowed = sys.stdlib_module_names | {"__future__"}
    assert {name for name in outside if name.partition(".")[0] not in allowed} == set()
    assert not {name for name in loaded if name.startswith("tachograph.demo")}
    assert len(loaded) <= MOST_MODULES[command], sorted(loaded)


PLAIN = """\
{"type":"user","message":{"role":"user","content":"hello"},"cwd":"/w/shop","sessionId":"s","gitBranch":"main","timestamp":"2026-06-20T12:00:00.000Z","uuid":"u"}
{"type":"assistant","message":{"model":"claude-sonnet-4-5","id":"msg_0123456789abcdefghijklmn","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":20}},"cwd":"/w/shop","sessionId":"s","gitBranch":"main","timestamp":"2026-06-20T12:00:05.000Z","uuid":"v"}
"""


def test_a_first_reading_of_plain_transcripts_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    folder = tmp_path / ".claude" / "projects" / "p"
    folder.mkdir(parents=True)
    (folder / "s.jsonl").write_text(PLAIN, encoding="utf-8")
    env = fast_environment(tmp_path)
    loaded = modules_after(["daily"], env) - set(empty_python(env))
    assert "tachograph.sources.transcripts.records" in loaded
    assert not loaded & (TOO_SLOW | {"calendar", "hashlib", "signal"})
    assert len(loaded) <= 127, sorted(loaded)


def fast_environment(home: Path) -> dict[str, str]:
    """Variables of a command with a home of its own, in a tree that is not installed."""
    tree = os.pathsep.join([str(SRC.parent), *(folder for folder in sys.path if "site-packages" in folder)])
    return {
        "HOME": str(home),
        "TACHOGRAPH_HOME": str(home / "data"),
        "PATH": os.environ["PATH"],
        "TZ": "UTC",
        "PYTHONPATH": tree,
    }


def empty_python(env: dict[str, str]) -> list[str]:
    """The modules of a Python that does nothing, with what `.pth` files of the environment import."""
    code = "import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()
