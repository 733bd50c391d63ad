"""Union oracle of a hub: transcripts dealt at random to machines, exchanged under disturbances, compared with one ledger.

Each machine has config folders of its own; the union reads all of them at the same moments as the machines do.
"""

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from helpers import NOW, NOW_MS, Home, Result, call_at, command
from hub_server import REPORTS, Hub, identity, invite_next, rows
from tachograph.demo import records, transcripts

MINUTE = 60_000
MACHINES = 3
START = NOW_MS - 30 * 60 * MINUTE

# Every message with its owner, account, pull request and origin; independent of row ids.
OWNERS = """
SELECT answer.identity, session.uuid, account.uuid, account.organization, pull.url, by_branch, at, input,
    output, cache_write_5m, cache_write_1h, cache_read, web_searches, logged_cost, unfinished, missing_output,
    model.text, cwd.text, branch.text, agent.text
FROM answer JOIN session ON session.id = session JOIN origin ON origin.id = origin JOIN name model ON model.id = model
JOIN name cwd ON cwd.id = cwd JOIN name branch ON branch.id = origin.branch JOIN name agent ON agent.id = agent
LEFT JOIN account ON account.id = account LEFT JOIN pull ON pull.id = pull ORDER BY answer.identity
"""

OTHERS = (
    "SELECT uuid, spawn.prompt, agent_type FROM spawn JOIN session ON session.id = session ORDER BY 1, 2",
    "SELECT uuid, agent, subagent.prompt FROM subagent JOIN session ON session.id = session ORDER BY 1, 2",
    "SELECT key, scope, at, resets_at FROM metered ORDER BY 1, 3",
    "SELECT uuid, organization, max(plan_change.plan) FROM plan_change JOIN account ON account.id = account GROUP BY 1, 2",
    "SELECT a.text, s.text, p.text, v.text, e.text, o.text, sum(messages), sum(output) FROM rollup JOIN way ON way.id = way"
    " JOIN name a ON a.id = agent_type JOIN name s ON s.id = skill JOIN name p ON p.id = plugin JOIN name v ON v.id = server"
    " JOIN name e ON e.id = effort JOIN name o ON o.id = entrypoint GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6",
)


def real_transcripts() -> list[Path]:
    """The projects folders of the sets in TACHOGRAPH_TRANSCRIPTS; [] without."""
    root = os.environ.get("TACHOGRAPH_TRANSCRIPTS")
    return sorted(Path(root).glob("*/config/projects")) if root else []


def at(home: Home, moment: int, *arguments: str) -> Result:
    """A command at a moment, in this process."""
    return call_at(home.env, moment, arguments)


