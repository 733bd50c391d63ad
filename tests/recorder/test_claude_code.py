"""Claude Code itself as a source of limits, through the installed command and a fake `claude` that answers like it."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, NOW_MS, Home
from tachograph.clock import FixedClock
from tachograph.demo import records
from tachograph.demo.claude_program import Program
from tachograph.ledger.storage.connection import translate_errors
from tachograph.paths import USAGE_QUESTION
from tachograph.recorder.poller import Poller
from tachograph.sources import claude_code
from tachograph.sources.usage_text import parse_usage_text

EMAIL, ACCOUNT, ORGANIZATION = (
    "ada@example.org",
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
)
RESET = (NOW + timedelta(hours=3)).isoformat()
LIMITS = {
    "five_hour": {"utilization": 34, "resets_at": RESET},
    "seven_day": {"utilization": 61, "resets_at": (NOW + timedelta(days=3)).isoformat()},
    "seven_day_opus": None,
    "model_scoped": [{"display_name": "Fable", "utilization": 83, "resets_at": (NOW + timedelta(days=3)).isoformat()}],
    "extra_usage": {"is_enabled": True, "monthly_limit": 5000, "used_credits": 1234, "utilization": 24.68},
}
TEXT = """You are currently using your subscription to power your Claude Code usage

Current session: 63% used · resets Nov 23 at 3pm (Europe/Berlin)
Current week (all models): 51% used · resets Nov 26, 6pm (Europe/Berlin)
Current week (Fable): 53% used · resets Nov 26 at 6pm (Europe/Berlin)

What's contributing to your limits usage?
  91% of your usage was at >150k context
"""


@pytest.fixture
def program(home: Home, tmp_path: Path) -> Program:
    """A fake `claude` on PATH, and Ada's login."""
    made = Program(tmp_path / "bin")
    made.say(LIMITS, account={"email": EMAIL})
    home.env["PATH"] = f"{made.folder}{os.pathsep}{home.env['PATH']}"
    sign_in(home)
    return made


def sign_in(home: Home, email: str = EMAIL, account: str = ACCOUNT) -> None:
    login = {
        "accountUuid": account,
        "emailAddress": email,
        "organizationUuid": ORGANIZATION,
        "organizationType": "claude_max",
        "organizationRateLimitTier": "default_claude_max_20x",
    }
    (home.claude / ".claude.json").write_text(json.dumps({"oauthAccount": login}))


def limits(home: Home) -> dict[str, float | None]:
    (account,) = home.run("now", "--json").json["accounts"]
    assert account["label"] == EMAIL
    return {one["key"]: one["percent"] for one in account["limits"]}


def refresh(home: Home, **more: Any) -> str:
    """Ask now; returns the lines on what was not asked or not answered."""
    shown = home.run("now", "--refresh", code=None, **more)
    lines = (*shown.stdout.splitlines(), *shown.stderr.splitlines())
    return " ".join(line for line in lines if "asked" in line.lower() or "sources enable" in line)


def test_without_consent_the_program_is_never_started(home: Home, program: Program) -> None:
    said = refresh(home)
    assert "sources enable claude_code" in said
    assert program.calls == []


def test_with_consent_the_weeks_of_single_models_come_without_a_sign_in(home: Home, program: Program) -> None:
    statement = home.run("sources", "enable", "claude_code", "--yes").stdout
    for promise in (
        "no token",
        "absolute path",
        "Hooks, MCP",
        "API keys",
        "20 seconds",
        "60 seconds",
        "left out of all",
    ):
        assert promise.lower() in " ".join(statement.split()).lower(), promise
    assert refresh(home) == ""
    known = limits(home)
    assert (known["five_hour"], known["seven_day"], known["weekly_scoped:fable"]) == (34, 61, 83)
    (call,) = program.calls
    assert call["listing"] == [] and Path(call["cwd"]) == home.data / USAGE_QUESTION
    assert {"--no-session-persistence", "--strict-mcp-config", "--settings"} <= set(call["arguments"])
    assert json.loads(call["arguments"][call["arguments"].index("--settings") + 1]) == {"disableAllHooks": True}
    assert "claude_code" in home.run("sources", "--json").stdout
    assert "Claude Code" in home.run("now").stdout


def test_no_other_login_and_no_mark_of_a_session_reaches_the_program(home: Home, program: Program) -> None:
    secrets = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN")
    marks = ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_USE_BEDROCK", "NODE_OPTIONS")
    home.run("sources", "enable", "claude_code", "--yes")
    refresh(home, env=dict.fromkeys((*secrets, *marks), "canary"))
    (call,) = program.calls
    assert not {*secrets, *marks} & call["environment"].keys()
    assert "canary" not in json.dumps(call)
    assert call["environment"]["DISABLE_AUTOUPDATER"] == "1"
    assert call["environment"]["CLAUDE_CONFIG_DIR"] == str(home.claude)


