"""`tachograph now --json` for every payload outside samples hold, through the installed command and the fake service.

The samples are not part of the project: TACHOGRAPH_SAMPLES names their folder. What is expected was read off them.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import Home
from tachograph.demo.service import Service
from tachograph.recorder.poller import BASE

Expected = dict[str, tuple[float | None, str]]

USAGE: dict[str, tuple[str, Expected, dict[str, Any] | None]] = {
    "oauth_usage_pre2025-11": (
        "2025-11-25T18:00:00Z",
        {
            "five_hour": (0, "fresh"),
            "seven_day": (0, "fresh"),
            "seven_day_oauth_apps": (0, "fresh"),
            "seven_day_opus": (0, "fresh"),
        },
        None,
    ),
    "oauth_usage_2025-11": (
        "2025-11-25T18:00:00Z",
        {"five_hour": (19, "fresh"), "seven_day": (7, "fresh"), "seven_day_oauth_apps": (0, "fresh")},
        {"used": None, "limit": None, "blocked": None},
    ),
    "oauth_usage_2026-03": (
        "2026-03-18T18:00:00Z",
        {
            "five_hour": (41, "fresh"),
            "seven_day": (12, "fresh"),
            "seven_day_sonnet": (2, "fresh"),
            "extra_usage": (0.0, "fresh"),
        },
        {"used": 0.0, "limit": 42.5},
    ),
    "oauth_usage_2026-07": (
        "2026-07-27T14:00:00Z",
        {
            "five_hour": (24, "fresh"),
            "seven_day": (16, "fresh"),
            "weekly_scoped:fable": (6, "fresh"),
            "extra_usage": (None, "fresh"),
        },
        {"used": 0.35, "limit": None, "currency": "EUR"},
    ),
    "oauth_usage_2026-10_max": (
        "2026-11-23T06:00:00Z",
        {
            "five_hour": (34, "fresh"),
            "seven_day": (61, "fresh"),
            "weekly_scoped:fable": (83, "fresh"),
            "iguana_necktie": (0, "fresh"),
            "extra_usage": (24.68, "fresh"),
        },
        {"used": 12.34, "limit": 50.0, "currency": "USD"},
    ),
    "oauth_usage_2026-10_idle_no_credits": (
        "2026-11-23T06:00:00Z",
        {"five_hour": (0, "fresh"), "seven_day": (61, "fresh"), "weekly_scoped:fable": (0, "fresh")},
        {"used": None, "limit": None},
    ),
    "oauth_usage_enterprise": (
        "2026-09-20T06:00:00Z",
        {"nimbus_quill": (0, "fresh"), "cinder_cove": (100, "fresh"), "extra_usage": (42.3852, "fresh")},
        {"used": 2119.26, "limit": 5000.0, "currency": "USD"},
    ),
    "oauth_usage_cedar_ember": (
        "2026-11-23T06:00:00Z",
        {
            "five_hour": (34, "fresh"),
            "seven_day": (61, "fresh"),
            "weekly_scoped:fable": (83, "fresh"),
            "iguana_necktie": (0, "fresh"),
            "extra_usage": (24.68, "fresh"),
        },
        {"used": 12.34, "limit": 50.0},
    ),
}
REFUSALS = {"oauth_usage_401": "sign-in has expired", "oauth_usage_403_scope": "may not read usage", "oauth_usage_429": "asked too often"}  # fmt: skip


@pytest.fixture(scope="session")
def samples() -> Path:
    root = Path(os.environ.get("TACHOGRAPH_SAMPLES") or "-")
    if not root.is_dir():
        pytest.skip("TACHOGRAPH_SAMPLES names no folder of sample payloads")
    return root


def at(moment: str) -> dict[str, str]:
    return {"TACHOGRAPH_NOW": str(int(datetime.fromisoformat(moment).timestamp() * 1000))}


def limits(document: Any) -> tuple[Expected, set[str]]:
    (account,) = document["accounts"]
    found = {limit["key"]: (limit["percent"], limit["state"]) for limit in account["limits"]}
    return found, {limit["source"] for limit in account["limits"]}


def test_every_usage_sample_is_expected_here(samples: Path) -> None:
    assert {path.stem for path in samples.glob("oauth_usage_*.json")} == set(USAGE) | set(REFUSALS)


@pytest.mark.parametrize("name", USAGE)
def test_a_payload_served_by_the_fake(home: Home, samples: Path, name: str) -> None:
    moment, expected, extra = USAGE[name]
    home.sign_in("sk-ant-oat01-x", "org", datetime(2090, 1, 1, tzinfo=UTC))
    with Service(json.loads((samples / f"{name}.json").read_bytes())) as service:
        env = {BASE: service.base, **at(moment)}
        home.run("sources", "enable", "oauth", "--yes", env=env)
        document = home.run("now", "--refresh", "--json", env=env).json
    found, sources = limits(document)
    assert found == expected
    assert sources == {"oauth"}
    said = document["accounts"][0]["extra_usage"]
    if extra is None:
        assert said is None
    else:
        assert said.items() >= extra.items()


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_served_by_the_fake(home: Home, samples: Path, name: str) -> None:
    body = json.loads((samples / f"{name}.json").read_bytes())
    from tachograph.demo.service import Reply

    status = int(body.get("_http", {}).get("status", 0) or {"401": 401, "403": 403, "429": 429}[name.split("_")[2]])
    home.sign_in("sk-ant-oat01-x", "org", datetime(2090, 1, 1, tzinfo=UTC))
    with Service(Reply(status, json.dumps(body).encode())) as service:
        env = {BASE: service.base}
        home.run("sources", "enable", "oauth", "--yes", env=env)
        shown = home.run("now", "--refresh", env=env)
        assert REFUSALS[name] in shown.stdout or name == "oauth_usage_401"
        assert "Asked:" in shown.stdout


def test_the_status_line_sample(home: Home, samples: Path) -> None:
    import subprocess

    from helpers import command

    piped = json.loads((samples / "statusline_full.json").read_bytes())
    piped["transcript_path"] = str(home.projects / "p" / "s.jsonl")
    env = home.env | at("2026-11-23T06:00:00Z")
    subprocess.run(
        [command(), "statusline"], input=json.dumps(piped).encode(), env=env, check=True, capture_output=True
    )
    found, sources = limits(home.run("now", "--json", env=at("2026-11-23T06:00:00Z")).json)
    assert found == {"five_hour": (23.5, "fresh"), "seven_day": (41.2, "fresh")}
    assert sources == {"statusline"}


def test_the_cached_sample(home: Home, samples: Path) -> None:
    data = json.loads((samples / "claude_json_excerpt.json").read_bytes())
    (home.claude / ".claude.json").write_text(json.dumps(data))
    fetched = datetime.fromtimestamp(data["cachedUsageUtilization"]["fetchedAtMs"] / 1000, UTC)
    document = home.run("now", "--json", env=at((fetched + timedelta(minutes=1)).isoformat())).json
    found, sources = limits(document)
    assert sources == {"claude_json"} and "five_hour" in found
    utilization = data["cachedUsageUtilization"]["utilization"]
    assert found["seven_day"][0] == utilization["seven_day"]["utilization"]
    later = home.run("now", "--json", env=at((fetched + timedelta(minutes=45)).isoformat())).json
    assert limits(later)[0]["seven_day"][1] == "stale"


def test_the_desktop_sample(home: Home, samples: Path) -> None:
    from tachograph.sources import claude_desktop

    data = (samples / "plan-usage-history.json").read_bytes()
    last = max(sample["t"] for sample in json.loads(data)["samples"])
    env = {**home.env, "TACHOGRAPH_NOW": str(last + 60_000)}
    path = Path(claude_desktop.history_files(env, "linux")[0]) if claude_desktop.history_files(env, "linux") else None
    if path is None:  # no such app on Linux: the pass over its samples is the same
        found, problems = claude_desktop.readings(data, 0)
        assert found and not problems
        assert {limit.key for reading in found for limit in reading.limits} >= {"five_hour", "seven_day"}
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    found_limits, sources = limits(home.run("now", "--json", env=env).json)
    assert sources == {"desktop"} and found_limits
