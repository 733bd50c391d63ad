"""Payloads of every month since November 2025, with invented values: nothing in them goes unread without being reported."""

import copy
import html
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helpers import Home, command
from served_dashboard import serving
from tachograph.demo.claude_program import Program
from tachograph.demo.service import Service
from tachograph.ledger.storage.open import open_ledger
from tachograph.model.limits.limits import OAUTH, Reading
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load as load_prices
from tachograph.paths import own_paths
from tachograph.queries.tray_state import tray_state
from tachograph.recorder.poller import BASE
from tachograph.sources.statusline import StatusInput, parse_status_input
from tachograph.sources.usage_payload import parse_usage
from tachograph.ui.tray.view import Environment, view

FORMS = ("long", "medium", "compact", "plain", "waybar", "tmux", "i3blocks", "xbar", "prometheus")
ROOT = Path(__file__).parent / "data" / "payloads"
PAYLOADS = sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.rglob("*.json"))
USAGE = [name for name in PAYLOADS if "/usage" in name]
STATUS = [name for name in PAYLOADS if "/statusline" in name]
# Parts of Claude Code's status line input that are no business of a meter: not looked into.
_FOREIGN = frozenset(
    [
        "model",
        "workspace",
        "output_style",
        "cost",
        "context_window",
        "effort",
        "thinking",
        "vim",
        "agent",
        "pr",
        "worktree",
        "remote",
        "last_miss_cause",
        "miss_causes",
    ]
)


def load(name: str) -> Any:
    return json.loads((ROOT / f"{name}.json").read_text())


def moment(name: str) -> datetime:
    """The time of a payload: noon of the 20th of its month, and five minutes."""
    return datetime.fromisoformat(f"{name.split('/')[0]}-20T12:05:00+00:00").astimezone(UTC)


def environment(name: str) -> dict[str, str]:
    return {"TACHOGRAPH_NOW": str(int(moment(name).timestamp() * 1000))}


def parse(name: str, payload: Any) -> Reading | StatusInput:
    if name in STATUS:
        return parse_status_input(json.dumps(payload).encode(), 1)
    return parse_usage(payload.get("rate_limits", payload), source=OAUTH, observed_at=1)


