"""Record the machine-readable output of every command and dashboard route, to compare two versions of the program.

    python tools/record_outputs.py COMMAND OUT [TRANSCRIPTS ...]
    python tools/record_outputs.py --compare OLD NEW
    python tools/record_outputs.py --reduced COMMAND OUT

COMMAND is an installed `tachograph`. OUT receives one file per output: demo lives with seeds 1 to 3 at a fixed moment,
and each folder of TRANSCRIPTS as a config folder. --compare ignores the prose fields in PROSE.
--reduced records keys, types, columns and token counts of one short demo life into the file OUT; tests/test_outputs.py
compares them with tests/data/outputs.json.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NOW_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z: a demo life depends on the minute it is made for
DAYS = 30
# fields that hold sentences for people; their wording may change, their presence may not
PROSE = {"says", "text", "cannot_see", "caveat", "reads", "sends", "terms", "remedy", "hint", "message", "title", "body", "what", "why", "note", "words"}  # fmt: skip
REPORTS = ("daily", "weekly", "monthly", "hourly", "sessions", "projects", "models", "branches", "prs", "windows")
BY = ("model", "project", "session", "branch", "pr", "day")
OWN = {"daily": "day", "hourly": "day", "sessions": "session", "projects": "project", "models": "model", "branches": "branch", "prs": "pr"}  # fmt: skip
OTHERS = (
    ("now", "--json"),
    ("now", "--format", "waybar"),
    ("guard", "--json"),
    ("guard", "--json", "--allow-overage"),
    ("limits", "--json"),
    ("limits", "--csv"),
    ("why", "--json"),
    ("why", "--json", "--week", "1"),
    ("forecast", "--json"),
    ("forecast", "--score", "--json"),
    ("next", "--json"),
    ("what-if", "--model", "sonnet", "--json"),
    ("what-if", "--json"),
    ("reconcile", "--json"),
    ("sources", "--json"),
    ("accounts", "--json"),
    ("alarms", "--json"),
    ("notifications", "--json"),
    ("drivers", "--json"),
    ("drivers", "--csv"),
    ("tray", "status", "--json"),
    ("status", "--json"),
    ("setup", "--json"),
    ("pair", "--list", "--json"),
    ("autostart", "--json"),
    ("prices", "--json"),
    ("doctor", "--json"),
    ("watch", "--once", "--json", "--no-recorder"),
    *((("export", kind, "--format", form)) for kind in ("messages", "sessions", "readings", "windows") for form in ("csv", "jsonl")),
)  # fmt: skip
# on a machine that has joined a hub, which serves in the same home
OF_A_HUB = (
    ("sync", "--json"),
    ("machines", "--json"),
    *((*call, form) for form in ("--json", "--csv") for call in (
        ("team",), ("team", "--by", "project"), ("team", "--by", "model"), ("team", "--by", "pr"), ("team", "--by", "day"),
        ("team", "limits"), ("team", "members"),
    )),
    ("team", "me", "--json"),
    *(("hub", action, "--json") for action in ("members", "status", "settle", "doctor")),
)  # fmt: skip
ROUTES = ("now", "curves", "running", "totals", "spend", "spend?by=project", "caching", "hours", "pulls", "limits", "windows", "sources", "places")  # fmt: skip


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--compare"]:
        return compare(Path(arguments[1]), Path(arguments[2]))
    if arguments[:1] == ["--reduced"]:
        return record_reduced(arguments[1], Path(arguments[2]))
    command, out = arguments[0], Path(arguments[1])
    for seed in (1, 2, 3):
        with home() as (root, env):
            shutil.rmtree(root)
            demo = (command, "demo", "--seed", str(seed), "--days", str(DAYS), "--keep", root, "--no-open", "daily")
            run(demo, env)
            record(command, {**env, "TACHOGRAPH_HOME": f"{root}/.tachograph"}, out / f"seed-{seed}", root)
    for folder in map(Path, arguments[2:]):
        with home() as (root, env):
            shutil.copytree(folder, f"{root}/.claude", dirs_exist_ok=True)
            record(command, env, out / folder.name, root)
    return 0


def record_reduced(command: str, out: Path) -> int:
    """Record the shape of each output over a short demo life: keys with types, columns, exit code."""
    shapes = {}
    with home() as (root, env):
        shutil.rmtree(root)
        told = run((command, "demo", "--seed", "1", "--days", "9", "--keep", root, "--no-open", "daily"), env)[2]
        made_at = int(match_in(told, r"TACHOGRAPH_NOW=(\d+)"))  # limits are read then; at NOW_MS all have reset
        env = {**env, "TACHOGRAPH_HOME": f"{root}/.tachograph", "TACHOGRAPH_NOW": str(made_at + 60_000)}
        for call in calls(session_ids(command, env)[:1]):
            code, text, _ = run((command, *call), env)
            name = " ".join(word for word in call if not re.fullmatch(r"[0-9a-f-]{36}", word))
            shapes[name] = {"exit": code, **shape(text)}
        with joined(command, env):
            for call in OF_A_HUB:
                code, text, _ = run((command, *call), env)
                shapes[" ".join(call)] = {"exit": code, **shape(text)}
    out.write_text(json.dumps(shapes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


@contextmanager
def joined(command: str, env: Mapping[str, str]) -> Iterator[None]:
    """Let the machine of `env` join a hub that is served meanwhile, as its owner."""
    serve = [command, "hub", "serve", "--listen", "127.0.0.1:0"]
    hub = subprocess.Popen(serve, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        port = match_in(hub.stdout.readline() if hub.stdout else "", r":(\d+)\.")
        invitation = run((command, "hub", "invite", "ada", "--role", "owner"), env)[1]
        code = match_in(invitation, r"tachograph join \S+ (\S+)")
        join = ("join", f"http://127.0.0.1:{port}", code, "--as", "laptop", "--share", "names", "--yes")
        status, _, problem = run((command, *join), env)
        if status:
            raise SystemExit(problem)
        yield
    finally:
        hub.terminate()
        hub.communicate(timeout=20)


def match_in(text: str, pattern: str) -> str:
    """The first group of a pattern in what a command printed."""
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"no {pattern} in: {text}")
    return match[1]


def shape(text: str) -> dict[str, Any]:
    """Keys of a JSON document with the types of their values, or the columns of a table; and the tokens counted."""
    lines = text.splitlines() or [""]
    if not lines[0].startswith("{"):
        return {"columns": lines[0].split(",")}
    document = json.loads(text) if lines[0] == "{" else json.loads(lines[0])
    keys: dict[str, set[str]] = {}
    _note_types(document, "", keys)
    made: dict[str, Any] = {"keys": {path: sorted(types) for path, types in keys.items()}}
    totals = document.get("totals") or {}
    return {**made, "totals": {name: totals[name] for name in ("messages", "tokens") if name in totals}}


_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def _note_types(value: Any, path: str, keys: dict[str, set[str]]) -> None:
    if path:
        keys.setdefault(path, set()).add(_TYPES.get(type(value), "null"))
    if isinstance(value, dict):
        for key, one in value.items():
            _note_types(one, f"{path}.{key}" if path else key, keys)
    elif isinstance(value, list):
        for one in value:
            _note_types(one, f"{path}[]", keys)


class home:
    """A fixed folder for one person, so that paths and ids that depend on paths are equal in every run."""

    def __enter__(self) -> tuple[str, dict[str, str]]:
        self.root = os.path.join(tempfile.gettempdir(), "tachograph-recording")
        self.lock = open(self.root + ".lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        fixed = {
            "HOME": self.root,
            "CLAUDE_CONFIG_DIR": f"{self.root}/.claude",
            "TACHOGRAPH_HOME": f"{self.root}/tachograph",
            "TACHOGRAPH_NOW": str(NOW_MS),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "120",
            "PATH": os.environ["PATH"],
        }
        if "PYTHONPATH" in os.environ:
            fixed["PYTHONPATH"] = os.environ["PYTHONPATH"]
        return self.root, fixed

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.lock.close()


def calls(sessions: list[str]) -> Iterator[tuple[str, ...]]:
    for report in REPORTS:
        for form in ("--json", "--csv"):
            yield (report, form)
            for by in BY:
                if by != OWN.get(report):
                    yield (report, "--by", by, form)
    for session in sessions:
        yield ("session", session, "--json")
        yield ("session", session, "--csv")
    yield from OTHERS


def record(command: str, env: dict[str, str], out: Path, root: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    env = {**env, "TACHOGRAPH_NOW": str(NOW_MS + 60_000)}
    for call in calls(session_ids(command, env)):
        code, text, _ = run((command, *call), env)
        (out / f"{file_name(call)}.txt").write_text(f"exit {code}\n{pretty(neutral(text, root))}")
    serve(command, env, out, root)


def session_ids(command: str, env: Mapping[str, str]) -> list[str]:
    """The first three sessions, by cost."""
    rows = json.loads(run((command, "sessions", "--json"), env)[1]).get("rows", [])
    ids = [row["session"]["id"] if isinstance(row.get("session"), dict) else row.get("session") for row in rows][:3]
    return [one for one in ids if isinstance(one, str)]


def file_name(call: tuple[str, ...]) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", " ".join(call)).strip("_")


def serve(command: str, env: Mapping[str, str], out: Path, root: str) -> None:
    """Record the dashboard's JSON routes from a recorder in the foreground, where this machine can serve one."""
    recorder = subprocess.Popen([command, "start", "--foreground"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        time.sleep(1)
        run((command, "dashboard", "--no-open"), env)  # from then on the recorder serves it
        token = run((command, "dashboard", "--token"), env)[1].strip()
        file = json.loads((Path(env["TACHOGRAPH_HOME"]) / "dashboard.json").read_text())
        time.sleep(2)
        for route in ROUTES:
            request = urllib.request.Request(
                f"http://127.0.0.1:{file['port']}/api/{route}", headers={"Authorization": f"Bearer {token}"}
            )
            try:
                body = urllib.request.urlopen(request, timeout=20).read().decode()  # noqa: S310
            except OSError as error:
                body = f"error {error}"
            (out / f"route_{file_name((route,))}.txt").write_text(pretty(neutral(body, root)))
    finally:
        recorder.terminate()
        recorder.wait(20)


def run(call: tuple[str, ...], env: Mapping[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(call, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    return done.returncode, done.stdout, done.stderr


def neutral(text: str, root: str) -> str:
    """The text without what depends on the machine: paths, process ids, ports, versions, times of files."""
    text = re.sub(r'"(pid|port)": ?\d+', r'"\1": 0', text.replace(root, "HOME"))
    return re.sub(r'"(python|sqlite)": ?"[^"]*"', r'"\1": "…"', text)


def pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
    except ValueError:
        return text


def compare(old: Path, new: Path) -> int:
    """Print what differs outside prose fields; 1 if anything does."""
    names = sorted({p.relative_to(base) for base in (old, new) for p in base.rglob("*.txt")})
    differing = 0
    for name in names:
        texts = [(base / name).read_text() if (base / name).exists() else "missing" for base in (old, new)]
        if comparable(texts[0]) != comparable(texts[1]):
            differing += 1
            print(f"differs: {name}")
    print(f"{len(names) - differing} equal, {differing} differ")
    return 1 if differing else 0


def comparable(text: str) -> Any:
    head, _, body = text.partition("\n") if text.startswith("exit") else ("", "", text)
    try:
        return head, without_prose(json.loads(body))
    except ValueError:
        return head, body


def without_prose(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: ("…" if k in PROSE and isinstance(v, str) else without_prose(v)) for k, v in value.items()}
    return [without_prose(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
