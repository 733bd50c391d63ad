#!/usr/bin/env python3
"""A flame graph of one command as SVG: flame.py OUT.svg COMMAND [ARGUMENT…]

The command runs in this interpreter's environment with a profile function, which notes every call of Python and C by
its stack, in CPU time. That makes calls look dearer than they are, so read widths against each other, not as seconds.
`--source FOLDER` profiles another tree of sources, such as one before a change.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

WIDTH, ROW, LEAST = 1200, 17, 0.003  # pixels, pixels, and the smallest share that is drawn
COLORS = (("import", "#d9a441"), ("sqlite", "#5b8fb9"), ("tachograph", "#c8553d"), ("", "#b8b0a4"))

# Runs in a process of its own and writes {stack: seconds} as JSON to the file in PROFILE.
_PROFILED = """
import os, sys, time
stack, self_time, last = ["python"], {}, time.process_time()
def note(frame, event, argument, clock=time.process_time):
    global last
    now = clock()
    key = ";".join(stack)
    self_time[key] = self_time.get(key, 0.0) + now - last
    if event == "call":
        code = frame.f_code
        stack.append(name(code.co_filename, code.co_name))
    elif event == "c_call":
        owner = getattr(argument, "__self__", None)
        stack.append(f"{type(owner).__module__}.{argument.__name__}" if owner is not None else argument.__name__)
    elif len(stack) > 1:
        stack.pop()
    last = clock()
def name(path, function):
    if path.startswith("<frozen importlib"):
        return "import"
    path = path.rpartition("/src/")[2] if "/tachograph/" in path else os.path.basename(path)
    return path.removesuffix(".py") + (":import" if function == "<module>" else f":{function}")
leave = os._exit
def finish(code):
    sys.setprofile(None)
    import json
    with open(os.environ["PROFILE"], "w") as file:
        json.dump(self_time, file)
    leave(code)
os._exit = finish
sys.argv = ["tachograph", *sys.argv[1:]]
sys.setprofile(note)
from tachograph.__main__ import main
main()
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    parser.add_argument("--source", type=Path, help="folder with the package tachograph (default: the installed one)")
    arguments = parser.parse_args()
    out = arguments.out.with_suffix(".json")
    env = {**os.environ, "PROFILE": str(out)}
    if arguments.source:
        env["PYTHONPATH"] = str(arguments.source)
    command = [sys.executable, "-c", _PROFILED, *arguments.command]
    piped = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    for _ in range(2):  # the first run compiles modules and reads new transcripts
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, input=piped, check=True)
    stacks = {
        tuple(_without_repetition(stack.split(";"))): seconds for stack, seconds in json.loads(out.read_text()).items()
    }
    out.unlink()
    arguments.out.write_text(svg(stacks, " ".join(["tachograph", *arguments.command])))
    return 0


def _without_repetition(stack: list[str]) -> list[str]:
    """A stack without repetition: Python's import calls itself five deep for each module."""
    return [frame for place, frame in enumerate(stack) if place == 0 or frame != stack[place - 1]]


def svg(stacks: dict[tuple[str, ...], float], title: str) -> str:
    """Rectangles as wide as their share of CPU time, callers below what they call."""
    times: dict[tuple[str, ...], float] = defaultdict(float)
    for stack, seconds in stacks.items():
        for depth in range(1, len(stack) + 1):
            times[stack[:depth]] += seconds
    whole = times[("python",)]
    children: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for stack in times:
        children[stack[:-1]].append(stack)
    boxes: list[tuple[float, int, float, str]] = []

    def place(stack: tuple[str, ...], left: float) -> None:
        share = times[stack] / whole
        if share < LEAST:
            return
        boxes.append((left, len(stack) - 1, share, stack[-1]))
        for child in sorted(children[stack]):
            place(child, left)
            left += times[child] / whole

    place(("python",), 0.0)
    height = (max(depth for _, depth, _, _ in boxes) + 3) * ROW
    drawn = [_box(left, height - (depth + 2) * ROW, share, name) for left, depth, share, name in boxes]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">'
    return "\n".join([head, f'<text x="4" y="12">{html.escape(title)}</text>', *drawn, "</svg>"]) + "\n"


def _box(left: float, top: int, share: float, name: str) -> str:
    color = next(color for word, color in COLORS if word in name)
    x, width = left * WIDTH, share * WIDTH
    letters = int(width / 6.8)
    text = f'<text x="{x + 2:.1f}" y="{top + 12}">{html.escape(name[:letters])}</text>' if letters > 3 else ""
    words = html.escape(f"{name} {share:.1%}")
    rect = f'<rect x="{x:.1f}" y="{top}" width="{max(width - 0.4, 0.2):.1f}" height="{ROW - 1}" fill="{color}"/>'
    return f"<g><title>{words}</title>{rect}{text}</g>"


if __name__ == "__main__":
    sys.exit(main())
