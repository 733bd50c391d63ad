"""The scripts of dashboard and extension: one format, no lint, sound types, and their unit tests in node."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ROOT / "benchmarks" / "out" / "npm" / "node_modules" / ".bin"


def _run(*command: str) -> None:
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]


def _tool(name: str) -> str:
    if not (TOOLS / name).exists():
        pytest.skip(f"{name} is not here: tools/test_needs.sh gets it from npm")
    return str(TOOLS / name)


def test_scripts_and_style_sheets_have_one_format_and_no_lint() -> None:
    _run(_tool("biome"), "ci", "--error-on-warnings", ".")


def test_the_types_of_the_scripts_are_sound() -> None:
    _run(_tool("tsc"), "-p", "jsconfig.json")


def test_the_unit_tests_of_the_scripts_pass_in_node() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not here (Debian: apt-get install nodejs)")
    if not (TOOLS.parent / "happy-dom").exists():
        pytest.skip("happy-dom is not here: tools/test_needs.sh gets it from npm")
    _run("node", "--test", "tests/js/")


def test_pages_and_server_name_the_protocol_the_same() -> None:
    from tachograph.ui.dashboard import protocol

    script = (ROOT / "src/tachograph/ui/dashboard/static/protocol.js").read_text()
    page = (ROOT / "docs/dashboard-protocol.md").read_text()
    names = ("PAGE_KEY", "WHOLE", "MARKS", "CHUNKS", "OPENED", "ROWS", "BLOCK_END")
    for name in names:
        value = getattr(protocol, name)
        assert f'export const {name} = "{value}";' in script
        assert f"`{value}`" in page
