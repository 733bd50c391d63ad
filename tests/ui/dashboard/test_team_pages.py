"""The pages of a team as a browser gets them: sign-in, content, actions, what axe says, and their width."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chromium import CHROMIUM
from helpers import Home
from hub_server import Hub, hub, join, token_of
from tachograph.demo import records

RUN_AXE = "axe.run({ resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } })"
AXE = Path(__file__).parents[3] / "benchmarks/out/npm/node_modules/axe-core/axe.min.js"
PAGES = ("/", "/limits", "/projects", "/me", "/members")


@contextmanager
def team(
    folder: Path, *more: str, people: tuple[str, ...] = ("ada", "bob", "cleo")
) -> Iterator[tuple[Hub, dict[str, Home]]]:
    with hub(folder / "hub", *more) as served:
        machines = {}
        for number, name in enumerate(people):
            machine = machines[name] = Home(folder / f"{number}")
            machine.write("-p/a.jsonl", [records.assistant(f"{name}<b>", output=100 + number, cwd="/home/x/shop")])
            join(machine, served.invite(name), f"{name[:20]}-<i>laptop", "--share", "names")
        yield served, machines


def request(served: Hub, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None
    if body is not None:
        data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
    connection.request(method, path, data, sent)
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, answer


def code_of(served: Hub, machine: Home) -> str:
    status, _, body = request(served, "POST", "/api/team/link", {}, Authorization=f"Bearer {token_of(machine)}")
    assert status == 200
    return str(json.loads(body)["code"])


def sign_in(served: Hub, machine: Home) -> str:
    status, headers, _ = request(served, "POST", "/sign-in", {"code": code_of(served, machine)})
    assert status == 200
    found = re.match(r"(tachograph_team=[\w-]+); Path=/; HttpOnly; SameSite=Strict; Max-Age=\d+", headers["set-cookie"])
    assert found is not None, headers
    return found[1]


@pytest.mark.slow
def test_a_link_signs_in_once_and_pages_show_nothing_without(tmp_path: Path) -> None:
    with team(tmp_path) as (served, machines):
        for path in PAGES:
            status, headers, text = request(served, "GET", path)
            assert status == 200 and "tachograph team --open" in text and "shop" not in text and "cleo" not in text
            assert "default-src 'none'" in headers["content-security-policy"]
        code = code_of(served, machines["ada"])
        assert request(served, "POST", "/sign-in", {"code": "x"})[0] == 403
        assert request(served, "POST", "/sign-in", {"code": code})[0] == 200
        assert request(served, "POST", "/sign-in", {"code": code})[0] == 403
        cookie = sign_in(served, machines["ada"])
        for path in PAGES:
            status, _, text = request(served, "GET", path, Cookie=cookie)
            assert status == 200 and "Sign out" in text, path
            assert "<i>" not in text and "<b>" not in text
        assert "shop" in request(served, "GET", "/projects", Cookie=cookie)[2]
        assert "For owners" in request(served, "GET", "/members", Cookie=cookie)[2]
        bob = sign_in(served, machines["bob"])
        assert "For owners" not in request(served, "GET", "/members", Cookie=bob)[2]
        assert request(served, "POST", "/api/team/policy", {"level": "team"}, Cookie=bob)[0] == 403
        own = f"http://127.0.0.1:{served.port}"
        assert request(served, "POST", "/api/team/policy", {"level": "team"}, Cookie=cookie, Origin=own)[0] == 200
        for origin in ("https://evil.example", "null"):
            assert (
                request(served, "POST", "/api/team/policy", {"level": "self"}, Cookie=cookie, Origin=origin)[0] == 403
            )
        assert request(served, "GET", "/", Cookie=cookie, Host="evil.example")[0] == 421
        assert request(served, "POST", "/sign-out", {}, Cookie=cookie)[0] == 200
        assert "Sign out" not in request(served, "GET", "/", Cookie=cookie)[2]
        assert request(served, "GET", "/static/../team.py", Cookie=bob)[0] == 404


@pytest.mark.slow
def test_a_proxy_signs_in_only_with_its_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "hub")
    home.run("hub", "serve", "--sign-in-header", "X-User", "--listen", "127.0.0.1:0", code=2)
    secret = "a-secret-of-the-proxy"  # noqa: S105
    monkeypatch.setattr("helpers.Home.__init__", with_environment(Home.__init__, secret))
    with team(tmp_path, "--sign-in-header", "X-User") as (served, _):
        assert "Sign out" in request(served, "GET", "/", X_User="bob", X_Tachograph_Proxy=secret)[2]
        for headers in (
            {"X_User": "bob"},
            {"X_User": "bob", "X_Tachograph_Proxy": "wrong"},
            {"X_Tachograph_Proxy": secret},
        ):
            assert "Sign out" not in request(served, "GET", "/", **headers)[2]
        assert "Sign out" not in request(served, "GET", "/", X_User="stranger", X_Tachograph_Proxy=secret)[2]


def with_environment(init: Any, secret: str) -> Any:
    def changed(self: Home, root: Path) -> None:
        init(self, root)
        self.env["TACHOGRAPH_HUB_PROXY_SECRET"] = secret

    return changed


def note(problems: list[str], message: Any) -> None:
    problems.append(message.text)


@pytest.mark.slow
def test_axe_objects_to_nothing_on_the_teams_pages_and_none_is_wider_than_its_screen(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists() or not AXE.exists():
        pytest.skip("chromium or axe-core is not here: tools/test_needs.sh gets them")
    people = ("ada", "n" * 60, "Bartholomew Featherstonehaugh-Cholmondeley", "أدا بنت عبد الله")
    with team(tmp_path, people=people) as (served, machines), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_context(color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True).new_page()
            problems: list[str] = []
            page.on("console", partial(note, problems))
            page.goto(f"{served.url}/sign-in#{code_of(served, machines['ada'])}")
            page.wait_for_url(f"{served.url}/", timeout=60_000)
            for path in PAGES:
                page.goto(served.url + path)
                page.wait_for_selector("html[data-ready]")
                page.add_script_tag(path=str(AXE))
                for width in (1440, 800, 390):
                    page.set_viewport_size({"width": width, "height": 900})
                    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (path, width)
                    found = page.evaluate(RUN_AXE)["violations"]
                    assert not found, (path, scheme, width, [one["id"] for one in found])
            assert problems == []
        browser.close()
