"""`tachograph demo --team N`: invented people, each with a life of their own, on one hub that is served meanwhile."""

from __future__ import annotations

import io
import json
import os
import random
import threading
from pathlib import Path

from tachograph.clock import HOUR_MS
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ui import cli
from tachograph.ui.cli.context import Context

if TYPE_CHECKING:
    from tachograph.ui.cli.hub.opened import OpenHub

# name, role, plan, and who may see their spend and their limits
PEOPLE = (
    ("ada", "owner", "Max 20x", "team", "team"),
    ("max", "manager", "Max 5x", "team", "team"),
    ("bob", "member", "Max 5x", "team", "team"),
    ("cleo", "member", "Max 20x", "team", "team"),
    ("dora", "member", "Pro", "self", "team"),
    ("emil", "member", "Max 5x", "manager", "team"),
    ("finn", "member", "Pro", "self", "self"),
    ("gwen", "member", "Pro", "self", "manager"),
)
FEWEST, MOST = 3, len(PEOPLE)


def play(home: str, context: Context, number: int, days: int, seed: int, is_kept_open: bool) -> int:
    """Invent people, let them join a hub, and show what they see."""
    served = _serve(home, context)
    people = PEOPLE[:number]
    machines = []
    for place, (name, role, plan, spend, limits) in enumerate(people):
        machine = _person(home, name, plan, context, days, seed + place)
        code = served.hub.machines.invite(name, role)
        context.say(f"{name} joins …")
        _quietly(machine, "join", served.url, code, "--as", f"{name}-laptop", "--share", "names", "--yes")
        _quietly(machine, "team", "allow", "spend", spend)
        _quietly(machine, "team", "allow", "limits", limits)
        machines.append(machine)
    served.hub.admin.set_policy("team", None)
    for machine in machines:
        _quietly(machine, "sync")  # forecasts go only where others may see them
    for words in (("team",), ("team", "--by", "project"), ("team", "limits")):
        _show(machines[0], "ada, the owner", *words)
    _show(machines[-1], f"{people[-1][0]}, a member", "team")
    if is_kept_open:
        _stay(machines[0], context)
    return 0


class _Served:
    def __init__(self, hub: OpenHub, url: str) -> None:
        self.hub, self.url = hub, url


def _serve(home: str, context: Context) -> _Served:
    """A hub in this process, on a free port of this computer."""
    from tachograph.hub.server import Address, HubApp, Lane, serve
    from tachograph.hub.site import Site
    from tachograph.paths import own_paths
    from tachograph.ui.cli.hub.opened import OpenHub
    from tachograph.ui.dashboard.team.app import TeamPages

    place = _surroundings(home, "hub", context)
    hubs = [OpenHub(None, place, own_paths(place.env)) for _ in range(2)]  # one for the server's thread, one for us
    address, ports, is_ready = Address("127.0.0.1", 0), list[int](), threading.Event()

    def ready(port: int) -> None:
        ports.append(port)
        is_ready.set()

    site = Site(hubs[0].team, TeamPages(), False)
    app = HubApp([Lane(hubs[0].machines, hubs[0].team, site)], address, lambda _: None)
    threading.Thread(target=serve, args=(app, address, ready), name="hub", daemon=True).start()
    is_ready.wait(20)
    return _Served(hubs[1], f"http://127.0.0.1:{ports[0]}")


def _surroundings(home: str, name: str, context: Context) -> Context:
    folder = os.path.join(home, name)
    os.makedirs(folder, exist_ok=True)
    env = {**context.env, "HOME": folder, "CLAUDE_CONFIG_DIR": os.path.join(folder, ".claude")}
    return context._replace(env={**env, "TACHOGRAPH_HOME": os.path.join(folder, "data")})


def _person(home: str, name: str, plan: str, context: Context, days: int, seed: int) -> Context:
    """The machine of a person: transcripts, an account of their own, and its limits."""
    from datetime import UTC, datetime, timedelta

    from tachograph.demo import transcripts

    machine, now = _surroundings(home, name, context), context.clock.now_ms()
    config = Path(machine.env["CLAUDE_CONFIG_DIR"])
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now)
    transcripts.write(config, end=end, days=days, seed=seed, identity=config / ".claude.json")
    identity = config / ".claude.json"
    document = json.loads(identity.read_text(encoding="utf-8"))
    account = {"accountUuid": f"acc00000-0000-4000-8000-{seed:012d}", "emailAddress": f"{name}@example.org"}
    document["oauthAccount"] |= account
    identity.write_text(json.dumps(document), encoding="utf-8")
    organization = str(document["oauthAccount"].get("organizationUuid", ""))
    _invent_limits(machine, account["accountUuid"], organization, plan, now, random.Random(seed))  # noqa: S311
    return machine


def _invent_limits(machine: Context, account: str, organization: str, plan: str, now: int, rng: random.Random) -> None:
    from tachograph.ledger.limits import readings
    from tachograph.ledger.storage.open import open_ledger
    from tachograph.ledger.usage.strings import Strings
    from tachograph.model.limits.limits import CLAUDE_JSON, AccountId, Limit, Reading
    from tachograph.paths import own_paths

    found = (
        Limit(
            "five_hour", "Session (5 h)", "session", float(rng.randrange(5, 100)), now + rng.randrange(1, 5) * HOUR_MS
        ),
        Limit("seven_day", "Week", "weekly", float(rng.randrange(15, 99)), now + rng.randrange(10, 150) * HOUR_MS),
    )
    at = now - rng.randrange(1, 50) * 60_000
    reading = Reading(CLAUDE_JSON, at, account=AccountId(account, organization), limits=found, plan=plan)
    with open_ledger(own_paths(machine.env), now) as ledger, ledger.transaction() as db:
        readings.append(db, Strings(db), reading)


def _quietly(machine: Context, *words: str) -> None:
    cli.carry_out(list(words), machine._replace(out=io.StringIO(), stderr=io.StringIO()))


def _show(machine: Context, title: str, *words: str) -> None:
    machine.say(f"\n# {title}: tachograph {' '.join(words)}")
    cli.carry_out(list(words), machine)


def _stay(machine: Context, context: Context) -> None:
    """Open the team's pages and serve them until Ctrl-C."""
    cli.carry_out(["team", "--open"], machine)
    context.say("\nThe team's pages are served until Ctrl-C.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
