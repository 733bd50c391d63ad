"""Several persons on one hub: their machines with some work, and requests to the routes of a team."""

import http.client
import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from helpers import NOW, NOW_MS, Home, command
from hub_server import Hub, join
from tachograph.demo import records


def work(machine: Home, name: str, days: int = 2, project: str = "shop") -> None:
    """Messages of a person on some days, in a project that all share."""
    for day in range(days):
        at = NOW - timedelta(days=day, hours=1)
        session = f"5e55{len(name):04d}-0000-4000-8000-{ord(name[0]):06d}{day:06d}"
        line = records.assistant(
            f"{name}{day}", at=at, output=100 * (day + 1), session=session, cwd=f"/home/{name}/{project}"
        )
        machine.write(f"-home-{name}-{project}/{session}.jsonl", [line])


def pipe(machine: Home, session: str, at: int, percent: float, api_ms: int, folder: str) -> None:
    """Let a status line of a machine report limits at a moment."""
    document = {
        "session_id": session,
        "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
        "cost": {"total_api_duration_ms": api_ms},
        "rate_limits": {
            "five_hour": {"used_percentage": percent, "resets_at": NOW_MS // 1000 + 7_200},
            "seven_day": {"used_percentage": percent / 4, "resets_at": NOW_MS // 1000 + 400_000},
        },
    }
    env = {**machine.env, "TACHOGRAPH_NOW": str(at), "CLAUDE_CONFIG_DIR": folder}
    done = subprocess.run([command(), "statusline"], input=json.dumps(document).encode(), env=env, capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def team(folder: Path, served: Hub, people: dict[str, str]) -> dict[str, Home]:
    """Machines of several persons, joined and pushed."""
    machines = {}
    for name, role in people.items():
        machines[name] = Home(folder / name)
        work(machines[name], name)
        join(machines[name], served.invite(name, "--role", role), f"{name}-laptop", "--share", "names")
    return machines


def get(served: Hub, path: str, token: str = "", method: str = "GET", body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    connection.request(method, f"/api/team/{path}", data, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer
