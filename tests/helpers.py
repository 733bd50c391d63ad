"""What tests share: a temporary home with transcripts and a ledger, the installed command, and ways to compare."""

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import oracle
from tachograph.clock import Clock, FixedClock
from tachograph.demo import records
from tachograph.demo.records import Record
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
from tachograph.recorder.ingest import Pass, Progress, ingest
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.parser import parsed

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
REPORTS = ("daily", "weekly", "monthly", "hourly", "sessions", "projects", "models", "branches", "prs", "windows")
ALONG = {
    "daily": "day",
    "hourly": "day",  # an hour lies in one day: there is nothing to divide
    "sessions": "session",
    "projects": "project",
    "models": "model",
    "branches": "branch",
    "prs": "pr",
}
BY = ("model", "project", "session", "branch", "pr", "day")


def bys(report: str) -> tuple[str, ...]:
    """The values of --by that a report takes."""
    return tuple(by for by in BY if by != ALONG.get(report))


class Result(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class Home:
    """A person's home in a temporary folder: Claude Code's config folder, our data folder, the environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.claude = root / ".claude"
        self.projects = self.claude / "projects"
        self.data = root / "tachograph"
        self.projects.mkdir(parents=True, exist_ok=True)
        self.env = {
            "HOME": str(root),
            "CLAUDE_CONFIG_DIR": str(self.claude),
            "TACHOGRAPH_HOME": str(self.data),
            "TACHOGRAPH_NOW": str(NOW_MS),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ.get("PATH", ""),
        }
        if "PYTHONPATH" in os.environ:  # another tree under test than the installed one
            self.env["PYTHONPATH"] = os.environ["PYTHONPATH"]

    # -- transcripts

    def write(self, name: str | Path, lines: Iterable[Record | bytes] | bytes, *, append: bool = False) -> Path:
        """Write (or append to) a transcript; a relative name stands below `projects`."""
        path = self.projects / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = lines if isinstance(lines, bytes) else records.dump(lines)
        with open(path, "ab" if append else "wb") as file:
            file.write(data)
        return path

    def append(self, name: str | Path, lines: Iterable[Record | bytes] | bytes) -> Path:
        return self.write(name, lines, append=True)

    def settle(self) -> None:
        """Let all folders have changed last long ago, as those of a real home: a look at them may be remembered."""
        for folder, _, _ in os.walk(self.projects):
            os.utime(folder, (1_700_000_000, 1_700_000_000))

    def sign_in(self, secret: str, organization: str, expires: datetime) -> None:
        """Replace the credentials as Claude Code does: with another file."""
        login = {"accessToken": secret, "expiresAt": int(expires.timestamp() * 1000), "scopes": ["user:profile"]}
        new = self.claude / ".credentials.new"
        new.write_text(json.dumps({"claudeAiOauth": login, "organizationUuid": organization}))
        os.replace(new, self.claude / ".credentials.json")

    # -- in this process

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        with open_ledger(own_paths(self.env), NOW_MS) as opened:
            yield opened

    def ingest(self, progress: Progress | None = None) -> Pass:
        with self.ledger() as ledger:
            return ingest(ledger, self.env, NOW_MS, progress)

    def call(self, *arguments: str) -> Result:
        """A command carried out in this process: fast, and the same code as the installed one below `main`."""
        return call_at(self.env, NOW_MS, arguments)

    def report(self, *arguments: str) -> Any:
        """A report's JSON document, after a pass over the transcripts unless told otherwise."""
        return self.call(*arguments, "--json").json

    def totals(self) -> dict[str, int]:
        return flat(self.report("daily", "--timezone", "UTC")["totals"])

    def oracle(self) -> oracle.Counted:
        return oracle.count(self.claude)

    def problems(self) -> dict[str, int]:
        """The kinds of problems that were found, without those that were not."""
        return {kind: count for kind, count in self.report("daily")["problems"].items() if count}

    # -- the installed command

    def run(self, *arguments: str, code: int | None = 0, env: Mapping[str, str] | None = None) -> Result:
        arguments, key = piped_key(arguments)
        done = subprocess.run(
            [command(), *arguments],
            env={**self.env, **(env or {})},
            capture_output=True,
            timeout=120,
            input=key,
            encoding="utf-8",
        )
        if code is not None:
            assert done.returncode == code, f"exit code {done.returncode}: {done.stderr or done.stdout}"
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [command(), *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def db(self) -> sqlite3.Connection:
        return sqlite3.connect(self.data / "ledger.sqlite3")


def call_at(env: dict[str, str], moment: int, arguments: Sequence[str]) -> Result:
    """A command at a moment, in this process."""
    arguments, key = piped_key(arguments)
    parsed_arguments = parsed(arguments)
    out, talk = io.StringIO(), io.StringIO()
    context = Context(env, FixedClock(moment), out, talk)
    before = sys.stdin
    if key:
        sys.stdin = io.StringIO(key)
    try:
        code = import_module(f"tachograph.ui.cli.{parsed_arguments.module}").run(parsed_arguments, context)
    finally:
        sys.stdin = before
    return Result(code, out.getvalue(), talk.getvalue())


_KEY = re.compile(r"(?:[A-Z2-7]{4}-){7}[A-Z2-7]{4}")


def piped_key(arguments: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Arguments with `--key -` in the place of `--key KEY`, and the key, which goes to standard input; "" without one."""
    found = list(arguments)
    for place, word in enumerate(found[1:], 1):
        if found[place - 1] == "--key" and _KEY.fullmatch(word):
            found[place] = "-"
            return tuple(found), f"{word}\n"
    return tuple(found), ""


class MovedClock(Clock):
    """A clock that a test moves by setting `at`."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now_ms(self) -> int:
        return int(self.at.timestamp() * 1000)

    def monotonic(self) -> float:
        return self.at.timestamp()


def command() -> str:
    """The installed command, beside the interpreter that runs the tests."""
    return str(Path(sys.executable).with_name("tachograph.exe" if os.name == "nt" else "tachograph"))


# -- comparing -------------------------------------------------------------------------------------------------


def flat(row: Mapping[str, Any]) -> dict[str, int]:
    """The measures of a row of JSON (or of its totals), as the oracle names them."""
    return {"messages": row["messages"], **row["tokens"], "web_searches": row["web_searches"]}


def added(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The measures of some rows, added up."""
    sums = dict.fromkeys(oracle.MEASURES, 0)
    for row in rows:
        for name, value in flat(row).items():
            sums[name] += value
    return sums


def keyed(rows: Iterable[Mapping[str, Any]], key: str) -> dict[str | None, dict[str, int]]:
    """Rows by the value of a key, each with its measures; rows of the same value are added up."""
    groups: dict[str | None, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return {name: added(group) for name, group in groups.items()}


def same_as_oracle(home: Home) -> None:
    """Assert that the reports say what the oracle counts, on every dimension that it knows."""
    expected = home.oracle()
    daily = home.report("daily", "--timezone", "UTC")
    assert flat(daily["totals"]) == expected.total
    assert keyed(daily["rows"], "period") == expected.by_day()
    assert keyed(home.report("models")["rows"], "model") == expected.by_model()
    assert keyed(home.report("sessions")["rows"], "session") == expected.by_session()
    assert keyed(home.report("branches")["rows"], "branch") == expected.by_branch()
    prs = [{**row, "url": row["pr"] and row["pr"]["url"]} for row in home.report("prs")["rows"]]
    assert keyed(prs, "url") == expected.by_pull_request()


def tokens(**counts: int) -> dict[str, int]:
    """The measures by name, those not given being 0; one message unless told otherwise."""
    return dict.fromkeys(oracle.MEASURES, 0) | {"messages": 1} | counts
