"""Make the text blocks and pictures of README.md and docs/ from one run of the demo, so that they agree.

    python tools/pictures.py            texts and pictures
    python tools/pictures.py --texts    texts only
    python tools/pictures.py --check    compare the texts; exit code 1 if one differs

A block that begins with `$ tachograph …` receives the output of that command. `<!-- first N lines -->` above a block keeps
N lines of it, `<!-- as it is -->` leaves the block unchanged. The demo lives on a Friday afternoon, with a fixed clock.
Commands that need a hub are left unchanged.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = Path(sys.executable).with_name("tachograph")
NOW_MS = 1_795_188_300_000  # Friday, 2026-11-20 15:25 UTC, where the demo's clock stands
HOME = Path(tempfile.gettempdir()) / "tachograph-pictures"  # fixed: ids depend on paths
BLOCK = re.compile(r"(?P<note><!-- [^>]+ -->\n)?```\n\$ tachograph(?P<call>[^\n]*)\n(?P<old>.*?)```", re.DOTALL)
MOST_LINES = 60
OF_A_HUB = {"hub", "join", "leave", "machines", "sync", "team"}


def demo() -> dict[str, str]:
    """Invent the life; the environment for commands over it."""
    shutil.rmtree(HOME, ignore_errors=True)
    fixed = {"HOME": str(HOME.parent), "TZ": "UTC", "LC_ALL": "C.UTF-8", "COLUMNS": "118", "LINES": "40", "PATH": os.environ["PATH"], "TACHOGRAPH_NOW": str(NOW_MS)}  # fmt: skip
    command = [str(COMMAND), "demo", "--keep", str(HOME), "--no-open", "daily", "--last", "1"]
    subprocess.run(command, env=fixed, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {**fixed, "HOME": str(HOME), "CLAUDE_CONFIG_DIR": str(HOME / ".claude"), "TACHOGRAPH_HOME": str(HOME / ".tachograph")}  # fmt: skip


def output(call: str, env: dict[str, str]) -> str:
    """Standard output of a command, with the demo's home under a person's usual name."""
    narrow = {"COLUMNS": "88"} if not call.split() or call.split()[0] in ("now", "why") else {}
    narrow = {"COLUMNS": "100", "LINES": "24"} if call.startswith(" watch") else narrow
    done = subprocess.run([str(COMMAND), *call.split()], env={**env, **narrow}, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # fmt: skip
    text = (done.stdout or done.stderr).replace(
        f"{HOME}/.tachograph/settings.toml", "~/.config/tachograph/settings.toml"
    )
    text = text.replace(f"{HOME}/.tachograph", "~/.local/share/tachograph").replace(str(HOME), "/home/ada")
    text = re.sub(r"Platform  Linux \S+,", "Platform  Linux 6.8.0,", text)  # not the machine that made the page
    return "\n".join(line.rstrip() for line in text.rstrip("\n").splitlines()) + "\n"


def page_with_outputs(text: str, env: dict[str, str]) -> str:
    """The page with the present output in each block."""

    def block(match: re.Match[str]) -> str:
        note, call = match["note"] or "", match["call"]
        if "as it is" in note or " --json" in call or (call.split() or [""])[0] in OF_A_HUB:
            return match[0]
        lines = output(call, env).splitlines()
        kept = int(found[1]) if (found := re.search(r"first (\d+) lines", note)) else MOST_LINES
        shown = [*lines[:kept], "…"] if len(lines) > kept else lines
        return f"{note}```\n$ tachograph{call}\n" + "\n".join(shown) + "\n```"

    return BLOCK.sub(block, text)


def main(arguments: list[str]) -> int:
    env = demo()
    try:
        different = []
        for path in PAGES:
            old = path.read_text(encoding="utf-8")
            new = page_with_outputs(old, env)
            if new != old:
                different.append(path.relative_to(ROOT).as_posix())
                if "--check" not in arguments:
                    path.write_text(new, encoding="utf-8")
        print("differing: " + (", ".join(different) or "none"))
        if "--check" in arguments:
            return 1 if different else 0
        if "--texts" not in arguments:
            sys.path.insert(0, str(ROOT / "tools"))
            from screenshots import take

            take(env, ROOT / "docs" / "pictures")
        return 0
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
