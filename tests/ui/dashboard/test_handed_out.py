"""What is handed out: the extension in the wheel, its manifests, and Mozilla's lint of it."""

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from chromium import EXTENSION_ID, SHIPPED
from helpers import Home
from tachograph import __version__
from tachograph.paths import own_paths
from tachograph.ui.cli.extension import copied

ROOT = SHIPPED.parent
WEB_EXT = ROOT / "benchmarks" / "out" / "npm" / "node_modules" / ".bin" / "web-ext"


def manifest(name: str) -> dict[str, Any]:
    return dict(json.loads((SHIPPED / name).read_text()))


def test_both_manifests_say_the_same_but_for_what_only_one_family_knows() -> None:
    chromium, firefox = manifest("manifest.json"), manifest("manifest.firefox.json")
    own = {"key", "minimum_chrome_version", "browser_specific_settings", "background"}
    assert {k: v for k, v in chromium.items() if k not in own} == {k: v for k, v in firefox.items() if k not in own}
    assert chromium["host_permissions"] == ["https://claude.ai/*", "http://127.0.0.1/*"]
    assert set(chromium["permissions"]) == {"alarms", "storage"}
    assert chromium["version"] == __version__


def test_the_key_makes_the_id_that_is_pinned() -> None:
    digest = hashlib.sha256(b64decode(manifest("manifest.json")["key"])).hexdigest()[:32]
    assert "".join(chr(ord("a") + int(digit, 16)) for digit in digest) == EXTENSION_ID


def test_no_script_makes_markup_of_text_or_asks_anybody_else() -> None:
    for path in (*SHIPPED.glob("*.js"), *SHIPPED.glob("lib/*.js")):
        code = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(", code), path
        hosts = {re.split(r"[/:]", found)[0] for found in re.findall(r"https?://([^`\"\s]+)", code)}
        assert hosts <= {"claude.ai", "127.0.0.1"}, path


def test_the_firefox_copy_passes_mozilla_s_lint(home: Home) -> None:
    if not WEB_EXT.exists() or shutil.which("node") is None:
        pytest.skip("web-ext is not here (make needs installs it from npm)")
    folder = copied(own_paths(home.env))["firefox"]
    command = [str(WEB_EXT), "lint", "--source-dir", folder, "--no-config-discovery", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = json.loads(done.stdout)
    assert said["summary"] == {"errors": 0, "notices": 0, "warnings": 0}, said


def test_it_is_in_the_wheel(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(ROOT),
    ]
    env = {**os.environ, "TACHOGRAPH_PURE": "1"}  # or it would compile anew what other tests have loaded
    subprocess.run([*command, "--disable-pip-version-check"], env=env, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tachograph/extension/")}
    for path in SHIPPED.rglob("*"):
        if path.is_file():
            assert f"tachograph/extension/{path.relative_to(SHIPPED).as_posix()}" in names
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    code = "from tachograph.ui.cli import extension; print(extension.shipped())"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path / "installed")}
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()) == tmp_path / "installed" / "tachograph" / "extension"


@pytest.mark.parametrize(("version", "is_left"), [("editable", False), ("standard", True)])
def test_a_tree_without_the_compiled_reader_keeps_no_old_one(
    version: str, is_left: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hatchling.bridge.app import Application

    hook = runpy.run_path(str(ROOT / "hatch_build.py"))
    old = tmp_path / hook["FOLDER"] / "_scan.abi3.so"
    old.parent.mkdir(parents=True)
    old.touch()
    monkeypatch.setenv("TACHOGRAPH_PURE", "1")
    made: dict[str, Any] = {"force_include": {}}
    hook["CompiledScanner"](str(tmp_path), {}, None, None, "", "wheel", Application()).initialize(version, made)
    assert (old.exists(), made) == (is_left, {"force_include": {}})
