"""Compile the C scanner for Windows x86-64 on Linux, with mingw-w64, against the stable ABI (python3.dll).

    python tools/windows/scanner.py PYTHON3_DLL OUT_FOLDER

The headers are those of the running Python, with a pyconfig.h for Windows. The import library comes from the names that
python3.dll exports.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tachograph" / "sources" / "transcripts" / "_scan.c"
PREFIX = "x86_64-w64-mingw32-"


def has_compiler() -> bool:
    return shutil.which(f"{PREFIX}gcc") is not None


def build(python3_dll: Path, into: Path) -> Path:
    """The compiled `_scan.pyd`. CalledProcessError if a tool fails."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        headers = folder / "include"
        shutil.copytree(sysconfig.get_path("include"), headers)
        shutil.copy(Path(__file__).with_name("pyconfig.h"), headers / "pyconfig.h")
        definitions = folder / "python3.def"
        definitions.write_text(export_definitions(python3_dll))
        library = folder / "libpython3.a"
        run(f"{PREFIX}dlltool", "--input-def", str(definitions), "--output-lib", str(library))
        target = into / "_scan.pyd"
        run(f"{PREFIX}gcc", "-O2", "-shared", "-static-libgcc", "-Wl,--no-insert-timestamp", f"-I{headers}", str(SOURCE), str(library), "-o", str(target))  # fmt: skip
        run(f"{PREFIX}strip", "--strip-unneeded", str(target))
    return target


def export_definitions(dll: Path) -> str:
    """A module definition with the exported names of a DLL."""
    listing = run(f"{PREFIX}objdump", "-p", str(dll))
    table = listing.partition("[Ordinal/Name Pointer] Table")[2]
    names = re.findall(r"^\s*\[\s*\d+\](?:\s+\+base\[\s*\d+\]\s+[0-9a-f]+)?\s+(\w+)\s*$", table, re.MULTILINE)
    return f"LIBRARY {dll.name}\nEXPORTS\n" + "".join(f"{name}\n" for name in names)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    print(build(Path(sys.argv[1]), Path(sys.argv[2])))