class Deal:
    """Machines that received a life in parts, and the union that reads everything."""

    def __init__(self, root: Path, rng: random.Random, projects: list[Path], days: int = 12, skew: int = 0) -> None:
        """`skew`: minutes by which the clock of one machine is fast. Then all are logged in to one account, since the
        login of a folder and its messages have the times of different clocks in the union."""
        self.root, self.rng, self.now = root, rng, START
        life = Home(root / "life")
        transcripts.write(life.claude, end=NOW - timedelta(days=1 if skew else 0), days=days, seed=rng.randrange(1000))
        self.machines = [Home(root / f"machine{number}") for number in range(MACHINES)]
        self.skews = [0, skew, 0]
        self.served: Hub | None = None
        self.folders = [[machine.claude] for machine in self.machines]
        self._sessions = [0] * MACHINES
        self._percent, self._api = 3.0, [1000] * MACHINES
        self._stale = [3.0] * MACHINES
        self._late = list[tuple[Path, bytes]]()
        sources = [
            (path, path.relative_to(projects)) for projects in (*projects, life.projects) for path in sorted(projects.rglob("*.jsonl"))
        ]  # fmt: skip
        rng.shuffle(sources)
        for path, where in sources:
            self._deal(path.read_bytes(), where)
        for number in range(MACHINES):
            self.log_in(number, 0 if skew else number % 2, observe=False)
        self.copy_config_folder()
        self.union = Home(root / "union")
        self.union.env["CLAUDE_CONFIG_DIR"] = ",".join(str(folder) for folders in self.folders for folder in folders)
        self.observe()

    def _deal(self, content: bytes, where: Path) -> None:
        """Give a transcript to one, two or three machines; all but the first may have it cut off."""
        holders = self.rng.sample(range(MACHINES), self.rng.choice((1, 1, 1, 2, 3)))
        for place, number in enumerate(holders):
            cut = self.rng.randrange(len(content) + 1) if place and self.rng.random() < 0.6 else len(content)
            path = self.machines[number].projects / where
            path.parent.mkdir(parents=True, exist_ok=True)
            if self.rng.random() < 0.25:  # a part of it is written only later
                begin = self.rng.randrange(cut + 1)
                path.write_bytes(content[:begin])
                self._late.append((path, content[begin:cut]))
            else:
                path.write_bytes(content[:cut])

    def copy_config_folder(self) -> None:
        """Copy the config folder of one machine to another, login and all."""
        source, target = self.rng.sample(range(MACHINES), 2)
        folder = self.machines[target].root / "copied"
        shutil.copytree(self.machines[source].claude, folder)
        self.folders[target].append(folder)
        self.machines[target].env["CLAUDE_CONFIG_DIR"] = ",".join(map(str, self.folders[target]))

    def log_in(self, number: int, account: int, *, observe: bool = True) -> None:
        """Switch the login of a machine. All look before and after, so that none knows a login for longer."""
        if observe:
            self.observe()
        path = self.machines[number].claude / ".claude.json"
        new = path.with_suffix(".new")
        new.write_text(identity(account))
        os.replace(new, path)
        if observe:
            self.observe()

    def observe(self) -> None:
        """Let all machines and the union read files and logins at the same moment.

        A pass notes who is logged in only if a file has changed, and then for all folders. The union would know a login
        for longer than its machine does after another machine's file changed. So all identity files have just been
        written, as Claude Code does all the time.
        """
        for folders in self.folders:
            for folder in folders:
                os.utime(folder / ".claude.json")
        for number, machine in enumerate(self.machines):
            assert at(machine, self.clock(number), "now", "--json").code in (0, 1)
        assert at(self.union, self.now, "now", "--json").code in (0, 1)

    def clock(self, number: int) -> int:
        """The time as a machine's clock shows it."""
        return self.now + self.skews[number] * MINUTE

    def append_late(self) -> None:
        """Write the rest of a transcript that was not complete."""
        if self._late:
            path, rest = self._late.pop(self.rng.randrange(len(self._late)))
            with path.open("ab") as file:
                file.write(rest)

    def finish_files(self) -> None:
        while self._late:
            self.append_late()

    def work(self, number: int) -> None:
        """Write a new message on a machine, sometimes in a session of another one."""
        self.observe()  # the login is known at the time of the message
        session = f"5e55101a-0000-4000-8000-{self.rng.randrange(6):012d}"
        moment = NOW.fromtimestamp(self.clock(number) / 1000, NOW.tzinfo)
        lines = [
            records.user("one more", at=moment, session=session),
            records.assistant(f"L{self.rng.randrange(10**9)}", at=moment, output=self.rng.randrange(1, 900), session=session),
        ]  # fmt: skip
        if self.rng.random() < 0.3:
            lines.append(records.pr_link(self.rng.randrange(1, 5), at=moment, session=session))
        self.machines[number].append(Path("-home-ada-code-late") / f"{session}.jsonl", lines)

    def read_limits(self, number: int) -> None:
        """A redraw of a status line; an idle session repeats its last values."""
        self.observe()
        if self.rng.random() < 0.75:
            self._percent += self.rng.randrange(1, 4)
            self._stale[number], self._api[number] = self._percent, self._api[number] + 500
        document = {
            "session_id": f"5e55101a-0000-4000-8000-00000000000{number}",
            "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
            "cost": {"total_api_duration_ms": self._api[number]},
            "rate_limits": {
                "five_hour": {"used_percentage": self._stale[number] % 90, "resets_at": self.five_reset},
                "seven_day": {"used_percentage": self._stale[number] / 4, "resets_at": NOW_MS // 1000 + 86_400},
            },
        }
        for home, moment in ((self.machines[number], self.clock(number)), (self.union, self.now)):
            env = {**home.env, "TACHOGRAPH_NOW": str(moment), "CLAUDE_CONFIG_DIR": str(self.machines[number].claude)}
            done = subprocess.run(
                [command(), "statusline"], input=json.dumps(document).encode(), env=env, capture_output=True
            )
            assert done.returncode == 0 and not done.stderr, done.stderr

    @property
    def five_reset(self) -> int:
        return (self.now // (300 * MINUTE) + 1) * 300 * 60

    # -- exchange

    def sync(self, number: int, code: int | None = 0) -> None:
        self.observe()  # an exchange reads files and logins first
        self.set_hub_clock()
        done = at(self.machines[number], self.clock(number), "sync", "--json")
        assert code is None or done.code == code, (done.stdout, done.stderr)

    def set_hub_clock(self) -> None:
        """Restart the hub, with kill -9, where its clock shows another time than the machines'."""
        if self.served is not None and self.served.home.env["TACHOGRAPH_NOW"] != str(self.now):
            self.served.kill()
            self.served.home.env["TACHOGRAPH_NOW"] = str(self.now)
            self.served.start()

    def killed_sync(self, number: int, seconds: float) -> None:
        """An exchange that ends with kill -9 at some moment."""
        self.observe()
        self.set_hub_clock()
        env = {**self.machines[number].env, "TACHOGRAPH_NOW": str(self.clock(number))}
        process = subprocess.Popen([command(), "sync"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.rng.random() * seconds)
        process.kill()
        process.wait(60)

    def sync_while(self, number: int, act: Callable[[], None]) -> None:
        """An exchange during which something happens."""
        self.observe()
        self.set_hub_clock()
        env = {**self.machines[number].env, "TACHOGRAPH_NOW": str(self.clock(number))}
        process = subprocess.Popen([command(), "sync"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.rng.random())
        act()
        assert process.wait(60) in (0, 1)

    def machine_id(self, number: int) -> str:
        """The id of a machine in its hub or folder."""
        return str(json.loads((self.machines[number].data / "hub.json").read_text())["machine"])

    def play(self, steps: int, disturb: Callable[[int], None]) -> None:
        """Random work, logins, readings and exchanges; then everything is exchanged twice."""
        end = NOW_MS - max(0, *self.skews) * MINUTE  # nothing is from the future of the union
        for step in range(steps):
            self.now = START + (end - START) * step // (steps + 1) + self.rng.randrange(20) * MINUTE
            number = self.rng.randrange(MACHINES)
            act = self.rng.random()
            if act < 0.25:
                self.work(number)
            elif act < 0.35 and not self.skews[1]:
                self.log_in(number, self.rng.randrange(2))
            elif act < 0.7:
                self.read_limits(number)
            else:
                self.append_late()
            if self.rng.random() < 0.3:
                self.observe()
            if self.rng.random() < 0.4:
                self.sync(number)
            if self.rng.random() < 0.4:
                disturb(number)
        self.now = NOW_MS
        self.finish_files()
        self.observe()
        for _ in range(2):
            for number in self.rng.sample(range(MACHINES), MACHINES):
                self.sync(number)

    # -- comparison

    def compare(self) -> None:
        expected = answers(self.union, NOW_MS)
        assert expected["daily"]["totals"]["messages"] > 50
        owners = rows(self.union, OWNERS)
        assert len({row[2] for row in owners} - {""}) == (1 if self.skews[1] else 2)
        for number, machine in enumerate(self.machines):
            found = rows(machine, OWNERS)
            assert len(found) == len(owners)
            different = [(a, b) for a, b in zip(owners, found, strict=True) if a != b]
            assert not different, (number, len(different), different[:3])
            for sql in OTHERS:
                assert rows(machine, sql) == rows(self.union, sql), (number, sql)
            said = answers(machine, NOW_MS)
            for report, document in expected.items():
                is_apart = any(self.skews) and (self.skews[number] != 0 or self.served is None)
                if is_apart and report in ("now", "why", "why session"):
                    continue  # its own readings have the times of its own clock, and no hub measured that in a folder
                if any(self.skews) and report.startswith("why"):  # readings shifted by what was measured: seconds apart
                    far = differences(document, said[report])
                    assert not far, (number, report, far)
                    continue
                assert said[report] == document, (number, report)


def answers(home: Home, moment: int) -> dict[str, Any]:
    """Reports, limits and attribution of a machine, without the moment and ids of its own."""
    found = {}
    for report in REPORTS:
        document = at(home, moment, report, "--json", "--no-ingest").json
        document.pop("generated_at", None)
        document.pop("problems", None)  # of the files of a machine
        found[report] = document
    found["now"] = limits(at(home, moment, "now", "--json", "--no-ingest").json)
    for name, *more in (("why",), ("why session", "--limit", "five_hour")):
        said = at(home, moment, "why", *more, "--json", "--no-ingest").stdout
        for ours, alone in ((f"your {MACHINES} machines'", "this machine's"), ("of your machines", "of this machine")):
            said = said.replace(ours, alone)  # the same answer, of all of them
        found[name] = without_machines(json.loads(said))
    return found


def differences(a: Any, b: Any, where: str = "") -> list[str]:
    """Parts of two documents that differ, numbers by more than 2 % and 0.02; without sentences, which round them, and moments."""
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return [f"{where}: {sorted(a.keys() ^ b.keys())}"]
        return [found for key in a if key != "says" for found in differences(a[key], b[key], f"{where}.{key}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [
            found
            for place, (x, y) in enumerate(zip(a, b, strict=True))
            for found in differences(x, y, f"{where}[{place}]")
        ]
    if isinstance(a, float) and isinstance(b, float):
        return [] if abs(a - b) <= 0.02 + 0.02 * abs(a) else [f"{where}: {a} and {b}"]
    return [] if a == b or where.endswith("_at") else [f"{where}: {a!r} and {b!r}"]


def without_machines(value: Any) -> Any:
    """A document without the names of machines, which a ledger that has read everything itself does not know."""
    if isinstance(value, dict):
        return {key: without_machines(one) for key, one in value.items() if key not in ("machine", "machines")}
    return [without_machines(one) for one in value] if isinstance(value, list) else value


def limits(document: Any) -> Any:
    keys = ("key", "percent", "resets_at", "state", "source", "observed_at")
    return sorted(
        (
            account["id"],
            [{key: limit.get(key) for key in keys} for limit in account["limits"]],
        )
        for account in document["accounts"]
    )


def join_hub(deal: Deal, served: Hub, level: str, relay_port: int = 0) -> None:
    deal.served = served
    deal.set_hub_clock()
    words = served.invite()
    if relay_port:
        words = [f"http://127.0.0.1:{relay_port}", words[1]]
    for number in range(MACHINES):
        words = words if number == 0 else invite_next(deal.machines[0])
        join_at(deal, number, [*words, "--share", level])


def join_folder(deal: Deal, level: str) -> Path:
    shared = deal.root / "shared"
    shared.mkdir()
    key: list[str] = []
    for number in range(MACHINES):
        join_at(deal, number, [f"folder:{shared}", *key, "--share", level])
        key = key or ["--key", deal.machines[0].call("machines", "--key").stdout.strip()]
    return shared


def join_at(deal: Deal, number: int, words: list[str]) -> None:
    done = at(deal.machines[number], deal.clock(number), "join", *words, "--as", f"machine{number}", "--yes")
    assert done.code == 0 and "Joined" in done.stdout, done
