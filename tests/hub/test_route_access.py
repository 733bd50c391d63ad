"""Every kind of credential on every route of the hub: only the listed pairs get an answer.

The routes are read from the hub's own tables, so that a new one fails here until somebody decides who may call it.
"""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import Home
from hub_server import Hub, hub, token_of
from hub_team import get, team
from tachograph.hub.server import _RULES, TEAM
from tachograph.hub.site import SIGN_IN, SIGN_OUT
from tachograph.hub.team.api import ROUTES
from ui.dashboard.test_team_pages import PAGES, code_of, sign_in

METRICS_TOKEN, PROXY_SECRET = "metrics-token-of-a-test", "secret-of-a-proxy"
OWNERS = {(one.method, f"/api/team/{one.name}") for one in ROUTES if one.roles == {"owner"}}
EVERYONE = {(one.method, f"/api/team/{one.name}") for one in ROUTES} - OWNERS
MACHINES = {
    ("POST", "/hub/1/push"), ("GET", "/hub/1/mine"), ("GET", "/hub/1/me"), ("DELETE", "/hub/1/me"), ("POST", "/hub/1/invite"),
    ("POST", "/hub/1/share"), ("POST", "/hub/1/leave"),
}  # fmt: skip
LOGS, METRICS, JOIN = ("POST", "/v1/logs"), ("GET", "/metrics"), ("POST", "/hub/1/join")
SHELL = {("GET", path) for path in PAGES}
OPEN = {JOIN, ("POST", SIGN_IN), ("POST", SIGN_OUT)}  # judged by the code in the body
"""Who gets an answer where: kind of credential -> pairs of method and path. All others are refused."""
ALLOWED: dict[str, set[tuple[str, str]]] = {
    "nothing": set(),
    "another word": set(),
    "machine of a member": MACHINES | EVERYONE | {LOGS},
    "machine of a manager": MACHINES | EVERYONE | {LOGS},
    "machine of an owner": MACHINES | EVERYONE | OWNERS | {LOGS},
    "telemetry": {LOGS},
    "metrics": {METRICS},
    "page of a member": EVERYONE | SHELL,
    "page of an owner": EVERYONE | OWNERS | SHELL,
    "code of a page": set(),
    "code of an invitation": set(),
    "revoked machine": set(),
    "revoked telemetry": set(),
    "machine of a person who left": set(),
    "page of a person who left": set(),
    "machine of an erased person": {("POST", "/hub/1/leave")},
    "page of an erased person": set(),
    "key of the person": set(),
    "secret of the proxy without a name": set(),
}


def every_route() -> set[tuple[str, str]]:
    found = set(OPEN)
    for name, rules in _RULES.items():
        path = f"/api/team/{name.removeprefix(TEAM)}" if name.startswith(TEAM) else f"/{name}"
        if "/" not in name and name != "metrics":
            path = f"/hub/1/{name}"
        found |= {(method, path) for method in rules.methods}
    return found | SHELL


def test_the_lists_above_are_of_routes_that_exist() -> None:
    assert MACHINES | EVERYONE | OWNERS | SHELL | OPEN | {LOGS, METRICS} == every_route()


