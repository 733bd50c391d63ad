"""`tachograph demo --machines N`: an invented life dealt to several machines, which exchange it through a shared folder."""

import io
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tachograph.ui import cli
from tachograph.ui.cli.context import Context

_NAMES = ("laptop", "desk", "server", "tower", "studio", "attic")
MOST = len(_NAMES)


def play(home: str, context: Context, count: int, seed: int) -> int:
    """Deal the transcripts of a home to machines, let them join a folder, and show that each has the whole picture."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    life = Path(home, ".claude")
    shared = Path(home, "shared")
    shared.mkdir()
    machines = [_machine(home, name, context) for name in _NAMES[:count]]
    for path in sorted((life / "projects").rglob("*.jsonl")):
        for machine in rng.sample(machines, 2 if rng.random() < 0.15 else 1):  # some projects are synced to two
            target = Path(machine.env["CLAUDE_CONFIG_DIR"], path.relative_to(life))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    _show(machines[0], "before it joins, the laptop knows its own", "weekly", "--last", "4")
    key = ""
    for name, machine in zip(_NAMES, machines, strict=False):
        words = ["join", f"folder:{shared}", "--as", name, "--yes"]
        with _piped(key):
            _show(machine, name if not key else f"{name}: ssh laptop tachograph machines --key |", *words)
        key = key or _key(machine)
    for name, machine in zip(_NAMES, machines, strict=False):
        _show(machine, name, "sync")
    _show(machines[0], "laptop", "machines")
    _show(machines[0], "the laptop, with all of them", "weekly", "--last", "4", "--by", "machine")
    _show(machines[-1], f"{_NAMES[count - 1]} says the same", "weekly", "--last", "4")
    return 0


def _machine(home: str, name: str, context: Context) -> Context:
    folder = os.path.join(home, name)
    os.makedirs(os.path.join(folder, ".claude", "projects"))
    identity = Path(home, ".claude", ".claude.json")
    if identity.exists():
        shutil.copy2(identity, os.path.join(folder, ".claude", ".claude.json"))
    env = {**context.env, "HOME": folder, "CLAUDE_CONFIG_DIR": os.path.join(folder, ".claude")}
    return context._replace(env={**env, "TACHOGRAPH_HOME": os.path.join(folder, "data")})


def _key(machine: Context) -> str:
    from tachograph.hub import membership
    from tachograph.paths import own_paths

    joined = membership.load(own_paths(machine.env))
    return "" if joined is None else joined.key


@contextmanager
def _piped(text: str) -> Iterator[None]:
    """Give a command a line on standard input, so that no list of processes shows it."""
    before, sys.stdin = sys.stdin, io.StringIO(f"{text}\n")
    try:
        yield
    finally:
        sys.stdin = before


def _show(machine: Context, title: str, *words: str) -> None:
    between = "" if title.endswith("|") else ":"
    machine.say(f"\n# {title}{between} tachograph {' '.join(words)}")
    cli.carry_out(list(words), machine)
