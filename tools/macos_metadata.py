"""Evidence for each name of AppKit and Foundation that the menu bar uses, into tests/data/appkit.json.

    python tools/macos_metadata.py

PyObjC's wheel for macOS holds metadata that was generated from Apple's headers: constants, values of enumerations, and
selectors with types that Python could not guess. A selector of objects only is not in it; for those this looks at
published programs for macOS that call it through PyObjC (`CALLERS`). What none of them has stays without evidence.
"""

import ast
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import types
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "tachograph" / "ui" / "tray" / "macos.py"
RESULT = ROOT / "tests" / "data" / "appkit.json"
PYOBJC = "13.0"
CALLERS = {
    "rumps": "rumps==0.4.0",
    "pystray": "pystray==0.19.5",
    "pywebview": "pywebview==6.2.1",
    "chronosx": "chronosx==1.0.1",
    "claude-limits-bar": "claude-limits-bar==1.4.1",
    "claude-usage-bar": "claude-usage-bar==0.2.2",
}
# methods of our own objects and of Python that macos.py calls
OURS = {"show", "look", "note", "act", "update", "on_open", "on_close", "super", "_rebuild", "_paint", "_apply", "_fill", "_relabel"}  # fmt: skip


def main() -> int:
    constants, selectors = used(ast.parse(SOURCE.read_text(encoding="utf-8")))
    constants += ["NSControlStateValueOn", "NSControlStateValueOff", "NSApplicationActivationPolicyAccessory"]
    with tempfile.TemporaryDirectory() as scratch:
        metadata = pyobjc_metadata(Path(scratch))
        callers = {name: calls(wanted, Path(scratch) / name) for name, wanted in CALLERS.items()}
    found = {
        "pyobjc": PYOBJC,
        "constants": {name: metadata["constants"].get(name) for name in constants},
        "classes": {name: name in metadata["classes"] for name in sorted(classes(constants))},
        "selectors": {},
    }
    for name in selectors:
        selector = name.replace("_", ":")
        entry = metadata["selectors"].get(selector)
        callers_of = [caller for caller, text in callers.items() if re.search(rf"\.{name}\(", text)]
        found["selectors"][selector] = {"pyobjc": entry, "called_by": callers_of}
    found["constants"] = {k: v for k, v in found["constants"].items() if k not in found["classes"]}
    RESULT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    without = [name for name, one in found["selectors"].items() if not one["pyobjc"] and not one["called_by"]]
    print(f"{len(selectors)} selectors, without evidence: {', '.join(without) or 'none'}")
    return 0


def used(tree: ast.Module) -> tuple[list[str], list[str]]:
    """Names taken from AppKit and Foundation, and selectors that are called or defined, in PyObjC's spelling."""
    names, selectors = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "Foundation":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "AppKit":
            names.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr not in OURS:
            if not isinstance(node.func.value, ast.Attribute) or node.func.value.attr != "_items":
                selectors.add(node.func.attr)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("menu"):
            selectors.add(node.name)  # methods of NSMenuDelegate
    own = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and not node.name.startswith("menu")
    }
    return sorted(names), sorted(selectors - own)


def classes(names: list[str]) -> set[str]:
    """Those of the names that are classes: in Cocoa a constant starts with the name of its class or ends with its kind."""
    return {name for name in names if re.fullmatch(r"NS(Application|Attributed\w*|Color|Font|Menu\w*|MutableAttributedString|Object|RunLoop|StatusBar|Timer)", name)}  # fmt: skip


def pyobjc_metadata(scratch: Path) -> dict[str, Any]:
    """Constants (type or value), classes that are named, and selectors with their types, from PyObjC's wheel."""
    wheel = download(f"pyobjc-framework-Cocoa=={PYOBJC}", scratch, "--platform", "macosx_10_13_universal2", "--python-version", "3.13", "--only-binary=:all:")  # fmt: skip
    found: dict[str, Any] = {"constants": {}, "classes": set(), "selectors": {}}

    def note(owner: bytes, selector: bytes, types_: dict[str, Any]) -> None:
        found["classes"].add(owner.decode())
        entry = {"class": owner.decode(), **json.loads(json.dumps(types_, default=lambda value: value.decode() if isinstance(value, bytes) else str(value)))}  # fmt: skip
        found["selectors"].setdefault(selector.decode(), []).append(entry)

    objc = types.ModuleType("objc")
    objc.arch = "arm64"  # type: ignore[attr-defined]
    objc.registerMetaDataForSelector = note  # type: ignore[attr-defined]
    objc.__getattr__ = lambda name: lambda *_, **__: None  # type: ignore[method-assign]
    sys.modules["objc"] = objc
    with zipfile.ZipFile(wheel) as files:
        for framework in ("AppKit", "Foundation"):
            space: dict[str, Any] = {"__name__": framework}
            exec(files.read(f"{framework}/_metadata.py").decode(), space)  # noqa: S102 - of the wheel named above
            for part in space["constants"].strip("$").split("$"):
                name, _, kind = part.partition("@")
                found["constants"][name] = {"type": kind or "@"}
            for part in space["enums"].strip("$").split("$"):
                name, _, value = part.partition("@")
                found["constants"][name] = {"value": float(value) if "." in value else int(value)}
    return found


def calls(requirement: str, into: Path) -> str:
    """All Python source of a published package."""
    path = download(requirement, into)
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as files:
            return "\n".join(files.read(name).decode("utf-8", "replace") for name in files.namelist() if name.endswith(".py"))  # fmt: skip
    with tarfile.open(path) as archive:
        members = [archive.extractfile(one) for one in archive if one.name.endswith(".py")]
        return "\n".join(one.read().decode("utf-8", "replace") for one in members if one)


def download(requirement: str, into: Path, *options: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *options, "-d", str(into), requirement]
    subprocess.run(command, check=True)
    name = requirement.partition("=")[0].replace("-", "_").lower()
    return next(path for path in into.iterdir() if path.name.lower().replace("-", "_").startswith(name))


if __name__ == "__main__":
    sys.exit(main())