def test_a_program_of_the_current_folder_is_never_started(
    home: Home, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = Program(tmp_path / "project")
    monkeypatch.chdir(trap.folder)
    rest = home.env["PATH"]
    for path in (f".{os.pathsep}{rest}", f"{os.pathsep}{rest}", f"{trap.folder}{os.pathsep}{rest}", f"bin{os.pathsep}"):
        found = claude_code.find_executable({**home.env, "PATH": path})
        assert found in (str(program.path), None)
    assert claude_code.find_executable({**home.env, "PATH": "."}) is None


def test_it_is_asked_once_per_interval_and_not_beside_a_busy_session(home: Home, program: Program) -> None:
    home.run("sources", "enable", "claude_code", "--yes")
    busy = records.assistant("msg_01busy", at=NOW - timedelta(seconds=20), session="s", cwd="/p", output=9)
    home.write("-p/s.jsonl", [busy])
    assert "less than a minute ago" in refresh(home)
    assert program.calls == []
    later = {"TACHOGRAPH_NOW": str(NOW_MS + 60_000)}
    assert refresh(home, env=later) == ""
    assert len(program.calls) == 1
    with home.ledger() as ledger, translate_errors(ledger.path):
        for minutes, calls in ((3, 1), (5, 1), (8, 2)):
            poller = Poller(home.env, FixedClock(NOW_MS + minutes * 60_000), jitter=lambda: 0.0)
            poller.tick(ledger)
            poller.wait(60)
            poller.tick(ledger)
            assert len(program.calls) == calls, minutes


def test_an_answer_for_another_account_is_not_recorded(home: Home, program: Program) -> None:
    home.run("sources", "enable", "claude_code", "--yes")
    program.say(LIMITS, account={"email": "bob@example.com"})
    assert "another account" in refresh(home)
    accounts = home.run("now", "--json").json["accounts"]
    assert not any(account["limits"] for account in accounts)


def test_its_own_session_is_never_counted(home: Home, program: Program) -> None:
    home.run("sources", "enable", "claude_code", "--yes")
    line = records.dump([records.assistant("msg_01own", at=NOW, session="own", cwd="/x", output=900)]).decode().strip()
    program.say(LIMITS, account={"email": EMAIL}, transcript=home.claude, line=line)
    refresh(home)
    assert list(home.projects.rglob("*.jsonl"))
    assert home.totals()["messages"] == 0
    assert home.run("sessions", "--json").json["rows"] == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("garbage", "holds no answer"),
        ("silent", "holds no answer"),
        ("exit", "holds no answer"),
        ("login", "sign-in"),
        ("refuses", "refuses"),
        ("signed-out", "not signed in to a plan"),
        ("flood", "whole answer"),
    ],
)
def test_a_program_that_fails_is_reported_and_erases_nothing(
    home: Home, program: Program, fault: str, words: str
) -> None:
    home.run("sources", "enable", "claude_code", "--yes")
    refresh(home)
    program.say(LIMITS, account={"email": EMAIL}, fault=fault)
    later = {"TACHOGRAPH_NOW": str(NOW_MS + 10 * 60_000)}
    assert words in refresh(home, env=later)
    assert limits(home)["weekly_scoped:fable"] == 83
    doctor = home.run("doctor", "--no-ingest", code=None, env=later).stdout
    assert "Claude Code, asked for" in doctor


def test_a_program_that_hangs_is_ended_at_the_deadline(home: Home, program: Program) -> None:
    program.say(fault="hang")
    with home.ledger() as ledger, translate_errors(ledger.path):
        home.run("sources", "enable", "claude_code", "--yes")
        poller = Poller(home.env, FixedClock(NOW_MS), deadline_seconds=1.0)
        poller.tick(ledger)
        poller.wait(60)
        (result,) = poller.tick(ledger)
    assert result.outcome.outcome == "timeout"


def test_without_the_program_that_is_said(home: Home, program: Program) -> None:
    home.run("sources", "enable", "claude_code", "--yes")
    program.path.unlink()
    assert "no program `claude`" in refresh(home)


def test_an_older_program_is_read_by_its_usage_command(home: Home, program: Program) -> None:
    home.run("sources", "enable", "claude_code", "--yes")
    program.say(fault="old", text=TEXT)
    assert refresh(home) == ""
    known = limits(home)
    assert (known["five_hour"], known["seven_day"], known["weekly_scoped:fable"]) == (63, 51, 53)


def test_the_text_of_the_usage_command_gives_limits_and_resets() -> None:
    found = parse_usage_text(TEXT, source="claude_code", observed_at=NOW_MS)
    week = int(datetime(2026, 11, 26, 17, tzinfo=UTC).timestamp() * 1000)
    assert [(one.key, one.percent, one.resets_at) for one in found.limits] == [
        ("five_hour", 63.0, int(datetime(2026, 11, 23, 14, tzinfo=UTC).timestamp() * 1000)),
        ("seven_day", 51.0, week),
        ("weekly_scoped:fable", 53.0, week),
    ]
    assert parse_usage_text("nothing here", source="claude_code", observed_at=NOW_MS).outcome == "shape"


def test_the_answer_is_read_among_other_lines() -> None:
    lines = [
        b"not json",
        b"[1]",
        json.dumps({"type": "system"}).encode(),
        json.dumps({"type": "control_response", "response": {"subtype": "success", "request_id": "tachograph-account",
                    "response": {"account": {"email": EMAIL}}}}).encode(),
        json.dumps({"type": "control_response", "response": {"subtype": "success", "request_id": "tachograph-usage",
                    "response": {"rate_limits": LIMITS}}}).encode(),
    ]  # fmt: skip
    found = claude_code.parse(b"\n".join(lines))
    assert found is not None
    assert (found.outcome, found.payload, found.email) == ("ok", LIMITS, EMAIL)
    assert claude_code.parse(b"") is None
