"""Write requirements/dev.lock (all dependencies with hashes, for development and CI) and requirements/lowest.txt (the
lowest versions that pyproject.toml allows). Needs uv, which asks the configured package index; no index address is written.

    pip install uv && python tools/lock.py
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "requirements"
COMMON = ("--python-version", "3.11", "--universal", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet")
LOCKS = {
    "dev.lock": ("--all-extras", "--generate-hashes"),
    "lowest.txt": ("--resolution", "lowest-direct"),
}
HEADER = "# Written by tools/lock.py from pyproject.toml: {what}.\n"
WHAT = {
    "dev.lock": "every dependency for development, with the hashes of its files",
    "lowest.txt": "the lowest allowed versions of what the product needs",
}


def main() -> int:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        print("uv is missing: pip install uv", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    for name, flags in LOCKS.items():
        done = subprocess.run(
            [uv, "pip", "compile", str(ROOT / "pyproject.toml"), *COMMON, *flags], capture_output=True, text=True
        )
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return done.returncode
        (FOLDER / name).write_text(HEADER.format(what=WHAT[name]) + done.stdout, encoding="utf-8")
        print(f"requirements/{name}: {sum('==' in line for line in done.stdout.splitlines())} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
