"""Several persons on one hub: their machines with some work, and requests to the routes of a team."""

import http.client
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from helpers import NOW, Home
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