def sections(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all objects of a payload."""
    if isinstance(value, dict):
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key not in _FOREIGN:
            yield from sections(inner, (*path, key))


def at(payload: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        payload = payload[key]
    return payload


def test_there_are_payloads_of_a_year() -> None:
    assert len(PAYLOADS) >= 20
    months = [
        f"{year}-{month:02}"
        for year, first, last in ((2025, 11, 12), (2026, 1, 11))
        for month in range(first, last + 1)
    ]
    assert sorted({name.split("/")[0] for name in PAYLOADS}) == months


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_read_without_a_problem(name: str) -> None:
    assert parse(name, load(name)).problems == ()


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_new_field_anywhere_in_a_payload_is_reported(name: str) -> None:
    payload = load(name)
    top = payload["rate_limits"] if name in PAYLOADS and "get_usage" in name else payload
    for path in sections(top):
        if name not in STATUS and _is_inside_scope_or_amount(path):
            continue
        for value in ({"utilization_v2": 7}, [{"x": 1}], "text", 5, True):
            changed = copy.deepcopy(top)
            at(changed, path)["opal_lighthouse"] = value
            found = parse(name, changed)
            is_shown = isinstance(found, Reading) and any("Opal" in limit.label for limit in found.limits)
            assert is_shown or any("opal_lighthouse" in one for one in found.problems), (path, value, found.problems)


def _is_inside_scope_or_amount(path: tuple[Any, ...]) -> bool:
    """Names of a scope are all shown; an amount of money has three fields."""
    return bool({"scope", "used", "cap", "limit", "balance"} & set(path))


@pytest.mark.slow
@pytest.mark.parametrize("name", USAGE)
def test_every_limit_of_a_payload_is_on_every_surface(home: Home, name: str) -> None:
    payload = load(name)
    known = parse_usage(payload, source=OAUTH, observed_at=1).limits
    home.sign_in("sk-ant-oat01-x", "org", datetime(2090, 1, 1, tzinfo=UTC))
    with Service(payload) as service:
        env = {BASE: service.base, **environment(name)}
        home.run("sources", "enable", "oauth", "--yes", env=env)
        screen = home.run("now", "--refresh", env=env).stdout
        document = home.run("now", "--json", env=env).json
        status = home.run("statusline", env=env).stdout
        watched = home.run("watch", "--once", "--json", env=env).stdout
        limits = home.run("limits", "--json", env=env).stdout
        guard = home.run("guard", "--json", code=None, env=env)
        doctor = home.run("doctor", "--no-ingest", code=None, env=env).stdout
        source = home.run("sources", "oauth", env=env).stdout
        one_line = {form: home.run("now", "--format", form, env=env).stdout for form in FORMS}
        exported = home.run("export", "readings", "--format", "jsonl", env=env).stdout
    page, menu = _page_and_menu(home, moment(name))
    (account,) = document["accounts"]
    assert {limit.key for limit in known} <= {one["key"] for one in account["limits"]}
    assert all(one_line.values())
    for limit in known:
        assert limit.key in watched and limit.key in exported
        is_idle = not limit.group and not limit.percent and limit.resets_at is None and limit.limit is None
        for shown in (screen, page, menu):
            assert (html.escape(limit.label) in shown or limit.label in shown) != is_idle, limit
        if limit.percent is not None:
            assert f'limit="{limit.key}"' in one_line["prometheus"].replace("\\", "")
        assert not is_idle or limit.key in doctor
    assert status.count("\n") <= 1
    assert json.loads(limits)
    assert guard.code in (0, 10, 11, 12, 20), guard.stderr
    for shown in (screen, doctor, source, page, menu):
        assert "not all of it was read" not in shown and "something new" not in shown, shown


def _page_and_menu(home: Home, at: datetime) -> tuple[str, str]:
    """The page *Now* of the real server, and the rows of the tray's menu."""
    at_ms = int(at.timestamp() * 1000)
    with serving(home, at_ms) as served:
        page = served.get("/").text
    with open_ledger(own_paths(home.env), at_ms) as ledger:
        state = tray_state(ledger.db, load_prices({})[0], Calendar(*parsed_zone("UTC")), at_ms)
        rows = view(state, Environment(), Calendar(*parsed_zone("UTC"))).rows
    return page, "\n".join(row.text for outer in rows for row in (outer, *outer.children))


def test_a_field_that_is_not_read_has_a_line_where_people_look(home: Home) -> None:
    name = "2026-10/usage_max"
    payload = load(name) | {"opal_lighthouse": {"glow": 3}}
    home.sign_in("sk-ant-oat01-x", "org", datetime(2090, 1, 1, tzinfo=UTC))
    with Service(payload) as service:
        env = {BASE: service.base, **environment(name)}
        home.run("sources", "enable", "oauth", "--yes", env=env)
        screen = " ".join(home.run("now", "--refresh", env=env).stdout.split())
        doctor = " ".join(home.run("doctor", "--no-ingest", code=None, env=env).stdout.split())
    for shown in (screen, doctor):
        assert "the service sends something new: opal_lighthouse" in shown
        assert "tachograph sources oauth" in shown


def test_banked_resets_are_shown_until_they_expire(home: Home) -> None:
    name = "2026-09/usage_banked_resets"
    home.sign_in("sk-ant-oat01-x", "org", datetime(2090, 1, 1, tzinfo=UTC))
    with Service(load(name)) as service:
        env = {BASE: service.base, **environment(name)}
        home.run("sources", "enable", "oauth", "--yes", env=env)
        assert "Banked limit reset: " in home.run("now", "--refresh", env=env).stdout
        later = {**env, "TACHOGRAPH_NOW": str(int(moment(name).timestamp() * 1000) + 30 * 86_400_000)}
        assert "Banked limit reset" not in home.run("now", env=later).stdout
        (account,) = home.run("now", "--json", env=env).json["accounts"]
    assert len(account["banked_resets"]) == 1


@pytest.mark.parametrize("name", STATUS)
def test_every_limit_of_a_status_line_is_on_every_surface(home: Home, name: str) -> None:
    payload = load(name)
    payload["transcript_path"] = str(home.projects / "-p" / "s.jsonl")
    env = environment(name)
    line = _pipe(home, payload, env)
    found = parse_status_input(json.dumps(payload).encode(), 1)
    assert line.count("\n") <= 1
    if found.reading is None:
        return
    (account,) = home.run("now", "--json", env=env).json["accounts"]
    assert {limit.key for limit in found.reading.limits} <= {one["key"] for one in account["limits"]}
    screen = home.run("now", env=env).stdout
    assert all(limit.label in screen for limit in found.reading.limits)


def _pipe(home: Home, payload: Any, env: dict[str, str]) -> str:
    done = subprocess.run(
        [command(), "statusline"],
        input=json.dumps(payload).encode(),
        env={**home.env, **env},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


def test_the_answer_to_get_usage_of_november_is_read_from_claude_code(home: Home, tmp_path: Path) -> None:
    payload = load("2026-11/get_usage")
    program = Program(tmp_path / "bin")
    program.say(payload["rate_limits"])
    login = {
        "accountUuid": "a",
        "organizationUuid": "o",
        "emailAddress": "grace@example.org",
        "organizationType": "claude_max",
    }
    (home.claude / ".claude.json").write_text(json.dumps({"oauthAccount": login}))
    env = {"PATH": f"{program.folder}:{home.env['PATH']}", **environment("2026-11/x")}
    home.run("sources", "enable", "claude_code", "--yes", env=env)
    screen = home.run("now", "--refresh", env=env).stdout
    assert "Fable week" in screen and "Extra usage" in screen