def ask(served: Hub, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and text. The body changes nothing, so that one credential can try every route."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    body = None
    if method == "POST":
        body = json.dumps(
            {"code": "x", "ledger": "", "facts": [], "level": "?", "share": "?", "resourceLogs": []}
        ).encode()
        headers = {**headers, "Content-Type": "application/json"}
    connection.request(method, path, body, {**headers, "Accept-Encoding": "identity"})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, text.decode("latin-1")


ENDS = {("DELETE", "/api/team/me"), ("DELETE", "/hub/1/me"), ("POST", "/hub/1/leave")}
"""Routes that end the credential: tried where they must be refused (test_erasing.py and test_machines.py do the others)."""


class Credentials:
    """A hub with persons of every role and state, and a fresh credential of each kind."""

    def __init__(self, folder: Path, served: Hub) -> None:
        people = {"ada": "owner", "max": "manager", "bob": "member", "cleo": "member", "dan": "member", "eve": "member"}
        self.served, self.machines = served, team(folder, served, people)
        self.tokens = {name: token_of(machine) for name, machine in self.machines.items()}
        self.cookies = {name: sign_in(served, machine) for name, machine in self.machines.items()}
        seat, revoked = self._seat("bob"), self._seat("max")
        code = code_of(served, self.machines["ada"])
        invitation = served.invite("zoe")[1]
        key = json.loads((self.machines["ada"].data / "hub.json").read_text())["key"]
        served.home.run("hub", "revoke", self._id_of_seat("max"))
        served.home.run("hub", "revoke", "cleo-laptop")
        served.home.run("hub", "remove", "dan")
        served.home.run("hub", "remove", "eve", "--erase")
        bearer = {
            "another word": "x" * 43, "machine of a member": self.tokens["bob"], "machine of a manager": self.tokens["max"],
            "machine of an owner": self.tokens["ada"], "telemetry": seat, "metrics": METRICS_TOKEN, "code of a page": code,
            "code of an invitation": invitation, "revoked machine": self.tokens["cleo"], "revoked telemetry": revoked,
            "machine of a person who left": self.tokens["dan"], "machine of an erased person": self.tokens["eve"],
            "key of the person": key,
        }  # fmt: skip
        self.headers = {kind: {"Authorization": f"Bearer {token}"} for kind, token in bearer.items()}
        self.headers["nothing"] = {}
        self.headers["secret of the proxy without a name"] = {"X-Tachograph-Proxy": PROXY_SECRET}
        for kind, name in (
            ("a member", "bob"),
            ("an owner", "ada"),
            ("a person who left", "dan"),
            ("an erased person", "eve"),
        ):
            self.headers[f"page of {kind}"] = {"Cookie": self.cookies[name]}

    def _id_of_seat(self, name: str) -> str:
        found = self.served.home.call("hub", "members", "--json").json["members"]
        machines = next(one["machines"] for one in found if one["name"] == name)
        return next(str(one["id"]) for one in machines if one["share"] == "telemetry")

    def _seat(self, name: str) -> str:
        printed = self.served.home.run("hub", "telemetry", name).stdout
        return printed.rpartition("Bearer ")[2].split("'")[0]


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Credentials]:
    folder = tmp_path_factory.mktemp("routes")
    with pytest.MonkeyPatch.context() as patch:
        made = Home.__init__

        def with_secrets(self: Home, root: Path) -> None:
            made(self, root)
            self.env["TACHOGRAPH_HUB_METRICS_TOKEN"] = METRICS_TOKEN
            self.env["TACHOGRAPH_HUB_PROXY_SECRET"] = PROXY_SECRET

        patch.setattr(Home, "__init__", with_secrets)
        with hub(folder / "hub", "--sign-in-header", "X-User") as served:
            yield Credentials(folder, served)


@pytest.mark.parametrize(("kind", "allowed"), ALLOWED.items(), ids=ALLOWED)
def test_a_credential_gets_an_answer_on_its_own_routes_only(
    credentials: Credentials, kind: str, allowed: set[tuple[str, str]]
) -> None:
    served, headers = credentials.served, credentials.headers[kind]
    for method, path in sorted(every_route() - (allowed & ENDS)):
        status, text = ask(served, method, path, headers)
        if (method, path) in OPEN:
            assert status in (200, 400, 403) and "token" not in text, (method, path)
        elif (method, path) in SHELL:
            assert ("Sign out" in text) == ((method, path) in allowed), (kind, path)
            assert (method, path) in allowed or not any(name in text for name in ("bob", "cleo", "shop")), path
        elif (method, path) in allowed:
            assert status in (200, 400, 404), (kind, method, path, status, text)
        else:
            assert status in (401, 403, 404, 410, 415), (kind, method, path, status)
            assert set(json.loads(text)) == {"error"}, (kind, method, path, text)


def test_a_credential_in_the_address_or_the_body_opens_nothing(credentials: Credentials) -> None:
    token = credentials.tokens["max"]
    served = credentials.served
    for path in (f"spend?token={token}", f"spend?access_token={token}", f"members?code={token}"):
        assert get(served, path)[0] == 401
    assert get(served, "allow", "", "POST", {"what": "spend", "level": "team", "token": token})[0] == 401


def test_only_clients_that_unpack_gzip_get_it(credentials: Credentials) -> None:
    path, own = "/api/team/me", {"Authorization": f"Bearer {credentials.tokens['ada']}"}
    for _ in range(50):  # lines in the record, for a long answer
        get(credentials.served, "allow", credentials.tokens["ada"], "POST", {"what": "spend", "level": "self"})
    plain = ask(credentials.served, "GET", path, own)[1]
    assert len(plain) > 2_048 and json.loads(plain)["record"]
    connection = http.client.HTTPConnection("127.0.0.1", credentials.served.port, timeout=30)
    for accepted, is_packed in (("gzip, br", True), ("br, gzip;q=1", True), ("gzip;q=0", False), ("identity", False)):
        headers = {"Authorization": f"Bearer {credentials.tokens['ada']}", "Accept-Encoding": accepted}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        assert response.read()[:2] == (b"\x1f\x8b" if is_packed else b'{"'), accepted
    connection.close()
